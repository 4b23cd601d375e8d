from __future__ import annotations

from django.urls import path

from tallystick.web.pages.partner import courier, pairing, views

urlpatterns = [
    path("partner/", views.partner, name="partner"),
    path("partner/card", pairing.card, name="partner-card"),
    path("partner/pair/", pairing.pair, name="partner-pair"),
    path("partner/proposal", pairing.proposal_in, name="partner-proposal-in"),
    path("partner/courier", courier.courier_in, name="partner-courier-in"),
    path("partner/<str:peer_id>/exchange", views.exchange_now, name="partner-exchange"),
    path("partner/<str:peer_id>/courier", courier.courier_out, name="partner-courier-out"),
    path("partner/<str:peer_id>/proposal", pairing.proposal_out, name="partner-proposal-out"),
    path("partner/<str:peer_id>/confirm/", pairing.confirm, name="partner-confirm"),
    path("partner/<str:peer_id>/refuse", pairing.refuse, name="partner-refuse"),
]
