"""Makes dated acts happen on both nodes, through the same use cases officers and partners use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tallystick.app import exchange, fields, forks, numbers, pairing, write
from tallystick.app.node import Desk, Node
from tallystick.cli.demo.cast import CAST, by_duty
from tallystick.core import calendar
from tallystick.core.detail import detail_of
from tallystick.core.entries import Draft, Duty, Grant, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import LIFE, OrderView, open_acts
from tallystick.core.quantity import Money, Quantity

AGREEMENT = "tallystick.example/jp-in"
HOUR = 3600
TRAINED_ON = calendar.day(dt.date(2025, 11, 3))
WARRANTS_END = calendar.day(dt.date(2028, 3, 31))


@dataclass
class StageClock:
    """A clock that the director sets."""

    instant: int = 0

    def now(self) -> int:
        return self.instant


def instant(day: str, hour: int = 1, minute: int = 0) -> int:
    """Return seconds since 1970 for an ISO ``day`` at ``hour`` UTC."""
    at = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour, minute), dt.UTC)
    return int(at.timestamp())


@dataclass
class Director:
    """Two nodes, one clock. ``nodes`` is keyed by party code; each node must have been opened with ``clock``."""

    nodes: Mapping[str, Node]
    clock: StageClock
    grants: dict[tuple[str, str], int] = field(default_factory=dict)  # (party, login) -> grant index

    def desk(self, party: str) -> Desk:
        return self.nodes[party].desk()

    def pair(self, profile: str = "JPIN") -> None:
        """Pair the two nodes, each administrator comparing the other's key id, and grant the officers."""
        first, second = (self.nodes[code] for code in ("JP", "IN"))
        card = pairing.read_card(pairing.own_card(second))
        knock = pairing.propose(first, card, profile=profile, name=AGREEMENT, compared_key_id=card.key_id)
        peer = pairing.knocked(second, knock)
        ours = pairing.read_card(pairing.own_card(first))
        pairing.confirm(second, peer.peer_id, compared_key_id=ours.key_id)
        self.exchange()
        for peer in first.store.peers():
            pairing.partner_has_adopted(first, peer)

    def grant_officers(self) -> None:
        for member in CAST:
            ceiling = None if member.per_act is None else Money.parse(str(member.per_act), member.currency).minor
            entry = write.sign(
                self.desk(member.party),
                Draft(
                    Grant(
                        post=member.post,
                        key=None,
                        age_recipient="",
                        duties=member.duties,
                        currency=member.currency,
                        per_act=ceiling,
                        total=None,
                        until=WARRANTS_END,
                        trained_on=TRAINED_ON,
                    )
                ),
            )
            self.grants[member.party, member.login] = entry.ref.index

    def on(self, day: str, hour: int = 1) -> None:
        """Move to ``day``; what was signed before is exchanged first."""
        self.exchange()
        at = instant(day, hour)
        assert at >= self.clock.instant, f"{day} is before the present of the story"
        self.clock.instant = at

    def exchange(self) -> None:
        """Exchange until both are in step, as the peering endpoint does."""
        one, other = (self.desk(code) for code in ("JP", "IN"))
        key = self.nodes["JP"].keys.public("writer")
        exchange.sync(
            one,
            lambda body, holds: exchange.answer(other, body, key, holds),
            self.nodes["IN"].keys.public("writer"),
            compare=lambda body: forks.differences(other, body),
        )

    def act(
        self, party: str, kind: Kind, on: EntryRef | None = None, *, by: str = "", remark: str = "", **said: Any
    ) -> EntryRef:
        """Sign one act; without ``by`` as the first officer of ``party`` who has the duty."""
        desk = self.desk(party)
        if on is not None and not self._holds(desk, on):
            self.exchange()
        login = by or self._who(desk, party, kind, on)
        context = fields.Context()
        order = self._order(desk, on)
        if order is not None:
            context = fields.Context(order.currency, {line.line: line.unit for line in order.lines})
        body = fields.from_json(kind, said, who=self.grants[party, login], context=context)
        self.clock.instant += 7 * 60
        detail = detail_of(remark)
        return write.sign(desk, Draft(body, obj=on, detail=detail)).ref

    def _holds(self, desk: Desk, ref: EntryRef) -> bool:
        return desk.space.sizes().get(ref.log, 0) > ref.index

    def _order(self, desk: Desk, on: EntryRef | None) -> OrderView | None:
        if on is None:
            return None
        order_id = desk.record.subject_of(on)
        return None if order_id is None else desk.record.orders.get(order_id)

    def _who(self, desk: Desk, party: str, kind: Kind, on: EntryRef | None) -> str:
        """The first member with a duty for the act, as the order's table of open acts has it."""
        order = self._order(desk, on)
        wanted = {duty for step in LIFE if step.kind == kind for duty in step.duties}
        if order is not None:
            for act in open_acts(order, desk.party):
                if act.kind == kind and act.on == on:
                    wanted = set(act.duties)
        if kind is Kind.CORRECTION:
            assert on is not None
            wanted = {duty for step in LIFE if step.kind == desk.space.entry(on).kind for duty in step.duties}
        return next(m.login for m in CAST if m.party == party and wanted.intersection(m.duties))

    # ---- longer steps

    def request(
        self,
        party: str,
        *,
        unit: str,
        place: str,
        need: tuple[str, str],
        lines: list[dict[str, Any]],
        situation: str = "d",
        remark: str = "",
    ) -> EntryRef:
        """RFS for the other party, with the next free number."""
        desk = self.desk(party)
        year = numbers.fiscal_year(desk, self.clock.instant // 86_400)
        full = [
            {"line": n, "nsn": "", "tolerance_permille": 0, "means": "reimbursement", **line}
            for n, line in enumerate(lines, 1)
        ]
        return self.act(
            party, Kind.REQUEST, remark=remark, fiscal_year=year, serial=numbers.next_serial(desk, year),
            provider=1 - desk.party, situation=situation, need_from=need[0], need_to=need[1], place=place,
            receiving_unit=unit, lines=full,
        )  # fmt: skip

    def offer(self, request: EntryRef, party: str, *, prices: list[str], unit: str, valid_until: str) -> EntryRef:
        order = self.order_at(party, request)
        lines = [
            {"line": line.line, "quantity": Quantity(line.requested, line.unit).text(), "price_micro": price}
            for line, price in zip(order.lines, prices, strict=True)
        ]
        currency = self.desk(party).genesis.terms.currencies_for(party)[0]
        return self.act(
            party, Kind.OFFER, request, currency=currency, valid_until=valid_until, issuing_unit=unit,
            basis="own-forces", price_list=None, lines=lines,
        )  # fmt: skip

    def order(self, offer: EntryRef, party: str, *, bill_to: str, margin_percent: int = 5) -> EntryRef:
        """ORD with a limit of liability a little above the offer, certified by the funds certifier."""
        self._bring(party, offer)
        view = self.order_at(party, offer)
        assert view.currency is not None
        limit = view.agreed_value * (100 + margin_percent) // 100
        certifier = self.grants[party, by_duty(party, Duty.FUNDS_CERTIFIER).login]
        return self.act(
            party, Kind.ORDER, offer, funds_certifier=certifier, bill_to=bill_to,
            max_liability=Money(limit, view.currency).text(),
        )  # fmt: skip

    def _bring(self, party: str, ref: EntryRef) -> None:
        if not self._holds(self.desk(party), ref):
            self.exchange()

    def order_at(self, party: str, ref: EntryRef) -> OrderView:
        self._bring(party, ref)
        view = self._order(self.desk(party), ref)
        assert view is not None, ref
        return view
