"""The entry point: finds the command, and turns every ending into a sentence and an exit code.

Commands are imported when they are asked for, so that ``--help`` and ``verify`` are quick and load no Django. The help
lines of the list stand here for the same reason; a test keeps them equal to the commands' own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click

from tallystick import __version__
from tallystick.core.errors import LocalError, PeerUnreachableError, RemoteError, StoreError, TallystickError

EXIT_OK = 0
EXIT_DOES_NOT_HOLD = 1  # what was to be verified is not what it must be
EXIT_LOCAL = 2  # we asked for something that cannot be, or mistyped it
EXIT_REMOTE = 3  # what a partner sent is not acceptable
EXIT_ALARM = 4  # there is an alarm: someone lies, a program is wrong, or something was refused
EXIT_INTERNAL = 70  # a broken promise inside
EXIT_WORLD = 75  # the disk, the database, the line: try again
EXIT_NOT_ALLOWED = 77
EXIT_INTERRUPTED = 130

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "init": ("setup:init", "Make a new node in a folder."),
    "serve": ("serve:serve", "Run the node: pages, API, partners' door and background exchange."),
    "demo": ("showcase:demo", "Build and run two paired nodes with a year of history."),
    "status": ("status:status", "Tell how this node and its partners stand."),
    "alarms": ("alarms:alarms", "List alarms: two histories, two readings, what was refused."),
    "clock": ("status:clock", "Tell whether this machine's clock fits the record."),
    "pair": ("pair:pair", "Come to keep a record together with a partner's node."),
    "sync": ("exchange:sync", "Exchange news with partners over the network, now."),
    "bundle": ("exchange:bundle", "Exchange news by courier file."),
    "act": ("act:act", "Preview an act, and sign it with --yes."),
    "order": ("orders:order", "List orders, or show one."),
    "ledger": ("ledger:ledger", "Read the books: balance, account, open items, journal."),
    "digest": ("status:digest", "Print the digest of the record, to compare with the partner's."),
    "warrant": ("warrants:warrant", "Grant, renew, revoke and list warrants."),
    "redact": ("redact:redact", "Erase text from an entry, here and at the partners'."),
    "officer-key": ("officer_key:officer_key", "Make and keep an officer's own signing key."),
    "invite": ("people:invite", "Make a one-time sign-in link for a person."),
    "events": ("people:events", "List who came in and how, and what was not let happen."),
    "prove": ("verify:prove", "Write an order's evidence into a new FILE."),
    "verify": ("verify:verify", "Check evidence, or a record, from its bytes: signatures, order and meaning."),
    "export": ("verify:export", "Write an agreement's logs into a new FOLDER for an auditor."),
    "backup": ("keep:backup", "Copy this node into a new FOLDER while it works."),
    "restore": ("keep:restore", "Make a node in --node from the backup in FOLDER."),
    "recover": ("recover:recover_", "Let a node sign again that came back from a backup."),
    "drill": ("keep:drill", "Try the backup in FOLDER: put it back elsewhere, check it, compare it."),
})  # fmt: skip


class Commands(click.Group):
    """Imports a command when it is asked for, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"tallystick.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--node",
    type=click.Path(path_type=Path),
    envvar="TALLYSTICK_NODE",
    default=Path(),
    show_default="the present folder",
    show_envvar=True,
    help="Folder of the node.",
)
@click.option("--agreement", metavar="NAME_OR_ID", help="Which agreement, when the node keeps several.")
@click.version_option(__version__, prog_name="tallystick", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, node: Path, agreement: str | None) -> None:
    """A shared, signed record of mutual logistic support.

    Every command works on the node in --node. Exit codes: 0 done, 1 what was verified does not hold, 2 not possible as
    asked, 3 a partner's bytes are not acceptable, 4 there is an alarm, 70 a mistake in this program, 75 the disk,
    database or line (try again), 77 not allowed.
    """
    from tallystick.cli.shell import Shell

    ctx.obj = Shell(node, agreement)
    ctx.call_on_close(ctx.obj.close)


def exit_code(error: TallystickError) -> int:
    """Return the exit code for an error, by whose mistake it is."""
    if isinstance(error, LocalError):
        return EXIT_LOCAL
    if isinstance(error, RemoteError):
        return EXIT_REMOTE
    return EXIT_WORLD if isinstance(error, StoreError | PeerUnreachableError) else EXIT_INTERNAL


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if not __debug__:
        return _tell(LocalError("assertions-off"))
    try:
        result = cli.main(args=arguments, prog_name="tallystick", standalone_mode=False)
    except TallystickError as error:
        return _tell(error)
    except click.ClickException as error:
        error.show()
        return EXIT_LOCAL
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return EXIT_INTERRUPTED
    except PermissionError as error:
        return _tell(LocalError("not-allowed", path=str(error.filename), why=error.strerror), EXIT_NOT_ALLOWED)
    except SystemExit:  # click, when whoever read our output had enough: `tallystick order list | head`
        return EXIT_OK
    except OSError as error:
        from tallystick.stores.rules import disk_unavailable

        return _tell(disk_unavailable(error, Path(error.filename or ".")))
    except Exception:  # noqa: BLE001 - the last line: our own mistake is shown whole and gets its own exit code
        import traceback

        traceback.print_exc()
        return _tell(TallystickError("internal"))
    return result if isinstance(result, int) else EXIT_OK


def _tell(error: TallystickError, code: int | None = None) -> int:
    """Print sentence, remedy and code on standard error, and return the exit code."""
    from tallystick.cli.shell import tell

    tell(error)
    return exit_code(error) if code is None else code


if __name__ == "__main__":
    sys.exit(main())
