"""``prove``, ``verify`` and ``export``: the record as evidence. Loads no Django."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from tallystick.app import auditor, evidence, read, verify_evidence
from tallystick.app import prove as proving
from tallystick.app import settings as node_settings
from tallystick.app import unpack as unpacking
from tallystick.app import verify as verifying
from tallystick.app.messages import fill, message
from tallystick.app.ports import Loaded
from tallystick.app.report import Problem, Problems, Verdict, Weight
from tallystick.app.verify import Verified
from tallystick.app.verify_courier import Carried
from tallystick.app.verify_evidence import Checked
from tallystick.cli.orders import attachment_of, find_order, money
from tallystick.cli.shell import (
    Shell,
    day,
    facts,
    iso,
    json_option,
    pass_shell,
    print_json,
    read_file,
    say,
    table,
    tell,
    words,
    write_file,
    write_folder,
)
from tallystick.core import checkpoint
from tallystick.core.entries import Kind
from tallystick.core.errors import LocalError, RemoteError, StoreError

_NOTE_MAX = 4096  # bytes; ours have about 250
_KEY_MAX = 4096  # bytes of an age key file
_BEGINNING = 64  # bytes that tell a sort of file
_AGE = b"age-encryption.org/v1\n"
_SQLITE = b"SQLite format 3\0"
_BUNDLES = (b"\x85\x01", b"\x86\x01")  # arrays of five or six that begin with a 1
_MARKS = ("genesis.cbor", "book.cbor", node_settings.FILE)  # of a folder that is a record itself
_PROBLEMS_SHOWN = 50  # of each weight, on a page

EXIT_HOLDS, EXIT_DOES_NOT_HOLD, EXIT_NOT_CHECKED = 0, 1, 2
_EXITS = {
    Verdict.HOLDS: EXIT_HOLDS,
    Verdict.DOES_NOT_HOLD: EXIT_DOES_NOT_HOLD,
    Verdict.CANNOT_TELL: EXIT_NOT_CHECKED,
}
_WORDS = {
    Verdict.HOLDS: "HOLDS",
    Verdict.DOES_NOT_HOLD: "DOES NOT HOLD",
    Verdict.CANNOT_TELL: "CANNOT TELL",
}


@dataclass(frozen=True)
class _Result:
    """What was checked, and what came of it; ``told`` is the rest, for programs, and ``page`` prints it for people."""

    name: str
    kind: str
    verdict: Verdict
    problems: Sequence[Problem]
    told: dict[str, Any]
    checked: Checked | None = None
    verified: Verified | None = None
    carried: Carried | None = None


# ---- verify


@click.command()
@click.argument("what", required=False, metavar="[FILE_FOLDER_OR_DATABASE]")
@click.option("--on", metavar="WHAT", help="For a courier file: the record it comes on top of, or an evidence file.")
@click.option("--key", type=click.Path(path_type=Path), help="For a sealed courier file: the age key it is sealed for.")
@click.option(
    "--attachment", "files", multiple=True, type=click.Path(path_type=Path),
    help="For an evidence file: a file that is said to be attached to one of its entries. Repeatable.",
)  # fmt: skip
@json_option
@click.pass_context
def verify(
    context: click.Context, what: str | None, on: str | None, key: Path | None, files: tuple[Path, ...], as_json: bool
) -> None:
    """Check evidence, or a record, from its bytes: signatures, order and meaning.

    Takes an evidence file (tallystick prove) or a folder of them, a node's folder, a folder written by export or
    backup, an SQLite file, or a postgresql:// address; without any, the node in --node. Trusts nothing that is stored:
    rebuilds every commitment and root, checks every signature strictly, folds all entries from nothing, and lists all
    that is not as it must be.
    Needs no key, no network and no partner.

    Takes a courier file too, sealed or not: it is read on top of the record in --node or --on, and nothing is kept.

    Exit codes: 0 it holds, 1 it does not, 2 it could not be checked.
    """
    shell = context.find_object(Shell)
    assert shell is not None
    try:
        results = list(_results(what or str(shell.folder), on or str(shell.folder), key, files, shell.folder))
    except StoreError as error:
        tell(error)
        context.exit(EXIT_NOT_CHECKED)
    if as_json:
        print_json([_plain(result) for result in results])
    elif not results:
        say("There is no agreement here yet; nothing to verify.")
    else:
        for number, result in enumerate(results):
            if number:
                say()
            _print(result)
    context.exit(_worst(result.verdict for result in results))


def _worst(verdicts: Iterable[Verdict]) -> int:
    exits = {_EXITS[verdict] for verdict in verdicts}
    return next((code for code in (EXIT_DOES_NOT_HOLD, EXIT_NOT_CHECKED) if code in exits), EXIT_HOLDS)


def _results(what: str, on: str, key: Path | None, files: Sequence[Path], node: Path) -> Iterable[_Result]:
    path = Path(what)
    begins = _beginning(what)
    if evidence.is_evidence(begins):
        yield _of_evidence(path.name, read_file(path, limit=evidence.EVIDENCE_MAX, what="evidence file"), files)
        return
    if files:
        raise LocalError("attachment-not-here", path=what)
    if begins.startswith((_AGE, *_BUNDLES)):
        from tallystick.app.courier import COURIER_MAX

        data = read_file(path, limit=COURIER_MAX, what="courier file")
        yield _of_courier(path.name, data, on, key, node)
        return
    if evidence.is_of_other_version(begins):
        raise LocalError("evidence-other-version", path=what)
    if path.is_file() and not begins.startswith(_SQLITE):
        raise LocalError("nothing-to-verify", path=what)
    shown = [one for one in sorted(path.glob(f"*{evidence.SUFFIX}")) if one.is_file()] if path.is_dir() else []
    if shown and not any((path / name).exists() for name in _MARKS):
        for one in shown:
            try:
                yield from _results(str(one), on, key, files, node)
            except LocalError as error:  # the others are checked all the same
                unread = Problem(Weight.DOUBT, error.code, "", error.facts)
                yield _Result(one.name, "evidence", Verdict.CANNOT_TELL, [unread], {})
        return
    for loaded, notes in _sources(what):
        audited = verifying.audit(loaded, notes)
        verified = audited.verified
        told = {} if verified is None else _record(verified)
        yield _Result(what, "record", audited.verdict, audited.problems, told, verified=verified)


def _beginning(what: str) -> bytes:
    path = Path(what)
    if "://" in what or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_BEGINNING)


def _of_courier(name: str, data: bytes, on: str, key: Path | None, node: Path) -> _Result:
    """Check a courier file on top of the record called ``on``."""
    from tallystick.app import verify_courier
    from tallystick.core.bundle import is_for
    from tallystick.stores.node import wire_dictionary

    try:
        plain = _unsealed(data, key, node) if data.startswith(_AGE) else data
    except RemoteError as error:
        problems = Problems()
        problems.error(error)
        return _Result(name, "courier", Verdict.DOES_NOT_HOLD, problems.found, {})
    beginning = _beginning(on)
    if evidence.is_evidence(beginning):
        genesis = evidence.read(read_file(Path(on), limit=evidence.EVIDENCE_MAX, what="evidence file")).genesis
        records = [Loaded(genesis, (), {}, {})]
    else:
        records = [loaded for loaded, _ in _sources(on)]
    try:
        held = next(loaded for loaded in records if is_for(sha256(loaded.genesis).digest(), plain))
    except (RemoteError, StopIteration):
        if not records:
            raise LocalError("nothing-to-verify", path=on) from None
        held = records[0]
    carried = verify_courier.check(plain, held, wire_dictionary())
    told = {
        "agreement": carried.agreement,
        "id": carried.space.hex(),
        "bundles": carried.bundles,
        "entries": carried.entries,
        "logs": [{"log": log, "from": begin, "to": end} for log, begin, end in carried.logs],
    }
    return _Result(name, "courier", carried.verdict, carried.problems, told, carried=carried)


def _unsealed(data: bytes, key: Path | None, node: Path) -> bytes:
    from tallystick.stores.keys import KeyFolder, unseal

    if key is not None:
        return unseal(read_file(key, limit=_KEY_MAX, what="key").decode("utf-8", "replace"), data)
    return KeyFolder(node_settings.load(node).keys_folder).unseal(data)


def _sources(what: str) -> list[tuple[Loaded, dict[int, str]]]:
    from tallystick.stores import backups, open_store
    from tallystick.stores.files import read_folder

    path = Path(what)
    if "://" in what:
        url = what
    elif (path / "genesis.cbor").exists():
        return [(read_folder(path), _notes(path))]
    elif (path / backups.MANIFEST).exists():
        url = backups.record_url(path)  # what was copied, not the database that its node.toml names
    elif (path / node_settings.FILE).exists():
        url = node_settings.load(path).database_url
        url += "?mode=ro" if url.startswith("sqlite:") else ""
    elif path.is_file():
        url = f"sqlite:///{path.absolute()}?mode=ro"
    elif (path / "book.cbor").exists() or any(path.glob("*/genesis.cbor")):
        url = f"files:///{path.absolute()}"
    else:
        raise LocalError("nothing-to-verify", path=what)
    store = open_store(url)
    try:
        store.check()
        return [(store.load(space), {}) for space in store.spaces()]
    finally:
        store.close()


def _notes(folder: Path) -> dict[int, str]:
    return {
        int(path.stem): path.read_bytes()[: _NOTE_MAX + 1].decode("utf-8", "replace")
        for path in sorted(folder.glob("*.note"))
        if path.stem.isascii() and path.stem.isdigit()
    }


# ---- telling


def _plain(result: _Result) -> dict[str, Any]:
    return {
        "what": result.kind,
        "name": result.name,
        "verdict": result.verdict.value,
        "problems": [
            {"weight": p.weight.value, "code": p.code, "where": p.where, "says": _sentence(p)} for p in result.problems
        ],
        **result.told,
    }


def _sentence(problem: Problem) -> str:
    return fill(message(problem.code).happened, problem.facts)


def _print(result: _Result) -> None:
    say(f"{_WORDS[result.verdict]}: {result.name}")
    say()
    if result.checked is not None:
        _print_order(result.checked)
    if result.verified is not None:
        _print_record(result.verified)
    if result.carried is not None:
        _print_carried(result.carried)
    for weight, heading in (
        (Weight.FAULT, "What does not hold"),
        (Weight.DOUBT, "What could not be checked"),
        (Weight.LIMIT, "What this check does not show"),
    ):
        found = [problem for problem in result.problems if problem.weight is weight]
        if found:
            say()
            say(f"{heading}:")
            for problem in found[:_PROBLEMS_SHOWN]:
                say(f"  {problem.where + ': ' if problem.where else ''}{_sentence(problem)} [{problem.code}]")
            if len(found) > _PROBLEMS_SHOWN:
                say(f"  … and {len(found) - _PROBLEMS_SHOWN} more (--json lists all)")
    if result.verdict is Verdict.HOLDS:
        say()
        say("Everything checked fits.")


def _record(result: Verified) -> dict[str, Any]:
    return {
        "agreement": result.agreement,
        "id": result.space.hex(),
        "parties": list(result.parties),
        "logs": [
            {
                "log": log.log,
                "party": log.party,
                "writer": log.writer,
                "leaves": log.size,
                "signed": log.signed,
                "root": log.root.hex(),
            }
            for log in result.logs
        ],
        "entries": result.entries,
        "orders": result.orders,
        "findings": dict(result.findings),
        "digest": result.digest.hex(),
    }


def _print_record(result: Verified) -> None:
    facts(
        {
            "agreement": f"{result.agreement} ({', '.join(result.parties)})",
            "id": result.space.hex(),
            "entries": result.entries,
            "orders": result.orders,
            "findings": ", ".join(f"{count} {weight}" for weight, count in result.findings.items()) or "none",
            "digest": result.digest.hex(),
        }
    )
    table(
        ("log", "party", "writer", "leaves", "signed", "root"),
        [(log.log, log.party, log.writer, log.size, log.signed, log.root.hex()[:16]) for log in result.logs],
        right=("log", "leaves", "signed"),
    )


def _print_carried(carried: Carried) -> None:
    facts(
        {
            "agreement": carried.agreement,
            "id": carried.space.hex(),
            "bundles": carried.bundles,
            "entries": f"{carried.entries} that are not held yet",
        }
    )
    table(("log", "held", "brought to"), carried.logs, right=("log", "held", "brought to"))


def _of_evidence(name: str, data: bytes, files: Sequence[Path] = ()) -> _Result:
    checked = verify_evidence.compare_files(verify_evidence.check(data), [attachment_of(path) for path in files])
    order = checked.order
    told = {
        "agreement": checked.agreement,
        "id": checked.space.hex(),
        "parties": list(checked.parties),
        "order": str(checked.order_id or ""),
        "number": order.number if order else "",
        "state": order.state.value if order else "",
        "digest": checked.digest.hex(),
        "heads": [
            {
                "log": head.log,
                "party": head.party,
                "writer": head.writer,
                "leaves": head.size,
                "shown": head.shown,
                "root": head.root.hex(),
            }
            for head in checked.heads
        ],
        "acts": [
            {
                "entry": str(act.ref),
                "signed_at": iso(act.t),
                "party": act.party,
                "kind": _kind(act.kind),
                "post": act.post,
                "acknowledged": str(act.acknowledged or ""),
                "void": act.void,
                "attachments": read.plain_attachments(act.attachments),
            }
            for act in checked.acts
        ],
        "given": [{"name": one.name, "of": [str(ref) for ref in refs]} for one, refs in checked.given],
        "journal": [
            {
                "entry": str(line.origin),
                "day": day(line.day),
                "rule": line.rule,
                "amount": money(line.amount, line.commodity),
                "about": str(line.about or ""),
            }
            for line in checked.journal
        ],
    }
    return _Result(name, "evidence", checked.verdict, checked.problems, told, checked=checked)


def _kind(number: int) -> str:
    return words(Kind(number).name) if number in list(Kind) else str(number)


def _print_order(checked: Checked) -> None:
    order = checked.order
    if not checked.agreement:
        return
    facts(
        {
            "agreement": f"{checked.agreement} ({', '.join(checked.parties)})",
            "id": checked.space.hex(),
            "order": f"{order.number}, {words(order.state.value)}" if order else "",
            "shown": f"{len(checked.acts)} entries about it; {checked.segments} segments, "
            f"{checked.acknowledgements} acknowledgements",
            "digest": checked.digest.hex(),
        }
    )
    say()
    table(
        ("log", "party", "writer", "leaves", "shown", "signed root"),
        [(h.log, h.party, h.writer, h.size, h.shown, h.root.hex()[:16]) for h in checked.heads],
        right=("log", "leaves", "shown"),
    )
    say()
    table(
        ("entry", "signed", "party", "act", "by", "stored by the other side", "void"),
        [
            (
                a.ref,
                iso(a.t),
                a.party,
                _kind(a.kind),
                a.post,
                f"said in {a.acknowledged}" if a.acknowledged else "",
                a.void,
            )
            for a in checked.acts
        ],
    )
    attached = [(act.ref, one.name, one.size, one.sha256.hex()) for act in checked.acts for one in act.attachments]
    if attached:
        say()
        table(("entry", "attached file", "bytes", "SHA-256"), attached, right=("bytes",))
    for one, refs in checked.given:
        if refs:
            say(f"{one.name} is the file that is attached to {', '.join(map(str, refs))}.")
    say()
    table(
        ("day", "entry", "rule", "amount", "about"),
        [(day(x.day), x.origin, x.rule, money(x.amount, x.commodity), x.about or "") for x in checked.journal],
        right=("amount",),
    )


# ---- prove


@click.command()
@click.argument("order", metavar="ORDER")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--whole", is_flag=True, help="Show every leaf of every log, so that nothing can have been left out.")
@click.option("--with-auditor", is_flag=True, help="Put auditor.html beside FILE.")
@click.option(
    "--unpack",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write it as plain files into a new FOLDER, for other tools; FILE only if it is named.",
)
@json_option
@pass_shell
def prove(
    shell: Shell, order: str, file: Path | None, whole: bool, with_auditor: bool, unpack: Path | None, as_json: bool
) -> None:
    """Write an order's evidence into a new FILE.

    ORDER is its number or the entry of its request. The file holds its entries with proofs up to signed heads, the
    warrants they rest on, the other side's acknowledgements and the lines of the journal; nothing national and no key.
    Anyone can check it offline: with tallystick verify, with auditor.html, or with tools that are not ours
    (docs/guides/verify-without-tallystick.md).
    """
    desk = shell.desk
    found = find_order(desk, order)
    path = file or (None if unpack else Path(proving.file_name(found.number)))
    data = proving.prove(desk, found.order_id, whole=whole)
    told: dict[str, Any] = {"order": str(found.order_id), "number": found.number, "bytes": len(data)}
    if unpack is not None:
        told |= {"folder": str(unpack), "files": write_folder(unpack, unpacking.unpack(data))}
    if path is not None:
        write_file(path, data)
        told["file"] = str(path)
    if with_auditor:
        page = (path or unpack or Path()).with_name(auditor.FILE)
        if not page.exists():
            write_file(page, auditor.page())
        told["auditor"] = str(page)
    if as_json:
        print_json(told)
        return
    if path is not None:
        say(f"{found.number} in {path}: {len(data):,} bytes. Check it with: tallystick verify {path}")
    if unpack is not None:
        say(f"{found.number} in {unpack}: {told['files']} plain files, for docs/guides/verify-without-tallystick.md.")
    if with_auditor:
        say(f"Open {told['auditor']} in a browser and drop the file on it; no network is needed.")


# ---- export


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@pass_shell
def export(shell: Shell, folder: Path, as_json: bool) -> None:
    """Write an agreement's logs into a new FOLDER for an auditor.

    With a signed note beside each log; tallystick verify FOLDER checks it anywhere. Holds what both parties share and
    nothing national.
    """
    desk = shell.desk
    with desk.lock:
        desk.refresh()
        space = desk.space
        notes = {}
        for log, size in space.sizes().items():
            key, root = space.key_of(log), space.root(log, size)
            assert key is not None
            held = space.checkpoint(log)
            own = desk.sign_checkpoint(log, checkpoint.text(space.origin(log), size, root))
            head = checkpoint.Checkpoint(size, root, own) if own is not None else held
            if head is not None:
                notes[log] = checkpoint.note(space.origin(log), key, head)
        desk.store.export(desk.id, folder, notes)
    told = {"folder": str(folder), "agreement": desk.name, "digest": desk.record.digest.hex(), "notes": len(notes)}
    if as_json:
        print_json(told)
    else:
        say(f"{desk.name} in {folder}: {len(notes)} logs with signed notes. Check it with: tallystick verify {folder}")
