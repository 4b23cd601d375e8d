"""Around every page: headers, static files, words, figures, and what is seen when something is wrong."""

import gzip
import logging
import re
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import OperationalError
from django.http import HttpResponse
from django.template import engines
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.test import Client, RequestFactory
from django.urls import include, path, resolve

import tallystick.web
from tallystick.app.settings import NodeSettings
from tallystick.core import errors
from tallystick.core.agreement import Allowance, Origin
from tallystick.core.due import Clock, ClockKind
from tallystick.core.entries import Duty, Kind, Means, Outcome, PriceBasis, Reason
from tallystick.core.findings import Weight
from tallystick.core.identity import EntryRef
from tallystick.core.ledger import AccountKind, ItemState
from tallystick.core.orders import Fulfilment, LineSettlement, OrderState, Side
from tallystick.core.quantity import UNITS, Rounding
from tallystick.web import formats, middleware, settings, shell, tags, words
from tallystick.web.people.decorators import signed_in

WEB = Path(tallystick.web.__file__).parent
TOKEN = "A" * 43
RAISED = {}


def trouble(request):
    raise RAISED["error"]


@signed_in
def page(request):
    return HttpResponse(render_to_string("base.html", {"title": "x"}, request))


urlpatterns = [
    path("", include("tallystick.web.people.urls")),
    path("page/", page),
    path("trouble/", trouble),
    path("api/trouble/", trouble),
]
handler400 = "tallystick.web.middleware.bad_request"
handler403 = "tallystick.web.middleware.not_allowed"
handler404 = "tallystick.web.middleware.not_there"
handler500 = "tallystick.web.middleware.unexpected"

own_pages = pytest.mark.urls(__name__)


def day(iso):
    from datetime import date

    return (date.fromisoformat(iso) - date(1970, 1, 1)).days


# ---- headers and static files


@own_pages
@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/sign-in/", "/static/css/tally.css", "/not-there/"])
def test_every_response_has_the_security_headers(client, address):
    response = client.get(address)
    response.close()
    headers = response.headers
    assert set(headers["Content-Security-Policy"].split("; ")) == {
        "default-src 'none'",
        "object-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers  # this node is reached by plain http


@own_pages
@pytest.mark.django_db
def test_a_page_for_a_person_is_kept_by_no_cache(make_person, signed_in_as):
    assert signed_in_as(make_person("sato")).get("/page/")["Cache-Control"] == "private, no-store"


@pytest.mark.django_db
def test_static_files_are_served_from_where_they_lie_and_kept_for_a_year(client):
    address = static("css/tally.css")
    assert re.fullmatch(r"/static/css/tally\.css\?v=[0-9a-f]{10}", address)
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "max-age=31536000, public"
    assert response["Content-Encoding"] == "gzip"
    response.close()
    font = client.get("/static/fonts/noto-sans-5.3.0-latin-400.woff2", headers={"Accept-Encoding": "gzip"})
    assert font.status_code == 200
    assert "Content-Encoding" not in font.headers
    font.close()


def test_the_style_sheet_stays_small_and_names_only_files_that_are_there():
    css = (WEB / "static/css/tally.css").read_text()
    assert len(gzip.compress(css.encode())) < 10_000  # with fonts and script, a pier page stays under 50 kB
    named = re.findall(r'url\("\.\./([^"]+)"\)', css)
    assert len(named) == 5
    for name in named:
        assert finders.find(name), name
        assert re.search(r"\d+\.\d+\.\d+", name), "kept for a year by caches: the version belongs in the name"


def test_no_template_has_inline_script_or_style():
    found = []
    for template in WEB.rglob("*.html"):
        text = template.read_text()
        found += [
            (template.name, hit)
            for hit in re.findall(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:|hx-on", text)
        ]
    assert found == []


def test_every_template_can_be_read():
    for template in (WEB / "templates").rglob("*.html"):
        engines["django"].from_string(template.read_text())


# ---- settings


def test_two_nodes_on_one_host_have_cookies_of_their_own(tmp_path, monkeypatch):
    import importlib

    from tallystick.app.settings import save

    names = []
    for party, port in (("JP", 8101), ("IN", 8102), ("JP", 8103)):
        node = NodeSettings(
            folder=tmp_path / str(port), party=party, party_name=party, node_name="x", listen=f"127.0.0.1:{port}"
        )
        save(node)
        node.keys_folder.mkdir()
        key = node.keys_folder / "web.key"
        key.write_text(f"web-secret:secret of {port}\n")
        key.chmod(0o600)
        monkeypatch.setenv("TALLYSTICK_NODE", str(node.folder))
        loaded = importlib.util.module_from_spec(settings.__spec__)
        settings.__spec__.loader.exec_module(loaded)
        assert secret_of(loaded) == f"secret of {port}"
        assert loaded.DATABASES["default"]["NAME"] == f"file://{node.folder}/node.db?mode=rw"
        names.append((loaded.SESSION_COOKIE_NAME, loaded.CSRF_COOKIE_NAME))
    assert len({name for pair in names for name in pair}) == 6
    assert names[0][0].startswith("tallystick_jp_")


def secret_of(loaded):
    return loaded.SECRET_KEY


def test_a_node_without_its_web_key_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("TALLYSTICK_NODE", str(tmp_path))
    node = NodeSettings(folder=tmp_path, party="JP", party_name="Japan", node_name="x")
    with pytest.raises(errors.LocalError) as refused:
        settings._secret(node)
    assert refused.value.code == "key-missing"
    key = node.keys_folder / "web.key"
    key.parent.mkdir()
    key.write_text("web-secret:x\n")
    key.chmod(0o640)
    with pytest.raises(errors.LocalError) as refused:
        settings._secret(node)
    assert refused.value.code == "key-exposed", "somebody else may have read it"


def test_nothing_is_served_without_a_node(monkeypatch):
    import importlib

    monkeypatch.delenv("TALLYSTICK_NODE", raising=False)
    with pytest.raises(errors.LocalError) as refused:
        importlib.import_module("tallystick.web.wsgi")
    assert refused.value.code == "no-node-here"


def test_a_postgresql_address_is_read_whole():
    told = settings._database("postgresql://desk%40hq:p%2Fw@db.example:5433/tally?sslmode=verify-full")
    assert {k: told[k] for k in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "tally",
        "USER": "desk@hq",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "verify-full"},
    }


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", "people", "national", check=True, dry_run=True, verbosity=0)


# ---- when something is wrong

CASES = [
    (errors.LocalError("not-a-number", text="x"), 422),
    (errors.ActRefusedError("over-liability"), 422),
    (errors.MalformedBytesError(), 400),
    (errors.TooLargeError(), 413),
    (errors.ForkError(), 409),
    (errors.HeadMovedError(), 409),
    (errors.StoreUnavailableError("store-locked"), 503),
    (errors.PeerUnreachableError(url="https://in.example", why="no answer"), 503),
    (OperationalError("database is locked"), 503),
]


@own_pages
@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda v: getattr(v, "code", str(v)))
def test_each_error_has_its_page_its_fragment_and_its_problem(client, error, status):
    RAISED["error"] = error
    code = getattr(error, "code", "store-locked")
    whole = client.get("/trouble/")
    assert whole.status_code == status
    assert f"<code>{code}</code>" in whole.content.decode()
    assert ("Retry-After" in whole.headers) is (status == 503)
    part = client.get("/trouble/", headers={"HX-Request": "true"})
    assert (part.status_code, b"<html" in part.content) == (status, False)
    assert b'role="alert"' in part.content
    problem = client.get("/api/trouble/")
    assert (problem["Content-Type"], problem.json()["code"]) == ("application/problem+json", code)


@own_pages
@pytest.mark.django_db
def test_the_unexpected_gets_a_reference_that_is_also_in_the_log(caplog):
    RAISED["error"] = RuntimeError(f"no such thing: /link/{TOKEN}/")
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.ERROR, "tallystick.web"):
        response = client.get("/trouble/")
    assert response.status_code == 500
    reference = re.search(r"reference ([\w-]{10})", response.content.decode())[1]
    (record,) = [r for r in caplog.records if r.name == "tallystick.web"]
    line = middleware.Discreet().format(record)
    assert reference in line
    assert "RuntimeError" in line
    assert TOKEN not in line
    assert TOKEN not in response.content.decode()


def test_the_log_keeps_passwords_of_addresses_to_itself():
    record = logging.LogRecord("x", logging.ERROR, "", 1, "cannot reach postgresql://desk:hunter2@db/tally", (), None)
    line = middleware.Discreet().format(record)
    assert "hunter2" not in line
    assert "postgresql://…@db/tally" in line


@own_pages
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (PermissionDenied("This needs one of these duties: Issuing officer."), 403, "Issuing officer"),
        (PermissionDenied(), 403, "Your duties do not include this."),
    ],
)
def test_not_allowed_says_what_is_needed(client, error, status, says):
    RAISED["error"] = error
    response = client.get("/trouble/")
    assert (response.status_code, says in response.content.decode()) == (status, True)


@own_pages
@pytest.mark.django_db
def test_not_there_and_an_unknown_host(client):
    assert "no such page" in client.get("/nowhere/").content.decode()
    assert client.get("/sign-in/", headers={"Host": "evil.example"}).status_code == 400


def test_a_full_database_is_told_from_a_locked_one():
    told = [
        middleware._database_code(t) for t in ("database or disk is full", "attempt to write a readonly database", "?")
    ]
    assert told == ["store-full", "store-read-only", "store-unavailable"]


# ---- the shell


@own_pages
@pytest.mark.django_db
def test_a_theme_is_kept_in_a_cookie_without_javascript(client):
    response = client.post("/theme/", {"theme": "dark", "next": "/sign-in/?x=1"})
    assert response["Location"] == "/sign-in/?x=1"
    assert 'data-theme="dark"' in client.get("/sign-in/").content.decode()
    client.post("/theme/", {"theme": "", "next": "/sign-in/"})
    assert "data-theme" not in client.get("/sign-in/").content.decode()
    client.post("/theme/", {"theme": "neon"})
    assert "data-theme" not in client.get("/sign-in/").content.decode()


@own_pages
@pytest.mark.django_db
def test_only_an_administrator_is_shown_the_way_to_people(make_person, signed_in_as):
    clerk = signed_in_as(make_person("sato", duties=[Duty.BILLING])).get("/page/").content.decode()
    custodian = signed_in_as(make_person("mori", duties=[Duty.ADMINISTRATOR])).get("/page/").content.decode()
    assert ('href="/orders/"' in clerk, 'href="/people/"' in clerk) == (True, False)
    assert 'href="/people/"' in custodian


@own_pages
@pytest.mark.django_db
@pytest.mark.parametrize(("in_step", "says"), [(True, "In step"), (False, "Not in step"), (None, "Not compared")])
def test_the_foot_of_a_page_says_whether_the_books_agree(monkeypatch, make_person, signed_in_as, in_step, says):
    standing = shell.Standing(bytes(range(32)), in_step, "India", 1_803_117_900)
    monkeypatch.setattr(shell, "_standing", lambda request: standing)
    foot = signed_in_as(make_person("sato")).get("/page/").content.decode().partition("<footer")[2]
    assert says in foot
    assert "00010203…" in foot


@pytest.mark.parametrize("place", shell.PLACES, ids=lambda place: place.path)
def test_every_place_leads_somewhere(place):
    resolve(place.path)


def test_two_parties_wear_two_colours():
    assert shell.edge("JP") != shell.edge("IN")


@own_pages
@pytest.mark.django_db
def test_a_page_costs_a_constant_number_of_questions(make_person, signed_in_as, django_assert_num_queries):
    client = signed_in_as(make_person("sato"))
    with django_assert_num_queries(3):  # session, person, warrants
        client.get("/page/")


# ---- words


@pytest.mark.parametrize(
    "kinds", [Kind, Duty, Means, PriceBasis, Reason, Outcome, Side, ClockKind, AccountKind, Rounding]
)
def test_every_code_has_a_plain_word(kinds):
    assert [member for member in kinds if not str(words.NAMES[kinds][member])] == []
    assert len({str(words.name(member)) for member in kinds}) == len(kinds)


@pytest.mark.parametrize("states", [OrderState, Fulfilment, LineSettlement, Weight, ItemState, Origin, Allowance])
def test_every_state_has_a_word_a_shape_and_a_tone(states):
    for state in states:
        badge = words.BADGES[states][state]
        assert badge.shape in tags.SHAPES
        assert badge.tone in {"wait", "live", "good", "done", "warn", "stop", "off"}
        assert str(badge.word)


def test_states_of_one_list_that_look_alike_have_other_shapes():
    looks = [(words.badge(s).shape, str(words.badge(s).word)) for s in OrderState]
    assert len(set(looks)) == len(OrderState)


def test_equal_texts_of_two_lists_keep_their_own_words():
    assert OrderState.VOID == Weight.VOID  # both are the text "void"
    assert [str(words.badge(s).word) for s in (OrderState.VOID, Weight.VOID)] == ["Void", "Does not count"]


def test_every_overlay_has_a_badge():
    from tallystick.core import due

    codes = re.findall(r'Overlay\("([A-Z0-9_]+)"', Path(due.__file__).read_text())
    assert len(codes) >= 7
    assert [code for code in codes if code not in words.OTHER_BADGES] == []


def test_every_badge_a_template_names_is_known():
    named = {n for t in WEB.rglob("*.html") for n in re.findall(r'state_badge "([^"]+)"', t.read_text())}
    assert len(named) > 3
    assert sorted(named - set(words.OTHER_BADGES)) == []


def test_every_kind_has_a_button():
    assert set(words.ACTS) == set(Kind)


def test_a_code_nobody_knows_is_shown_as_it_is():
    assert str(words.kind(999)) == "Entry of unknown kind 999"
    assert str(words.badge("half-done").word) == "Half done"


def test_every_unit_has_a_symbol():
    assert sorted(set(UNITS) - set(formats.SYMBOLS) - {"TKM"}) == []


# ---- figures


@pytest.mark.parametrize(
    ("minor", "code", "text", "plain"),
    [
        (122007500, "INR", "12,20,075.00", "INR 1220075.00"),
        (2329011280, "INR", "2,32,90,112.80", "INR 23290112.80"),
        (-165000, "INR", "−1,650.00", "INR -1650.00"),
        (13507000, "JPY", "13,507,000", "JPY 13507000"),
        (5, "JPY", "5", "JPY 5"),
        (1234567, "KWD", "1,234.567", "KWD 1234.567"),
        (0, "USD", "0.00", "USD 0.00"),
    ],
)
def test_money_is_grouped_as_in_its_own_country(minor, code, text, plain):
    figure = formats.money(minor, code)
    assert (str(figure), figure.plain) == (text, plain)


@pytest.mark.parametrize(
    ("scaled", "unit", "text"),
    [
        (1790000, "KGM", "1,790"),
        (1790250, "KGM", "1,790.25"),
        (282647, "L15", "282,647"),
        (18000, "MTQ", "18"),
        (2, "MOV", "2"),
    ],
)
def test_a_quantity_shows_the_decimals_it_uses(scaled, unit, text):
    assert str(formats.quantity(scaled, unit)) == text


def test_amounts_in_a_page_carry_their_exact_value():
    assert tags.money(122007500, "INR") == (
        '<data class="money" value="INR 1220075.00" title="INR 1220075.00">₹<span class="whole">12,20,075</span>'
        '<span class="frac">.00</span></data>'
    )
    assert 'value="1790.000 KGM"' in tags.qty(1790000, "KGM")
    assert 'value="INR 82.40"' in tags.price(82400000, "INR")
    assert [tags.money(None, "INR"), tags.qty(None, "KGM"), tags.price(1, None)] == ["–"] * 3


def test_days_and_instants_are_told_at_their_place():
    assert formats.day(day("2027-02-18")) == "18 Feb 2027"
    assert tags.day(day("2027-02-18")) == (
        '<time datetime="2027-02-18" title="Thursday, 18 February 2027">18 Feb 2027</time>'
    )
    moment = formats.instant(1_802_970_300, ZoneInfo("Asia/Kolkata"))
    assert (moment.on, moment.at, moment.zone, moment.utc) == ("18 Feb 2027", "22:35", "IST", "2027-02-18T17:05Z")
    assert formats.today(1_802_970_300, ZoneInfo("Asia/Tokyo")) == day("2027-02-19")
    assert tags.instant(None) == tags.day(None) == "–"


def test_a_party_is_called_by_its_name():
    assert [tags.party_name(code) for code in ("JP", "IN", "EMAC")] == ["Japan", "India", "EMAC"]
    assert formats.party("IN", "ja") == "インド"


@pytest.mark.parametrize(("value", "text"), [(30, "3 %"), (5, "0.5 %"), (0, "0 %")])
def test_permille_is_told_in_percent(value, text):
    assert formats.permille(value) == text


def test_a_hash_is_shortened_and_can_be_had_whole():
    html = tags.copyable(bytes(range(32)))
    assert "00010203…" in html
    assert f'data-copy="{bytes(range(32)).hex()}"' in html


def test_what_people_typed_is_escaped():
    assert "<b>" not in tags.state_badge(OrderState.AGREED, "<b>")
    assert "<b>" not in tags.copyable("<b>")


def test_a_list_keeps_its_other_filters():
    request = RequestFactory().get("/orders/?state=agreed&page=3")
    assert tags.with_query({"request": request}, page=4) == "?state=agreed&page=4"
    assert tags.with_query({"request": request}, page=None) == "?state=agreed"
    assert tags.with_query({"request": request}, page=None, state=None) == "/orders/"


def test_the_settlement_clock_says_in_words_what_it_draws():
    def clock(kind, base, due, done):
        return Clock(kind, day(base), day(due), done and day(done), EntryRef(1, 1), 0, ())

    html = render_to_string(
        "_settlement_clock.html",
        tags.settlement_clock(
            [
                clock(ClockKind.INVOICE, "2027-02-21", "2027-03-23", "2027-03-25"),
                clock(ClockKind.PAYMENT, "2027-03-12", "2027-05-11", None),
                clock(ClockKind.SETTLEMENT, "2027-02-21", "2028-02-21", None),
            ],
            day("2027-05-12"),
        ),
    )
    assert "2 days late" in html
    assert re.search(r"Late</span> 1 day<", html)
    assert "285 days left" in html
    assert tags.settlement_clock([], 0) == {"marks": ()}


def test_a_field_has_its_help_and_its_error_beside_it():
    class Count(forms.Form):
        quantity = forms.IntegerField(label="Quantity", help_text="In kilograms.")
        remark = forms.CharField(required=False)

    html = str(Count({"quantity": "many"}))
    assert '<label for="id_quantity">Quantity</label>' in html
    assert re.search(r'<input[^>]*aria-describedby="[^"]*id_quantity_helptext[^"]*"', html)
    assert 'aria-invalid="true"' in html
    assert '<ul class="errors" id="id_quantity_error"><li>Enter a whole number.</li></ul>' in html
    assert "(optional)" in html


def test_a_finding_is_told_in_words():
    finding = SimpleNamespace(code="no-such-finding", facts=())
    assert "no-such-finding" in tags.finding_sentence(finding)


def test_names_are_found_for_whatever_is_asked():
    assert isinstance(OrderState.AGREED, Enum)
    assert [str(tags.word(v)) for v in (OrderState.AGREED, Means.LOAN, Reason.SPOILED)] == [
        "Agreed",
        "Loan and return",
        "Spoiled",
    ]
    assert tags.duty_names([5, 7]) == "Issuing officer, Receiving officer"
    assert str(tags.act_name(Kind.ORDER)) == "Place the order"
