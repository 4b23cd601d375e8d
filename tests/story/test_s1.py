"""Scenario S1 to the last minor unit, online and with the network pulled."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.needs import needs_postgres
from tests.nodes import MEMORY, again, figures, in_step, paired, postgres_stores
from tests.story.s1 import NUMBER, S1, VCF

from tallystick.app import courier
from tallystick.cli.demo.director import Director
from tallystick.core import calendar
from tallystick.core.errors import LocalError
from tallystick.core.fuel import vcf_e5, volume15
from tallystick.core.orders import LineSettlement, OrderState, OrderView
from tallystick.core.quantity import Money
from tallystick.core.space import Space


class Checked(Director):
    """A director who looks at both nodes after each exchange."""

    def exchange(self) -> None:
        super().exchange()
        if all(node.desks for node in self.nodes.values()):
            assert in_step(self), "the nodes differ after an exchange"


def rupees(text: str) -> int:
    return Money.parse(text, "INR").minor


def order_on(director: Director, party: str) -> OrderView:
    (view,) = [order for order in director.desk(party).record.orders.values() if order.number == NUMBER]
    return view


def balances(director: Director, party: str) -> dict[str, str]:
    """Return the books of ``party`` as ``party``'s own node has them, without what is at zero."""
    lines = director.desk(party).record.ledger.trial_balance(party)
    return {line.account: Money(line.balance, line.commodity).text() for line in lines if line.balance}


# ---- online


def test_the_fuel_measures_give_the_volumes_that_were_delivered():
    assert vcf_e5(8450, 310) == VCF
    assert (volume15(152_045, VCF), volume15(134_455, VCF)) == (150_000, 132_647)
    assert (152_045 + 134_455, 150_000 + 132_647) == (286_500, 282_647)


def test_every_figure_of_the_story_on_both_nodes(tmp_path: Path):
    director = paired(tmp_path, director=Checked)
    story = S1(director)

    story.negotiate()
    director.exchange()
    for party in ("JP", "IN"):
        view = order_on(director, party)
        assert view.state is OrderState.AGREED
        assert view.agreed_value == rupees("24297865.00")
        assert balances(director, party)[f"{party}:memo:commit:{'IN' if party == 'JP' else 'JP'}"] == "24297865.00"

    story.hand_over()
    director.exchange()
    for party in ("JP", "IN"):
        view = order_on(director, party)
        assert view.state is OrderState.FULFILLED
        assert [line.accrued for line in view.lines] == [
            rupees(text)
            for text in ("23290112.80", "59200.00", "297000.00", "614640.00", "76500.00", "172735.00")
        ]  # fmt: skip
        assert (view.lines[0].received, view.lines[5].received, view.lines[5].refused) == (282_647, 1_790_000, 60_000)
        assert [(d.line, d.quantity, d.resolved) for d in view.differences] == [(6, 60_000, True)]
        assert balances(director, party) == (
            {"IN:ar:unbilled:JP": "24510187.80", "IN:given": "-24510187.80"}
            if party == "IN"
            else {"JP:ap:unbilled:IN": "-24510187.80", "JP:got": "24510187.80"}
        )

    story.settle()
    director.exchange()
    for party in ("JP", "IN"):
        view = order_on(director, party)
        assert view.state is OrderState.CLOSED
        assert {line.settlement for line in view.lines} == {LineSettlement.SETTLED}
        assert {calendar.day_text(invoice.due_on) for invoice in view.invoices} == {"2027-05-11"}
        assert sorted((i.number, i.total, i.received, i.charges) for i in view.invoices) == [
            ("IN-2026-0041", rupees("23290112.80"), rupees("23290112.80"), 0),
            ("IN-2026-0042", rupees("1220075.00"), rupees("1220075.00"), rupees("1650.00")),
        ]
        assert balances(director, party) == (
            {"IN:cash": "24510187.80", "IN:given": "-24510187.80"}
            if party == "IN"
            else {"JP:cash": "-24510187.80", "JP:got": "24510187.80"}
        )
        assert director.desk(party).record.ledger.open_items() == ()
    assert in_step(director)


def test_the_short_payment_leaves_the_bank_charge_open(tmp_path: Path):
    director = paired(tmp_path, director=Checked)
    story = S1(director)
    story.negotiate()
    story.hand_over()
    director.on("2027-03-12")
    story._invoice(
        "cash invoice", "IN-2026-0042", ["water and pilot in", "provisions 1", "provisions 2", "last day"],
        {2: "59200.00", 3: "297000.00", 4: "614640.00", 5: "76500.00", 6: "172735.00"}, "1220075.00",
    )  # fmt: skip
    story._pay("cash invoice", "1220075.00", "2027-04-28")
    story._arrived("cash invoice", "1218425.00", "1650.00", "2027-04-30")
    director.exchange()

    for party in ("JP", "IN"):
        record = director.desk(party).record
        (short,) = [finding for finding in record.findings if finding.code == "short-payment"]
        assert short.entry == story.refs["funds 1218425.00"]
        (billed,) = [item for item in record.ledger.open_items() if item.state == "billed"]
        assert (billed.amount, calendar.day_text(billed.due_on or 0)) == (rupees("1650.00"), "2027-05-11")


def test_both_books_sum_to_zero_and_mirror_each_other_after_every_act(tmp_path: Path):
    class Audited(Checked):
        def act(self, *args: object, **kwargs: object) -> object:
            ref = super().act(*args, **kwargs)  # type: ignore[arg-type]
            self.exchange()
            for node in self.nodes.values():
                ledger = node.desk().record.ledger
                for party in self.nodes:
                    assert sum(line.balance for line in ledger.trial_balance(party)) == 0, f"I1 after {ref}"
                for state in ("unbilled", "billed", "disputed"):
                    ours, theirs = ledger.balance(f"IN:ar:{state}:JP"), ledger.balance(f"JP:ap:{state}:IN")
                    assert ours == {code: -amount for code, amount in theirs.items()}, f"I2 after {ref}"
            return ref

    S1(paired(tmp_path, stores=MEMORY, director=Audited)).play()


def test_the_record_survives_reopening_and_checks_out(tmp_path: Path):
    director = paired(tmp_path)
    S1(director).play()
    director.exchange()

    for node in director.nodes.values():
        desk, reopened = node.desk(), again(node).desk()
        assert reopened.record.digest == desk.record.digest
        loaded = desk.store.load(desk.id)
        checked = Space.restore(
            desk.genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, dictionary=desk.dictionary, verify=True
        )
        assert checked.sizes() == desk.space.sizes()


@needs_postgres
@pytest.mark.postgres
def test_the_same_story_between_postgres_and_sqlite(tmp_path: Path):
    with postgres_stores() as stores:
        director = paired(tmp_path, stores={"IN": stores["IN"]}, director=Checked)
        S1(director).play()
        director.exchange()
        assert in_step(director)
        assert figures(director.desk("IN")) == online()
        director.nodes["IN"].store.close()


# ---- with the network pulled


@dataclass
class Couriers(Director):
    """Carries everything as sealed files: in both directions, in any order, some twice, some late.

    Files are written after acts as chance has it. When an act needs something its node has not heard, the couriers
    that are on the road arrive, the oldest perhaps last; one or the other is kept back and comes in much later.
    """

    chance: random.Random = field(default_factory=random.Random)
    road: dict[str, list[bytes]] = field(default_factory=lambda: {"JP": [], "IN": []})  # by addressee
    late: dict[str, list[bytes]] = field(default_factory=lambda: {"JP": [], "IN": []})
    carried: int = 0

    def on(self, day: str, hour: int = 1) -> None:
        for party in self.nodes:
            if self.chance.random() < 0.4:
                self.send(party)
        if self.chance.random() < 0.2:
            self.arrive(self.chance.choice(["JP", "IN"]))
        quiet, self.exchange = self.exchange, lambda: None  # type: ignore[method-assign]
        super().on(day, hour)
        self.exchange = quiet  # type: ignore[method-assign]

    def act(self, *args: object, **kwargs: object) -> object:
        try:
            return super().act(*args, **kwargs)  # type: ignore[arg-type]
        except LocalError:  # something this act builds on has not been heard of: the officer waits for the courier
            self.exchange()
            return super().act(*args, **kwargs)  # type: ignore[arg-type]

    def exchange(self) -> None:
        for party in self.nodes:
            self.send(party)
        for party in self.nodes:
            self.arrive(party)

    def send(self, party: str) -> None:
        """Write a file for the partner: what it has not acknowledged, now and then everything."""
        node = self.nodes[party]
        desk = node.desk()
        peer = courier.partner(node, desk)
        try:
            file = courier.write(node, desk, peer, everything=self.chance.random() < 0.15)
        except LocalError as error:
            if error.code != "nothing-new":
                raise
            return
        self.road["IN" if party == "JP" else "JP"].append(file.data)

    def arrive(self, party: str) -> None:
        came, self.road[party] = self.road[party], []
        files = [data for data in came for _ in range(1 + (self.chance.random() < 0.3))]
        self.chance.shuffle(files)
        self.late[party] += [data for data in came if self.chance.random() < 0.3]
        if self.late[party] and self.chance.random() < 0.3:
            files.append(self.late[party].pop(self.chance.randrange(len(self.late[party]))))
        for data in files:
            courier.read(self.nodes[party], data)
            self.carried += 1


@functools.cache
def online() -> dict[str, object]:
    """The figures of the story when the nodes talk over the line after each day."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        director = paired(Path(folder), stores=MEMORY)
        S1(director).play()
        director.exchange()
        assert in_step(director)
        return figures(director.desk("JP"))


def carried(director: Couriers) -> None:
    S1(director).play()
    for _ in range(2):  # the second round carries the acknowledgements of the first
        director.exchange()
    for party, files in director.late.items():
        for data in files:
            courier.read(director.nodes[party], data)


@pytest.mark.parametrize("seed", range(12))
def test_the_same_by_courier_in_any_order_twice_and_late(tmp_path: Path, seed: int):
    director = paired(tmp_path, stores=MEMORY, director=functools.partial(Couriers, chance=random.Random(seed)))
    carried(director)

    assert in_step(director)
    assert figures(director.desk("JP")) == figures(director.desk("IN")) == online()
    assert director.carried > 20


def test_the_same_by_courier_on_real_disks(tmp_path: Path):
    director = paired(tmp_path, director=functools.partial(Couriers, chance=random.Random("disk")))
    carried(director)

    assert in_step(director)
    assert figures(director.desk("JP")) == online()
    assert {again(node).desk().record.digest for node in director.nodes.values()} == {director.desk("JP").record.digest}
