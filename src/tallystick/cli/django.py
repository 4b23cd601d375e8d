"""Django, for the commands that need it: set up for one node's folder, with its tables up to date.

Imported by nothing else, so that all other commands stay quick and could run without Django installed.
"""

from __future__ import annotations

import os
from pathlib import Path

from tallystick.app import settings as node_settings
from tallystick.core.errors import StoreUnavailableError


def ready(folder: Path) -> None:
    """Set up Django for the node in ``folder`` and bring its tables to this version.

    Raises:
        LocalError: no node there.
        StoreUnavailableError: its database does not let us.
    """
    settings = node_settings.load(folder)  # says it in our words before Django says it in its own
    os.environ["TALLYSTICK_NODE"] = str(folder.absolute())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tallystick.web.settings"
    import django
    from django.core.management import call_command
    from django.db import DatabaseError, connections

    from tallystick.stores import open_store

    django.setup()
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        open_store(settings.database_url).probe()  # says it in our words, if it can
        raise StoreUnavailableError(why=str(error), database=settings.database) from error
    finally:
        connections.close_all()
