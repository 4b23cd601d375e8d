"""``order list`` and ``order show``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from tallystick.app import export, fields, read
from tallystick.app.index import OrderRow, Standing
from tallystick.app.messages import sentence
from tallystick.app.node import Desk
from tallystick.cli.shell import (
    Shell,
    day,
    facts,
    format_option,
    iso,
    json_option,
    pass_shell,
    print_json,
    say,
    table,
    words,
)
from tallystick.core.detail import Attachment
from tallystick.core.due import Overlay
from tallystick.core.errors import LocalError
from tallystick.core.findings import Finding
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OpenAct, OrderState, OrderView, Side
from tallystick.core.quantity import Money, Quantity, price_text


def find_order(desk: Desk, wanted: str) -> OrderView:
    """Return the order whose number, or whose request's entry, is ``wanted``.

    Raises:
        LocalError: ``unknown-order``.
    """
    for order_id, found in desk.record.orders.items():
        if wanted in {found.number, str(order_id)} and found.side_of(desk.party) is not None:
            return found
    raise LocalError("unknown-order", order=wanted)


def money(amount: int | None, currency: str | None) -> str:
    """Return minor units as plain decimals with the currency before them; empty when either is not known."""
    return "" if amount is None or not currency else f"{currency} {Money(amount, currency).text()}"


@click.group()
def order() -> None:
    """List orders, or show one."""


@order.command("list")
@click.option("--state", type=click.Choice([s.value for s in OrderState]), help="In this state.")
@click.option("--side", type=click.Choice([Side.RECEIVER.value, Side.PROVIDER.value]), help="Where we are this side.")
@click.option("--partner", metavar="CODE", help="With this party.")
@click.option("--overdue", is_flag=True, help="With an amount past its due date.")
@click.option("--late", metavar="CODE", help="With this clock run out (OVERDUE, RECEIPT_LATE …), or any.")
@click.option("--standing", type=click.Choice([s.value for s in Standing]), help="As auditors ask.")
@click.option("--place", metavar="CODE", help="At this place.")
@click.option("--search", metavar="TEXT", help="Part of the number, the unit or an item.")
@click.option("--sort", default="-need", show_default=True, help="need, number, state, due, value, open; - reverses.")
@format_option("table", "json", "csv")
@pass_shell
def list_(
    shell: Shell,
    form: str,
    state: str | None,
    side: str | None,
    partner: str | None,
    overdue: bool,
    late: str | None,
    standing: str | None,
    place: str | None,
    search: str | None,
    sort: str,
) -> None:
    """List orders, newest need first."""
    desk = shell.desk
    filters = read.Filters(
        state=state or "",
        side=side or "",
        partner=partner or "",
        standing=standing or "",
        late="OVERDUE" if overdue else late or "",
        place=place or "",
        q=search or "",
        sort=sort,
    )
    rows = [_row(row) for row in read.orders(desk, filters, shell.today(), size=0).rows]
    if form == "json":
        print_json(rows)
    elif form == "csv":
        click.echo(export.to_csv(_COLUMNS, [row | {"late": " ".join(row["late"])} for row in rows]), nl=False)
    else:
        shown = ("number", "state", "side", "place", "need_from", "currency", "value", "open", "next_due_on", "late")
        cells = [[" ".join(row["late"]) if name == "late" else row[name] for name in shown] for row in rows]
        table([name.replace("_", " ") for name in shown], cells, right=("value", "open"))


_COLUMNS = (
    "order", "number", "state", "side", "partner", "place", "receiving_unit", "need_from", "currency", "value", "open",
    "next_due_on", "standing", "late", "flags",
)  # fmt: skip


def _row(row: OrderRow) -> dict[str, Any]:
    currency = row.currency
    return {
        "order": str(row.order_id),
        "number": row.number,
        "state": row.state.value,
        "side": row.side.value,
        "partner": row.partner,
        "place": row.place,
        "receiving_unit": row.receiving_unit,
        "need_from": day(row.need_from),
        "currency": currency or "",
        "value": Money(row.value, currency).text() if currency else "",
        "open": Money(row.open_amount, currency).text() if currency else "",
        "next_due_on": day(row.next_due_on),
        "standing": row.standing.value if row.standing else "",
        "late": [overlay.code for overlay in row.overlays],
        "flags": row.flags,
    }


@order.command()
@click.argument("wanted", metavar="NUMBER_OR_ENTRY")
@json_option
@pass_shell
def show(shell: Shell, wanted: str, as_json: bool) -> None:
    """Show one order: state, lines, what comes next, every signed entry."""
    desk = shell.desk
    detail = read.order(desk, find_order(desk, wanted).order_id, read.Reader(), shell.today())
    assert detail is not None
    if as_json:
        print_json(_detail(desk, detail))
    else:
        _print_detail(desk, detail)


def _detail(desk: Desk, detail: read.OrderDetail) -> dict[str, Any]:
    view, currency = detail.view, detail.view.currency
    return {
        "order": str(view.order_id),
        "number": view.number,
        "state": detail.state.value,
        "side": detail.side.value,
        "partner": detail.partner,
        "situation": view.situation,
        "place": view.place,
        "receiving_unit": view.receiving_unit,
        "need_from": day(view.need_from),
        "need_to": day(view.need_to),
        "currency": currency or "",
        "version": view.version,
        "accrued": money(view.accrued, currency),
        "settled": money(view.settled, currency),
        "open": money(view.open_amount, currency),
        "lines": [_line(view, number) for number in range(len(view.lines))],
        "clocks": [
            {"kind": clock.kind, "due_on": day(clock.due_on), "done_on": day(clock.done_on)} for clock in detail.clocks
        ],
        "late": [_overlay(overlay) for overlay in detail.overlays],
        "findings": [finding_json(finding) for finding in detail.findings],
        "next": [_act(desk, act) for act in (*detail.ours, *detail.theirs)],
        "timeline": [_item(item) for item in detail.timeline],
        "digest": detail.digest.hex(),
    }


def _line(view: OrderView, index: int) -> dict[str, Any]:
    line, currency = view.lines[index], view.currency

    def quantity(scaled: int) -> str:
        return Quantity(scaled, line.unit).text()

    return {
        "line": line.line,
        "category": line.category,
        "item": line.item,
        "nsn": line.nsn,
        "unit": line.unit,
        "requested": quantity(line.requested),
        "ordered": quantity(line.ordered),
        "delivered": quantity(line.delivered),
        "received": quantity(line.received),
        "refused": quantity(line.refused),
        "price": price_text(line.price_micro) if line.price_micro is not None else "",
        "accrued": money(line.accrued, currency),
        "settled": money(line.settled, currency),
        "fulfilment": line.fulfilment.value,
        "settlement": line.settlement.value,
    }


def _overlay(overlay: Overlay) -> dict[str, Any]:
    return {"code": overlay.code, "days": overlay.days, "late": overlay.late}


def attachment_of(path: Path) -> Attachment:
    """Return what the record holds of the file ``path``; raises LocalError ``file-missing``."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            return Attachment(path.name, file.tell(), digest)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise LocalError("file-missing", path=str(path)) from None


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding with its sentence."""
    return {
        "code": finding.code,
        "weight": finding.weight.value,
        "entry": str(finding.entry),
        "facts": dict(finding.facts),
        "sentence": sentence(finding.code, dict(finding.facts)),
    }


def _act(desk: Desk, act: OpenAct) -> dict[str, Any]:
    return {
        "kind": fields.kind_name(act.kind),
        "party": desk.party_code(act.party),
        "on": str(act.on),
        "duties": [fields.code_name(duty) for duty in act.duties],
        "waits_for_it": act.primary,
    }


def _item(item: read.TimelineItem) -> dict[str, Any]:
    return {
        "entry": str(item.ref),
        "kind": fields.kind_name(item.kind),
        "party": item.party,
        "post": item.post,
        "at": iso(item.at),
        "on": str(item.obj or ""),
        "fields": item.fields,
        "remark": item.remark,
        "attachments": read.plain_attachments(item.attachments),
        "counts": item.weight is None or item.weight.value != "void",
        "held_by_partner": item.seen_by_partner,
    }


def _print_detail(desk: Desk, detail: read.OrderDetail) -> None:
    view, currency = detail.view, detail.view.currency
    facts(
        {
            "order": f"{view.number} ({view.order_id})",
            "state": words(detail.state),
            "we are": f"{detail.side}; partner {detail.partner}",
            "for": f"{view.receiving_unit}, {view.place}, {day(view.need_from)} to {day(view.need_to)}",
            "value": money(view.accrued, currency),
            "settled": money(view.settled, currency),
            "open": money(view.open_amount, currency),
            "digest": detail.digest.hex(),
        }
    )
    say()
    shown = ("line", "item", "unit", "ordered", "delivered", "received", "refused", "price", "accrued", "settled")
    right = ("ordered", "delivered", "received", "refused", "price", "accrued", "settled")
    lines = [_line(view, number) for number in range(len(view.lines))]
    table(shown, [[line[name] for name in shown] for line in lines], right=right)
    waits = [act for act in (*detail.ours, *detail.theirs) if act.primary]
    if waits:
        say("\nWaits for:")
        for act in waits:
            say(f"  {desk.party_code(act.party)}: {fields.kind_name(act.kind)} on {act.on}")
    due = [clock for clock in detail.clocks if clock.done_on is None]
    if due:
        say("\nDue:")
        for clock in due:
            say(f"  {day(clock.due_on)}  {words(clock.kind)}")
    if detail.findings:
        say("\nTo look at:")
        for finding in detail.findings:
            say(f"  {finding.entry}: {sentence(finding.code, dict(finding.facts))} ({finding.code})")
    say("\nSigned entries:")
    table(
        ("entry", "at", "party", "post", "kind", "on", ""),
        [
            (item.ref, iso(item.at), item.party, item.post, fields.kind_name(item.kind), item.obj or "", _mark(item))
            for item in detail.timeline
        ],
    )


def _mark(item: read.TimelineItem) -> str:
    if item.weight is not None and item.weight.value == "void":
        return "does not count"
    return "" if item.seen_by_partner else "not acknowledged yet"


def parse_ref(text: str) -> EntryRef:
    """Read an entry's name; raises LocalError ``not-an-entry``."""
    try:
        return EntryRef.parse(text)
    except ValueError:
        raise LocalError("not-an-entry", text=text[:40]) from None
