"""Courier files: sealed bundles carried by hand, out to the partner and in from it."""

from __future__ import annotations

from django.contrib import messages as told
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from tallystick.app import courier
from tallystick.app.exchange import Received
from tallystick.core.errors import LocalError, RemoteError
from tallystick.web import messages, record
from tallystick.web.pages.partner.forms import CourierInForm
from tallystick.web.pages.partner.views import CARRIERS, find_peer, partner_page
from tallystick.web.pages.twins import download
from tallystick.web.people.decorators import SignedInRequest, needs_duty
from tallystick.web.record import get_node


@needs_duty(*CARRIERS)
@require_POST
def courier_out(request: SignedInRequest, peer_id: str) -> HttpResponse:
    """Seal what the partner has not acknowledged (or everything) and give it as a file."""
    node = get_node()
    peer = find_peer(request.person, node, peer_id)
    assert peer.space is not None, peer.status
    try:
        file = courier.write(node, node.desk(peer.space), peer, everything=request.POST.get("what") == "everything")
    except LocalError as error:
        told.info(request, messages.sentence(error.code, error.facts))
        return HttpResponseRedirect(reverse("partner"))
    return download(file.data, file.name, "application/octet-stream")


@needs_duty(*CARRIERS)
@require_POST
def courier_in(request: SignedInRequest) -> HttpResponse:
    """Open a courier file and say what it did."""
    form = CourierInForm(request.POST, request.FILES, auto_id="courier-%s")
    if form.is_valid():
        try:
            desk, received = courier.read(get_node(), form.cleaned_data["file"].read())
        except RemoteError as error:
            form.add_error("file", messages.sentence(error.code, error.facts))
        else:
            told.success(request, _told(desk.name, received), extra_tags="warn" if received.waiting else "good")
            record.signed()
            return HttpResponseRedirect(reverse("partner"))
    return partner_page(request, status=422, courier_form=form)


def _told(agreement: str, received: Received) -> str:
    """Say what a courier file did: new entries, nothing new, or what still waits."""
    parts = []
    if received.entries:
        parts.append(
            ngettext(
                "%(count)d new entry is in the record.", "%(count)d new entries are in the record.", received.entries
            )
            % {"count": received.entries}
        )
    elif received.leaves:
        parts.append(_("The partner acknowledged what it holds."))
    elif not received.waiting:
        parts.append(_("Everything in it was here already."))
    if received.waiting:
        parts.append(
            ngettext(
                "%(count)d bundle waits for an earlier one that has not come yet; it is kept.",
                "%(count)d bundles wait for earlier ones that have not come yet; they are kept.",
                received.waiting,
            )
            % {"count": received.waiting}
        )
    return f"{agreement}: {' '.join(parts)}"
