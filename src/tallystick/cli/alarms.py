"""``alarms``: what the operator must hear of."""

from __future__ import annotations

from pathlib import Path

import click

from tallystick.app import alarms as app_alarms
from tallystick.app import unpack as unpacking
from tallystick.app.messages import fill, message
from tallystick.cli.shell import Shell, iso, json_option, pass_shell, print_json, say, write_folder


@click.command()
@click.option("--put-away", metavar="ID", help="Note that alarm ID was seen; it stays listed.")
@click.option(
    "--unpack", metavar="FOLDER", type=click.Path(path_type=Path), help="Write the evidence of forks as plain files."
)
@json_option
@pass_shell
def alarms(shell: Shell, put_away: str | None, unpack: Path | None, as_json: bool) -> None:
    """List alarms: two histories, two readings, what was refused.

    The exit code is 4 as long as there is one that nobody has put away.
    """
    if unpack is not None:
        write_folder(unpack, unpacking.forks(shell.desk))
    if put_away is not None:
        app_alarms.put_away(shell.desk, put_away)
    told = [(desk, alarm) for desk in shell.desks for alarm in app_alarms.gather(desk)]
    if as_json:
        print_json(
            [
                {
                    "agreement": desk.name,
                    "id": alarm.id,
                    "sort": alarm.sort.value,
                    "code": alarm.code,
                    "at": iso(alarm.at),
                    "party": alarm.party,
                    "happened": fill(message(alarm.code).happened, alarm.facts),
                    "remedy": fill(message(alarm.code).remedy, alarm.facts),
                    "entry": str(alarm.entry or ""),
                    "order": str(alarm.order or ""),
                    "evidence": [item.text for item in alarm.evidence],
                    "digest": alarm.digest.hex(),
                    "put_away_at": iso(alarm.seen_at),
                }
                for desk, alarm in told
            ]
        )
    elif not told:
        say("No alarm.")
    for desk, alarm in told if not as_json else ():
        words = message(alarm.code)
        away = f", put away {iso(alarm.seen_at)}" if alarm.seen_at is not None else ""
        say(f"{alarm.id}  {iso(alarm.at)}  {desk.name}{away}")
        say(f"  {fill(words.happened, alarm.facts)}")
        if words.remedy:
            say(f"  {fill(words.remedy, alarm.facts)}")
        say(f"  code: {alarm.code}")
    end_quietly_if(all(alarm.seen_at is not None for _, alarm in told))


def end_quietly_if(quiet: bool) -> None:
    """Let the command end with the exit code of an alarm unless all is quiet."""
    if not quiet:
        from tallystick.cli.main import EXIT_ALARM

        click.get_current_context().exit(EXIT_ALARM)
