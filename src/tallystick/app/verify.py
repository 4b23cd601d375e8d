"""Checking a record again from its bytes, as a stranger would who trusts nothing but the descriptor.

Decides what a check covers: every leaf and segment, every commitment, every acknowledged root, every signature, and
the meaning: all entries folded from nothing. Leaves where the bytes come from to ``stores``. Needs no key, no network
and no partner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tallystick.app.ports import Loaded
from tallystick.app.report import Problem, Problems, Verdict
from tallystick.app.report import verdict as verdict_of
from tallystick.core import checkpoint
from tallystick.core.agreement import Genesis
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.errors import BadSignatureError, ForkError, RemoteError, UnknownWriterError
from tallystick.core.fold import Fold
from tallystick.core.identity import PARTIES_MAX, grant_of, party_of
from tallystick.core.space import Space


@dataclass(frozen=True)
class VerifiedLog:
    """One log. Its first ``signed`` leaves are under a kept signature; the rest, if any, was not signed yet."""

    log: int
    party: str
    writer: str
    size: int
    signed: int
    root: bytes


@dataclass(frozen=True)
class Verified:
    """What was checked and found right."""

    agreement: str
    space: bytes
    parties: tuple[str, ...]
    logs: tuple[VerifiedLog, ...]
    entries: int
    orders: int
    findings: Mapping[str, int]  # by weight
    digest: bytes


def verify(loaded: Loaded, notes: Mapping[int, str] | None = None) -> Verified:
    """Check everything of one agreement and return what it comes to.

    Args:
        loaded: The bytes, from a store or an export.
        notes: Signed checkpoint notes that lie beside the logs; each is checked, and counts as a head.

    Raises:
        RemoteError: something is not what it should be; the facts name the log or entry.
    """
    genesis = Genesis.read(loaded.genesis)
    space = Space.restore(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, verify=True)
    signed = {log: head.size for log in space.sizes() if (head := space.checkpoint(log)) is not None}
    for log, note in sorted((notes or {}).items()):
        head = _check_note(space, log, note)
        signed[log] = max(signed.get(log, 0), head.size)
    return _told(genesis, space, signed)


@dataclass(frozen=True)
class Audited:
    """All that is to be said about a record. ``verified`` is None when its meaning could not be found."""

    verdict: Verdict
    problems: tuple[Problem, ...]
    verified: Verified | None


def audit(loaded: Loaded, notes: Mapping[int, str] | None = None) -> Audited:
    """Check everything of one agreement to the end, whatever is found. Arguments as ``verify``."""
    problems = Problems()
    try:
        genesis = Genesis.read(loaded.genesis)
    except RemoteError as error:
        problems.error(error)
        return Audited(verdict_of(problems.found), tuple(problems.found), None)
    space, faults = Space.audit(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints)
    _tell(faults, problems)
    signed = {log: head.size for log, head in loaded.checkpoints.items() if log in space.sizes()}
    for log, note in sorted((notes or {}).items()):
        try:
            signed[log] = max(signed.get(log, 0), _check_note(space, log, note).size)
        except RemoteError as error:
            problems.error(error, f"log {log}")
    if faults:
        problems.doubt("record-not-read")
        return Audited(verdict_of(problems.found), tuple(problems.found), None)
    verified = _told(genesis, space, signed)
    unsigned = sum(log.size - log.signed for log in verified.logs)
    if unsigned:
        problems.limit("record-not-all-signed", leaves=unsigned)
    return Audited(verdict_of(problems.found), tuple(problems.found), verified)


def _tell(faults: Iterable[RemoteError], problems: Problems) -> None:
    """Tell what does not fit. A root that differs is told once for each log that says it: all its later ones do too.

    Bytes at rest that do not fit are no proof that anybody signed two histories, so it is not called a fork.
    """
    told: set[tuple[str, object]] = set()
    for fault in faults:
        if not isinstance(fault, ForkError):
            problems.error(fault)
            continue
        where, log = str(fault.facts["entry"]), fault.facts["log"]
        pair = (where.partition(".")[0], log)
        if pair not in told:
            told.add(pair)
            problems.fault("evidence-acknowledged-root-differs", where, log=log, size=fault.facts["size"])


def _told(genesis: Genesis, space: Space, signed: Mapping[int, int]) -> Verified:
    """Return what the entries come to, folded from nothing."""
    fold = Fold(genesis, space.root_of)
    fold.extend(space.acts())
    record = fold.record
    return Verified(
        agreement=genesis.name,
        space=genesis.space_id,
        parties=tuple(party.code for party in genesis.parties),
        logs=tuple(
            VerifiedLog(
                log=log,
                party=genesis.parties[party_of(log)].code,
                writer="administration" if log < PARTIES_MAX else _post(fold, log),
                size=size,
                signed=signed.get(log, 0),
                root=space.root(log, size),
            )
            for log, size in space.sizes().items()
        ),
        entries=record.entry_count,
        orders=len(record.orders),
        findings=dict(sorted(Counter(finding.weight.value for finding in record.findings).items())),
        digest=record.digest,
    )


def _post(fold: Fold, log: int) -> str:
    grant = fold.record.grants.get((party_of(log), grant_of(log)))
    return grant.post if grant else ""


def _check_note(space: Space, log: int, note: str) -> Checkpoint:
    """Return the head a note vouches for, after checking its signature and that it is a head of these leaves."""
    key = space.key_of(log)
    if key is None:
        raise UnknownWriterError(log=log)
    head = checkpoint.read_note(note, space.origin(log), key)
    if head.size > space.size(log) or space.root(log, head.size) != head.root:
        raise BadSignatureError(log=log, size=head.size, root=head.root)
    return head
