"""Erasing on two real nodes: what goes, when, and that no byte of it is left in their files or in what they send."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import again, delivered, in_step, paired, received, request
from tests.nodes import agreed as agreed_order
from tests.unit.app.test_exchange import Line
from tests.unit.app.test_restored import put_back

from tallystick.app import courier, exchange, fields, prove, redact, verify_evidence, write
from tallystick.app.node import Desk
from tallystick.app.report import Verdict
from tallystick.cli.demo.director import Director
from tallystick.core import bundle as wire
from tallystick.core.canonical import encode
from tallystick.core.entries import Kind, Reason, Segment, to_array
from tallystick.core.errors import ActRefusedError, LocalError
from tallystick.core.identity import EntryRef
from tallystick.core.log import EPOCH_KEY_BYTES, TAGS, salt
from tallystick.core.space import Space
from tallystick.stores import files

CANARY = "Lt Canary-7f3a Tanaka"
CORE, DETAIL, AUTH = Segment.CORE, Segment.DETAIL, Segment.AUTH
IN_FILES = ("JP", "IN")


@pytest.fixture
def director(tmp_path: Path, request: pytest.FixtureRequest) -> Director:
    """Two paired nodes, on SQLite; with the parameter "files", on folders of files."""
    kind = getattr(request, "param", "sqlite")
    return paired(tmp_path, stores={p: f"files:///{tmp_path}/{p.lower()}/record" for p in IN_FILES if kind == "files"})


in_files_too = pytest.mark.parametrize("director", ["sqlite", "files"], indirect=True)


def secrets(desk: Desk, ref: EntryRef, *tags: bytes) -> list[bytes]:
    """The epoch key of an entry's block and the salts of its segments."""
    key = desk.store.load(desk.id).epoch_keys[ref.log, ref.index // 256]
    assert len(key) == EPOCH_KEY_BYTES
    return [key, *(salt(key, ref.index, tag) for tag in tags)]


def on_the_disks(folder: Path) -> bytes:
    """All bytes in the nodes' folders, the database's journal and index of it among them."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".age"]
    assert {".db", ".db-wal", ".db-shm"} & {path.suffix for path in paths} or (folder / "jp/record").exists()
    return b"\0".join(path.read_bytes() for path in paths)


def sent(desk: Desk) -> bytes:
    """What a node would send to one that holds nothing, unpacked."""
    bundles = [wire.read_envelope(one) for one in exchange.news_for(desk, {}, acknowledging=False)]
    return b"\0".join(desk.space.codec.unpack(one.codec, one.body) + one.raw for one in bundles)


def everywhere(director: Director, folder: Path) -> bytes:
    return on_the_disks(folder) + b"".join(sent(director.desk(party)) for party in ("JP", "IN"))


def roots(desk: Desk, sizes: dict[int, int]) -> dict[int, bytes]:
    return {log: desk.space.root(log, size) for log, size in sizes.items()}


def say(director: Director, party: str, target: EntryRef, segments: Segment, restated: bytes = b"") -> EntryRef:
    desk = director.desk(party)
    return write.sign(desk, redact.draft(desk, target, segments, Reason.ENTERED_IN_ERROR, restated)).ref


def noted(director: Director) -> EntryRef:
    order = request(director)
    note = director.act("JP", Kind.NOTE, order, remark=f"Ask for {CANARY} at the gate")
    director.act("JP", Kind.NOTE, order, remark="Nothing special")
    director.exchange()
    return note


class Listened(Line):
    """A line that keeps all that went over it, either way."""

    def __init__(self, director: Director, caller: str) -> None:
        super().__init__(director, caller)
        self.heard: list[bytes] = []

    def post(self, body: bytes, holds: str) -> exchange.Reply:
        reply = super().post(body, holds)
        self.heard += [body, reply.body]
        return reply


@in_files_too
def test_a_remark_is_gone_from_both_disks_and_from_all_that_is_sent(director: Director, tmp_path: Path) -> None:
    note = noted(director)
    jp, india = director.desk("JP"), director.desk("IN")
    gone = [CANARY.encode(), *secrets(jp, note, b"\1")]
    sizes = jp.space.sizes()
    before = roots(jp, sizes), jp.record.order_digest(jp.record.subject_of(note))
    assert all(part in everywhere(director, tmp_path) for part in (gone[0], gone[1]))
    india.store.put_waiting(india.id, b"\x85" + gone[0])
    india.store.set_aside(india.id, gone[0], "malformed-bytes", {}, 1)
    say(director, "JP", note, DETAIL)
    director.exchange()
    assert in_step(director)
    for desk in (jp, india):
        assert (roots(desk, sizes), desk.record.order_digest(jp.record.subject_of(note))) == before
        assert desk.space.entry(note).erased == DETAIL
        assert desk.space.checkpoint(note.log) is not None
        assert not redact.purge_due(desk.store)
        assert desk.store.waiting(desk.id) == ()
    held = everywhere(director, tmp_path)
    assert [part for part in gone if part in held] == []
    assert b"Nothing special" in held
    for party in ("JP", "IN"):
        director.nodes[party].store.close()
    assert [part for part in gone if part in on_the_disks(tmp_path)] == []


def test_the_writer_goes_on_and_a_second_process_sees_it(director: Director, tmp_path: Path) -> None:
    note = noted(director)
    key, *_ = secrets(director.desk("JP"), note)
    other = again(director.nodes["JP"])
    assert other.desk().space.entry(note).detail is not None
    say(director, "JP", note, DETAIL)
    director.act("JP", Kind.NOTE, note, remark="And then?")
    director.exchange()
    assert in_step(director)
    assert key not in everywhere(director, tmp_path)
    other.desk().refresh()
    assert other.desk().space.entry(note).detail is None


def test_exports_backups_and_verification_carry_the_erased_form(director: Director, tmp_path: Path) -> None:
    note = noted(director)
    gone = [CANARY.encode(), *secrets(director.desk("JP"), note, b"\1")]
    say(director, "JP", note, DETAIL)
    director.exchange()
    director.nodes["IN"].store.export(director.desk("IN").id, tmp_path / "export")
    director.nodes["JP"].store.backup(tmp_path / "backup")
    for path in ("export", "backup"):
        found = tmp_path / path
        data = b"\0".join(p.read_bytes() for p in ([found] if found.is_file() else found.rglob("*")) if p.is_file())
        assert [part for part in gone if part in data] == []
    loaded = files.read_folder(tmp_path / "export")
    space = Space.restore(
        director.desk("IN").genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints, verify=True
    )
    assert space.sizes() == director.desk("IN").space.sizes()


def test_a_courier_file_from_before_brings_nothing_back(director: Director, tmp_path: Path) -> None:
    note = noted(director)
    node, desk = director.nodes["JP"], director.desk("JP")
    old = courier.write(node, desk, courier.partner(node, desk, "IN"), everything=True)
    gone = CANARY.encode()
    say(director, "JP", note, DETAIL)
    new = courier.write(node, desk, courier.partner(node, desk, "IN"), everything=True)
    for made in (new, old, new):
        courier.read(director.nodes["IN"], made.data)
    director.exchange()
    assert in_step(director)
    assert gone not in everywhere(director, tmp_path)


@in_files_too
def test_a_core_goes_when_both_agree_and_the_order_stays_as_it_was(director: Director, tmp_path: Path) -> None:
    accepted = agreed_order(director)
    delivery = director.act(
        "IN", Kind.DELIVERY, accepted, occurred_on="2027-02-20", offset=330, place="CANARYPIER9B1C",
        lines=[{"line": 1, "quantity": "100", "fuel": None}],
    )  # fmt: skip
    received(director, delivery)
    director.exchange()
    jp, india = director.desk("JP"), director.desk("IN")
    order = jp.record.subject_of(delivery)
    gone = [b"CANARYPIER9B1C", *secrets(india, delivery, TAGS[0])]
    before = jp.record.ledger.digest
    data = fields.to_json(jp.space.entry(delivery).body, fields.Context("INR", {1: "KGM"}))
    data["place"] = "INVTZ"
    del data["who"]
    restated = redact.restatement(india, delivery, data, fields.Context("INR", {1: "KGM"}))
    seen = redact.preview(india, redact.draft(india, delivery, CORE, Reason.NOT_STATED, restated))
    assert (seen.now, seen.later, seen.waits_for) == (Segment(0), CORE, ("JP",))
    assert seen.before is not None
    assert seen.after is not None
    assert [line.received for line in seen.after.lines] == [100_000]
    say(director, "IN", delivery, CORE, restated)
    director.exchange()
    assert gone[0] in everywhere(director, tmp_path)
    (waits,) = redact.waiting(jp)
    assert redact.to_confirm(jp, waits).party == "IN"
    assert redact.to_confirm(india, waits) is None
    confirmation = redact.confirmation(jp, delivery)
    seen = redact.preview(jp, confirmation)
    assert (seen.now, seen.later, seen.waits_for) == (CORE, Segment(0), ())
    write.sign(jp, confirmation)
    director.exchange()
    assert in_step(director)
    held = everywhere(director, tmp_path)
    assert [part for part in gone if part in held] == []
    assert jp.space.entry(delivery).body.place == "INVTZ"
    assert jp.record.ledger.digest == before
    assert redact.waiting(jp) == ()
    assert redact.standing(jp, delivery).last.party == "JP"
    assert jp.record.orders[order].lines[0].received == 100_000


def test_a_third_node_that_comes_later_has_the_same_record(director: Director) -> None:
    note = noted(director)
    say(director, "JP", note, DETAIL)
    say(director, "JP", note, CORE)
    director.exchange()
    say(director, "IN", note, CORE)
    director.exchange()
    jp = director.desk("JP")
    late = Space(jp.genesis, jp.dictionary)
    for party in ("JP", "IN", "JP"):
        desk = director.desk(party)
        for bundle in desk.space.compose_all(late.sizes(), desk.sign_checkpoint):
            late.apply(late.read(bundle))
    assert late.sizes() == jp.space.sizes()
    reading = jp.fold.fresh()
    reading.extend(late.acts())
    assert reading.record.digest == jp.record.digest
    assert late.stored(note).core is None


def test_nothing_of_what_is_not_there_is_erased_or_confirmed(tmp_path: Path) -> None:
    director = paired(tmp_path)
    order = request(director)
    desk = director.desk("JP")
    with pytest.raises(LocalError, match="nothing-to-erase"):
        redact.draft(desk, order, DETAIL, Reason.NOT_STATED)
    with pytest.raises(LocalError, match="nothing-to-confirm"):
        redact.confirmation(desk, order)
    with pytest.raises(ActRefusedError, match="redact-not-possible"):
        say(director, "JP", order, CORE)
    with pytest.raises(LocalError, match="unknown-entry"):
        redact.standing(desk, EntryRef(16, 999))
    grant = EntryRef(desk.admin_log, 1)
    with pytest.raises(LocalError, match="redact-not-possible"):
        redact.restatement(desk, grant, {}, fields.Context())


def test_a_purge_that_was_not_possible_stays_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    director = paired(tmp_path)
    note = noted(director)
    desk = director.desk("JP")
    monkeypatch.setattr(desk.store._driver, "_wait_seconds", 0.1)
    desk.store.close()
    with desk.store._transaction(write=False) as reading:
        reading.rows("SELECT COUNT(*) FROM record_leaves")
        say(director, "JP", note, DETAIL)
        assert redact.purge_due(desk.store)
    assert desk.store.purge()
    assert not redact.purge_due(desk.store)
    desk.store.close()
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "jp").glob("node.db*"))


def test_a_detail_of_another_party_is_only_asked_for(director: Director, tmp_path: Path) -> None:
    note = noted(director)
    jp, india = director.desk("JP"), director.desk("IN")
    seen = redact.preview(india, redact.draft(india, note, DETAIL, Reason.NOT_STATED))
    assert (seen.now, seen.later, seen.waits_for) == (Segment(0), DETAIL, ("JP",))
    say(director, "IN", note, DETAIL)
    director.exchange()
    assert CANARY.encode() in everywhere(director, tmp_path)
    write.sign(jp, redact.confirmation(jp, note))
    director.exchange()
    assert CANARY.encode() not in everywhere(director, tmp_path)
    assert hashlib.sha256(encode(to_array(jp.space.entry(note).body))).digest() == jp.space.entry(note).core_hash


def test_evidence_of_an_order_holds_without_what_was_erased(director: Director) -> None:
    delivery = delivered(director, agreed_order(director))
    note = director.act("JP", Kind.NOTE, received(director, delivery), remark=CANARY)
    director.exchange()
    jp = director.desk("JP")
    say(director, "JP", note, DETAIL)
    restated = encode(to_array(replace(jp.space.entry(delivery).body, place="JPYOK")))
    for party in ("IN", "JP"):
        say(director, party, delivery, CORE, restated)
        director.exchange()
    data = prove.prove(jp, jp.record.subject_of(delivery))
    checked = verify_evidence.check(data)
    assert checked.verdict is Verdict.HOLDS
    assert [(problem.code, problem.where, dict(problem.facts)) for problem in checked.problems[:2]] == [
        ("evidence-segment-erased", str(delivery), {"segment": "core"}),
        ("evidence-segment-erased", str(note), {"segment": "detail"}),
    ]
    assert CANARY.encode() not in data


def test_partners_do_not_have_the_database_written_anew_as_often_as_they_like(
    director: Director, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = request(director)
    notes = [director.act("JP", Kind.NOTE, order, remark=f"{CANARY} {n}") for n in range(3)]
    director.exchange()
    india = director.desk("IN")
    purged = []
    purge = india.store.purge
    monkeypatch.setattr(india.store, "purge", lambda: purged.append(1) or purge())
    for note in notes:
        say(director, "JP", note, DETAIL)
        director.exchange()
    assert (len(purged), redact.purge_due(india.store)) == (1, True)
    assert india.store.purge()
    assert CANARY.encode() not in sent(india)


def test_a_node_opened_anew_reads_the_same(director: Director) -> None:
    delivery = delivered(director, agreed_order(director))
    director.exchange()
    restated = encode(to_array(replace(director.desk("JP").space.entry(delivery).body, place="JPYOK")))
    for party in ("IN", "JP"):
        say(director, party, delivery, CORE, restated)
        director.exchange()
    for party in ("IN", "JP"):
        opened = again(director.nodes[party]).desk()
        assert opened.record.digest == director.desk(party).record.digest
        assert opened.space.entry(delivery) == director.desk(party).space.entry(delivery)
        assert opened.record.entries_of(opened.record.subject_of(delivery))[-1].body.place == "JPYOK"


@pytest.mark.parametrize("way", ["visits", "is visited", "by courier"])
def test_a_node_back_from_before_an_erasure_erases_again_before_it_sends(
    director: Director, tmp_path: Path, way: str
) -> None:
    """The backup holds a remark that nobody had acknowledged then, so that the node would tell it first of all."""
    order = request(director)
    director.exchange()
    note = director.act("JP", Kind.NOTE, order, remark=f"Ask for {CANARY} at the gate")
    director.nodes["JP"].store.backup(tmp_path / "backup.db")
    director.exchange()
    say(director, "JP", note, DETAIL)
    director.exchange()
    japan = put_back(director, "JP", tmp_path / "backup.db")
    assert CANARY.encode() in on_the_disks(tmp_path / "jp")
    assert sent(japan) == b""

    out: list[bytes] = []
    if way == "by courier":
        for sender, reader in (("JP", "IN"), ("IN", "JP"), ("JP", "IN")):
            node = director.nodes[sender]
            file = courier.write(node, node.desk(), courier.partner(node, node.desk()))
            out.append(director.nodes[reader].keys.unseal(file.data))
            courier.read(director.nodes[reader], file.data)
    else:
        line = Listened(director, "JP" if way == "visits" else "IN")
        line.sync()
        out += line.heard
    assert in_step(director)
    assert japan.restored is None
    bundles = [wire.read_envelope(one) for data in out for one in wire.split_sequence(data)]
    assert bundles
    assert not any(CANARY.encode() in japan.space.codec.unpack(one.codec, one.body) + one.raw for one in bundles)
    (tmp_path / "backup.db").unlink()
    assert CANARY.encode() not in everywhere(director, tmp_path)
