"""Two nodes, their officers as persons who sign in, and a browser without JavaScript that fills in our forms."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.nodes import paired
from tests.story.s1 import S1

from tallystick.app import fields
from tallystick.app.node import Desk, Node
from tallystick.cli.demo.cast import CAST
from tallystick.cli.demo.director import Director
from tallystick.core.entries import Duty, Kind
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderView
from tallystick.web import record

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
