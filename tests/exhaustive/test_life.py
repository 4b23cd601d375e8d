"""The life of an order for one act more in every way, for two in a sample; deeper: ``-m tests.exhaustive.life``."""

import pytest
from tests.exhaustive import life

from tallystick.core import steps
from tallystick.core.entries import ADMIN_KINDS, Kind
from tallystick.core.orders import STEPS, OrderState


def test_every_next_act_leads_where_the_table_says_and_what_is_void_changes_nothing():
    count = life.explore(1)
    assert count.standpoints == len(life.STANDPOINTS)
    assert {kind.name for kind, on in STEPS if on is not None} == set(count.kinds)  # each act counts somewhere
    assert count.void > 500


def test_two_acts_in_every_order_of_arrival_give_one_record():
    count = life.explore(2, stride=37)
    told = set(count.states)
    assert {state.value for state in OrderState} - told == {"void", "expired"}  # it was never one; no day is told
    assert count.arrivals > count.lives


def test_an_act_of_the_wrong_side_that_had_an_effect_is_seen(monkeypatch: pytest.MonkeyPatch):
    """A taken-back offer once waited for a withdrawal that its writer was not allowed."""
    monkeypatch.setattr(steps, "_may_answer", lambda *_: True)
    others = frozenset(Kind) - ADMIN_KINDS - {Kind.OFFER, Kind.CORRECTION, Kind.WITHDRAWAL}
    with pytest.raises(AssertionError):
        life.explore(2, only="offered", without=others)
