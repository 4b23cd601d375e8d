"""The shapes programs get. Amounts and quantities are decimal texts with their currency or unit, days are ISO dates."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field, StringConstraints

from tallystick.app import fields, read
from tallystick.app.alarms import Alarm
from tallystick.app.index import OrderRow
from tallystick.app.messages import fill, message, sentence
from tallystick.core import calendar
from tallystick.core.detail import ATTACHMENTS_MAX, NAME_MAX, SIZE_MAX, Attachment
from tallystick.core.entries import BODIES, DESK_KINDS
from tallystick.core.findings import Finding
from tallystick.core.ledger import Transaction
from tallystick.core.orders import Line, OpenAct
from tallystick.core.quantity import Money, Quantity, price_text

EntryName = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}\.[0-9]{1,16}$", max_length=33)]


class Problem(Schema):
    """RFC 9457. ``code`` is stable; ``detail`` says what happened and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any] = {}


class FindingShape(Schema):
    code: str
    weight: str
    entry: str
    order: str | None
    text: str

    @classmethod
    def of(cls, finding: Finding) -> FindingShape:
        return cls(
            code=finding.code,
            weight=finding.weight,
            entry=str(finding.entry),
            order=str(finding.order_id) if finding.order_id else None,
            text=sentence(finding.code, dict(finding.facts)),
        )


class PostingShape(Schema):
    party: str
    account: str
    amount: str = Field(description="Debit positive.")


class TransactionShape(Schema):
    origin: str
    rule: str
    day: dt.date
    currency: str
    postings: list[PostingShape]

    @classmethod
    def of(cls, transaction: Transaction) -> TransactionShape:
        return cls(
            origin=str(transaction.origin),
            rule=transaction.rule,
            day=calendar.date_of(transaction.day),
            currency=transaction.commodity,
            postings=[
                PostingShape(party=p.party, account=p.account, amount=Money(p.amount, transaction.commodity).text())
                for p in transaction.postings
            ],
        )


class OrderRowShape(Schema):
    order: str
    number: str
    state: str
    side: str
    partner: str
    place: str
    receiving_unit: str
    need_from: dt.date
    currency: str | None
    value: str
    open_amount: str
    next_due_on: dt.date | None
    overlays: list[str]
    standing: str | None
    findings: int

    @classmethod
    def of(cls, row: OrderRow) -> OrderRowShape:
        return cls(
            order=str(row.order_id),
            number=row.number,
            state=row.state,
            side=row.side,
            partner=row.partner,
            place=row.place,
            receiving_unit=row.receiving_unit,
            need_from=calendar.date_of(row.need_from),
            currency=row.currency,
            value=_money(row.value, row.currency),
            open_amount=_money(row.open_amount, row.currency),
            next_due_on=None if row.next_due_on is None else calendar.date_of(row.next_due_on),
            overlays=[overlay.code for overlay in row.overlays],
            standing=row.standing,
            findings=row.flags,
        )


class OrderListShape(Schema):
    orders: list[OrderRowShape]
    total: int
    page: int
    pages: int


class LineShape(Schema):
    line: int
    category: str
    item: str
    nsn: str
    unit: str
    ordered: str
    delivered: str
    received: str
    refused: str
    cancelled: str
    open: str
    price: str | None
    accrued: str
    invoiced: str
    settled: str
    fulfilment: str
    settlement: str

    @classmethod
    def of(cls, line: Line, currency: str | None) -> LineShape:
        def quantity(scaled: int) -> str:
            return _quantity(scaled, line.unit)

        return cls(
            line=line.line,
            category=line.category,
            item=line.item,
            nsn=line.nsn,
            unit=line.unit,
            ordered=quantity(line.ordered),
            delivered=quantity(line.delivered),
            received=quantity(line.received),
            refused=quantity(line.refused),
            cancelled=quantity(line.cancelled),
            open=quantity(line.open_quantity),
            price=None if line.price_micro is None else price_text(line.price_micro),
            accrued=_money(line.accrued, currency),
            invoiced=_money(line.invoiced, currency),
            settled=_money(line.settled, currency),
            fulfilment=line.fulfilment,
            settlement=line.settlement,
        )


class ActShape(Schema):
    kind: str
    on: str
    duties: list[str]
    primary: bool
    party: str

    @classmethod
    def of(cls, act: OpenAct, party: str) -> ActShape:
        return cls(
            kind=fields.kind_name(act.kind),
            on=str(act.on),
            duties=[fields.code_name(duty) for duty in act.duties],
            primary=act.primary,
            party=party,
        )


class AttachmentShape(Schema):
    """A file beside an act: the record holds these three, and not the file."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX)] = Field(examples=["delivery-note.pdf"])
    size: Annotated[int, Field(ge=0, le=SIZE_MAX)] = Field(description="Bytes.")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @classmethod
    def of(cls, one: Attachment) -> AttachmentShape:
        return cls(name=one.name, size=one.size, sha256=one.sha256.hex())

    def value(self) -> Attachment:
        return Attachment(self.name, self.size, bytes.fromhex(self.sha256))


class EntryShape(Schema):
    entry: str
    kind: str
    party: str
    post: str
    at: dt.datetime
    on: str | None
    fields: dict[str, Any]
    remark: str
    attachments: list[AttachmentShape]
    weight: str | None
    findings: list[FindingShape]
    transactions: list[TransactionShape]
    seen_by_partner: bool

    @classmethod
    def of(cls, item: read.TimelineItem) -> EntryShape:
        return cls(
            entry=str(item.ref),
            kind=fields.kind_name(item.kind),
            party=item.party,
            post=item.post,
            at=dt.datetime.fromtimestamp(item.at, dt.UTC),
            on=str(item.obj) if item.obj else None,
            fields=dict(item.fields),
            remark=item.remark,
            attachments=[AttachmentShape.of(one) for one in item.attachments],
            weight=item.weight,
            findings=[FindingShape.of(finding) for finding in item.findings],
            transactions=[TransactionShape.of(transaction) for transaction in item.transactions],
            seen_by_partner=item.seen_by_partner,
        )


class OrderShape(Schema):
    order: str
    number: str
    state: str
    side: str
    partner: str
    place: str
    receiving_unit: str
    situation: str
    need_from: dt.date
    need_to: dt.date
    currency: str | None
    version: int
    max_liability: str
    accrued: str
    settled: str
    open_amount: str
    standing: str | None
    digest: str = Field(description="Give it back as `looked_at` when signing.")
    lines: list[LineShape]
    next_acts: list[ActShape]
    waiting_for_partner: list[ActShape]
    entries: list[EntryShape]
    findings: list[FindingShape]

    @classmethod
    def of(cls, detail: read.OrderDetail, here: str) -> OrderShape:
        view = detail.view
        return cls(
            order=str(view.order_id),
            number=view.number,
            state=detail.state,
            side=detail.side,
            partner=detail.partner,
            place=view.place,
            receiving_unit=view.receiving_unit,
            situation=view.situation,
            need_from=calendar.date_of(view.need_from),
            need_to=calendar.date_of(view.need_to),
            currency=view.currency,
            version=view.version,
            max_liability=_money(view.max_liability, view.currency),
            accrued=_money(view.accrued, view.currency),
            settled=_money(view.settled, view.currency),
            open_amount=_money(view.open_amount, view.currency),
            standing=detail.standing,
            digest=detail.digest.hex(),
            lines=[LineShape.of(line, view.currency) for line in view.lines],
            next_acts=[ActShape.of(act, here) for act in detail.next_acts],
            waiting_for_partner=[ActShape.of(act, detail.partner) for act in detail.theirs],
            entries=[EntryShape.of(item) for item in detail.timeline],
            findings=[FindingShape.of(finding) for finding in detail.findings],
        )


class StatusShape(Schema):
    agreement: str
    space: str
    party: str
    now: dt.datetime
    entries: int
    digest: str
    in_step: bool
    partner_has_not_acknowledged: int
    findings: int
    alarms: int = Field(description="That nobody has put away.")


class AlarmShape(Schema):
    id: str
    sort: str
    code: str
    at: dt.datetime
    party: str
    happened: str
    remedy: str
    entry: str | None
    order: str | None
    evidence: list[str] = Field(description="Signed notes, as text.")
    digest: str = Field(description="SHA-256 of refused bytes, hexadecimal; else empty.")
    put_away_at: dt.datetime | None

    @classmethod
    def of(cls, alarm: Alarm) -> AlarmShape:
        told = message(alarm.code)
        return cls(
            id=alarm.id,
            sort=alarm.sort,
            code=alarm.code,
            at=dt.datetime.fromtimestamp(alarm.at, dt.UTC),
            party=alarm.party,
            happened=fill(told.happened, alarm.facts),
            remedy=fill(told.remedy, alarm.facts),
            entry=str(alarm.entry) if alarm.entry else None,
            order=str(alarm.order) if alarm.order else None,
            evidence=[item.text for item in alarm.evidence],
            digest=alarm.digest.hex(),
            put_away_at=None if alarm.seen_at is None else dt.datetime.fromtimestamp(alarm.seen_at, dt.UTC),
        )


class BalanceShape(Schema):
    account: str
    currency: str
    debit: str
    credit: str


class ActCommand(Schema):
    """One act. ``fields`` are those of docs/spec/wire.md for the kind, in a reader's terms; ``who`` is the token's."""

    model_config = ConfigDict(extra="forbid")  # a misspelt ``looked_at`` would sign without looking

    kind: Annotated[str, StringConstraints(max_length=40)] = Field(
        examples=["receipt"], json_schema_extra={"enum": [fields.kind_name(k) for k in BODIES if k not in DESK_KINDS]}
    )
    on: EntryName | None = Field(None, description="The entry this act is on.", examples=["17.3"])
    fields: dict[str, Any] = {}
    remark: Annotated[str, StringConstraints(max_length=2000)] = ""
    attachments: Annotated[list[AttachmentShape], Field(max_length=ATTACHMENTS_MAX)] = []
    looked_at: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="The order's digest when it was looked at; nothing is signed if it has changed since."
    )
    at: Annotated[int, Field(ge=0, le=6_311_433_599)] | None = Field(
        None, description="With a signature: the time of the preview, seconds since 1970."
    )
    signature: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{128})?$")] = Field(
        "", description="The officer's own Ed25519 signature over the preview's officer_signs, hexadecimal."
    )


class PreviewShape(Schema):
    would_count: bool
    leaf: str = Field(description="The bytes that would be signed, hexadecimal.")
    at: int = Field(description="The time it would have, seconds since 1970.")
    officer_signs: str = Field(
        description="Where the act needs the officer's own signature: the bytes it is over, hexadecimal; else empty."
    )
    findings: list[FindingShape]
    transactions: list[TransactionShape]
    looked_at: str


class SignedShape(Schema):
    entry: str
    order: str | None
    state: str | None
    digest: str | None


def _money(minor: int, currency: str | None) -> str:
    return Money(minor, currency).text() if currency else "0"


def _quantity(scaled: int, unit: str) -> str:
    return Quantity(scaled, unit).text()
