"""An order's entries in words: the setting of each, its sentence, its fields, what it posted."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from tallystick.app import fields, read
from tallystick.app.node import Desk
from tallystick.app.read import OrderDetail, TimelineItem
from tallystick.core.findings import Finding, Weight
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.web.pages.orders.postings import Posted, posted
from tallystick.web.pages.wording import Setting, Told, items_of, sentence, tell


def setting_for(desk: Desk, order: OrderView | None, *, party: int) -> Setting:
    """Return what numbers mean in an entry of ``party`` about ``order``."""
    return Setting(
        context=read.context_of(order) if order is not None else fields.Context(),
        items=items_of(order),
        posts=lambda grant: read.post_of(desk, party, grant) or str(grant),
        parties=tuple(p.name for p in desk.genesis.parties),
        situations=MappingProxyType(dict(desk.genesis.terms.situations)),
        categories=MappingProxyType(dict(desk.genesis.terms.categories)),
        number=lambda year, serial: desk.genesis.order_number(party, year, serial),
    )


@dataclass(frozen=True, slots=True)
class Spoken:
    """One entry of the timeline, ready to be drawn."""

    item: TimelineItem
    sentence: str
    told: Told
    posted: tuple[Posted, ...]
    ours: bool
    is_void: bool
    flags: tuple[Finding, ...]
    proposal_waits: bool  # it counts only once the other side has countersigned, and it has not


def spoken(desk: Desk, detail: OrderDetail) -> list[Spoken]:
    """Return the timeline of an order, the newest entry first."""
    view = detail.view
    waiting = {p.ref for p in view.proposals if p.countersigned is None}
    void = set(view.void)
    settings = {party: setting_for(desk, view, party=party) for party in (view.receiver, view.provider)}
    return [_spoken(desk, item, settings, waiting, void) for item in reversed(detail.timeline)]


def _spoken(
    desk: Desk, item: TimelineItem, settings: dict[int, Setting], waiting: set[EntryRef], void: set[EntryRef]
) -> Spoken:
    entry = desk.space.entry(item.ref)
    setting = settings.get(entry.party) or setting_for(desk, None, party=entry.party)
    corrects = desk.space.entry(entry.obj).kind if entry.obj is not None else None
    return Spoken(
        item=item,
        sentence=sentence(entry.body, setting),
        told=tell(entry.body, setting, corrects=corrects),
        posted=posted(item.transactions, desk),
        ours=entry.party == desk.party,
        is_void=item.ref in void or item.weight is Weight.VOID,
        flags=item.findings,
        proposal_waits=item.ref in waiting,
    )
