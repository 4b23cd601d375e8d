"""Who may open what: every address of the node against every member of the cast. An address without a row fails."""

import json
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from tests.nodes import MEMORY, two_nodes

from tallystick.app import pairing
from tallystick.core.entries import Duty
from tallystick.web.api import tokens
from tallystick.web.api.models import ApiToken
from tallystick.web.people.models import Person

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
    "signing-key": (GET, {}, SIGNED_IN),
    "passkey-remove": (POST, {"passkey_id": 1}, (302, 302, 302, 302, 302)),
    "session-end": (POST, {"name": "x" * 40}, (302, 302, 302, 302, 302)),
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
    "order-evidence": (GET, {"order_id": "order"}, READERS),
    "auditor": (GET, {}, READERS),
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
    "alarms": (GET, {}, READERS),
    "alarm-evidence": (GET, {"alarm_id": "fork-16-17-1", "name": "a.txt"}, (302, 404, 404, 404, 404)),
    "erasures": (GET, {}, READERS),
    "erase": (GET, {"target": "order"}, ADMINISTRATORS),
    "erase-confirm": (GET, {"target": "order"}, OF_ADMINISTRATORS),
    "alarm-seen": (POST, {}, OF_ADMINISTRATORS),
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
    "warrant-rotate": (GET, {"grant": 3}, ADMINISTRATORS),
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
    "api:evidence": (GET, {"name": "order"}, (401,) * 5),
    "api:entry": (GET, {"name": "order"}, (401,) * 5),
    "api:findings": (GET, {}, (401,) * 5),
    "api:alarms": (GET, {}, (401,) * 5),
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
    "peer/heads": (POST, {}, (401,) * 5),
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


# What a program gets at each address of the API, by what it shows. Nothing here takes a session's cookie.
SHOWN = (
    "nothing", "an unknown token", "an ended token", "an expired token", "a dismissed person's token",
    "a token of the clerk", "a reading token of the officer", "a signing token of the auditor",
    "a signing token of the officer",
)  # fmt: skip
NOT_LET_IN = (401,) * 5
API_READS = (*NOT_LET_IN, 403, 200, 200, 200)

API_ROWS = {
    "api:status": (GET, {}, API_READS),
    "api:orders": (GET, {}, API_READS),
    "api:order": (GET, {"name": "order"}, API_READS),
    "api:evidence": (GET, {"name": "order"}, API_READS),
    "api:entry": (GET, {"name": "order"}, API_READS),
    "api:findings": (GET, {}, API_READS),
    "api:alarms": (GET, {}, API_READS),
    "api:balances": (GET, {}, API_READS),
    "api:journal": (GET, {}, API_READS),
    "api:preview": (POST, {}, (*NOT_LET_IN, 403, 401, 403, 200)),
    "api:act": (POST, {}, (*NOT_LET_IN, 403, 401, 403, 201)),
}
API_OPEN = {"api:openapi-json", "api:api-root"}  # the document is public; the root says that nothing is there


def test_every_address_of_the_api_has_a_row():
    assert {name for name in ROWS if name.startswith("api:")} == API_ROWS.keys() | API_OPEN


def test_each_of_the_cast_gets_what_the_table_says(house):
    found = {}
    for address, (method, args, _expected) in ROWS.items():
        path = house.path(address, args)
        found[address] = tuple(house.ask(member, method, path).status_code for member in CAST)

    wrong = {a: (found[a], expected) for a, (_method, _args, expected) in ROWS.items() if found[a] != expected}
    assert not wrong, "\n".join(f"{a}: got {got}, the table says {says}" for a, (got, says) in wrong.items())


@pytest.fixture
def shown(house, stage) -> dict[str, str]:
    """The token of each column."""

    def make(person, scopes=("read", "act"), **columns):
        row, secret = tokens.make(person, name="x", scopes=list(scopes), days=1)
        ApiToken.objects.filter(pk=row.pk).update(**columns)
        return secret

    officer = Person.objects.get(username="nair.in")
    auditor = next(p for p in Person.objects.all() if p.duties == [int(Duty.AUDITOR)])
    clerk = next(p for p in Person.objects.filter(username__startswith="somebody") if not p.duties_held)
    gone = stage.make_person("gone", duties=[Duty.AUDITOR])
    of_gone = make(gone)
    Person.objects.filter(pk=gone.pk).update(is_active=False)
    secrets = [
        "", f"tally_{'x' * 43}", make(officer, revoked_at=1), make(officer, expires_at=1), of_gone,
        make(clerk), make(officer, ["read"]), make(auditor), make(officer),
    ]  # fmt: skip
    return dict(zip(SHOWN, secrets, strict=True))


def test_each_program_gets_what_the_table_says(house, shown):
    act = {"kind": "cancellation", "on": str(house.names["acceptance"]), "fields": {"reason": "not-available"}}
    found = {}
    for address, (method, args, _expected) in API_ROWS.items():
        statuses = []
        for secret in shown.values():
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            body = json.dumps(act) if method == POST else ""
            answer = house.ask(
                "officer", method, house.path(address, args), body, content_type="application/json",
                headers={**headers, "Idempotency-Key": "1"},
            )  # fmt: skip
            statuses.append(answer.status_code)
        found[address] = tuple(statuses)
    wrong = {a: (found[a], expected) for a, (_m, _a, expected) in API_ROWS.items() if found[a] != expected}
    assert not wrong, "\n".join(f"{a}: got {got}, the table says {says}" for a, (got, says) in wrong.items())


def test_a_stranger_is_asked_to_sign_in_and_comes_back(house):
    answer = house.browsers["stranger"].get("/ledger/open/?side=us")

    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=%2Fledger%2Fopen%2F%3Fside%3Dus"


def test_a_duty_taken_away_is_gone_at_the_next_click(house, stage):
    browser = stage.somebody("IN", duties=[Duty.ADMINISTRATOR])
    assert browser.get("/people/").status_code == 200
    Person.objects.filter(username__startswith="somebody").update(duties=[])

    assert browser.get("/people/").status_code == 403


def test_an_officer_reads_the_agreements_of_their_warrants_and_no_other(stage, tmp_path):
    node = stage.director.nodes["JP"]
    (first,) = node.desks.values()
    officer, auditor = stage.browser("JP", "tanaka"), stage.somebody("JP", duties=[Duty.AUDITOR])
    card = pairing.read_card(pairing.own_card(two_nodes(tmp_path / "more", stores=MEMORY).nodes["IN"]))
    pairing.propose(node, card, profile="JPIN", name="example.net/second", compared_key_id=card.key_id)
    (second,) = [desk for desk in node.desks.values() if desk.id != first.id]
    node.store.set_aside(second.id, b"x", "bad-signature", {"why": "of the second"}, node.clock.now())

    assert officer.post("/agreement/choose/", {"agreement": second.id.hex()}).status_code == 404
    for path in ("/agreement/", "/partner/", "/"):
        assert "example.net/second" not in officer.get(path).content.decode(), path
    (peer,) = [peer for peer in node.store.peers() if peer.space == second.id]
    coordinator = stage.somebody("JP", duties=[Duty.COORDINATOR])
    for todo in ("courier", "exchange"):
        address = f"/partner/{peer.peer_id}/{todo}"
        assert (officer.post(address, {}).status_code, coordinator.post(address, {}).status_code != 404) == (404, True)
    assert officer.post("/agreement/choose/", {"agreement": first.id.hex()}).status_code == 302
    assert "example.net/second" in auditor.get("/agreement/").content.decode()
    assert "example.net/second" in auditor.get("/partner/").content.decode()
    assert auditor.post("/agreement/choose/", {"agreement": second.id.hex()}).status_code == 302
    assert second.id.hex() in auditor.get("/agreement/").content.decode()
