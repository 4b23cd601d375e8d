"""``invite``: let a person in; ``events``: who came in. Both load Django."""

from __future__ import annotations

import click

from tallystick.app import warrants
from tallystick.cli.shell import Shell, iso, json_option, pass_shell, print_json, say, table
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError


@click.command()
@click.argument("login", metavar="SIGN_IN_NAME")
@click.option("--name", help="The person's name; needed the first time.")
@click.option("--post", "officer", metavar="GRANT_OR_POST", help="Put the person under this warrant.")
@click.option("--administrator", is_flag=True, help="Who looks after the node: people, warrants, pairing.")
@click.option("--auditor", is_flag=True, help="Who may see everything and sign nothing.")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=72, show_default=True, help="How long it works.")
@json_option
@pass_shell
def invite(
    shell: Shell,
    login: str,
    name: str | None,
    officer: str | None,
    administrator: bool,
    auditor: bool,
    hours: int,
    as_json: bool,
) -> None:
    """Make a one-time sign-in link for a person.

    The person is entered if not known yet. The link works once; earlier unused links of the person end. What is shown
    here is its only copy.
    """
    from tallystick.cli.django import ready

    ready(shell.folder)
    from tallystick.web.people import events as happened
    from tallystick.web.people import service
    from tallystick.web.people.models import Person

    person = Person.objects.filter(username=login.strip().lower()).first()
    meant = warrants.find(shell.desk, officer, shell.today()) if officer else None
    if person is None:
        if not name:
            raise LocalError("unknown-person", name=login)
        duties = [d for d, wanted in ((Duty.ADMINISTRATOR, administrator), (Duty.AUDITOR, auditor)) if wanted]
        person = service.create_person(login, name, post=meant.post if meant else "", duties=duties)
        happened.tell(None, "person-made", person=person.username)
    elif administrator or auditor:
        raise LocalError("person-known", name=login)
    if meant is not None:
        service.appoint(person, space=shell.desk.id, grant=meant.grant, post=meant.post, duties=meant.duties)
        happened.tell(None, "appointed", person=person.username, grant=meant.grant)
    url = shell.node.settings.url + service.invite(person, ttl=hours * service.HOUR)
    happened.tell(None, "link-made", person=person.username)
    if as_json:
        print_json({"sign_in_name": person.username, "post": person.post, "url": url, "hours": hours})
    else:
        say(f"{person.display_name} signs in once, within {hours} hours, with:\n{url}")


@click.command()
@click.option("--who", metavar="SIGN_IN_NAME", default="", help="Only what this person did.")
@click.option("--code", default="", help="Only this event.")
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="How far back.")
@json_option
@pass_shell
def events(shell: Shell, who: str, code: str, days: int, as_json: bool) -> None:
    """List who came in and how, and what was not let happen.

    Newest first. With nobody's name beside it, something was done at the command line, or by somebody not known here.
    """
    from tallystick.cli.django import ready

    ready(shell.folder)
    from tallystick.web.people import events as happened
    from tallystick.web.people import service

    rows = happened.found(who=who.strip().lower(), code=code, since=service.clock.now() - days * happened.DAY)
    if as_json:
        print_json(
            [
                {"at": iso(row.at), "event": row.code, "who": row.who, "address": row.address, "facts": row.facts}
                for row in rows.iterator()
            ]
        )
        return
    table(
        ("when", "who", "from", "what"),
        [(iso(row.at), row.who, row.address, happened.sentence(row)) for row in rows.iterator()],
    )
