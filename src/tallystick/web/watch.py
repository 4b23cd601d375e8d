"""The bell-pull: whoever notices something that matters to the safety of the node says so here.

Each becomes a line of JSON in the log ``tallystick.security`` of a node that is served, which an operator can send
elsewhere; it has a person's number, never their name. What is about persons is written to the database too, by
``people/events``, which listens here. Partners' doors use the log alone: nothing that makes outgoing bytes can reach
what stays home. Also keeps who is asking in this thread, for what is signed without a request at hand.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest

from tallystick.web import limits

Listener = Callable[[HttpRequest | None, str, dict[str, str | int]], None]

asking: ContextVar[HttpRequest | None] = ContextVar("asking", default=None)
LOGGED = ("way", "why", "path", "grant", "duties", "scopes", "party")  # facts that name nobody
WRITTEN = limits.Limit(60)  # a minute and address, of what strangers can cause: a flood is told by the first of it
limits.ALL.append(WRITTEN)

log = logging.getLogger("tallystick.security")
_listeners: list[Listener] = []


def when_rung(listener: Listener) -> None:
    """Call ``listener`` for everything that is rung for; it must not raise."""
    if listener not in _listeners:
        _listeners.append(listener)


def ring(request: HttpRequest | None, code: str, **facts: str | int) -> None:
    """Say that the event ``code`` of ``people/events.EVENTS`` has happened to whoever asks.

    Without a request: at the command line. Of what strangers cause only so much a minute is told.
    """
    person = getattr(request, "person", None)
    if request is not None and person is None:
        try:
            WRITTEN.take(limits.network_of(request))
        except limits.TooOftenError:
            return
    line(request, code, **facts)
    for listener in _listeners:
        listener(request, code, facts)


def line(request: HttpRequest | None, code: str, **facts: str | int) -> None:
    """Write one line to the log and nothing to the database."""
    person = getattr(request, "person", None)
    told = {
        "event": code,
        "person": person.pk if person is not None else 0,
        "address": limits.address_of(request) if request is not None else "",
        **{name: value for name, value in facts.items() if name in LOGGED},
    }
    log.info("%s", json.dumps(told))
