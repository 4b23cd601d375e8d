"""What the use cases need from the world: where entries are kept, keys, the clock, dice and the line to a partner.

Decides the promises; ``stores`` and the shell keep them, and one contract suite (tests/contract/test_stores.py) holds
every store to the same words. A port carries values of ``core`` and of this module, never rows or connections.

Every method of a store may raise :class:`~tallystick.core.errors.StoreUnavailableError` with one of the codes
``store-locked``, ``store-full``, ``store-read-only``, ``store-gone``, ``store-damaged`` or ``store-too-new``. After it
nothing is half-written and the store object can be used again as soon as the cause is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tallystick.core.admission import Admission
    from tallystick.core.checkpoint import Checkpoint
    from tallystick.core.log import StoredLeaf

WAITING_BUNDLES_MAX = 1_000  # per agreement: three years of a node that sends daily while we wait for one lost file
WAITING_BYTES_MAX = 64 * 2**20  # per agreement: what one bundle may be at most when it is unpacked
ASIDE_MAX = 200  # kept per agreement (and as many from strangers), so a stranger cannot push a partner's evidence out
ASIDE_BYTES_MAX = 2**20  # kept of each; its full length and hash are kept beside it
PURGE_DUE = "purge-due "  # and the agreement's id: what a store remembers from an erasure until its files are clean
KNOCKS_MAX = 20  # strangers waiting for an administrator: more than anyone pairs in a week


@dataclass(frozen=True, slots=True)
class Loaded:
    """One agreement as it was at one moment: what ``Space.restore`` takes.

    ``leaves`` are ordered by log, then index, without a hole; ``epoch_keys`` are named by (log, block of 256 leaves);
    ``checkpoints`` holds the one with the largest size of each log that has one.
    """

    genesis: bytes
    leaves: Sequence[StoredLeaf]
    epoch_keys: Mapping[tuple[int, int], bytes]
    checkpoints: Mapping[int, Checkpoint]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bundle that came before one it builds on. ``digest`` is the SHA-256 of ``bundle`` and names it."""

    digest: bytes
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """Refused bytes, kept for the operator.

    ``at`` in seconds since 1970; ``size`` and ``digest`` (SHA-256) are of all that came, ``body`` is at most its first
    ``ASIDE_BYTES_MAX`` bytes. ``facts`` are the error's, with bytes as hexadecimal text.
    """

    space: bytes | None
    at: int
    code: str
    facts: Mapping[str, object]
    size: int
    digest: bytes
    body: bytes


class PeerStatus(StrEnum):
    """How far two nodes have come in knowing each other."""

    PENDING_OUT = "pending-out"  # we asked them; they have not confirmed
    KNOCK = "pending-in"  # a stranger asks; our administrator has not confirmed
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A partner's node as we know it, or a stranger that would like to be one.

    ``peer_id`` is chosen by pairing and stays; ``party`` is the party's code ("JP"); ``root_key`` and ``writer_key``
    are 32-byte Ed25519 public keys once known; ``genesis`` is the proposed agreement until it is adopted; ``known``
    says which size of each log they told us they hold. Instants are seconds since 1970.
    """

    peer_id: str
    party: str
    name: str
    status: PeerStatus
    created_at: int
    space: bytes | None = None
    url: str = ""
    age_recipient: str = ""
    root_key: bytes | None = None
    writer_key: bytes | None = None
    genesis: bytes | None = None
    known: Mapping[int, int] = field(default_factory=dict)
    last_seen_at: int | None = None
    last_tried_at: int | None = None
    last_error: str | None = None  # the code of it


class EntryStore(Protocol):
    """Keeps logs, and what belongs to them, durably. Safe to use from several threads and processes at once."""

    def create_space(self, genesis: bytes) -> bytes:
        """Keep an agreement's descriptor and return its space id (SHA-256); the same bytes twice are once."""
        ...

    def spaces(self) -> tuple[bytes, ...]:
        """Return the ids of all agreements kept here, in the order they were created."""
        ...

    def sizes(self, space: bytes) -> dict[int, int]:
        """Return the number of leaves of each log that has any.

        Raises:
            LocalError: ``unknown-space``.
        """
        ...

    def load(self, space: bytes) -> Loaded:
        """Return all of one agreement, from one moment: no append is half in it.

        Raises:
            LocalError: ``unknown-space``.
        """
        ...

    def check(self) -> None:
        """Raise ``store-damaged`` when what lies beside the record is not as it was written.

        The record itself is checked by what signs it (``app.verify``).
        """
        ...

    def append(self, admission: Admission) -> None:
        """Keep all of ``admission`` durably, or nothing of it: one database transaction.

        What it erases is gone for every reader; the secret it brings takes the place of the one of the same block. The
        bytes may still lie in free space of the files: then ``purge`` is due, also after a stop in between.

        When this returns, the bytes survive a power failure, so a ``ctx`` leaf may acknowledge them.

        Raises:
            HeadMovedError: a log has another size than ``admission.before`` says (facts: ``log``, ``expected``,
                ``found``); of several that append to the same size at once exactly one wins.
            LocalError: ``unknown-space``.
        """
        ...

    def purge(self) -> bool:
        """Remove from the files what erasures left in their free space, and return whether anything was due.

        What waits or was set aside of an agreement in which something was erased may hold the same bytes: waiting
        bundles are forgotten, since their senders have them, and of refused ones the length and hash stay. Copies made
        before (backups, exports, courier files, a database server's own logs) are beyond its reach.

        Raises:
            StoreUnavailableError: ``store-locked`` while somebody else reads; it stays due.
        """
        ...

    def put_waiting(self, space: bytes, bundle: bytes) -> bytes:
        """Keep a bundle that came too early and return its SHA-256; the same bundle twice is once.

        Raises:
            TooLargeError: ``waiting-full``, beyond ``WAITING_BUNDLES_MAX`` or ``WAITING_BYTES_MAX`` of this agreement.
            LocalError: ``unknown-space``.
        """
        ...

    def waiting(self, space: bytes) -> tuple[Waiting, ...]:
        """Return the bundles that wait, in the order they came."""
        ...

    def drop_waiting(self, space: bytes, digest: bytes) -> None:
        """Forget a waiting bundle; one that is not there is no mistake."""
        ...

    def set_aside(self, space: bytes | None, body: bytes, code: str, facts: Mapping[str, object], at: int) -> None:
        """Keep refused bytes for the operator; the same bytes refused again for the same reason replace the first.

        The oldest beyond ``ASIDE_MAX`` of the same agreement are forgotten. ``space`` is None for a stranger's.
        """
        ...

    def aside(self) -> tuple[Aside, ...]:
        """Return what was set aside, newest first."""
        ...

    def aside_brief(self) -> tuple[Aside, ...]:
        """Return the same without the bytes (``body`` is empty): quick, for what is drawn often."""
        ...

    def remember(self, name: str, value: bytes) -> None:
        """Keep a small fact about this node under ``name``, replacing what was there."""
        ...

    def recall(self, name: str) -> bytes | None:
        """Return the fact kept under ``name``, or None."""
        ...

    def remembered(self) -> dict[str, bytes]:
        """Return all facts kept with ``remember``."""
        ...

    def export(self, space: bytes, folder: Path, notes: Mapping[int, str] | None = None) -> None:
        """Write one agreement as a folder of log files that an auditor can check without us (docs/spec/log.md).

        Takes its bytes from the agreement's own tables and from nowhere else.

        Args:
            space: which agreement.
            folder: made if missing, must be empty.
            notes: the signed checkpoint note of each log, written beside it as ``<log>.note``.

        Raises:
            LocalError: ``unknown-space``, or ``folder-not-empty``.
        """
        ...

    def backup(self, path: Path) -> None:
        """Write a consistent copy while the node goes on working.

        For SQLite: the whole database file, national tables too. For the others: a folder that ``open_store`` opens
        with a ``files:`` address, holding the record but not what else lives in that database.

        Raises:
            LocalError: ``backup-exists``.
        """
        ...

    def probe(self) -> int | None:
        """Find out whether the store could be written now, and return how many bytes are free; None: not known."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the next call opens them again."""
        ...


class PeerBook(Protocol):
    """Keeps what we know of other nodes. Not part of the record, and never exported."""

    def peers(self) -> tuple[Peer, ...]:
        """Return all peers, oldest first."""
        ...

    def get_peer(self, peer_id: str) -> Peer | None: ...

    def put_peer(self, peer: Peer) -> None:
        """Keep ``peer``, replacing what was known under its ``peer_id``.

        Raises:
            TooLargeError: ``too-many-knocks``, when it is one more pending stranger than ``KNOCKS_MAX``.
        """
        ...

    def remove_peer(self, peer_id: str) -> None:
        """Forget a peer; one that is not there is no mistake."""
        ...


class Store(EntryStore, PeerBook, Protocol):
    """Both in one: what ``tallystick.stores.open_store`` gives."""


class HighWater(Protocol):
    """Knows how far this node has signed, somewhere else than in its store. A hint: it may know too little."""

    def sizes(self) -> Mapping[bytes, Mapping[int, int]]:
        """Return the size each own log had when it last grew, by space id and log."""
        ...

    def note(self, space: bytes, sizes: Mapping[int, int]) -> None:
        """Write down the sizes of own logs, replacing what was known of them; never raises for a disk's trouble."""
        ...


class KeyRing(Protocol):
    """This node's secrets. They never leave it, are never printed, and a node may lack some (a ship has no root key).

    Names: ``root`` (the party's admin log), ``writer`` (this node's log), ``age`` (courier files), ``web`` (sign-in
    sessions). Officers' own keys are not among them (``OfficerKey``).
    Every method that needs a key raises ``LocalError`` ``key-missing`` when it is not there.
    """

    def has(self, name: str) -> bool: ...

    def writers(self) -> tuple[str, ...]:
        """Return the names of the keys this node writes its log with or has written one with, the present one first."""
        ...

    def public(self, name: str) -> bytes:
        """Return the 32-byte Ed25519 public key of a signing key."""
        ...

    def sign(self, name: str, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature."""
        ...

    def age_recipient(self) -> str:
        """Return what partners encrypt courier files to: ``age1…``."""
        ...

    def seal(self, plain: bytes, recipients: Sequence[str]) -> bytes:
        """Return ``plain`` encrypted to ``recipients`` in the age format.

        Raises:
            LocalError: ``not-a-recipient``.
        """
        ...

    def unseal(self, sealed: bytes) -> bytes:
        """Return what was sealed to us.

        Raises:
            RemoteError: ``sealed-for-others`` when none of its recipients is us.
            MalformedBytesError: ``not-sealed`` when it is not an age file, or was changed on the way.
        """
        ...

    def web_secret(self) -> str:
        """Return the secret that signs web sessions."""
        ...


class OfficerKey(Protocol):
    """An officer's own key, opened by the officer for one act. It is never among this node's secrets."""

    @property
    def public(self) -> bytes:
        """Return the 32-byte Ed25519 public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature."""
        ...


class Clock(Protocol):
    """The only reader of wall time."""

    def now(self) -> int:
        """Return seconds since 1970-01-01 UTC."""
        ...


class Ids(Protocol):
    """The only source of randomness."""

    def random_bytes(self, count: int) -> bytes:
        """Return ``count`` bytes nobody can guess."""
        ...


class PeerLink(Protocol):
    """The line to partners' nodes. Keeps connections open between calls; does not retry by itself."""

    def post(self, url: str, door: str, body: bytes) -> bytes:
        """Deliver ``body`` to the partner's ``door`` ("bundle", "knock" …) under ``url``; return the answer's body.

        Raises:
            PeerUnreachableError: nobody answers, the answer takes too long, or it is not one of ours (facts: ``url``).
            RemoteError: the partner refused, with its own code.
        """
        ...
