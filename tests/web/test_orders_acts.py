"""Each act through its pages, and the usual questions: works, partner, clerk, auditor, stranger, twice, out of turn."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests import nodes
from tests.web.conftest import form_on, text_of

from tallystick.app import fields
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Duty, Kind
from tallystick.core.identity import EntryRef

DAY = "2027-02-22"


def requested(d: Director) -> EntryRef:
    return nodes.request(d)


def ordered(d: Director) -> EntryRef:
    return d.order(nodes.offered(d), "JP", bill_to="Fleet accounts")


def delivered(d: Director) -> EntryRef:
    return nodes.delivered(d, nodes.agreed(d))


def received(d: Director) -> EntryRef:
    return nodes.received(d, delivered(d))


def refused(d: Director) -> EntryRef:
    return d.act("JP", Kind.RECEIPT, delivered(d), **nodes.receipt_fields("90", "10", "spoiled"))


def proposed(d: Director) -> EntryRef:
    return d.act("JP", Kind.RESOLUTION, refused(d), line=1, outcome="no-charge", amount="0")


def acceptance_after_receipt(d: Director) -> EntryRef:
    received(d)
    return only(d).acceptance


def invoiced(d: Director) -> EntryRef:
    receipt = received(d)
    return d.act(
        "IN", Kind.INVOICE, only(d).acceptance, number="IN-2026-0001", issued_on=DAY, receipts=[receipt],
        lines=[{"line": 1, "amount": "9650.00"}], total="9650.00",
    )  # fmt: skip


def settled(d: Director) -> EntryRef:
    invoice = invoiced(d)
    d.act("IN", Kind.FUNDS_RECEIVED, invoice, amount="9650.00", charges="0.00", value_on=DAY, reference="credited")
    return only(d).acceptance


def only(d: Director):
    d.exchange()
    (order,) = d.desk("JP").record.orders.values()
    return order


@dataclass(frozen=True)
class Case:
    """``scene`` brings an order to where the act is open and returns what the act is on."""

    kind: Kind
    party: str
    login: str
    scene: Callable[[Director], EntryRef]
    said: dict[str, str] = field(default_factory=dict)
    clerk: str = ""  # somebody of the same party whose duty it is not


CASES = [
    Case(Kind.DECLINE, "IN", "nair", requested, {"reason": "not-available"}),
    Case(Kind.OFFER, "IN", "nair", requested, {"price_1": "96.50", "valid_until": "2027-02-20"}),
    Case(Kind.WITHDRAWAL, "JP", "sato", requested, {"reason": "no-longer-needed"}),
    Case(Kind.ORDER, "JP", "tanaka", nodes.offered, {"bill_to": "Fleet accounts", "max_liability": "9650.00"}, "ito"),
    Case(Kind.ACCEPTANCE, "IN", "nair", ordered, {"pay_to": "PCDA (Navy), Mumbai"}),
    Case(Kind.AMENDMENT, "JP", "tanaka", nodes.agreed, {"quantity_1": "120", "max_liability": "12000.00"}),
    Case(Kind.CANCELLATION, "IN", "nair", nodes.agreed, {"reason": "not-available"}),
    Case(Kind.DELIVERY, "IN", "patel", nodes.agreed, {"quantity_1": "60"}),
    Case(Kind.RECEIPT, "JP", "ito", delivered, {"accepted_1": "", "refused_1": "10", "reason_1": "spoiled"}),
    Case(Kind.DISCREPANCY, "JP", "ito", received, {"line": "1", "quantity": "5", "reason": "quality"}, "tanaka"),
    Case(Kind.RESOLUTION, "JP", "tanaka", refused, {"line": "1", "outcome": "no-charge"}),
    Case(Kind.COUNTERSIGN, "IN", "nair", proposed),
    Case(Kind.INVOICE, "IN", "iyer", acceptance_after_receipt),
    Case(Kind.INVOICE_ACCEPTED, "JP", "kimura", invoiced),
    Case(Kind.INVOICE_DISPUTED, "JP", "kimura", invoiced, {"amount_1": "650.00", "reason": "price"}),
    Case(Kind.PAYMENT_ADVICE, "JP", "kimura", invoiced),
    Case(Kind.FUNDS_RECEIVED, "IN", "iyer", invoiced, {"amount": "9600.00", "charges": "50.00"}),
    Case(Kind.CREDIT_NOTE, "IN", "iyer", invoiced, {"amount_1": "650.00"}),
    Case(Kind.CLOSE, "JP", "endo", settled, clerk="ito"),
    Case(Kind.CORRECTION, "IN", "patel", delivered, {"quantity_1": "95"}),
    Case(Kind.NOTE, "JP", "sato", requested, {"remark": "The ship comes a day later."}),
]
_CLERKS = {"JP": "endo", "IN": "khan"}  # the coordinators
ids = [fields.kind_name(case.kind) for case in CASES]


def entries_in(stage, party):
    return stage.director.desk(party).record.entry_count


def begin(stage, case):
    on = case.scene(stage.director)
    stage.director.exchange()
    return stage.act_path(only(stage.director).order_id, case.kind, on)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_it_is_refused_to_others_and_works_for_its_officer_once(stage, case):
    path = begin(stage, case)
    before = entries_in(stage, case.party)
    others = {
        "clerk": stage.browser(case.party, case.clerk or _CLERKS[case.party]),
        "auditor": stage.somebody(case.party, [Duty.AUDITOR]),
        "stranger": stage.somebody(case.party),
    }
    if case.kind is Kind.NOTE:
        del others["clerk"]  # every officer may add a note
    for who, browser in others.items():
        wanted = 404 if who == "stranger" else 403
        assert (who, browser.get(path).status_code) == (who, wanted)
        assert (who, browser.post(path, {"do": "sign"}).status_code) == (who, wanted)
    if "clerk" in others:
        assert "They are held by" in text_of(others["clerk"].get(path))
    assert entries_in(stage, case.party) == before

    officer = stage.browser(case.party, case.login)
    preview = officer.fill(path, **case.said)
    sign = form_on(preview, "sign") | {"do": "sign"}
    first = officer.post(path, sign)
    assert first.status_code == 302, text_of(first)
    assert entries_in(stage, case.party) == before + 1
    assert only(stage.director).void == ()

    second = officer.post(path, sign)
    assert second.status_code in (302, 409)
    assert entries_in(stage, case.party) == before + 1


_IN_TURN = [case for case in CASES if case.kind not in (Kind.NOTE, Kind.CORRECTION)]  # those two are always open


@pytest.mark.parametrize("case", _IN_TURN, ids=lambda case: fields.kind_name(case.kind))
def test_out_of_turn_it_says_why_and_signs_nothing(stage, case):
    on = requested(stage.director)
    if case.kind is Kind.DECLINE:
        stage.director.act("JP", Kind.WITHDRAWAL, on, reason="no-longer-needed")
    else:
        stage.director.act("IN", Kind.DECLINE, on, reason="not-available")
    stage.director.exchange()
    path = stage.act_path(on, case.kind, on)
    before = entries_in(stage, case.party)

    page = stage.browser(case.party, case.login).get(path)
    sent = stage.browser(case.party, case.login).post(path, {"do": "sign", **case.said})

    assert (page.status_code, sent.status_code) == (409, 409)
    assert "This cannot be done now" in text_of(page)
    assert entries_in(stage, case.party) == before


_OF_BOTH_SIDES = (Kind.NOTE, Kind.AMENDMENT, Kind.CANCELLATION, Kind.RESOLUTION, Kind.CLOSE)
_OF_ONE_SIDE = [case for case in CASES if case.kind not in _OF_BOTH_SIDES]


@pytest.mark.parametrize("case", _OF_ONE_SIDE, ids=lambda case: fields.kind_name(case.kind))
def test_the_partners_officer_cannot_do_it_in_our_place(stage, case):
    """The other party's node asks the same question of its own officers: it is not their side's act."""
    path = begin(stage, case)
    other, twin = ("IN", "nair") if case.party == "JP" else ("JP", "tanaka")
    before = entries_in(stage, other)

    assert stage.browser(other, twin).get(path).status_code in (403, 409)
    assert stage.browser(other, twin).post(path, {"do": "sign"}).status_code in (403, 409)
    assert entries_in(stage, other) == before
