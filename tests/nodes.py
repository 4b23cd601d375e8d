"""Two nodes made by the product itself: folders, keys, a store of any sort, one clock, the demo's officers.

For tests of the use cases and stories that cross the wire; tests of the core use ``cast`` and ``scenario``, which need
no keys and no disk. Pairing and staffing takes 60 ms, so every test makes its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg
from tests.needs import postgres_url

from tallystick.app.node import Desk, Node
from tallystick.app.ports import Store
from tallystick.app.settings import NodeSettings
from tallystick.cli.demo.director import Director, StageClock, instant
from tallystick.core.entries import Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.core.quantity import Money
from tallystick.stores import open_store
from tallystick.stores.node import init_node, open_node

BEGINS_ON = "2027-01-11"
NAMES = {"JP": ("Japan, Ministry of Defense", "Tokyo"), "IN": ("India, Ministry of Defence", "New Delhi")}
MEMORY = {"JP": "memory:", "IN": "memory:"}


def make_node(folder: Path, party: str, clock: StageClock, store: str = "", **more: object) -> Node:
    """Make a node in ``folder`` that lives by ``clock``, on the store at the address ``store`` (default: its file)."""
    party_name, node_name = NAMES.get(party, (party, party))
    settings = NodeSettings(folder=folder, party=party, party_name=party_name, node_name=node_name)
    node = init_node(folder, replace(settings, **more))
    node.clock = clock
    if store:
        node.store.close()
        node.store = open_store(store)
    return node


def again(node: Node) -> Node:
    """Open the node's folder a second time, as another process would: the same store, its own memory."""
    other = open_node(node.settings.folder)
    other.clock = node.clock
    return other


def two_nodes(
    folder: Path,
    *,
    stores: Mapping[str, str] = {},
    day: str = BEGINS_ON,
    director: type[Director] = Director,
    **settings: object,
) -> Director:
    """Return two nodes in ``folder``, not yet paired. ``stores`` gives the address of their store, by party."""
    clock = StageClock(instant(day))
    nodes = {
        party: make_node(folder / party.lower(), party, clock, stores.get(party, ""), **settings) for party in NAMES
    }
    return director(nodes, clock)


def paired(folder: Path, **kwargs: object) -> Director:
    """Return two nodes that keep an agreement and have granted the demo's officers their warrants."""
    director = two_nodes(folder, **kwargs)
    director.pair()
    director.grant_officers()
    director.exchange()
    return director


@contextmanager
def postgres_stores() -> Iterator[dict[str, str]]:
    """Give an empty PostgreSQL schema for each party, dropped afterwards."""
    url = postgres_url()
    assert url is not None
    schemas = {party: f"tallystick_{os.getpid()}_{party.lower()}" for party in NAMES}
    with psycopg.connect(url, autocommit=True) as admin:
        for schema in schemas.values():
            admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            admin.execute(f"CREATE SCHEMA {schema}")
        try:
            glue = "&" if "?" in url else "?"
            yield {party: f"{url}{glue}options={quote(f'-csearch_path={name}')}" for party, name in schemas.items()}
        finally:
            for schema in schemas.values():
                admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


# ---- asking


def in_step(director: Director) -> bool:
    """Whether both nodes hold the same leaves and read the same record from them."""
    one, other = (director.desk(party) for party in NAMES)
    return roots(one) == roots(other) and one.record.digest == other.record.digest


def roots(desk: Desk) -> dict[int, tuple[int, bytes]]:
    """Return size and root of every log: equal ones mean equal leaves."""
    return {log: (size, desk.space.root(log, size)) for log, size in desk.space.sizes().items()}


def figures(desk: Desk) -> dict[str, object]:
    """Return what an order book says in words and figures, without the names of entries.

    Two runs of one story have the same figures, also when their logs have acknowledgements in other places.
    """
    record = desk.record
    return {
        "orders": {order.number: _order(order) for order in record.orders.values()},
        "books": {
            party: [
                (line.account, Money(line.balance, line.commodity).text(), line.commodity)
                for line in record.ledger.trial_balance(party)
            ]
            for party in NAMES
        },
        "journal": sorted((t.rule, t.day, t.amount, t.commodity) for t in record.ledger.transactions()),
        "findings": sorted((finding.code, finding.facts) for finding in record.findings),
        "open": [(item.number, item.state, item.amount) for item in record.ledger.open_items()],
    }


def _order(order: OrderView) -> dict[str, object]:
    return {
        "state": order.state,
        "version": order.version,
        "lines": [
            (line.line, line.ordered, line.delivered, line.received, line.refused, line.accrued, line.settled)
            for line in order.lines
        ],
        "invoices": sorted((i.number, i.total, i.received, i.charges, i.due_on) for i in order.invoices),
        "differences": [(d.line, d.quantity, d.outcome, d.resolved) for d in order.differences],
    }


def held(store: Store, space: bytes) -> dict[str, object]:
    """Return everything a store holds of an agreement, to compare before and after what must leave no trace."""
    loaded = store.load(space)
    return {
        "leaves": tuple(loaded.leaves),
        "keys": dict(loaded.epoch_keys),
        "heads": dict(loaded.checkpoints),
        "waiting": store.waiting(space),
    }


# ---- a small order, for tests that need one


def request(director: Director, *, quantity: str = "100") -> EntryRef:
    """Japan asks India for provisions."""
    return director.request(
        "JP",
        unit="JS Natsuzora",
        place="INVTZ",
        need=("2027-02-18", "2027-02-21"),
        situation="a",
        lines=[{"category": "FOOD", "item": "Fresh provisions", "unit": "KGM", "quantity": quantity}],
    )


def offered(director: Director, **kwargs: str) -> EntryRef:
    return director.offer(request(director, **kwargs), "IN", prices=["96.50"], unit="ENC", valid_until="2027-02-19")


def agreed(director: Director, **kwargs: str) -> EntryRef:
    """Return the acceptance of a small order."""
    order = director.order(offered(director, **kwargs), "JP", bill_to="Fleet accounts")
    return director.act("IN", Kind.ACCEPTANCE, order, pay_to="PCDA (Navy), Mumbai")


def delivered(director: Director, accepted: EntryRef, quantity: str = "100") -> EntryRef:
    return director.act(
        "IN", Kind.DELIVERY, accepted, occurred_on="2027-02-20", offset=330, place="INVTZ",
        lines=[{"line": 1, "quantity": quantity, "fuel": None}],
    )  # fmt: skip


def received(director: Director, delivery: EntryRef, accepted: str = "100", refused: str = "0") -> EntryRef:
    return director.act("JP", Kind.RECEIPT, delivery, **receipt_fields(accepted, refused))


def receipt_fields(accepted: str = "100", refused: str = "0", reason: str = "not-stated") -> dict[str, object]:
    return {
        "occurred_on": "2027-02-20",
        "offset": 330,
        "lines": [{"line": 1, "accepted": accepted, "refused": refused, "reason": reason}],
    }
