"""How two nodes come to keep a record together: cards, a proposal, and two administrators who compare key ids.

A *card* says who a node is and is signed by its party's root key. A *knock* is a card with a proposed agreement.
Nothing is kept under an agreement until an administrator on each side has compared the other's readable key id over
another channel (telephone, annex of the signed agreement) and said yes. Cards and knocks are plain files too, so
pairing works without a network.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tallystick.app.node import Desk, Node
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core import canonical, signing
from tallystick.core.agreement import PROFILES, UNPRINTABLE, Genesis, OfficerSigns, Party, Terms
from tallystick.core.entries import SCHEMA, Adopt, Draft, Duty, Grant
from tallystick.core.errors import LocalError, MalformedBytesError, RemoteError, TooLargeError

CARD_MAX = 4_096
KNOCK_MAX = 64 * 1024  # a card and the terms of an agreement, with room
KNOCK_LIFE = 30 * 86_400  # seconds that a stranger waits: an administrator comes by in a month, a flood goes by
NAME_MAX = 100
URL_MAX = 300
_CARD_CONTEXT = b"tallystick card v1\n"
_KNOCK_CONTEXT = b"tallystick knock v1\n"
_ARMOUR = ("-----BEGIN TALLYSTICK CARD-----", "-----END TALLYSTICK CARD-----")


@dataclass(frozen=True)
class Card:
    """Who a node is. ``key_id`` is what two administrators read to each other."""

    party: str
    party_name: str
    node_name: str
    root_key: bytes
    writer_key: bytes
    age_recipient: str
    url: str

    @property
    def key_id(self) -> str:
        return signing.readable_id(self.root_key)

    @property
    def fields(self) -> list[object]:
        return [
            self.party,
            self.party_name,
            self.node_name,
            self.root_key,
            self.writer_key,
            self.age_recipient,
            self.url,
        ]


@dataclass(frozen=True)
class Knock:
    """A stranger's card and the agreement it proposes."""

    card: Card
    genesis: Genesis


def own_card(node: Node) -> bytes:
    """Return this node's signed card.

    Raises:
        LocalError: ``key-missing`` on a node without its party's root key: pair from headquarters.
    """
    settings = node.settings
    card = Card(
        party=settings.party,
        party_name=settings.party_name,
        node_name=settings.node_name,
        root_key=node.keys.public("root"),
        writer_key=node.keys.public("writer"),
        age_recipient=node.keys.age_recipient(),
        url=settings.url,
    )
    signed = canonical.encode(card.fields)
    return canonical.encode([signed, node.keys.sign("root", _CARD_CONTEXT + signed)])


def read_card(data: bytes) -> Card:
    """Return what a card says, after checking its signature.

    Raises:
        RemoteError: ``card-unreadable``, ``card-signature``, ``card-key`` or ``too-large``.
    """
    if len(data) > CARD_MAX:
        raise TooLargeError(what="card", limit=CARD_MAX, size=len(data))
    try:
        match canonical.decode(data):
            case [bytes(signed), bytes(signature)]:
                pass
            case _:
                raise MalformedBytesError("card-unreadable")
        match canonical.decode(signed):
            case [str(party), str(party_name), str(node_name), bytes(root), bytes(writer), str(age), str(url)]:
                card = Card(party, party_name, node_name, root, writer, age, url)
            case _:
                raise MalformedBytesError("card-unreadable")
    except MalformedBytesError:
        raise MalformedBytesError("card-unreadable") from None
    names = (party_name, node_name)
    names_fit = all(0 < len(name) <= NAME_MAX for name in names) and 0 < len(party) <= 16 and len(age) <= NAME_MAX
    plain = UNPRINTABLE.search(" ".join((party, *names, age))) is None  # they are shown before anybody has confirmed
    if not (names_fit and plain) or len(url) > URL_MAX or not _is_address(url):
        raise MalformedBytesError("card-unreadable")
    if (
        len(root) != 32
        or len(writer) != 32
        or not (signing.key_is_acceptable(root) and signing.key_is_acceptable(writer))
    ):
        raise RemoteError("card-key", party=party)
    if not signing.verify(root, _CARD_CONTEXT + signed, signature):
        raise RemoteError("card-signature", party=party)
    return card


def _is_address(url: str) -> bool:
    """Return whether ``url`` is empty (no network) or an address that can be asked."""
    if not url:
        return True
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:  # a bracket or a port that is none
        return False


def armour(card: bytes) -> str:
    """Return a card as text that survives a mail or a memory stick."""
    begin, end = _ARMOUR
    body = base64.b64encode(card).decode("ascii")
    return "\n".join([begin, *(body[i : i + 64] for i in range(0, len(body), 64)), end, ""])


def unarmour(text: str) -> bytes:
    """Return the card in ``text``; raises MalformedBytesError ``card-unreadable``."""
    begin, end = _ARMOUR
    _, found, rest = text.partition(begin)
    body, closed, _ = rest.partition(end)
    if not (found and closed) or len(body) > 2 * CARD_MAX:
        raise MalformedBytesError("card-unreadable")
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except ValueError:  # binascii's own, or a letter beyond ASCII
        raise MalformedBytesError("card-unreadable") from None


def propose(
    node: Node,
    partner: Card,
    *,
    profile: str,
    name: str,
    compared_key_id: str,
    officer_signs: OfficerSigns | None = None,
    training: Iterable[Duty] = (),
) -> bytes:
    """Adopt an agreement with ``partner`` here, and return the knock that asks the same of its node.

    Args:
        node: This node; its administrator has compared the partner's key id over another channel.
        partner: The partner's card.
        profile: A code of ``PROFILES``.
        name: What the agreement is called; part of every checkpoint's origin.
        compared_key_id: The key id as the administrator got it, to be equal to the card's.
        officer_signs: When officers sign themselves; None: as the profile has it.
        training: Duties whose officers need training, besides those of the profile.

    Raises:
        LocalError: ``key-id-differs``, ``same-party``, ``unknown-profile``, ``already-paired``, ``already-asked`` (the
            partner waits in the pending box: confirm it instead), or ``genesis-not-possible``.
    """
    require_same_key_id(partner.root_key, compared_key_id)
    if partner.party == node.settings.party:
        raise LocalError("same-party", party=partner.party)
    terms = _terms(profile)
    terms = replace(
        terms,
        officer_signs=terms.officer_signs if officer_signs is None else officer_signs,
        training=tuple(sorted({*terms.training, *training})),
    )
    for peer in node.store.peers():
        if peer.root_key == partner.root_key:
            if peer.status in {PeerStatus.CONFIRMED, PeerStatus.PENDING_OUT}:
                raise LocalError("already-paired", party=partner.party)
            if peer.status is PeerStatus.KNOCK:
                raise LocalError("already-asked", party=partner.party)
    own = Party(node.settings.party, node.settings.party_name, node.keys.public("root"))
    theirs = Party(partner.party, partner.party_name, partner.root_key)
    genesis = Genesis(
        name=name,
        version=1,
        parties=tuple(sorted((own, theirs), key=lambda party: party.code)),
        terms=terms,
        schema_hash=_schema_hash(),
        dictionary_hash=hashlib.sha256(node.dictionary).digest(),
        nonce=node.ids.random_bytes(16),
    )
    _adopt(node, genesis)
    node.store.put_peer(_peer(node, partner, PeerStatus.PENDING_OUT, genesis))
    return make_knock(node, genesis)


def make_knock(node: Node, genesis: Genesis) -> bytes:
    """Return the signed knock for an agreement adopted here."""
    signed = canonical.encode([own_card(node), genesis.bytes])
    return canonical.encode([signed, node.keys.sign("root", _KNOCK_CONTEXT + signed)])


def read_knock(data: bytes) -> Knock:
    """Return what a knock asks.

    Raises:
        RemoteError: as ``read_card``, and ``knock-unreadable``, ``knock-signature``, ``not-in-agreement``.
    """
    if len(data) > KNOCK_MAX:
        raise TooLargeError(what="knock", limit=KNOCK_MAX, size=len(data))
    signed, signature = _two(data)
    card_bytes, genesis_bytes = _two(signed)
    card = read_card(card_bytes)
    if not signing.verify(card.root_key, _KNOCK_CONTEXT + signed, signature):
        raise RemoteError("knock-signature", party=card.party)
    genesis = Genesis.read(genesis_bytes)
    if not any(p.code == card.party and p.root_key == card.root_key for p in genesis.parties):
        raise RemoteError("not-in-agreement", party=card.party)
    return Knock(card, genesis)


def _two(data: bytes) -> tuple[bytes, bytes]:
    try:
        match canonical.decode(data):
            case [bytes(first), bytes(second)]:
                return first, second
    except MalformedBytesError:
        pass
    raise MalformedBytesError("knock-unreadable")


def knocked(node: Node, data: bytes) -> Peer:
    """Put a stranger's knock into the pending box, for the administrator; the same knock twice is one.

    Raises:
        RemoteError: as ``read_knock``; ``knock-not-for-us``; ``knock-other-version`` (it is about entries or a wire
            dictionary this program does not have); ``already-proposed`` (both sides asked at once: one withdraws); or
            ``too-many-knocks``.
    """
    knock = read_knock(data)
    mine = [p for p in knock.genesis.parties if p.code == node.settings.party]
    if not mine or mine[0].root_key != node.keys.public("root") or knock.card.party == node.settings.party:
        raise RemoteError("knock-not-for-us", party=node.settings.party)
    if (knock.genesis.schema_hash, knock.genesis.dictionary_hash) != (
        _schema_hash(),
        hashlib.sha256(node.dictionary).digest(),
    ):
        raise RemoteError("knock-other-version", party=knock.card.party)
    peer = _peer(node, knock.card, PeerStatus.KNOCK, knock.genesis)
    known = node.store.get_peer(peer.peer_id)
    if known is not None:
        return known
    forget_old_knocks(node)
    for other in node.store.peers():
        if other.root_key == peer.root_key and other.status is PeerStatus.PENDING_OUT:
            raise RemoteError("already-proposed", party=peer.party)
    node.store.put_peer(peer)
    return peer


def forget_old_knocks(node: Node) -> None:
    """Forget strangers who have waited for ``KNOCK_LIFE``; who still wants to pair knocks again."""
    for peer in node.store.peers():
        if peer.status is PeerStatus.KNOCK and node.clock.now() - peer.created_at >= KNOCK_LIFE:
            node.store.remove_peer(peer.peer_id)


def confirm(node: Node, peer_id: str, *, compared_key_id: str) -> Desk:
    """Adopt the agreement that a pending partner proposed.

    Raises:
        LocalError: ``no-such-knock`` or ``key-id-differs``.
    """
    peer = _pending(node, peer_id)
    assert peer.root_key is not None
    assert peer.genesis is not None
    require_same_key_id(peer.root_key, compared_key_id)
    genesis = Genesis.read(peer.genesis)
    desk = _adopt(node, genesis)
    node.store.put_peer(replace(peer, status=PeerStatus.CONFIRMED))
    return desk


def refuse(node: Node, peer_id: str) -> None:
    """Say no to a pending partner; it may knock again only after an administrator has removed the refusal."""
    node.store.put_peer(replace(_pending(node, peer_id), status=PeerStatus.REFUSED, genesis=None))


def withdraw(node: Node, peer_id: str) -> None:
    """Take back a proposal that the partner has not adopted, for example because both sides proposed at once.

    The agreement proposed is put away: what it holds (our adoption) stays in the store, and nobody is shown it.

    Raises:
        LocalError: ``no-such-proposal``, or ``already-adopted``.
    """
    peer = node.store.get_peer(peer_id)
    if peer is None or peer.space is None or peer.status not in {PeerStatus.PENDING_OUT, PeerStatus.CONFIRMED}:
        raise LocalError("no-such-proposal")
    if peer.status is PeerStatus.CONFIRMED or has_adopted(node.desk(peer.space)):
        raise LocalError("already-adopted", party=peer.party)
    node.put_away(peer.space)
    node.store.remove_peer(peer_id)


def has_adopted(desk: Desk) -> bool:
    """Return whether every partner's adoption of the agreement has come."""
    return all(desk.space.sizes().get(party) for party in desk.partners)


def partner_has_adopted(node: Node, peer: Peer) -> None:
    """Note that the partner's first bundle has come: the pairing is whole."""
    if peer.status is PeerStatus.PENDING_OUT:
        node.store.put_peer(replace(peer, status=PeerStatus.CONFIRMED))


def _pending(node: Node, peer_id: str) -> Peer:
    peer = node.store.get_peer(peer_id)
    if peer is None or peer.status is not PeerStatus.KNOCK:
        raise LocalError("no-such-knock")
    return peer


def _peer(node: Node, card: Card, status: PeerStatus, genesis: Genesis) -> Peer:
    return Peer(
        peer_id=f"{card.party}-{card.writer_key.hex()[:8]}-{genesis.space_id.hex()[:8]}",
        party=card.party,
        name=card.node_name,
        status=status,
        created_at=node.clock.now(),
        space=genesis.space_id,
        url=card.url,
        age_recipient=card.age_recipient,
        root_key=card.root_key,
        writer_key=card.writer_key,
        genesis=genesis.bytes,
    )


def _adopt(node: Node, genesis: Genesis) -> Desk:
    """Keep the agreement here: leaf 0 adopts it, leaf 1 grants this node's writer. Done once, whoever asks twice."""
    node.store.create_space(genesis.bytes)
    desk = node.desk(genesis.space_id)
    drafts = [
        Draft(Adopt(genesis.space_id)),
        Draft(
            Grant(
                post=node.settings.node_name,
                key=node.keys.public("writer"),
                age_recipient=node.keys.age_recipient(),
                duties=(),
                currency="",
                per_act=None,
                total=None,
                until=None,
                trained_on=None,
            )
        ),
    ]
    desk.commit_fresh(
        lambda: (
            None
            if desk.space.sizes().get(desk.admin_log)
            else desk.space.draft(desk.admin_log, drafts, desk.clock.now() // 60 * 60, desk.epoch_key(desk.admin_log))
        )
    )
    return desk


def _terms(profile: str) -> Terms:
    if profile not in PROFILES:
        raise LocalError("unknown-profile", profile=profile, known=", ".join(sorted(PROFILES)))
    return PROFILES[profile]


def _schema_hash() -> bytes:
    return hashlib.sha256(SCHEMA.encode()).digest()


def require_same_key_id(key: bytes, compared: str) -> None:
    """Raise LocalError ``key-id-differs`` unless ``compared``, heard or read by an administrator, names ``key``."""
    if not signing.is_id_of(compared, key):
        raise LocalError("key-id-differs", expected_shape=signing.readable_id(bytes(32)))
