"""A list of order digests, carried by hand, names the order on which two programs differ."""

from __future__ import annotations

import pytest
from tests.nodes import request
from tests.wrong import break_fold, three_orders

from tallystick.app import digests
from tallystick.cli.demo.director import Director
from tallystick.core.errors import LocalError
from tallystick.core.fold import Fold


def test_two_nodes_that_hold_the_same_have_the_same_list(director: Director):
    three_orders(director)
    told = digests.write_list(director.desk("JP"))
    assert told == digests.write_list(director.desk("IN"))
    found = digests.compare_list(director.desk("IN"), told)
    assert (found.compared, found.orders, found.number, found.same) == (3, (), "", True)


def test_the_first_order_that_differs_is_named_whatever_was_said_since(director: Director):
    orders = three_orders(director)
    told = digests.write_list(director.desk("JP"))
    break_fold(director.desk("IN"))
    request(director)
    director.exchange()
    found = digests.compare_list(director.desk("IN"), told)
    assert found.orders == (orders[1], orders[2])
    assert (found.number, found.same) == (director.desk("JP").record.orders[orders[1]].number, False)


def test_an_order_that_one_side_has_alone_differs(director: Director):
    orders = three_orders(director)
    lines = digests.write_list(director.desk("JP")).splitlines(keepends=True)
    found = digests.compare_list(director.desk("IN"), "".join(lines[:-1]))
    assert found.orders == (orders[2],)
    found = digests.compare_list(director.desk("IN"), "".join([*lines, f"{bytes(16).hex()} 99.1 JPIN/XX/2026/0001\n"]))
    assert [str(order) for order in found.orders] == ["99.1"]
    assert found.number == "99.1"


def test_what_is_told_beside_the_orders_may_differ_alone(director: Director):
    class OtherFold(Fold):
        def _desk_findings(self, price_lists):
            return (*super()._desk_findings(price_lists), *self.record.findings)

    three_orders(director)
    told = digests.write_list(director.desk("JP")).replace("record ", "record 00", 1)
    found = digests.compare_list(director.desk("IN"), told)
    assert (found.orders, found.same) == ((), False)


def test_lists_that_cannot_be_compared_say_why(director: Director):
    three_orders(director)
    told = digests.write_list(director.desk("JP"))
    desk = director.desk("IN")
    codes = {
        "": "digests-unreadable",
        "hello\n": "digests-unreadable",
        told.replace("tallystick digests 1", "tallystick digests 2"): "digests-unreadable",
        told + "not a line\n": "digests-unreadable",
        told.replace("logs ", "logs x"): "digests-unreadable",
        told.replace("agreement ", "agreement 00"): "digests-elsewhere",
        told.replace("rules ", "rules other-"): "digests-other-rules",
        told.replace("logs 0:", "logs 0:9"): "digests-not-comparable",
    }
    for text, code in codes.items():
        with pytest.raises(LocalError) as caught:
            digests.compare_list(desk, text)
        assert caught.value.code == code, text[:60]
