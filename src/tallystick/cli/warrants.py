"""``warrant``: officers' warrants, by post and never by person."""

from __future__ import annotations

from typing import Any

import click

from tallystick.app import fields, read, rotations, warrants, write
from tallystick.cli.officer_key import public_key
from tallystick.cli.orders import money, parse_ref
from tallystick.cli.shell import Shell, day, json_option, pass_shell, print_json, say, table
from tallystick.core.calendar import parse_day
from tallystick.core.entries import Draft, Duty, Grant, Reason
from tallystick.core.quantity import Money
from tallystick.core.signing import readable_id

_DUTIES = {fields.code_name(duty): duty for duty in Duty}
_REASONS = {fields.code_name(reason): reason for reason in Reason}


@click.group()
def warrant() -> None:
    """Grant, renew, revoke and list warrants.

    A warrant is an entry signed with the party's root key; the partner sees and checks it. It names a post, never a
    person: who holds the post is told to this node only (see: tallystick invite).
    """


def _row(officer: read.Officer) -> dict[str, Any]:
    return {
        "grant": officer.grant,
        "post": officer.post,
        "duties": [fields.code_name(duty) for duty in officer.duties],
        "per_act": money(officer.per_act, officer.currency),
        "total": money(officer.total, officer.currency),
        "until": day(officer.until),
        "trained_on": day(officer.trained_on),
        "key_id": readable_id(officer.officer_key) if officer.officer_key else "",
        "acting_for": officer.acting_for,
        "replaces": officer.replaces,
        "replaced_by": officer.replaced_by,
        "live": officer.live,
    }


@warrant.command("list")
@click.option("--party", metavar="CODE", help="Whose; without, ours.")
@click.option("--nodes", is_flag=True, help="Those by which nodes write, instead of the officers'.")
@json_option
@pass_shell
def list_(shell: Shell, party: str | None, nodes: bool, as_json: bool) -> None:
    """List warrants."""
    desk = shell.desk
    number = None if party is None else desk.genesis.party_number(party)
    rows = [_row(one) for one in (read.nodes if nodes else read.officers)(desk, shell.today(), number)]
    if as_json:
        print_json(rows)
        return
    columns = ("grant", "post", "duties", "per_act", "total", "until", "live")
    cells = [
        [", ".join(row["duties"]) if name == "duties" else "" if row[name] is None else row[name] for name in columns]
        for row in rows
    ]
    for row in cells:
        row[-1] = "in force" if row[-1] else "ended"
    heads = [{"per_act": "per act", "live": ""}.get(name, name) for name in columns]
    table(heads, cells, right=("per act", "total"))


@warrant.command()
@click.option("--post", required=True, help="The post, never a person: Supply officer, JS Izumo.")
@click.option("--duty", "duties", multiple=True, required=True, type=click.Choice(list(_DUTIES)), help="Repeatable.")
@click.option("--currency", default="", metavar="CODE", help="Of the ceilings.")
@click.option("--per-act", metavar="AMOUNT", help="Most that one act may commit.")
@click.option("--total", metavar="AMOUNT", help="Most that all acts together may commit.")
@click.option("--until", metavar="DAY", help="Last day.")
@click.option("--trained-on", metavar="DAY", help="Day of the training that the post needs.")
@click.option("--officer-key", metavar="KEY", help="The officer's own key: 64 hexadecimal digits, or its file.")
@click.option("--acting-for", metavar="GRANT_OR_POST", help="Whose deputy this is; needs --until.")
@json_option
@pass_shell
def grant(
    shell: Shell,
    post: str,
    duties: tuple[str, ...],
    currency: str,
    per_act: str | None,
    total: str | None,
    until: str | None,
    trained_on: str | None,
    officer_key: str | None,
    acting_for: str | None,
    as_json: bool,
) -> None:
    """Grant a warrant. Needs the party's root key on this node."""
    if (per_act or total) and not currency:
        raise click.UsageError("A ceiling needs its --currency.")
    body = Grant(
        post=post,
        key=None,
        age_recipient="",
        duties=tuple(sorted(_DUTIES[duty] for duty in duties)),
        currency=currency,
        per_act=Money.parse(per_act, currency).minor if per_act else None,
        total=Money.parse(total, currency).minor if total else None,
        until=parse_day(until) if until else None,
        trained_on=parse_day(trained_on) if trained_on else None,
        officer_key=public_key(officer_key) if officer_key else None,
        acting_for=warrants.find(shell.desk, acting_for, shell.today()).grant if acting_for else None,
    )
    entry = write.sign(shell.desk, Draft(body))
    if as_json:
        print_json({"grant": entry.ref.index, "entry": str(entry.ref), "post": post})
    else:
        say(f"Granted: {post}, number {entry.ref.index}.")


@warrant.command()
@click.argument("officer", metavar="GRANT_OR_POST")
@click.option("--officer-key", required=True, metavar="KEY", help="The new key: 64 hexadecimal digits, or its file.")
@click.option("--yes", is_flag=True, help="Sign; without, only say what would happen.")
@json_option
@pass_shell
def rotate(shell: Shell, officer: str, officer_key: str, yes: bool, as_json: bool) -> None:
    """Let an officer's warrant go on under another key of that officer.

    Duties, limits and dates stay, and what was used so far counts on. The old warrant ends wherever the new one is
    seen. If the old key was stolen, revoke the old warrant as well.
    """
    desk = shell.desk
    meant = warrants.find(desk, officer, shell.today())
    key = public_key(officer_key)
    draft = warrants.rotation(desk, meant.grant, key)
    if not yes:
        say(f"Would renew {meant.post} (number {meant.grant}) under the key {readable_id(key)}. Sign with --yes.")
        return
    entry = write.sign(desk, draft)
    if as_json:
        print_json({"grant": entry.ref.index, "entry": str(entry.ref), "post": meant.post, "replaces": meant.grant})
    else:
        say(f"Renewed: {meant.post}, now number {entry.ref.index} instead of {meant.grant}.")


@warrant.command("rotate-writer")
@click.option("--currency", default="", metavar="CODE", help="Of the ceilings.")
@click.option("--per-act", metavar="AMOUNT", help="Above this the officer signs as well, as the agreement says.")
@click.option("--total", metavar="AMOUNT", help="Most that all acts of this node together may commit.")
@click.option("--until", metavar="DAY", help="Last day.")
@click.option("--yes", is_flag=True, help="Sign; without, only say what would happen.")
@pass_shell
def rotate_writer(
    shell: Shell, currency: str, per_act: str | None, total: str | None, until: str | None, yes: bool
) -> None:
    """Let this node write with a new key from now on, and set its ceilings. Needs the root key on this node.

    The node begins a new log in every agreement; the old logs stay as they are, and what they committed counts on.
    The old key is kept in the keys' folder until partners have all of the old logs. If it was stolen, revoke the old
    warrant as well.
    """
    if (per_act or total) and not currency:
        raise click.UsageError("A ceiling needs its --currency.")
    if not yes:
        say("Would write with a new key in every agreement of this node. Sign with --yes, and start the node again.")
        return
    from tallystick.stores.keys import KeyFolder

    node = shell.node
    folder = KeyFolder(node.settings.keys_folder)
    if not folder.has(rotations.NEW):
        folder.create(rotations.NEW, node.ids)
    key = folder.public(rotations.NEW)
    for desk in node.desks.values():
        if desk.space.log_of(key) is not None:
            continue  # begun before, and interrupted
        entry = rotations.rotate_writer(
            desk,
            key,
            currency=currency,
            per_act=Money.parse(per_act, currency).minor if per_act else None,
            total=Money.parse(total, currency).minor if total else None,
            until=parse_day(until) if until else None,
        )
        say(f"{desk.name}: granted by entry {entry.ref}.")
    folder.put_in_place(rotations.NEW, "writer")
    say(f"This node writes with the key {readable_id(key)} from now on. Start it again if it is running.")


@warrant.command()
@click.argument("officer", metavar="GRANT_OR_POST")
@click.option("--reason", type=click.Choice(list(_REASONS)), default="not-stated", show_default=True)
@click.option("--from", "since", metavar="ENTRY", help="The first entry that no longer counts: 17.204.")
@click.option("--yes", is_flag=True, help="Sign; without, only say what would happen.")
@pass_shell
def revoke(shell: Shell, officer: str, reason: str, since: str | None, yes: bool) -> None:
    """Revoke the warrant of an officer or of a node, from now on. What was signed under it before stays.

    When a key was stolen, name with --from the first entry that was not yours: it and all later ones under this warrant
    in its log do not count, except those on which the other side has acted.
    """
    desk = shell.desk
    meant = warrants.find(desk, officer, shell.today(), or_node=True)
    draft = warrants.revocation(desk, meant.grant, _REASONS[reason], parse_ref(since) if since else None)
    if not yes:
        start = f", from {since} on" if since else ""
        say(f"Would revoke {meant.post} (number {meant.grant}){start}. Sign with --yes.")
        return
    entry = write.sign(desk, draft)
    say(f"Revoked: {meant.post}, by entry {entry.ref}.")
