"""A year of warrants between two nodes: own signatures, a lost key, a deputy, two ships at sea, and a stolen key.

Each line of the test is a dated act; after each exchange both nodes read the same, and in the end an auditor does too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import MEMORY, in_step, offered, paired

from tallystick.app import fields, rotations, warrants, write
from tallystick.app.ids import SystemIds
from tallystick.app.read import context_of
from tallystick.app.verify import verify
from tallystick.cli.demo.director import Director
from tallystick.core.calendar import parse_day
from tallystick.core.entries import Draft, Entry, Kind, Reason
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef, grant_of
from tallystick.stores import officer_keys
from tallystick.stores.keys import KeyFolder
from tallystick.stores.officer_keys import OpenKey

WORDS = "four words on paper"


class Year(Director):
    """Tells who signs an order with what."""

    def order_by(self, login: str, offer: EntryRef, limit: str, key: OpenKey | None = None) -> Entry:
        self.exchange()
        desk = self.desk("JP")
        view = self.order_at("JP", offer)
        said = {"funds_certifier": self.grants["JP", "mori"], "bill_to": "Fleet accounts", "max_liability": limit}
        body = fields.from_json(Kind.ORDER, said, who=self.grants["JP", login], context=context_of(view))
        return write.sign(desk, Draft(body, obj=offer), officer=key)

    def refused(
        self, code: str, login: str, offer: EntryRef, limit: str, key: OpenKey | None = None
    ) -> dict[str, object]:
        with pytest.raises(LocalError) as caught:
            self.order_by(login, offer, limit, key)
        assert caught.value.code == code, caught.value
        return caught.value.facts


def new_writer(year: Year, per_act: int, total: int) -> None:
    node = year.nodes["JP"]
    folder = KeyFolder(node.settings.keys_folder)
    folder.create(rotations.NEW, node.ids)
    rotations.rotate_writer(
        node.desk(), folder.public(rotations.NEW), currency="INR", per_act=per_act, total=total, until=None
    )
    folder.put_in_place(rotations.NEW, "writer")
    node.keys = node.desk().keys = folder


def sealed_key() -> OpenKey:
    """The officer makes a key; what the node keeps opens with the officer's words alone."""
    return officer_keys.open_with_passphrase(officer_keys.create(WORDS, SystemIds()), WORDS)


def renewed(year: Year, login: str, key: OpenKey) -> None:
    desk = year.desk("JP")
    entry = write.sign(desk, warrants.rotation(desk, year.grants["JP", login], key.public))
    year.grants["JP", login] = entry.ref.index


def test_a_year_of_warrants(tmp_path: Path) -> None:
    year = paired(tmp_path, stores=MEMORY, director=Year)
    assert isinstance(year, Year)
    desk = year.desk("JP")

    # 2027-01-12: headquarters lets its node commit ₹10,000 by itself, and ₹80,000 in all.
    year.on("2027-01-12")
    new_writer(year, per_act=1_000_000, total=8_000_000)
    first = offered(year)
    small = year.order_by("tanaka", first, "10000.00")
    year.exchange()
    assert in_step(year)
    assert desk.record.findings == ()

    # 2027-01-14: more than that needs the officer's own signature. There is no key in the warrant yet.
    year.on("2027-01-14")
    second = offered(year)
    assert year.refused("officer-key-not-granted", "tanaka", second, "20000.00")["post"] == "Ordering Officer, Fleet HQ"
    key = sealed_key()
    renewed(year, "tanaka", key)
    year.refused("officer-must-sign", "tanaka", second, "20000.00")
    large = year.order_by("tanaka", second, "20000.00", key)
    year.exchange()
    assert in_step(year)
    theirs = year.desk("IN")
    assert large.auth is not None
    assert theirs.space.entry(large.ref).auth == large.auth
    assert theirs.record.findings == ()

    # 2027-01-16: a thief with the node's key, and without the officer's, writes an order past our own checks.
    year.on("2027-01-16")
    third = offered(year)
    year.exchange()
    forged = replace(large.body, max_liability=2_500_000)
    admission = desk.space.draft(desk.log, [Draft(forged, obj=third)], desk.clock.now(), desk.epoch_key(desk.log))
    desk.commit(admission)
    year.exchange()
    assert in_step(year)
    (finding,) = theirs.record.findings  # the partner's node finds it, and names the warrant
    assert (finding.code, finding.entry) == ("officer-signature-missing", admission.entries[-1].ref)
    assert dict(finding.facts)["warrant"] == str(EntryRef(desk.party, year.grants["JP", "tanaka"]))
    assert dict(finding.facts)["post"] == "Ordering Officer, Fleet HQ"

    # 2027-01-18: the officer goes on leave; a deputy signs, with an end and a lower ceiling, and a key of their own.
    year.on("2027-01-18")
    of = desk.record.grants[desk.party, year.grants["JP", "tanaka"]]
    theirs_key = sealed_key()
    body = warrants.rotation(desk, of.ref.index, theirs_key.public).body
    deputy = replace(
        body, post="Deputy Ordering Officer", per_act=2_000_000, until=parse_day("2027-01-20"), replaces=None,
        acting_for=of.ref.index,
    )  # fmt: skip
    year.grants["JP", "deputy"] = write.sign(desk, Draft(deputy)).ref.index
    facts = year.refused("over-act-ceiling", "deputy", third, "20000.01", theirs_key)
    assert facts["post"] == "Deputy Ordering Officer"
    year.refused("officer-key-differs", "deputy", third, "20000.00", key)
    year.order_by("deputy", third, "20000.00", theirs_key)

    # 2027-01-21: the deputy's time is over; and the node's total is nearly used up, whoever signs.
    year.on("2027-01-21")
    fourth = offered(year)
    year.refused("warrant-ended", "deputy", fourth, "100.00", theirs_key)
    facts = year.refused("over-total-ceiling", "tanaka", fourth, "10000.01", key)
    assert facts["warrant"] == str(EntryRef(desk.party, grant_of(desk.log)))

    # 2027-01-25: the officer has lost the passphrase. The warrant goes on under a new key; the old one is of no use.
    year.on("2027-01-25")
    found = sealed_key()
    renewed(year, "tanaka", found)
    fifth = offered(year)
    # The forged order counted towards the node's total like any other: a new key of the node makes room again, and the
    # thief's is taken back.
    year.refused("over-total-ceiling", "tanaka", fifth, "10000.00")
    write.sign(desk, warrants.revocation(desk, grant_of(desk.log), Reason.NOT_STATED))
    year.exchange()
    new_writer(year, per_act=100, total=20_000_000)
    year.refused("over-total-ceiling", "tanaka", fifth, "150000.00", found)
    year.refused("officer-key-differs", "tanaka", fifth, "10000.00", key)
    last = year.order_by("tanaka", fifth, "10000.00", found)
    year.exchange()
    assert in_step(year)
    assert year.desk("IN").record.orders[year.desk("IN").record.subject_of(last.ref)].order == last.ref
    assert [f.code for f in desk.record.findings] == ["officer-signature-missing"]
    assert desk.space.entry(small.ref).auth is None

    # An auditor reads the same from the bytes alone.
    found_by_auditor = verify(desk.store.load(desk.id))
    assert found_by_auditor.digest == desk.record.digest
