"""``status``, ``clock`` and ``digest``: how this node stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tallystick.app import alarms, attest, digests, health, messages, read, timekeeping
from tallystick.app.node import Desk
from tallystick.app.ports import Peer
from tallystick.cli.alarms import end_quietly_if
from tallystick.cli.orders import find_order
from tallystick.cli.shell import Shell, facts, iso, json_option, pass_shell, print_json, read_file, say, table, tell
from tallystick.core import signing


def _agreement(desk: Desk) -> dict[str, Any]:
    step = read.in_step(desk)
    return {
        "agreement": desk.name,
        "id": desk.id.hex(),
        "parties": [party.code for party in desk.genesis.parties],
        "entries": desk.record.entry_count,
        "findings": len(desk.record.findings),
        "digest": step.digest.hex(),
        "in_step": step.in_step,
        "behind": step.behind,
        "not_acknowledged": step.theirs_missing,
        "last_heard_at": iso(step.last_heard_at),
        "last_compared_at": iso(_compared_at(desk)),
        "alarms": len(alarms.standing(desk)),
        "waiting": len(desk.store.waiting(desk.id)),
        "troubles": [error.code for error in health.of_desk(desk)],
    }


def _compared_at(desk: Desk) -> int | None:
    """Return when a partner's attestation agreed with ours last."""
    known = attest.all_compared(desk).values()
    return max((compared.same_at for compared in known if compared.same_at is not None), default=None)


def _peer(peer: Peer) -> dict[str, Any]:
    return {
        "party": peer.party,
        "name": peer.name,
        "status": peer.status.value,
        "url": peer.url,
        "key_id": signing.readable_id(peer.root_key) if peer.root_key else "",
        "last_seen_at": iso(peer.last_seen_at),
        "last_tried_at": iso(peer.last_tried_at),
        "last_error": peer.last_error or "",
    }


@click.command()
@json_option
@pass_shell
def status(shell: Shell, as_json: bool) -> None:
    """Tell how this node and its partners stand."""
    node = shell.node
    keys = node.keys
    troubles = health.of_node(node).all
    told: dict[str, Any] = {
        "node": node.settings.node_name,
        "party": node.settings.party,
        "folder": str(node.settings.folder),
        "url": node.settings.url,
        "key_id": signing.readable_id(keys.public("root")) if keys.has("root") else "",
        "now": iso(node.clock.now()),
        "agreements": [_agreement(desk) for desk in shell.desks],
        "partners": [_peer(peer) for peer in node.store.peers()],
        "set_aside": len(node.store.aside()),
        "troubles": [{"code": error.code, "told": messages.sentence(error.code, error.facts)} for error in troubles],
    }
    if as_json:
        print_json(told)
        return
    facts(
        {
            "node": f"{told['node']} of {told['party']}",
            "address": told["url"],
            "key id": told["key_id"] or "the root key is not on this node",
            "time": told["now"],
        }
    )
    for error in troubles:
        say()
        tell(error)
    for agreement in told["agreements"]:
        say()
        held = "in step" if agreement["in_step"] else f"{agreement['not_acknowledged']} acts not acknowledged yet"
        if agreement["behind"]:
            held = "not known: this node may be behind itself"
        facts(
            {
                "agreement": f"{agreement['agreement']} ({agreement['id'][:8]})",
                "entries": agreement["entries"],
                "findings": agreement["findings"],
                "digest": agreement["digest"],
                "partner": held,
                "last heard": agreement["last_heard_at"],
                "last compared": agreement["last_compared_at"],
                "alarms": f"{agreement['alarms']}: see tallystick alarms" if agreement["alarms"] else "",
                "waiting": f"{agreement['waiting']} bundles for what comes before them" if agreement["waiting"] else "",
            }
        )
    if told["partners"]:
        say()
        names = ("party", "name", "status", "last_seen_at", "last_error", "url")
        table(
            ("party", "node", "status", "last seen", "last error", "address"),
            [[peer[name] for name in names] for peer in told["partners"]],
        )
    if told["set_aside"]:
        say(f"\n{told['set_aside']} refused files or bundles are set aside; the partner page lists them.")


@click.command()
@click.option("--right", is_flag=True, help="I have compared it with another clock: it is right.")
@json_option
@pass_shell
def clock(shell: Shell, right: bool, as_json: bool) -> None:
    """Tell whether this machine's clock fits the record.

    A clock that stands before the newest entry, or 400 days after it, signs nothing. With --right it is believed from
    now on, and judged by what comes later.
    """
    if right:
        timekeeping.say_it_is_right(shell.node)
    now = iso(shell.node.clock.now())
    troubles = [error for desk in shell.desks if (error := timekeeping.trouble(desk)) is not None]
    if as_json:
        print_json({"now": now, "troubles": [error.code for error in troubles]})
        return
    say(now)
    for error in troubles[:1]:
        tell(error)


@click.command()
@click.option("--order", "wanted", metavar="NUMBER", help="Of one order only: its number or its entry.")
@click.option("--orders", is_flag=True, help="A list of all orders, for the partner's --compare.")
@click.option("--compare", type=click.Path(path_type=Path), help="A list that the partner made with --orders.")
@json_option
@pass_shell
def digest(shell: Shell, wanted: str | None, orders: bool, compare: Path | None, as_json: bool) -> None:
    """Print the digest of the record, to compare with the partner's.

    Two nodes that hold the same entries print the same digest. When they do not, --orders and --compare find the first
    order that differs without a line between the nodes.
    """
    if compare is not None:
        _compare(shell, compare, as_json)
        return
    if orders:
        say(digests.write_list(shell.desk).rstrip("\n"))
        return
    if wanted is not None:
        told = [(shell.desk, shell.desk.record.order_digest(find_order(shell.desk, wanted).order_id))]
    else:
        told = [(desk, desk.record.digest) for desk in shell.desks]
    if as_json:
        print_json(
            [{"agreement": desk.name, "entries": desk.record.entry_count, "digest": d.hex()} for desk, d in told]
        )
        return
    for desk, d in told:
        say(f"{d.hex()}  {desk.name}")


def _compare(shell: Shell, path: Path, as_json: bool) -> None:
    """Compare a partner's list with our record of the same entries; the exit code tells whether they are the same."""
    text = read_file(path, limit=digests.LIST_MAX, what="list of digests").decode("utf-8", "replace")
    found = digests.compare_list(shell.desk, text)
    if as_json:
        odd = [str(order_id) for order_id in found.orders]
        print_json({"compared": found.compared, "same": found.same, "first": found.number, "differ": odd})
    elif found.same:
        say(f"{found.compared} orders: the same on both nodes.")
    elif found.orders:
        say(f"{len(found.orders)} of {found.compared} orders differ. The first is {found.number} ({found.orders[0]}).")
    else:
        say(f"{found.compared} orders are the same on both nodes; what is told beside them differs.")
    end_quietly_if(found.same)
