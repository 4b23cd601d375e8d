"""Erasing from the command line: shown first, signed with --yes, confirmed by the partner."""

import json

import pytest


@pytest.fixture
def note(pair, tmp_path):
    path = tmp_path / "fields.json"
    line = {
        "line": 1, "category": "WATR", "item": "water", "nsn": "", "unit": "TNE", "quantity": "320.000",
        "tolerance_permille": 0, "means": "reimbursement",
    }  # fmt: skip
    path.write_text(json.dumps({
        "situation": "a", "need_from": "2027-02-18", "need_to": "2027-02-21", "place": "INVTZ",
        "receiving_unit": "JS Example", "lines": [line],
    }))  # fmt: skip
    pair.done("jp", "act", "request", "--fields", path, "--remark", "Lt Canary", "--yes", "--json")
    told = pair.done("jp", "order", "show", "JPIN/JP/2026/0001", "--json").json
    return told["timeline"][0]["entry"]


def test_a_remark_is_shown_erased_and_told(pair, note):
    shown = pair.done("jp", "redact", note, "--detail")
    assert "goes now  detail" in shown.out
    assert "Nothing was signed" in shown.out
    signed = pair.done("jp", "redact", note, "--detail", "--reason", "entered-in-error", "--yes", "--json").json
    assert (signed["goes_now"], signed["waits_for"], signed["signed"]) == (["detail"], [], True)
    told = pair.done("jp", "redact", "--json").json
    assert told["purge_due"] is False
    (one,) = told["entries"]
    assert (one["entry"], one["erased"], one["asked"][0]["party"]) == (note, ["detail"], "JP")
    pair.carry()
    listed = pair.done("in", "redact")
    assert note in listed.out
    assert "detail" in listed.out


def test_a_core_waits_for_the_partner(pair, note, tmp_path):
    pair.carry()
    fields = pair.done("jp", "order", "show", "JPIN/JP/2026/0001", "--json").json["timeline"][0]["fields"]
    path = tmp_path / "restated.json"
    path.write_text(json.dumps(fields | {"receiving_unit": "A ship"}))
    said = pair.done("jp", "redact", note, "--core", "--detail", "--restated", path, "--yes", "--json").json
    assert (said["goes_now"], said["goes_when_all_agree"], said["waits_for"]) == (["detail"], ["core"], ["IN"])
    pair.carry()
    shown = pair.done("in", "redact", note, "--confirm")
    assert "JS Example" in shown.out
    assert "A ship" in shown.out
    pair.done("in", "redact", note, "--confirm", "--yes")
    again = pair("in", "redact", note, "--confirm")
    assert again.code == 2
    assert "nothing-to-confirm" in again.err
    pair.carry()
    orders = [pair.done(party, "order", "show", "JPIN/JP/2026/0001", "--json").json for party in ("jp", "in")]
    assert [order["timeline"][0]["fields"]["receiving_unit"] for order in orders] == ["A ship", "A ship"]


def test_courier_files_are_named_and_deleted(pair, note):
    pair.carry()
    files = pair.done("jp", "redact", "--json").json["courier_files"]
    assert files
    assert files[0] in pair.done("jp", "redact").out
    assert pair.done("jp", "redact", "--delete-courier-files", "--json").json["courier_files"] == []
    assert pair.done("jp", "redact", "--json").json["courier_files"] == []


def test_what_cannot_be_erased_is_refused(pair, note):
    refused = pair("jp", "redact", note, "--core")
    assert refused.code == 2
    assert "redact-not-possible" in refused.err
    assert "not-an-entry" in pair("jp", "redact", "x").err
