"""The auditor's page judges as the program does: another implementation, with which it shares no code."""

import json
import os
from base64 import b64encode
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
import zstandard
from tests.browser.stage import hindrances
from tests.cast import terms_with
from tests.evidence import (
    after_a_correction,
    after_a_fork,
    after_an_erasure,
    attached,
    changed,
    forked_desk,
    leaf_of,
    s1,
    s1_evidence,
    with_detail,
)
from tests.fuzz.bombs import BOMBS
from tests.needs import needs_chromium
from tests.nodes import agreed, delivered, paired, received
from tests.unit.app import test_evidence as variants
from tools import auditor

from tallystick.app import exchange, pairing, prove, redact, write
from tallystick.app.verify_evidence import check
from tallystick.core import canonical, fuel, signing
from tallystick.core.detail import Attachment, detail_of
from tallystick.core.entries import BODIES, Duty, Kind, Reason, Segment, to_array
from tallystick.core.orders import DUTY_SIDES, LIFE, Side
from tallystick.core.quantity import CURRENCIES, UNITS
from tallystick.core.warrants import EXCLUSIONS

pytestmark = [pytest.mark.browser, needs_chromium]
CASES = json.loads((Path(__file__).parents[2] / "vectors" / "ed25519.json").read_text())["cases"]


def window(browser, *, width=1280, height=900, scheme="light"):
    """Return the page as a file that was saved, and what went wrong or out of it, which must be nothing."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.told = []
    page.on("console", lambda message: page.told.append(message.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.on("request", lambda request: page.told.append(request.url) if request.url != auditor.PAGE.as_uri() else None)
    page.goto(auditor.PAGE.as_uri())
    ready(page)
    return page


def ready(page):
    """Wait until the page takes files, which it says by saying nothing.

    Not for a function: to ask one again and again, the driver would need what the page's policy forbids.
    """
    page.wait_for_selector("#state:empty", state="attached")


@pytest.fixture(scope="module")
def page(chromium_browser):
    page = window(chromium_browser)
    yield page
    assert page.told == []
    page.context.close()


def file(name, data):
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def judged(page, *files):
    """Give files to the page; return its verdict, and (code, where) of what it found."""
    page.reload()
    ready(page)
    page.set_input_files("#file", [file(f"{number}.evidence", data) for number, data in enumerate(files)])
    page.wait_for_selector("#verdict")
    found = page.eval_on_selector_all(
        ".problems li", "rows => rows.map(row => [row.parentNode.className, row.dataset.code, row.dataset.where])"
    )
    return page.get_attribute("#verdict", "data-verdict"), found


def faults(found):
    return [(code, where) for kind, code, where in found if "fault" in kind]


# ---- evidence


def test_the_page_is_what_the_tool_writes():
    written = auditor.PAGE.read_text(encoding="utf-8")
    assert auditor.completed(written) == written, "run: python -m tools.auditor"
    assert "default-src 'none'" in written
    for way_out in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "http://www", "https://", "localStorage"):
        assert way_out not in written.replace("http://www.w3.org/2000/svg", ""), way_out


def test_the_evidence_of_an_order_holds_and_is_told(page):
    verdict, found = judged(page, s1_evidence())
    assert (verdict, faults(found)) == ("holds", [])
    assert page.inner_text("#verdict") == "HOLDS"
    assert page.evaluate("document.activeElement.id") == "verdict"
    text = page.inner_text("#result")
    for told in (
        "Order JPIN/JP/2026/0007",
        "closed",
        "24,510,187.80",
        "60 kg refused (spoiled)",
        "Still open\nINR 0.00",
    ):
        assert told in text, told
    assert page.locator(".timeline > li").count() == len(check(s1_evidence()).acts)


def test_a_whole_file_leaves_nothing_out(page):
    verdict, found = judged(page, s1_evidence(whole=True))
    assert (verdict, [code for _, code, _ in found]) == ("holds", variants.ALWAYS)
    assert "nothing was left out" in page.inner_text(".checks")


@pytest.mark.parametrize("change", variants.CHANGES, ids=lambda change: change.__name__)
def test_what_was_changed_is_named_as_by_the_program(page, change):
    data = changed(s1_evidence(), change)
    ours = [(problem.code, problem.where) for problem in check(data).problems if problem.weight == "fault"]
    verdict, found = judged(page, data)
    assert verdict == "does-not-hold"
    assert sorted(faults(found)) == sorted(ours)
    assert page.inner_text("#verdict") == "DOES NOT HOLD"


def test_a_flipped_byte_is_found(page):
    data = s1_evidence()
    for at in range(0, len(data), 901):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert judged(page, flipped)[0] != "holds", at


def test_rules_of_another_version_are_not_judged(page):
    def other_rules(value):
        value[4][0] = "tallystick-record-9"

    verdict, found = judged(page, changed(s1_evidence(), other_rules))
    assert (verdict, faults(found)) == ("cannot-tell", [])


def test_an_act_outside_its_warrant_cannot_count(page):
    """Another officer of the same party, without the duty, is named in the receipt: the salt is known to the liar."""

    def another_officer(value):
        log, index = variants.receipt_ref()
        core = leaf_of(value, log, index)[2][0]
        fields = canonical.decode(core[1])
        fields[0] = next(row[0] for row in variants.log_of(value, 1)[2] if len(row) == 3 and row[0] > 2)
        core[1] = canonical.encode(fields)

    verdict, found = judged(page, changed(s1_evidence(), another_officer))
    assert verdict == "does-not-hold"
    assert ("evidence-finding-missing", str(variants.receipt_ref())) in faults(found)


def test_findings_are_shown_at_the_act_they_are_about(page, tmp_path):
    data = after_a_correction(tmp_path)
    assert [finding.code for finding in check(data).findings] == ["corrected", "refused-goods"]
    judged(page, data)
    assert page.locator(".timeline .tag.warn").all_inner_texts() == [
        "to look at: corrected",
        "to look at: refused goods",
    ]


def test_a_file_that_an_act_names_is_compared(page, tmp_path):
    data, note = with_detail(tmp_path, detail_of(attachments=[attached("delivery note.pdf", b"forty tonnes")]))
    judged(page, data)
    assert "Attached: delivery note.pdf, 12 bytes" in page.inner_text(".timeline")
    for content, told in ((b"forty tonnes", f"byte for byte, the file that {note} names"), (b"fifty", "is none of")):
        page.set_input_files("#file", [file("scan.pdf", content)])
        page.wait_for_selector(f"#state:has-text('{told}')")
    assert page.inner_text("#verdict") == "HOLDS"


# ---- what is no evidence


@pytest.mark.parametrize(
    ("begins", "size", "told"),
    [
        (b"PK\x03\x04", 2**31, ["does-not-hold", "malformed-evidence"]),
        (b"", 0, ["does-not-hold", "malformed-evidence"]),
        (None, 2**26 + 1, ["cannot-tell", "page-too-large"]),
    ],
    ids=["another program's file of two gigabytes", "an empty file", "evidence beyond what evidence may have"],
)
def test_of_a_file_that_is_none_of_ours_only_the_beginning_is_read(page, tmp_path, begins, size, told):
    path = tmp_path / "some.file"
    path.write_bytes(s1_evidence() if begins is None else begins)
    os.truncate(path, size)  # the rest is a hole
    page.reload()
    ready(page)
    page.set_input_files("#file", path)
    page.wait_for_selector("#verdict")
    code = page.get_attribute(".problems li", "data-code")
    assert [page.get_attribute("#verdict", "data-verdict"), code] == told


@pytest.mark.parametrize("name", [name for name, (reader, _) in BOMBS.items() if reader == "evidence"])
def test_a_bomb_is_refused_while_somebody_waits(page, tmp_path, name):
    path = tmp_path / "bomb.evidence"
    path.write_bytes(BOMBS[name][1]())
    page.reload()
    ready(page)
    page.set_input_files("#file", path)
    page.wait_for_selector("#verdict", timeout=20_000)
    assert page.get_attribute("#verdict", "data-verdict") == "does-not-hold"


# ---- courier files


def bundles():
    desk = s1().director.desk("JP")
    return b"".join(exchange.news_for(desk, {})), desk.genesis.bytes


def test_a_courier_file_is_rebuilt_and_told(page):
    data, genesis = bundles()
    verdict, found = judged(page, data, genesis)
    assert (verdict, faults(found)) == ("holds", [])
    assert "Order JPIN/JP/2026/0007" in page.inner_text("#result")
    desk = s1().director.desk("JP")
    roots = page.locator("#logs ~ .table-wrap .hash").all_inner_texts()
    assert roots == [desk.space.root(log, size).hex() for log, size in desk.space.sizes().items()]


def test_what_was_erased_is_told_and_what_is_read_instead(page, tmp_path):
    director = paired(tmp_path)
    delivery = delivered(director, agreed(director))
    note = director.act("JP", Kind.NOTE, received(director, delivery), remark="canary")
    director.exchange()
    desk = director.desk("JP")
    body = replace(desk.space.entry(delivery).body, place="JPYOK")
    wishes = [("JP", note, Segment.DETAIL, b"")]
    wishes += [(party, delivery, Segment.CORE, canonical.encode(to_array(body))) for party in ("IN", "JP")]
    for party, target, segments, restated in wishes:
        draft = redact.draft(director.desk(party), target, segments, Reason.NOT_STATED, restated)
        write.sign(director.desk(party), draft)
        director.exchange()
    evidence = prove.prove(desk, desk.record.subject_of(delivery))
    gone = [
        ["problems limit", "evidence-segment-erased", str(delivery)],
        ["problems limit", "evidence-segment-erased", str(note)],
    ]
    verdict, found = judged(page, evidence)
    assert (verdict, check(evidence).verdict) == ("holds", "holds")
    assert [row for row in found if row[1].startswith("evidence-segment")] == gone
    verdict, found = judged(page, b"".join(exchange.news_for(desk, {})), desk.genesis.bytes)
    assert (verdict, faults(found)) == ("holds", [])
    assert sorted(row[1:] for row in found if row[1].startswith("evidence-segment")) == sorted(row[1:] for row in gone)


def test_attached_files_are_told_by_name_size_and_hash(page, tmp_path):
    said = detail_of("As signed.", attachments=[Attachment("受領書 & <b>.pdf", 48_213, bytes(range(32)))])
    said = {**said, 3: [*said[3], ["odd", -1, bytes(32)], ["run\u202efdp", 1, bytes(32)], 7]}
    verdict, _ = judged(page, with_detail(tmp_path, said)[0])
    assert verdict == "holds"
    told = f"Attached: 受領書 & <b>.pdf, 48213 bytes, SHA-256 {bytes(range(32)).hex()}"
    assert [text for text in page.locator(".timeline .who").all_inner_texts() if "Attached" in text] == [told]


def test_who_asked_without_the_training_that_the_terms_want_is_told(page, tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(training=(Duty.REQUESTER, Duty.ORDERING))})
    monkeypatch.setattr("tallystick.cli.demo.director.TRAINED_ON", None)
    director = paired(tmp_path)
    agreed(director)
    desk = director.desk("JP")
    (order_id,) = desk.record.orders
    data = prove.prove(desk, order_id)
    assert [finding.code for finding in check(data).findings] == ["not-trained", "not-trained"]
    assert judged(page, data)[0] == "holds"


def test_a_courier_file_needs_the_agreement(page):
    verdict, found = judged(page, bundles()[0])
    assert (verdict, [code for _, code, _ in found]) == ("cannot-tell", ["page-no-agreement"])


def test_a_changed_courier_file_does_not_hold(page):
    data, genesis = bundles()
    for at in range(7, len(data), 401):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert judged(page, flipped, genesis)[0] != "holds", at
    assert judged(page, data[:-1], genesis)[0] == "does-not-hold"


def test_a_sealed_courier_file_opens_with_its_key(page):
    data, genesis = bundles()
    identity = pyrage.x25519.Identity.generate()
    page.reload()
    ready(page)
    page.set_input_files("#file", [file("genesis.cbor", genesis)])
    page.wait_for_selector("#state:has-text('at hand now')")
    page.set_input_files("#file", [file("news.lmc.age", pyrage.encrypt(data, [identity.to_public()]))])
    page.fill("#secret", str(pyrage.x25519.Identity.generate()))
    page.keyboard.press("Enter")
    page.wait_for_selector("#state:has-text('another key')")
    page.fill("#secret", str(identity))
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    assert page.inner_text("#verdict") == "HOLDS"
    assert page.input_value("#secret") == ""


# ---- what it is made of


def test_its_own_tables_say_what_the_programs_say(page):
    """They are written twice on purpose; a new kind, unit, step or duty has to be told to both."""
    tables = page.evaluate("""() => ({
      kinds: Object.entries(tallystick.KINDS).map(([kind, [, fields]]) => [Number(kind), Object.keys(fields).length]),
      units: tallystick.UNITS, decimals: tallystick.DECIMALS, life: tallystick.LIFE, sides: tallystick.SIDES,
      exclude: tallystick.EXCLUDE })""")
    assert dict(tables["kinds"]) == {int(kind): len(dataclass_fields(body)) for kind, body in BODIES.items()}
    assert {code: decimals for code, (_, decimals) in tables["units"].items()} == {
        c: u.decimals for c, u in UNITS.items()
    }
    assert tables["decimals"] == {c: m.exponent for c, m in CURRENCIES.items()}
    sides = {"r": Side.RECEIVER, "p": Side.PROVIDER, "rp": Side.EITHER}
    told = [
        (step["kind"], set(step["on"]), set(step["from"]), sides[step["side"]], set(step["duties"]), step["next"],
         step["otherwise"])
        for step in tables["life"]
    ]  # fmt: skip
    assert told == [
        (int(step.kind), set(map(int, step.on)) or {None}, set(map(str, step.from_states)), step.side,
         set(map(int, step.duties)), None if not step.to or step.kind == Kind.PRICE_LIST else str(step.to),
         step.otherwise)
        for step in sorted(LIFE, key=lambda step: int(step.kind))
    ]  # fmt: skip
    assert {Duty(int(duty)): sides[side] for duty, side in tables["sides"].items()} == dict(DUTY_SIDES)
    assert {int(duty): set(others) for duty, others in tables["exclude"].items()} == {
        int(duty): set(map(int, others)) for duty, others in EXCLUSIONS.items()
    }


def test_signatures_are_judged_exactly_as_by_the_program(page):
    judge = """async cases => {
      const bytes = text => Uint8Array.from(text.match(/../g) ?? [], x => parseInt(x, 16)), found = [];
      for (const {key, message, signature} of cases) found.push([
        tallystick.keyIsAcceptable(bytes(key)),
        await tallystick.verifySignature(bytes(key), bytes(message), bytes(signature))]);
      return found; }"""
    ours = []
    for case in CASES:
        key, message, signature = (bytes.fromhex(case[name]) for name in ("key", "message", "signature"))
        acceptable = signing.key_is_acceptable(key)
        ours.append([acceptable, acceptable and signing.verify(key, message, signature)])
    assert page.evaluate(judge, CASES) == ours


def test_fuel_is_reduced_to_15_degrees_by_the_same_figures(page):
    measures = [(density, warmth) for density in range(7_705, 10_751, 43) for warmth in range(-180, 901, 40)]
    ours = [fuel.vcf_e5(density, warmth) for density, warmth in measures]
    assert (
        page.evaluate("all => all.map(([density, warmth]) => tallystick.fuelFactor(density, warmth))", measures) == ours
    )
    assert page.evaluate("[tallystick.fuelFactor(7704, 0), tallystick.fuelFactor(8400, 901)]") == [None, None]


def older(browser, script):
    """Return the page in a browser that lacks what ``script`` takes away."""
    page = browser.new_context().new_page()
    page.add_init_script(script)
    page.goto(auditor.PAGE.as_uri())
    return page


def test_a_browser_without_ed25519_is_enough(chromium_browser):
    page = older(
        chromium_browser,
        """const load = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (form, key, sort, ...more) => sort.name === "Ed25519"
          ? Promise.reject(new DOMException("unknown", "NotSupportedError")) : load(form, key, sort, ...more);""",
    )
    ready(page)
    assert judged(page, s1_evidence())[0] == "holds"
    assert judged(page, changed(s1_evidence(), variants.other_signature))[0] == "does-not-hold"
    page.context.close()


def test_a_browser_that_gives_no_cryptography_is_told_what_to_do(chromium_browser):
    page = older(chromium_browser, "Object.defineProperty(crypto, 'subtle', { value: undefined });")
    page.wait_for_selector("#state:has-text('gives this page no cryptography')")
    page.context.close()


def test_what_zstd_packs_is_unpacked(page):
    dictionary = auditor.DICTIONARY.read_bytes()
    source = (Path(__file__).read_bytes() + bytes(3000) + bytes(range(256)) * 9) * 4
    unpack = """([packed, plain]) => tallystick.hex(tallystick.sha256(tallystick.unzstd(
      Uint8Array.from(atob(packed), c => c.charCodeAt(0)),
      tallystick.readDictionary(plain ? new Uint8Array(0) : tallystick.WIRE_DICTIONARY))))"""
    for size in (40, 3_000, len(source)):
        for level in (1, 19):
            for plain in (True, False):
                made = zstandard.ZstdCompressor(
                    compression_params=zstandard.ZstdCompressionParameters.from_level(
                        level, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, write_dict_id=0
                    ),
                    dict_data=None if plain else zstandard.ZstdCompressionDict(dictionary),
                ).compress(source[:size])
                found = page.evaluate(unpack, [b64encode(made).decode(), plain])
                assert found == page.evaluate(
                    "data => tallystick.hex(tallystick.sha256(Uint8Array.from(atob(data), c => c.charCodeAt(0))))",
                    b64encode(source[:size]).decode(),
                )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_nothing_hinders_and_nothing_overflows(chromium_browser, width, scheme):
    page = window(chromium_browser, width=width, scheme=scheme)
    assert hindrances(page) == []
    judged(page, changed(s1_evidence(), variants.more_money))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert hindrances(page) == []
    page.context.close()


@pytest.mark.parametrize("make", [after_a_correction, after_a_fork, after_an_erasure], ids=lambda make: make.__name__)
def test_what_happened_to_the_record_does_not_hurt_the_evidence(page, tmp_path, make):
    data = make(tmp_path)
    verdict, found = judged(page, data)
    ours = {(p.code, p.where) for p in check(data).problems}
    assert (verdict, {(code, where) for _, code, where in found}) == ("holds", ours)


def test_a_courier_file_with_a_fork_is_left_to_the_program(page, tmp_path):
    desk = forked_desk(tmp_path)
    data = b"".join(exchange.news_for(desk, {}))
    verdict, found = judged(page, data, desk.genesis.bytes)
    assert (verdict, {code for _, code, _ in found}) == ("cannot-tell", {"page-fork", "page-courier-meaning"})


def test_the_money_of_a_corrected_order_is_worked_out_as_well(page, tmp_path):
    data = after_a_correction(tmp_path)
    assert [line.about is not None for line in check(data).journal].count(True) >= 4

    def more(value):
        value[4][4][-1][6] += 1

    assert judged(page, changed(data, more))[0] == "does-not-hold"
