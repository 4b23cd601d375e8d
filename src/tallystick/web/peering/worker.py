"""The background work of a node: knock at partners who have not opened yet, exchange with those who have.

One thread in the one process. A partner that does not answer is tried again later and later, up to ten minutes apart;
anything signed here, or ``wake()``, tries at once. What was exchanged before a break is not sent again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field

from tallystick.app import attest, exchange, pairing
from tallystick.app.node import Node
from tallystick.app.ports import Peer
from tallystick.core.errors import InvariantError, LocalError, StoreError, StoreUnavailableError, TallystickError
from tallystick.web.link import HttpLink
from tallystick.web.record import when_signed
from tallystick.web.visit import LIVE, visit

BACK_OFF_FIRST = 5.0  # seconds
BACK_OFF_MOST = 600.0
log = logging.getLogger("tallystick.peering")


@dataclass
class _Pace:
    """When a partner is due next, and how long to wait after one more failure.

    ``woken``: something was signed here since its last visit began, so it is due now.
    """

    due: float = 0.0
    woken: bool = False
    holds: str = ""  # what the partner said it holds, last time
    back_off: float = BACK_OFF_FIRST
    seen_at: int | None = None  # when it last came here, as far as that was looked after


@dataclass
class Worker:
    """Runs until ``stop``; one pass over all partners is ``run_once``."""

    node: Node
    link: HttpLink
    _paces: dict[str, _Pace] = field(default_factory=dict)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="tallystick-peering", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=15)

    def wake(self) -> None:
        """Try every partner now, also those we were backing off from."""
        for pace in list(self._paces.values()):  # the worker may be meeting a new partner just now
            pace.woken = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self._wake.wait(self._pass())

    def _pass(self) -> float:
        """Visit whoever is due; return the seconds until somebody is again."""
        most = float(self.node.settings.sync_every_seconds)
        try:
            self.run_once()
        except StoreError as error:
            log.warning("the store does not answer: %s", error.code)
            return most
        nearest = min((pace.due for pace in self._paces.values()), default=float("inf"))
        return min(most, max(0.2, nearest - time.monotonic()))

    def run_once(self) -> None:
        """Knock at or exchange with every partner that is due.

        Raises:
            StoreError: the peer book does not open.
        """
        pairing.forget_old_knocks(self.node)
        with contextlib.suppress(StoreUnavailableError):
            self.node.store.purge()  # what an erasure could not clean because the database was being read
        for peer in self.node.store.peers():
            pace = self._paces.setdefault(peer.peer_id, _Pace())
            if peer.url and peer.status in LIVE and (pace.woken or time.monotonic() >= pace.due):
                self._visit(peer, pace)
            if peer.status in LIVE and peer.last_seen_at != pace.seen_at:
                pace.seen_at = peer.last_seen_at
                self._look_after(peer)

    def _look_after(self, peer: Peer) -> None:
        """Do what a visit of ours does besides: the partner has visited us, and perhaps we cannot reach it."""
        desk = self.node.desks.get(peer.space) if peer.space is not None else None
        if desk is not None and pairing.has_adopted(desk):
            attest.compare(desk)
            with contextlib.suppress(LocalError):  # it may not sign just now
                attest.attest_if_due(desk)

    def _visit(self, peer: Peer, pace: _Pace) -> None:
        wait = float(self.node.settings.sync_every_seconds)
        pace.woken = False
        result: exchange.SyncResult | TallystickError
        try:
            result = visit(self.node, self.link, peer, pace.holds)
        except StoreError as error:  # our own database: the next partner may fare better, this one comes again
            log.warning("the store does not answer: %s", error.code)
            result = error
        except InvariantError as error:  # our own program: it has to be heard of, and the other partners still served
            log.error("a law of the ledger does not hold: %s", error)  # noqa: TRY400 (its facts say more than the stack)
            result = error
        if isinstance(result, exchange.SyncResult):
            pace.holds, pace.back_off = result.holds, BACK_OFF_FIRST
        else:
            wait, pace.back_off = pace.back_off, min(BACK_OFF_MOST, pace.back_off * 2)
        pace.due = time.monotonic() + wait


_worker: Worker | None = None


def start(node: Node) -> Worker:
    """Start this process's worker, once."""
    global _worker  # noqa: PLW0603  # one process, one worker: ADR-0012
    if _worker is None:
        _worker = Worker(node, HttpLink(node.settings, node.keys))
        _worker.start()
        when_signed(_worker.wake)
    return _worker
