"""Acts in a reader's terms: what goes in comes out, and what does not read is named by its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.app import fields
from tallystick.app.fields import Context, FieldError, from_json, kind_name, kind_named, to_json
from tallystick.core.entries import (
    BIG,
    BODIES,
    AmountLine,
    Cut,
    Delivery,
    DeliveryLine,
    Duty,
    FuelMeasure,
    FundsReceived,
    Grant,
    Invoice,
    Kind,
    Offer,
    OfferLine,
    PriceBasis,
    PriceList,
    PriceListLine,
    Reason,
    Receipt,
    ReceiptLine,
    Revoke,
    Unreadable,
)
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef

CONTEXT = Context("INR", {1: "L15", 6: "KGM"})
DAY = 20819  # 2027-01-01

BODIES_SHOWN = [
    (
        FundsReceived(9, 121842500, 165000, DAY, "wire 7"),
        {"who": 9, "amount": "1218425.00", "charges": "1650.00", "value_on": "2027-01-01", "reference": "wire 7"},
    ),
    (
        Delivery(4, DAY, 330, "INVTZ", (DeliveryLine(1, 282647, FuelMeasure(286500, 310, 8450, 98655)),
                                        DeliveryLine(6, 1850000, None))),
        {
            "who": 4, "occurred_on": "2027-01-01", "offset": 330, "place": "INVTZ",
            "lines": [
                {"line": 1, "quantity": "282647", "fuel": {
                    "observed_litres": 286500, "temperature_decidegrees": 310, "density15_decikg": 8450,
                    "vcf_e5": 98655}},
                {"line": 6, "quantity": "1850.000", "fuel": None},
            ],
        },
    ),
    (
        Receipt(5, DAY, 330, (ReceiptLine(6, 1790000, 60000, Reason.SPOILED),)),
        {"who": 5, "occurred_on": "2027-01-01", "offset": 330, "lines": [
            {"line": 6, "accepted": "1790.000", "refused": "60.000", "reason": "spoiled"}]},
    ),
    (
        Offer(3, "JPY", DAY, "Base", PriceBasis.PRICE_LIST, EntryRef(17, 4), (OfferLine(6, 1000, 118_400_000),)),
        {"who": 3, "currency": "JPY", "valid_until": "2027-01-01", "issuing_unit": "Base", "basis": "price-list",
         "price_list": "17.4", "lines": [{"line": 6, "quantity": "1.000", "price_micro": "118.40"}]},
    ),
    (
        PriceList(3, "P1", "BHD", DAY, DAY, PriceBasis.OWN_FORCES,
                  (PriceListLine("POLF", "diesel", "", "LTR", 186_500, ("filter",)),)),
        {"who": 3, "number": "P1", "currency": "BHD", "valid_from": "2027-01-01", "valid_to": "2027-01-01",
         "basis": "own-forces", "lines": [{"category": "POLF", "item": "diesel", "nsn": "", "unit": "LTR",
                                           "price_micro": "0.1865", "companions": ["filter"]}]},
    ),
    (
        Grant("Paying officer", None, "", (Duty.PAYING,), "JPY", 500, None, DAY, None),
        {"post": "Paying officer", "key": None, "age_recipient": "", "duties": ["paying"], "currency": "JPY",
         "per_act": "500", "total": None, "until": "2027-01-01", "trained_on": None,
         "officer_key": None, "acting_for": None, "replaces": None},
    ),
    (
        Revoke(3, (Cut(17, 5, bytes(32)),), Reason.NOT_STATED),
        {"grant": 3, "cuts": [{"log": 17, "size": 5, "root": "00" * 32}], "reason": "not-stated"},
    ),
    (
        Invoice(8, "I-1", DAY, (EntryRef(16, 3), EntryRef(16, 9)), (AmountLine(6, 17273500),), 17273500),
        {"who": 8, "number": "I-1", "issued_on": "2027-01-01", "receipts": ["16.3", "16.9"],
         "lines": [{"line": 6, "amount": "172735.00"}], "total": "172735.00"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "told"), BODIES_SHOWN, ids=lambda value: type(value).__name__)
def test_what_is_told_is_read_back(body, told):
    assert to_json(body, CONTEXT) == told
    assert from_json(body.KIND, told, who=told.get("who"), context=CONTEXT) == body


def test_the_officer_is_put_in_when_not_told():
    told = dict(BODIES_SHOWN[0][1])
    del told["who"]
    assert from_json(Kind.FUNDS_RECEIVED, told, who=12, context=CONTEXT).who == 12


def test_forms_give_texts_for_everything():
    told = {"occurred_on": " 2027-01-01 ", "offset": "330", "lines": [
        {"line": "6", "accepted": "1790", "refused": "60.0", "reason": "spoiled"}]}  # fmt: skip
    assert from_json(Kind.RECEIPT, told, who=5, context=CONTEXT) == BODIES_SHOWN[2][0]


def test_without_a_context_numbers_are_shown_as_they_are():
    assert to_json(BODIES_SHOWN[0][0], Context())["amount"] == "121842500"
    assert to_json(BODIES_SHOWN[2][0], Context())["lines"][0]["accepted"] == "1790000"


WRONG = [
    ({"amount": "12.345"}, "too-many-decimals", "amount"),
    ({"amount": "1e3"}, "not-a-number", "amount"),
    ({"amount": "1,220,075.00"}, "not-a-number", "amount"),
    ({"amount": "１２"}, "not-a-number", "amount"),
    ({"amount": 12.5}, "field-not-text", "amount"),
    ({"amount": True}, "field-not-text", "amount"),
    ({"amount": ""}, "field-missing", "amount"),
    ({"amount": None}, "field-not-text", "amount"),
    ({"amount": "-1.00"}, None, "amount"),
    ({"amount": "9" * 30}, "out-of-range", "amount"),
    ({"value_on": "2027-02-30"}, "field-not-a-date", "value_on"),
    ({"value_on": "18.2.2027"}, "field-not-a-date", "value_on"),
    ({"value_on": "1066-10-14"}, None, "value_on"),
    ({"reference": 7}, "field-not-text", "reference"),
    ({"reference": "x" * 201}, "field-out-of-limits", "reference"),
    ({"colour": "red"}, "field-unknown", "colour"),
    ({"who": 7}, "field-not-yours", "who"),
]


@pytest.mark.parametrize(("change", "code", "field"), WRONG)
def test_a_wrong_field_is_named(change, code, field):
    with pytest.raises(FieldError) as caught:
        from_json(Kind.FUNDS_RECEIVED, BODIES_SHOWN[0][1] | change, who=9, context=CONTEXT)
    assert caught.value.facts["field"] == field
    assert code in {caught.value.code, None}


NESTED = [
    ({"lines": [{"line": 6, "accepted": "1", "refused": "0"}]}, "field-missing", "lines[0].reason"),
    ({"lines": [{"line": 6, "accepted": "1", "refused": "0", "reason": "hungry"}]}, "field-not-a-code",
     "lines[0].reason"),
    ({"lines": [{"line": 2, "accepted": "1", "refused": "0", "reason": "over"}]}, "field-needs-unit",
     "lines[0].accepted"),
    ({"lines": [{"line": "six", "accepted": "1", "refused": "0", "reason": "over"}]}, None, None),
    ({"lines": ["6"]}, "field-not-an-object", "lines[0]"),
    ({"lines": {"line": 6}}, "field-not-a-list", "lines"),
    ({"lines": []}, "field-out-of-limits", "lines"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "field"), NESTED)
def test_a_wrong_field_of_a_line_is_named_with_its_path(change, code, field):
    with pytest.raises(FieldError) as caught:
        from_json(Kind.RECEIPT, BODIES_SHOWN[2][1] | change, who=5, context=CONTEXT)
    assert code in {caught.value.code, None}
    assert field in {caught.value.facts["field"], None}


def test_an_amount_needs_its_currency():
    with pytest.raises(FieldError, match="field-needs-currency"):
        from_json(Kind.FUNDS_RECEIVED, BODIES_SHOWN[0][1], who=9, context=Context())


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_fields_must_be_an_object(data):
    with pytest.raises(FieldError, match="field-not-an-object"):
        from_json(Kind.CLOSE, data, who=1, context=Context())


@pytest.mark.parametrize(
    "data", [{"pay_to": "a\ud800"}, {"pay_to": "x", "\udfff": 1}, {"pay_to": ["\ud800"]}, "\ud800"]
)
def test_half_a_letter_is_none(data):
    """JSON can write one; UTF-8, and so a signed act or an answer about it, cannot."""
    with pytest.raises(FieldError) as refused:
        from_json(Kind.ACCEPTANCE, data, who=1, context=Context())
    assert (refused.value.code, refused.value.facts) == ("field-not-text", {"field": "body"})
    assert from_json(Kind.ACCEPTANCE, {"pay_to": "a𝄞"}, who=1, context=Context()).pay_to == "a𝄞"


@pytest.mark.parametrize("ref", ["17", "17.x", "a.b", "-1.2", 17.2, None, [17, 2]])
def test_an_entry_must_be_named_as_one(ref):
    told = BODIES_SHOWN[7][1] | {"receipts": [ref]}
    with pytest.raises(FieldError, match="field-not-an-entry"):
        from_json(Kind.INVOICE, told, who=8, context=CONTEXT)


def test_bytes_must_be_hexadecimal():
    with pytest.raises(FieldError, match="field-not-hex"):
        from_json(Kind.GRANT, BODIES_SHOWN[5][1] | {"key": "not hex"}, who=None, context=Context())


def test_names_of_kinds_go_both_ways():
    for kind in BODIES:
        assert kind_named(kind_name(kind)) == kind
    assert kind_name(99) == "unknown-99"
    with pytest.raises(LocalError, match="unknown-kind"):
        kind_named("dance")


def test_what_cannot_be_read_says_so():
    assert to_json(Unreadable(99, [1], "unknown kind"), Context()) == {"unreadable": "unknown kind", "kind": 99}


@given(minor=st.integers(0, BIG), currency=st.sampled_from(["JPY", "INR", "KWD"]))
def test_no_digit_of_an_amount_is_lost(minor, currency):
    body = FundsReceived(1, minor, 0, 0, "")
    told = to_json(body, Context(currency))
    assert from_json(Kind.FUNDS_RECEIVED, told, who=1, context=Context(currency)) == body


@given(scaled=st.integers(0, BIG), unit=st.sampled_from(["KGM", "L15", "MOV", "HUR"]), price=st.integers(0, BIG))
def test_no_digit_of_a_quantity_or_price_is_lost(scaled, unit, price):
    body = Offer(1, "INR", 0, "Base", PriceBasis.OWN_FORCES, None, (OfferLine(1, scaled, price),))
    context = Context(None, {1: unit})
    assert from_json(Kind.OFFER, to_json(body, context), who=1, context=context) == body


def test_code_names():
    assert fields.code_name(Reason.OWN_TASKS_COME_FIRST) == "own-tasks-come-first"
