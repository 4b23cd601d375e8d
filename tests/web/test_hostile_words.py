"""A partner writes what it likes into every text it may sign: no page, file or terminal obeys any of it."""

from __future__ import annotations

import csv
import io
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from html.parser import HTMLParser
from itertools import count
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from tests.nodes import paired
from tests.story.s1 import S1
from tests.web.conftest import Browser, Stage

from tallystick.app import pairing, write
from tallystick.app.visible import escaped_json, visible, visible_lines
from tallystick.cli.demo.director import Director
from tallystick.cli.main import cli
from tallystick.core.entries import BODIES, TEXT_MAX, Draft, Duty, Grant, Kind
from tallystick.core.errors import MalformedBytesError
from tallystick.web import limits, record

REACHED = "alert(1)"  # what is left to see of the words where they were shown
SCRIPT = f"<script>{REACHED}</script><img src=x onerror={REACHED}>\"'&#60;{{{{ 7 }}}}{{% now %}}"
UNSEEN = "\x1b[2J\x1b]0;owned\x07\x00\x08\x9b31m\u202eknip\u2066\u2028\r\nForged: line\r\n"
HOSTILE = f"=cmd|'/c'!A1{SCRIPT}{UNSEEN}"
OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
TEXTS = {"receiving_unit", "issuing_unit", "bill_to", "pay_to", "number", "reference", "item"}  # and remarks
SHORT = {"place"}  # sixteen characters
BAD_CODE = "=<b>\x1b[2J\u202e\r\n!"
ELSEWHERE = {"post"}  # a warrant's, granted below
CHECKED = {"nsn", "currency", "unit", "category", "companions", "situation"}  # void unless the agreement has them
NOT_SHOWN = {"age_recipient", "profile", "note_a", "note_b"}  # keys, signed notes, and what is checked when adopted


class Liar(Director):
    """Writes bad words wherever an act has a text, for both sides."""

    numbers = count()

    def act(self, party, kind, on=None, *, by="", remark="", **said):
        return super().act(party, kind, on, by=by, remark=HOSTILE, **self._spoilt(said))

    def _spoilt(self, said):
        if isinstance(said, list):
            return [self._spoilt(one) for one in said]
        if not isinstance(said, dict):
            return said
        bad = f"{HOSTILE}{next(self.numbers)}"  # no two invoices have one number
        words = {**dict.fromkeys(TEXTS, bad), **dict.fromkeys(SHORT, BAD_CODE)}
        return {name: words.get(name) or self._spoilt(value) for name, value in said.items()}


@pytest.fixture
def lied(tmp_path, db, make_person, signed_in_as) -> Iterator[Stage]:
    """Scenario S1 told to its end in bad words; and a warrant, a price list and a stranger with such a name."""
    director = paired(tmp_path, director=Liar)
    for party in ("JP", "IN"):
        grant = Grant(HOSTILE, None, "", (Duty.COORDINATOR,), "", None, None, 30_000, 20_000)
        write.sign(director.desk(party), Draft(grant))
    S1(director).play()
    director.act(
        "JP", Kind.PRICE_LIST, number="1", currency="JPY", valid_from="2027-01-01", valid_to="2027-12-31",
        basis="own-forces", lines=[{"category": "WATR", "item": "x", "nsn": "", "unit": "TNE", "price_micro": "185",
        "companions": []}],
    )  # fmt: skip
    director.exchange()
    for node in director.nodes.values():
        (peer,) = node.store.peers()
        node.store.put_peer(replace(peer, name=HOSTILE, last_error=HOSTILE))
        node.store.set_aside(node.desk().id, b"x", "bad-signature", {"why": HOSTILE}, node.clock.now())
    yield Stage(director, signed_in_as, make_person)
    for node in director.nodes.values():
        node.store.close()
    record.set_node(None)


def test_the_story_spoils_every_text_there_is():
    found = {name for body in BODIES.values() for name in _texts(body)}
    assert found == TEXTS | SHORT | ELSEWHERE | CHECKED | NOT_SHOWN
    assert len(HOSTILE) + 4 <= TEXT_MAX


def _texts(hint: object) -> Iterator[str]:
    """Yield the names of the texts in an act, and in the parts it is made of."""
    if not is_dataclass(hint):
        for inner in typing.get_args(hint):
            yield from _texts(inner)
        return
    for name, inner in typing.get_type_hints(hint).items():
        if inner is str or str in typing.get_args(inner):
            yield name
        yield from _texts(inner)


# ---- pages and their files


class Page(HTMLParser):
    """Collects what a page would run, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.links: set[str] = set()
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._script = tag == "script"
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.runs.append(f"{tag} {name}={value}")
            if name == "href" and (value or "").startswith("/"):
                self.links.add(urlsplit(value).path)

    def handle_data(self, data):
        if self._script and data.strip():
            self.runs.append(data)

    def handle_endtag(self, tag):
        self._script = False


def crawl(browser: Browser) -> Iterator[tuple[str, str, str]]:
    """Yield path, content type and text of everything that can be reached by links from home."""
    waiting, seen = ["/"], {"/"}
    while waiting:
        path = waiting.pop()
        limits.forget()
        answer = browser.get(path)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        told = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if kind == "application/octet-stream" or path == "/auditor.html":  # the same page everywhere
            continue
        yield path, kind, told.decode()
        if kind == "text/html":
            new = Page(told.decode()).links - seen
            seen |= new
            waiting += sorted(new)


def test_no_page_or_file_obeys_a_partners_words(lied):
    browser = lied.browser("IN", "nair")
    person = browser.client.session["_auth_user_id"]
    type(lied.make_person("other")).objects.filter(pk=person).update(duties=[Duty.ADMINISTRATOR, Duty.AUDITOR])
    told = {"text/html": 0, "text/csv": 0, "application/json": 0, "text/plain": 0}
    for path, kind, text in crawl(browser):
        told[kind] = told.get(kind, 0) + (REACHED in text)
        if kind == "text/html":
            assert Page(text).runs == [], path
            assert f"<img src=x onerror={REACHED}" not in text, path
        if kind == "application/json":
            json.loads(text)
            continue  # says exactly what was signed
        assert OBEYED.findall(text) == [], (path, kind)
        if kind == "text/csv":
            rows = list(csv.reader(io.StringIO(text, newline="")))
            assert {len(row) for row in rows} == {len(rows[0])}, path
            assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t", "\r"))] == [], path
            assert [cell for row in rows for cell in row if "\n" in cell] == [], path
        if kind == "text/plain":
            assert "\nForged" not in text, path
    assert told["text/html"] >= 15, "the words are there to be obeyed"
    assert min(told["text/csv"], told["application/json"]) >= 2, told


# ---- the terminal

OUR_COLOURS = re.compile(r"\x1b\[\d*m")
COMMANDS = (
    "status", "order list", "order list --format csv", "order show ORDER", "ledger balance", "ledger open",
    "ledger journal", "ledger journal --format csv", "ledger journal --format hledger", "alarms", "warrant list",
    "pair box", "redact", "verify", "status --json", "order show ORDER --json", "alarms --json",
)  # fmt: skip


def test_no_terminal_obeys_a_partners_words(lied):
    node = lied.director.nodes["IN"]
    (order_id,) = lied.director.desk("IN").record.orders
    shown = 0
    for command in COMMANDS:
        ran = CliRunner().invoke(
            cli, ["--node", str(node.settings.folder), *command.replace("ORDER", str(order_id)).split()], color=True
        )
        assert ran.exit_code in (0, 4), (command, ran.output)
        assert OBEYED.findall(OUR_COLOURS.sub("", ran.output)) == [], command
        assert "\nForged" not in ran.output.replace("\r", "\n"), command
        shown += REACHED in ran.output
    assert shown >= 5, "the words are there to be obeyed"


def test_a_card_with_such_a_name_is_none(lied):
    node = lied.director.nodes["JP"]
    for name in ("party_name", "node_name"):
        node.settings = replace(node.settings, **{name: "Japan\x1b[2J"})
        with pytest.raises(MalformedBytesError) as refused:
            pairing.read_card(pairing.own_card(node))
        assert refused.value.code == "card-unreadable"
        node.settings = replace(node.settings, **{name: "Japan"})
    assert pairing.read_card(pairing.own_card(node)).node_name == "Japan"


def test_what_is_not_seen_becomes_a_sign_and_json_says_the_same():
    assert visible("a\x1b\n\x9b\u202eb") == "a␛␊\ufffd\ufffdb"
    assert visible_lines("a\tb\r\n\x00") == "a\tb\r\n␀"
    text = json.dumps({"a": HOSTILE}, ensure_ascii=False, indent=1)
    assert (json.loads(escaped_json(text)), OBEYED.findall(escaped_json(text))) == ({"a": HOSTILE}, [])
    assert visible("日本 हिन्दी क्‍ष £") == "日本 हिन्दी क्‍ष £"
