"""What the operator must hear of, in plain words, with the evidence to keep and to hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib import messages as told
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from tallystick.app import alarms
from tallystick.app.alarms import Alarm, Sort
from tallystick.app.messages import Message
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError
from tallystick.web import messages
from tallystick.web.pages.desk import Here, current
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.twins import download
from tallystick.web.people.decorators import SignedInRequest, needs_duty
from tallystick.web.words import Word

REFUSED_NAME = "refused.bin"
REFUSED_SHOWN = 50

TITLES: Mapping[Sort, Word] = MappingProxyType({
    Sort.FORK: gettext_lazy("Two histories of one log"),
    Sort.DIVERGENCE: gettext_lazy("Two readings of the same entries"),
    Sort.WITHHELD: gettext_lazy("An acknowledgement does not come"),
    Sort.NODE: gettext_lazy("This node cannot sign"),
    Sort.REFUSED: gettext_lazy("Refused bytes"),
    Sort.ERASURE: gettext_lazy("A partner asks to erase"),
})  # fmt: skip


_BETWEEN_PROGRAMS = gettext_lazy(
    "The signed entries are the same on both nodes, and no partner can bring this about by what they sign."
)
MEANINGS: Mapping[str, Word] = MappingProxyType({
    "fork-theirs": gettext_lazy(
        "This writer signed one history for us and another for somebody else. It may have lied, its key may have been "
        "copied, or its node wrote on after it was put back from a backup. The two signed notes prove it to everybody."
    ),
    "fork-ours": gettext_lazy(
        "Partners were shown different histories. The two signed notes prove it to everybody, and every node comes to "
        "the same record from them."
    ),
    **dict.fromkeys(alarms.DIVERGENCE_CODES.values(), _BETWEEN_PROGRAMS),
    "acknowledgement-withheld": gettext_lazy(
        "A node like ours acknowledges what it was given before it signs anything else."
    ),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """An alarm as it is shown. ``facts`` are (name, what it is); ``can_go``: this person may put it away."""

    alarm: Alarm
    title: Word
    meaning: Word | str
    told: Message
    facts: tuple[tuple[Any, Any], ...]
    number: str  # of the order it is about
    can_go: bool


def _administers(here: Here) -> bool:
    return Duty.ADMINISTRATOR in here.person.duties_held


def row_of(here: Here, alarm: Alarm) -> Row:
    order = here.desk.record.orders.get(alarm.order) if alarm.order is not None else None
    return Row(
        alarm=alarm,
        title=TITLES[alarm.sort],
        meaning=MEANINGS.get(alarm.code, ""),
        told=messages.message(alarm.code, alarm.facts),
        facts=tuple(_facts(alarm)),
        number=order.number if order is not None else "",
        can_go=_administers(here) and alarm.seen_at is None and alarm.sort is not Sort.NODE,
    )


def banner(here: Here) -> list[str]:
    """Return a line for each alarm that nobody has put away, grave ones first; all refused bytes share one."""
    found = alarms.standing(here.desk)
    lines = [messages.message(a.code, a.facts).happened for a in found if a.sort is not Sort.REFUSED]
    refused = sum(alarm.sort is Sort.REFUSED for alarm in found)
    if refused:
        told = ngettext("A bundle was refused.", "%(count)d bundles were refused.", refused)
        lines.append(told % {"count": refused})
    return lines


def _facts(alarm: Alarm) -> list[tuple[Any, Any]]:
    facts = alarm.facts
    found: list[tuple[Any, Any]] = []
    if "writer" in facts:
        found.append((_("Writer"), facts["writer"]))
    if alarm.sort is Sort.DIVERGENCE:
        found.append((_("Noticed at attestation"), str(alarm.entry)))
    if alarm.sort is Sort.FORK:
        found.append((_("Evidence in entry"), str(alarm.entry)))
    return found


@for_readers
@require_safe
def alarms_page(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    rows = [row_of(here, alarm) for alarm in alarms.gather(here.desk)]
    refused = [row for row in rows if row.alarm.sort is Sort.REFUSED]
    return render(
        request,
        "alarms/alarms.html",
        {
            "here": here,
            "rows": [row for row in rows if row.alarm.sort is not Sort.REFUSED],
            "refused": refused[:REFUSED_SHOWN],
            "more_refused": max(0, len(refused) - REFUSED_SHOWN),
            "refused_name": REFUSED_NAME,
            "administers": _administers(here),
        },
    )


@needs_duty(Duty.ADMINISTRATOR)
@require_POST
def seen(request: SignedInRequest) -> HttpResponse:
    """Put alarms away that the administrator has looked at."""
    here = current(request)
    try:
        for alarm_id in request.POST.getlist("alarm")[:500]:
            alarms.put_away(here.desk, alarm_id)
    except LocalError as error:
        told.warning(request, messages.sentence(error.code, error.facts), extra_tags="warn")
    return HttpResponseRedirect(reverse("alarms"))


@for_readers
@require_safe
def evidence(request: SignedInRequest, alarm_id: str, name: str) -> HttpResponse:
    """Give a file that belongs to an alarm: a signed note, or the bytes that were refused."""
    desk = current(request).desk
    alarm = next((alarm for alarm in alarms.gather(desk) if alarm.id == alarm_id), None)
    if alarm is None:
        raise Http404
    if alarm.sort is Sort.REFUSED and name == REFUSED_NAME:
        aside = alarms.refused_bytes(desk, alarm.digest)
        if aside is None:
            raise Http404
        return download(aside.body, REFUSED_NAME, "application/octet-stream")
    for item in alarm.evidence:
        if item.name == name:
            return download(item.data, item.name, "text/plain; charset=utf-8")
    raise Http404
