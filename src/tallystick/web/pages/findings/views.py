from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tallystick.app import read
from tallystick.app.messages import Message
from tallystick.core.entries import Entry
from tallystick.core.findings import Finding, Weight
from tallystick.core.orders import OrderState
from tallystick.web import messages
from tallystick.web.pages.desk import Here, current
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.twins import twin
from tallystick.web.people.decorators import SignedInRequest

PAGE_SIZE = 50
HEAVIEST_FIRST = (Weight.VOID, Weight.FLAG, Weight.TOLD)
COLUMNS = ("code", "weight", "entry", "order", "number", "happened", "remedy")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with what it is about. ``number`` is empty where it is about no order of ours."""

    finding: Finding
    told: Message
    entry: Entry
    party: str
    post: str
    number: str
    is_over: bool  # its order is closed or came to nothing


@for_readers
@require_safe
def findings(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    every = here.desk.record.findings
    counts = Counter(finding.weight for finding in every)
    chosen = request.GET.get("weight", "")
    wanted = [finding for finding in every if _fits(finding, chosen)]
    wanted.sort(key=lambda finding: (HEAVIEST_FIRST.index(finding.weight), finding.code))
    page = Paginator(wanted, PAGE_SIZE).get_page(request.GET.get("page"))
    found = [_found(here, finding) for finding in page]
    return render(
        request,
        "findings/findings.html",
        {
            "here": here,
            "chosen": chosen,
            "weights": [(weight, counts[weight]) for weight in HEAVIEST_FIRST if counts[weight]],
            "to_look_at": counts[Weight.VOID] + counts[Weight.FLAG],
            "page": page,
            "groups": [(code, list(group)) for code, group in groupby(found, key=lambda f: f.finding.code)],
        },
    )


def _fits(finding: Finding, chosen: str) -> bool:
    """Unless a weight is chosen, what is only told for information is left out."""
    return finding.weight == chosen if chosen else finding.weight is not Weight.TOLD


_OVER = frozenset({OrderState.CLOSED, OrderState.DECLINED, OrderState.WITHDRAWN})


def _found(here: Here, finding: Finding) -> Found:
    desk = here.desk
    entry = desk.space.entry(finding.entry)
    order = desk.record.orders.get(finding.order_id) if finding.order_id is not None else None
    return Found(
        finding=finding,
        told=messages.message(finding.code, dict(finding.facts)),
        entry=entry,
        party=desk.party_code(entry.party),
        post=read.post_of(desk, entry.party, getattr(entry.body, "who", 0)),
        number=order.number if order is not None else "",
        is_over=order is not None and order.state in _OVER,
    )


@for_readers
@require_safe
def findings_twin(request: SignedInRequest, form: str) -> HttpResponse:
    here = current(request)
    chosen = request.GET.get("weight", "")
    rows = (_plain(_found(here, finding)) for finding in here.desk.record.findings if _fits(finding, chosen))
    return twin(here, "findings", form, COLUMNS, rows)


def _plain(found: Found) -> dict[str, Any]:
    finding = found.finding
    return {
        "code": finding.code,
        "weight": finding.weight.value,
        "entry": str(finding.entry),
        "order": str(finding.order_id or ""),
        "number": found.number,
        "happened": found.told.happened,
        "remedy": found.told.remedy,
    }
