"""The list of orders: filters in the address, and its CSV and JSON twins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tallystick.app import read
from tallystick.app.index import OrderRow, Standing
from tallystick.app.read import Filters, OrderList
from tallystick.core import calendar
from tallystick.core.entries import Duty, Kind
from tallystick.core.orders import OrderState, Side
from tallystick.core.quantity import Money
from tallystick.web import words
from tallystick.web.national.models import Draft
from tallystick.web.pages.desk import current
from tallystick.web.pages.orders.access import for_readers, warrants_of
from tallystick.web.pages.twins import twin
from tallystick.web.people.decorators import SignedInRequest

QUERY_MAX = 60  # longer than any order number or unit name; keeps a pasted page out of every address
STANDINGS: Mapping[Standing, str | Promise] = {
    Standing.SETTLED: _("Settled"),
    Standing.OPEN: _("Open"),
    Standing.OVERDUE: _("Overdue"),
    Standing.UNKNOWN: _("Unknown"),
}
SORTS: Mapping[str, str | Promise] = {
    "number": _("Order"),
    "state": _("State"),
    "need": _("Needed"),
    "value": _("Value"),
    "open": _("Open"),
    "due": _("Next due"),
}
COLUMNS = (
    "order", "number", "state", "side", "partner", "place", "receiving_unit", "need_from", "currency", "value",
    "open_amount", "next_due_on", "late", "standing", "flags",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to narrow the list; ``href`` keeps the other filters and lets this one go when it is on."""

    label: str | Promise
    count: int | None
    href: str
    on: bool
    state: OrderState | None = None


@dataclass(frozen=True, slots=True)
class Column:
    label: str | Promise
    href: str
    sorted: str  # ascending, descending or none: what aria-sort says
    number: bool


@require_safe
@for_readers
def orders(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    filters = filters_of(request.GET)
    listed = read.orders(here.desk, filters, here.as_of, page=_page_number(request.GET))
    held = {duty for officer in warrants_of(here.person, here.desk, here.as_of) for duty in officer.duties}
    return render(
        request,
        "orders/list.html",
        {
            "listed": listed,
            "page": _pager(listed),
            "filters": filters,
            "narrowed": filters.narrows,
            "any_orders": sum(listed.states.values()),
            "states": _states(request.GET, listed, filters),
            "columns": _columns(request.GET, filters),
            "standings": list(STANDINGS.items()),
            "sides": [(side, words.SIDES[side]) for side in (Side.RECEIVER, Side.PROVIDER)],
            "known_places": sorted({row.place for row in listed.rows}),
            "draft": Draft.objects.filter(person=here.person, kind=int(Kind.REQUEST), order="").first(),
            "may_ask": Duty.REQUESTER in held,
            "here": here,
            "query": request.GET.urlencode(),
        },
    )


@require_safe
@for_readers
def orders_as(request: SignedInRequest, form: str) -> HttpResponse:
    """The same rows for other programs: all pages of them."""
    here = current(request)
    listed = read.orders(here.desk, filters_of(request.GET), here.as_of, size=0)
    return twin(here, "orders", form, COLUMNS, (plain_row(row) for row in listed.rows))


def filters_of(query: QueryDict) -> Filters:
    """Return the filters an address names; what it does not know it ignores, so that old addresses still work."""
    known = {f.name: query.get(f.name, "").strip()[:QUERY_MAX] for f in fields(Filters)}
    if known["sort"].lstrip("-") not in SORTS:
        known["sort"] = Filters.sort
    if known["state"] not in set(OrderState):
        known["state"] = ""
    if known["standing"] not in set(Standing):
        known["standing"] = ""
    if known["side"] not in {Side.RECEIVER, Side.PROVIDER}:
        known["side"] = ""
    return Filters(**known)


def plain_row(row: OrderRow) -> dict[str, Any]:
    """Return a row as plain values: amounts as decimals of their currency, days as ISO dates."""

    def money(minor: int) -> str:
        return Money(minor, row.currency).text() if row.currency else ""

    return {
        "order": str(row.order_id),
        "number": row.number,
        "state": row.state.value,
        "side": row.side.value,
        "partner": row.partner,
        "place": row.place,
        "receiving_unit": row.receiving_unit,
        "need_from": calendar.day_text(row.need_from),
        "currency": row.currency or "",
        "value": money(row.value),
        "open_amount": money(row.open_amount),
        "next_due_on": calendar.day_text(row.next_due_on) if row.next_due_on is not None else "",
        "late": " ".join(overlay.code for overlay in row.overlays),
        "standing": row.standing.value if row.standing else "",
        "flags": row.flags,
    }


def _page_number(query: QueryDict) -> int:
    text = query.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _pager(listed: OrderList) -> Page[int]:
    return Paginator(range(listed.total), read.PAGE_SIZE).page(listed.page)


def _address(query: QueryDict, **changes: str) -> str:
    changed = query.copy()
    changed.pop("page", None)
    for name, value in changes.items():
        if value:
            changed[name] = value
        else:
            changed.pop(name, None)
    return f"?{changed.urlencode()}" if changed else "?"


def _states(query: QueryDict, listed: OrderList, filters: Filters) -> Iterator[Choice]:
    yield Choice(_("All"), sum(listed.states.values()), _address(query, state=""), not filters.state)
    for state in OrderState:
        count = listed.states.get(state.value, 0)
        if count or filters.state == state:
            on = filters.state == state
            yield Choice(words.badge(state).word, count, _address(query, state="" if on else state.value), on, state)


def _columns(query: QueryDict, filters: Filters) -> dict[str, Column]:
    by, down = filters.sort.lstrip("-"), filters.sort.startswith("-")
    found = {}
    for name, label in SORTS.items():
        now = ("descending" if down else "ascending") if name == by else "none"
        turned = f"-{name}" if now == "ascending" or (now == "none" and name in {"need", "value", "open"}) else name
        found[name] = Column(label, _address(query, sort=turned), now, name in {"value", "open"})
    return found
