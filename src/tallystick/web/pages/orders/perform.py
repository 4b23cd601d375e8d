"""One mechanism for every act: fill in, look at exactly what will be signed and posted, sign.

``GET`` shows the form; ``POST`` says with ``do`` what to do with it. Nothing typed is ever lost: every refusal comes
back with the form filled, and what was typed is kept as a draft on this node. A second press of the button, or an
order that moved meanwhile, gets its own answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from django.contrib import messages as told
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _

from tallystick.app import read, write
from tallystick.app.write import Preview
from tallystick.core.entries import Draft, Entry, Kind
from tallystick.core.errors import ActRefusedError, LocalError, StoreError
from tallystick.core.findings import Weight
from tallystick.core.identity import EntryRef
from tallystick.core.signing import readable_id
from tallystick.stores.officer_keys import OpenKey
from tallystick.web import messages, record
from tallystick.web.national import models as national
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders import drafts
from tallystick.web.pages.orders.acts import ACTS, Act
from tallystick.web.pages.orders.forms.asking import RequestForm, renumbered
from tallystick.web.pages.orders.forms.bargain import OfferForm
from tallystick.web.pages.orders.forms.base import ActForm
from tallystick.web.pages.orders.occasion import Occasion
from tallystick.web.pages.orders.postings import posted
from tallystick.web.pages.orders.telling import setting_for
from tallystick.web.pages.wording import Told, sentence, tell
from tallystick.web.people import signing_keys
from tallystick.web.people.decorators import confirm_required

_KINDS = SimpleNamespace(**{kind.name: kind for kind in Kind})  # templates call classes, so they get a plain namespace

# What a page adds to a form, never part of what is said.
_OURS = drafts.NOT_KEPT


@dataclass(frozen=True)
class Doing:
    """One officer's work on one act: where it happens, and where one goes from here."""

    request: HttpRequest
    here: Here
    occasion: Occasion
    back: str  # where one came from
    done: Callable[[Entry], str]  # where one goes after signing
    form_template: str = "orders/act.html"
    preview_template: str = "orders/preview.html"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def act(self) -> Act:
        return ACTS[self.occasion.kind]

    @property
    def order_id(self) -> EntryRef | None:
        return self.occasion.detail.view.order_id if self.occasion.detail is not None else None


def perform(doing: Doing) -> HttpResponse:
    """Answer a request to an act's address."""
    request = doing.request
    if ask := confirm_required(request):
        if request.method == "POST":
            drafts.save(doing.here, doing.occasion, request.POST)  # what was typed waits until one has confirmed
        return ask
    if request.method != "POST":
        return _begin(doing)
    todo = request.POST.get("do", "preview")
    match todo.partition("-"):
        case ["save", _, _]:
            drafts.save(doing.here, doing.occasion, request.POST)
            told.success(request, _("Saved as a draft. Only people on this node can see it."), extra_tags="good")
            return HttpResponseRedirect(doing.back)
        case ["discard", _, _]:
            drafts.drop(doing.here, doing.occasion)
            return HttpResponseRedirect(request.path)
        case ["sign", _, _]:
            return _sign(doing)
        case ["preview", _, _]:
            return _look(doing)
    return _rework(doing, todo)


def _begin(doing: Doing) -> HttpResponse:
    kept = drafts.find(doing.here, doing.occasion)
    form = doing.act.form(doing.occasion)
    if kept is not None:
        form = _unjudged(doing, drafts.data_of(kept))
    return _form_page(doing, form, kept=kept)


def _rework(doing: Doing, todo: str) -> HttpResponse:
    """Give the form back changed: a line more or less, prices picked from a list, a volume worked out, another step."""
    data: QueryDict = doing.request.POST.copy()
    form_class = doing.act.form
    if issubclass(form_class, RequestForm):
        if todo == "add":
            data = renumbered(data, add=True)
        elif todo.startswith("remove-") and todo[7:].isdigit():
            data = renumbered(data, without=int(todo[7:]))
        elif todo == "lines":  # on to the second step, if the first reads well
            form = form_class(doing.occasion, data)
            form.is_valid()
            if form.first_step_has_errors:
                return _form_page(doing, form, status=422, step="why")
        step = "why" if todo == "why" else "lines"
        return _form_page(doing, _unjudged(doing, data), step=step, focus=todo)
    if issubclass(form_class, OfferForm) and todo == "pick":
        picked = form_class(doing.occasion, data).picked(data.get("price_list", ""))
        for name, value in picked.items():
            data[name] = value
    return _form_page(doing, _unjudged(doing, data), focus=todo, working=todo == "volume")


def _unjudged(doing: Doing, data: QueryDict) -> ActForm:
    """Return a form that shows ``data`` without saying what is still missing."""
    form = doing.act.form(doing.occasion, data)
    form.is_valid()
    form.errors.clear()
    return form


def _look(doing: Doing) -> HttpResponse:
    """Show exactly what would be signed, or what is wrong with it."""
    form = doing.act.form(doing.occasion, doing.request.POST)
    if form.is_valid():
        assert form.draft is not None
        try:
            preview = _preview(doing, form.draft)
        except LocalError as error:
            form.refuse(error)
        else:
            return _preview_page(doing, form, preview)
    return _refused(doing, form)


def _preview(doing: Doing, draft: Draft) -> Preview:
    """Return what signing would do.

    Raises:
        ActRefusedError: it would not count.
    """
    preview = write.preview(doing.here.desk, draft)
    if preview.trial.void:
        reason = preview.trial.findings[0]
        raise ActRefusedError(reason.code, **dict(reason.facts))
    return preview


def _sign(doing: Doing) -> HttpResponse:
    request, desk = doing.request, doing.here.desk
    form = doing.act.form(doing.occasion, request.POST)
    if not form.is_valid():
        return _refused(doing, form)
    assert form.draft is not None
    looked_at = _hex(request.POST.get("looked_at", ""))
    draft = replace(form.draft, t=_shown_at(doing))
    try:
        officer = _officer_key(doing)
    except LocalError as error:
        return _unsealed(doing, form, draft, error)
    try:
        with desk.lock:
            desk.refresh()
            preview = _preview(doing, draft)
            twin = _already(doing, preview.entry)
            if twin is not None:
                told.info(request, _("This was signed already. It was not signed twice."))
                return HttpResponseRedirect(doing.done(twin))
            if preview.entry.core_hash != _hex(request.POST.get("shown", "")):
                return _preview_page(doing, form, preview, notice="changed", status=409)
            if preview.own is not None and draft.t is None:
                return _preview_page(doing, form, preview, notice="late", status=409)
            entry = write.sign(desk, draft, looked_at=looked_at, officer=officer)
    except ActRefusedError as error:
        twin = _signed_before(doing, form.draft)
        if twin is not None:
            told.info(request, _("This was signed already. It was not signed twice."))
            return HttpResponseRedirect(doing.done(twin))
        form.refuse(error)
        return _refused(doing, form, status=409)
    except LocalError as error:
        if error.code == "order-changed":
            return _moved(doing, form)
        if error.code in _OF_THE_KEY:
            return _unsealed(doing, form, draft, error)
        form.refuse(error)
        return _refused(doing, form)
    except StoreError as error:
        form.add_error(None, messages.sentence(error.code, error.facts))
        return _refused(doing, form, status=503, keep=False)
    _afterwards(doing, form, entry)
    return HttpResponseRedirect(doing.done(entry))


SHOWN_SECONDS = 10 * 60  # an officer's signature names the minute that was shown; a page older than that is shown anew
_OF_THE_KEY = frozenset({"officer-must-sign", "officer-key-differs", "officer-key-not-granted"})


def _shown_at(doing: Doing) -> int | None:
    """Return the time the page showed, so that the officer signs those very bytes; None when that is too long ago."""
    told = doing.request.POST.get("at", "")
    at = int(told) if told.isdecimal() and len(told) < 12 else 0
    now = doing.here.desk.clock.now()
    return at if now - SHOWN_SECONDS <= at <= now else None


def _officer_key(doing: Doing) -> OpenKey | None:
    """Open the officer's own key with what was given for this one signature; None when nothing was."""
    said = doing.request.POST
    passphrase, prf = said.get("passphrase", ""), said.get("prf", "")
    if not (passphrase or prf):
        return None
    return signing_keys.open_for(doing.request, doing.here.person, passphrase, prf=prf)


def _unsealed(doing: Doing, form: ActForm, draft: Draft, error: LocalError) -> HttpResponse:
    """Show the page again with what is wrong about the officer's key beside its field."""
    try:
        preview = _preview(doing, draft)
    except LocalError as refused:
        form.refuse(refused)
        return _refused(doing, form)
    return _preview_page(doing, form, preview, key_error=messages.sentence(error.code, error.facts), status=422)


def _moved(doing: Doing, form: ActForm) -> HttpResponse:
    """The order has moved on since it was looked at: show what signing would mean now."""
    assert form.draft is not None
    try:
        return _preview_page(doing, form, _preview(doing, form.draft), notice="moved", status=409)
    except LocalError as error:
        form.add_error(None, messages.sentence("order-changed", {"order": doing.occasion.view.number}))
        form.refuse(error)
        return _refused(doing, form, status=409)


def _afterwards(doing: Doing, form: ActForm, entry: Entry) -> None:
    """Keep what stays home, tell the officer, and let the partner hear of it."""
    here = doing.here
    drafts.drop(here, doing.occasion)
    citation = form.national().get("fund_citation")
    if citation and doing.order_id is not None:
        national.FundCitation.objects.create(
            order=national.order_key(here.desk.id, doing.order_id), text=citation, person=here.person, at=here.now
        )
    told.success(doing.request, str(doing.act.done), extra_tags="good")
    record.signed()


def _already(doing: Doing, entry: Entry) -> Entry | None:
    """Return the entry that says the very same about the same thing, by the same officer, and counts."""
    record_now = doing.here.desk.record
    order_id = doing.order_id
    known = record_now.entries_of(order_id) if order_id is not None else ()
    if order_id is None:
        own = [ref for ref in record_now.orders if ref.log == entry.ref.log]
        known = tuple(doing.here.desk.space.entry(ref) for ref in own[-_RECENT:])
    for other in reversed(known):
        if other.core_hash == entry.core_hash and other.obj == entry.obj and other.ref.log == entry.ref.log:
            if entry.kind in _MAY_REPEAT and other.t != entry.t:
                continue
            return other
    return None


_RECENT = 100  # requests looked through for the same one: a second press comes within minutes, not a hundred orders

# The same words may be meant twice: two equal deliveries, two equal payments. Only within the same minute is it a slip.
_MAY_REPEAT = frozenset({Kind.DELIVERY, Kind.PAYMENT_ADVICE, Kind.FUNDS_RECEIVED, Kind.NOTE, Kind.AMENDMENT})


def _signed_before(doing: Doing, draft: Draft) -> Entry | None:
    """Return the equal entry signed before, when the second one was refused because of it."""
    return next(
        (
            other
            for other in reversed(doing.here.desk.record.entries_of(doing.order_id) if doing.order_id else ())
            if other.body == draft.body and other.obj == draft.obj and other.party == doing.here.desk.party
        ),
        None,
    )


# ---- the pages


def _refused(doing: Doing, form: ActForm, *, status: int = 422, keep: bool = True) -> HttpResponse:
    """Give the form back filled, with what is wrong beside its fields; keep what was typed as a draft."""
    if keep:
        with suppress(DatabaseError):  # the form itself comes back filled, so nothing typed is lost
            drafts.save(doing.here, doing.occasion, doing.request.POST)
    return _form_page(doing, form, status=status, step=_step_with_errors(form))


def _step_with_errors(form: ActForm) -> str:
    return "why" if isinstance(form, RequestForm) and form.first_step_has_errors else "lines"


def _form_page(
    doing: Doing,
    form: ActForm,
    *,
    status: int = 200,
    step: str = "",
    kept: national.Draft | None = None,
    focus: str = "",
    working: bool = False,
) -> HttpResponse:
    if not step:
        step = "lines" if kept is not None else "why"
    return render(
        doing.request,
        doing.form_template,
        {
            **_around(doing),
            "form": form,
            "step": step,
            "kept": kept,
            "focus": focus,
            "working": working,
            **doing.extra,
        },
        status=status,
    )


def _preview_page(
    doing: Doing, form: ActForm, preview: Preview, *, notice: str = "", key_error: str = "", status: int = 200
) -> HttpResponse:
    occasion = doing.occasion
    setting = setting_for(occasion.desk, preview.trial.order, party=occasion.desk.party)
    body = preview.entry.body
    about = occasion.object
    words: Told = tell(body, setting, corrects=about.kind if about is not None else None)
    before = doing.occasion.detail.view if doing.occasion.detail is not None else None
    return render(
        doing.request,
        doing.preview_template,
        {
            **_around(doing),
            "form": form,
            "fields": list(_hidden(doing.request.POST)),
            "entry": preview.entry,
            "leaf": preview.leaf,
            "sentence": sentence(body, setting),
            "told": words,
            "remark": form.cleaned_data.get("remark", "").strip(),
            "who": next(o.post for o in occasion.officers if o.grant == form.who),
            "posted": posted(preview.trial.transactions, occasion.desk),
            "findings": [f for f in preview.trial.findings if f.weight is not Weight.VOID],
            "state_before": before.state if before is not None else None,
            "state_after": preview.trial.order.state if preview.trial.order is not None else None,
            "looked_at": preview.order_digest.hex() if preview.order_digest else "",
            "shown": preview.entry.core_hash.hex(),
            "own": _own(doing, preview, key_error),
            "notice": notice,
            "news": _news(doing) if notice == "moved" else [],
            "stays_home": form.national(),
            **doing.extra,
        },
        status=status,
    )


@dataclass(frozen=True)
class Own:
    """The officer's own signature, as the page asks for it. ``cannot`` says why it cannot be given here."""

    to_sign: bytes
    at: int
    cannot: str
    error: str
    passkey: signing_keys.Asking | None


def _own(doing: Doing, preview: Preview, error: str) -> Own | None:
    if preview.own is None:
        return None
    key, granted = signing_keys.of(doing.here.person), preview.own.key
    facts = {"post": preview.own.post, "grant": preview.own.grant}
    cannot = ""
    if granted is None:
        cannot = messages.sentence("officer-key-not-granted", facts)
    elif key is None:
        cannot = messages.sentence("no-signing-key")
    elif bytes(key.public) != granted:
        ids = {"shown": signing_keys.key_id(key), "granted": readable_id(granted)}
        cannot = messages.sentence("officer-key-differs", {**facts, **ids})
    passkey = signing_keys.asking_to_open(doing.request, key)
    return Own(preview.own.to_sign, preview.entry.t, cannot, error, passkey)


def _around(doing: Doing) -> dict[str, Any]:
    occasion = doing.occasion
    about = occasion.object
    about_told: Told | None = None
    about_sentence = ""
    if about is not None and occasion.detail is not None:
        setting = setting_for(occasion.desk, occasion.view, party=about.party)
        about_told = tell(about.body, setting, corrects=_kind_of(occasion, about.obj))
        about_sentence = sentence(about.body, setting)
    return {
        "here": doing.here,
        "act": doing.act,
        "kind": occasion.kind,
        "detail": occasion.detail,
        "order": occasion.view if occasion.detail is not None else None,
        "occasion": occasion,
        "about": about,
        "about_told": about_told,
        "about_sentence": about_sentence,
        "back": doing.back,
        "Kind": _KINDS,
    }


def _kind_of(occasion: Occasion, ref: EntryRef | None) -> int | None:
    return occasion.desk.space.entry(ref).kind if ref is not None else None


def _news(doing: Doing) -> list[read.TimelineItem]:
    """Return the newest entry of the order: most likely what moved it."""
    order_id = doing.order_id
    assert order_id is not None
    return list(read.timeline(doing.here.desk, order_id)[-1:])


def _hidden(data: QueryDict) -> Iterator[tuple[str, str]]:
    for name, values in data.lists():
        if name not in _OURS:
            for value in values:
                yield name, str(value)


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) or None
    except ValueError:
        return None
