"""The life table holds together, and tells each side what it can do next."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

import pytest
from tests.cast import CODES, IN, JP
from tests.scenario import Story

from tallystick.core.entries import DESK_KINDS, Duty, Kind
from tallystick.core.findings import FINDINGS
from tallystick.core.orders import DUTY_SIDES, LIFE, PROPOSALS, STEPS, OrderState, Side, duties_of, open_acts


def test_every_business_kind_has_a_row() -> None:
    assert {step.kind for step in LIFE} == set(Kind) - DESK_KINDS


def test_no_two_rows_speak_of_the_same_act_on_the_same_object() -> None:
    assert len(STEPS) == sum(max(1, len(step.on)) for step in LIFE)


def test_guards_are_findings() -> None:
    codes = {code for step in LIFE for code in (*step.guards, step.otherwise)}
    assert codes <= FINDINGS.keys()


def test_each_side_that_may_speak_has_a_duty_for_it() -> None:
    for step in LIFE:
        sides = (Side.RECEIVER, Side.PROVIDER) if step.side is Side.EITHER else (step.side,)
        for side in sides:
            assert duties_of(step, side) or step.kind is Kind.CORRECTION, (step.kind, side)
        for duty in step.duties:
            assert step.side is Side.EITHER or DUTY_SIDES[duty] in (step.side, Side.EITHER), (step.kind, duty)


def test_proposals_need_the_other_side() -> None:
    assert {Kind.AMENDMENT, Kind.CANCELLATION, Kind.RESOLUTION, Kind.CORRECTION} == PROPOSALS
    countersigned = {kind for step in LIFE if step.kind is Kind.COUNTERSIGN for kind in step.on}
    assert countersigned == PROPOSALS


def test_every_state_is_reached_or_told() -> None:
    reached = {step.to for step in LIFE if step.to is not None}
    computed = {
        OrderState.IN_DELIVERY, OrderState.FULFILLED, OrderState.SETTLED, OrderState.CLOSED, OrderState.CANCELLED,
    }  # fmt: skip
    assert reached | computed | {OrderState.VOID, OrderState.EXPIRED} == set(OrderState)


STORY = """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions"
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00
2027-03-03 JP order R1 on F1 limit 2000.00
2027-03-04 IN accept A1 on R1
2027-03-05 IN deliver D1 on A1: 1 60
2027-03-05 JP receive E1 on D1: 1 50 refused 10 spoiled
2027-03-06 IN deliver D2 on A1: 1 40
2027-03-06 JP receive E2 on D2
2027-03-07 IN resolve S1 on E1: 1 no-charge
2027-03-08 JP countersign C1 on S1
2027-03-09 IN invoice I1 on A1 for E1 E2
2027-03-10 JP accept-invoice K1 on I1
2027-03-11 JP advise P1 on I1 900.00
2027-03-12 IN funds N1 on I1 890.00 charges 10.00
2027-03-13 JP advise P2 on I1 10.00
2027-03-14 IN funds N2 on I1 10.00
2027-03-15 JP close X1 on A1
2027-03-16 IN close X2 on A1
"""


def awaited(lines: int) -> list[tuple[str, str, str]]:
    """Return what the order waits for after so many lines of the story: (party, kind, on what)."""
    story = Story("\n".join(STORY.strip().splitlines()[:lines]))
    order = story.order()
    return [
        (CODES[act.party], act.kind.name, story.name_of(act.on))
        for party in (JP, IN)
        for act in open_acts(order, party)
        if act.primary
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (1, [("IN", "OFFER", "O1")]),
        (2, [("JP", "ORDER", "F1")]),
        (3, [("IN", "ACCEPTANCE", "R1")]),
        (4, [("IN", "DELIVERY", "A1")]),
        (5, [("JP", "RECEIPT", "D1"), ("IN", "DELIVERY", "A1")]),
        (
            6,
            [("JP", "RESOLUTION", "E1"), ("IN", "DELIVERY", "A1"), ("IN", "RESOLUTION", "E1"), ("IN", "INVOICE", "A1")],
        ),
        (7, [("JP", "RECEIPT", "D2"), ("JP", "RESOLUTION", "E1"), ("IN", "RESOLUTION", "E1"), ("IN", "INVOICE", "A1")]),
        (8, [("JP", "RESOLUTION", "E1"), ("IN", "RESOLUTION", "E1"), ("IN", "INVOICE", "A1")]),
        (9, [("JP", "COUNTERSIGN", "S1"), ("IN", "INVOICE", "A1")]),
        (10, [("IN", "INVOICE", "A1")]),
        (11, [("JP", "INVOICE_ACCEPTED", "I1")]),
        (12, [("JP", "PAYMENT_ADVICE", "I1")]),
        (13, [("IN", "FUNDS_RECEIVED", "I1")]),
        (14, [("JP", "PAYMENT_ADVICE", "I1")]),
        (15, [("IN", "FUNDS_RECEIVED", "I1")]),
        (16, [("JP", "CLOSE", "A1"), ("IN", "CLOSE", "A1")]),
        (17, [("IN", "CLOSE", "A1")]),
        (18, []),
    ],
)
def test_what_an_order_waits_for(lines: int, expected: list[tuple[str, str, str]]) -> None:
    assert awaited(lines) == expected


def test_credit_is_awaited_when_it_is_due() -> None:
    story = Story(
        "\n".join(STORY.strip().splitlines()[:11])
        + "\n2027-03-10 JP report Z1 on E2: 1 5 damaged\n2027-03-11 IN resolve Z2 on Z1: 1 adjusted -50.00\n2027-03-12 JP countersign on Z2"
    )
    assert Kind.CREDIT_NOTE in {act.kind for act in open_acts(story.order(), IN) if act.primary}


def test_what_can_be_done_is_what_the_fold_takes() -> None:
    """Everything offered, said by the right officer with a plain body, is in turn for every state of the story."""
    for lines in range(1, len(STORY.strip().splitlines()) + 1):
        story = Story("\n".join(STORY.strip().splitlines()[:lines]))
        order = story.order()
        for party in (JP, IN):
            for act in open_acts(order, party):
                on = next(entry for entry in story.entries if entry.ref == act.on)
                step = STEPS[act.kind, Kind(on.kind)]
                assert order.state in step.from_states
                assert act.duties
                assert all(DUTY_SIDES[duty] in (order.side_of(party), Side.EITHER) for duty in act.duties)


def test_what_the_order_waits_for_comes_first() -> None:
    story = Story("\n".join(STORY.strip().splitlines()[:6]))
    primary = [act.primary for act in open_acts(story.order(), IN)]
    assert primary == sorted(primary, reverse=True)


def test_a_party_that_is_on_neither_side_can_do_nothing() -> None:
    assert open_acts(Story(STORY).order(), 5) == ()
    assert Story(STORY).order().side_of(5) is None


def test_corrections_ask_for_the_duty_of_the_document() -> None:
    story = Story("\n".join(STORY.strip().splitlines()[:5]))
    corrections = {act.on: act.duties for act in open_acts(story.order(), IN) if act.kind is Kind.CORRECTION}
    accepting = (Duty.ACCEPTING,)
    names = story.names
    assert corrections == {names["F1"]: accepting, names["A1"]: accepting, names["D1"]: (Duty.ISSUING,)}
