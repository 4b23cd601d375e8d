"""Acts about no order: a warrant, its revocation, a price list. Shown exactly as they will be signed, then signed.

The same promises as acts on orders have: nothing is signed that was not shown, and a second press signs nothing twice.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from django import forms
from django.contrib import messages as told
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tallystick.app import write
from tallystick.app.write import Preview
from tallystick.core.entries import Draft, Entry
from tallystick.core.errors import ActRefusedError, LocalError, StoreError
from tallystick.core.identity import EntryRef
from tallystick.web import messages, record
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders.telling import setting_for
from tallystick.web.pages.wording import tell
from tallystick.web.words import Word

SIGN, EDIT = "sign", "edit"


@runtime_checkable
class Placing(Protocol):
    """A form that decides beside which of its fields a refusal is shown."""

    def refuse(self, error: LocalError) -> None: ...


_OURS = frozenset({"csrfmiddlewaretoken", "do", "shown"})


def refuse(form: forms.Form, error: LocalError) -> None:
    """Show a refusal beside the field it is about, or above the form; a form may know a better place."""
    if isinstance(form, Placing):
        form.refuse(error)
        return
    path = str(error.facts.get("field", "")).partition("[")[0]
    form.add_error(path if path in form.fields else None, messages.sentence(error.code, error.facts))


def sign_or_show(
    request: HttpRequest,
    here: Here,
    form: forms.Form,
    draft: Draft,
    *,
    title: Word,
    consequence: Word,
    back: str,
    extra: dict[str, Any] | None = None,
) -> Entry | HttpResponse | None:
    """Sign what was shown, or show what would be signed; None: refused, and the form says why."""
    desk = here.desk
    try:
        with desk.lock:
            preview = _preview(here, draft)
            if request.POST.get("do") == SIGN:
                twin = _last_if_same(here, preview.entry)
                if twin is not None:
                    told.info(request, _("This was signed already. It was not signed twice."))
                    return twin
                if preview.entry.core_hash.hex() == request.POST.get("shown", ""):
                    entry = write.sign(desk, draft)
                    record.signed()
                    return entry
    except LocalError as error:
        refuse(form, error)
        return None
    except StoreError as error:
        form.add_error(None, messages.sentence(error.code, error.facts))
        return None
    return render(
        request,
        "desk/preview.html",
        {
            "here": here,
            "title": title,
            "consequence": consequence,
            "back": back,
            "entry": preview.entry,
            "leaf": preview.leaf,
            "told": tell(preview.entry.body, setting_for(desk, None, party=desk.party)),
            "findings": preview.trial.findings,
            "fields": [(name, v) for name, vs in request.POST.lists() if name not in _OURS for v in vs],
            "shown": preview.entry.core_hash.hex(),
            "changed": request.POST.get("do") == SIGN,
            **(extra or {}),
        },
    )


def _preview(here: Here, draft: Draft) -> Preview:
    preview = write.preview(here.desk, draft)
    if preview.trial.void:
        reason = preview.trial.findings[0]
        raise ActRefusedError(reason.code, **dict(reason.facts))
    return preview


def _last_if_same(here: Here, entry: Entry) -> Entry | None:
    """Return the last act of the same log when it says the very same in the same minute: a button pressed twice."""
    space = here.desk.space
    size = space.sizes().get(entry.ref.log, 0)
    for index in range(size - 1, max(-1, size - 4), -1):  # an acknowledgement may have come in between
        if space.is_act(entry.ref.log, index):
            last = space.entry(EntryRef(entry.ref.log, index))
            same = last.core_hash == entry.core_hash and last.obj == entry.obj and last.t == entry.t
            return last if same else None
    return None
