"""A warrant taken back: from now on, or from the first entry on that a thief made; of an officer and of a node."""

from __future__ import annotations

import pytest
from tests.nodes import in_step, offered

from tallystick.app import read, warrants, write
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Kind, Reason
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef, grant_of
from tallystick.core.orders import OrderState


def state(director: Director, order: EntryRef) -> set[OrderState]:
    records = [director.desk(party).record for party in ("JP", "IN")]
    return {record.orders[record.subject_of(order)].state for record in records}


@pytest.mark.parametrize("whose", ["officer", "node"])
@pytest.mark.parametrize("back", [False, True])
def test_a_revocation_takes_back_from_the_entry_it_names(director: Director, whose: str, back: bool) -> None:
    order = director.order(offered(director), "JP", bill_to="HQ")
    director.exchange()
    desk = director.desk("JP")
    grant = grant_of(desk.log) if whose == "node" else director.grants["JP", "tanaka"]
    write.sign(desk, warrants.revocation(desk, grant, Reason.NOT_STATED, order if back else None))
    director.exchange()
    assert state(director, order) == {OrderState.OFFERED if back else OrderState.ORDERED}
    assert in_step(director)
    found = [dict(f.facts)["warrant"] for f in director.desk("IN").record.findings if f.code == "warrant-revoked"]
    assert found == ([str(EntryRef(desk.party, grant))] if back else [])


def test_what_the_partner_has_acted_on_stays(director: Director) -> None:
    order = director.order(offered(director), "JP", bill_to="HQ")
    director.exchange()
    director.act("IN", Kind.ACCEPTANCE, order, pay_to="PCDA")
    director.exchange()
    desk = director.desk("JP")
    write.sign(desk, warrants.revocation(desk, director.grants["JP", "tanaka"], Reason.NOT_STATED, order))
    director.exchange()
    assert state(director, order) == {OrderState.AGREED}


def test_who_learns_of_the_theft_later_revokes_once_more_from_further_back(director: Director) -> None:
    order = director.order(offered(director), "JP", bill_to="HQ")
    desk, grant = director.desk("JP"), director.grants["JP", "tanaka"]
    write.sign(desk, warrants.revocation(desk, grant, Reason.NOT_STATED))
    with pytest.raises(LocalError, match="already-revoked"):
        warrants.revocation(desk, grant, Reason.NOT_STATED)
    write.sign(desk, warrants.revocation(desk, grant, Reason.NOT_STATED, order))
    director.exchange()
    assert state(director, order) == {OrderState.OFFERED}


def test_the_entry_is_one_that_the_warrant_could_have_written(director: Director) -> None:
    offer = offered(director)
    director.exchange()
    desk = director.desk("JP")
    beyond = EntryRef(desk.log, desk.space.size(desk.log))
    for grant in (grant_of(desk.log), director.grants["JP", "tanaka"]):
        for since in (offer, beyond, EntryRef(desk.party, 1)):
            with pytest.raises(LocalError, match="unknown-entry"):
                warrants.revocation(desk, grant, Reason.NOT_STATED, since)


def test_a_node_is_found_by_its_post_where_it_is_asked_for(director: Director) -> None:
    desk = director.desk("JP")
    today = read.today(desk)
    (node,) = read.nodes(desk, today)
    assert (node.grant, node.duties, node.live) == (grant_of(desk.log), (), True)
    assert warrants.find(desk, node.post, today, or_node=True) == node
    with pytest.raises(LocalError, match="unknown-officer"):
        warrants.find(desk, node.post, today)
