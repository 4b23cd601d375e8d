"""``pair``: cards, a proposal, and two administrators who compare key ids."""

from __future__ import annotations

from pathlib import Path

import click

from tallystick.app import fields, pairing
from tallystick.app.ports import Peer, PeerStatus
from tallystick.cli.shell import (
    Shell,
    facts,
    iso,
    json_option,
    pass_shell,
    print_json,
    read_file,
    say,
    table,
    write_file,
)
from tallystick.core import signing
from tallystick.core.agreement import PROFILES, Genesis, OfficerSigns
from tallystick.core.entries import Duty
from tallystick.core.errors import LocalError

_FILE = click.Path(path_type=Path)
_SIGNS = {fields.code_name(rule): rule for rule in OfficerSigns}
_DUTIES = {fields.code_name(duty): duty for duty in Duty}


@click.group()
def pair() -> None:
    """Come to keep a record together with a partner's node.

    Exchange cards by any channel. Then, over another one (the telephone, an annex of the signed agreement), read each
    other the key id. One side proposes, the other confirms; both type the key id they were told.
    """


@pair.command()
@click.option("--out", type=_FILE, help="Write it to a file instead.")
@pass_shell
def card(shell: Shell, out: Path | None) -> None:
    """Print this node's card, to give to the partner."""
    data = pairing.own_card(shell.node)
    text = pairing.armour(data)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text.encode())
    click.echo(f"Key id, to be read out over another channel: {pairing.read_card(data).key_id}", err=True)


def _read_card(path: Path) -> pairing.Card:
    data = read_file(path, limit=4 * pairing.CARD_MAX, what="card")
    return pairing.read_card(pairing.unarmour(data.decode("utf-8", "replace")))


@pair.command()
@click.argument("card", type=_FILE)
@json_option
def look(card: Path, as_json: bool) -> None:
    """Show what a partner's CARD says, with its key id."""
    read = _read_card(card)
    told = {
        "party": read.party,
        "party_name": read.party_name,
        "node": read.node_name,
        "url": read.url,
        "key_id": read.key_id,
    }
    if as_json:
        print_json(told)
    else:
        facts({name.replace("_", " "): value for name, value in told.items()})


@pair.command()
@click.argument("card", type=_FILE)
@click.option("--profile", default="JPIN", show_default=True, type=click.Choice(sorted(PROFILES)), help="The terms.")
@click.option("--name", required=True, help="What the agreement is called: ASCII without spaces.")
@click.option("--compared", required=True, metavar="KEY_ID", help="The partner's key id, as you were told it.")
@click.option(
    "--officer-signs",
    "signs",
    type=click.Choice(list(_SIGNS)),
    help="When officers sign themselves; else as the terms.",
)
@click.option("--training", multiple=True, type=click.Choice(list(_DUTIES)), help="A duty that needs it. Repeatable.")
@click.option("--out", type=_FILE, help="Write the proposal to a file, to be carried.")
@click.option("--send", is_flag=True, help="Deliver it to the partner's node now.")
@pass_shell
def propose(
    shell: Shell,
    card: Path,
    profile: str,
    name: str,
    compared: str,
    signs: str | None,
    training: tuple[str, ...],
    out: Path | None,
    send: bool,
) -> None:
    """Adopt an agreement with the partner of CARD here, and ask its node for the same."""
    if not (out or send):
        raise click.UsageError("Say --out FILE to carry the proposal, or --send to deliver it now.")
    if out is not None and out.exists():
        raise LocalError("file-exists", path=str(out))
    partner = _read_card(card)
    knock = pairing.propose(
        shell.node,
        partner,
        profile=profile,
        name=name,
        compared_key_id=compared,
        officer_signs=_SIGNS[signs] if signs is not None else None,
        training=[_DUTIES[duty] for duty in training],
    )
    if out is not None:
        write_file(out, knock)
        say(f"Proposal for {partner.party} in {out}. There: tallystick pair receive FILE, then pair confirm.")
    if send:
        _deliver(shell, partner.url, knock)
        say(f"Proposal delivered to {partner.url}. Their administrator now compares key ids and confirms.")


@pair.command()
@click.option("--partner", "party", metavar="CODE", help="Which partner, when there are several.")
@click.option("--out", type=_FILE, help="Write it to a file.")
@click.option("--send", is_flag=True, help="Deliver it to the partner's node now.")
@pass_shell
def remind(shell: Shell, party: str | None, out: Path | None, send: bool) -> None:
    """Make a proposal again that has not been confirmed, to carry or to deliver."""
    if not (out or send):
        raise click.UsageError("Say --out FILE to carry the proposal, or --send to deliver it now.")
    peer = _one(shell, party, PeerStatus.PENDING_OUT)
    assert peer.genesis is not None
    knock = pairing.make_knock(shell.node, Genesis.read(peer.genesis))
    if out is not None:
        write_file(out, knock)
    if send:
        _deliver(shell, peer.url, knock)
    say(f"Proposal for {peer.party} made again.")


def _deliver(shell: Shell, url: str, knock: bytes) -> None:
    from tallystick.web.link import HttpLink  # urllib3, no Django

    if not url:
        raise LocalError("partner-without-address")
    HttpLink(shell.node.settings, shell.node.keys).post(url, "knock", knock)


@pair.command()
@click.argument("file", type=_FILE)
@pass_shell
def receive(shell: Shell, file: Path) -> None:
    """Put a proposal that came as a FILE into the pending box."""
    peer = pairing.knocked(shell.node, read_file(file, limit=pairing.KNOCK_MAX, what="proposal"))
    _show_pending([peer])


@pair.command()
@json_option
@pass_shell
def box(shell: Shell, as_json: bool) -> None:
    """List who asks to be paired."""
    pending = [peer for peer in shell.node.store.peers() if peer.status is PeerStatus.KNOCK]
    if as_json:
        print_json([_pending(peer) for peer in pending])
    elif pending:
        _show_pending(pending)
    else:
        say("Nobody asks to be paired.")


def _pending(peer: Peer) -> dict[str, str]:
    assert peer.root_key is not None
    assert peer.genesis is not None
    genesis = Genesis.read(peer.genesis)
    return {
        "id": peer.peer_id,
        "party": peer.party,
        "node": peer.name,
        "agreement": genesis.name,
        "profile": genesis.terms.name,
        "key_id": signing.readable_id(peer.root_key),
        "asked_at": iso(peer.created_at),
    }


def _show_pending(peers: list[Peer]) -> None:
    rows = [_pending(peer) for peer in peers]
    table(list(rows[0]), [list(row.values()) for row in rows])
    say("Compare key ids with the partner over another channel, then: tallystick pair confirm PARTY --compared KEY_ID")


@pair.command()
@click.argument("who", metavar="PARTY_OR_ID")
@click.option("--compared", required=True, metavar="KEY_ID", help="The partner's key id, as you were told it.")
@pass_shell
def confirm(shell: Shell, who: str, compared: str) -> None:
    """Adopt the agreement that a pending partner proposed."""
    desk = pairing.confirm(shell.node, _id_of(shell, who, PeerStatus.KNOCK), compared_key_id=compared)
    say(f"{desk.name} is adopted here. The first exchange completes the pairing.")


@pair.command()
@click.argument("who", metavar="PARTY_OR_ID")
@pass_shell
def refuse(shell: Shell, who: str) -> None:
    """Say no to a pending partner; it cannot ask again until it is forgotten."""
    pairing.refuse(shell.node, _id_of(shell, who, PeerStatus.KNOCK))
    say("Refused.")


@pair.command()
@click.option("--partner", "party", metavar="CODE", help="Which partner, when there are several.")
@pass_shell
def withdraw(shell: Shell, party: str | None) -> None:
    """Take back a proposal of ours that has not been confirmed."""
    peer = _one(shell, party, PeerStatus.PENDING_OUT)
    pairing.withdraw(shell.node, peer.peer_id)
    say(f"The proposal to {peer.party} is withdrawn.")


@pair.command()
@click.argument("who", metavar="PARTY_OR_ID")
@pass_shell
def forget(shell: Shell, who: str) -> None:
    """Let a refused partner ask again."""
    shell.node.store.remove_peer(_id_of(shell, who, PeerStatus.REFUSED))
    say("Forgotten.")


def _id_of(shell: Shell, who: str, status: PeerStatus) -> str:
    """Return the id of the one peer with ``status`` that ``who`` names, by id or by its party's code.

    Raises:
        LocalError: ``no-such-knock`` or ``which-partner``.
    """
    found = [p for p in shell.node.store.peers() if p.status is status and who in {p.peer_id, p.party}]
    if not found:
        raise LocalError("no-such-knock")
    if len(found) > 1:
        raise LocalError("which-partner", partners=", ".join(peer.peer_id for peer in found))
    return found[0].peer_id


def _one(shell: Shell, party: str | None, status: PeerStatus) -> Peer:
    found = [p for p in shell.node.store.peers() if p.status is status and party in {None, p.party}]
    if not found:
        raise LocalError("no-such-proposal")
    if len(found) > 1:
        raise LocalError("which-partner", partners=", ".join(f"{peer.party} ({peer.name})" for peer in found))
    return found[0]
