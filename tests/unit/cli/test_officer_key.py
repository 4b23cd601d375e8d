"""Officers' keys on the command line: made, put into a warrant, and asked for where the policy wants them."""

import json
import stat

import pytest
from tests.cast import terms_with
from tests.unit.cli.conftest import make_pair
from tests.unit.cli.test_act import REQUEST

from tallystick.app import pairing
from tallystick.core.agreement import OfficerSigns
from tallystick.stores import officer_keys

WORDS = "four words on paper"


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words"
    path.write_text(WORDS + "\n")
    return path


def new_key(run, path, words):
    ran = run("officer-key", "new", path, "--passphrase-file", words, "--json")
    assert ran.code == 0, ran
    return ran.json


def test_a_key_is_made_shown_and_moved_to_another_passphrase(run, tmp_path, words):
    path, moved, other = tmp_path / "officer.key", tmp_path / "moved.key", tmp_path / "other"
    told = new_key(run, path, words)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert WORDS not in path.read_text()
    assert run("officer-key", "show", path, "--json").json == told
    assert "code: key-exists" in run("officer-key", "new", path, "--passphrase-file", words).err

    other.write_text("quite other words")
    assert "code: passphrase-wrong" in run(
        "officer-key", "change", path, moved, "--passphrase-file", other, "--new-passphrase-file", words
    ).err  # fmt: skip
    ran = run("officer-key", "change", path, moved, "--passphrase-file", words, "--new-passphrase-file", other)
    assert ran.code == 0, ran
    assert run("officer-key", "show", moved, "--json").json == told
    with pytest.raises(Exception, match="passphrase-wrong"):
        officer_keys.open_with_passphrase(officer_keys.parse_file(moved.read_bytes()), WORDS)


def test_an_order_is_signed_by_its_officer(run, tmp_path, words, monkeypatch):
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(officer_signs=OfficerSigns.ALWAYS)})
    pair = make_pair(run, tmp_path)
    path = tmp_path / "officer.key"
    told = new_key(run, path, words)

    assert "Would renew Contracting" in pair.done("jp", "warrant", "rotate", "Contracting", "--officer-key", path).out
    done = pair.done(
        "jp", "warrant", "rotate", "Contracting", "--officer-key", told["public_key"], "--yes", "--json"
    ).json  # fmt: skip
    listed = {row["grant"]: row for row in pair.done("jp", "warrant", "list", "--json").json}
    old, new = listed[done["replaces"]], listed[done["grant"]]
    assert (old["live"], old["replaced_by"], new["live"]) == (False, done["grant"], True)
    assert new["key_id"] == told["key_id"]

    fields = tmp_path / "fields.json"
    fields.write_text(json.dumps(REQUEST))
    request = pair.sign("jp", "request", "--fields", fields)
    pair.carry()
    fields.write_text(
        json.dumps({
            "currency": "INR", "valid_until": "2027-02-10", "issuing_unit": "ENC", "basis": "own-forces",
            "price_list": None, "lines": [{"line": 1, "quantity": "320.000", "price_micro": "10.00"}],
        })
    )  # fmt: skip
    offer = pair.sign("in", "offer", "--on", request, "--fields", fields)
    pair.carry()
    comptroller = next(number for number, row in listed.items() if row["post"] == "Comptroller")
    fields.write_text(json.dumps({"funds_certifier": comptroller, "max_liability": "4000.00", "bill_to": "us"}))
    asked = ("act", "order", "--on", offer, "--as", "Contracting", "--fields", fields)

    shown = pair.done("jp", *asked, "--json").json
    assert (shown["counts"], bool(shown["officer_signs"])) == (True, True)
    assert "Needs the own signature of Contracting" in pair.done("jp", *asked).out
    assert "code: officer-must-sign" in pair("jp", *asked, "--yes").err
    words.write_text("not these words")
    with_key = (*asked, "--officer-key", path, "--passphrase-file", words, "--yes")
    assert "code: passphrase-wrong" in pair("jp", *with_key).err
    words.write_text(WORDS)
    signed = pair.done("jp", *with_key, "--json").json
    pair.carry()
    assert pair.done("in", "order", "show", shown["order"], "--json").json["state"] == "ordered"
    assert signed["signed"] is True


def test_a_deputy_is_granted_with_an_end(pair):
    told = pair("jp", "warrant", "grant", "--post", "Deputy", "--duty", "ordering", "--acting-for", "Contracting")
    assert "code: deputy-not-possible" in told.err
    granted = pair.done(
        "jp", "warrant", "grant", "--post", "Deputy", "--duty", "ordering", "--acting-for", "Contracting",
        "--until", "2027-03-31", "--json",
    ).json  # fmt: skip
    row = next(row for row in pair.done("jp", "warrant", "list", "--json").json if row["grant"] == granted["grant"])
    assert row["acting_for"] is not None
    assert row["live"] is True


def test_a_node_goes_on_under_a_new_key(pair):
    assert "Would write with a new key" in pair.done("jp", "warrant", "rotate-writer").out
    done = pair.done(
        "jp", "warrant", "rotate-writer", "--currency", "INR", "--per-act", "100.00", "--total", "1000.00", "--yes"
    )  # fmt: skip
    assert "granted by entry" in done.out
    keys = pair.folder / "jp" / "keys"
    assert (keys / "writer-old-1.key").exists()
    assert not (keys / "writer-new.key").exists()
    fields = pair.folder / "fields.json"
    fields.write_text(json.dumps(REQUEST))
    signed = pair.sign("jp", "request", "--fields", fields)
    pair.carry()
    digests = {code: pair.done(code, "digest", "--json").out for code in ("jp", "in")}
    assert digests["jp"] == digests["in"]
    assert pair.done("in", "verify").code == 0
    assert int(signed.partition(".")[0]) // 16 > 2  # the log of the new grant
