"""One order, its raw entries, its private side, and every act on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import segno
from django.contrib import messages as told
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tallystick.app import auditor, fields, prove, read
from tallystick.app import redact as erasing
from tallystick.app.export import to_csv
from tallystick.app.read import OrderDetail
from tallystick.core import calendar, checkpoint, cose, merkle
from tallystick.core.due import Clock, ClockKind
from tallystick.core.entries import Duty, Entry, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OpenAct
from tallystick.core.quantity import Money, Quantity, price_text
from tallystick.core.signing import readable_id
from tallystick.web import formats, words
from tallystick.web.national import models as national
from tallystick.web.pages.desk import Here, current
from tallystick.web.pages.orders import access, drafts
from tallystick.web.pages.orders.access import NotNowError, for_readers, mine, order_or_404, posts_with, warrants_of
from tallystick.web.pages.orders.acts import ACTS
from tallystick.web.pages.orders.occasion import Occasion
from tallystick.web.pages.orders.perform import Doing, perform
from tallystick.web.pages.orders.postings import posted
from tallystick.web.pages.orders.tally import tally
from tallystick.web.pages.orders.telling import setting_for, spoken
from tallystick.web.pages.twins import download
from tallystick.web.pages.wording import sentence, tell
from tallystick.web.people.decorators import SignedInRequest

NOTE_MAX = 2000
REMEMBERED = 100  # orders whose places and items are offered while one types
_QUIET = frozenset({Kind.NOTE, Kind.CORRECTION})  # offered, but not among what moves the order on


# ---- one order


@require_safe
@for_readers
def order(request: SignedInRequest, order_id: EntryRef) -> HttpResponse:
    here = current(request)
    detail = order_or_404(here, order_id)
    can = mine(here, detail)
    primary = next((act for act in can if act.primary), None)
    return render(
        request,
        "orders/order.html",
        {
            "here": here,
            "detail": detail,
            "order": detail.view,
            "offered_or_later": detail.view.currency is not None,
            "primary": primary,
            "others": [act for act in can if act is not primary and act.kind not in _QUIET],
            "quiet": [act for act in can if act.kind in _QUIET and act.on == detail.view.order_id][:2],
            "corrections": {act.on for act in can if act.kind is Kind.CORRECTION},
            "waits": waits(here, detail, can),
            "numbers": {act.on: _object_name(detail, act.on) for act in can},
            "rows": tally(detail.view, here.desk.party),
            "timeline": spoken(here.desk, detail),
            "flags": [f for f in detail.findings if f.weight.value == "flag"],
            "situation": here.desk.genesis.terms.situations.get(detail.view.situation, ""),
            "clocks": telling_clocks(detail.clocks),
            "qr": qr_code(request, order_id),
            "drafts": drafts.of_order(here, order_id),
            **_private(here, order_id),
        },
    )


def waits(here: Here, detail: OrderDetail, can: Iterable[OpenAct]) -> list[tuple[str, OpenAct, list[str]]]:
    """Return whom the order waits for besides the reader: (party, act, posts), the partner's posts unsaid."""
    own = {(act.kind, act.on) for act in can}
    found = [
        (here.party, act, posts_with(here.desk, act.duties, here.as_of))
        for act in detail.ours
        if act.primary and (act.kind, act.on) not in own
    ]
    return [*found, *((detail.partner, act, []) for act in detail.theirs if act.primary)]


def telling_clocks(clocks: Iterable[Clock]) -> list[Clock]:
    """Return one clock of each sort: the next that runs out, or the last that was met."""
    chosen: dict[ClockKind, Clock] = {}
    for clock in clocks:
        other = chosen.get(clock.kind)
        if other is None or _weight(clock) < _weight(other):
            chosen[clock.kind] = clock
    return list(chosen.values())


def _weight(clock: Clock) -> tuple[bool, int]:
    return (clock.done_on is not None, clock.due_on if clock.done_on is None else -clock.done_on)


def _object_name(detail: OrderDetail, ref: EntryRef) -> str:
    """Return what tells two acts of one kind apart: which delivery, which invoice."""
    for delivery in detail.view.deliveries:
        if ref in (delivery.ref, delivery.receipt):
            return _("delivery %(number)s of %(day)s") % {
                "number": delivery.sequence, "day": formats.day(delivery.occurred_on),
            }  # fmt: skip
    for invoice in detail.view.invoices:
        if ref == invoice.ref:
            return _("invoice %(number)s") % {"number": invoice.number}
    for proposal in detail.view.proposals:
        if ref == proposal.ref:
            return str(words.KINDS[proposal.kind]).lower()
    return ""


def qr_code(request: SignedInRequest, order_id: EntryRef) -> str:
    """Return the pier page's address as an SVG picture, inline: a telephone on the pier reads it from a screen."""
    address = request.build_absolute_uri(reverse("pier-order", args=[order_id]))
    return str(segno.make(address, error="m", micro=False).svg_inline(scale=3, border=2, omitsize=True, svgclass="qr"))


def _private(here: Here, order_id: EntryRef) -> dict[str, Any]:
    key = national.order_key(here.desk.id, order_id)
    return {
        "notes": list(national.InternalNote.objects.filter(order=key).select_related("person")),
        "citations": list(national.FundCitation.objects.filter(order=key).select_related("person")),
    }


@require_POST
@for_readers
def private(request: SignedInRequest, order_id: EntryRef) -> HttpResponse:
    """Write an internal note or a fund citation: they stay on this node."""
    here = current(request)
    order_or_404(here, order_id)
    key = national.order_key(here.desk.id, order_id)
    text = request.POST.get("text", "").strip()
    if request.POST.get("what") == "citation":
        access.need_duty(here, (Duty.FUNDS_CERTIFIER, Duty.ORDERING, Duty.PAYING))
        if text:
            national.FundCitation.objects.create(order=key, text=text[:200], person=here.person, at=here.now)
            told.success(request, _("The fund citation is kept on this node."), extra_tags="good")
    elif text:
        if not warrants_of(here.person, here.desk, here.as_of):
            raise PermissionDenied(_("Only officers with a warrant write internal notes."))
        national.InternalNote.objects.create(order=key, text=text[:NOTE_MAX], person=here.person, at=here.now)
        told.success(request, _("The note is kept on this node."), extra_tags="good")
    if not text:
        told.warning(request, _("There was nothing written, so nothing was kept."), extra_tags="warn")
    return HttpResponseRedirect(reverse("order", args=[order_id]) + "#private")


# ---- twins


@require_safe
@for_readers
def order_as(request: SignedInRequest, order_id: EntryRef, form: str) -> HttpResponse:
    """The order for other programs: JSON has all of it, CSV its lines."""
    here = current(request)
    detail = order_or_404(here, order_id)
    name = detail.view.number.replace("/", "-")
    if form == "csv":
        lines = plain_lines(detail)
        return download(to_csv(list(lines[0]), lines).encode(), f"{name}.csv", "text/csv; charset=utf-8")
    return JsonResponse(plain_order(here, detail))


@require_safe
@for_readers
def order_evidence(request: SignedInRequest, order_id: EntryRef) -> HttpResponse:
    """The order's evidence file; with ``?whole=1``, one that shows every leaf of every log."""
    here = current(request)
    detail = order_or_404(here, order_id)
    data = prove.prove(here.desk, order_id, whole="whole" in request.GET)
    return download(data, prove.file_name(detail.view.number), "application/octet-stream")


@require_safe
@for_readers
def auditor_page(request: SignedInRequest) -> HttpResponse:
    """The auditor's page as it ships, under its own policy: it may ask nothing of anybody, this node included."""
    current(request)
    policy = {"Content-Security-Policy": f"{auditor.policy()}; frame-ancestors 'none'"}
    return HttpResponse(auditor.page(), content_type="text/html; charset=utf-8", headers=policy)


def plain_lines(detail: OrderDetail) -> list[dict[str, Any]]:
    view = detail.view

    def money(minor: int) -> str:
        return Money(minor, view.currency).text() if view.currency else ""

    return [
        {
            "line": line.line,
            "category": line.category,
            "item": line.item,
            "nsn": line.nsn,
            "unit": line.unit,
            "means": fields.code_name(line.means),
            **{
                name: Quantity(getattr(line, name), line.unit).text()
                for name in ("requested", "ordered", "delivered", "received", "refused", "cancelled")
            },
            "price": price_text(line.price_micro) if line.price_micro is not None else "",
            "currency": view.currency or "",
            **{name: money(getattr(line, name)) for name in ("accrued", "invoiced", "disputed", "credited", "settled")},
            "fulfilment": line.fulfilment.value,
            "settlement": line.settlement.value,
        }
        for line in view.lines
    ]


def plain_order(here: Here, detail: OrderDetail) -> dict[str, Any]:
    view = detail.view

    def money(minor: int) -> str:
        return Money(minor, view.currency).text() if view.currency else ""

    return {
        "as_of": calendar.day_text(here.as_of),
        "order": str(view.order_id),
        "number": view.number,
        "state": detail.state.value,
        "side": detail.side.value,
        "receiver": here.desk.party_code(view.receiver),
        "provider": here.desk.party_code(view.provider),
        "situation": view.situation,
        "place": view.place,
        "need_from": calendar.day_text(view.need_from),
        "need_to": calendar.day_text(view.need_to),
        "receiving_unit": view.receiving_unit,
        "currency": view.currency,
        "max_liability": money(view.max_liability),
        "accrued": money(view.accrued),
        "settled": money(view.settled),
        "open_amount": money(view.open_amount),
        "standing": detail.standing.value if detail.standing else None,
        "lines": plain_lines(detail),
        "invoices": [
            {
                "entry": str(invoice.ref),
                "number": invoice.number,
                "issued_on": calendar.day_text(invoice.issued_on),
                "due_on": calendar.day_text(invoice.due_on),
                **{n: money(getattr(invoice, n)) for n in ("total", "disputed", "credited", "received", "charges")},
                "open_amount": money(invoice.open_amount),
            }
            for invoice in view.invoices
        ],
        "findings": [
            {"code": f.code, "entry": str(f.entry), "weight": f.weight.value, **dict(f.facts)} for f in detail.findings
        ],
        "entries": [
            {
                "entry": str(item.ref),
                "kind": fields.kind_name(item.kind),
                "party": item.party,
                "post": item.post,
                "at": item.at,
                "on": str(item.obj) if item.obj is not None else None,
                "counts": item.ref not in view.void,
                "said": item.fields,
                "remark": item.remark,
                "attachments": read.plain_attachments(item.attachments),
            }
            for item in detail.timeline
        ],
        "digest": detail.digest.hex(),
    }


# ---- a raw entry


def _officer_key(here: Here, entry: Entry) -> str:
    """Return the id of the key that fits the officer's own signature of ``entry``; empty without one."""
    grant = here.desk.record.grants.get((entry.party, getattr(entry.body, "who", 0)))
    key = grant.officer_key if grant is not None else None
    if entry.auth is None or key is None or not cose.verify(key, cose.payload(here.desk.id, entry), entry.auth):
        return ""
    return readable_id(key)


@require_safe
@for_readers
def entry(request: SignedInRequest, order_id: EntryRef, ref: EntryRef) -> HttpResponse:
    """An entry as it is: its bytes, its place in the log, and the proof that it is there."""
    here = current(request)
    detail = order_or_404(here, order_id)
    found = next((e for e in here.desk.record.entries_of(order_id) if e.ref == ref), None)
    if found is None:
        raise Http404
    setting = setting_for(here.desk, detail.view, party=found.party)
    corrects = here.desk.space.entry(found.obj).kind if found.obj is not None else None
    item = next(i for i in detail.timeline if i.ref == ref)
    return render(
        request,
        "orders/entry.html",
        {
            "officer_key": _officer_key(here, found),
            "here": here,
            "order": detail.view,
            "item": item,
            "entry": found,
            "sentence": sentence(found.body, setting),
            "told": tell(found.body, setting, corrects=corrects),
            "posted": posted(item.transactions, here.desk),
            "is_void": ref in detail.view.void,
            "erasure": erasing.standing(here.desk, ref),
            "administers": Duty.ADMINISTRATOR in here.person.duties_held,
            **_evidence(here, found),
        },
    )


def _evidence(here: Here, found: Entry) -> dict[str, Any]:
    """Return what an auditor needs to check one entry without us."""
    space = here.desk.space
    stored = space.stored(found.ref)
    size = space.size(found.ref.log)
    head = space.checkpoint(found.ref.log)
    key = space.key_of(found.ref.log)
    covered = head is not None and head.size > found.ref.index
    proved_in = head.size if covered and head is not None else size
    origin = space.origin(found.ref.log)
    return {
        "stored": stored,
        "leaf_hash": merkle.leaf_hash(stored.leaf),
        "log_size": size,
        "proved_in": proved_in,
        "root": space.root(found.ref.log, proved_in),
        "path": [(i, node) for i, node in enumerate(space.inclusion(found.ref, proved_in))],
        "note": checkpoint.note(origin, key, head) if covered and head is not None and key is not None else "",
        "vkey": checkpoint.vkey(origin, key) if key is not None else "",
        "origin": origin,
        "seen": [(log, space.origin(log), size) for log, size in sorted(found.seen.items())],
    }


# ---- acts


@never_cache
@require_http_methods(["GET", "POST"])
@for_readers
def new(request: SignedInRequest) -> HttpResponse:
    """The guided request."""
    here = current(request)
    duties = read.duties_for(Kind.REQUEST)
    access.need_duty(here, duties)
    officers = tuple(o for o in warrants_of(here.person, here.desk, here.as_of) if set(o.duties) & set(duties))
    occasion = Occasion(here.desk, Kind.REQUEST, None, None, officers, here.as_of, here.offset)
    recent = [here.desk.record.orders[ref] for ref in list(here.desk.record.orders)[-REMEMBERED:]]
    known = {o.place for o in recent}
    items = {line.item for o in recent for line in o.lines}
    return perform(
        Doing(
            request, here, occasion, back=reverse("orders"), done=_to_order(here),
            extra={"known_places": sorted(known), "known_items": sorted(items)},
        )
    )  # fmt: skip


@never_cache
@require_http_methods(["GET", "POST"])
@for_readers
def act(request: SignedInRequest, order_id: EntryRef, kind: str, on: EntryRef) -> HttpResponse:
    here = current(request)
    detail = order_or_404(here, order_id)
    wanted = _kind(kind)
    back = reverse("order", args=[order_id])
    try:
        occasion = access.occasion(here, detail, wanted, on)
    except NotNowError:
        return not_now(request, here, detail, wanted, on)
    return perform(Doing(request, here, occasion, back=back, done=_to_order(here)))


def not_now(request: SignedInRequest, here: Here, detail: OrderDetail, kind: Kind, on: EntryRef) -> HttpResponse:
    """An act that is not open: signed already, perhaps by a second press of the button, or out of turn."""
    same = [
        e
        for e in here.desk.record.entries_of(detail.view.order_id)
        if e.kind == kind and e.obj == on and e.party == here.desk.party and e.ref not in detail.view.void
    ]
    if same and request.method == "POST" and request.POST.get("do") == "sign":
        told.info(request, _("This was signed already. It was not signed twice."))
        return HttpResponseRedirect(reverse("order", args=[detail.view.order_id]))
    return render(
        request,
        "orders/not_now.html",
        {"order": detail.view, "detail": detail, "kind": kind, "same": same[-1:], "can": mine(here, detail)},
        status=409,
    )


def _kind(name: str) -> Kind:
    kind = next((k for k in ACTS if fields.kind_name(k) == name), None)
    if kind is None:
        raise Http404
    return kind


def _to_order(here: Here) -> Callable[[Entry], str]:
    def address(signed: Entry) -> str:
        subject = here.desk.record.subject_of(signed.ref)
        return reverse("order", args=[subject]) if subject is not None else reverse("orders")

    return address
