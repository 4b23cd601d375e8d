"""The door for a WSGI server: ``tallystick.web.wsgi:application``, with ``TALLYSTICK_NODE`` naming the folder."""

from __future__ import annotations

import gc
import logging
import os

from django.core.wsgi import get_wsgi_application

from tallystick.core.errors import LocalError

if not os.environ.get("TALLYSTICK_NODE"):
    raise LocalError("no-node-here", folder="(TALLYSTICK_NODE is not set)")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tallystick.web.settings")

application = get_wsgi_application()

from tallystick.web.peering import worker  # noqa: E402  # after Django is ready
from tallystick.web.record import get_node  # noqa: E402

_node = get_node()
gc.disable()  # while there is nothing but what stays
_ = _node.desks  # read and fold every agreement now, not while the first officer waits
gc.freeze()  # what was loaded stays; looking through it again and again would halve the speed of taking in bundles
gc.set_threshold(50_000, 20, 100)  # most of what a bundle brings stays too (docs/performance.md)
gc.enable()
worker.start(_node)
if not _node.settings.demo_clock:  # a demo prints its links on the same terminal
    logging.getLogger("tallystick.security").setLevel(logging.INFO)
