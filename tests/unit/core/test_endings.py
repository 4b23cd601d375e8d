"""However a warrant ends: what its act had seen, what the other side relied on, and every order of arrival.

The ending and the act stand to each other in one of three ways: the act came before and was seen, neither knew of the
other, or the act had seen the ending. The other side has not acted on it, or did so before or after it saw the ending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product

import pytest
from tests.cast import IN, JP, OFFICERS, WRITER, at, grant, key_of, writer_of
from tests.scenario import Story

from tallystick.core.calendar import parse_day
from tallystick.core.entries import Duty, Entry
from tallystick.core.fold import Fold
from tallystick.core.orders import OrderState

REQUEST = '2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"\n'
OFFER = "2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00\n"
AGREED = REQUEST + OFFER + "2027-03-03 JP order R1 on F1 limit 2000.00\n2027-03-04 IN accept A1 on R1\n"
SAID = Story(AGREED)
ORDERING = OFFICERS[Duty.ORDERING]
CUT = 1  # where the order stands in Japan's log


def revoked(who: int, size: int | None) -> Callable[[Story], Entry]:
    cuts = () if size is None else ((writer_of(JP), size),)
    return lambda story: story.logs.revoke(JP, who, cuts=cuts)


def renewed(key: bool) -> Callable[[Story], Entry]:
    new = grant(Duty.ORDERING, officer_key=key_of("new"), replaces=ORDERING)
    writer = grant(post="JP node", key=key_of("new node"), replaces=WRITER)
    return lambda story: story.logs.say(JP, writer if key else new, t=at("2027-02-01"))


ENDINGS: dict[str, tuple[Callable[[Story], Entry], str, bool]] = {  # how, the finding, whether it works backwards
    "the officer, from before": (revoked(ORDERING, CUT), "warrant-revoked", True),
    "the officer, from after": (revoked(ORDERING, CUT + 1), "warrant-revoked", False),
    "the officer, without a cut": (revoked(ORDERING, None), "warrant-revoked", False),
    "the writer, from before": (revoked(WRITER, CUT), "warrant-revoked", True),
    "the writer, from after": (revoked(WRITER, CUT + 1), "warrant-revoked", False),
    "a new key of the officer": (renewed(key=False), "warrant-replaced", False),
    "a new key of the writer": (renewed(key=True), "warrant-replaced", False),
}
POSITIONS = ("before", "apart", "after")
RELIED = ("nobody", "before it saw", "after it saw")


@pytest.mark.parametrize("deputy", [False, True], ids=["itself", "a deputy"])
@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize(("position", "relied"), list(product(POSITIONS, RELIED)))
def test_every_ending(how: str, position: str, relied: str, deputy: bool) -> None:
    ending, code, backwards = ENDINGS[how]
    story = Story(REQUEST + OFFER)
    who = ORDERING
    if deputy:
        acting = grant(Duty.ORDERING, post="Deputy", until=parse_day("2027-06-30"), acting_for=ORDERING)
        who = story.logs.say(JP, acting, t=at("2027-02-01")).ref.index
    end = None if position == "before" else ending(story)
    ordered = story.logs.say(
        writer_of(JP),
        replace(SAID.entry("R1").body, who=who),
        on=story.names["F1"],
        t=at("2027-03-03"),
        unseen=[end.ref] if end is not None and position == "apart" else [],
    )
    end = end if end is not None else ending(story)
    late = [ordered, end]
    if relied != "nobody":
        unseen = [end.ref] if relied == "before it saw" and position != "after" else []
        accepted = SAID.entry("A1").body
        late.append(story.logs.say(writer_of(IN), accepted, on=ordered.ref, t=at("2027-03-04"), unseen=unseen))

    saved = relied == "before it saw" and position != "after" and code == "warrant-revoked"
    falls = (position == "after" or backwards) and not saved
    if deputy and how == "a new key of the officer":
        falls = False  # a deputy stays when its principal's key is new
    for arrival in permutations(late):
        fold = Fold(story.genesis)
        fold.extend(entry for entry in story.entries if entry not in late)
        for entry in arrival:
            fold.extend([entry])
        (order,) = fold.record.orders.values()
        found = [finding for finding in fold.record.findings if finding.entry == ordered.ref]
        assert [finding.code for finding in found] == ([code] if falls else [])
        assert all("warrant" in dict(finding.facts) for finding in found)
        stands = OrderState.AGREED if relied != "nobody" else OrderState.ORDERED
        assert order.state is (OrderState.OFFERED if falls else stands)


PAID = (
    AGREED
    + "2027-03-05 IN deliver D1 on A1: 1 100\n2027-03-06 JP receive E1 on D1\n"
    + "2027-03-07 IN invoice I1 on A1 for E1: 1 1000.00\n2027-03-20 IN funds N1 on I1 1000.00\n"
)


@pytest.mark.parametrize(("answer", "state"), [("", "fulfilled"), ("2027-03-21 JP close K1 on A1\n", "settled")])
def test_money_received_can_be_taken_back_by_a_revocation_until_the_other_side_signs_the_close(
    answer: str, state: str
) -> None:
    """On both nodes alike, and told: the entry with its signature stays where it is."""
    story = Story(PAID + answer)
    assert story.order().state == "settled"
    funds = story.names["N1"]
    unseen = story.logs.revoke(IN, OFFICERS[Duty.BILLING], cuts=[(writer_of(IN), funds.index)])
    story.fold.extend([unseen])
    assert story.order().state == state
    assert story.codes("N1") == ([] if answer else ["warrant-revoked"])
