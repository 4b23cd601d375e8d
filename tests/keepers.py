"""Two parties, three writers: small nodes in memory for tests of the record. Every secret is derived from its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tallystick.core import signing
from tallystick.core.admission import Admission
from tallystick.core.agreement import JAPAN_INDIA, Genesis, Party
from tallystick.core.entries import Adopt, Draft, Duty, Grant, Note
from tallystick.core.identity import EntryRef, log_id
from tallystick.core.space import Space

START = 1_767_225_600  # 2026-01-01 00:00 UTC
DICTIONARY = b"JPYOK INYOK 9140012345678 F-76 diesel L15 remark" * 8


def seed(name: str) -> bytes:
    return hashlib.sha256(b"tallystick test " + name.encode()).digest()


def key(name: str) -> bytes:
    return signing.public_key(seed(name))


def genesis(dictionary: bytes = b"") -> Genesis:
    return Genesis(
        name="keel.example/jp-in",
        version=1,
        parties=(
            Party(code="JP", name="Japan", root_key=key("root-0")),
            Party(code="IN", name="India", root_key=key("root-1")),
        ),
        terms=JAPAN_INDIA,
        schema_hash=hashlib.sha256(b"schema").digest(),
        dictionary_hash=hashlib.sha256(dictionary).digest(),
        nonce=bytes(range(16)),
    )


def grant(name: str) -> Draft:
    """Draft a writer's grant for the key of ``name``."""
    return Draft(
        Grant(
            post=f"Writer {name}",
            key=key(name),
            age_recipient="",
            duties=(Duty.ORDERING, Duty.RECEIVING),
            currency="JPY",
            per_act=None,
            total=None,
            until=None,
            trained_on=None,
        )
    )


def note(text: str = "", on: EntryRef | None = None, *, who: int = 1) -> Draft:
    return Draft(Note(who=who), on, {1: text} if text else None)


class Keeper:
    """A node that keeps one agreement in memory and may hold the keys of some logs, by the names of their seeds."""

    def __init__(self, names: dict[int, str], terms: Genesis | None = None, dictionary: bytes = b"") -> None:
        self.names = names
        self.space = Space(terms or genesis(dictionary), dictionary)
        self.now = START

    def sign(self, log: int, text: bytes) -> bytes | None:
        name = self.names.get(log)
        return None if name is None else signing.sign(seed(name), text)

    def epoch_key(self, log: int, block: int) -> bytes:
        return hashlib.sha256(f"epoch {self.names[log]} {log} {block}".encode()).digest()

    def write(self, log: int, *drafts: Draft) -> Admission:
        self.now += 60
        admission = self.space.draft(log, drafts, self.now, lambda block: self.epoch_key(log, block))
        self.space.apply(admission)
        return admission

    def acknowledge(self, log: int) -> bool:
        self.now += 60
        admission = self.space.acknowledge(log, self.now)
        if admission is None:
            return False
        self.space.apply(admission)
        return True

    def take(self, bundles: bytes | Iterable[bytes]) -> list[Admission]:
        taken = []
        for bundle in [bundles] if isinstance(bundles, bytes) else bundles:
            admission = self.space.read(bundle)
            self.space.apply(admission)
            taken.append(admission)
        return taken

    def news(self, known: dict[int, int] | None = None) -> list[bytes]:
        return self.space.compose_all(known or {}, self.sign)

    def bundle(self, known: dict[int, int] | None = None) -> bytes:
        (bundle,) = self.news(known)
        return bundle


JP_ADMIN, IN_ADMIN = 0, 1
JP_HQ, JP_SHIP = log_id(1, 0), log_id(2, 0)  # 16, 32
IN_BASE = log_id(1, 1)  # 17


def open_books(dictionary: bytes = b"") -> tuple[Keeper, Keeper, Keeper]:
    """Return Japan's headquarters, India's base and Japan's ship, each holding both admin logs."""
    terms = genesis(dictionary)
    hq = Keeper({JP_ADMIN: "root-0", JP_HQ: "hq"}, terms, dictionary)
    base = Keeper({IN_ADMIN: "root-1", IN_BASE: "base"}, terms, dictionary)
    ship = Keeper({JP_SHIP: "ship"}, terms, dictionary)
    hq.write(JP_ADMIN, Draft(Adopt(terms.space_id)), grant("hq"), grant("ship"))
    base.write(IN_ADMIN, Draft(Adopt(terms.space_id)), grant("base"))
    first, answer = hq.bundle(), base.bundle()
    base.take(first)
    ship.take([first, answer])
    hq.take(answer)
    return hq, base, ship
