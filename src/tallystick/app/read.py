"""What the pages, the API and the command line show: frozen shapes of codes, quantities and days, no sentences.

Pure questions to a desk; ``as_of`` is a day number and always an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tallystick.app import fields
from tallystick.app.index import OrderRow, Standing, partner_of, standing
from tallystick.app.node import Desk
from tallystick.core import due
from tallystick.core.detail import Attachment, attachments_of, remark_of
from tallystick.core.due import Clock, Overlay
from tallystick.core.entries import NO_SEGMENT, Duty, Entry, Kind, Segment
from tallystick.core.findings import Finding, Weight
from tallystick.core.fold import Record
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import LIFE, OpenAct, OrderState, OrderView, Side, open_acts

PAGE_SIZE = 50
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Reader:
    """Who asks: the duties a person holds here. None: someone who may see everything this party sees."""

    duties: frozenset[Duty] | None = None

    def may(self, act: OpenAct) -> bool:
        return self.duties is None or bool(self.duties.intersection(act.duties))


@dataclass(frozen=True)
class Task:
    """One thing an order waits for. ``due_on`` is the next deadline that this act would meet, if any."""

    order_id: EntryRef
    number: str
    act: OpenAct
    state: OrderState
    partner: str
    place: str
    due_on: int | None
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True)
class Tally:
    """How many orders stand so, and what is at stake, by currency in minor units."""

    orders: int = 0
    amounts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Home:
    """``mine`` needs this reader; ``ours`` someone else of this party; ``theirs`` the partner."""

    as_of: int
    mine: tuple[Task, ...]
    ours: tuple[Task, ...]
    theirs: tuple[Task, ...]
    late: tuple[OrderRow, ...]
    soon: tuple[OrderRow, ...]
    findings: int
    numbers: Mapping[Standing, Tally]


@dataclass(frozen=True)
class Filters:
    """How a list is narrowed; every field is a query parameter of the same name."""

    state: str = ""
    side: str = ""
    partner: str = ""
    standing: str = ""
    late: str = ""  # an overlay code, or "any"
    place: str = ""
    q: str = ""  # part of the number, unit or an item
    sort: str = "-need"

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.side or self.partner or self.standing or self.late or self.place or self.q)


@dataclass(frozen=True)
class OrderList:
    rows: tuple[OrderRow, ...]
    total: int
    page: int
    pages: int
    states: Mapping[str, int]  # how many orders are in each state, before narrowing


@dataclass(frozen=True)
class TimelineItem:
    """One signed entry of an order, in a reader's terms."""

    ref: EntryRef
    kind: int
    party: str
    post: str
    at: int
    obj: EntryRef | None
    fields: Mapping[str, object]
    remark: str
    attachments: tuple[Attachment, ...]
    weight: Weight | None  # the heaviest finding about it
    findings: tuple[Finding, ...]
    transactions: tuple[Transaction, ...]
    seen_by_partner: bool
    erased: Segment = NO_SEGMENT  # what is gone of it for everybody


@dataclass(frozen=True)
class OrderDetail:
    view: OrderView
    state: OrderState  # with the clock: may be EXPIRED
    side: Side
    partner: str
    clocks: tuple[Clock, ...]
    overlays: tuple[Overlay, ...]
    timeline: tuple[TimelineItem, ...]
    findings: tuple[Finding, ...]
    next_acts: tuple[OpenAct, ...]  # that this reader may do
    ours: tuple[OpenAct, ...]  # that somebody of this party may do
    theirs: tuple[OpenAct, ...]
    standing: Standing | None
    digest: bytes
    context: fields.Context = field(default_factory=fields.Context)


def today(desk: Desk, offset_minutes: int = 0) -> int:
    """Return the present day number at a place ``offset_minutes`` east of UTC."""
    return (desk.clock.now() + offset_minutes * 60) // SECONDS_PER_DAY


def context_of(order: OrderView) -> fields.Context:
    return fields.Context(order.currency, {line.line: line.unit for line in order.lines})


def home(desk: Desk, reader: Reader, as_of: int) -> Home:
    """Return what needs whom now, and the four numbers."""
    with desk.lock:
        record = desk.record
        rows = desk.index.live(record, as_of)
        numbers = desk.index.numbers(record, as_of)
    tasks = [
        task
        for row in rows
        if row.state is not OrderState.EXPIRED
        for task in _tasks(desk, record.orders[row.order_id], row.overlays)
    ]
    flags = _flags(record)
    shown = [replace(row, flags=flags[row.order_id]) for row in rows if row.overlays]
    return Home(
        as_of=as_of,
        mine=_by_due(task for task in tasks if task.act.party == desk.party and reader.may(task.act)),
        ours=_by_due(task for task in tasks if task.act.party == desk.party and not reader.may(task.act)),
        theirs=_by_due(task for task in tasks if task.act.party != desk.party),
        late=tuple(row for row in shown if row.late),
        soon=tuple(row for row in shown if not row.late),
        findings=flags.total(),
        numbers={which: Tally(orders, tuple(amounts.items())) for which, (orders, amounts) in numbers.items()},
    )


def _by_due(tasks: Iterable[Task]) -> tuple[Task, ...]:
    return tuple(sorted(tasks, key=lambda task: (task.due_on is None, task.due_on or 0, task.number)))


def _tasks(desk: Desk, order: OrderView, overlays: tuple[Overlay, ...]) -> list[Task]:
    clocks = due.clocks(order, desk.genesis.terms)
    partner = desk.party_code(partner_of(order, desk.party))
    return [
        Task(
            order_id=order.order_id,
            number=order.number,
            act=act,
            state=order.state,
            partner=partner,
            place=order.place,
            due_on=min((c.due_on for c in clocks if c.done_on is None and act.kind in c.met_by), default=None),
            overlays=overlays,
        )
        for party in (order.receiver, order.provider)
        for act in open_acts(order, party)
        if act.primary
    ]


def _flags(record: Record) -> Counter[EntryRef]:
    """Count what someone should look at, per order."""
    return Counter(f.order_id for f in record.findings if f.order_id is not None and f.weight is not Weight.TOLD)


def orders(desk: Desk, filters: Filters, as_of: int, page: int = 1, size: int = PAGE_SIZE) -> OrderList:
    """Return one page of orders. A page out of range is the last one; ``size`` 0 means all."""
    with desk.lock:
        record = desk.record
        rows = desk.index.rows(record, as_of, filters.sort)
        states = dict(desk.index.states(record, as_of))
    kept = [row for row in rows if _fits(row, filters)] if filters.narrows else rows
    pages = max(1, -(-len(kept) // size)) if size else 1
    page = min(max(1, page), pages)
    flags = _flags(record)
    shown = kept[(page - 1) * size : page * size] if size else kept
    return OrderList(tuple(replace(row, flags=flags[row.order_id]) for row in shown), len(kept), page, pages, states)


def _fits(row: OrderRow, filters: Filters) -> bool:
    codes = {overlay.code for overlay in row.overlays}
    return (
        (not filters.state or row.state == filters.state)
        and (not filters.side or row.side == filters.side)
        and (not filters.partner or row.partner == filters.partner)
        and (not filters.standing or row.standing == filters.standing)
        and (not filters.place or row.place == filters.place.strip().upper())
        and (not filters.late or (row.late if filters.late == "any" else filters.late in codes))
        and (not filters.q or filters.q.strip().lower() in row.text)
    )


def order(desk: Desk, order_id: EntryRef, reader: Reader, as_of: int) -> OrderDetail | None:
    """Return everything about one order, or None when there is none of that name."""
    record = desk.record
    view = record.orders.get(order_id)
    if view is None or view.side_of(desk.party) is None:
        return None
    overlays = due.overlays(view, desk.genesis.terms, as_of)
    state = due.state_on(view, as_of)
    findings = tuple(f for f in record.findings_of(order_id))
    ours = (
        () if state is OrderState.EXPIRED and view.side_of(desk.party) is Side.RECEIVER else open_acts(view, desk.party)
    )
    partner = partner_of(view, desk.party)
    return OrderDetail(
        view=view,
        state=state,
        side=view.side_of(desk.party) or Side.EITHER,
        partner=desk.party_code(partner),
        clocks=due.clocks(view, desk.genesis.terms),
        overlays=overlays,
        timeline=timeline(desk, order_id),
        findings=findings,
        next_acts=tuple(act for act in ours if reader.may(act)),
        ours=tuple(ours),
        theirs=tuple(open_acts(view, partner)),
        standing=standing(view, overlays),
        digest=record.order_digest(order_id),
        context=context_of(view),
    )


def timeline(desk: Desk, order_id: EntryRef) -> tuple[TimelineItem, ...]:
    """Return the signed entries of an order, in the order everybody reads them."""
    record = desk.record
    about: dict[EntryRef, list[Finding]] = {}
    for finding in record.findings_of(order_id):
        about.setdefault(finding.entry, []).append(finding)
    posted: dict[EntryRef, list[Transaction]] = {}
    for transaction in record.ledger.transactions_of(order_id):
        posted.setdefault(transaction.origin, []).append(transaction)
    context = context_of(record.orders[order_id])
    held_by_partner = _held_by_partners(desk)
    return tuple(
        describe(desk, entry, context, about.get(entry.ref, ()), posted.get(entry.ref, ()), held_by_partner)
        for entry in record.entries_of(order_id)
    )


def describe(
    desk: Desk,
    entry: Entry,
    context: fields.Context,
    findings: Iterable[Finding] = (),
    transactions: Iterable[Transaction] = (),
    held_by_partner: Mapping[int, int] | None = None,
) -> TimelineItem:
    """Return one entry in a reader's terms."""
    found = tuple(findings)
    weights = [finding.weight for finding in found]
    heaviest = next((w for w in (Weight.VOID, Weight.FLAG, Weight.TOLD) if w in weights), None)
    told = fields.to_json(entry.body, context)
    held = held_by_partner or {}
    return TimelineItem(
        ref=entry.ref,
        kind=entry.kind,
        party=desk.party_code(entry.party),
        post=post_of(desk, entry.party, told.pop("who", 0)),
        at=entry.t,
        obj=entry.obj,
        fields=told,
        remark=remark_of(entry.detail),
        attachments=attachments_of(entry.detail),
        weight=heaviest,
        findings=found,
        transactions=tuple(transactions),
        seen_by_partner=entry.party != desk.party or held.get(entry.ref.log, 0) > entry.ref.index,
        erased=entry.erased,
    )


def plain_attachments(attachments: Iterable[Attachment]) -> list[dict[str, Any]]:
    """Return attachments as they stand in JSON."""
    return [{"name": one.name, "size": one.size, "sha256": one.sha256.hex()} for one in attachments]


def _held_by_partners(desk: Desk) -> dict[int, int]:
    """Return, per log, the size every partner node has acknowledged at most."""
    held: dict[int, int] = {}
    for log in desk.space.sizes():
        if log % 16 != desk.party:
            for seen, size in desk.space.known_by(log).items():
                held[seen] = max(held.get(seen, 0), size)
    return held


def post_of(desk: Desk, party: int, grant: object) -> str:
    """Return the post that a grant names, or an empty text for the node itself."""
    known = desk.record.grants.get((party, grant)) if isinstance(grant, int) else None
    return known.post if known else ""


@dataclass(frozen=True)
class Officer:
    """A warrant of this party, live or not. ``grant`` is the leaf index acts name as ``who``."""

    grant: int
    post: str
    duties: tuple[Duty, ...]
    currency: str
    per_act: int | None
    total: int | None
    until: int | None
    trained_on: int | None
    live: bool
    officer_key: bytes | None = None
    acting_for: int | None = None
    replaces: int | None = None
    replaced_by: int | None = None


def officers(desk: Desk, as_of: int, party: int | None = None) -> tuple[Officer, ...]:
    """Return the officers' warrants of a party (this one by default), in the order granted."""
    return _warrants(desk, as_of, party, of_nodes=False)


def nodes(desk: Desk, as_of: int, party: int | None = None) -> tuple[Officer, ...]:
    """Return the warrants by which the nodes of a party write, as ``officers`` does; they have no duties."""
    return _warrants(desk, as_of, party, of_nodes=True)


def _warrants(desk: Desk, as_of: int, party: int | None, *, of_nodes: bool) -> tuple[Officer, ...]:
    whose = desk.party if party is None else party
    return tuple(
        Officer(
            index,
            grant.post,
            grant.duties,
            grant.currency,
            grant.per_act,
            grant.total,
            grant.until,
            grant.trained_on,
            live=not (grant.void or grant.revoked or grant.replaced_by)
            and (grant.until is None or grant.until >= as_of),
            officer_key=grant.officer_key,
            acting_for=grant.acting_for,
            replaces=grant.replaces,
            replaced_by=grant.replaced_by.index if grant.replaced_by else None,
        )
        for (number, index), grant in sorted(desk.record.grants.items())
        if number == whose and (grant.key is not None) is of_nodes
    )


@dataclass(frozen=True)
class Step:
    """How far two nodes are in step. ``theirs_missing`` acts of ours they have not acknowledged.

    A node that came back from a backup and may be ``behind`` itself does not know.
    """

    in_step: bool
    behind: bool
    theirs_missing: int
    last_heard_at: int | None  # the partner's newest claimed time, seconds since 1970
    digest: bytes


def in_step(desk: Desk) -> Step:
    """Compare what the partner has acknowledged with what this node has said."""
    held = _held_by_partners(desk)
    missing = sum(
        1
        for log, size in desk.space.sizes().items()
        if log % 16 == desk.party
        for index in range(held.get(log, 0), size)
        if desk.space.is_act(log, index)
    )
    heard = [desk.space.last_time(log) for log in desk.space.sizes() if log % 16 != desk.party]
    newest = max((t for t in heard if t), default=None)
    behind = desk.is_behind
    return Step(not missing and not behind, behind, missing, newest, desk.record.digest)


def duties_for(kind: Kind) -> tuple[Duty, ...]:
    """Return the duties of which an officer needs one to sign ``kind``."""
    return tuple(sorted({duty for step in LIFE if step.kind == kind for duty in step.duties}))
