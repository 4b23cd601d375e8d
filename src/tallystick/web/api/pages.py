"""The page on which a person makes and ends tokens for programs."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from tallystick.web.api import tokens as use
from tallystick.web.people.decorators import SignedInRequest, confirm_required, signed_in
from tallystick.web.watch import ring


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("What is it for?"), max_length=60, help_text=_("For example: finance system, nightly.")
    )
    act = forms.BooleanField(
        label=_("It may sign acts under my warrants"), required=False, help_text=_("Without this it can only read.")
    )
    days = forms.IntegerField(label=_("Days it lives"), min_value=1, max_value=use.LIFE_DAYS_MAX, initial=90)


@signed_in
def tokens(request: SignedInRequest) -> HttpResponseBase:
    secret = None
    form = TokenForm(request.POST or None)
    if request.method == "POST":
        if ask := confirm_required(request):
            return ask
        if form.is_valid():
            scopes = ["read", "act"] if form.cleaned_data["act"] else ["read"]
            row, secret = use.make(
                request.person, name=form.cleaned_data["name"], scopes=scopes, days=form.cleaned_data["days"]
            )
            ring(request, "token-made", name=row.name, scopes=", ".join(scopes))
            form = TokenForm()
    rows = request.person.api_tokens.order_by("-made_at")[:100]
    now = use.clock.now()
    return render(
        request,
        "api/tokens.html",
        {"form": form, "secret": secret, "tokens": [(t, t.revoked_at is None and t.expires_at > now) for t in rows]},
        status=200 if request.method == "GET" or secret else 422,
    )


@require_POST
@signed_in
def end(request: SignedInRequest, token_id: int) -> HttpResponseBase:
    ended = use.revoke(request.person, token_id)
    if ended is not None:
        ring(request, "token-ended", name=ended)
    messages.success(request, _("The token has ended."))
    return HttpResponseRedirect(reverse("tokens"))
