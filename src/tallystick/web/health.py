"""Whether this node can do its work, for whoever watches machines: codes and nothing else, to anybody who asks.

``GET /health`` answers 200 while pages can be served, also with troubles that a person should look at, and 503 when
the database cannot be read or written.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from tallystick.app.health import Troubles, of_node
from tallystick.app.node import Node
from tallystick.core.errors import TallystickError
from tallystick.web.record import get_node

ASK_SECONDS = 2.0  # between two looks at the database, however many ask


@dataclass
class _Last:
    node: Node | None = None
    at: float = float("-inf")
    found: Troubles = field(default_factory=Troubles)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


_last = _Last()


def troubles() -> Troubles:
    """Return what is wrong with the node that is served, as looked at a moment ago."""
    with _last.lock:
        fresh = time.monotonic() - _last.at < ASK_SECONDS
        if not fresh or (_last.node is not None and _last.node is not get_node()):
            _last.node = None
            try:
                _last.node = get_node()
                _last.found = of_node(_last.node)
            except TallystickError as error:  # it does not open
                _last.found = Troubles(machine=(error,))
            _last.at = time.monotonic()
        return _last.found


@require_safe
def health(_request: HttpRequest) -> HttpResponse:
    found = troubles()
    codes = list(dict.fromkeys(error.code for error in found.all))
    status = "down" if found.are_in_the_way else "trouble" if codes else "ok"
    return JsonResponse(
        {"status": status, "troubles": codes},
        status=503 if found.are_in_the_way else 200,
        headers={"Cache-Control": "no-store"},
    )
