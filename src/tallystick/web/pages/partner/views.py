"""The partner page, and the visit now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib import messages as told
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from tallystick.app import attest, courier, pairing, read
from tallystick.app.attest import Compared
from tallystick.app.messages import Message
from tallystick.app.node import Desk, Node
from tallystick.app.ports import Aside, Peer, PeerStatus
from tallystick.core import signing
from tallystick.core.entries import Duty
from tallystick.core.errors import TallystickError
from tallystick.web import formats, messages
from tallystick.web.link import HttpLink
from tallystick.web.pages.desk import chosen_desk, desks_of
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.partner.forms import CourierInForm, ProposalInForm
from tallystick.web.people.decorators import SignedInRequest, needs_duty
from tallystick.web.people.models import Person
from tallystick.web.record import get_node
from tallystick.web.visit import LIVE, visit

CARRIERS = tuple(duty for duty in Duty if duty is not Duty.AUDITOR)  # an auditor reads
PATIENCE_SECONDS = 20  # a person waits for the answer; what takes longer is the worker's
ASIDE_SHOWN = 20
UNANSWERED = "not-yet-confirmed"  # what a node says until its administrator has answered our proposal


@dataclass(frozen=True, slots=True)
class PeerRow:
    """``step`` and ``compared`` are how its records and ours stand; None before there is an agreement."""

    peer: Peer
    desk: Desk | None
    step: read.Step | None
    key_id: str
    trouble: Message | None
    waiting: int
    compared: Compared | None

    @property
    def badge(self) -> str:
        if self.peer.status is PeerStatus.PENDING_OUT:
            return "waiting"
        return "in-step" if self.step is not None and self.step.in_step else "out-of-step"


def _is_shown(peer: Peer, node: Node, shown: Collection[Desk]) -> bool:
    return peer.space not in node.desks or any(desk.id == peer.space for desk in shown)


def peer_rows(node: Node, statuses: frozenset[PeerStatus], shown: Collection[Desk]) -> list[PeerRow]:
    """Return who keeps an agreement of ``shown`` with us, or none yet."""
    desks = {desk.id: desk for desk in shown}
    rows = []
    for peer in node.store.peers():
        if peer.status not in statuses or not _is_shown(peer, node, shown):
            continue
        desk = desks.get(peer.space) if peer.space is not None else None
        rows.append(
            PeerRow(
                peer=peer,
                desk=desk,
                step=read.in_step(desk) if desk is not None else None,
                key_id=signing.readable_id(peer.root_key) if peer.root_key else "",
                trouble=_trouble(peer),
                waiting=len(node.store.waiting(desk.id)) if desk is not None else 0,
                compared=_compared(desk, peer),
            )
        )
    return rows


def _compared(desk: Desk | None, peer: Peer) -> Compared | None:
    log = desk.space.log_of(peer.writer_key) if desk is not None and peer.writer_key is not None else None
    return attest.last(desk, log) if desk is not None and log is not None else None


def _trouble(peer: Peer) -> Message | None:
    """Return why the last visit went wrong; an unanswered proposal is only waited for."""
    if not peer.last_error or (peer.status is PeerStatus.PENDING_OUT and peer.last_error == UNANSWERED):
        return None
    return messages.message(peer.last_error)


@dataclass(frozen=True, slots=True)
class AsideRow:
    aside: Aside
    told: Message
    agreement: str


def _aside_rows(node: Node, shown: Collection[Desk]) -> list[AsideRow]:
    names = {desk.id: desk.name for desk in shown}
    return [
        AsideRow(aside, messages.message(aside.code, aside.facts), names.get(aside.space or b"", ""))
        for aside in node.store.aside()[:ASIDE_SHOWN]
        if aside.space in names or aside.space not in node.desks
    ]


@for_readers
@require_safe
def partner(request: SignedInRequest) -> HttpResponse:
    return partner_page(request)


def partner_page(request: SignedInRequest, *, status: int = 200, **forms: Any) -> HttpResponse:
    """Draw the partner page; ``courier_form`` and ``proposal_form`` come back here when they do not read."""
    node = get_node()
    desk, shown = chosen_desk(request, node), desks_of(request.person, node)
    card = pairing.own_card(node) if node.keys.has("root") else None
    context = {
        "settings": node.settings,
        "desk": desk,
        "rows": peer_rows(node, LIVE, shown),
        "knocks": peer_rows(node, frozenset({PeerStatus.KNOCK}), shown),
        "refused": peer_rows(node, frozenset({PeerStatus.REFUSED}), shown),
        "aside": _aside_rows(node, shown),
        "card": pairing.armour(card) if card else "",
        "key_id": pairing.read_card(card).key_id if card else "",
        "administers": Duty.ADMINISTRATOR in request.person.duties_held,
        "carries": bool(request.person.duties_held & set(CARRIERS)),
        "suffix": courier.SUFFIX,
        "courier_form": CourierInForm(auto_id="courier-%s"),
        "proposal_form": ProposalInForm(auto_id="proposal-%s"),
        **forms,
    }
    return render(request, "partner/partner.html", context, status=status)


def find_peer(person: Person, node: Node, peer_id: str, statuses: frozenset[PeerStatus] = LIVE) -> Peer:
    """Return a peer that ``person`` is shown, or raise Http404."""
    peer = node.store.get_peer(peer_id)
    if peer is None or peer.status not in statuses or not _is_shown(peer, node, desks_of(person, node)):
        raise Http404
    return peer


@needs_duty(*CARRIERS)
@require_POST
def exchange_now(request: SignedInRequest, peer_id: str) -> HttpResponse:
    """Visit the partner's node now, and tell how it went."""
    node = get_node()
    tell_visit(request, node, find_peer(request.person, node, peer_id))
    return HttpResponseRedirect(reverse("partner"))


def tell_visit(request: HttpRequest, node: Node, peer: Peer) -> None:
    """Visit a partner and leave a message about it. Never raises on what the partner or the line does."""
    name = formats.party(peer.party)
    if not peer.url:
        told.warning(request, _("%(partner)s has no address here: use courier files.") % {"partner": name}, "warn")
        return
    result = visit(node, HttpLink(node.settings, node.keys, read_seconds=PATIENCE_SECONDS), peer)
    if isinstance(result, TallystickError) and peer.status is PeerStatus.PENDING_OUT and result.code == UNANSWERED:
        told.info(request, _("The proposal is with %(partner)s: its administrator answers.") % {"partner": name})
        return
    if isinstance(result, TallystickError):
        text = messages.sentence(result.code, result.facts)
        told.warning(request, f"{name}: {text}", extra_tags="warn")
        return
    came = result.received.entries
    told.success(
        request,
        ngettext(
            "Exchanged with %(partner)s: %(count)d entry came.",
            "Exchanged with %(partner)s: %(count)d entries came.",
            came,
        )
        % {"partner": name, "count": came}
        if came
        else _("Exchanged with %(partner)s: nothing new came.") % {"partner": name},
        extra_tags="good",
    )
