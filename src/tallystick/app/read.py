"""What the pages, the API and the command line show: frozen shapes of codes, quantities and days, no sentences.

Pure questions to a desk; ``as_of`` is a day number and always an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tallystick.app import fields
from tallystick.app.node import Desk
from tallystick.core import due
from tallystick.core.due import Clock, Overlay
from tallystick.core.entries import DETAIL_REMARK, Duty, Entry, Kind
from tallystick.core.findings import Finding, Weight
from tallystick.core.fold import Record
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import Transaction
from tallystick.core.orders import LIFE, OpenAct, OrderState, OrderView, Side, open_acts

PAGE_SIZE = 50
SECONDS_PER_DAY = 86_400
DONE = frozenset(
    {OrderState.CLOSED, OrderState.DECLINED, OrderState.WITHDRAWN, OrderState.CANCELLED, OrderState.EXPIRED}
)
SETTLED = frozenset({OrderState.SETTLED, OrderState.CLOSED})


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


class Standing(StrEnum):
    """The four answers an auditor asks for, of each order under which something was received."""

    SETTLED = "settled"
    OPEN = "open"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"  # delivered and nobody has said what was received, or in dispute


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
class OrderRow:
    """One order in a list. Amounts in minor units of ``currency``."""

    order_id: EntryRef
    number: str
    state: OrderState
    side: Side
    partner: str
    place: str
    receiving_unit: str
    need_from: int
    currency: str | None
    value: int
    open_amount: int
    next_due_on: int | None
    overlays: tuple[Overlay, ...]
    standing: Standing | None
    flags: int


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
    weight: Weight | None  # the heaviest finding about it
    findings: tuple[Finding, ...]
    transactions: tuple[Transaction, ...]
    seen_by_partner: bool


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


def standing(order: OrderView, overlays: Iterable[Overlay]) -> Standing | None:
    """Return how an order stands to an auditor; None when nothing was delivered under it."""
    if not order.deliveries:
        return None
    codes = {overlay.code for overlay in overlays}
    if any(line.disputed for line in order.lines) or codes & {"RECEIPT_LATE", "EVIDENCE_MISSING"}:
        return Standing.UNKNOWN
    if order.state in SETTLED:
        return Standing.SETTLED
    return Standing.OVERDUE if codes & {"OVERDUE", "PAST_12M", "PAST_18M"} else Standing.OPEN


def home(desk: Desk, reader: Reader, as_of: int) -> Home:
    """Return what needs whom now, and the four numbers."""
    mine: list[Task] = []
    ours: list[Task] = []
    theirs: list[Task] = []
    rows: list[OrderRow] = []
    record = desk.record
    flags = _flags(record)
    for order in record.orders.values():
        if order.state in DONE or order.side_of(desk.party) is None:
            if order.side_of(desk.party) is not None and order.deliveries:
                rows.append(_row(desk, order, as_of, flags))
            continue
        overlays = due.overlays(order, desk.genesis.terms, as_of)
        rows.append(_row(desk, order, as_of, flags, overlays))
        if due.state_on(order, as_of) in DONE:
            continue
        for task in _tasks(desk, order, overlays):
            if task.act.party != desk.party:
                theirs.append(task)
            elif reader.may(task.act):
                mine.append(task)
            else:
                ours.append(task)

    def by_due(task: Task) -> tuple[int, str]:
        return (task.due_on if task.due_on is not None else 1 << 30, task.number)

    late = [row for row in rows if any(overlay.late for overlay in row.overlays)]
    soon = [row for row in rows if row not in late and any(not overlay.late for overlay in row.overlays)]
    return Home(
        as_of=as_of,
        mine=tuple(sorted(mine, key=by_due)),
        ours=tuple(sorted(ours, key=by_due)),
        theirs=tuple(sorted(theirs, key=by_due)),
        late=tuple(sorted(late, key=lambda row: (row.next_due_on or 0, row.number))),
        soon=tuple(sorted(soon, key=lambda row: (row.next_due_on or 0, row.number))),
        findings=sum(flags.values()),
        numbers=_numbers(rows),
    )


def _tasks(desk: Desk, order: OrderView, overlays: tuple[Overlay, ...]) -> list[Task]:
    clocks = due.clocks(order, desk.genesis.terms)
    found = []
    for party in (order.receiver, order.provider):
        for act in open_acts(order, party):
            if act.primary:
                due_on = min((c.due_on for c in clocks if c.done_on is None and act.kind in c.met_by), default=None)
                partner = desk.party_code(_partner(order, desk.party))
                found.append(
                    Task(order.order_id, order.number, act, order.state, partner, order.place, due_on, overlays)
                )
    return found


def _partner(order: OrderView, party: int) -> int:
    return order.provider if order.receiver == party else order.receiver


def _flags(record: Record) -> Counter[EntryRef]:
    """Count what someone should look at, per order."""
    return Counter(f.order_id for f in record.findings if f.order_id is not None and f.weight is not Weight.TOLD)


def _numbers(rows: Iterable[OrderRow]) -> dict[Standing, Tally]:
    counts: Counter[Standing] = Counter()
    amounts: dict[Standing, Counter[str]] = {which: Counter() for which in Standing}
    for row in rows:
        if row.standing is None:
            continue
        counts[row.standing] += 1
        if row.currency:
            amounts[row.standing][row.currency] += row.value if row.standing is Standing.SETTLED else row.open_amount
    return {which: Tally(counts[which], tuple(sorted(amounts[which].items()))) for which in Standing}


def _row(
    desk: Desk,
    order: OrderView,
    as_of: int,
    flags: Mapping[EntryRef, int],
    overlays: tuple[Overlay, ...] | None = None,
) -> OrderRow:
    if overlays is None:
        overlays = due.overlays(order, desk.genesis.terms, as_of)
    clocks = due.clocks(order, desk.genesis.terms)
    return OrderRow(
        order_id=order.order_id,
        number=order.number,
        state=due.state_on(order, as_of),
        side=order.side_of(desk.party) or Side.EITHER,
        partner=desk.party_code(_partner(order, desk.party)),
        place=order.place,
        receiving_unit=order.receiving_unit,
        need_from=order.need_from,
        currency=order.currency,
        value=order.accrued or order.agreed_value,
        open_amount=order.open_amount,
        next_due_on=min((clock.due_on for clock in clocks if clock.done_on is None), default=None),
        overlays=overlays,
        standing=standing(order, overlays),
        flags=flags.get(order.order_id, 0),
    )


_SORTS = {
    "need": lambda row: (row.need_from, row.number),
    "number": lambda row: (row.number,),
    "state": lambda row: (list(OrderState).index(row.state), row.number),
    "due": lambda row: (row.next_due_on if row.next_due_on is not None else 1 << 30, row.number),
    "value": lambda row: (row.currency or "", row.value, row.number),
    "open": lambda row: (row.currency or "", row.open_amount, row.number),
}


def orders(desk: Desk, filters: Filters, as_of: int, page: int = 1, size: int = PAGE_SIZE) -> OrderList:
    """Return one page of orders. A page out of range is the last one; ``size`` 0 means all."""
    record = desk.record
    flags = _flags(record)
    text = filters.q.strip().lower()
    states: Counter[str] = Counter()
    kept: list[OrderView] = []
    for order in record.orders.values():
        side = order.side_of(desk.party)
        if side is None:
            continue
        states[order.state] += 1
        if filters.side and side != filters.side:
            continue
        if filters.place and order.place != filters.place.upper():
            continue
        if filters.partner and desk.party_code(_partner(order, desk.party)) != filters.partner:
            continue
        if text and not _mentions(order, text):
            continue
        kept.append(order)
    narrow = filters.state or filters.standing or filters.late
    plain_sort = filters.sort.lstrip("-") in {"need", "number"}
    reverse = filters.sort.startswith("-")
    if narrow or not plain_sort or not size:
        rows = [row for row in (_row(desk, order, as_of, flags) for order in kept) if _fits(row, filters)]
        rows.sort(key=_SORTS.get(filters.sort.lstrip("-"), _SORTS["need"]), reverse=reverse)
        total = len(rows)
        page, pages = _clamp(page, total, size)
        shown = rows[(page - 1) * size : page * size] if size else rows
    else:
        # The common list touches clocks only for the page it shows: 100,000 orders stay quick.
        by_number = filters.sort.lstrip("-") == "number"
        kept.sort(key=lambda o: (o.number,) if by_number else (o.need_from, o.number), reverse=reverse)
        total = len(kept)
        page, pages = _clamp(page, total, size)
        shown = [_row(desk, order, as_of, flags) for order in kept[(page - 1) * size : page * size]]
    return OrderList(tuple(shown), total, page, pages, dict(states))


def _clamp(page: int, total: int, size: int) -> tuple[int, int]:
    pages = max(1, -(-total // size)) if size else 1
    return min(max(1, page), pages), pages


def _mentions(order: OrderView, text: str) -> bool:
    return (
        text in order.number.lower()
        or text in order.receiving_unit.lower()
        or any(text in line.item.lower() for line in order.lines)
    )


def _fits(row: OrderRow, filters: Filters) -> bool:
    codes = {overlay.code for overlay in row.overlays}
    return (
        (not filters.state or row.state == filters.state)
        and (not filters.standing or row.standing == filters.standing)
        and (not filters.late or bool(codes) if filters.late in ("", "any") else filters.late in codes)
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
    partner = _partner(view, desk.party)
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
    remark = (entry.detail or {}).get(DETAIL_REMARK, "")
    held = held_by_partner or {}
    return TimelineItem(
        ref=entry.ref,
        kind=entry.kind,
        party=desk.party_code(entry.party),
        post=post_of(desk, entry.party, told.pop("who", 0)),
        at=entry.t,
        obj=entry.obj,
        fields=told,
        remark=remark if isinstance(remark, str) else "",
        weight=heaviest,
        findings=found,
        transactions=tuple(transactions),
        seen_by_partner=entry.party != desk.party or held.get(entry.ref.log, 0) > entry.ref.index,
    )


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


def officers(desk: Desk, as_of: int, party: int | None = None) -> tuple[Officer, ...]:
    """Return the officers' warrants of a party (this one by default), in the order granted."""
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
            live=not grant.void and not grant.revoked and (grant.until is None or grant.until >= as_of),
        )
        for (number, index), grant in sorted(desk.record.grants.items())
        if number == whose and grant.key is None
    )


@dataclass(frozen=True)
class Step:
    """How far two nodes are in step. ``theirs_missing`` acts of ours they have not acknowledged, and the reverse."""

    in_step: bool
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
    return Step(missing == 0, missing, max((t for t in heard if t), default=None), desk.record.digest)


def duties_for(kind: Kind) -> tuple[Duty, ...]:
    """Return the duties of which an officer needs one to sign ``kind``."""
    return tuple(sorted({duty for step in LIFE if step.kind == kind for duty in step.duties}))
