"""The API for programs: who may ask, what is answered, and a command that is never done twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.cast import terms_with
from tests.conftest import HandClock
from tests.nodes import agreed, delivered, held, offered, receipt_fields, request
from tests.story.s1 import NUMBER, S1
from tests.web.conftest import Stage

from tallystick.app import pairing, warrants, write
from tallystick.app.node import Node
from tallystick.cli.demo.director import Director
from tallystick.core import signing
from tallystick.core.agreement import OfficerSigns
from tallystick.core.entries import Duty, Kind
from tallystick.core.errors import LocalError, StoreUnavailableError
from tallystick.core.identity import EntryRef
from tallystick.web import limits, record
from tallystick.web.api import tokens
from tallystick.web.api.models import ApiToken, Command
from tallystick.web.people import service

SHIP = ("JP", "ito")  # the supply officer of the ship
DAY = 86_400


@dataclass
class Program:
    """A program that calls one node with one token."""

    node: Node
    secret: str
    row: ApiToken | None = None
    client: Client = field(default_factory=Client)

    def get(self, path: str, **query: object) -> HttpResponse:
        return self._ask(lambda: self.client.get(f"/api/v1/{path}", query, **self.headers))

    def post(self, path: str, body: object, *, key: str = "") -> HttpResponse:
        data = body if isinstance(body, str) else json.dumps(body)
        more = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
        return self._ask(
            lambda: self.client.post(f"/api/v1/{path}", data, content_type="application/json", **self.headers, **more)
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Bearer {self.secret}"} if self.secret else {}

    def _ask(self, ask: Callable[[], HttpResponse]) -> HttpResponse:
        before = record.set_node(self.node)
        try:
            return ask()
        finally:
            record.set_node(before)


@dataclass
class Programs:
    """Makes tokens for the officers of the stage."""

    stage: Stage

    def of(self, party: str, login: str, *scopes: str, days: int = 90) -> Program:
        self.stage.browser(party, login)  # the officer exists and is appointed
        person = service.Person.objects.get(username=f"{login}.{party.lower()}")
        row, secret = tokens.make(person, name="ship's computer", scopes=list(scopes) or ["read", "act"], days=days)
        return Program(self.stage.director.nodes[party], secret, row)


@pytest.fixture
def programs(stage: Stage) -> Programs:
    return Programs(stage)


@pytest.fixture
def ship(programs: Programs) -> Program:
    return programs.of(*SHIP)


@pytest.fixture
def token_clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    clock = HandClock()
    monkeypatch.setattr(tokens, "clock", clock)
    return clock


@pytest.fixture
def director(stage: Stage) -> Director:
    return stage.director


@pytest.fixture
def delivery(director: Director) -> EntryRef:
    """Provisions on the pier, heard of by the ship."""
    ref = delivered(director, agreed(director))
    director.exchange()
    return ref


def receipt(on: EntryRef, accepted: str = "100", refused: str = "0", **more: object) -> dict[str, object]:
    return {"kind": "receipt", "on": str(on), "fields": receipt_fields(accepted, refused), **more}


def problem(answer: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """Check that ``answer`` is a problem (RFC 9457) of this status and code, and return it."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content[:500]
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["type"] == "about:blank"
    assert told["title"] == HTTPStatus(status).phrase
    assert told["detail"]
    assert "‹" not in told["detail"], "a sentence with a missing fact"
    return told


# ---- who may ask


def test_without_a_token_nothing_is_told(ship: Program):
    for secret in ("", "tally_wrong", "é"):
        answer = Program(ship.node, secret).get("status")
        problem(answer, 401, "token-needed")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tallystick"'


def test_a_person_without_duties_reads_nothing_through_a_program_either(stage: Stage, programs: Programs):
    person = stage.make_person("clerk")
    _row, secret = tokens.make(person, name="curious", scopes=["read", "act"], days=1)
    program = Program(stage.director.nodes["JP"], secret)
    for path in ("status", "orders", "findings", "ledger/balances", "ledger/journal", "entries/0.0"):
        problem(program.get(path), 403, "no-duty-here")
    problem(program.post("preview", {"kind": "note"}), 403, "no-duty-here")
    service.Person.objects.filter(pk=person.pk).update(duties=[int(Duty.AUDITOR)])
    assert program.get("status").status_code == 200


def test_a_token_that_runs_wild_is_slowed_down_and_others_are_not(programs: Programs, ship: Program):
    other = programs.of(*SHIP)
    for _ in range(limits.TOKENS.most):
        limits.TOKENS.take(str(ship.row.pk))
    answer = ship.get("status")
    told = problem(answer, 429, "too-often")
    assert answer.headers["Retry-After"] == str(told["facts"]["seconds"])
    assert other.get("status").status_code == 200


def test_an_address_that_guesses_tokens_is_slowed_down_and_good_tokens_are_not(ship: Program):
    for number in range(limits.BAD_TOKENS.most):
        problem(Program(ship.node, f"tally_{number:043}").get("status"), 401, "token-needed")
    problem(Program(ship.node, "tally_one-more").get("status"), 429, "too-often")
    assert ship.get("status").status_code == 200


def test_a_token_lives_until_its_last_second(programs: Programs, token_clock: HandClock):
    program = programs.of(*SHIP, days=2)
    token_clock.move(2 * DAY - 1)
    assert program.get("status").status_code == 200
    token_clock.move(1)
    problem(program.get("status"), 401, "token-needed")


def test_a_token_ends_when_its_person_ends_it_and_nobody_else_can(programs: Programs):
    program, other = programs.of(*SHIP), programs.of("JP", "tanaka")
    assert program.row is not None
    assert other.row is not None
    tokens.revoke(other.row.person, program.row.pk)
    assert program.get("status").status_code == 200

    tokens.revoke(program.row.person, program.row.pk)
    problem(program.get("status"), 401, "token-needed")
    assert other.get("status").status_code == 200


def test_a_token_ends_with_its_person(ship: Program):
    assert ship.row is not None
    service.dismiss(ship.row.person)
    problem(ship.get("status"), 401, "token-needed")


def test_a_token_that_only_reads_signs_nothing(programs: Programs, delivery: EntryRef):
    reader = programs.of(*SHIP, "read")
    assert reader.get("status").status_code == 200
    for path in ("preview", "acts"):
        problem(reader.post(path, receipt(delivery), key="k1"), 401, "token-needed")
    assert reader.node.desk().record.orders[_order(reader.node)].deliveries[0].receipt is None


def test_a_token_that_only_acts_reads_nothing(programs: Programs, delivery: EntryRef):
    actor = programs.of(*SHIP, "act")
    problem(actor.get("orders"), 401, "token-needed")
    assert actor.post("preview", receipt(delivery)).status_code == 200


def test_only_a_digest_of_the_secret_is_kept(ship: Program):
    assert ship.row is not None
    assert ship.secret.startswith("tally_")
    assert ship.secret not in str(ApiToken.objects.filter(pk=ship.row.pk).values())


@pytest.mark.parametrize(
    ("scopes", "days", "code"),
    [([], 1, "token-scope"), (["root"], 1, "token-scope"), (["read"], 0, "token-life"), (["read"], 367, "token-life")],
)
def test_what_a_token_cannot_be(ship: Program, scopes: list[str], days: int, code: str):
    assert ship.row is not None
    with pytest.raises(LocalError) as refused:
        tokens.make(ship.row.person, name="x", scopes=scopes, days=days)
    assert refused.value.code == code


def _order(node: Node) -> EntryRef:
    (order_id,) = node.desk().record.orders
    return order_id


# ---- reading


def test_the_status_says_whether_the_partner_has_heard(ship: Program, director: Director):
    request(director)
    told = ship.get("status").json()
    desk = director.desk("JP")
    assert told == {
        "agreement": "tallystick.example/jp-in",
        "space": desk.id.hex(),
        "party": "JP",
        "now": "2027-01-11T01:07:00Z",
        "entries": desk.record.entry_count,
        "digest": desk.record.digest.hex(),
        "in_step": False,
        "partner_has_not_acknowledged": 1,
        "findings": 0,
        "alarms": 0,
    }
    director.exchange()
    assert ship.get("status").json()["in_step"] is True


def test_both_nodes_tell_the_same_of_a_whole_story(s1: S1, programs: Programs):
    s1.play()
    s1.director.exchange()
    jp, india = programs.of("JP", "tanaka"), programs.of("IN", "nair")
    name = str(s1.refs["request"])
    one, other = jp.get(f"orders/{name}").json(), india.get(f"orders/{name}").json()

    assert (one["number"], one["state"], one["currency"], one["settled"]) == (NUMBER, "closed", "INR", "24510187.80")
    assert (one["side"], one["partner"], other["side"], other["partner"]) == ("receiver", "IN", "provider", "JP")
    same = ["digest", "lines", "accrued", "open_amount", "findings", "state", "max_liability", "version"]
    assert {name: one[name] for name in same} == {name: other[name] for name in same}
    assert one["lines"][5] == {
        "line": 6, "category": "FOOD", "item": "Fresh provisions", "nsn": "", "unit": "KGM", "ordered": "1850.000",
        "delivered": "1850.000", "received": "1790.000", "refused": "60.000", "cancelled": "0.000", "open": "0.000",
        "price": "96.50", "accrued": "172735.00", "invoiced": "172735.00", "settled": "172735.00",
        "fulfilment": "received", "settlement": "settled",
    }  # fmt: skip
    assert [entry["kind"] for entry in one["entries"]][:4] == ["request", "offer", "order", "acceptance"]
    last = one["entries"][-1]
    assert (last["kind"], last["party"], last["post"]) == ("close", "JP", "Agreement Coordinator, Tokyo")

    for program in (jp, india):
        listed = program.get("orders", standing="settled").json()
        assert (listed["total"], listed["orders"][0]["number"]) == (1, NUMBER)
        books = {row["account"]: row for row in program.get("ledger/balances", party="IN").json()}
        assert books["IN:cash"] == {"account": "IN:cash", "currency": "INR", "debit": "24510187.80", "credit": "0.00"}
    journal = jp.get("ledger/journal", order=name).json()
    assert journal == india.get("ledger/journal").json()
    assert {row["rule"] for row in journal} == {"L1", "L2", "L3", "L6"}
    for row in journal:
        assert date.fromisoformat(row["day"])
        assert sum(int(posting["amount"].replace(".", "")) for posting in row["postings"]) == 0
    funds = jp.get(f"entries/{s1.refs['funds 1218425.00']}").json()
    assert (funds["fields"]["charges"], funds["on"]) == ("1650.00", str(s1.refs["cash invoice"]))
    assert [finding["code"] for finding in jp.get("findings").json()] == [
        finding["code"] for finding in india.get("findings").json()
    ]


def test_a_list_is_narrowed_and_cut_as_on_the_page(ship: Program, director: Director):
    offered(director)
    request(director)
    director.exchange()
    assert ship.get("orders", state="requested").json()["total"] == 1
    assert ship.get("orders", q="natsuzora", size=1, page=2, sort="number").json()["orders"][0]["number"][-4:] == "0002"
    assert ship.get("orders", q="nothing like it").json() == {"orders": [], "total": 0, "page": 1, "pages": 1}


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("orders/99.99", {}, 404, "not-there"),
        ("orders/x", {}, 422, "request-invalid"),
        ("orders/1", {}, 422, "request-invalid"),
        ("entries/99.99", {}, 404, "unknown-entry"),
        ("entries/16.999999999", {}, 404, "unknown-entry"),
        ("orders", {"page": 0}, 422, "request-invalid"),
        ("orders", {"size": 501}, 422, "request-invalid"),
        ("orders", {"q": "x" * 101}, 422, "request-invalid"),
        ("ledger/balances", {"party": "US"}, 404, "unknown-party"),
        ("ledger/journal", {"order": "everything"}, 422, "request-invalid"),
        ("ledger/journal", {"order": "99.99"}, 404, "not-there"),
    ],
)
def test_what_is_not_there_or_does_not_read_is_a_problem(
    ship: Program, path: str, query: dict[str, object], status: int, code: str
):
    problem(ship.get(path, **query), status, code)


def test_an_acknowledgement_is_no_entry_to_show(ship: Program, director: Director):
    """A leaf that only says what its writer holds has nothing a program could read."""
    request(director)
    director.exchange()
    desk = director.desk("IN")
    ctx = next(n for n in range(desk.space.size(desk.log)) if not desk.space.is_act(desk.log, n))
    problem(ship.get(f"entries/{desk.log}.{ctx}"), 404, "unknown-entry")


def test_a_node_without_an_agreement_says_so(programs: Programs, tmp_path):
    from tests.nodes import two_nodes

    lonely = two_nodes(tmp_path / "lonely").nodes["JP"]
    program = programs.of(*SHIP)
    problem(Program(lonely, program.secret).get("status"), 404, "no-agreement-yet")
    lonely.store.close()


# ---- signing


def test_the_ship_receives_s1s_provisions_by_program(s1: S1, programs: Programs):
    """Look, preview, sign: what the preview shows is what both nodes then hold."""
    s1.negotiate()
    s1.director.on("2027-02-20")
    delivery = s1.director.act(
        "IN", Kind.DELIVERY, s1.refs["acceptance"], occurred_on="2027-02-20", offset=330, place="INVTZ",
        lines=[{"line": 6, "quantity": "850", "fuel": None}],
    )  # fmt: skip
    s1.director.exchange()
    ship = programs.of(*SHIP)
    name = str(s1.refs["request"])
    seen = ship.get(f"orders/{name}").json()
    (wanted,) = [act for act in seen["next_acts"] if act["primary"]]
    assert (wanted["kind"], wanted["on"], wanted["duties"]) == ("receipt", str(delivery), ["receiving"])
    command = {
        "kind": "receipt",
        "on": wanted["on"],
        "fields": {
            "occurred_on": "2027-02-20",
            "offset": 330,
            "lines": [{"line": 6, "accepted": "790", "refused": "60", "reason": "spoiled"}],
        },
        "remark": "Three crates of leafy vegetables wilted.",
        "attachments": [{"name": "crates.jpg", "size": 81_204, "sha256": "ab" * 32}],
        "looked_at": seen["digest"],
    }

    shown = ship.post("preview", command)
    assert shown.status_code == 200
    assert (shown.json()["would_count"], shown.json()["looked_at"]) == (True, seen["digest"])
    assert [finding["code"] for finding in shown.json()["findings"]] == ["refused-goods"]
    signed = ship.post("acts", command, key="receipt-2027-02-20")

    assert signed.status_code == 201
    told = signed.json()
    assert (told["order"], told["state"]) == (name, "in-delivery")
    s1.director.exchange()
    view = s1.director.desk("IN").record.orders[s1.refs["request"]]
    assert (view.lines[5].received, view.lines[5].refused, view.lines[5].accrued) == (790_000, 60_000, 76_235_00)
    entry = ship.get(f"entries/{told['entry']}").json()
    assert (entry["remark"], entry["attachments"]) == (command["remark"], command["attachments"])
    assert s1.director.desk("JP").space.stored(EntryRef.parse(told["entry"])).leaf.hex() == shown.json()["leaf"]
    assert [t["rule"] for t in shown.json()["transactions"]] == [t["rule"] for t in entry["transactions"]]


def test_a_preview_signs_nothing(ship: Program, delivery: EntryRef):
    desk = ship.node.desk()
    before = held(desk.store, desk.id)
    assert ship.post("preview", receipt(delivery)).json()["would_count"] is True
    told = ship.post("preview", receipt(delivery, "100", "1")).json()
    assert (told["would_count"], told["findings"][0]["code"], told["findings"][0]["weight"]) == (
        False, "receipt-mismatch", "void",
    )  # fmt: skip
    assert held(desk.store, desk.id) == before


def test_the_same_command_with_the_same_key_is_done_once(ship: Program, delivery: EntryRef):
    first = ship.post("acts", receipt(delivery), key="k1")
    count = ship.node.desk().record.entry_count
    again = ship.post("acts", receipt(delivery), key="k1")

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ship.node.desk().record.entry_count == count


def test_what_is_kept_of_a_command_tells_nobody_what_it_said(ship: Program, delivery: EntryRef):
    """It outlives an erasure: a plain hash would let whoever reads the database try out a remark."""
    said = json.dumps(receipt(delivery) | {"remark": "+81 3 1234 5678"})
    assert ship.post("acts", said, key="k1").status_code == 201
    (kept,) = Command.objects.all()
    assert kept.digest != sha256(said.encode()).hexdigest()
    assert "1234" not in json.dumps(kept.body)


def test_the_same_key_for_another_command_is_refused(ship: Program, delivery: EntryRef):
    ship.post("acts", receipt(delivery), key="k1")
    problem(ship.post("acts", receipt(delivery, "90", "10"), key="k1"), 409, "command-differs")


def test_a_command_whose_answer_was_lost_is_not_done_again(ship: Program, delivery: EntryRef, monkeypatch):
    """The process died between signing and writing down the answer: nobody can say by the key alone what happened."""
    sign = write.sign

    def sign_and_die(*args: object, **kwargs: object) -> object:
        sign(*args, **kwargs)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "sign", sign_and_die)
    with pytest.raises(KeyboardInterrupt):
        ship.post("acts", receipt(delivery), key="k1")
    monkeypatch.undo()
    count = ship.node.desk().record.entry_count

    problem(ship.post("acts", receipt(delivery), key="k1"), 409, "command-unfinished")
    assert ship.node.desk().record.entry_count == count
    problem(ship.post("acts", receipt(delivery), key="k2"), 409, "already-decided")


def test_a_refused_command_may_be_tried_again_with_its_key(ship: Program, delivery: EntryRef):
    problem(ship.post("acts", receipt(delivery, "100", "1"), key="k1"), 409, "receipt-mismatch")
    assert Command.objects.count() == 0
    assert ship.post("acts", receipt(delivery), key="k1").status_code == 201


def test_two_tokens_have_keys_of_their_own(programs: Programs, delivery: EntryRef):
    one, other = programs.of(*SHIP), programs.of(*SHIP)
    assert one.post("acts", receipt(delivery), key="k1").status_code == 201
    problem(other.post("acts", receipt(delivery), key="k1"), 409, "already-decided")


def test_nothing_is_signed_when_the_order_moved_on(ship: Program, director: Director, delivery: EntryRef):
    seen = ship.get(f"orders/{_order(ship.node)}").json()["digest"]
    director.act("JP", Kind.NOTE, delivery, by="tanaka")
    problem(ship.post("acts", receipt(delivery, looked_at=seen), key="k1"), 409, "order-changed")
    seen = ship.get(f"orders/{_order(ship.node)}").json()["digest"]
    assert ship.post("acts", receipt(delivery, looked_at=seen), key="k1").status_code == 201


def test_without_the_duty_nothing_is_signed(programs: Programs, delivery: EntryRef):
    """The same command, one difference: whose token it is."""
    clerk = programs.of("JP", "sato")
    for path in ("preview", "acts"):
        told = problem(clerk.post(path, receipt(delivery), key="k1"), 403, "duty-not-held")
        assert told["facts"] == {"kind": "receipt", "duties": "receiving"}
    assert Command.objects.count() == 0
    assert programs.of(*SHIP).post("acts", receipt(delivery), key="k1").status_code == 201


def test_a_person_without_a_warrant_signs_nothing(stage: Stage, programs: Programs, delivery: EntryRef, make_person):
    row, secret = tokens.make(make_person("visitor", duties=[Duty.AUDITOR]), name="x", scopes=["read", "act"], days=1)
    visitor = Program(stage.director.nodes["JP"], secret, row)
    assert visitor.get("orders").status_code == 200
    problem(visitor.post("acts", receipt(delivery), key="k1"), 403, "duty-not-held")


def test_who_signs_is_the_tokens_person_whatever_is_said(ship: Program, director: Director, delivery: EntryRef):
    said = receipt(delivery)
    said["fields"] = {**receipt_fields(), "who": director.grants["JP", "tanaka"]}
    answer = ship.post("acts", said, key="k1")
    problem(answer, 422, "field-not-yours")
    signed = ship.post("acts", receipt(delivery), key="k2").json()
    body = director.desk("JP").space.entry(EntryRef.parse(signed["entry"])).body
    assert body.who == director.grants[SHIP]  # type: ignore[union-attr]


def test_what_nobody_reads_is_refused(ship: Program, delivery: EntryRef):
    """A misspelt ``looked_at`` would sign without looking; a half of a letter can be neither signed nor told."""
    for wrong in ({"lookedat": "0" * 64}, {"who": 5}, {"auth": ""}):
        problem(ship.post("acts", {**receipt(delivery), **wrong}, key="k1"), 422, "request-invalid")
    half = {**receipt_fields(), "\ud800": "\udfff"}
    problem(ship.post("acts", {**receipt(delivery), "fields": half}, key="k1"), 422, "field-not-text")
    assert ship.post("acts", receipt(delivery), key="k1").status_code == 201


def test_no_program_gives_itself_a_warrant(programs: Programs, delivery: EntryRef):
    """Even on the administrator's token: whoever could sign a grant by program could sign everything."""
    said = {
        "post": "Everything Officer", "key": None, "age_recipient": "", "duties": ["ordering"], "currency": "",
        "per_act": None, "total": None, "until": None, "trained_on": None,
    }  # fmt: skip
    program = programs.of("JP", "admin")
    for kind, fields in (("grant", said), ("revoke", {"grant": 3, "cuts": [], "reason": "not-stated"})):
        command = {"kind": kind, "fields": fields}
        problem(program.post("preview", command), 403, "not-by-program")
        problem(program.post("acts", command, key="k1"), 403, "not-by-program")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"kind": "bribe"}, 422, "unknown-kind"),
        ({"kind": "adopt"}, 403, "not-by-program"),
        ({"on": "99.99"}, 404, "unknown-entry"),
        ({"on": None}, 422, "field-needs-unit"),
        ({"on": 17}, 422, "request-invalid"),
        ({"fields": []}, 422, "request-invalid"),
        ({"fields": {}}, 422, "field-missing"),
        ({"fields": {**receipt_fields(), "colour": "blue"}}, 422, "field-unknown"),
        ({"fields": receipt_fields("a few")}, 422, "not-a-number"),
        ({"fields": receipt_fields("1e3")}, 422, "not-a-number"),
        ({"fields": receipt_fields("0.0001")}, 422, "too-many-decimals"),
        ({"fields": receipt_fields("-1")}, 422, "out-of-range"),
        ({"fields": receipt_fields("9" * 40)}, 422, "out-of-range"),
        ({"fields": receipt_fields("100", "0", "because")}, 422, "field-not-a-code"),
        ({"fields": {**receipt_fields(), "occurred_on": "20/02/2027"}}, 422, "field-not-a-date"),
        ({"fields": {**receipt_fields(), "occurred_on": "2027-02-30"}}, 422, "field-not-a-date"),
        ({"fields": {**receipt_fields(), "offset": 9999}}, 422, "field-out-of-limits"),
        ({"remark": "x" * 2001}, 422, "request-invalid"),
        ({"looked_at": "yesterday"}, 422, "request-invalid"),
    ],
)
def test_each_wrong_command_has_its_reason(
    ship: Program, delivery: EntryRef, change: dict[str, object], status: int, code: str
):
    desk = ship.node.desk()
    before = held(desk.store, desk.id)
    answer = ship.post("acts", {**receipt(delivery), **change}, key="k1")
    problem(answer, status, code)
    assert held(desk.store, desk.id) == before
    assert Command.objects.count() == 0


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "null", '{"kind": "receipt"}{', "\xff"])
def test_a_body_that_is_no_command_is_a_problem(ship: Program, delivery: EntryRef, body: str):
    answer = ship.post("acts", body, key="k1")
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code, "request-invalid")


@pytest.mark.parametrize("key", ["", "two words", "x" * 65, "é"])
def test_a_command_needs_a_key(ship: Program, delivery: EntryRef, key: str):
    problem(ship.post("acts", receipt(delivery), key=key), 422, "request-invalid")


def test_a_body_that_is_too_large_is_a_problem(ship: Program, delivery: EntryRef):
    answer = ship.post("acts", {**receipt(delivery), "remark": "x" * 5_000_000}, key="k1")
    assert answer.status_code in {400, 413}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_when_the_store_does_not_answer_the_key_may_try_again(ship: Program, delivery: EntryRef, monkeypatch):
    def locked(_admission: object) -> None:
        raise StoreUnavailableError("store-locked")

    monkeypatch.setattr(ship.node.store, "append", locked)
    answer = ship.post("acts", receipt(delivery), key="k1")
    problem(answer, 503, "store-locked")
    assert answer.headers["Retry-After"]
    monkeypatch.undo()
    assert ship.post("acts", receipt(delivery), key="k1").status_code == 201


def test_a_signed_act_wakes_the_worker(ship: Program, delivery: EntryRef, monkeypatch):
    woken: list[int] = []
    monkeypatch.setattr(record, "_listeners", [lambda: woken.append(1)])
    ship.post("acts", receipt(delivery), key="k1")
    assert woken == [1]


def test_what_the_api_has_not_is_said_so(ship: Program):
    nowhere = ship.get("no/such/door")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not-there")
    assert ship._ask(lambda: ship.client.delete("/api/v1/orders", **ship.headers)).status_code == 405


# ---- the tokens page


def test_a_person_makes_a_token_sees_it_once_and_ends_it(stage: Stage):
    browser = stage.browser(*SHIP)
    made = browser.post("/api/tokens/", {"name": "ship's computer", "act": "on", "days": "30"})
    (row,) = ApiToken.objects.all()
    page = made.content.decode()
    secret = page[page.index("tally_") :].split("<")[0].split('"')[0].strip()
    assert made.status_code == 200
    assert (row.scopes, row.expires_at - row.made_at) == (["act", "read"], 30 * DAY)
    assert Program(browser.node, secret).get("status").status_code == 200
    assert secret not in browser.get("/api/tokens/").content.decode()

    assert browser.post(f"/api/tokens/{row.pk}/end", {}).status_code == 302
    problem(Program(browser.node, secret).get("status"), 401, "token-needed")


def test_nobody_ends_the_token_of_somebody_else(stage: Stage, programs: Programs):
    program = programs.of(*SHIP)
    assert program.row is not None
    stage.browser("JP", "tanaka").post(f"/api/tokens/{program.row.pk}/end", {})
    assert program.get("status").status_code == 200


@pytest.mark.parametrize(
    "said", [{"name": "", "days": "30"}, {"name": "x", "days": "0"}, {"name": "x", "days": "400"}, {}]
)
def test_a_form_that_does_not_read_makes_no_token(stage: Stage, said: dict[str, str]):
    assert stage.browser(*SHIP).post("/api/tokens/", said).status_code == 422
    assert not ApiToken.objects.exists()


def test_strangers_are_asked_to_sign_in(stage: Stage, client: Client):
    answer = client.get("/api/tokens/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms by which officers always sign themselves."""
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(officer_signs=OfficerSigns.ALWAYS)})


def test_a_program_brings_the_officers_own_signature(always: None, stage: Stage, programs: Programs) -> None:
    """The program never has the key: the officer signs the bytes of the preview wherever the key is."""
    director, seed = stage.director, bytes(32)
    desk = director.desk("JP")
    renewed = warrants.rotation(desk, director.grants["JP", "tanaka"], signing.public_key(seed))
    director.grants["JP", "tanaka"] = write.sign(desk, renewed).ref.index
    offer = offered(director)
    director.exchange()
    said = {
        "kind": "order", "on": str(offer),
        "fields": {"funds_certifier": director.grants["JP", "mori"], "max_liability": "20000.00", "bill_to": "us"},
    }  # fmt: skip
    program = programs.of("JP", "tanaka")
    shown = program.post("preview", said).json()
    assert (shown["would_count"], bool(shown["officer_signs"])) == (True, True)
    refused = program.post("acts", said, key="1")
    assert refused.json()["code"] == "officer-must-sign"
    assert refused.status_code == 409
    signature = signing.sign(seed, bytes.fromhex(shown["officer_signs"])).hex()
    forged = program.post("acts", {**said, "at": shown["at"], "signature": "00" * 64}, key="2")
    assert forged.json()["code"] == "officer-signature-wrong"
    done = program.post("acts", {**said, "at": shown["at"], "signature": signature}, key="3")
    assert done.status_code == 201, done.json()
    assert done.json()["state"] == "ordered"
