"""A partner that goes on signing without saying what it has seen is told; one that is away, or behind, is not."""

from __future__ import annotations

import pytest
from tests.nodes import agreed, request

from tallystick.app import exchange, withheld
from tallystick.app.node import Desk
from tallystick.app.withheld import SECONDS, VISITS, Unacknowledged
from tallystick.cli.demo.director import Director
from tallystick.core import drafting
from tallystick.core.entries import Draft, Note
from tallystick.core.identity import EntryRef


def note_visit(director: Director) -> None:
    withheld.note_visit(director.desk("JP"), director.nodes["IN"].keys.public("writer"))


def known(director: Director) -> Unacknowledged | None:
    return withheld.recall(director.desk("JP"), director.desk("IN").log)


def is_told(director: Director) -> bool:
    desk, found = director.desk("JP"), known(director)
    return found is not None and withheld.is_withheld(found, desk.space, director.desk("IN").log, desk.clock.now())


def signs_without_looking(director: Director) -> None:
    """India's program signs an act, and leaves out the acknowledgement that ours writes before each of them."""
    desk: Desk = director.desk("IN")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "_witness", lambda *_args: False)
        body = Note(director.grants["IN", "audit"])
        on = next(iter(desk.record.orders))
        desk.commit(desk.space.draft(desk.log, [Draft(body, obj=on)], desk.clock.now(), desk.epoch_key(desk.log)))
    known_here = director.desk("JP").space.sizes()
    for bundle in exchange.news_for(desk, known_here, acknowledging=False):
        exchange.receive(director.desk("JP"), bundle)


def a_liar(director: Director) -> EntryRef:
    """Return an act that Japan has delivered on many visits, and that India goes on signing without."""
    agreed(director)
    director.exchange()
    first = request(director)
    for _ in range(VISITS):
        note_visit(director)
        director.clock.instant += SECONDS
    return first


def test_a_partner_that_signs_on_without_acknowledging_is_told(director: Director):
    first = a_liar(director)
    assert not is_told(director), "it has signed nothing since: it may be behind itself"
    signs_without_looking(director)
    assert is_told(director)
    found = known(director)
    assert found is not None
    assert (found.entry, found.visits) == (str(first), VISITS)


def test_it_is_over_as_soon_as_the_acknowledgement_comes(director: Director):
    a_liar(director)
    signs_without_looking(director)
    director.exchange()
    note_visit(director)
    assert known(director) is None


def test_a_day_and_three_visits_are_waited_for(director: Director):
    agreed(director)
    director.exchange()
    request(director)
    note_visit(director)
    director.clock.instant += 10 * SECONDS
    signs_without_looking(director)
    assert not is_told(director), "one visit"
    note_visit(director)
    note_visit(director)
    assert is_told(director)
    director.clock.instant -= 10 * SECONDS
    assert not is_told(director), "not a day"


def test_an_acknowledged_act_begins_the_count_anew(director: Director):
    a_liar(director)
    director.exchange()
    second = request(director)
    note_visit(director)
    found = known(director)
    assert found is not None
    assert (found.entry, found.visits, found.since) == (str(second), 1, director.clock.now())


def test_only_acts_wait_for_an_acknowledgement(director: Director):
    desk = director.desk("JP")
    request(director)
    director.exchange()
    assert withheld.first_unacknowledged(desk.space, desk.party, director.desk("IN").log) is None


def test_a_partner_whose_log_is_not_here_is_not_asked(director: Director):
    withheld.note_visit(director.desk("JP"), bytes(32))
    assert known(director) is None
