from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from tallystick.core import posting_rules, signing
from tallystick.core.orders import LIFE
from tallystick.web.pages import desk as desks
from tallystick.web.pages.agreement.terms import grid, is_known_profile, rows
from tallystick.web.pages.desk import current
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.people.decorators import SignedInRequest
from tallystick.web.record import get_node


@for_readers
@require_safe
def terms(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    genesis = here.desk.genesis
    return render(
        request,
        "agreement/terms.html",
        {
            "here": here,
            "tab": "terms",
            "genesis": genesis,
            "rows": rows(genesis.terms),
            "known": is_known_profile(genesis.terms),
            "grid": grid(genesis.terms),
            "parties": [(party, signing.readable_id(party.root_key)) for party in genesis.parties],
            "others": [other for other in desks.desks_of(here.person, here.node) if other.id != here.desk.id],
        },
    )


@for_readers
@require_safe
def life(request: SignedInRequest) -> HttpResponse:
    return render(request, "agreement/life.html", {"here": current(request), "tab": "life", "life": LIFE})


@for_readers
@require_safe
def postings(request: SignedInRequest) -> HttpResponse:
    return render(
        request,
        "agreement/postings.html",
        {
            "here": current(request),
            "tab": "postings",
            "rules": posting_rules.RULES,
            "without": posting_rules.WITHOUT_POSTING.items(),
        },
    )


@for_readers
@require_POST
def choose_agreement(request: SignedInRequest) -> HttpResponse:
    """Look at another agreement from now on."""
    wanted = request.POST.get("agreement", "")
    mine = desks.desks_of(request.person, get_node())
    found = next((desk for desk in mine if desk.id.hex() == wanted), None)
    if found is None:
        raise Http404
    desks.choose(request, found)
    return HttpResponseRedirect(reverse("agreement"))
