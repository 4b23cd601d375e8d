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

from tallystick.app.health import of_node
from tallystick.core.errors import StoreError, TallystickError
from tallystick.web.record import get_node

ASK_SECONDS = 2.0  # between two looks at the database, however many ask


@dataclass
class _Last:
    at: float = float("-inf")
    found: tuple[TallystickError, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def look(self) -> tuple[TallystickError, ...]:
        with self.lock:
            if time.monotonic() - self.at >= ASK_SECONDS:
                try:
                    self.found = of_node(get_node())
                except TallystickError as error:
                    self.found = (error,)
                self.at = time.monotonic()
            return self.found


_last = _Last()


@require_safe
def health(_request: HttpRequest) -> HttpResponse:
    found = _last.look()
    down = any(isinstance(error, StoreError) for error in found)
    codes = list(dict.fromkeys(error.code for error in found))
    status = "down" if down else "trouble" if codes else "ok"
    return JsonResponse(
        {"status": status, "troubles": codes}, status=503 if down else 200, headers={"Cache-Control": "no-store"}
    )
