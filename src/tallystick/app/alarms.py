"""What the operator must hear of: someone lies or waits for us, a program is wrong, or this node may not be relied on.

Gathers from the record (forks, wishes to erase), from what comparisons and visits have left in the store (divergences,
withheld acknowledgements), from what was refused, and from the state of the node itself. An alarm ends by itself when
its reason is gone; what cannot end, because the evidence stays, is put away by an administrator who has seen it.
Decides which code each has; the words are in ``messages``, the page in ``web/pages/alarms``.

Source: docs/spec/sync.md, "Attestations" and "Withheld acknowledgements"; docs/spec/log.md, "Forks".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from tallystick.app import attest, health, redact, withheld
from tallystick.app.attest import Divergence
from tallystick.app.node import Desk
from tallystick.app.ports import Aside
from tallystick.core import checkpoint
from tallystick.core.entries import Fork
from tallystick.core.errors import LocalError
from tallystick.core.identity import PARTIES_MAX, EntryRef, grant_of, party_of


class Sort(StrEnum):
    """What an alarm is about."""

    FORK = "fork"  # one log, two histories
    DIVERGENCE = "divergence"  # one set of entries, two readings
    WITHHELD = "withheld"
    NODE = "node"  # this node cannot sign: it came back from a backup, its clock is wrong, its disk full
    REFUSED = "refused"  # bytes that were set aside
    ERASURE = "erasure"  # a partner asks to erase something, and waits for this party


FORK_CODES: Mapping[str, str] = MappingProxyType({"theirs": "fork-theirs", "ours": "fork-ours"})
DIVERGENCE_CODES: Mapping[str, str] = MappingProxyType({
    "not compared": "divergence",
    "orders": "divergence-order",
    "beside": "divergence-beside-orders",
})  # fmt: skip
ERASURE_CODES: Mapping[str, str] = MappingProxyType({"waits": "erasure-asked"})
WITHHELD_CODES: Mapping[str, str] = MappingProxyType({"acts": "acknowledgement-withheld"})
_SEEN = "alarms-seen "  # and the agreement's id
_GRAVE = frozenset({Sort.FORK, Sort.DIVERGENCE})  # somebody lies, or a program is wrong


@dataclass(frozen=True)
class Evidence:
    """Bytes that belong to an alarm, to be given to others. ``name`` is a file name."""

    name: str
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode("ascii", "replace")


@dataclass(frozen=True)
class Alarm:
    """``id`` stays the same as long as its reason; ``at`` and ``seen_at`` are seconds since 1970.

    ``party`` is the code of whom it is about, empty for this node. ``evidence`` holds what can be shown as text;
    refused bytes are fetched by ``refused_bytes``.
    """

    id: str
    sort: Sort
    code: str
    at: int
    party: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    entry: EntryRef | None = None
    order: EntryRef | None = None
    evidence: tuple[Evidence, ...] = ()
    size: int = 0  # of refused bytes
    digest: bytes = b""  # of refused bytes
    seen_at: int | None = None

    @property
    def grave(self) -> bool:
        return self.sort in _GRAVE


def gather(desk: Desk) -> tuple[Alarm, ...]:
    """Return every alarm of an agreement: those nobody has put away first, grave ones before others, newest first."""
    found = [*_forks(desk), *_divergences(desk), *_withheld(desk), *_node(desk), *_asked(desk), *_refused(desk)]
    marks = _marks(desk)
    found = [_marked(alarm, marks) for alarm in found]
    return tuple(sorted(found, key=lambda alarm: (alarm.seen_at is not None, not alarm.grave, -alarm.at, alarm.id)))


def standing(desk: Desk) -> tuple[Alarm, ...]:
    """Return the alarms that nobody has put away, but for what every page of this node says anyway (``health``)."""
    return tuple(alarm for alarm in gather(desk) if alarm.seen_at is None and alarm.sort is not Sort.NODE)


def put_away(desk: Desk, alarm_id: str) -> Alarm:
    """Note that an administrator has seen an alarm; it stays listed, and is not shown on other pages any more.

    Raises:
        LocalError: ``no-such-alarm``.
    """
    found = {alarm.id: alarm for alarm in gather(desk)}
    if alarm_id not in found:
        raise LocalError("no-such-alarm")
    with desk.lock:
        marks = {name: mark for name, mark in _marks(desk).items() if name in found}  # of those that ended: forgotten
        marks[alarm_id] = (found[alarm_id].at, desk.clock.now())
        desk.store.remember(_SEEN + desk.id.hex(), json.dumps(marks).encode())
    return found[alarm_id]


def _marks(desk: Desk) -> dict[str, tuple[int, int]]:
    """Return, by the alarm's id, since when the alarm was there that was put away, and when it was."""
    kept = desk.store.recall(_SEEN + desk.id.hex())
    return {name: (since, at) for name, (since, at) in json.loads(kept).items()} if kept else {}


def _marked(alarm: Alarm, marks: Mapping[str, tuple[int, int]]) -> Alarm:
    since, at = marks.get(alarm.id, (None, None))
    if alarm.sort is not Sort.REFUSED and since != alarm.at:
        return alarm  # it had ended, and is there again
    return replace(alarm, seen_at=at)


# ---- forks


def _forks(desk: Desk) -> Iterator[Alarm]:
    for log, cut in sorted(desk.space.cuts.items()):
        entry = desk.space.entry(cut.ref)
        assert isinstance(entry.body, Fork)
        party = _code(desk, party_of(log))
        key = desk.space.key_of(log)
        assert key is not None  # a fork is proved by the log's key
        yield Alarm(
            id=f"fork-{log}",
            sort=Sort.FORK,
            code=FORK_CODES["ours" if party_of(log) == desk.party else "theirs"],
            at=entry.t,
            party=party,
            facts={
                "log": log,
                "index": cut.at,
                "stands": cut.stands,
                "other": checkpoint.read_note(entry.body.note_b, desk.space.origin(log), key).size,
                "party": party,
                "writer": _writer(desk, log),
            },
            entry=cut.ref,
            evidence=(
                Evidence(f"log-{log}-history-a.txt", entry.body.note_a.encode()),
                Evidence(f"log-{log}-history-b.txt", entry.body.note_b.encode()),
            ),
        )


def _code(desk: Desk, party: int) -> str:
    return desk.party_code(party) if party < len(desk.genesis.parties) else str(party)


def _writer(desk: Desk, log: int) -> str:
    """Return the post of the node that writes ``log``; for an admin log, its party's name."""
    grant = desk.record.grants.get((party_of(log), grant_of(log)))
    if log >= PARTIES_MAX and grant is not None:
        return grant.post
    return desk.genesis.parties[party_of(log)].name if party_of(log) < len(desk.genesis.parties) else ""


# ---- divergences


def _divergences(desk: Desk) -> Iterator[Alarm]:
    for log, compared in attest.all_compared(desk).items():
        if compared.differs is not None:
            yield _divergence(desk, log, compared.differs)


def _divergence(desk: Desk, log: int, differs: Divergence) -> Alarm:
    party = _code(desk, party_of(log))
    known = "not compared" if not differs.asked else "orders" if differs.order else "beside"
    return Alarm(
        id=f"divergence-{log}",
        sort=Sort.DIVERGENCE,
        code=DIVERGENCE_CODES[known],
        at=differs.at,
        party=party,
        facts={"party": party, "writer": _writer(desk, log), "number": differs.number, "orders": differs.orders},
        entry=EntryRef.parse(differs.entry),
        order=EntryRef.parse(differs.order) if differs.order else None,
    )


# ---- acknowledgements that do not come


def _withheld(desk: Desk) -> Iterator[Alarm]:
    now = desk.clock.now()
    for log in desk.space.sizes():
        known = withheld.recall(desk, log) if party_of(log) != desk.party else None
        if known is None or not withheld.is_withheld(known, desk.space, log, now):
            continue
        party = _code(desk, party_of(log))
        entry = EntryRef.parse(known.entry)
        yield Alarm(
            id=f"withheld-{log}-{entry.log}-{entry.index}",
            sort=Sort.WITHHELD,
            code=WITHHELD_CODES["acts"],
            at=known.since,
            party=party,
            facts={"party": party, "writer": _writer(desk, log), "entry": known.entry, "since": known.since},
            entry=entry,
            order=desk.record.subject_of(entry),
        )


# ---- this node


def _node(desk: Desk) -> Iterator[Alarm]:
    state = desk.restored
    since = state.since if state is not None else desk.clock.now()
    for error in health.of_desk(desk):
        yield Alarm(f"node-{error.code}", Sort.NODE, error.code, since, facts=error.facts)


# ---- what partners ask


def _asked(desk: Desk) -> Iterator[Alarm]:
    for one in redact.waiting(desk):
        said = redact.to_confirm(desk, one)
        if said is not None:
            yield Alarm(
                id=f"erasure-{said.wish.ref.log}-{said.wish.ref.index}",
                sort=Sort.ERASURE,
                code=ERASURE_CODES["waits"],
                at=said.at,
                party=said.party,
                facts={"party": said.party, "entry": str(one.target)},
                entry=one.target,
                order=one.order_id,
            )


# ---- what was refused


def _refused(desk: Desk) -> Iterator[Alarm]:
    for aside in desk.store.aside_brief():
        if aside.space == desk.id:
            yield Alarm(
                id=f"refused-{aside.digest.hex()[:16]}-{aside.code}",
                sort=Sort.REFUSED,
                code=aside.code,
                at=aside.at,
                facts=aside.facts,
                size=aside.size,
                digest=aside.digest,
            )


def refused_bytes(desk: Desk, digest: bytes) -> Aside | None:
    """Return what was set aside of this agreement under the SHA-256 ``digest``; None when it is not kept any more."""
    return next((aside for aside in desk.store.aside() if (aside.space, aside.digest) == (desk.id, digest)), None)
