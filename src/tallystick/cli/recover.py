"""``recover``: the ways out for a node that came back from a backup and finds nobody who knows its log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallystick.app import courier, recover
from tallystick.cli.shell import Shell, facts, json_option, pass_shell, print_json, read_file, say, write_file
from tallystick.core.errors import LocalError

if TYPE_CHECKING:
    from tallystick.app.recover import Request


@click.group("recover")
def recover_() -> None:
    """Let a node sign again that came back from a backup.

    Not needed when it can exchange, or courier files can go there and back: then it opens by itself. Else a partner's
    administrator tells by telephone (tell there, told here); a node whose party's root key is elsewhere may ask for a
    new writer (ask, grant, take).
    """


@recover_.command()
@click.option("--party", metavar="CODE", help="Whose logs, when there are several partners.")
@json_option
@pass_shell
def tell(shell: Shell, party: str | None, as_json: bool) -> None:
    """Tell what this node holds of a partner's logs: to read to its administrator on the telephone."""
    desk = shell.desk
    number = desk.partners[0] if party is None else desk.genesis.party_number(party)
    held = recover.held_of(desk, number)
    if as_json:
        print_json([{"log": log, "size": size} for log, size in held.items()])
        return
    say(f"Of {desk.party_code(number)} this node holds, by log:")
    say(" ".join(f"{log}={size}" for log, size in held.items()))


@recover_.command()
@click.argument("sizes", nargs=-1, required=True, metavar="LOG=SIZE...")
@click.option("--partner", metavar="CODE", help="Who told, when there are several partners.")
@click.option("--yes", is_flag=True, help="I have it from the administrator, and know the voice.")
@pass_shell
def told(shell: Shell, sizes: tuple[str, ...], partner: str | None, yes: bool) -> None:
    """Take in what a partner's administrator tells of this node's logs.

    They read it with: tallystick recover tell. It stands instead of what their node told before. A number too small
    costs a fork of this node's log, for which it answers; one too large is put right by telling again.
    """
    node, desk = shell.node, shell.desk
    known = dict(map(_log_size, sizes))
    if not yes:
        closed = ", ".join(map(str, sorted(desk.closed_logs))) or "none"
        say(f"Closed logs: {closed}. Would believe what was told. Say --yes to do so.")
        return
    peer = courier.partner(node, desk, partner)
    assert peer.writer_key is not None
    recover.told(desk, peer.writer_key, known)
    desk.require_heard()
    say("The logs are open again.")


def _log_size(text: str) -> tuple[int, int]:
    log, _, size = text.partition("=")
    if not (log.isascii() and log.isdigit() and size.isascii() and size.isdigit()):
        raise LocalError("log-size-wrong", text=text)
    return int(log), int(size)


@recover_.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@json_option
@pass_shell
def ask(shell: Shell, out: Path, as_json: bool) -> None:
    """Make a new writer key, and a request that an administrator at headquarters grants it.

    For a node whose party's root key is elsewhere. Its old log is left as it is, and revoked there.
    """
    from tallystick.stores.keys import KeyFolder

    node, desk = shell.node, shell.desk
    recover.require_needed(node, desk)
    if not node.keys.has(recover.NEW):
        KeyFolder(node.settings.keys_folder).create(recover.NEW, node.ids)
    data = recover.ask(node, desk)
    write_file(out, data)
    request = recover.read_request(data)
    if as_json:
        print_json({"file": str(out), "key_id": request.key_id})
        return
    say(f"Request in {out}. Send it to headquarters, and read this to its administrator: {request.key_id}")
    say("The answer is a file: tallystick recover take FILE.")


@recover_.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--compared", metavar="KEY_ID", help="The key id, as you heard it; without, only show the request.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the answer goes; needed with --compared.")
@json_option
@pass_shell
def grant(shell: Shell, path: Path, compared: str | None, out: Path | None, as_json: bool) -> None:
    """Grant a new writer to a node of this party that asks. Needs the root key on this node.

    Revokes its old writer where the log is known to stand here.
    """
    node, desk = shell.node, shell.desk
    request = recover.read_request(read_file(path, limit=recover.REQUEST_MAX, what="request"))
    _, lacking = recover.look(desk, request)
    if compared is None:
        _show(request, lacking, as_json=as_json)
        return
    if out is None:
        raise click.UsageError("The answer needs a place: --out.")
    done = recover.grant(node, desk, request, compared_key_id=compared)
    write_file(out, done.answer)
    if as_json:
        print_json({"revoked": str(done.revoked.ref), "granted": str(done.granted.ref), "answer": str(out)})
    else:
        say(f"Granted by entry {done.granted.ref}; the old writer is revoked by {done.revoked.ref}.")
        say(f"The answer is in {out}. At {request.node_name}: tallystick recover take FILE.")


def _show(request: Request, lacking: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"node": request.node_name, "party": request.party, "entries_lacking_there": lacking})
        return
    facts({"node": f"{request.node_name} of {request.party}", "old log": f"{request.size} leaves there"})
    if lacking > 0:
        say(f"This node holds {lacking} leaves more of it: a courier file there and back would open the old log.")
    say("Ask its people for the key id, and grant it with --compared KEY_ID --out FILE.")


@recover_.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@pass_shell
def take(shell: Shell, path: Path) -> None:
    """Take in the answer of headquarters, and write with the new key from now on."""
    from tallystick.stores.keys import KeyFolder

    node = shell.node
    desk, _ = courier.read(node, read_file(path, limit=courier.COURIER_MAX, what="courier file"))
    if not recover.is_granted(node):
        raise LocalError("recover-waits")
    KeyFolder(node.settings.keys_folder).put_in_place(recover.NEW, "writer")
    from tallystick.stores.node import open_node

    again = open_node(node.settings.folder)
    for one in again.desks.values():
        one.settle()
    again.store.close()
    say(f"{desk.name}: this node writes a new log from now on. The old key is kept in the keys' folder.")
