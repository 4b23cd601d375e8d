"""What was asked to be erased, what is gone, and the administrator's own wish: read it, then sign it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.contrib import messages as told
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tallystick.app import fields, read
from tallystick.app import redact as erasing
from tallystick.app.redact import Standing
from tallystick.core import erasure
from tallystick.core.detail import remark_of
from tallystick.core.entries import DESK_KINDS, Draft, Duty, Redact, Segment
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.web import words
from tallystick.web.pages.desk import Here, current, sent
from tallystick.web.pages.deskacts import EDIT, refuse, sign_or_show
from tallystick.web.pages.erasure.forms import ConfirmForm, EraseForm, can_restate
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.orders.telling import setting_for
from tallystick.web.pages.wording import Told, tell
from tallystick.web.people.decorators import SignedInRequest, confirm_required, needs_duty


@dataclass(frozen=True, slots=True)
class Row:
    """An entry that somebody wants something erased of, with its order's number."""

    standing: Standing
    number: str
    confirmable: bool

    @property
    def gone(self) -> list[words.Word]:
        return words.segments(self.standing.erased)


def row_of(here: Here, standing: Standing) -> Row:
    order = _order(here, standing)
    confirmable = erasing.to_confirm(here.desk, standing) is not None
    return Row(standing, order.number if order is not None else "", confirmable)


def _order(here: Here, standing: Standing) -> OrderView | None:
    return here.desk.record.orders.get(standing.order_id) if standing.order_id is not None else None


def _administers(here: Here) -> bool:
    return Duty.ADMINISTRATOR in here.person.duties_held


@for_readers
@require_safe
def erasures(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    rows = [row_of(here, standing) for standing in erasing.asked(here.desk)]
    rows.sort(key=lambda row: (not row.standing.waiting, row.standing.target))
    return render(
        request,
        "erasure/erasures.html",
        {"here": here, "rows": rows, "administers": _administers(here), "due": erasing.purge_due(here.desk.store)},
    )


def _standing_or_404(here: Here, target: EntryRef) -> Standing:
    try:
        found = erasing.standing(here.desk, target)
    except LocalError:
        raise Http404 from None
    if found.kind in DESK_KINDS:
        raise Http404
    return found


@needs_duty(Duty.ADMINISTRATOR)
@require_http_methods(["GET", "POST"])
def erase(request: SignedInRequest, target: EntryRef) -> HttpResponse:
    """Ask to erase something of an entry."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    found = _standing_or_404(here, target)
    order = _order(here, found)
    context = read.context_of(order) if order is not None else fields.Context()
    entry = here.desk.space.entry(target)
    now = ""
    if can_restate(found):
        data = fields.to_json(entry.body, context)
        data.pop("who", None)
        now = json.dumps(data, ensure_ascii=False, indent=2)
    form = EraseForm(sent(request), standing=found, now=now)
    if request.method == "POST" and form.is_valid() and request.POST.get("do") != EDIT:
        try:
            restated = b""
            if form.cleaned_data["restated"] is not None:
                restated = erasing.restatement(here.desk, target, form.cleaned_data["restated"], context)
            draft = erasing.draft(here.desk, target, form.wanted, form.why, restated)
        except LocalError as error:
            refuse(form, error)
        else:
            signed = _sign_or_show(request, here, form, draft, back=reverse("erase", args=[target]))
            if signed is not None:
                return signed
    context_ = {
        "here": here,
        "form": form,
        "standing": found,
        "order": order,
        "told": _said_now(here, target),
        "remark": remark_of(entry.detail),
        "signed_by_officer": bool(found.made_with & Segment.AUTH),
        "ours": found.party == here.desk.party_code(here.desk.party),
        "can_sign": here.node.keys.has("root"),
        "confirmable": erasing.to_confirm(here.desk, found),
    }
    return render(request, "erasure/erase.html", context_, status=422 if form.errors else 200)


@needs_duty(Duty.ADMINISTRATOR)
@require_http_methods(["GET", "POST"])
def confirm(request: SignedInRequest, target: EntryRef) -> HttpResponse:
    """Say the same as the partner: shown as it will be signed, then signed."""
    if ask := confirm_required(request):
        return ask
    here = current(request)
    _standing_or_404(here, target)
    back = reverse("erasures")
    try:
        draft = erasing.confirmation(here.desk, target)
    except LocalError:
        return HttpResponseRedirect(back)  # somebody has confirmed it, or it was signed a moment ago
    form = ConfirmForm(sent(request))
    if request.method == "POST" and request.POST.get("do") == EDIT:
        return HttpResponseRedirect(back)
    form.is_valid()
    signed = _sign_or_show(request, here, form, draft, back=back)
    if signed is None:  # refused: the form says why
        for errors in form.errors.values():
            told.warning(request, " ".join(map(str, errors)), extra_tags="warn")
        return HttpResponseRedirect(back)
    return signed


def _sign_or_show(
    request: SignedInRequest, here: Here, form: EraseForm | ConfirmForm, draft: Draft, *, back: str
) -> HttpResponse | None:
    assert isinstance(draft.body, Redact)
    target = draft.body.target
    try:
        seen = erasing.preview(here.desk, draft)
    except LocalError as error:
        refuse(form, error)
        return None
    signed = sign_or_show(
        request,
        here,
        form,
        draft,
        title=_("Erase: entry %(entry)s") % {"entry": target},
        consequence=_consequence(seen),
        back=back,
        extra={
            "told": _told(here, draft.body),
            "seen": seen,
            "now": _said_now(here, target),
            "remark": remark_of(here.desk.space.entry(target).detail),
            "extra_template": "erasure/_preview.html",
        },
    )
    if signed is None or isinstance(signed, HttpResponse):
        return signed
    if erasing.standing(here.desk, target).waiting:
        told.success(request, _("Signed. It is erased as soon as the partner has confirmed it."), "good")
    else:
        told.success(request, _("Erased here; the partner's node erases it when it hears of it."), "good")
    return HttpResponseRedirect(reverse("erasures"))


def _told(here: Here, body: Redact) -> Told:
    """Return the wish in words, with the restatement beneath."""
    entry = here.desk.space.entry(body.target)
    order_id = here.desk.record.subject_of(body.target)
    order = here.desk.record.orders.get(order_id) if order_id is not None else None
    said = tell(body, setting_for(here.desk, None, party=here.desk.party))
    if not body.restated:
        return said
    restated = erasure.restated(body, entry.kind)
    return Told(said.fields, said.tables, tell(restated, setting_for(here.desk, order, party=entry.party)))


def _said_now(here: Here, target: EntryRef) -> Told:
    """Return what the entry says as long as nothing is erased, in words."""
    entry = here.desk.space.entry(target)
    order = _order(here, erasing.standing(here.desk, target))
    return tell(entry.body, setting_for(here.desk, order, party=entry.party))


def _consequence(seen: erasing.Preview) -> str:
    if seen.waits_for:
        return _("What you sign here is a wish, until %(party)s has signed the same. It cannot be taken back.") % {
            "party": ", ".join(seen.waits_for)
        }
    return _("What goes is gone for good on this node, and on the partner's when it hears of it.")
