"""Acts are shown before they are signed, and what would not count is refused with its reason."""

import hashlib
import json
import os

import pytest

from tallystick.cli.act import _put
from tallystick.core.errors import LocalError

LINE = {
    "line": 1, "category": "WATR", "item": "water", "nsn": "", "unit": "TNE", "quantity": "320.000",
    "tolerance_permille": 0, "means": "reimbursement",
}  # fmt: skip
REQUEST = {
    "situation": "a", "need_from": "2027-02-18", "need_to": "2027-02-21", "place": "INVTZ",
    "receiving_unit": "JS Example", "lines": [LINE],
}  # fmt: skip


@pytest.fixture
def request_of(pair, tmp_path):
    def say(*options, **changes):
        path = tmp_path / "fields.json"
        path.write_text(json.dumps(REQUEST | changes), encoding="utf-8")
        return pair("jp", "act", "request", "--fields", path, *options)

    return say


def entries(pair, code="jp"):
    return pair.done(code, "status", "--json").json["agreements"][0]["entries"]


def test_a_preview_signs_nothing(pair, request_of):
    before = entries(pair)
    ran = request_of()
    assert ran.code == 0
    assert '"quantity": "320.000"' in ran.out
    assert "order        JPIN/JP/2026/0001" in ran.out
    assert "Bytes to be signed" in ran.out
    assert "Nothing was signed. Sign with --yes." in ran.out
    assert entries(pair) == before


def test_a_remark_is_shown_before_it_is_signed(pair, request_of):
    assert "\nRemark: Berth 4, not 5.\n" in request_of("--remark", "Berth 4, not 5.").out
    assert request_of("--remark", "Berth 4, not 5.", "--json").json["remark"] == "Berth 4, not 5."
    assert "Remark:" not in request_of().out


def test_what_is_shown_is_what_is_signed(pair, request_of):
    shown = request_of("--json").json
    assert shown["signed"] is False
    signed = request_of("--json", "--yes").json
    assert signed["signed"] is True
    same = ("kind", "officer", "fields", "bytes", "counts", "findings", "posts", "order", "state")
    assert {name: shown[name] for name in same} == {name: signed[name] for name in same}
    assert entries(pair) == 14 + 1


def test_words_in_another_encoding_than_utf_8_are_refused_before_anything_is_signed(pair, request_of, tmp_path):
    note = tmp_path / os.fsdecode(b"plan \xe9.pdf")
    note.write_bytes(b"a plan")
    for option, value, code in (
        ("--attach", note, "attachment-not-possible"),
        ("--remark", note.name, "field-not-text"),
    ):
        ran = request_of(option, value, "--yes")
        assert (ran.code, f"code: {code}" in ran.err) == (2, True), ran


def test_of_an_attached_file_name_size_and_hash_are_signed_and_the_partner_reads_them(pair, request_of, tmp_path):
    note = tmp_path / "loading plan.pdf"
    note.write_bytes(b"CANARY of a plan")
    told = [{"name": "loading plan.pdf", "size": 16, "sha256": hashlib.sha256(b"CANARY of a plan").hexdigest()}]
    assert f"Attached: loading plan.pdf, 16 bytes, SHA-256 {told[0]['sha256']}" in request_of("--attach", note).out
    signed = request_of("--attach", note, "--json", "--yes").json
    assert signed["attachments"] == told
    pair.carry()
    (order,) = pair.done("in", "order", "list", "--json").json
    (item,) = pair.done("in", "order", "show", order["number"], "--json").json["timeline"]
    assert item["attachments"] == told
    pair.done("jp", "prove", order["number"], tmp_path / "evidence")
    verified = pair("jp", "verify", tmp_path / "evidence", "--attachment", note)
    assert (verified.code, f"loading plan.pdf is the file that is attached to {item['entry']}." in verified.out) == (
        0,
        True,
    )
    note.write_bytes(b"CANARY of a plot")
    verified = pair("jp", "verify", tmp_path / "evidence", "--attachment", note)
    assert (verified.code, "[evidence-not-attached]" in verified.out) == (1, True)
    refused = pair("jp", "verify", "--attachment", note)
    assert (refused.code, "attachment-not-here" in refused.err) == (2, True)
    missing = request_of("--attach", tmp_path / "other.pdf")
    assert (missing.code, "file-missing" in missing.err) == (2, True)


@pytest.mark.parametrize("yes", [[], ["--yes"]])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lines": [LINE | {"quantity": "0"}]}, "bad-quantity"),
        ({"lines": [LINE | {"category": "AMMO"}]}, "not-allowed-category"),
        ({"need_to": "2027-02-17"}, "bad-dates"),
        ({"situation": "z"}, "not-allowed-situation"),
        ({"lines": [LINE | {"unit": "PARSEC"}]}, "unknown-unit"),
        ({"lines": [LINE | {"quantity": "1.0001"}]}, "too-many-decimals"),
        ({"lines": []}, "field-out-of-limits"),
        ({"need_from": "18 February"}, "field-not-a-date"),
        ({"extra": 1}, "field-unknown"),
        ({"who": 99}, "field-not-yours"),
    ],
)
def test_what_would_not_count_is_refused_with_its_reason(pair, request_of, changes, code, yes):
    before = entries(pair)
    ran = request_of(*yes, **changes)
    assert (ran.code, ran.err.rstrip().rpartition("code: ")[2]) == (2, code)
    assert entries(pair) == before


def test_the_officer_is_found_by_post_by_number_or_alone(pair, request_of):
    (staff,) = [row for row in pair.done("jp", "warrant", "list", "--json").json if row["post"] == "Fleet staff"]
    assert request_of("--json").json["officer"] == {"grant": staff["grant"], "post": "Fleet staff"}
    for name in ("Fleet staff", "fleet STAFF", staff["grant"]):
        assert request_of("--as", name, "--json").json["officer"]["grant"] == staff["grant"]
    assert "code: unknown-officer" in request_of("--as", "Captain").err
    assert "code: duty-missing" in request_of("--as", "Comptroller").err
    pair.done("jp", "warrant", "grant", "--post", "Second staff", "--duty", "requester")
    ran = request_of()
    assert (ran.code, "Fleet staff" in ran.err, "Second staff" in ran.err) == (2, True, True)
    pair.done("jp", "warrant", "revoke", "Second staff", "--yes")
    assert request_of().code == 0


def test_revoking_asks_first_and_bites_afterwards(pair, request_of):
    assert "Would revoke Fleet staff" in pair.done("jp", "warrant", "revoke", "Fleet staff").out
    assert request_of("--as", "Fleet staff").code == 0
    pair.done("jp", "warrant", "revoke", "Fleet staff", "--yes")
    assert "code: warrant-revoked" in request_of("--as", "Fleet staff").err
    assert "code: already-revoked" in pair("jp", "warrant", "revoke", "Fleet staff").err


def test_a_stolen_key_is_revoked_from_the_first_entry_that_was_not_ours(pair, request_of):
    signed = request_of("--yes", "--json").json
    pair.carry()
    assert pair("jp", "warrant", "revoke", "Fleet staff", "--from", "noon").err.rstrip().endswith("code: not-an-entry")
    asked = pair.done("jp", "warrant", "revoke", "Fleet staff", "--from", signed["entry"])
    assert f"from {signed['entry']} on" in asked.out
    pair.done("jp", "warrant", "revoke", "Fleet staff", "--from", signed["entry"], "--yes")
    pair.carry()
    for party in ("jp", "in"):
        (order,) = pair.done(party, "order", "list", "--json").json
        assert order["state"] == "void"


def test_a_stolen_node_is_revoked_by_its_party(pair, request_of):
    (node,) = pair.done("jp", "warrant", "list", "--nodes", "--json").json
    pair.done("jp", "warrant", "revoke", node["grant"], "--yes")
    assert "code: warrant-revoked" in request_of().err
    (ended,) = pair.done("jp", "warrant", "list", "--nodes", "--json").json
    assert (ended["post"], ended["live"]) == (node["post"], False)


def test_one_warrant_cannot_hold_duties_that_must_be_apart(pair):
    ran = pair("jp", "warrant", "grant", "--post", "Both", "--duty", "ordering", "--duty", "paying")
    assert (ran.code, "code: duties-conflict" in ran.err) == (2, True)


def test_administrators_acts_have_their_own_commands(pair):
    assert "code: act-of-administrator" in pair("jp", "act", "grant").err
    assert "code: unknown-kind" in pair("jp", "act", "dance").err


@pytest.mark.parametrize(("on", "code"), [("16.99", "unknown-entry"), ("sixteen", "not-an-entry")])
def test_the_object_must_be_there(pair, on, code):
    assert f"code: {code}" in pair("in", "act", "decline", "--on", on, "--field", "reason=not-stated").err


def test_numbers_are_given_by_themselves(pair, request_of):
    assert [request_of("--json", "--yes").json["order"] for _ in range(2)] == ["JPIN/JP/2026/0001", "JPIN/JP/2026/0002"]
    assert request_of("--json", serial=7).json["order"] == "JPIN/JP/2026/0007"


@pytest.mark.parametrize("text", ["[1]", "{", '"x"', "", pytest.param("[" * 50_000, id="nested")])
def test_fields_that_are_no_json_object(pair, tmp_path, text):
    path = tmp_path / "fields.json"
    path.write_text(text)
    assert "code: fields-not-json" in pair("jp", "act", "request", "--fields", path).err


def test_fields_from_options():
    given = {"situation": "a"}
    for pair in ("place=INVTZ", "lines[0].line=1", "lines[0].item=a=b", "lines[1].line=2", "receipts[0]=17.2"):
        _put(given, pair)
    assert given == {
        "situation": "a",
        "place": "INVTZ",
        "lines": [{"line": "1", "item": "a=b"}, {"line": "2"}],
        "receipts": ["17.2"],
    }


@pytest.mark.parametrize(
    "wrong", ["place", "=x", "lines[1].line=1", "lines[0]x=1", "a..b=1", "Place=x", "situation.deep=1", "place[0]=1"]
)
def test_options_that_are_no_fields(wrong):
    with pytest.raises(LocalError, match="field-option-wrong"):
        _put({"situation": "a", "place": "x"}, wrong)
