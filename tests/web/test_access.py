"""Who may open what: every address of the node against every member of the cast. An address without a row fails."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from tests.web.conftest import Browser

from tallystick.app.ports import PeerStatus
from tallystick.core.entries import Duty, Kind
from tallystick.web import record

GET, POST = "GET", "POST"
CAST = ("stranger", "clerk", "officer", "auditor", "administrator")
"""A stranger has not signed in; a clerk signs in and has no duty; the officer accepts orders; the last two hold their
duty on the node."""

# What each of the cast gets. 302: asked to sign in, or done and sent on. 404 hides what is not for one to know of.
OPEN = (200, 200, 200, 200, 200)
SIGNED_IN = (302, 200, 200, 200, 200)
READERS = (302, 404, 200, 200, 200)
ADMINISTRATORS = (302, 403, 403, 403, 200)
OF_ADMINISTRATORS = (302, 403, 403, 403, 302)

ROWS = {
    # signing in, and one's own page
    "sign-in": (GET, {}, (200, 302, 302, 302, 302)),
    "sign-out": (POST, {}, (302, 302, 302, 302, 302)),
    "link": (GET, {"secret": "x" * 43}, (410, 410, 410, 410, 410)),
    "welcome": (GET, {}, SIGNED_IN),
    "confirm": (GET, {}, SIGNED_IN),
    "me": (GET, {}, SIGNED_IN),
    "passkey-remove": (POST, {"passkey_id": 1}, (302, 302, 302, 302, 302)),
    "elsewhere-end": (POST, {}, (302, 302, 302, 302, 302)),
    "theme": (POST, {}, (302, 302, 302, 302, 302)),
    "passkey-add-begin": (POST, {}, SIGNED_IN),
    "passkey-add-finish": (POST, {}, (302, 422, 422, 422, 422)),
    "passkey-prove-begin": (POST, {}, OPEN),
    "passkey-prove-finish": (POST, {}, (422, 422, 422, 422, 422)),
    # orders
    "home": (GET, {}, SIGNED_IN),
    "orders": (GET, {}, READERS),
    "orders-as": (GET, {"form": "csv"}, READERS),
    "order-new": (GET, {}, (302, 404, 403, 403, 403)),
    "order": (GET, {"order_id": "order"}, READERS),
    "order-private": (POST, {"order_id": "order"}, (302, 404, 302, 302, 302)),
    "entry": (GET, {"order_id": "order", "ref": "order"}, READERS),
    "act": (GET, {"order_id": "order", "kind": "cancellation", "on": "acceptance"}, (302, 404, 200, 403, 403)),
    "order-csv": (GET, {"order_id": "order"}, READERS),
    "order-json": (GET, {"order_id": "order"}, READERS),
    "pier": (GET, {}, READERS),
    "pier-order": (GET, {"order_id": "order"}, READERS),
    "pier-done": (GET, {"order_id": "order"}, READERS),
    "pier-act": (GET, {"order_id": "order", "on": "order"}, (302, 404, 404, 404, 404)),
    # ledger
    "ledger": (GET, {}, READERS),
    "ledger-balances-twin": (GET, {"form": "csv"}, READERS),
    "ledger-account": (GET, {"account": "IN:memo:commit:JP"}, READERS),
    "ledger-account-twin": (GET, {"account": "IN:memo:commit:JP", "form": "json"}, READERS),
    "ledger-open": (GET, {}, READERS),
    "ledger-open-twin": (GET, {"form": "csv"}, READERS),
    "ledger-journal": (GET, {}, READERS),
    "ledger-journal-twin": (GET, {"form": "csv"}, READERS),
    "ledger-journal-hledger": (GET, {}, READERS),
    # agreement, price lists, findings
    "agreement": (GET, {}, READERS),
    "agreement-life": (GET, {}, READERS),
    "agreement-postings": (GET, {}, READERS),
    "agreement-choose": (POST, {}, (302, 404, 404, 404, 404)),
    "prices": (GET, {}, READERS),
    "price-list-new": (GET, {}, (302, 404, 200, 403, 403)),
    "price-list": (GET, {"ref": "prices"}, READERS),
    "price-list-twin": (GET, {"ref": "prices", "form": "csv"}, READERS),
    "findings": (GET, {}, READERS),
    "findings-twin": (GET, {"form": "json"}, READERS),
    # partner
    "partner": (GET, {}, READERS),
    "partner-card": (GET, {}, READERS),
    "partner-pair": (GET, {}, ADMINISTRATORS),
    "partner-proposal-in": (POST, {}, (302, 403, 403, 403, 422)),
    "partner-courier-in": (POST, {}, (302, 403, 422, 403, 422)),
    "partner-exchange": (POST, {"peer_id": "unreachable"}, (302, 403, 302, 403, 302)),
    "partner-courier-out": (POST, {"peer_id": "peer"}, (302, 403, 200, 403, 200)),
    "partner-proposal-out": (GET, {"peer_id": "asked"}, ADMINISTRATORS),
    "partner-confirm": (GET, {"peer_id": "knock"}, ADMINISTRATORS),
    "partner-refuse": (POST, {"peer_id": "nobody"}, (302, 403, 403, 403, 404)),
    # people and warrants
    "people": (GET, {}, ADMINISTRATORS),
    "person-new": (GET, {}, ADMINISTRATORS),
    "person": (GET, {"person_id": "person"}, ADMINISTRATORS),
    "person-invite": (POST, {"person_id": "person"}, ADMINISTRATORS),
    "person-duties": (POST, {"person_id": "person"}, OF_ADMINISTRATORS),
    "person-appoint": (POST, {"person_id": "person"}, (302, 403, 403, 403, 422)),
    "person-relieve": (POST, {"person_id": "person", "grant": 3}, OF_ADMINISTRATORS),
    "person-sessions-end": (POST, {"person_id": "person"}, OF_ADMINISTRATORS),
    "person-dismiss": (POST, {"person_id": "person"}, OF_ADMINISTRATORS),
    "events": (GET, {}, (302, 403, 403, 200, 200)),
    "warrants": (GET, {}, READERS),
    "warrant-new": (GET, {}, ADMINISTRATORS),
    "warrant-conflicts": (POST, {}, ADMINISTRATORS),
    "warrant-revoke": (GET, {"grant": 3}, ADMINISTRATORS),
    # the demo's clock: this node has none
    "demo-clock": (POST, {}, (302, 404, 404, 404, 404)),
    # programs
    "tokens": (GET, {}, SIGNED_IN),
    "token-end": (POST, {"token_id": 1}, (302, 302, 302, 302, 302)),
    "api:api-root": (GET, {}, (404,) * 5),
    "api:openapi-json": (GET, {}, OPEN),
    "api:status": (GET, {}, (401,) * 5),
    "api:orders": (GET, {}, (401,) * 5),
    "api:order": (GET, {"name": "order"}, (401,) * 5),
    "api:entry": (GET, {"name": "order"}, (401,) * 5),
    "api:findings": (GET, {}, (401,) * 5),
    "api:balances": (GET, {}, (401,) * 5),
    "api:journal": (GET, {}, (401,) * 5),
    "api:preview": (POST, {}, (401,) * 5),
    "api:act": (POST, {}, (401,) * 5),
    # partners' nodes: no person is asked for
    "health": (GET, {}, OPEN),
    "peer/card": (GET, {}, OPEN),
    "peer/knock": (POST, {}, (400,) * 5),
    "peer/challenge": (POST, {}, (400,) * 5),
    "peer/session": (POST, {}, (400,) * 5),
    "peer/exchange": (POST, {}, (401,) * 5),
    "peer/digests": (POST, {}, (401,) * 5),
}


def _addresses(patterns: list[URLPattern | URLResolver], route: str = "", space: str = "") -> Iterator[str]:
    """Yield the name of every address, or its route where it has none."""
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(
                pattern.url_patterns, here, f"{space}{pattern.namespace}:" if pattern.namespace else space
            )
        else:
            yield f"{space}{pattern.name}" if pattern.name else here


def test_every_address_has_a_row():
    assert sorted(set(_addresses(get_resolver().url_patterns))) == sorted(ROWS)


@dataclass
class House:
    """A node with something at every address, and the cast in front of it."""

    browsers: dict[str, Browser]
    names: dict[str, object]

    def path(self, address: str, args: dict[str, object]) -> str:
        told = {name: self.names.get(value, value) if isinstance(value, str) else value for name, value in args.items()}
        return reverse(address, kwargs=told) if "/" not in address else f"/{address}"


@pytest.fixture
def house(stage, s1) -> House:
    s1.negotiate()
    stage.director.exchange()
    node = stage.director.nodes["IN"]
    prices = stage.director.act(
        "IN", Kind.PRICE_LIST, by="nair", number="IN-PL-1", currency="INR", valid_from="2027-01-01",
        valid_to="2027-12-31", basis="own-forces",
        lines=[{"category": "WATR", "item": "Potable water", "nsn": "", "unit": "TNE", "price_micro": "185.00",
                "companions": []}],
    )  # fmt: skip
    (peer,) = node.store.peers()
    nobody_there = "http://127.0.0.1:9"  # discard: refuses at once
    node.store.put_peer(replace(peer, peer_id="unreachable", url=nobody_there))
    node.store.put_peer(replace(peer, peer_id="asked", status=PeerStatus.PENDING_OUT, url=nobody_there))
    node.store.put_peer(replace(peer, peer_id="knock", status=PeerStatus.KNOCK))
    browsers = {
        "stranger": Browser(node, Client()),
        "clerk": stage.somebody("IN"),
        "officer": stage.browser("IN", "nair"),
        "auditor": stage.somebody("IN", duties=[Duty.AUDITOR]),
        "administrator": stage.somebody("IN", duties=[Duty.ADMINISTRATOR]),
    }
    person = stage.make_person("someone")
    names = {
        "order": s1.refs["request"],
        "acceptance": s1.refs["acceptance"],
        "prices": prices,
        "peer": peer.peer_id,
        "person": person.pk,
    }
    return House(browsers, names)


def test_each_of_the_cast_gets_what_the_table_says(house):
    found = {}
    for address, (method, args, _expected) in ROWS.items():
        path = house.path(address, args)
        statuses = []
        for member in CAST:
            browser = house.browsers[member]
            with transaction.atomic():  # what a row does to persons and sessions is undone before the next
                cookies = deepcopy(browser.client.cookies)
                before = record.set_node(browser.node)
                statuses.append(browser.client.generic(method, path).status_code)
                record.set_node(before)
                browser.client.cookies = cookies
                transaction.set_rollback(True)
        found[address] = tuple(statuses)

    wrong = {a: (found[a], expected) for a, (_method, _args, expected) in ROWS.items() if found[a] != expected}
    assert not wrong, "\n".join(f"{a}: got {got}, the table says {says}" for a, (got, says) in wrong.items())


def test_a_stranger_is_asked_to_sign_in_and_comes_back(house):
    answer = house.browsers["stranger"].get("/ledger/open/?side=us")

    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=%2Fledger%2Fopen%2F%3Fside%3Dus"


def test_a_duty_taken_away_is_gone_at_the_next_click(house, stage):
    browser = stage.somebody("IN", duties=[Duty.ADMINISTRATOR])
    assert browser.get("/people/").status_code == 200
    from tallystick.web.people.models import Person

    Person.objects.filter(username__startswith="somebody").update(duties=[])

    assert browser.get("/people/").status_code == 403
