"""The life table holds together, and tells each side what it can do next."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

from dataclasses import replace

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


OFFERED = """
2027-03-01 JP request O1 of IN: 1 FOOD 100 KGM "fresh provisions" ±50; 2 WATR 10 TNE "potable water"
    + IN decline O1; IN offer O1*; JP withdrawal O1
2027-03-02 IN offer F1 on O1 INR until 2027-04-30: 1 100 @ 10.00; 2 10 @ 50.00
    + IN offer O1; IN withdrawal F1; JP order F1*
    - IN offer O1*
2027-03-03 JP order R1 on F1 limit 2000.00
    + IN acceptance R1*
    - IN withdrawal F1; JP order F1*
2027-03-04 IN accept A1 on R1
    + IN amendment A1; IN cancellation A1; IN delivery A1*; JP amendment A1; JP cancellation A1
    - IN acceptance R1*; IN decline O1; IN offer O1; JP withdrawal O1
2027-03-05 JP amend M1 on A1 limit 3000.00: 1 100 @ 10.00; 2 10 @ 50.00
    + IN countersign M1*
2027-03-05 IN deliver D1 on A1: 1 96
    + JP receipt D1*
2027-03-05 JP cancel K1 on A1
    + IN countersign K1*
2027-03-06 IN deliver D2 on A1: 2 10
    + IN delivery A1; JP receipt D2*
    - IN delivery A1*
2027-03-06 JP receive E1 on D1: 1 90 refused 6 spoiled
    + IN discrepancy E1; IN invoice A1*; IN resolution E1*; JP discrepancy E1; JP resolution E1*
    - JP receipt D1*
2027-03-06 JP receive E2 on D2
    + IN discrepancy E2; JP discrepancy E2
    - IN cancellation A1; IN countersign K1*; JP cancellation A1; JP receipt D2*
2027-03-07 JP report P1 on E2: 2 1 damaged
    + IN resolution P1*; JP resolution P1*
2027-03-07 IN resolve S1 on E1: 1 no-charge
    + IN resolution E1; JP countersign S1*; JP resolution E1
    - IN resolution E1*; JP resolution E1*
2027-03-07 IN resolve S2 on P1: 2 no-charge -50.00
    + IN resolution P1; JP countersign S2*; JP resolution P1
    - IN resolution P1*; JP resolution P1*
2027-03-08 JP countersign C1 on S1
    - IN resolution E1; JP countersign S1*; JP resolution E1
2027-03-08 IN invoice I1 on A1 for E1: 1 900.00
    + IN credit-note I1; IN funds-received I1; JP invoice-accepted I1*; JP invoice-disputed I1; JP payment-advice I1
2027-03-09 JP dispute Z1 on I1: 1 100.00
    + IN resolution Z1*; JP invoice-accepted I1; JP resolution Z1*
    - JP invoice-accepted I1*
2027-03-10 IN invoice I2 on A1 for E2: 2 500.00
    + IN credit-note I2; IN funds-received I2; JP invoice-accepted I2*; JP invoice-disputed I2; JP payment-advice I2
    - IN invoice A1*
2027-03-10 JP countersign C2 on S2
    + IN credit-note I2*
    - IN credit-note I2; IN resolution P1; JP countersign S2*; JP resolution P1
2027-03-11 IN credit N1 on I2: 2 50.00
    + IN credit-note I2
    - IN credit-note I2*
2027-03-12 JP advise B1 on I2 200.00
    + IN funds-received I2*
    - IN funds-received I2
2027-03-13 IN funds G1 on I2 190.00 charges 10.00
    + IN funds-received I2; JP invoice-accepted I2
    - IN funds-received I2*; JP invoice-accepted I2*
2027-03-14 JP accept-invoice K2 on I2
    + JP payment-advice I2*
    - JP invoice-accepted I2; JP invoice-disputed I2; JP payment-advice I2
2027-03-15 JP advise B2 on I2 260.00
    + IN funds-received I2*; JP payment-advice I2
    - IN funds-received I2; JP payment-advice I2*
2027-03-16 IN funds G2 on I2 260.00
    - IN funds-received I2*; JP payment-advice I2
2027-03-17 JP accept-invoice K3 on I1
    + JP payment-advice I1*
    - IN resolution Z1*; JP invoice-accepted I1; JP invoice-disputed I1; JP payment-advice I1; JP resolution Z1*
2027-03-18 JP advise B3 on I1 1000.00
    + IN funds-received I1*; JP payment-advice I1
    - IN funds-received I1; JP payment-advice I1*
2027-03-19 IN correct Q1 on I1 for E1: 1 880.00
    + JP countersign Q1*
2027-03-20 JP countersign C3 on Q1
    + IN invoice A1*
    - JP countersign Q1*
2027-03-21 IN invoice I3 on A1 for E1: 1 20.00
    + IN credit-note I3; IN funds-received I3; JP invoice-accepted I3*; JP invoice-disputed I3; JP payment-advice I3
    - IN invoice A1*
2027-03-22 IN funds G3 on I1 880.00
    - IN funds-received I1*; JP payment-advice I1
2027-03-23 IN funds G4 on I3 20.00
    + IN close A1*; JP close A1*; JP invoice-accepted I3
    - IN amendment A1; IN funds-received I3; JP amendment A1; JP invoice-accepted I3*; JP invoice-disputed I3; JP payment-advice I3
2027-03-24 JP close X1 on A1
    - JP close A1*
2027-03-25 IN close X2 on A1
    + IN resolution E1; IN resolution E2; JP resolution E1; JP resolution E2
    - IN close A1*; IN credit-note I1; IN credit-note I2; IN credit-note I3; IN delivery A1; IN discrepancy E1; IN discrepancy E2; JP discrepancy E1; JP discrepancy E2; JP invoice-accepted I3
2027-03-26 IN resolve S3 on E2: 2 adjusted -10.00
    + JP countersign S3*
2027-03-27 JP countersign C4 on S3
    + IN amendment A1; IN credit-note I1; IN credit-note I2*; IN credit-note I3; IN delivery A1; IN discrepancy E1; IN discrepancy E2; JP amendment A1; JP discrepancy E1; JP discrepancy E2; JP invoice-accepted I3
    - IN resolution E1; IN resolution E2; JP countersign S3*; JP resolution E1; JP resolution E2
"""


def offered(story: Story) -> set[str]:
    """Return what either side can do next, but for notes and corrections; with a star what the order waits for."""
    return {
        f"{CODES[party]} {act.kind.name.lower().replace('_', '-')} {story.name_of(act.on)}{'*' if act.primary else ''}"
        for party in (JP, IN)
        for act in open_acts(story.order(), party)
        if act.kind not in (Kind.NOTE, Kind.CORRECTION)
    }


def test_what_either_side_can_do_after_each_document() -> None:
    """One order with nearly everything that can happen; + and - tell what its line has changed."""
    story = Story("")
    before: set[str] = set()
    for line in [*OFFERED.strip().splitlines(), ""]:
        told = set(line[6:].split("; "))
        if line.startswith("    +"):
            before |= told
        elif line.startswith("    -"):
            before -= told
        else:
            if story.record.orders:
                assert offered(story) == before, f"before {line}"
            if line:
                story._do(line)
    assert story.order().state is OrderState.FULFILLED  # opened again by what both signed after closing


def test_a_receipt_waits_for_a_word_on_each_of_its_refusals() -> None:
    lines = STORY.strip().splitlines()
    lines[0] += '; 2 WATR 10 TNE "potable water"'
    lines[1] += "; 2 10 @ 50.00"
    lines[4:] = [
        "2027-03-05 IN deliver D1 on A1: 1 60; 2 10",
        "2027-03-05 JP receive E1 on D1: 1 50 refused 10 spoiled; 2 9 refused 1 spoiled",
    ]
    assert "IN resolution E1*" in offered(Story("\n".join(lines)))
    one = "\n".join([*lines, "2027-03-07 IN resolve S1 on E1: 2 no-charge"])
    assert "IN resolution E1*" in offered(Story(one))
    both = one + "\n2027-03-07 IN resolve S2 on E1: 1 no-charge"
    assert "IN resolution E1" in offered(Story(both))


def test_nothing_is_asked_about_an_invoice_that_was_credited_whole() -> None:
    billed = "\n".join(STORY.strip().splitlines()[:11]) + "\n"
    of_invoice = {
        "JP invoice-accepted I1*",
        "JP invoice-disputed I1",
        "JP payment-advice I1",
        "IN funds-received I1",
        "IN credit-note I1",
    }
    assert {act for act in offered(Story(billed)) if "I1" in act} == of_invoice
    almost = Story(billed + "2027-03-10 IN credit N1 on I1: 1 899.99")
    assert {act for act in offered(almost) if "I1" in act} == of_invoice
    whole = Story(billed + "2027-03-10 IN credit N1 on I1: 1 900.00")
    assert {act for act in offered(whole) if "I1" in act} == {"JP invoice-accepted I1"}


@pytest.mark.parametrize(
    ("delivered", "cancelled", "tolerance", "left", "enough"),
    [
        (95_000, 0, 50, 5_000, True),
        (94_999, 0, 50, 5_001, False),
        (60_000, 35_000, 50, 5_000, True),
        (60_000, 34_999, 50, 5_001, False),
        (120_000, 0, 0, 0, True),
        (60_000, 60_000, 0, 0, True),
        (99_999, 0, 0, 1, False),
        (0, 0, 1_000, 100_000, True),
        (0, 0, 2_000, 100_000, True),
        (0, 0, 999, 100_000, False),
    ],
)
def test_what_is_left_of_a_line_and_whether_enough_has_come(
    delivered: int, cancelled: int, tolerance: int, left: int, enough: bool
) -> None:
    (line,) = Story("\n".join(STORY.strip().splitlines()[:4])).order().lines
    line = replace(line, delivered=delivered, cancelled=cancelled, tolerance_permille=tolerance)
    assert (line.open_quantity, line.is_delivered) == (left, enough)


def test_nobody_is_asked_to_close_while_anything_is_open_between_them() -> None:
    paid = "\n".join(
        [
            *STORY.strip().splitlines()[:8],
            "2027-03-09 IN invoice I1 on A1 for E1 E2",
            "2027-03-12 IN funds N1 on I1 900.00",
        ]
    )
    unresolved = Story(paid)  # what was refused on the first delivery
    assert unresolved.order().state is OrderState.SETTLED
    assert not {act for act in offered(unresolved) if "close" in act}
    both = (
        paid
        + "\n2027-03-13 JP report P1 on E2: 1 1 damaged\n2027-03-14 IN resolve S1 on E1: 1 no-charge\n2027-03-15 JP countersign on S1"
    )
    one_left = Story(both)
    assert not {act for act in offered(one_left) if "close" in act}
    none_left = Story(both + "\n2027-03-16 IN resolve S2 on P1: 1 no-charge\n2027-03-17 JP countersign on S2")
    assert {act for act in offered(none_left) if "close" in act} == {"JP close A1*", "IN close A1*"}


def test_what_is_offered_ends_with_what_is_left() -> None:
    agreed = "\n".join(STORY.strip().splitlines()[:4]) + "\n"
    whole = Story(agreed + "2027-03-05 IN deliver D1 on A1: 1 100")
    assert "IN delivery A1" not in {act.rstrip("*") for act in offered(whole)}
    part = (
        agreed + "2027-03-05 IN deliver D1 on A1: 1 60\n2027-03-06 JP cancel K1 on A1\n2027-03-07 IN countersign on K1"
    )
    cancelled = Story(part)
    assert not {act for act in offered(cancelled) if act.split()[1] in {"amendment", "cancellation", "delivery"}}
    billed = "\n".join(STORY.strip().splitlines()[:11]) + "\n"
    disputed = offered(Story(billed + "2027-03-10 JP dispute Z1 on I1: 1 900.00"))
    assert not {act for act in disputed if act.split()[1] in {"payment-advice", "invoice-disputed"}}
    almost = Story(billed + "2027-03-10 JP accept-invoice K1 on I1\n2027-03-10 IN funds N1 on I1 899.99")
    assert "JP payment-advice I1*" in offered(almost)


def test_nobody_takes_up_what_was_taken_back() -> None:
    lines = STORY.strip().splitlines()
    taken_back = Story("\n".join([*lines[:2], "2027-03-02 IN withdraw B1 on F1 by accepting"]))
    assert offered(taken_back) == {"JP withdrawal O1", "IN decline O1", "IN offer O1*"}
    withdrawn = Story("\n".join([*lines[:3], "2027-03-04 JP withdraw B1 on O1"]))
    assert offered(withdrawn) == set()


def test_credit_is_awaited_for_the_line_it_is_due_on() -> None:
    lines = STORY.strip().splitlines()[:4]
    lines[0] += '; 2 WATR 10 TNE "potable water"'
    lines[1] += "; 2 10 @ 50.00"
    lines += [
        "2027-03-05 IN deliver D1 on A1: 1 100; 2 10", "2027-03-05 JP receive E1 on D1",
        "2027-03-06 IN invoice I1 on A1 for E1", "2027-03-07 IN resolve S1 on E1: 2 adjusted -50.00",
    ]  # fmt: skip
    assert "IN credit-note I1" in offered(Story("\n".join(lines)))
    assert "IN credit-note I1*" in offered(Story("\n".join([*lines, "2027-03-08 JP countersign on S1"])))


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


def test_a_correction_is_countersigned_by_whom_it_concerns_and_what_binds_by_the_authorities() -> None:
    lines = STORY.strip().splitlines()[:6]
    story = Story(
        "\n".join([*lines, "2027-03-06 IN amend M1 on A1: 1 90 @ 10.00", "2027-03-06 IN correct Q1 on D1: 1 55"])
    )
    duties = {story.name_of(a.on): a.duties for a in open_acts(story.order(), JP) if a.kind is Kind.COUNTERSIGN}
    assert duties == {
        "M1": duties_of(STEPS[Kind.COUNTERSIGN, Kind.AMENDMENT], Side.RECEIVER),
        "Q1": duties_of(STEPS[Kind.COUNTERSIGN, Kind.CORRECTION], Side.RECEIVER),
    }
    assert duties["M1"] != duties["Q1"]
