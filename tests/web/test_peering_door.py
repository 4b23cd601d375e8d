"""The door for partners' nodes: a stranger learns nothing of our machine, and the worker misses nothing."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory

from tallystick.app.exchange import Received, SyncResult
from tallystick.app.ports import Peer, PeerStatus
from tallystick.core.errors import LocalError, StoreUnavailableError, TallystickError
from tallystick.web.link import CODE_HEADER
from tallystick.web.peering import views, worker
from tallystick.web.people import service

PATH = "/home/officer/node/node.db"


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailableError("store-full", path=PATH), 503), (LocalError("key-missing", path=PATH), 404)],
)
def test_our_own_troubles_do_not_name_our_files(error: TallystickError, status: int, monkeypatch):
    def troubled() -> None:
        raise error

    monkeypatch.setattr(views, "get_node", troubled)
    answer = Client().get("/peer/card")
    assert (answer.status_code, answer.headers[CODE_HEADER], answer.content) == (status, error.code, b"{}")


def test_what_is_signed_during_a_visit_is_brought_at_the_next(monkeypatch):
    peer = Peer(
        peer_id="IN-1",
        party="IN",
        name="New Delhi",
        status=PeerStatus.CONFIRMED,
        created_at=0,
        url="http://127.0.0.1:9",
    )

    class Stage:
        class settings:  # noqa: N801  # as the node has it
            sync_every_seconds = 600

        class store:  # noqa: N801
            peers = staticmethod(lambda: (peer,))
            purge = staticmethod(lambda: True)

    visits = []
    working = worker.Worker(Stage(), link=None)  # type: ignore[arg-type]

    def visit(*_: object) -> SyncResult:
        visits.append(peer)
        if len(visits) == 1:
            working.wake()  # an officer signs while the exchange is under way
        return SyncResult(Received(), "")

    monkeypatch.setattr(worker, "visit", visit)
    for _ in range(3):
        working.run_once()
    assert len(visits) == 2


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/orders?q=http://a/b", "/orders?q=http://a/b"),
        ("http://testserver/orders?side=receiver#top", "/orders?side=receiver#top"),
        ("/a?://x/\\evil.example", "/a?://x/\\evil.example"),
        ("http://testserver//evil.example", "/"),
        ("http://testserver/\\evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_one_goes_on_to_our_own_pages_only(address: str, path: str):
    assert service.safe_next(RequestFactory().get("/"), address) == path
