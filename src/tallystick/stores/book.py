"""The small things a store keeps beside the logs, in memory: waiting bundles, refused bytes, peers, facts of the node.

Decides their limits and order for the stores that have no database. Leaves to ``memory`` and ``files`` whether a book
outlives the process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from tallystick.app.ports import ASIDE_MAX, PURGE_DUE, Aside, Peer, PeerStatus, Waiting
from tallystick.core import canonical
from tallystick.stores import rules


class Book:
    """Plain tables; not safe for threads by itself."""

    def __init__(self) -> None:
        self.waiting: dict[bytes, dict[bytes, bytes]] = {}
        self.aside: list[Aside] = []  # oldest first
        self.peers: dict[str, Peer] = {}
        self.facts: dict[str, bytes] = {}

    def put_waiting(self, space: bytes, bundle: bytes) -> bytes:
        digest = rules.sha256(bundle)
        mine = self.waiting.setdefault(space, {})
        if digest not in mine:
            rules.check_waiting(bundles=len(mine), size=sum(map(len, mine.values())), more=len(bundle))
            mine[digest] = bundle
        return digest

    def set_aside(self, new: Aside) -> None:
        kept = [old for old in self.aside if (old.space, old.digest, old.code) != (new.space, new.digest, new.code)]
        kept.append(new)
        same_space = [old for old in kept if old.space == new.space]
        for old in same_space[:-ASIDE_MAX]:
            kept.remove(old)
        self.aside = kept

    def purge(self) -> bool:
        """Empty what may hold erased bytes, and return whether that was due."""
        due = [name for name in self.facts if name.startswith(PURGE_DUE)]
        for name in due:
            space = bytes.fromhex(name.removeprefix(PURGE_DUE))
            self.waiting.pop(space, None)
            self.aside = [replace(old, body=b"") if old.space == space else old for old in self.aside]
            del self.facts[name]
        return bool(due)

    def put_peer(self, peer: Peer) -> None:
        if peer.status is PeerStatus.KNOCK:
            others = (other for other in self.peers.values() if other.peer_id != peer.peer_id)
            rules.check_knocks(sum(other.status is PeerStatus.KNOCK for other in others))
        self.peers[peer.peer_id] = peer

    def to_bytes(self) -> bytes:
        """Return the whole book as canonical CBOR."""
        return canonical.encode_trusted(
            [
                rules.FORMAT,
                [[space, list(bundles.values())] for space, bundles in self.waiting.items()],
                [[a.space, a.at, a.code, rules.facts_text(a.facts), a.size, a.digest, a.body] for a in self.aside],
                [list(rules.peer_row(peer)) for peer in self.peers.values()],
                self.facts,
            ]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Book:
        """Read what ``to_bytes`` wrote.

        Raises:
            MalformedBytesError, ValueError, TypeError: something else wrote it.
        """
        version, *tables = canonical.decode(data)
        rules.check_format(version)
        waiting, aside, peers, facts = tables
        book = cls()
        book.waiting = {space: {rules.sha256(bundle): bundle for bundle in bundles} for space, bundles in waiting}
        book.aside = [_aside_from(row) for row in aside]
        book.peers = {peer.peer_id: peer for peer in (rules.peer_from(tuple(row)) for row in peers)}
        book.facts = facts
        return book


def _aside_from(row: list[Any]) -> Aside:
    space, at, code, facts, size, digest, body = row
    return Aside(
        space=space, at=at, code=code, facts=rules.facts_from(facts), size=size, digest=digest, body=body
    )  # fmt: skip


class BookStore(ABC):
    """The half of a store that is kept in a book. The other half, the logs, is the subclass's."""

    @abstractmethod
    def _book(self, *, write: bool) -> AbstractContextManager[Book]:
        """Open the book for one reader or writer; what a writer changed is kept when the block ends without error."""

    @abstractmethod
    def spaces(self) -> tuple[bytes, ...]: ...

    def _require(self, space: bytes) -> None:
        if space not in self.spaces():
            raise rules.unknown_space(space)

    def check(self) -> None:
        with self._book(write=False):
            pass  # reading it is the check

    def put_waiting(self, space: bytes, bundle: bytes) -> bytes:
        self._require(space)
        with self._book(write=True) as book:
            return book.put_waiting(space, bundle)

    def waiting(self, space: bytes) -> tuple[Waiting, ...]:
        with self._book(write=False) as book:
            return tuple(Waiting(digest, bundle) for digest, bundle in book.waiting.get(space, {}).items())

    def drop_waiting(self, space: bytes, digest: bytes) -> None:
        with self._book(write=True) as book:
            book.waiting.get(space, {}).pop(digest, None)

    def set_aside(self, space: bytes | None, body: bytes, code: str, facts: Mapping[str, object], at: int) -> None:
        with self._book(write=True) as book:
            book.set_aside(rules.aside_of(space, body, code, facts, at))

    def aside(self) -> tuple[Aside, ...]:
        with self._book(write=False) as book:
            return tuple(reversed(book.aside))

    def aside_brief(self) -> tuple[Aside, ...]:
        return tuple(replace(old, body=b"") for old in self.aside())

    def remember(self, name: str, value: bytes) -> None:
        with self._book(write=True) as book:
            book.facts[name] = value

    def recall(self, name: str) -> bytes | None:
        with self._book(write=False) as book:
            return book.facts.get(name)

    def remembered(self) -> dict[str, bytes]:
        with self._book(write=False) as book:
            return dict(sorted(book.facts.items()))

    def peers(self) -> tuple[Peer, ...]:
        with self._book(write=False) as book:
            return tuple(sorted(book.peers.values(), key=lambda peer: (peer.created_at, peer.peer_id)))

    def get_peer(self, peer_id: str) -> Peer | None:
        with self._book(write=False) as book:
            return book.peers.get(peer_id)

    def put_peer(self, peer: Peer) -> None:
        with self._book(write=True) as book:
            book.put_peer(peer)

    def remove_peer(self, peer_id: str) -> None:
        with self._book(write=True) as book:
            book.peers.pop(peer_id, None)
