"""Puts the person who asks on the request: ``request.person``, None for a stranger."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

from tallystick.web import watch
from tallystick.web.people import events, service
from tallystick.web.people.models import Person


class WhoIsAsking:
    """Asked of the database at each request, so that a duty taken away is gone at the next click."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = get_user(request)
        person = user if isinstance(user, Person) else None
        request.user = user
        request.person = person  # type: ignore[attr-defined]
        if person and not service.still_in_use(request):
            events.tell(request, "session-idle")
            service.sign_out(request)
            person = request.person = None  # type: ignore[attr-defined]
        if person and person.language:
            translation.activate(person.language)
            request.LANGUAGE_CODE = translation.get_language()
        before = watch.asking.set(request)
        try:
            return self.get_response(request)
        finally:
            watch.asking.reset(before)
