"""``sync`` and ``bundle``: news in and out, over the network and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallystick.app import courier, pairing
from tallystick.app.ports import PeerStatus
from tallystick.cli.shell import Shell, json_option, pass_shell, print_json, read_file, say, tell, write_file
from tallystick.core.errors import LocalError, RemoteError, TallystickError

if TYPE_CHECKING:
    from tallystick.app.node import Node

_LIVE = (PeerStatus.CONFIRMED, PeerStatus.PENDING_OUT)


@click.command()
@click.option("--partner", "party", metavar="CODE", help="Only with this party's nodes.")
@json_option
@pass_shell
def sync(shell: Shell, party: str | None, as_json: bool) -> None:
    """Exchange news with partners over the network, now.

    A running node does this by itself. What was exchanged before a break stays.
    """
    from tallystick.web.link import HttpLink  # urllib3, no Django
    from tallystick.web.visit import visit

    node = shell.node
    peers = [p for p in node.store.peers() if p.status in _LIVE and party in {None, p.party}]
    if not peers:
        raise LocalError("no-partner-yet", agreement="This node")
    link = HttpLink(node.settings, node.keys)
    closed = _closed(node)
    told: list[dict[str, Any]] = []
    failed: list[TallystickError] = []
    for peer in peers:
        assert peer.space is not None
        desk = node.desk(peer.space)
        before = desk.record.entry_count
        result = visit(node, link, peer) if peer.url else LocalError("partner-without-address")
        error = result if isinstance(result, TallystickError) else None
        if error is not None:
            failed.append(error)
        told.append(
            {
                "party": peer.party,
                "node": peer.name,
                "new_entries": desk.record.entry_count - before,
                "digest": desk.record.digest.hex(),
                "error": error.code if error else "",
            }
        )
    if as_json:
        print_json(told)
    else:
        for row in told:
            if not row["error"]:
                say(f"{row['party']} ({row['node']}): {row['new_entries']} new entries, digest {row['digest']}")
        _say_what_opened(node, closed)
    for error in failed[1:]:
        tell(error)
    if failed:
        raise failed[0]


@click.group()
def bundle() -> None:
    """Exchange news by courier file.

    A file is sealed to the partner's node: nobody who carries it can read it. Files may be read twice, late, and in
    any order.
    """


@bundle.command()
@click.option("--partner", "party", metavar="CODE", help="For whom, when there are several partners.")
@click.option("--all", "everything", is_flag=True, help="Everything, not only what is not acknowledged yet.")
@click.option("--to", type=click.Path(path_type=Path), help="A file, or a folder; without, courier/out of the node.")
@json_option
@pass_shell
def write(shell: Shell, party: str | None, everything: bool, to: Path | None, as_json: bool) -> None:
    """Write a courier file for the partner."""
    node, desk = shell.node, shell.desk
    made = courier.write(node, desk, courier.partner(node, desk, party), everything=everything)
    target = _free(_target(to or node.settings.folder / "courier" / "out", made.name))
    write_file(target, made.data)
    if as_json:
        print_json({"file": str(target), "bundles": made.bundles, "bytes": len(made.data)})
    else:
        say(f"{target}: {made.bundles} bundles, {len(made.data)} bytes")


def _target(to: Path, name: str) -> Path:
    return to / name if to.is_dir() else to


def _free(path: Path) -> Path:
    """Return ``path``, or the same with a number when two files were made in one second."""
    candidate, number = path, 2
    while candidate.exists() and path.name.endswith(courier.SUFFIX):
        candidate = path.with_name(f"{path.name.removesuffix(courier.SUFFIX)}-{number}{courier.SUFFIX}")
        number += 1
    return candidate


@bundle.command("read")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@json_option
@pass_shell
def read_(shell: Shell, paths: tuple[Path, ...], as_json: bool) -> None:
    """Take in courier files: PATHS, or all in a folder (without: courier/in of the node).

    A file that is not acceptable is reported and the others are still read; the exit code is then 3.
    """
    node = shell.node
    closed = _closed(node)
    told: list[dict[str, Any]] = []
    failed: list[TallystickError] = []
    for path in _files(paths or (node.settings.folder / "courier" / "in",)):
        row: dict[str, Any] = {"file": str(path), "bundles": 0, "new_entries": 0, "waiting": 0, "error": ""}
        try:
            data = read_file(path, limit=courier.COURIER_MAX, what="courier file")
            desk, received = courier.read(node, data)
            _note_adoption(shell, desk.id)
            row |= {"bundles": received.bundles, "new_entries": received.entries, "waiting": received.waiting}
        except (LocalError, RemoteError) as error:
            failed.append(error)
            row["error"] = error.code
            if not as_json:
                click.echo(f"{path}:", err=True)
            tell(error)
        told.append(row)
    if as_json:
        print_json(told)
    for row in told if not as_json else ():
        if row["error"]:
            continue
        waits = f", {row['waiting']} bundles wait for what comes before them" if row["waiting"] else ""
        say(f"{row['file']}: {row['new_entries']} new entries{waits}")
    if not told:
        say("There is no courier file.")
    if not as_json:
        _say_what_opened(node, closed)
    if failed:
        from tallystick.cli.main import exit_code

        click.get_current_context().exit(max(exit_code(error) for error in failed))


def _closed(node: Node) -> dict[bytes, str]:
    """Return the agreements under which this node may not sign, because it came back from a backup."""
    return {space: desk.name for space, desk in node.desks.items() if desk.is_behind}


def _say_what_opened(node: Node, before: Mapping[bytes, str]) -> None:
    after = _closed(node)
    for space, name in before.items():
        if space in after:
            say(f"{name}: this node came back from a backup and may not sign yet.")
        else:
            say(f"{name}: this node came back from a backup, has heard what it had signed, and signs again.")


def _files(paths: tuple[Path, ...]) -> list[Path]:
    found = []
    for path in paths:
        found += sorted(path.glob(f"*{courier.SUFFIX}")) if path.is_dir() else [path]
    return found


def _note_adoption(shell: Shell, space: bytes) -> None:
    """A partner whose own adoption has come by courier has confirmed the pairing."""
    desk = shell.node.desk(space)
    for peer in shell.node.store.peers():
        if peer.space == space and all(desk.space.sizes().get(party) for party in desk.partners):
            pairing.partner_has_adopted(shell.node, peer)
