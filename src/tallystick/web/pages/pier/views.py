"""The pier: what comes in or goes out here today, and one tap to count it. Small, large-handed, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tallystick.app import fields, read
from tallystick.app.read import OrderDetail
from tallystick.core.entries import Duty, Entry, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OpenAct, OrderState, OrderView
from tallystick.web.pages.desk import Here, current
from tallystick.web.pages.orders import access
from tallystick.web.pages.orders.access import NotNowError, for_readers, mine, order_or_404, warrants_of
from tallystick.web.pages.orders.perform import Doing, perform
from tallystick.web.pages.orders.views import not_now
from tallystick.web.pages.wording import Setting, goods, items_of
from tallystick.web.people.decorators import SignedInRequest

SOON_DAYS = 14  # a visit is prepared a fortnight ahead
HERE = frozenset({OrderState.AGREED, OrderState.IN_DELIVERY})
PIER_KINDS = (Kind.DELIVERY, Kind.RECEIPT)


@dataclass(frozen=True, slots=True)
class Visit:
    """An order with something to hand over or to receive, and how far it is."""

    order: OrderView
    acts: tuple[OpenAct, ...]
    starts_in: int  # days; below zero when it has begun


@require_safe
@for_readers
def pier(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    held = {d for officer in warrants_of(here.person, here.desk, here.as_of) for d in officer.duties}
    visits = sorted(_visits(here), key=lambda v: (v.order.need_from, v.order.number))
    return render(
        request,
        "pier/pier.html",
        {
            "here": here,
            "now": [v for v in visits if v.acts and v.starts_in <= SOON_DAYS],
            "later": [v for v in visits if v.acts and v.starts_in > SOON_DAYS],
            "others": [v for v in visits if not v.acts and v.starts_in <= SOON_DAYS],
            "counts": bool(held & {Duty.ISSUING, Duty.RECEIVING}),
        },
    )


def _visits(here: Here) -> Iterator[Visit]:
    with here.desk.lock:
        rows = here.desk.index.live(here.desk.record, here.as_of)
    for row in rows:
        if row.state in HERE:
            detail = read.order(here.desk, row.order_id, here.reader, here.as_of)
            if detail is not None and any(_waited_for(act) for act in detail.ours):
                acts = tuple(act for act in _acts(here, detail) if _waited_for(act))
                yield Visit(detail.view, acts, row.need_from - here.as_of)


def _waited_for(act: OpenAct) -> bool:
    """Return whether the order waits for this count; one more delivery would be allowed long after."""
    return act.primary and act.kind in PIER_KINDS


def _acts(here: Here, detail: OrderDetail) -> tuple[OpenAct, ...]:
    return tuple(act for act in mine(here, detail) if act.kind in PIER_KINDS)


@require_safe
@for_readers
def order(request: SignedInRequest, order_id: EntryRef) -> HttpResponse:
    """What the picture on the order page leads to: straight to the count, or a choice of deliveries."""
    here = current(request)
    detail = order_or_404(here, order_id)
    acts = _acts(here, detail)
    if len(acts) == 1:
        return HttpResponseRedirect(reverse("pier-act", args=[order_id, acts[0].on]))
    return render(request, "pier/order.html", _choice(here, detail, acts))


def _choice(here: Here, detail: OrderDetail, acts: tuple[OpenAct, ...]) -> dict[str, Any]:
    """Return what the page shows of the acts one can choose from: of a delivery its day and its goods."""
    view = detail.view
    context = fields.Context(view.currency, {line.line: line.unit for line in view.lines})
    setting = Setting(context=context, items=items_of(view))
    return {
        "here": here,
        "order": view,
        "detail": detail,
        "acts": acts,
        "handed": {
            d.ref: {"day": d.occurred_on, "goods": goods(((x.line, x.quantity) for x in d.lines), setting)}
            for d in view.deliveries
        },
    }


@never_cache
@require_http_methods(["GET", "POST"])
@for_readers
def act(request: SignedInRequest, order_id: EntryRef, on: EntryRef) -> HttpResponse:
    """Hand over under an order, or receive one delivery of it."""
    here = current(request)
    detail = order_or_404(here, order_id)
    kind = _kind(detail, on)
    try:
        occasion = access.occasion(here, detail, kind, on)
    except NotNowError:
        return not_now(request, here, detail, kind, on)

    def after(_signed: Entry) -> str:
        return reverse("pier-done", args=[order_id])

    return perform(
        Doing(
            request, here, occasion, back=reverse("pier"), done=after,
            form_template="pier/act.html", preview_template="pier/preview.html",
        )
    )  # fmt: skip


def _kind(detail: OrderDetail, on: EntryRef) -> Kind:
    """Return what is done on the pier about an entry of this order."""
    if on == detail.view.acceptance:
        return Kind.DELIVERY
    if any(delivery.ref == on for delivery in detail.view.deliveries):
        return Kind.RECEIPT
    raise Http404


@require_safe
@for_readers
def done(request: SignedInRequest, order_id: EntryRef) -> HttpResponse:
    """What was just signed, and what is left."""
    here = current(request)
    detail = order_or_404(here, order_id)
    return render(request, "pier/done.html", _choice(here, detail, _acts(here, detail)))
