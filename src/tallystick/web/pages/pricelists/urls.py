from __future__ import annotations

from django.urls import path

from tallystick.web.pages import converters  # noqa: F401  # registers <ref:…>
from tallystick.web.pages.pricelists import views

urlpatterns = [
    path("prices/", views.prices, name="prices"),
    path("prices/new/", views.publish, name="price-list-new"),
    path("prices/<ref:ref>/", views.price_list, name="price-list"),
    path("prices/<ref:ref>.<twin:form>", views.price_list_twin, name="price-list-twin"),
]
