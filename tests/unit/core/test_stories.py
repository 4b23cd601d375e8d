"""The worked examples of docs/spec/ledger.md, as stories."""

from __future__ import annotations

from tests.scenario import Story

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
    assert order.open_amount == 0
    assert order.invoices[0].due_on == order.invoices[0].issued_on + 60
