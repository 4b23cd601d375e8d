"""How often one may ask: what is counted as one, and what it takes to be let in again."""

import pytest
from django.test import Client, RequestFactory, override_settings

from tallystick.app.settings import NodeSettings
from tallystick.web import limits, settings
from tallystick.web.limits import Limit, TooOftenError, address_of, network_of


class Watch:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


def count(limit: Limit, subject: str) -> int:
    """Return how often ``subject`` is let in before it is not."""
    for number in range(10_000):
        try:
            limit.take(subject)
        except TooOftenError:
            return number
    raise AssertionError("no limit")


def test_so_many_at_once_then_so_many_a_minute(watch):
    limit = Limit(60, now=watch)
    assert count(limit, "a") == 60
    with pytest.raises(TooOftenError) as slow:
        limit.take("a")
    assert slow.value.facts == {"seconds": 1}
    watch.at += 10
    assert count(limit, "a") == 10
    watch.at += 1_000
    assert count(limit, "a") == 60, "who waits long does not save up more"
    assert count(limit, "b") == 60


def test_what_is_refused_does_not_make_one_wait_longer(watch):
    limit = Limit(6, now=watch)
    assert count(limit, "a") == 6
    for _ in range(100):
        watch.at += 0.1
        with pytest.raises(TooOftenError):
            limit.take("a")
        if watch.at > 9:
            break
    watch.at = 10.0
    limit.take("a")


def test_a_flood_of_addresses_takes_no_more_memory(watch, monkeypatch):
    monkeypatch.setattr(limits, "SUBJECTS_MAX", 5)
    limit = Limit(1, now=watch)
    for number in range(100):
        limit.take(str(number))
    assert len(limit._left) == 5


def asked(address: str, told: str = "") -> object:
    return RequestFactory().get("/", REMOTE_ADDR=address, headers={"X-Forwarded-For": told} if told else {})


@pytest.mark.parametrize(
    ("proxy", "address", "told", "found"),
    [
        ("", "192.0.2.7", "", "192.0.2.7"),
        ("", "192.0.2.7", "198.51.100.1", "192.0.2.7"),  # anybody can write that header
        ("10.0.0.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first one the asker wrote
        ("10.0.0.1", "10.0.0.2", "198.51.100.1", "10.0.0.2"),  # not our proxy
        ("10.0.0.1", "10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),  # IPv4 at a node that listens on [::]
        ("", "::ffff:192.0.2.7", "", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_who_asks(proxy, address, told, found):
    with override_settings(NODE=_node(proxy)):
        assert address_of(asked(address, told)) == found


def _node(proxy: str) -> NodeSettings:
    node = settings.NODE
    return NodeSettings(
        folder=node.folder, party=node.party, party_name=node.party_name, node_name=node.node_name, proxy=proxy
    )


def test_an_ipv6_network_counts_as_one():
    assert network_of(asked("2001:db8:1:2::1")) == network_of(asked("2001:db8:1:2:ffff::9")) == "2001:db8:1:2::/64"
    assert network_of(asked("2001:db8:1:3::1")) != network_of(asked("2001:db8:1:2::1"))
    assert network_of(asked("192.0.2.7")) == "192.0.2.7"
    assert network_of(asked("::ffff:192.0.2.7")) == "192.0.2.7", "not all of IPv4 as one"
    assert network_of(asked("")) == ""


def test_pages_slow_down_a_stranger_by_address(db):
    for _ in range(limits.STRANGERS.most):
        limits.STRANGERS.take("127.0.0.1")
    answer = Client().get("/sign-in/")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "asked too often" in answer.content.decode()
    assert Client(REMOTE_ADDR="192.0.2.1").get("/sign-in/").status_code == 200


def test_pages_slow_down_a_person_wherever_they_are(make_person, signed_in_as):
    person = make_person("sato")
    client = signed_in_as(person)
    for _ in range(limits.PAGES.most):
        limits.PAGES.take(str(person.pk))
    assert client.get("/me/").status_code == 429
    assert signed_in_as(make_person("mori")).get("/me/").status_code == 200
