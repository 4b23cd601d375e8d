from __future__ import annotations

from django.urls import path

from tallystick.web.pages.agreement import views

urlpatterns = [
    path("agreement/", views.terms, name="agreement"),
    path("agreement/life/", views.life, name="agreement-life"),
    path("agreement/postings/", views.postings, name="agreement-postings"),
    path("agreement/choose/", views.choose_agreement, name="agreement-choose"),
]
