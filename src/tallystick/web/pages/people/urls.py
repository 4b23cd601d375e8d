from __future__ import annotations

from django.urls import path

from tallystick.web.pages.people import views, warrants

urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/new/", views.new, name="person-new"),
    path("people/<int:person_id>/", views.person, name="person"),
    path("people/<int:person_id>/invite", views.invite, name="person-invite"),
    path("people/<int:person_id>/duties", views.duties, name="person-duties"),
    path("people/<int:person_id>/appoint", views.appoint, name="person-appoint"),
    path("people/<int:person_id>/relieve/<int:grant>", views.relieve, name="person-relieve"),
    path("people/<int:person_id>/sessions/end", views.sessions_end, name="person-sessions-end"),
    path("people/<int:person_id>/dismiss", views.dismiss, name="person-dismiss"),
    path("people/warrants/", warrants.warrants, name="warrants"),
    path("people/warrants/new/", warrants.grant, name="warrant-new"),
    path("people/warrants/duties", warrants.conflicts, name="warrant-conflicts"),
    path("people/warrants/<int:grant>/revoke/", warrants.revoke, name="warrant-revoke"),
    path("people/warrants/<int:grant>/rotate/", warrants.rotate, name="warrant-rotate"),
]
