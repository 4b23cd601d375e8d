"""Signing in and out, choosing how, and one's own page. Pages about other people are in ``pages/people``."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages as told
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError
from tallystick.web import messages, shell
from tallystick.web.people import events, passkeys, service, signing_keys
from tallystick.web.people.decorators import SignedInRequest, confirm_required, needs_duty, person_of, signed_in
from tallystick.web.people.forms import ConfirmForm, PassphraseForm, PasswordForm, SignInForm
from tallystick.web.people.sessions import digest

EVENTS_A_PAGE = 100
ANSWER_MAX = 64 * 1024  # an authenticator's answer with attestation is a few kB


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    after = service.safe_next(request, request.POST.get("next") or request.GET.get("next"))
    if person_of(request) is not None and request.method == "GET":
        return HttpResponseRedirect(after)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                person = service.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
            except LocalError as error:
                form.add_error(None, messages.sentence(error.code, error.facts))
                status = 429
            else:
                if person is not None:
                    return HttpResponseRedirect(after)
                form.add_error(None, _("Name and password do not fit. Both may be mistyped; we cannot say which."))
    can = service.passkeys_possible(request.get_host())
    context = {"form": form, "next": after, "passkeys_can": can, "passwords_can": settings.NODE.allow_passwords}
    return render(request, "people/sign_in.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """A one-time link. Opening it does nothing: mail programs open links too. The button uses it up."""
    if request.method == "POST":
        if service.use_link(request, secret) is not None:
            return redirect("welcome")
    else:
        person = service.link_person(secret)
        if person is not None:
            return render(request, "people/link.html", {"invited": person})
    return render(request, "people/link_ended.html", status=410)


@never_cache
@signed_in
@require_http_methods(["GET", "POST"])
def welcome(request: SignedInRequest) -> HttpResponse:
    """Choose a passkey or a password; also where a password is changed."""
    after = service.safe_next(request, request.POST.get("next") or request.GET.get("next"))
    form = PasswordForm(request.POST or None)
    if request.method == "POST":
        if service.can_prove(request.person) and not service.confirmed_lately(request):
            return redirect("confirm")  # a session left open must not be enough to take the account over
        if form.is_valid():
            try:
                service.choose_password(request.person, form.cleaned_data["password"])
            except ValidationError as error:
                form.add_error("password", error)
            else:
                service.end_sessions(request.person, keep=request)
                events.tell(request, "password-set")
                service.confirm(request, way="password")
                told.success(request, _("Your password is set."))
                return HttpResponseRedirect(after)
    return render(
        request,
        "people/welcome.html",
        {
            "form": form,
            "next": after,
            "passkeys_can": service.passkeys_possible(request.get_host()),
            "passwords_can": settings.NODE.allow_passwords,
        },
        status=422 if form.errors else 200,
    )


@never_cache
@signed_in
@require_http_methods(["GET", "POST"])
def confirm(request: SignedInRequest) -> HttpResponse:
    """Say once more who one is, before signing."""
    after = service.safe_next(request, request.POST.get("next") or request.GET.get("next"))
    form = ConfirmForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                if service.check_password(request, request.person, form.cleaned_data["password"]):
                    return HttpResponseRedirect(after)
                form.add_error("password", _("That is not your password."))
            except LocalError as error:
                form.add_error(None, messages.sentence(error.code, error.facts))
                status = 429
    context = {
        "form": form,
        "next": after,
        "keys": service.passkeys_for(request.person, passkeys.host_of(request)),
        "passwords_can": settings.NODE.allow_passwords,
    }
    return render(request, "people/confirm.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    events.tell(request, "signed-out")
    service.sign_out(request)
    told.success(request, _("You are signed out."))
    response = redirect("sign-in")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # what the browser kept of our pages, if it kept any
    return response


@never_cache
@signed_in
@require_GET
def me(request: SignedInRequest) -> HttpResponse:
    return render(
        request,
        "people/me.html",
        {
            "keys": request.person.passkeys.order_by("added_at"),
            "passkeys_can": service.passkeys_possible(request.get_host()),
            "sessions": service.open_sessions(request.person),
            "this_session": digest(request.session.session_key or ""),
            "lately": [(event, events.sentence(event)) for event in events.found(who=request.person.username)[:10]],
        },
    )


@signed_in
@require_POST
def session_end(request: SignedInRequest, name: str) -> HttpResponse:
    """End one of this person's sessions; ``name`` is the digest it is kept by."""
    if ask := confirm_required(request):
        return ask
    if request.person.sessions.filter(session_key=name).delete()[0]:
        events.tell(request, "session-ended")
        told.success(request, _("That session is ended."))
    return redirect("me")


@signed_in
@require_POST
def elsewhere_end(request: SignedInRequest) -> HttpResponse:
    """End this person's sessions on every other device."""
    if ask := confirm_required(request):
        return ask
    service.end_sessions(request.person, keep=request)
    events.tell(request, "sessions-ended", person=request.person.username)
    told.success(request, _("You are signed out everywhere else."))
    return redirect("me")


@never_cache
@needs_duty(Duty.ADMINISTRATOR, Duty.AUDITOR)
@require_safe
def events_page(request: SignedInRequest) -> HttpResponse:
    """Who came in, how and from where, and what was not let happen; newest first."""
    who, code = request.GET.get("who", "")[:40], request.GET.get("code", "")[:40]
    page = Paginator(events.found(who=who, code=code), EVENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(event, events.sentence(event)) for event in page],
        "who": who,
        "code": code,
        "codes": sorted(events.EVENTS),
        "kept_days": events.KEPT_DAYS,
        "tab": "events",
        "administers": Duty.ADMINISTRATOR in request.person.duties_held,
    }
    return render(request, "people/events.html", context)


@never_cache
@sensitive_post_parameters("old", "passphrase", "again", "prf")
@signed_in
@require_http_methods(["GET", "POST"])
def signing_key(request: SignedInRequest) -> HttpResponse:
    """One's own signing key: make it, read its key id to the administrator, change its passphrase, give it up."""
    if ask := confirm_required(request):
        return ask
    person = request.person
    key = signing_keys.of(person)
    todo = request.POST.get("do", "")
    form = PassphraseForm(request.POST if todo in ("make", "change") else None, asks_old=todo == "change")
    trouble = _seal_to_passkey(request) if todo == "passkey" else None
    if trouble == "":
        told.success(request, _("The passkey opens your signing key from now on, as the passphrase does."))
        return redirect("signing-key")
    if form.is_valid() and (todo == "change" or key is None or request.POST.get("replace") == "yes"):
        try:
            if todo == "change":
                signing_keys.change(request, person, form.cleaned_data["old"], form.cleaned_data["passphrase"])
                told.success(request, _("The key has its new passphrase; the old one opens it no more."))
            else:
                signing_keys.make(request, person, form.cleaned_data["passphrase"])
                told.success(request, _("Your signing key is made. Read its key id to your administrator."))
            return redirect("signing-key")
        except ValidationError as error:
            form.add_error("passphrase", error)
        except LocalError as error:
            form.add_error("old" if "old" in form.fields else None, messages.sentence(error.code, error.facts))
    held = list(signing_keys.warrants_of(person, key))
    context = {
        "key": key,
        "key_id": signing_keys.key_id(key) if key is not None else "",
        "public": bytes(key.public).hex() if key is not None else "",
        "held": held,
        "waits": not held or not all(warrant.fits for warrant in held),
        "making": form if todo == "make" or key is None else PassphraseForm(asks_old=False),
        "changing": form if todo == "change" else PassphraseForm(asks_old=True),
        "asking": signing_keys.asking_to_seal(request, person) if key is not None else None,
        "trouble": trouble,
    }
    return render(request, "people/signing_key.html", context, status=422 if form.errors or trouble else 200)


def _seal_to_passkey(request: SignedInRequest) -> str:
    """Let a passkey open the key as well; returns what was wrong, or nothing."""
    said = {name: request.POST.get(name, "")[:ANSWER_MAX] for name in ("credential", "prf", "salt")}
    try:
        signing_keys.add_passkey(request, request.person, request.POST.get("old", ""), **said)
    except LocalError as error:
        return messages.sentence(error.code, error.facts)
    return ""


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep a theme in a cookie; it needs no sign-in and no JavaScript."""
    response = HttpResponseRedirect(service.safe_next(request, request.POST.get("next")))
    chosen = request.POST.get("theme", "")
    if chosen in shell.THEMES:
        response.set_cookie(
            settings.THEME_COOKIE_NAME,
            chosen,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    else:
        response.delete_cookie(settings.THEME_COOKIE_NAME)
    return response


# ---- passkeys: JSON, because an authenticator is only reached by script


def _answer(request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > ANSWER_MAX:
        raise LocalError("passkey-refused", why="the answer is too large")
    try:
        answer = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise LocalError("passkey-refused", why="the answer is not readable")
    return answer


@never_cache
@signed_in
@require_POST
def passkey_add_begin(request: SignedInRequest) -> JsonResponse:
    if not service.confirmed_lately(request):
        raise LocalError("confirm-first")
    return JsonResponse(passkeys.begin_adding(request, request.person))


@never_cache
@signed_in
@require_POST
def passkey_add_finish(request: SignedInRequest) -> JsonResponse:
    answer = _answer(request)
    passkeys.finish_adding(request, request.person, answer.get("credential") or {}, str(answer.get("name", "")))
    told.success(request, _("The passkey is kept. You can sign in with it from now on."))
    return JsonResponse({"next": service.safe_next(request, str(answer.get("next", "")))})


@never_cache
@require_POST
def passkey_prove_begin(request: HttpRequest) -> JsonResponse:
    return JsonResponse(passkeys.begin_proving(request, person_of(request)))


@never_cache
@require_POST
def passkey_prove_finish(request: HttpRequest) -> JsonResponse:
    """Sign in, or confirm who one is, with a passkey."""
    answer = _answer(request)
    asking = person_of(request)
    try:
        proved = passkeys.finish_proving(request, answer.get("credential") or {})
        if asking is not None and asking.pk != proved.pk:
            raise LocalError("passkey-refused", why="it is another person's")
    except LocalError as error:
        events.tell(request, "passkey-refused", why=str(error.facts["why"]))
        raise
    if asking is None:
        service.let_in(request, proved, way="passkey")
    else:
        service.confirm(request, way="passkey")
    return JsonResponse({"next": service.safe_next(request, str(answer.get("next", "")))})


@signed_in
@require_POST
def passkey_remove(request: SignedInRequest, passkey_id: int) -> HttpResponse:
    if ask := confirm_required(request):
        return ask
    keys = request.person.passkeys.all()
    if keys.count() == 1 and not request.person.has_usable_password():
        told.warning(request, _("This is your only way in. Choose a password first."))
    else:
        for key in keys.filter(pk=passkey_id):
            key.delete()
            service.end_sessions(request.person, keep=request)  # who had that device may have one open
            events.tell(request, "passkey-removed", name=key.name)
        told.success(request, _("The passkey is removed."))
    return redirect("me")
