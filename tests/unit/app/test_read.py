"""What pages, API and command line are told: who is needed, how an order stands, and lists that keep up."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.nodes import MEMORY, again, agreed, delivered, offered, paired, receipt_fields, received, request
from tests.story.s1 import NUMBER, S1

from tallystick.app import index, read
from tallystick.app.read import Filters, Reader, Standing, Tally
from tallystick.cli.demo.director import Director
from tallystick.core.calendar import parse_day
from tallystick.core.entries import Duty, Kind
from tallystick.core.findings import Weight
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState

EVERYONE = Reader()


@pytest.fixture
def story(director: Director) -> S1:
    return S1(director)


def kinds(tasks: tuple[read.Task, ...]) -> list[Kind]:
    return [task.act.kind for task in tasks]


def home(director: Director, party: str, day: str, *duties: Duty) -> read.Home:
    director.exchange()
    return read.home(director.desk(party), Reader(frozenset(duties)) if duties else EVERYONE, parse_day(day))


# ---- what needs whom


def test_an_offer_waits_for_the_ordering_officer_of_the_other_side(director: Director):
    offered(director)

    ordering = home(director, "JP", "2027-01-21", Duty.ORDERING)
    clerk = home(director, "JP", "2027-01-21", Duty.RECEIVING)
    partner = home(director, "IN", "2027-01-21", Duty.ACCEPTING)

    assert (kinds(ordering.mine), kinds(ordering.ours), kinds(ordering.theirs)) == ([Kind.ORDER], [], [])
    assert (kinds(clerk.mine), kinds(clerk.ours), kinds(clerk.theirs)) == ([], [Kind.ORDER], [])
    assert (kinds(partner.mine), kinds(partner.ours), kinds(partner.theirs)) == ([], [], [Kind.ORDER])
    assert ordering.mine[0].due_on == parse_day("2027-02-19")


def test_an_expired_offer_needs_nobody(director: Director):
    offered(director)
    assert kinds(home(director, "JP", "2027-02-19").mine) == [Kind.ORDER]
    assert kinds(home(director, "JP", "2027-02-20").mine) == []


def test_what_was_delivered_and_not_counted_is_unknown_when_it_is_late(director: Director):
    delivered(director, agreed(director))

    in_time = home(director, "JP", "2027-02-23", Duty.RECEIVING)
    late = home(director, "JP", "2027-02-24", Duty.RECEIVING)

    assert kinds(in_time.mine) == kinds(late.mine) == [Kind.RECEIPT]
    assert (in_time.numbers[Standing.UNKNOWN].orders, late.numbers[Standing.UNKNOWN].orders) == (0, 1)
    assert [row.number for row in late.late] == ["JPIN/JP/2026/0001"]


def test_the_four_numbers_follow_the_story(story: S1):
    director = story.director
    nothing = {which: Tally() for which in Standing}
    story.negotiate()
    assert home(director, "JP", "2027-02-01").numbers == nothing
    story.hand_over()
    received_worth = Tally(1, (("INR", 24_510_187_80),))
    assert home(director, "JP", "2027-03-01").numbers == nothing | {Standing.OPEN: received_worth}
    story.settle()
    for party in ("JP", "IN"):
        assert home(director, party, "2027-06-01").numbers == nothing | {Standing.SETTLED: received_worth}


def test_an_unpaid_invoice_is_overdue_the_day_after_its_due_date(director: Director):
    accepted = agreed(director)
    receipt = received(director, delivered(director, accepted))
    director.exchange()
    director.act(
        "IN", Kind.INVOICE, accepted, number="IN-2026-0001", issued_on="2027-03-12", receipts=[receipt],
        lines=[{"line": 1, "amount": "9650.00"}], total="9650.00",
    )  # fmt: skip
    on_time, late = home(director, "JP", "2027-05-11"), home(director, "JP", "2027-05-12")
    assert (on_time.numbers[Standing.OPEN], late.numbers[Standing.OVERDUE]) == (Tally(1, (("INR", 9650_00),)),) * 2
    assert [overlay.code for row in late.late for overlay in row.overlays] == ["OVERDUE"]
    assert [row.number for row in on_time.soon] == ["JPIN/JP/2026/0001"]


# ---- lists


def test_a_list_is_narrowed_sorted_and_cut_into_pages(director: Director):
    for quantity in ("100", "200", "300"):
        offered(director, quantity=quantity)
    request(director)
    desk = director.desk("JP")
    day = parse_day("2027-01-12")

    def numbers(page: int = 1, size: int = 50, **narrow: str) -> list[str]:
        return [row.number[-4:] for row in read.orders(desk, Filters(**narrow), day, page, size).rows]

    director.exchange()
    assert numbers(sort="number") == ["0001", "0002", "0003", "0004"]
    assert numbers(sort="-number") == ["0004", "0003", "0002", "0001"]
    assert numbers(sort="-value")[:3] == ["0003", "0002", "0001"]
    assert numbers(state="requested") == ["0004"]
    assert numbers(state="offered", sort="number") == ["0001", "0002", "0003"]
    assert numbers(q="NATSUZORA", sort="number") == numbers(sort="number") == numbers(partner="IN", sort="number")
    assert numbers(q="no such thing") == numbers(partner="US") == numbers(side="provider") == []
    assert numbers(place=" invtz ", sort="number") == numbers(sort="number")
    assert numbers(sort="no such column", state="requested") == ["0004"]
    assert (numbers(2, 3, sort="number"), numbers(99, 3, sort="number")) == (["0004"], ["0004"])
    assert numbers(1, 0, sort="number") == ["0001", "0002", "0003", "0004"]
    listed = read.orders(desk, Filters(), day, 2, 3)
    assert (listed.total, listed.page, listed.pages, listed.states) == (4, 2, 2, {"offered": 3, "requested": 1})


def test_rows_kept_up_to_date_are_the_rows_made_anew(tmp_path: Path):
    """Asked after every act and on other days, the index never differs from one that is made from nothing."""

    class Asking(Director):
        def act(self, *args: object, **kwargs: object) -> object:
            ref = super().act(*args, **kwargs)  # type: ignore[arg-type]
            self.exchange()
            for node in self.nodes.values():
                desk = node.desk()
                for day in (read.today(desk), read.today(desk) + 400, read.today(desk)):
                    anew = index.OrderIndex(desk.genesis, desk.party)
                    anew.changed(desk.record.orders)
                    for sort in ("-need", "due"):
                        kept = desk.index.rows(desk.record, day, sort)
                        assert kept == anew.rows(desk.record, day, sort), f"after {ref}"
                    assert desk.index.states(desk.record, day) == anew.states(desk.record, day)
            return ref

    S1(paired(tmp_path, stores=MEMORY, director=Asking)).play()


def test_rows_follow_what_another_process_wrote(tmp_path: Path):
    director = paired(tmp_path)
    desk = director.desk("JP")
    assert read.orders(desk, Filters(), 0).total == 0
    other = Director({**director.nodes, "JP": again(director.nodes["JP"])}, director.clock, director.grants)
    request(other)
    desk.refresh()
    assert [row.state for row in read.orders(desk, Filters(), 0).rows] == [OrderState.REQUESTED]


# ---- one order


def test_an_order_tells_its_whole_story_in_a_readers_terms(story: S1):
    story.negotiate()
    story.hand_over()
    story.director.exchange()
    desk = story.director.desk("JP")

    detail = read.order(desk, story.refs["request"], Reader(frozenset({Duty.ORDERING})), parse_day("2027-02-25"))

    assert detail is not None
    assert (detail.view.number, detail.state, detail.partner) == (NUMBER, OrderState.FULFILLED, "IN")
    assert [item.kind for item in detail.timeline][:4] == [Kind.REQUEST, Kind.OFFER, Kind.ORDER, Kind.ACCEPTANCE]
    refused = next(item for item in detail.timeline if item.ref == story.refs["receipt of provisions 2"])
    assert (refused.party, refused.post) == ("JP", "Supply Officer, JS Natsuzora")
    assert refused.fields["lines"] == [{"line": 6, "accepted": "790.000", "refused": "60.000", "reason": "spoiled"}]
    assert (refused.weight, refused.findings) == (None, ()), "what was refused has been resolved"
    assert {transaction.rule for transaction in refused.transactions} == {"L1", "L2"}
    assert (refused.at % 60, refused.obj) == (0, story.refs["provisions 2"])
    assert all(item.seen_by_partner for item in detail.timeline)
    assert detail.next_acts != detail.ours
    assert {act.kind for act in detail.theirs if act.primary} == {Kind.INVOICE}


def test_what_the_partner_has_not_acknowledged_is_said(director: Director):
    ref = request(director)
    desk = director.desk("JP")
    (item,) = read.timeline(desk, ref)
    step = read.in_step(desk)
    assert (item.seen_by_partner, step.in_step, step.theirs_missing) == (False, False, 1)

    director.exchange()
    (item,) = read.timeline(desk, ref)
    step = read.in_step(desk)
    assert (item.seen_by_partner, step.in_step, step.theirs_missing) == (True, True, 0)


def test_no_order_of_that_name_is_none(director: Director):
    assert read.order(director.desk("JP"), EntryRef(17, 5), EVERYONE, 0) is None


# ---- officers


def test_a_warrant_is_live_until_its_last_day(director: Director):
    desk = director.desk("JP")
    last = parse_day("2028-03-31")
    posts = {officer.post: officer for officer in read.officers(desk, last)}
    tanaka = posts["Ordering Officer, Fleet HQ"]
    assert (tanaka.grant, tanaka.currency, tanaka.per_act) == (director.grants["JP", "tanaka"], "INR", 60_000_000_00)
    assert tanaka.live
    assert {officer.live for officer in read.officers(desk, last + 1)} == {False}
    assert not {"New Delhi", "Tokyo"} & posts.keys(), "a node's writer is no officer"


def test_posts_of_the_partner_are_known_and_strangers_are_nobody(director: Director):
    desk = director.desk("JP")
    assert read.post_of(desk, desk.genesis.party_number("IN"), director.grants["IN", "nair"]) == (
        "Accepting Officer, ENC Visakhapatnam"
    )
    assert read.post_of(desk, desk.party, 999) == read.post_of(desk, desk.party, None) == ""


def test_duties_for_an_act_are_those_of_the_table():
    assert read.duties_for(Kind.RECEIPT) == (Duty.RECEIVING,)
    assert read.duties_for(Kind.COUNTERSIGN) == (
        Duty.ORDERING, Duty.ACCEPTING, Duty.ISSUING, Duty.RECEIVING, Duty.BILLING, Duty.PAYING,
    )  # fmt: skip


def test_today_is_told_at_the_place(director: Director):
    desk = director.desk("JP")
    director.clock.instant = parse_day("2027-02-20") * 86_400 + 20 * 3600  # 20:00 UTC is the next day in Tokyo
    assert (read.today(desk), read.today(desk, 540)) == (parse_day("2027-02-20"), parse_day("2027-02-21"))


def test_a_receipt_of_less_leaves_the_rest_to_the_officers(director: Director):
    ref = director.act(
        "JP", Kind.RECEIPT, delivered(director, agreed(director)), **receipt_fields("90", "10", "spoiled")
    )
    shown = home(director, "JP", "2027-02-21")
    assert (shown.findings, kinds(shown.mine)) == (1, [Kind.RESOLUTION])
    (item,) = [item for item in read.timeline(director.desk("JP"), shown.mine[0].order_id) if item.ref == ref]
    assert (item.weight, [finding.code for finding in item.findings]) == (Weight.FLAG, ["refused-goods"])
