from __future__ import annotations

from django.urls import path

from tallystick.web.people import views

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("link/<str:secret>/", views.link, name="link"),
    path("welcome/", views.welcome, name="welcome"),
    path("confirm/", views.confirm, name="confirm"),
    path("me/", views.me, name="me"),
    path("me/passkeys/<int:passkey_id>/remove/", views.passkey_remove, name="passkey-remove"),
    path("me/sessions/<str:name>/end", views.session_end, name="session-end"),
    path("me/elsewhere/end", views.elsewhere_end, name="elsewhere-end"),
    path("people/events/", views.events_page, name="events"),
    path("me/signing-key/", views.signing_key, name="signing-key"),
    path("theme/", views.theme, name="theme"),
    path("passkey/add/begin/", views.passkey_add_begin, name="passkey-add-begin"),
    path("passkey/add/finish/", views.passkey_add_finish, name="passkey-add-finish"),
    path("passkey/prove/begin/", views.passkey_prove_begin, name="passkey-prove-begin"),
    path("passkey/prove/finish/", views.passkey_prove_finish, name="passkey-prove-finish"),
]
