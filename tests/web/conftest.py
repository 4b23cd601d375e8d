"""Two nodes, their officers as persons who sign in, and a browser without JavaScript that fills in our forms."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from tests.nodes import paired
from tests.story.s1 import S1

from tallystick.app import fields
from tallystick.app.node import Desk, Node
from tallystick.app.ports import PeerStatus
from tallystick.cli.demo.cast import CAST
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Duty, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.web import limits, record

Values = dict[str, list[str]]


class _FormReader(HTMLParser):
    """Collects what a browser would send: the fields of each form as they stand, and its buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Values] = []
        self.buttons: list[list[tuple[str, str]]] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        names = {name for name, _ in attrs}
        if tag == "form":
            self.forms.append({})
            self.buttons.append([])
        elif tag == "select":
            self._select, self._options = said.get("name", ""), []
        elif tag == "option":
            self._options.append((said.get("value", ""), "selected" in names))
        elif tag == "textarea":
            self._area, self._text = said.get("name", ""), ""
        elif tag == "button" and self.forms and said.get("name"):
            self.buttons[-1].append((said["name"], said.get("value", "")))
        elif tag == "input" and self.forms and said.get("name"):
            kind = said.get("type", "text")
            if kind in ("checkbox", "radio") and "checked" not in names:
                self.forms[-1].setdefault(said["name"], [])
                return
            self.forms[-1].setdefault(said["name"], []).append(said.get("value", "on" if kind == "checkbox" else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select and self.forms:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self.forms[-1].setdefault(self._select, []).extend(chosen)
            self._select = None
        elif tag == "textarea" and self._area and self.forms:
            self.forms[-1].setdefault(self._area, []).append(self._text.lstrip("\n"))
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data


def form_on(response: HttpResponse, button: str) -> Values:
    """Return the fields of the form that has a button ``do=button``, as a browser would send them."""
    reader = _FormReader()
    reader.feed(response.content.decode())
    for values, buttons in zip(reader.forms, reader.buttons, strict=True):
        if any(value == button for _name, value in buttons):
            return {name: told for name, told in values.items() if told}
    raise AssertionError(f"no form with the button {button!r}; status {response.status_code}\n{text_of(response)}")


_INLINE = {"a", "abbr", "b", "code", "data", "em", "i", "q", "small", "span", "strong", "time"}


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skip = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skip += tag in ("script", "style", "svg")
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag not in _INLINE:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._skip -= tag in ("script", "style", "svg")
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.parts.append(data)


def text_of(response: HttpResponse) -> str:
    """Return what a page says, without its markup."""
    reader = _TextReader()
    reader.feed(response.content.decode())
    return " ".join("".join(reader.parts).split())


@dataclass
class Browser:
    """One person at one node's pages. Every request is answered by that person's node."""

    node: Node
    client: Client

    @property
    def desk(self) -> Desk:
        return self.node.desk()

    def get(self, path: str, **more: object) -> HttpResponse:
        before = record.set_node(self.node)
        try:
            return self.client.get(path, **more)
        finally:
            record.set_node(before)

    def post(self, path: str, data: object, **more: object) -> HttpResponse:
        before = record.set_node(self.node)
        try:
            return self.client.post(path, data, **more)
        finally:
            record.set_node(before)

    def fill(self, path: str, **said: object) -> HttpResponse:
        """Open a form, change what is said in it, and ask what would be signed."""
        page = self.get(path)
        assert page.status_code == 200, (page.status_code, text_of(page)[:2000])
        return self.post(path, {**form_on(page, "preview"), **_named(said), "do": "preview"})

    def sign(self, preview: HttpResponse, path: str) -> HttpResponse:
        """Press the button that signs on a page that shows what will be signed."""
        assert preview.status_code == 200, (preview.status_code, text_of(preview)[:2000])
        return self.post(path, {**form_on(preview, "sign"), "do": "sign"})

    def act(self, path: str, **said: object) -> HttpResponse:
        """Do an act from the form to the signature; ``amount_6`` stands for the field ``amount-6``."""
        response = self.sign(self.fill(path, **said), path)
        assert response.status_code == 302, (response.status_code, text_of(response)[:2000])
        return response


def _named(said: dict[str, object]) -> dict[str, object]:
    named = {}
    for name, value in said.items():
        stem, _, number = name.rpartition("_")
        named[f"{stem}-{number}" if stem and number.isdigit() else name] = value
    return named


@dataclass
class Stage:
    """Two paired nodes and everybody of the demo's cast, each with a browser."""

    director: Director
    sign_in: Callable[..., Client]
    make_person: Callable[..., object]
    _browsers: dict[tuple[str, str], Browser] = field(default_factory=dict)

    def browser(self, party: str, login: str) -> Browser:
        """Return the browser of an officer, signed in just now."""
        from tallystick.web.people import service

        if (party, login) not in self._browsers:
            member = next(m for m in CAST if (m.party, m.login) == (party, login))
            person = self.make_person(f"{login}.{party.lower()}")
            desk = self.director.desk(party)
            service.appoint(
                person,
                space=desk.id,
                grant=self.director.grants[party, login],
                post=member.post,
                duties=member.duties,
            )
            self._browsers[party, login] = Browser(self.director.nodes[party], self.sign_in(person))
        return self._browsers[party, login]

    def somebody(self, party: str, duties: Iterable[Duty] = ()) -> Browser:
        """Return the browser of a person with duties on the node and no warrant."""
        number = len(self._browsers)
        person = self.make_person(f"somebody{number}", duties=duties)
        found = Browser(self.director.nodes[party], self.sign_in(person))
        self._browsers[party, f"somebody{number}"] = found
        return found

    def order(self, party: str, order_id: EntryRef) -> OrderView:
        return self.director.desk(party).record.orders[order_id]

    def act_path(self, order_id: EntryRef, kind: Kind, on: EntryRef) -> str:
        return f"/orders/{order_id}/{fields.kind_name(kind)}/{on}/"


@pytest.fixture
def stage(tmp_path, db, make_person, signed_in_as) -> Iterator[Stage]:
    director = paired(tmp_path)
    yield Stage(director, signed_in_as, make_person)
    for node in director.nodes.values():
        node.store.close()
    record.set_node(None)


@pytest.fixture
def s1(stage: Stage) -> S1:
    """Scenario S1 on the stage, not yet begun."""
    return S1(stage.director)


@dataclass
class House:
    """A node with something at every address, and the cast in front of it."""

    browsers: dict[str, Browser]
    names: dict[str, object]

    def ask(self, member: str, method: str, path: str, body: bytes | str = b"", **more: object) -> HttpResponse:
        """Ask as one of the cast; what it did to persons and sessions is undone before the next."""
        browser = self.browsers[member]
        limits.forget()
        with transaction.atomic():
            cookies = deepcopy(browser.client.cookies)
            before = record.set_node(browser.node)
            try:
                return browser.client.generic(method, path, body, **more)
            finally:
                record.set_node(before)
                browser.client.cookies = cookies
                transaction.set_rollback(True)

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
