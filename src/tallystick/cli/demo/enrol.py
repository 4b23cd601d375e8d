"""Enters the demo's people into one node (named by TALLYSTICK_NODE) and prints one-time links as JSON.

A module of its own because Django serves one node per process. Reads a list of people as JSON from standard input;
run again it makes new links and changes nothing else.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.core.management import call_command


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tallystick.web.settings")
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)

    from tallystick.core.entries import Duty
    from tallystick.web.people import service
    from tallystick.web.people.models import Person
    from tallystick.web.record import get_node

    desk = get_node().desk()
    links = {}
    for wanted in json.load(sys.stdin):
        person = Person.objects.filter(username=wanted["login"]).first()
        duties = [Duty(number) for number in wanted["duties"]]
        if person is None:
            on_node = [duty for duty in duties if duty in {Duty.ADMINISTRATOR, Duty.AUDITOR}]
            person = service.create_person(wanted["login"], wanted["name"], post=wanted["post"], duties=on_node)
            service.appoint(person, space=desk.id, grant=wanted["grant"], post=wanted["post"], duties=duties)
        if wanted["featured"]:
            links[wanted["login"]] = service.invite(person)
    json.dump(links, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
