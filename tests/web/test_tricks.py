"""Every address tried with forged forms, unusual methods, odd paths, lying headers and lengths that are not so.

The addresses are those of the access table, so a new one is tried as soon as it has its row there.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from tests.conftest import PASSWORD
from tests.web.conftest import House
from tests.web.test_access import CAST, GET, POST, ROWS

from tallystick.cli.serve import THREADS
from tallystick.web import limits, middleware
from tallystick.web.api import tokens
from tallystick.web.people.models import Person

EVIL = "evil.example"
OF_PAGES = [address for address in ROWS if not address.startswith(("api:", "peer/"))]
NEITHER_STATE_NOR_SECRET = {"theme"}  # changes a colour in the browser that asks


def addresses(house: House, names: list[str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield name, method and path of every address."""
    for name in names if names is not None else ROWS:
        method, args, _ = ROWS[name]
        yield name, method, house.path(name, args)


def expected(name: str, member: str) -> int:
    return ROWS[name][2][CAST.index(member)]


# ---- forms from elsewhere


EVERYWHERE = {"no token", "from another site"}


def forms(csrf: str) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Return what a page on another site can make a browser send: fields and headers."""
    field = {"csrfmiddlewaretoken": csrf}
    return {
        "no token": ({}, {}),
        "a token that is none": ({"csrfmiddlewaretoken": "x" * 64}, {}),
        "from another site": (field, {"Origin": f"https://{EVIL}"}),
        "from nowhere": (field, {"Origin": "null"}),
        "from this host, another port": (field, {"Origin": "http://testserver:8102"}),
    }


def test_no_page_takes_a_form_from_another_site(house):
    """Signed in as the administrator, whose browser sends its cookies along wherever the form came from."""
    browser = house.browsers["administrator"]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies.update(browser.client.cookies)
    csrf = strict.get("/me/").cookies[settings.CSRF_COOKIE_NAME].value
    browser.client = strict
    wrong = []
    for name, _method, path in addresses(house, OF_PAGES):
        for how, (fields, headers) in forms(csrf).items():
            if how not in EVERYWHERE and name != "me":
                continue  # the same code decides it for every address
            body = "&".join(f"{key}={value}" for key, value in fields.items())
            answer = house.ask(
                "administrator", POST, path, body, content_type="application/x-www-form-urlencoded", headers=headers
            )
            if (answer.status_code, b"from another site" in answer.content) != (403, True):
                wrong.append((name, how, answer.status_code))
    assert wrong == []
    good = strict.post(
        "/theme/", {"csrfmiddlewaretoken": csrf, "theme": "dark"}, headers={"Origin": "http://testserver"}
    )
    assert good.status_code == 302, "one difference apart"


def test_the_api_takes_no_cookie(house):
    """So no other site can make a browser use it."""
    for name, method, path in addresses(house, [name for name in ROWS if name.startswith("api:")]):
        for member in ("officer", "administrator"):
            status = house.ask(member, method, path, content_type="text/plain", headers={"Origin": f"https://{EVIL}"})
            assert status.status_code == expected(name, member), name
            assert "Access-Control-Allow-Origin" not in status.headers


def test_nothing_is_changed_by_looking(house):
    """GET and HEAD write nothing but that somebody was here."""
    ours = {"people_person", "people_appointment", "people_signinlink", "people_passkey", "api_apitoken", "api_command"}

    def rows() -> dict[str, list[tuple[object, ...]]]:
        with connection.cursor() as cursor:
            found = {}
            for table in sorted(ours):
                cursor.execute(f"SELECT * FROM {table} ORDER BY id")
                found[table] = cursor.fetchall()
            return found

    before = rows()
    desk = house.browsers["administrator"].desk
    sizes = desk.space.sizes()
    for _name, _method, path in addresses(house):
        for method in (GET, "HEAD"):
            limits.forget()
            house.browsers["administrator"].client.generic(method, path)
    assert (rows(), desk.space.sizes()) == (before, sizes)


# ---- methods


def test_unusual_methods_are_not_answered(house):
    for name, _method, path in addresses(house):
        for member in ("stranger", "administrator"):
            for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "X"):
                answer = house.ask(member, method, path, content_type="application/json")
                assert answer.status_code == (404 if name == "api:api-root" else 405), (name, member, method)
                assert "Set-Cookie" not in answer.headers


def test_a_method_cannot_be_said_in_another_place(house):
    for name, method, path in addresses(house):
        headers = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "PUT", "X-Method-Override": "POST"}
        assert house.ask("stranger", method, path, headers=headers).status_code == expected(name, "stranger"), name
        asked = house.ask("stranger", GET, f"{path}?_method=POST&method=DELETE")
        assert asked.status_code in {expected(name, "stranger"), 405, 302, 401, 404, 422}, name


# ---- paths

ODD_PATHS = (
    "{path}%00", "{path}%0d%0aX-Evil:1", "{path}/..", "{path}../..", "{path}%2e%2e/", "{path};a=b", "{path}.json",
    "{path}%20", "{path}/x", "/.{path}", "/x/..{path}", "/{path}", "//evil.example{path}", "/\\evil.example{path}",
    "/%2f{path}", "{path}%c0%af", "{path}\ud7ff", "/static/..{path}", "/static/%2e%2e/%2e%2e/settings.py",
)  # fmt: skip


def is_of_this_site(answer: HttpResponse) -> bool:
    place = answer.headers.get("Location", "/")
    return place.startswith("/") and not place.startswith(("//", "/\\"))


def test_odd_paths_open_nothing(house):
    """A stranger gets in nowhere by spelling an address differently, and is sent nowhere else."""
    open_to_all = {name for name in ROWS if expected(name, "stranger") in (200, 410)}
    for name, method, path in addresses(house):
        for odd in ODD_PATHS:
            asked = odd.replace("{path}", path)
            answer = house.ask("stranger", method, asked)
            opened = answer.status_code < 300 and name not in open_to_all and not path.startswith("/peer/")
            assert not opened, (name, asked, answer.status_code)
            assert answer.status_code < 500, (name, asked, answer.status_code)
            assert is_of_this_site(answer), (name, asked, answer["Location"])
            assert "X-Evil" not in answer.headers


def test_nobody_is_asked_for_nul(house):
    """PostgreSQL cannot be: it would be an error of ours, with a trace, for each time a stranger asks."""
    for member in ("stranger", "administrator"):
        for asked in ("/people/%00", "/sign-in/%00", "/people/events/?who=%00", "/sign-in/?next=a%00b", "/peer/%00"):
            for method in (GET, POST):
                assert house.ask(member, method, asked).status_code == 400, (member, method, asked)
    assert house.ask("administrator", GET, "/people/events/?who=%2500").status_code == 200
    refused = house.ask("stranger", GET, "/api/v1/orders?partner=%00")
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/problem+json")


def test_odd_paths_trip_nothing_up_for_someone_inside(house):
    for name, method, path in addresses(house):
        for odd in ("{path}%00", "{path}%c0%af", "{path}/..", "//evil.example{path}"):
            answer = house.ask("administrator", method, odd.replace("{path}", path))
            assert answer.status_code < 500, (name, odd, answer.status_code)
            assert is_of_this_site(answer), (name, odd)


@pytest.mark.parametrize(
    "file",
    ["settings.py", "../settings.py", "..%2fsettings.py", "css/../../settings.py", "%2e%2e/settings.py", "/etc/passwd"],
)
def test_static_files_are_those_of_the_static_folder(client, db, file):
    answer = client.get(f"/static/{file}")
    assert answer.status_code == 404
    assert b"SECRET_KEY" not in answer.content


# ---- headers

LIES = (
    {"X-Forwarded-Host": EVIL}, {"X-Forwarded-Server": EVIL}, {"Forwarded": f"host={EVIL};proto=https"},
    {"X-Forwarded-Proto": "https"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"},
    {"X-Original-URL": "/people/"}, {"X-Rewrite-URL": "/people/"}, {"X-Forwarded-Prefix": "/people"},
    {"X-Remote-User": "admin", "Remote-User": "admin", "X-User-ID": "1"},
    {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()}, {"Authorization": "Bearer"},
    {"Accept": "text/\x00", "Accept-Language": "x" * 500, "Range": "bytes=0-0"},
    {"Cookie": f"{settings.SESSION_COOKIE_NAME}=%00; a=b; =; {settings.SESSION_COOKIE_NAME}=../../x"},
)  # fmt: skip


def test_headers_that_anybody_can_write_change_nothing(house):
    for name, method, path in addresses(house):
        for lie in LIES:
            answer = house.ask("stranger", method, path, headers=lie)
            assert answer.status_code == expected(name, "stranger"), (name, lie)
            assert EVIL not in str(answer.headers)
            assert EVIL.encode() not in answer.content


@pytest.mark.parametrize(
    "host", [EVIL, f"testserver.{EVIL}", f"testserver@{EVIL}", "testserver:x", "testserver/", "", "[::1"]
)
def test_another_hosts_name_is_not_answered(house, host):
    for name, method, path in addresses(house):
        answer = house.ask("administrator", method, path, headers={"Host": host})
        # The API and partners' doors look at no host: they have no cookie and make no link.
        assert answer.status_code in ({400} if name in OF_PAGES else {400, expected(name, "administrator")}), name
        assert EVIL.encode() not in answer.content


# ---- lengths


class Untouched(io.RawIOBase):
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")

    readline = read  # type: ignore[assignment]


def test_what_is_too_long_is_not_read(house):
    forms_only = "multipart/form-data; boundary=x"  # Django would write its files to the disk
    for name, _method, path in addresses(house):
        for member in ("stranger", "administrator"):
            answer = house.ask(
                member, POST, path, content_type=forms_only, CONTENT_LENGTH=str(10**11), **{"wsgi.input": Untouched()}
            )
            assert answer.status_code in ({413} if name in OF_PAGES else {413, 401, 405}), (name, member)


@pytest.mark.parametrize(
    ("member", "path", "size", "status"),
    [
        ("stranger", "/sign-in/", middleware.STRANGER_BODY_MAX, 422),
        ("stranger", "/sign-in/", middleware.STRANGER_BODY_MAX + 1, 413),
        ("clerk", "/confirm/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1, 413),
        ("stranger", middleware.COURIER_PATH, middleware.STRANGER_BODY_MAX + 1, 413),
        ("administrator", middleware.COURIER_PATH, middleware.COURIER_MAX + middleware.FORM_ROOM + 1, 413),
    ],
)
def test_how_long_a_form_may_be(house, member, path, size, status):
    body = io.BytesIO(b"a=" + b"b" * min(size - 2, 10**6))
    answer = house.ask(
        member,
        POST,
        path,
        content_type="application/x-www-form-urlencoded",
        CONTENT_LENGTH=str(size),
        **{"wsgi.input": body},
    )
    assert answer.status_code == status


def test_a_form_of_too_many_fields_is_not_looked_at(house):
    body = "&".join(f"a{n}=1" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1))
    answer = house.ask("clerk", POST, "/confirm/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_a_few_strangers_with_forms_at_once_and_no_more(client, make_person, signed_in_as):
    inside = signed_in_as(make_person("sato"))
    right = {"username": "sato", "password": PASSWORD}
    places = limits.STRANGERS_AT_ONCE
    with ExitStack() as slow:
        for _ in range(places.each):
            slow.enter_context(places.one("127.0.0.1"))
        answer = client.post("/sign-in/", right)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert Client(REMOTE_ADDR="192.0.2.1").post("/sign-in/", right).status_code == 302, "one address leaves room"
        for number in range(places.most - places.each):
            slow.enter_context(places.one(str(number)))
        assert Client(REMOTE_ADDR="192.0.2.1").post("/sign-in/", right).status_code == 503
        assert client.get("/sign-in/").status_code == 200
        assert inside.post("/confirm/", right).status_code == 302, "who is inside goes on working"
    assert client.post("/sign-in/", right).status_code == 302


def test_one_person_with_forms_keeps_nobody_out(make_person, signed_in_as):
    sato, mori = make_person("sato"), make_person("mori")
    slow, other = signed_in_as(sato), signed_in_as(mori)
    places = limits.PEOPLE_AT_ONCE
    with ExitStack() as held:
        for _ in range(places.each):
            held.enter_context(places.one(str(sato.pk)))
        assert slow.post("/theme/", {"theme": "dark"}).status_code == 503
        assert slow.get("/me/").status_code == 200
        assert other.post("/theme/", {"theme": "dark"}).status_code == 302
    assert slow.post("/theme/", {"theme": "dark"}).status_code == 302


def test_a_few_programs_at_once_and_no_more(house):
    places = limits.PROGRAMS_AT_ONCE
    with ExitStack() as held:
        for _ in range(places.each):
            held.enter_context(places.one("127.0.0.1"))
        assert house.ask("stranger", POST, "/api/v1/acts").status_code == 503
        assert house.ask("stranger", POST, "/api/v1/acts", REMOTE_ADDR="192.0.2.1").status_code == 401
        assert house.ask("stranger", GET, "/api/v1/status").status_code == 401


def test_the_places_are_fewer_than_the_threads():
    kinds = (limits.PARTNERS_AT_ONCE, limits.STRANGERS_AT_ONCE, limits.PEOPLE_AT_ONCE, limits.PROGRAMS_AT_ONCE)
    assert sum(places.most for places in kinds) < THREADS
    assert all(places.each < places.most for places in kinds), "one alone never has them all"


def test_a_program_may_send_what_a_page_may(house):
    _row, secret = tokens.make(Person.objects.get(username="nair.in"), name="x", scopes=["read", "act"], days=1)
    too_long = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    answer = house.ask(
        "stranger", POST, "/api/v1/preview", content_type="application/json", CONTENT_LENGTH=str(too_long),
        headers={"Authorization": f"Bearer {secret}"}, **{"wsgi.input": Untouched()},
    )  # fmt: skip
    assert answer.status_code == 413


# ---- what every answer says


def test_every_answer_says_how_it_may_be_used(house):
    """Refusals too: nothing is framed, sniffed, kept, shared with another site, or text of an unknown alphabet."""
    for name, method, path in addresses(house):
        for member in ("stranger", "administrator"):
            answer = house.ask(member, method, path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, (name, policy)
            assert "frame-ancestors 'none'" in policy, (name, policy)
            assert "base-uri 'none'" in policy, (name, policy)
            assert "unsafe" not in policy, (name, policy)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name
            assert answer.headers["X-Frame-Options"] == "DENY", name
            assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer"), name
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", name
            assert "Access-Control-Allow-Origin" not in answer.headers, name
            assert "Server" not in answer.headers, name
            kind = answer.headers.get("Content-Type", "")
            assert kind or not answer.content, name
            assert not kind.startswith("text/") or "charset=utf-8" in kind, (name, kind)
            if name in OF_PAGES and member == "administrator":
                assert "no-store" in answer.headers["Cache-Control"], name


# ---- what must not be seen


def test_no_page_shows_a_secret_and_no_log_has_one(house, stage, caplog):
    """Keys, seals, digests and hashes: every address, everybody, whole answers with their headers, every line."""
    caplog.set_level(logging.DEBUG)
    node = house.browsers["administrator"].node
    for person in Person.objects.all():
        person.links.create(digest=f"{person.pk:064x}"[::-1], made_at=1, expires_at=2)
    secrets = {settings.SECRET_KEY.encode(), node.keys.web_secret().encode()}
    for path in node.settings.keys_folder.iterdir():
        secrets |= {
            line for line in path.read_bytes().splitlines() if len(line) >= 16 and not line.startswith(b"-----")
        }
    for person in Person.objects.exclude(password__startswith="!"):
        secrets |= {person.password.encode(), person.password.rpartition("$")[2].encode()}
    _row, token = tokens.make(Person.objects.get(username="nair.in"), name="x", scopes=["read"], days=1)
    with connection.cursor() as cursor:
        for sql in ("SELECT digest FROM people_signinlink", "SELECT digest FROM api_apitoken"):
            cursor.execute(sql)
            secrets |= {digest.encode() for (digest,) in cursor.fetchall()}
    shown = 0
    for _name, method, path in addresses(house):
        for member in CAST:
            answer = house.ask(member, method, path, headers={"Authorization": f"Bearer {token}"})
            cookies = {cookie.value.encode() for cookie in house.browsers[member].client.cookies.values()}
            told = b"".join(answer.streaming_content) if answer.streaming else answer.content
            headers = str({k: v for k, v in answer.headers.items() if k != "Set-Cookie"}).encode()
            for secret in secrets | {token.encode()} | cookies:
                assert secret not in told + headers, (path, member)
            shown += answer.status_code == 200
    assert shown > 150
    written = "\n".join(map(middleware.Discreet().format, caplog.records)).encode()
    assert b"token-refused" in written
    assert [secret for secret in secrets | {token.encode()} if secret in written] == []
