"""Pairing: our card out, theirs in, key ids compared over another channel, an agreement proposed and confirmed."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib import messages as told
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tallystick.app import pairing
from tallystick.app.node import Node
from tallystick.app.pairing import Card
from tallystick.app.ports import PeerStatus
from tallystick.core import signing
from tallystick.core.agreement import Genesis
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError, MalformedBytesError, PeerUnreachableError, RemoteError, TallystickError
from tallystick.web import formats, messages, record
from tallystick.web.link import HttpLink
from tallystick.web.pages.agreement.terms import rows
from tallystick.web.pages.desk import sent
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.partner.forms import FindForm, KeyIdForm, ProposalInForm, ProposeForm
from tallystick.web.pages.partner.views import PATIENCE_SECONDS, find_peer, partner_page, tell_visit
from tallystick.web.pages.twins import download
from tallystick.web.people.decorators import SignedInRequest, confirm_required, needs_duty
from tallystick.web.record import get_node

KNOCKING = frozenset({PeerStatus.KNOCK})
ASKED = frozenset({PeerStatus.PENDING_OUT})


@for_readers
@require_safe
def card(request: SignedInRequest) -> HttpResponse:
    """Our card as a file: it holds public keys and names only."""
    node = get_node()
    text = pairing.armour(pairing.own_card(node))
    return download(text.encode(), f"tallystick-card-{node.settings.party}.txt", "text/plain; charset=utf-8")


# ---- we ask


@needs_duty(Duty.ADMINISTRATOR)
@require_http_methods(["GET", "POST"])
def pair(request: SignedInRequest) -> HttpResponse:
    """Find a partner's card, then compare and propose: two forms, one address."""
    if ask := confirm_required(request):
        return ask
    node = get_node()
    if request.method == "POST" and "key_id" in request.POST:
        return _propose(request, node)
    form = FindForm(sent(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        found = _find(node, form)
        if found is not None:
            partner, data = found
            initial = {"card": pairing.armour(data), "name": _name_for(node, partner)}
            return _compare(request, node, partner, ProposeForm(initial=initial))
    return _pair_page(request, node, form)


def _pair_page(request: SignedInRequest, node: Node, form: FindForm) -> HttpResponse:
    own = pairing.read_card(pairing.own_card(node))
    context = {"form": form, "own": own}
    return render(request, "partner/find.html", context, status=422 if form.errors else 200)


def _find(node: Node, form: FindForm) -> tuple[Card, bytes] | None:
    """Return the card the form leads to, read and as it came; what is wrong goes beside its field."""
    given = form.cleaned_data
    field = next(name for name in ("address", "card", "file") if given.get(name))
    try:
        if field == "address":
            data = HttpLink(node.settings, node.keys, read_seconds=PATIENCE_SECONDS).card(given["address"])
        elif field == "card":
            data = pairing.unarmour(given["card"])
        else:
            data = _card_bytes(given["file"].read())
        return pairing.read_card(data), data
    except (RemoteError, LocalError, PeerUnreachableError) as error:
        form.add_error(field, messages.sentence(error.code, error.facts))
        return None


def _card_bytes(data: bytes) -> bytes:
    """A card's file is armoured text, or the bytes themselves."""
    try:
        return pairing.unarmour(data.decode("ascii"))
    except (UnicodeDecodeError, MalformedBytesError):
        return data


def _name_for(node: Node, found: Card) -> str:
    """Return a name for an agreement: our host and both codes."""
    host = urlsplit(node.settings.url).hostname or "tallystick"
    codes = "-".join(sorted((node.settings.party.lower(), found.party.lower())))
    return f"{host}/{codes}"


def _compare(
    request: SignedInRequest, node: Node, found: Card, form: ProposeForm, *, status: int = 200
) -> HttpResponse:
    own = pairing.read_card(pairing.own_card(node))
    return render(request, "partner/compare.html", {"form": form, "card": found, "own": own}, status=status)


def _propose(request: SignedInRequest, node: Node) -> HttpResponse:
    form = ProposeForm(request.POST)
    try:
        found = pairing.read_card(pairing.unarmour(request.POST.get("card", "")))
    except RemoteError as error:
        again = FindForm(request.POST)
        again.is_valid()
        again.add_error("card", messages.sentence(error.code, error.facts))
        return _pair_page(request, node, again)
    if not form.is_valid():
        return _compare(request, node, found, form, status=422)
    try:
        pairing.propose(
            node,
            found,
            profile=form.cleaned_data["profile"],
            name=form.cleaned_data["name"],
            compared_key_id=form.cleaned_data["key_id"],
            officer_signs=form.cleaned_data["officer_signs"],
        )
    except LocalError as error:
        form.add_error(_beside(error), messages.sentence(error.code, error.facts))
        return _compare(request, node, found, form, status=422)
    told.success(
        request,
        _("The agreement is adopted here and proposed to %(partner)s.") % {"partner": formats.party(found.party)},
        extra_tags="good",
    )
    for peer in node.store.peers():
        if peer.status is PeerStatus.PENDING_OUT and peer.root_key == found.root_key and peer.url:
            tell_visit(request, node, peer)
    record.signed()
    return HttpResponseRedirect(reverse("partner"))


def _beside(error: TallystickError) -> str | None:
    return {"key-id-differs": "key_id", "unknown-profile": "profile", "genesis-not-possible": "name"}.get(error.code)


@needs_duty(Duty.ADMINISTRATOR)
@require_safe
def proposal_out(request: SignedInRequest, peer_id: str) -> HttpResponse:
    """The proposal as a file, for a partner that cannot be reached."""
    node = get_node()
    peer = find_peer(request.person, node, peer_id, ASKED)
    assert peer.genesis is not None, peer.status
    data = pairing.make_knock(node, Genesis.read(peer.genesis))
    name = f"tallystick-proposal-{node.settings.party}-{peer.party}.knock"
    return download(data, name, "application/octet-stream")


# ---- they ask


@needs_duty(Duty.ADMINISTRATOR)
@require_POST
def proposal_in(request: SignedInRequest) -> HttpResponse:
    """A proposal that came by hand goes into the same box as one that came over the network."""
    form = ProposalInForm(request.POST, request.FILES, auto_id="proposal-%s")
    if form.is_valid():
        try:
            peer = pairing.knocked(get_node(), form.cleaned_data["file"].read())
        except RemoteError as error:
            form.add_error("file", messages.sentence(error.code, error.facts))
        else:
            if peer.status is PeerStatus.KNOCK:
                return HttpResponseRedirect(reverse("partner-confirm", args=[peer.peer_id]))
            told.info(request, _("This proposal has been answered before."))
            return HttpResponseRedirect(reverse("partner"))
    return partner_page(request, status=422, proposal_form=form)


@needs_duty(Duty.ADMINISTRATOR)
@require_http_methods(["GET", "POST"])
def confirm(request: SignedInRequest, peer_id: str) -> HttpResponse:
    """Compare a stranger's key id and look at the terms it proposes; then adopt them, or not."""
    node = get_node()
    peer = find_peer(request.person, node, peer_id, KNOCKING)
    if ask := confirm_required(request):
        return ask
    assert peer.genesis is not None, peer.status
    form = KeyIdForm(sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            pairing.confirm(node, peer_id, compared_key_id=form.cleaned_data["key_id"])
        except LocalError as error:
            form.add_error(
                "key_id" if error.code == "key-id-differs" else None, messages.sentence(error.code, error.facts)
            )
        else:
            told.success(
                request,
                _("The agreement with %(partner)s is adopted. The two nodes exchange from now on.")
                % {"partner": formats.party(peer.party)},
                extra_tags="good",
            )
            record.signed()
            return HttpResponseRedirect(reverse("partner"))
    genesis = Genesis.read(peer.genesis)
    context = {
        "form": form,
        "peer": peer,
        "genesis": genesis,
        "terms": rows(genesis.terms),
        "their_id": signing.readable_id(peer.root_key or b""),
        "own": pairing.read_card(pairing.own_card(node)),
    }
    return render(request, "partner/confirm.html", context, status=422 if form.errors else 200)


@needs_duty(Duty.ADMINISTRATOR)
@require_POST
def refuse(request: SignedInRequest, peer_id: str) -> HttpResponse:
    node = get_node()
    find_peer(request.person, node, peer_id, KNOCKING)
    pairing.refuse(node, peer_id)
    told.success(request, _("Refused. That node is told so if it asks again."), extra_tags="good")
    return HttpResponseRedirect(reverse("partner"))
