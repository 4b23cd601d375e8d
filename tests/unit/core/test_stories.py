"""The worked examples of docs/spec/ledger.md, as stories."""

# ruff: noqa: E501 (a line of a story is one line)
from __future__ import annotations

import pytest
from tests.cast import GENESIS, genesis_of, terms_with
from tests.scenario import Story

from tallystick.core.agreement import Genesis
from tallystick.core.entries import Outcome
from tallystick.core.quantity import Rounding

S1 = """
2027-01-11 JP request O1 of IN situation a from 2027-02-18 to 2027-02-21: 1 POLF 280000 L15 "high-flash diesel" ±30; 2 WATR 320 TNE "potable water"; 3 PORT 2 MOV "pilot and tugs"; 4 BASE 62400 KWH "shore power"; 5 BASE 18 MTQ "garbage and oily waste"; 6 FOOD 1850 KGM "fresh provisions"
-> O1 requested
2027-01-20 IN offer F1 on O1 INR until 2027-02-19: 1 280000 @ 82.40; 2 320 @ 185.00; 3 2 @ 148500.00; 4 62400 @ 9.85; 5 18 @ 4250.00; 6 1850 @ 96.50
-> O1 offered
2027-01-28 JP order R1 on F1 limit 25000000.00
-> O1 ordered
2027-01-29 IN accept A1 on R1
-> O1 agreed
-> JP:memo:commit:IN 24297865.00 INR
2027-02-18 IN deliver D1 on A1: 3 2
2027-02-18 JP receive E1 on D1
2027-02-20 IN deliver D2 on A1: 1 282647 from 286500 L at 31.0 C density 845.0
2027-02-20 JP receive E2 on D2
-> JP:ap:unbilled:IN -23587112.80 INR
2027-02-20 IN deliver D3 on A1: 2 320
2027-02-20 JP receive E3 on D3
2027-02-20 IN deliver D4 on A1: 4 62400; 5 18
2027-02-20 JP receive E4 on D4
2027-02-21 IN deliver D5 on A1: 6 1850
-> O1 in-delivery
2027-02-21 JP receive E5 on D5: 6 1790 refused 60 spoiled
-> O1 fulfilled
-> finding refused-goods E5 quantity=60000
-> JP:memo:commit:IN 0.00 INR
2027-02-24 IN resolve S1 on E5: 6 no-charge
2027-02-24 JP countersign on S1
-> no findings
-> IN:ar:unbilled:JP 24510187.80 INR
2027-03-12 IN invoice I1 on A1 for E1 E3 E4 E5: 2 59200.00; 3 297000.00; 4 614640.00; 5 76500.00; 6 172735.00
2027-03-12 IN invoice I2 on A1 for E2: 1 23290112.80
-> IN:ar:billed:JP 24510187.80 INR
-> IN:ar:unbilled:JP 0.00 INR
2027-03-20 JP accept-invoice on I1
2027-04-28 JP advise on I1 1220075.00
-> IN:ar:billed:JP 24510187.80 INR
2027-04-30 IN funds N1 on I1 1218425.00 charges 1650.00
-> finding short-payment N1 amount=165000 charges=165000
-> O1 fulfilled
2027-05-06 IN funds N2 on I1 1650.00
-> no findings
-> IN:cash 1220075.00 INR
2027-05-06 JP accept-invoice on I2
2027-05-07 IN funds N3 on I2 23290112.80
-> O1 settled
-> IN:ar 0.00 INR
-> JP:cash -24510187.80 INR
2027-05-10 JP close X1 on A1
-> O1 settled
2027-05-11 IN close X2 on A1
-> O1 closed
-> no findings
"""


def test_s1_a_destroyer_at_visakhapatnam() -> None:
    story = Story(S1)
    order = story.order()
    assert order.number == "JPIN/JP/2026/0001"
    assert [line.accrued for line in order.lines] == [
        2329011280, 5920000, 29700000, 61464000, 7650000, 17273500,
    ]  # fmt: skip
    cash = [invoice.total for invoice in order.invoices]
    assert cash == [122007500, 2329011280]
    assert all(line.settled == line.accrued for line in order.lines)
    assert (order.open_amount, order.settled, order.accrued) == (0, 2451018780, 2451018780)
    assert order.invoices[0].due_on == order.invoices[0].issued_on + 60


TO_AGREED = """
2027-03-01 {receiver} request O1 of {provider}: {lines}
2027-03-02 {provider} offer F1 on O1 {currency} until 2027-04-30: {prices}
2027-03-03 {receiver} order R1 on F1 limit {limit}
2027-03-04 {provider} accept A1 on R1
"""


def told(
    provider: str, currency: str, lines: str, prices: str, limit: str, rest: str, genesis: Genesis = GENESIS
) -> Story:
    receiver = "IN" if provider == "JP" else "JP"
    start = TO_AGREED.format(
        receiver=receiver, provider=provider, currency=currency, lines=lines, prices=prices, limit=limit
    )
    return Story(start + rest, genesis)


def test_example_a_yen_have_no_minor_unit() -> None:
    told(
        "JP", "JPY", "1 POLF 183427 L15 F-76", "1 183427 @ 118.40", "22000000",
        """
2027-03-05 JP deliver D1 on A1: 1 183427 from 184000 L at 19.0 C density 842.0
2027-03-05 IN receive E1 on D1
-> JP:ar:unbilled:IN 21717757 JPY
-> JP:given -21717757 JPY
-> IN:got 21717757 JPY
-> IN:ap:unbilled:JP -21717757 JPY
2027-03-20 JP invoice I1 on A1 for E1: 1 21717757
-> JP:ar:billed:IN 21717757 JPY
-> JP:ar:unbilled:IN 0 JPY
2027-04-20 JP funds N1 on I1 21717757
-> JP:cash 21717757 JPY
-> IN:ap 0 JPY
-> O1 settled
""",
    )  # fmt: skip


def test_example_b_rupees_have_two_decimals() -> None:
    story = told(
        "IN", "INR", '1 POLF 210.500 KLT "high-flash diesel"', "1 210.500 @ 78450.00", "17000000.00",
        """
2027-03-05 IN deliver D1 on A1: 1 210.500
2027-03-05 JP receive E1 on D1
-> IN:ar:unbilled:JP 16513725.00 INR
""",
    )  # fmt: skip
    assert story.order().accrued == 1651372500


def gulf(rounding: Rounding) -> Genesis:
    return genesis_of(terms_with(currencies={"JP": ("JPY", "BHD", "KWD"), "IN": ("INR",)}, rounding=rounding))


@pytest.mark.parametrize(("rounding", "amount"), [(Rounding.HALF_UP, "2302.343"), (Rounding.HALF_EVEN, "2302.342")])
def test_example_c_dinars_have_three_decimals(rounding: Rounding, amount: str) -> None:
    told(
        "JP", "BHD", "1 POLF 12345 LTR diesel", "1 12345 @ 0.1865", "2400.000",
        f"""
2027-03-05 JP deliver D1 on A1: 1 12345
2027-03-05 IN receive E1 on D1
-> JP:ar:unbilled:IN {amount} BHD
""",
        gulf(rounding),
    )  # fmt: skip


def test_example_c_each_line_is_rounded_by_itself() -> None:
    told(
        "JP", "KWD", "1 WATR 27.5 MTQ water; 2 PORT 6 HUR berth", "1 27.5 @ 1.285; 2 6 @ 142.500", "900.000",
        """
2027-03-05 JP deliver D1 on A1: 1 27.5; 2 6
2027-03-05 IN receive E1 on D1
2027-03-20 JP invoice I1 on A1 for E1: 1 35.338; 2 855.000
-> JP:ar:billed:IN 890.338 KWD
-> JP:ar:unbilled:IN 0.000 KWD
""",
        gulf(Rounding.HALF_UP),
    )  # fmt: skip


def test_a_line_is_rounded_once_however_often_it_is_received() -> None:
    story = told(
        "JP", "JPY", "1 POLF 3 LTR oil", "1 3 @ 0.50", "100",
        """
2027-03-05 JP deliver D1 on A1: 1 1
2027-03-05 IN receive E1 on D1
-> JP:ar:unbilled:IN 1 JPY
2027-03-06 JP deliver D2 on A1: 1 1
2027-03-06 IN receive E2 on D2
-> JP:ar:unbilled:IN 1 JPY
2027-03-07 JP deliver D3 on A1: 1 1
2027-03-07 IN receive E3 on D3
-> JP:ar:unbilled:IN 2 JPY
""",
    )  # fmt: skip
    amounts = [delivery.lines[0].amount for delivery in story.order().deliveries]
    assert amounts == [1, 0, 1]  # 0.50, 1.00 and 1.50, half up, and never 3


PROVISIONS = ("IN", "INR", '1 FOOD 1850 KGM "fresh provisions"', "1 1850 @ 96.50", "200000.00")


def test_example_g_refused_goods_are_not_owed_and_cannot_be_billed() -> None:
    story = told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1: 1 1790 refused 60 spoiled
-> finding refused-goods E1 line=1 quantity=60000
-> IN:ar:unbilled:JP 172735.00 INR
2027-03-10 IN invoice I1 on A1 for E1: 1 178525.00
-> finding invoice-over-accrued I1 amount=17852500 unbilled=17273500
-> IN:ar:billed:JP 0.00 INR
2027-03-11 JP resolve S1 on E1: 1 no-charge
2027-03-12 IN countersign C1 on S1
-> no finding refused-goods E1
2027-03-12 IN invoice I2 on A1 for E1: 1 172735.00
-> IN:ar:billed:JP 172735.00 INR
""",
    )
    (difference,) = story.order().differences
    assert (difference.resolved, difference.outcome, difference.resolution) == (
        True, Outcome.NO_CHARGE, story.names["S1"],
    )  # fmt: skip


def test_example_g_damage_found_afterwards_is_credited() -> None:
    story = told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1
2027-03-10 IN invoice I1 on A1 for E1: 1 178525.00
2027-03-12 JP report P1 on E1: 1 60 damaged
-> finding discrepancy-open P1
2027-03-15 IN resolve S1 on P1: 1 adjusted -5790.00
-> finding discrepancy-open P1
2027-03-16 JP countersign on S1
-> no finding discrepancy-open P1
-> O1 line 1 credit_due=579000 accrued=17852500
-> IN:ar:billed:JP 178525.00 INR
2027-03-20 IN funds N1 on I1 172735.00
-> O1 fulfilled
2027-03-21 IN credit K1 on I1: 1 5790.00
-> IN:ar 0.00 INR
-> IN:given -172735.00 INR
-> JP:got 172735.00 INR
-> O1 line 1 credit_due=0 credited=579000 settled=17273500
-> O1 settled
-> no findings
""",
    )
    assert story.order().open_amount == 0


def test_what_is_resolved_before_billing_is_simply_not_billed() -> None:
    told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1
2027-03-06 JP report P1 on E1: 1 60 damaged
2027-03-07 IN resolve S1 on P1: 1 adjusted -5790.00
2027-03-08 JP countersign on S1
-> IN:ar:unbilled:JP 172735.00 INR
-> O1 line 1 credit_due=0 accrued=17273500
2027-03-10 IN invoice I1 on A1 for E1: 1 172735.00
2027-03-20 IN funds N1 on I1 172735.00
-> O1 settled
""",
    )


def test_example_h_the_bank_keeps_a_part() -> None:
    story = told(
        "IN", "INR", "1 FOOD 12643.264 KGM provisions", "1 12643.264 @ 96.50", "1300000.00",
        """
2027-03-05 IN deliver D1 on A1: 1 12643.264
2027-03-05 JP receive E1 on D1
2027-03-10 IN invoice I1 on A1 for E1
-> IN:ar:billed:JP 1220074.98 INR
2027-04-30 IN funds N1 on I1 1218424.98 charges 1650.00
-> finding short-payment N1 amount=165000 charges=165000 currency=INR
-> O1 line 1 settlement=part-settled
-> O1 fulfilled
2027-05-01 JP close X1 on A1
-> finding premature-close X1 state=fulfilled
2027-05-06 IN funds N2 on I1 1650.00
-> no finding short-payment N1
-> O1 settled
""",
    )  # fmt: skip
    assert story.order().invoices[0].charges == 165000


def test_example_j_the_price_becomes_known_after_the_receipt() -> None:
    told(
        "JP",
        "JPY",
        '1 REPM 1 EA "pump overhaul"',
        "1 1 @ 480000",
        "600000",
        """
2027-03-05 JP deliver D1 on A1: 1 1
2027-03-05 IN receive E1 on D1
-> JP:ar:unbilled:IN 480000 JPY
2027-03-20 JP report P1 on E1: 1 0 price
2027-03-20 JP resolve S1 on P1: 1 adjusted 17040
2027-03-21 IN countersign C1 on S1
-> JP:ar:unbilled:IN 497040 JPY
-> no findings
2027-03-22 JP invoice I1 on A1 for E1: 1 497040
-> JP:ar:billed:IN 497040 JPY
""",
    )


def test_example_j_above_the_maximum_needs_an_amendment() -> None:
    told(
        "JP",
        "JPY",
        '1 REPM 1 EA "pump overhaul"',
        "1 1 @ 480000",
        "490000",
        """
2027-03-05 JP deliver D1 on A1: 1 1
2027-03-05 IN receive E1 on D1
2027-03-20 JP resolve S1 on E1: 1 adjusted 17040
2027-03-21 IN countersign C1 on S1
-> finding over-liability C1 accrued=497040 limit=490000
""",
    )


def test_too_much_money_is_owed_back() -> None:
    told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1
2027-03-10 IN invoice I1 on A1 for E1
2027-04-01 IN funds N1 on I1 178625.00
-> finding overpaid N1 amount=10000
-> IN:ar:billed:JP -100.00 INR
-> O1 fulfilled
2027-04-02 IN correct Q1 on N1 178525.00: as-said
-> no finding overpaid N1
-> finding corrected N1
-> IN:cash 178525.00 INR
-> O1 settled
""",
    )


def test_a_disputed_amount_waits_beside_the_rest() -> None:
    told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1
2027-03-10 IN invoice I1 on A1 for E1
2027-03-12 JP dispute P1 on I1: 1 10000.00
-> IN:ar:billed:JP 168525.00 INR
-> IN:ar:disputed:JP 10000.00 INR
-> O1 line 1 settlement=disputed
2027-03-20 IN funds N1 on I1 168525.00
-> O1 fulfilled
2027-03-22 IN resolve S1 on P1: 1 adjusted -4000.00
2027-03-23 JP countersign on S1
-> IN:ar:disputed:JP 0.00 INR
-> IN:ar:billed:JP 10000.00 INR
2027-03-24 IN credit K1 on I1: 1 4000.00
2027-03-30 IN funds N2 on I1 6000.00
-> O1 settled
-> no findings
""",
    )


def test_accepting_the_invoice_after_all_ends_its_dispute() -> None:
    told(
        *PROVISIONS,
        """
2027-03-05 IN deliver D1 on A1: 1 1850
2027-03-05 JP receive E1 on D1
2027-03-10 IN invoice I1 on A1 for E1
2027-03-12 JP dispute P1 on I1: 1 10000.00
2027-03-14 JP accept-invoice K1 on I1
-> IN:ar:billed:JP 178525.00 INR
-> IN:ar:disputed:JP 0.00 INR
2027-03-15 JP dispute P2 on I1: 1 1.00
-> finding already-decided P2
""",
    )
