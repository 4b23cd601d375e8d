"""The door for a WSGI server: ``tallystick.web.wsgi:application``, with ``TALLYSTICK_NODE`` naming the folder."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from tallystick.core.errors import LocalError

if not os.environ.get("TALLYSTICK_NODE"):
    raise LocalError("no-node-here", folder="(TALLYSTICK_NODE is not set)")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tallystick.web.settings")

application = get_wsgi_application()

from tallystick.web.peering import worker  # noqa: E402  # after Django is ready
from tallystick.web.record import get_node  # noqa: E402

worker.start(get_node())
