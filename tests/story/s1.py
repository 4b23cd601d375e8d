"""Scenario S1: a Japanese destroyer at Visakhapatnam, 18–21 February 2027, told once for every way of carrying it.

Fuel is a reimbursed line at its fallback price; the loan of a pump is left out. Fuel and provisions come in two parts.
The figures are those of docs/spec/ledger.md, "Example".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tallystick.cli.demo.director import Director
from tallystick.core.entries import Kind
from tallystick.core.identity import EntryRef

NUMBER = "JPIN/JP/2026/0007"
ITEMS = (  # category, item, unit, quantity ordered, price, tolerance in permille
    ("POLF", "High-flash diesel, F-76 equal", "L15", "280000", "82.40", 30),
    ("WATR", "Potable water", "TNE", "320", "185.00", 0),
    ("PORT", "Pilot and tugs", "MOV", "2", "148500.00", 0),
    ("BASE", "Shore power", "KWH", "62400", "9.85", 0),
    ("BASE", "Garbage and oily waste", "MTQ", "18", "4250.00", 0),
    ("FOOD", "Fresh provisions", "KGM", "1850", "96.50", 0),
)
VCF = 98_655  # 31.0 °C, 845.0 kg/m³


@dataclass
class S1:
    """The story. ``refs`` names its entries as they come."""

    director: Director
    refs: dict[str, EntryRef] = field(default_factory=dict)

    def play(self) -> None:
        self.negotiate()
        self.hand_over()
        self.settle()

    def act(self, name: str, party: str, kind: Kind, on: str, **said: Any) -> None:
        self.refs[name] = self.director.act(party, kind, self.refs[on], **said)

    def negotiate(self) -> None:
        d = self.director
        d.on("2027-01-11")
        self.refs["request"] = d.act(
            "JP", Kind.REQUEST, fiscal_year=2026, serial=7, situation="a",
            provider=d.desk("JP").genesis.party_number("IN"),
            need_from="2027-02-18", need_to="2027-02-21", place="INVTZ", receiving_unit="JS Natsuzora",
            lines=[
                {
                    "line": number, "category": category, "item": item, "nsn": "", "unit": unit, "quantity": quantity,
                    "tolerance_permille": tolerance, "means": "reimbursement",
                }
                for number, (category, item, unit, quantity, _, tolerance) in enumerate(ITEMS, 1)
            ],
        )  # fmt: skip
        d.on("2027-01-20")
        self.refs["offer"] = d.offer(
            self.refs["request"], "IN", prices=[price for *_, price, _ in ITEMS], unit="Naval Base Visakhapatnam",
            valid_until="2027-02-19",
        )  # fmt: skip
        d.on("2027-01-28")
        self.refs["order"] = d.order(self.refs["offer"], "JP", bill_to="Fleet accounts, Yokosuka")
        d.on("2027-01-29")
        self.act("acceptance", "IN", Kind.ACCEPTANCE, "order", pay_to="PCDA (Navy), Mumbai")

    def hand_over(self) -> None:
        self._deliver("2027-02-18", "water and pilot in", (2, "320"), (3, "1"))
        self._deliver("2027-02-19", "provisions 1", (4, "31200"), (6, "1000"))
        self._deliver("2027-02-20", "fuel 1", (1, "150000", 152_045))
        self._deliver("2027-02-20", "fuel 2", (1, "132647", 134_455), hour=4)
        self._deliver("2027-02-20", "provisions 2", (6, "850"), refused={6: "60"}, hour=7)
        self._deliver("2027-02-21", "last day", (3, "1"), (4, "31200"), (5, "18"))
        self.director.on("2027-02-24")
        self.act(
            "resolution", "IN", Kind.RESOLUTION, "receipt of provisions 2", line=6, outcome="no-charge", amount="0"
        )
        self.act("countersign", "JP", Kind.COUNTERSIGN, "resolution")

    def _deliver(
        self, day: str, name: str, *lines: tuple[Any, ...], refused: dict[int, str] | None = None, hour: int = 1
    ) -> None:
        refused = refused or {}
        self.director.on(day, hour)
        self.act(
            name, "IN", Kind.DELIVERY, "acceptance", occurred_on=day, offset=330, place="INVTZ",
            lines=[
                {"line": line, "quantity": quantity, "fuel": _measure(*observed) if observed else None}
                for line, quantity, *observed in lines
            ],
        )  # fmt: skip
        self.act(
            f"receipt of {name}", "JP", Kind.RECEIPT, name, occurred_on=day, offset=330,
            lines=[
                {
                    "line": line,
                    "accepted": str(int(quantity) - int(refused.get(line, 0))),
                    "refused": refused.get(line, "0"),
                    "reason": "spoiled" if line in refused else "not-stated",
                }
                for line, quantity, *_ in lines
            ],
        )  # fmt: skip

    def settle(self) -> None:
        d = self.director
        d.on("2027-03-12")
        self._invoice("fuel invoice", "IN-2026-0041", ["fuel 1", "fuel 2"], {1: "23290112.80"}, "23290112.80")
        self._invoice(
            "cash invoice",
            "IN-2026-0042",
            ["water and pilot in", "provisions 1", "provisions 2", "last day"],
            {2: "59200.00", 3: "297000.00", 4: "614640.00", 5: "76500.00", 6: "172735.00"},
            "1220075.00",
        )
        d.on("2027-04-20")
        self.act("fuel accepted", "JP", Kind.INVOICE_ACCEPTED, "fuel invoice")
        self.act("cash accepted", "JP", Kind.INVOICE_ACCEPTED, "cash invoice")
        d.on("2027-04-28")
        self._pay("fuel invoice", "23290112.80", "2027-04-28")
        self._pay("cash invoice", "1220075.00", "2027-04-28")
        d.on("2027-04-30")
        self._arrived("fuel invoice", "23290112.80", "0.00", "2027-04-30")
        self._arrived("cash invoice", "1218425.00", "1650.00", "2027-04-30")
        d.on("2027-05-04")
        self._pay("cash invoice", "1650.00", "2027-05-04")
        d.on("2027-05-06")
        self._arrived("cash invoice", "1650.00", "0.00", "2027-05-06")
        self.act("closed by IN", "IN", Kind.CLOSE, "acceptance")
        d.on("2027-05-07")
        self.act("closed by JP", "JP", Kind.CLOSE, "acceptance")

    def _invoice(self, name: str, number: str, bills: list[str], lines: dict[int, str], total: str) -> None:
        self.act(
            name, "IN", Kind.INVOICE, "acceptance", number=number, issued_on="2027-03-12", total=total,
            receipts=[self.refs[f"receipt of {delivery}"] for delivery in bills],
            lines=[{"line": line, "amount": amount} for line, amount in lines.items()],
        )  # fmt: skip

    def _pay(self, invoice: str, amount: str, on: str) -> None:
        self.act(f"pay {amount}", "JP", Kind.PAYMENT_ADVICE, invoice, amount=amount, value_on=on, reference="EFT")

    def _arrived(self, invoice: str, amount: str, charges: str, on: str) -> None:
        self.act(
            f"funds {amount}", "IN", Kind.FUNDS_RECEIVED, invoice, amount=amount, charges=charges, value_on=on,
            reference="credited",
        )  # fmt: skip


def _measure(observed_litres: int) -> dict[str, int]:
    return {
        "observed_litres": observed_litres,
        "temperature_decidegrees": 310,
        "density15_decikg": 8450,
        "vcf_e5": VCF,
    }
