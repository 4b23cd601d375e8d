"""An order from need to closed, on two nodes, by command line and courier file alone."""

import json

LINES = [  # scenario S1 of docs/spec: the lines paid in cash
    (2, "WATR", "potable water", "TNE", "320.000", "185.00", "59200.00"),
    (3, "PORT", "pilot and tugs", "MOV", "2", "148500.00", "297000.00"),
    (4, "BASE", "shore power", "KWH", "62400.000", "9.85", "614640.00"),
    (5, "BASE", "garbage and oily waste", "MTQ", "18.000", "4250.00", "76500.00"),
    (6, "FOOD", "fresh provisions", "KGM", "1850.000", "96.50", "178525.00"),
]


def write(path, fields):
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def test_an_order_from_need_to_closed(pair, tmp_path):
    fields = tmp_path / "fields.json"
    pair.on("2027-01-11")
    request = pair.sign(
        "jp", "request", "--as", "fleet staff", "--remark", "for the exercise",
        "--fields", write(fields, {
            "situation": "a", "need_from": "2027-02-18", "need_to": "2027-02-21", "place": "INVTZ",
            "receiving_unit": "JS Example",
            "lines": [
                {"line": n, "category": category, "item": item, "nsn": "", "unit": unit, "quantity": quantity,
                 "tolerance_permille": 0, "means": "reimbursement"}
                for n, category, item, unit, quantity, _, _ in LINES
            ],
        }),
    )  # fmt: skip
    pair.carry()
    (row,) = pair.done("in", "order", "list", "--json").json
    assert (row["number"], row["state"], row["side"]) == ("JPIN/JP/2026/0001", "requested", "provider")

    pair.on("2027-01-20")
    offer = pair.sign(
        "in", "offer", "--on", request,
        "--fields", write(fields, {
            "currency": "INR", "valid_until": "2027-02-19", "issuing_unit": "Base", "basis": "own-forces",
            "lines": [{"line": n, "quantity": quantity, "price_micro": price} for n, *_, quantity, price, _ in LINES],
        }),
    )  # fmt: skip
    pair.carry()
    pair.on("2027-01-28")
    certifier = next(
        row["grant"] for row in pair.done("jp", "warrant", "list", "--json").json if row["post"] == "Comptroller"
    )
    order = pair.sign(
        "jp", "order", "--on", offer, "--field", f"funds_certifier={certifier}",
        "--field", "max_liability=1300000.00", "--field", "bill_to=Finance",
    )  # fmt: skip
    pair.carry()
    acceptance = pair.sign("in", "acceptance", "--on", order, "--field", "pay_to=Treasury")

    pair.on("2027-02-20")
    delivery = pair.sign(
        "in", "delivery", "--on", acceptance,
        "--fields", write(fields, {
            "occurred_on": "2027-02-20", "offset": 330, "place": "INVTZ",
            "lines": [{"line": n, "quantity": quantity} for n, *_, quantity, _, _ in LINES],
        }),
    )  # fmt: skip
    pair.carry()
    receipt = pair.sign(
        "jp", "receipt", "--on", delivery,
        "--fields", write(fields, {
            "occurred_on": "2027-02-20", "offset": 330,
            "lines": [
                {"line": n, "accepted": quantity, "refused": "0", "reason": "not-stated"} for n, *_, quantity, _, _
                in LINES[:-1]
            ] + [{"line": 6, "accepted": "1790", "refused": "60", "reason": "spoiled"}],
        }),
    )  # fmt: skip
    pair.carry()
    shown = pair.done("in", "order", "show", "JPIN/JP/2026/0001").out
    assert "INR 1220075.00" in shown
    assert "A part of line 6 was refused: spoiled." in shown

    pair.on("2027-02-24")
    resolution = pair.sign(
        "in", "resolution", "--on", receipt, "--as", "Command",
        "--field", "line=6", "--field", "outcome=no-charge", "--field", "amount=0",
    )  # fmt: skip
    pair.carry()
    pair.sign("jp", "countersign", "--on", resolution, "--as", "Contracting")
    pair.carry()

    pair.on("2027-03-12")
    amounts = {n: amount for n, *_, amount in LINES} | {6: "172735.00"}
    invoice = pair.sign(
        "in", "invoice", "--on", acceptance,
        "--fields", write(fields, {
            "issued_on": "2027-03-12", "receipts": [receipt], "total": "1220075.00",
            "lines": [{"line": n, "amount": amount} for n, amount in amounts.items()],
        }),
    )  # fmt: skip
    pair.carry()
    pair.sign("jp", "invoice-accepted", "--on", invoice)
    pair.on("2027-05-12")
    (late,) = pair.done("jp", "order", "list", "--overdue", "--json").json
    assert late["open"] == "1220075.00"
    for day, amount, charges in (("2027-05-13", "1218425.00", "1650.00"), ("2027-05-14", "1650.00", "0")):
        pair.on(day)
        pair.sign(
            "in", "funds-received", "--on", invoice, "--field", f"amount={amount}", "--field", f"charges={charges}",
            "--field", f"value_on={day}", "--field", "reference=wire",
        )  # fmt: skip
    pair.carry()
    pair.sign("jp", "close", "--on", acceptance)
    pair.sign("in", "close", "--on", acceptance)
    pair.carry()

    (row,) = pair.done("jp", "order", "list", "--json").json
    assert (row["state"], row["value"], row["open"]) == ("closed", "1220075.00", "0.00")
    cash = {
        row["account"]: row["balance"]
        for party in ("JP", "IN")
        for row in pair.done("jp", "ledger", "balance", "--party", party, "--json").json
        if row["account"].endswith(":cash")
    }
    assert cash == {"IN:cash": "1220075.00", "JP:cash": "-1220075.00"}
    assert pair.done("jp", "ledger", "open", "--json").json == []
    digests = {pair.done(code, "digest", "--json").json[0]["digest"] for code in ("jp", "in")}
    assert len(digests) == 1
    for code in ("jp", "in"):
        (verified,) = pair.done(code, "verify", "--json").json
        assert {verified["digest"]} == digests
    assert pair.done("jp", "digest", "--order", row["number"]).out != pair.done("jp", "digest").out
