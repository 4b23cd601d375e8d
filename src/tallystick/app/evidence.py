"""Evidence files: one order, with all that it takes to check it without the node that wrote it.

Decides the bytes: which leaves of which logs are shown, what is shown of each, and what the writing node makes of them.
A file holds no root, no proof per leaf and no key of an epoch: one list of hashes for each log leads from the leaves
to the head that its writer signed, and to every root that an acknowledgement in the file names. Leaves what goes into
a file to ``prove``, what is right about it to ``check``.

Source: docs/spec/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tallystick.core import canonical
from tallystick.core.entries import BIG, NOTE_MAX, TEXT_MAX
from tallystick.core.errors import MalformedBytesError, TooLargeError
from tallystick.core.findings import Finding
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.log import NUMBER_MAX, SALT_BYTES, SEGMENT_MAX, ActLeaf, CtxLeaf, read_leaf
from tallystick.core.merkle import HASH_BYTES
from tallystick.core.views import plain

FORMAT = "tallystick-evidence-1"
MARK = canonical.encode([FORMAT])[1:]  # behind the first byte of every evidence file
SUFFIX = ".evidence"
_ANY_VERSION = FORMAT.rpartition("-")[0].encode() + b"-"
EVIDENCE_MAX = 64 * 2**20  # bytes; an order of fifty entries has about 20 kB, with every leaf of its logs some MB
ACROSS_ORDERS = frozenset({"duplicate-number"})  # findings that compare orders: not told of one, nor in its digest
_GENESIS_MAX = 64 * 1024
_LOGS_MAX = 256


class Segment(NamedTuple):
    """A segment and the salt of its commitment."""

    salt: bytes
    data: bytes


class Shown(NamedTuple):
    """A leaf. ``segments`` are those of an act, None for one not held; None for all: its contents are not shown."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a leaf
    leaf: bytes
    read: ActLeaf | CtxLeaf
    segments: tuple[Segment | None, ...] | None = None


class LogShown(NamedTuple):
    """What is shown of a log: its head as a signed note, leaves in ascending order, and what leads to the root."""

    log: int
    note: str
    leaves: tuple[Shown, ...]
    hashes: tuple[bytes, ...]


class Told(NamedTuple):
    """What the writing node makes of the entries. ``digest`` is that of the order; ``reading`` is of all acts shown."""

    profile: str
    reading: tuple[EntryRef, ...]
    state: str
    digest: bytes
    journal: tuple[Transaction, ...]
    findings: tuple[Finding, ...]


class Evidence(NamedTuple):
    genesis: bytes
    order_id: EntryRef
    logs: tuple[LogShown, ...]
    told: Told


def is_evidence(data: bytes) -> bool:
    """Return whether ``data`` begins as an evidence file does."""
    return data[1 : 1 + len(MARK)] == MARK


def is_of_other_version(data: bytes) -> bool:
    """Return whether ``data`` begins as an evidence file of a form that this program does not know."""
    return _ANY_VERSION in data[1 : 2 + len(MARK)] and not is_evidence(data)


def write(evidence: Evidence) -> bytes:
    """Return the one sequence of bytes of ``evidence``."""
    told = evidence.told
    return canonical.encode(
        [
            FORMAT,
            evidence.genesis,
            list(evidence.order_id),
            [[log.log, log.note, [_leaf_row(leaf) for leaf in log.leaves], list(log.hashes)] for log in evidence.logs],
            [
                told.profile,
                [list(ref) for ref in told.reading],
                told.state,
                told.digest,
                [_journal_row(line) for line in told.journal],
                [[f.code, list(f.entry), [list(fact) for fact in f.facts]] for f in told.findings],
            ],
        ]
    )


def _leaf_row(leaf: Shown) -> list[Any]:
    if leaf.segments is None:
        return [leaf.index, leaf.leaf]
    return [leaf.index, leaf.leaf, [None if segment is None else list(segment) for segment in leaf.segments]]


def _journal_row(line: Transaction) -> list[Any]:
    about = None if line.about is None else list(line.about)
    amount = plain(line.amount)
    return [list(line.origin), line.rule, line.day, line.commodity, line.provider, line.receiver, amount, about]


# ---- reading


def read(data: bytes) -> Evidence:
    """Return what an evidence file shows. Its shape is checked here, and nothing else.

    Raises:
        TooLargeError: beyond ``EVIDENCE_MAX`` or a limit of the canonical form.
        MalformedBytesError: not canonical, or ``malformed-evidence`` with the part that is not as it should be.
    """
    if len(data) > EVIDENCE_MAX:
        raise TooLargeError(what="evidence file", limit=EVIDENCE_MAX)
    if not is_evidence(data):
        raise _malformed("first words")
    whole = _array(canonical.decode(data), "file", 5)
    _, genesis, order_id, logs, told = whole
    evidence = Evidence(
        genesis=_bytes(genesis, "genesis", most=_GENESIS_MAX),
        order_id=_ref(order_id, "order"),
        logs=tuple([_log(row) for row in _list(logs, "logs", _LOGS_MAX)]),
        told=_told(told),
    )
    ids = [log.log for log in evidence.logs]
    if ids != sorted(set(ids)):
        raise _malformed("logs")
    return evidence


def _log(row: Any) -> LogShown:
    log, note, leaves, hashes = _array(row, "log", 4)
    part = f"log {_number(log, 'log')}"
    shown = LogShown(
        log=log,
        note=_text(note, f"{part}, note", NOTE_MAX),
        leaves=tuple([_shown(leaf, part) for leaf in _list(leaves, part)]),
        hashes=tuple([_bytes(one, f"{part}, hashes", size=HASH_BYTES) for one in _list(hashes, f"{part}, hashes")]),
    )
    indices = [leaf.index for leaf in shown.leaves]
    if indices != sorted(set(indices)):
        raise _malformed(f"{part}, leaves")
    return shown


def _shown(row: Any, part: str) -> Shown:
    if type(row) is not list or len(row) not in {2, 3}:
        raise _malformed(f"{part}, leaf")
    index, leaf = _number(row[0], f"{part}, index"), row[1]
    part = f"{part}, leaf {index}"
    try:
        said = read_leaf(_bytes(leaf, part, most=SEGMENT_MAX))
    except MalformedBytesError:
        raise _malformed(part) from None
    if len(row) == 2:
        return Shown(index, leaf, said)
    if isinstance(said, CtxLeaf):
        raise _malformed(part)
    commitments = _commitments(said)
    rows = _array(row[2], part, len(commitments))
    segments = [_segment(one, part) for one in rows]
    if any(segment is not None and commit is None for segment, commit in zip(segments, commitments, strict=True)):
        raise _malformed(part)
    return Shown(index, leaf, said, tuple(segments))


def _commitments(said: ActLeaf) -> Sequence[bytes | None]:
    """Return the commitments as the leaf has them: one, two or three."""
    if said.auth is not None:
        return (said.core, said.detail, said.auth)
    return (said.core,) if said.detail is None else (said.core, said.detail)


def _segment(row: Any, part: str) -> Segment | None:
    if row is None:
        return None
    salt, data = _array(row, part, 2)
    return Segment(_bytes(salt, f"{part}, salt", size=SALT_BYTES), _bytes(data, part, most=SEGMENT_MAX))


def _told(row: Any) -> Told:
    profile, reading, state, digest, journal, findings = _array(row, "told", 6)
    return Told(
        profile=_text(profile, "profile", TEXT_MAX),
        reading=tuple([_ref(ref, "reading") for ref in _list(reading, "reading")]),
        state=_text(state, "state", TEXT_MAX),
        digest=_bytes(digest, "digest", size=HASH_BYTES),
        journal=tuple([_line(line) for line in _list(journal, "journal")]),
        findings=tuple([_finding(finding) for finding in _list(findings, "findings")]),
    )


def _line(row: Any) -> Transaction:
    """Read a line of the journal. Its order is not in it, because there is one in the file."""
    origin, rule, day, commodity, provider, receiver, amount, about = _array(row, "journal", 8)
    return Transaction(
        origin=_ref(origin, "journal"),
        rule=_text(rule, "journal", TEXT_MAX),
        order_id=EntryRef(0, 0),
        day=_number(day, "journal"),
        commodity=_text(commodity, "journal", TEXT_MAX),
        provider=_text(provider, "journal", TEXT_MAX),
        receiver=_text(receiver, "journal", TEXT_MAX),
        amount=_amount(amount),
        about=None if about is None else _ref(about, "journal"),
    )


def _amount(value: Any) -> int:
    """Read an integer; one beyond 2^53 − 1 is written as a text."""
    if type(value) is int and -BIG <= value <= BIG:
        return value
    if type(value) is str and 16 <= len(value) <= 40 and value.removeprefix("-").isascii():  # more than any sum has
        digits = value.removeprefix("-")
        if digits.isdigit() and digits[0] != "0" and int(digits) > BIG:
            return int(value)
    raise _malformed("journal")


def _finding(row: Any) -> Finding:
    code, entry, facts = _array(row, "findings", 3)
    pairs = [_array(fact, "findings", 2) for fact in _list(facts, "findings")]
    for name, value in pairs:
        _text(name, "findings", TEXT_MAX)
        if type(value) not in {int, str}:
            raise _malformed("findings")
    return Finding(
        _text(code, "findings", TEXT_MAX),
        _ref(entry, "findings"),
        None,
        tuple([(name, value) for name, value in pairs]),
    )


# ---- pieces


def _malformed(part: str) -> MalformedBytesError:
    return MalformedBytesError("malformed-evidence", part=part)


def _array(value: Any, part: str, size: int) -> list[Any]:
    if type(value) is not list or len(value) != size:
        raise _malformed(part)
    return value


def _list(value: Any, part: str, most: int = canonical.VALUES_MAX) -> list[Any]:
    if type(value) is not list or len(value) > most:
        raise _malformed(part)
    return value


def _number(value: Any, part: str) -> int:
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise _malformed(part)
    return value


def _ref(value: Any, part: str) -> EntryRef:
    log, index = _array(value, part, 2)
    return EntryRef(_number(log, part), _number(index, part))


def _bytes(value: Any, part: str, *, size: int | None = None, most: int = SEGMENT_MAX) -> bytes:
    if type(value) is not bytes or (len(value) > most if size is None else len(value) != size):
        raise _malformed(part)
    return value


def _text(value: Any, part: str, most: int) -> str:
    if type(value) is not str or not 1 <= len(value) <= most:
        raise _malformed(part)
    return value
