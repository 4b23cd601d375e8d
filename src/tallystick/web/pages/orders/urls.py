from __future__ import annotations

from django.urls import path, re_path

from tallystick.web.pages import converters  # noqa: F401  # registers <ref:…>
from tallystick.web.pages.orders import listing, views

urlpatterns = [
    path("orders/", listing.orders, name="orders"),
    re_path(r"^orders\.(?P<form>csv|json)$", listing.orders_as, name="orders-as"),
    path("orders/new/", views.new, name="order-new"),
    path("orders/<ref:order_id>/", views.order, name="order"),
    path("orders/<ref:order_id>/private/", views.private, name="order-private"),
    path("orders/<ref:order_id>/entries/<ref:ref>/", views.entry, name="entry"),
    path("orders/<ref:order_id>/<str:kind>/<ref:on>/", views.act, name="act"),
    path("orders/<ref:order_id>.csv", views.order_as, {"form": "csv"}, name="order-csv"),
    path("orders/<ref:order_id>.evidence", views.order_evidence, name="order-evidence"),
    path("auditor.html", views.auditor_page, name="auditor"),
    path("orders/<ref:order_id>.json", views.order_as, {"form": "json"}, name="order-json"),
]
