from __future__ import annotations

from django.contrib import messages as told
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tallystick.app import read
from tallystick.core.entries import Kind
from tallystick.core.fold import PriceListView
from tallystick.core.identity import EntryRef
from tallystick.core.quantity import price_text
from tallystick.web.pages.desk import Here, current, sent
from tallystick.web.pages.deskacts import EDIT, sign_or_show
from tallystick.web.pages.orders.access import for_readers, need_duty, warrants_of
from tallystick.web.pages.pricelists.forms import PriceListForm
from tallystick.web.pages.twins import twin
from tallystick.web.people.decorators import SignedInRequest, confirm_required

COLUMNS = ("category", "item", "nsn", "unit", "price", "currency", "companions")


def stands(view: PriceListView, as_of: int) -> str:
    """Return whether a list can be leaned on today: ``active``, ``waiting`` or ``ended``."""
    if view.replaced_by is not None or view.valid_to < as_of:
        return "ended"
    return "active" if view.valid_from <= as_of else "waiting"


def _may_publish(here: Here) -> bool:
    duties = set(read.duties_for(Kind.PRICE_LIST))
    return any(duties & set(officer.duties) for officer in warrants_of(here.person, here.desk, here.as_of))


@require_safe
@for_readers
def prices(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    lists = sorted(here.desk.record.price_lists, key=lambda v: (stands(v, here.as_of) == "ended", -v.valid_from, v.ref))
    rows = [(view, here.desk.party_code(view.party), stands(view, here.as_of)) for view in lists]
    context = {"here": here, "tab": "prices", "rows": rows, "may_publish": _may_publish(here)}
    return render(request, "pricelists/list.html", context)


def _found(here: Here, ref: EntryRef) -> PriceListView:
    found = next((view for view in here.desk.record.price_lists if view.ref == ref), None)
    if found is None:
        raise Http404
    return found


@require_safe
@for_readers
def price_list(request: SignedInRequest, ref: EntryRef) -> HttpResponse:
    here = current(request)
    view = _found(here, ref)
    entry = here.desk.space.entry(ref)
    context = {
        "here": here,
        "view": view,
        "stands": stands(view, here.as_of),
        "party": here.desk.party_code(view.party),
        "entry": entry,
        "post": read.post_of(here.desk, entry.party, getattr(entry.body, "who", 0)),
        "basis": getattr(entry.body, "basis", None),
        "categories": here.desk.genesis.terms.categories,
        "lines": [(line, here.desk.genesis.terms.categories.get(line.category, line.category)) for line in view.lines],
    }
    return render(request, "pricelists/show.html", context)


@require_safe
@for_readers
def price_list_twin(request: SignedInRequest, ref: EntryRef, form: str) -> HttpResponse:
    here = current(request)
    view = _found(here, ref)
    rows = (
        {
            "category": line.category,
            "item": line.item,
            "nsn": line.nsn,
            "unit": line.unit,
            "price": price_text(line.price_micro),
            "currency": view.currency,
            "companions": "; ".join(line.companions),
        }
        for line in view.lines
    )
    return twin(here, f"price-list-{ref}", form, COLUMNS, rows)


@require_http_methods(["GET", "POST"])
@for_readers
def publish(request: SignedInRequest) -> HttpResponse:
    """Fill in, read, sign."""
    here = current(request)
    duties = read.duties_for(Kind.PRICE_LIST)
    need_duty(here, duties)
    if ask := confirm_required(request):
        return ask
    officers = tuple(o for o in warrants_of(here.person, here.desk, here.as_of) if set(o.duties) & set(duties))
    earlier = [view for view in here.desk.record.price_lists if view.party == here.desk.party]
    form = PriceListForm(here, officers, earlier, sent(request))
    reworking = request.POST.get("do") in {EDIT, "more"}
    if request.method == "POST" and not reworking and form.is_valid():
        assert form.draft is not None
        signed = sign_or_show(
            request,
            here,
            form,
            form.draft,
            title=_("Publish a price list"),
            consequence=_("The partner sees it at the next exchange. Offers that name it are checked against it."),
            back=reverse("prices"),
        )
        if isinstance(signed, HttpResponse):
            return signed
        if signed is not None:
            told.success(request, _("The price list is signed."), extra_tags="good")
            return HttpResponseRedirect(reverse("price-list", args=[signed.ref]))
    if reworking:
        form.is_valid()
        form.errors.clear()
    return render(request, "pricelists/new.html", {"here": here, "form": form}, status=422 if form.errors else 200)
