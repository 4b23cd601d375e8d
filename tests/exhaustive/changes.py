"""Every byte flipped and every cut tried on what the record is kept and carried in.

``python -m tests.exhaustive.changes`` goes through all bits and lengths of a small node's database, an export folder, a
courier file, sealed and opened, and an evidence file. It prints how many changes were named, by which error, and how
many were found to mean nothing: what was read from the changed bytes is equal to what was read from the whole ones.
Anything else (a change that is read as something else, or an error that is not one of ours) is printed and ends with
exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from tests.exhaustive import small

from tallystick.app import exchange, verify_evidence
from tallystick.app.ports import Loaded
from tallystick.app.prove import prove
from tallystick.app.report import Verdict, Weight
from tallystick.app.verify import Verified, audit, verify
from tallystick.cli.main import cli
from tallystick.core import checkpoint
from tallystick.core.errors import GapError, RemoteError, TallystickError
from tallystick.core.space import Space
from tallystick.stores import MemoryStore, files, open_store

Reader = Callable[[bytes], Any]  # what the bytes mean; raises one of our errors


@dataclass(frozen=True)
class Subject:
    name: str
    data: bytes
    read: Reader


@dataclass
class Tally:
    """What became of the changes of one subject."""

    named: Counter[str] = field(default_factory=Counter)
    meaningless: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.named.total() + self.meaningless + len(self.wrong)


def flips(data: bytes, stride: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield ``data`` with one bit flipped: every ``stride``-th of all bits."""
    for bit in range(0, len(data) * 8, stride):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit % 8} of byte {bit // 8} flipped", bytes(changed)


def cuts(data: bytes, stride: int = 1) -> Iterator[tuple[str, bytes]]:
    for length in range(0, len(data), stride):
        yield f"cut to {length} bytes", data[:length]


def judge(subject: Subject, changes: Iterator[tuple[str, bytes]]) -> Tally:
    """Read each of ``changes`` and say what became of it."""
    whole = subject.read(subject.data)
    tally = Tally()
    for what, data in changes:
        try:
            meaning = subject.read(data)
        except TallystickError as error:
            tally.named[error.code] += 1
        except Exception as error:  # noqa: BLE001 (which is what must not happen)
            tally.wrong.append(f"{subject.name}, {what}: {type(error).__name__}: {error}")
        else:
            if meaning == whole:
                tally.meaningless += 1
            else:
                tally.wrong.append(f"{subject.name}, {what}: read as something else")
    return tally


# ---- what is changed


def subjects(folder: Path) -> list[Subject]:
    """Return everything to be changed, made in ``folder``."""
    made = small.make(folder / "nodes")
    return [database(made, folder), *export(made, folder), *courier(made), evidence(made)]


def database(made: small.Small, folder: Path) -> Subject:
    path = small.database(made, folder / "whole.db")
    changed = folder / "changed.db"

    def read(data: bytes) -> Any:
        """Everything a verifier reads from a database. What a node reads that does not verify first is tried too."""
        changed.write_bytes(data)
        store = open_store(f"sqlite:///{changed}?mode=ro")
        try:
            with suppress(TallystickError):
                small.desk_copy(made.japan.desk(), store=store)
            store.check()
            loaded = [store.load(space) for space in store.spaces()]
            for one in loaded:
                check(one)
            beside = [store.waiting(space) for space in store.spaces()]
            return loaded, beside, store.aside(), store.remembered(), store.peers()
        finally:
            store.close()

    return Subject("database", path.read_bytes(), read)


def export(made: small.Small, folder: Path) -> Iterator[Subject]:
    exported = folder / "export"
    done = CliRunner().invoke(cli, ["--node", str(made.japan.settings.folder), "export", str(exported)])
    assert done.exit_code == 0, done.output

    def reader(path: Path) -> Reader:
        whole = path.read_bytes()

        def read(data: bytes) -> Any:
            path.write_bytes(data)
            try:
                loaded = files.read_folder(exported)
                notes = {int(one.stem): one.read_bytes().decode("utf-8", "replace") for one in exported.glob("*.note")}
                verified = check(loaded, notes)
                space = Space.restore(made.japan.desk().genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints)
                heads = [
                    checkpoint.read_note(note, space.origin(log), space.key_of(log) or b"")
                    for log, note in sorted(notes.items())
                ]
                return loaded, verified, heads
            finally:
                path.write_bytes(whole)

        return read

    for path in sorted(exported.iterdir()):
        yield Subject(f"export {path.name}", path.read_bytes(), reader(path))


def check(loaded: Loaded, notes: Mapping[int, str] | None = None) -> Verified:
    """Verify in both ways: up to the first fault, and to the end. They must agree on whether it holds."""
    audited = audit(loaded, notes)
    try:
        verified = verify(loaded, notes)
    except RemoteError:
        assert audited.verdict is not Verdict.HOLDS
        raise
    assert audited.verdict is Verdict.HOLDS, audited.problems
    return verified


def evidence(made: small.Small) -> Subject:
    desk = made.japan.desk()

    def read(data: bytes) -> Any:
        checked = verify_evidence.check(data)
        if checked.verdict is not Verdict.HOLDS:
            raise RemoteError(next(problem.code for problem in checked.problems if problem.weight is not Weight.LIMIT))
        return checked

    return Subject("evidence file", prove(desk, made.request), read)


def courier(made: small.Small) -> Iterator[Subject]:
    sealed = small.courier_file(made).data
    keys = made.japan.keys
    desk = made.japan.desk()
    before = desk.store.load(desk.id)

    def receive(plain: bytes) -> Any:
        """What Japan holds afterwards, and what it was told; a node without any of it reads the same bytes."""
        store = MemoryStore()
        store.create_space(before.genesis)
        there = small.desk_copy(desk, store=store)
        if not plain:
            raise RemoteError("courier-empty")  # as courier.read has it
        if exchange.receive(there, plain).waiting:
            raise GapError  # nothing of it was taken; the sender is told what is held here
        return there.record.digest, store.load(there.id)

    yield Subject("courier file", sealed, keys.unseal)
    yield Subject("courier file, opened", keys.unseal(sealed), receive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--stride", type=int, default=1, help="try only every N-th bit, and length in proportion")
    parser.add_argument("--only", default="", help="subjects whose name begins so")
    given = parser.parse_args()
    wrong = 0
    print(
        "| what | bytes | flips | cuts | named | without meaning | wrong |\n|---|---|---|---|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        for subject in subjects(Path(folder)):
            if not subject.name.startswith(given.only):
                continue
            flipped = judge(subject, flips(subject.data, given.stride))
            cut = judge(subject, cuts(subject.data, max(1, given.stride // 8)))
            codes = ", ".join(f"{code} {count:,}" for code, count in (flipped.named + cut.named).most_common())
            print(
                f"| {subject.name} | {len(subject.data):,} | {flipped.tried:,} | {cut.tried:,} | {codes}"
                f" | {flipped.meaningless + cut.meaningless:,} | {len(flipped.wrong) + len(cut.wrong)} |",
                flush=True,
            )
            for line in [*flipped.wrong, *cut.wrong][:100]:
                print(line, file=sys.stderr)
            wrong += len(flipped.wrong) + len(cut.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
