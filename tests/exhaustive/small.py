"""The smallest record that has everything: two nodes, a few officers, a request, notes both ways, and what lies beside.

Made by the product itself, so that its files are what the product writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.nodes import two_nodes

from tallystick.app import courier, exchange, write
from tallystick.app.node import Desk, Node
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Draft, Duty, Grant, Kind, Note
from tallystick.core.identity import EntryRef

PAGE_BYTES = 512  # SQLite's least, so that the file is small; what is in it is the same


def grant(post: str, *duties: Duty) -> Draft:
    return Draft(
        Grant(
            post=post, key=None, age_recipient="", duties=duties, currency="", per_act=None, total=None, until=None,
            trained_on=None,
        )
    )  # fmt: skip


@dataclass
class Small:
    """Japan and India after a request; India has answered with a note that Japan has not heard yet."""

    director: Director
    request: EntryRef

    @property
    def japan(self) -> Node:
        return self.director.nodes["JP"]

    @property
    def india(self) -> Node:
        return self.director.nodes["IN"]


def make(folder: Path, stores: Mapping[str, str] = {}) -> Small:
    director = two_nodes(folder, stores=stores)
    director.pair()
    for party, duty in (("JP", Duty.REQUESTER), ("IN", Duty.ACCEPTING)):
        entry = write.sign(director.desk(party), grant("Supply", duty))
        director.grants[party, "supply"] = entry.ref.index
    director.exchange()
    request = director.act(
        "JP", Kind.REQUEST, by="supply", remark="By the morning, please", fiscal_year=2026, serial=1, provider=0,
        situation="a", need_from="2027-02-18", need_to="2027-02-21", place="INVTZ", receiving_unit="JS Natsuzora",
        lines=[{"line": 1, "category": "FOOD", "item": "Rice", "nsn": "", "unit": "KGM", "quantity": "100",
                "tolerance_permille": 0, "means": "reimbursement"}],
    )  # fmt: skip
    director.exchange()
    small = Small(director, request)
    say(small, "IN", "It will be there")
    return small


def say(small: Small, party: str, text: str) -> None:
    who = small.director.grants[party, "supply"]
    write.sign(small.director.desk(party), Draft(Note(who=who), small.request, {1: text}))


def database(small: Small, path: Path) -> Path:
    """Write Japan's database to ``path`` as one small file, with a waiting bundle, refused bytes and a fact beside."""
    store, desk = small.japan.store, small.japan.desk()
    store.put_waiting(desk.id, exchange.news_for(small.india.desk(), desk.space.sizes(), acknowledging=False)[-1])
    store.set_aside(desk.id, b"forged", "bad-signature", {"log": 17}, at=1_800_000_000)
    store.remember("heard", b"yes")
    store.backup(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("VACUUM")
    return path


def courier_file(small: Small) -> courier.CourierFile:
    """Return what India's courier carries to Japan: everything there is."""
    desk = small.india.desk()
    return courier.write(small.india, desk, courier.partner(small.india, desk), everything=True)


def desk_copy(desk: Desk, **changes: object) -> Desk:
    return Desk(**{name: getattr(desk, name) for name in ("id", "party_code_here", "store", "keys", "clock", "ids",
                                                          "dictionary")} | changes)  # fmt: skip
