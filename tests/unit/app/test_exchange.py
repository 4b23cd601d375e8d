"""Bundles between two nodes: silence when idle, nothing lost on a broken line, and each bad bundle its own code."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.nodes import (
    MEMORY,
    NAMES,
    again,
    agreed,
    delivered,
    held,
    in_step,
    offered,
    paired,
    received,
    request,
    roots,
    two_nodes,
)

from tallystick.app import exchange, forks, rotations
from tallystick.app.exchange import Reply
from tallystick.app.node import Desk
from tallystick.cli.demo.director import Director
from tallystick.core import bundle as wire
from tallystick.core import canonical, composing
from tallystick.core.bundle import Range
from tallystick.core.entries import Draft, Duty, Entry, Grant, Kind
from tallystick.core.errors import (
    LocalError,
    MalformedBytesError,
    PeerUnreachableError,
    RemoteError,
    StoreUnavailableError,
)
from tallystick.core.fold import Fold
from tallystick.core.identity import EntryRef, log_id
from tallystick.stores.keys import KeyFolder
from tallystick.stores.node import open_node
from tallystick.stores.sql import SqlStore


@dataclass
class Line:
    """The line from one node to the other; writes down how many bytes went each way."""

    director: Director
    caller: str = "JP"
    sent: list[int] = field(default_factory=list)
    came: list[int] = field(default_factory=list)

    def post(self, body: bytes, holds: str) -> Reply:
        key = self.director.nodes[self.caller].keys.public("writer")
        reply = exchange.answer(self.other, body, key, holds)
        self.sent.append(len(body))
        self.came.append(len(reply.body))
        return reply

    @property
    def other_party(self) -> str:
        return "IN" if self.caller == "JP" else "JP"

    @property
    def other(self) -> Desk:
        return self.director.desk(self.other_party)

    def sync(self, holds: str = "", post: Callable[[bytes, str], Reply] | None = None) -> exchange.SyncResult:
        key = self.director.nodes[self.other_party].keys.public("writer")
        return exchange.sync(self.director.desk(self.caller), post or self.post, key, holds=holds)


GRANT = Grant("", None, "", (Duty.ORDERING,), "", None, None, None, None)


def key_of(director: Director, party: str) -> bytes:
    return director.nodes[party].keys.public("writer")


def pieces(director: Director, monkeypatch: pytest.MonkeyPatch, size: int = 2) -> list[bytes]:
    """Return India's news for Japan, cut into bundles of about ``size`` leaves."""
    monkeypatch.setattr(composing, "SPLIT_ITEMS", size)
    bundles = exchange.news_for(
        director.desk("IN"), exchange.known_by_partner(director.desk("IN"), key_of(director, "JP"))
    )
    monkeypatch.undo()
    return bundles


def some_news(director: Director, count: int = 3) -> None:
    """India delivers an agreed order in several parts that Japan has not heard of."""
    accepted = agreed(director)
    director.exchange()
    for _ in range(count):
        delivered(director, accepted, "10")


# ---- silence


def test_one_round_trip_carries_news_and_its_acknowledgement(director: Director):
    line = Line(director)
    request(director)
    result = line.sync()

    assert in_step(director)
    assert (len(line.sent), min(line.sent) > 0, min(line.came) > 0) == (1, True, True)
    assert exchange.sizes_digest(director.desk("JP")) == result.holds


@pytest.mark.parametrize("caller", ["JP", "IN"])
def test_two_nodes_that_hold_the_same_exchange_no_bytes_and_write_nothing(director: Director, caller: str):
    line = Line(director, caller)
    request(director)
    holds = line.sync().holds
    sizes = director.desk("JP").space.sizes()
    line.sent.clear()
    line.came.clear()

    for _ in range(5):
        director.clock.instant += 3600
        holds = line.sync(holds).holds

    assert (line.sent, line.came) == ([0] * 5, [0] * 5)
    assert director.desk("JP").space.sizes() == director.desk("IN").space.sizes() == sizes


def test_after_a_restart_the_first_visit_is_silent_too(director: Director):
    """The worker forgets what the partner said it holds; the digests still agree."""
    line = Line(director)
    request(director)
    line.sync()
    line.sync(holds="")

    assert (line.sent[-1], line.came[-1]) == (0, 0)


def test_what_both_signed_meanwhile_crosses_in_one_visit(director: Director):
    first = request(director)
    director.exchange()
    director.offer(first, "IN", prices=["96.50"], unit="ENC", valid_until="2027-02-19")
    request(director)
    Line(director).sync()

    assert in_step(director)
    assert len(director.desk("IN").record.orders) == 2


# ---- a broken line


def test_a_lost_reply_costs_one_more_visit_and_nothing_else(director: Director):
    line = Line(director)
    request(director)

    def lose_the_reply(body: bytes, holds: str) -> Reply:
        line.post(body, holds)
        raise PeerUnreachableError(url="", why="reset")

    with pytest.raises(PeerUnreachableError):
        line.sync(post=lose_the_reply)
    assert len(director.desk("IN").record.orders) == 1
    entries = director.desk("IN").record.entry_count

    line.sync()
    assert in_step(director)
    assert director.desk("IN").record.entry_count == entries


def test_a_line_that_breaks_before_anything_arrived_changes_nothing(director: Director):
    request(director)
    before = held(director.desk("IN").store, director.desk("IN").id)

    def dead(_body: bytes, _holds: str) -> Reply:
        raise PeerUnreachableError(url="", why="refused")

    with pytest.raises(PeerUnreachableError):
        Line(director).sync(post=dead)
    assert held(director.desk("IN").store, director.desk("IN").id) == before


def test_what_arrived_before_the_break_is_not_sent_again(director: Director, monkeypatch: pytest.MonkeyPatch):
    some_news(director, 6)
    monkeypatch.setattr(composing, "SPLIT_ITEMS", 2)
    line = Line(director, "IN")
    sent: list[bytes] = []

    def break_half_way(body: bytes, holds: str) -> Reply:
        bundles = wire.split_sequence(body)
        sent.extend(bundles)
        line.post(b"".join(bundles[:2]), holds)
        raise PeerUnreachableError(url="", why="reset")

    with pytest.raises(PeerUnreachableError):
        line.sync(post=break_half_way)
    arrived = director.desk("JP").space.sizes()
    line.post(b"", "")  # Japan calls for a moment and is heard: it holds a part
    line.sync()

    assert len(sent) >= 3
    assert in_step(director)
    india = director.desk("IN").log
    assert arrived[india] < director.desk("JP").space.size(india)


# ---- out of order


def test_bundles_in_reverse_wait_and_are_healed_by_the_first(director: Director, monkeypatch: pytest.MonkeyPatch):
    some_news(director, 5)
    bundles = pieces(director, monkeypatch)
    desk = director.desk("JP")
    assert len(bundles) >= 3

    for count, bundle in enumerate(reversed(bundles[1:]), 1):
        early = exchange.receive(desk, bundle)
        assert (early.waiting, early.leaves, early.have) == (count, 0, desk.space.sizes())
    whole = exchange.receive(desk, bundles[0])

    assert desk.store.waiting(desk.id) == ()
    assert whole.entries == 5
    assert desk.record.digest == director.desk("IN").record.digest


def test_what_waits_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    director = paired(tmp_path)
    some_news(director, 5)
    bundles = pieces(director, monkeypatch)
    for bundle in bundles[1:]:
        exchange.receive(director.desk("JP"), bundle)

    reopened = again(director.nodes["JP"]).desk()
    exchange.receive(reopened, bundles[0])

    assert reopened.record.digest == director.desk("IN").record.digest


def test_bundles_in_reverse_in_one_body_leave_no_gap_to_tell_of(director: Director, monkeypatch: pytest.MonkeyPatch):
    some_news(director, 5)
    bundles = pieces(director, monkeypatch)
    came = exchange.receive(director.desk("JP"), b"".join(reversed(bundles)))

    assert (came.waiting, came.have) == (0, None)
    assert director.desk("JP").record.digest == director.desk("IN").record.digest


def test_the_same_bundles_again_and_again_change_nothing(director: Director, monkeypatch: pytest.MonkeyPatch):
    some_news(director, 5)
    bundles = pieces(director, monkeypatch)
    desk = director.desk("JP")
    exchange.receive(desk, b"".join(bundles))
    before, digest = held(desk.store, desk.id), desk.record.digest

    for bundle in [*bundles, *reversed(bundles), b"".join(bundles)]:
        assert exchange.receive(desk, bundle).leaves == 0

    assert held(desk.store, desk.id) == before
    assert (desk.record.digest, desk.store.aside()) == (digest, ())


def test_an_overlap_brings_only_what_is_new(director: Director):
    some_news(director, 2)
    director.exchange()
    some_news(director, 2)
    everything = exchange.news_for(director.desk("IN"), {})
    desk = director.desk("JP")

    came = exchange.receive(desk, b"".join(everything))

    assert came.entries == 2
    assert desk.record.digest == director.desk("IN").record.digest
    assert desk.store.aside() == ()


# ---- a node that came back from a backup


@pytest.mark.parametrize("caller", ["JP", "IN"])
@pytest.mark.parametrize("more", [0, 2])
def test_a_restored_node_hears_its_own_entries_from_the_partner(tmp_path: Path, caller: str, more: int):
    """India's disk is lost with a day of entries that Japan holds; ``more`` are Japan's news since."""
    director = paired(tmp_path)
    first = agreed(director)
    director.exchange()
    node = director.nodes["IN"]
    node.store.backup(tmp_path / "backup.db")
    deliveries = [delivered(director, first, "10") for _ in range(3)]
    received(director, deliveries[0], "10")
    director.exchange()
    for _ in range(more):
        request(director)
    lost = director.desk("IN").record.digest

    node.store.close()
    for suffix in ("-wal", "-shm"):
        (node.settings.folder / f"node.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup.db", node.settings.folder / "node.db")
    director.nodes["IN"] = again(node)
    assert director.desk("IN").record.digest != lost

    line = Line(director, caller)
    line.sync()

    assert in_step(director)
    assert len(director.desk("IN").record.orders) == 1 + more
    assert [aside.code for node in director.nodes.values() for aside in node.store.aside()] == []
    delivered(director, first, "5")  # and it can go on
    line.sync()
    assert in_step(director)


@pytest.mark.parametrize("caller", ["JP", "IN"])
def test_a_restored_node_acknowledges_nothing_before_it_has_heard_itself(tmp_path: Path, caller: str):
    """The backup was taken between hearing Japan's order and acknowledging it: doing that again would be a fork."""
    director = paired(tmp_path)
    offered(director)
    director.exchange()
    india = director.desk("IN")
    request(director)
    exchange.receive(india, b"".join(exchange.news_for(director.desk("JP"), india.space.sizes())))
    node = director.nodes["IN"]
    node.store.backup(tmp_path / "backup.db")
    director.clock.instant += 3600
    exchange.acknowledge(india)
    director.exchange()
    full = india.space.sizes()

    node.store.close()
    for suffix in ("-wal", "-shm"):
        (node.settings.folder / f"node.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup.db", node.settings.folder / "node.db")
    director.nodes["IN"] = again(node)
    assert director.desk("IN").space.sizes() != full
    director.clock.instant += 3600

    Line(director, caller).sync()

    assert in_step(director)
    assert director.desk("IN").space.sizes() == full
    assert [aside.code for node in director.nodes.values() for aside in node.store.aside()] == []


# ---- bad bundles: each its code, set aside, nothing half-written


def one_bundle(director: Director) -> bytes:
    some_news(director, 2)
    (bundle,) = exchange.news_for(
        director.desk("IN"), exchange.known_by_partner(director.desk("IN"), key_of(director, "JP"))
    )
    return bundle


def rewritten(desk: Desk, bundle: bytes, **change: object) -> bytes:
    """Return ``bundle`` with parts of its envelope or head changed, packed again as its sender would."""
    envelope = wire.read_envelope(bundle)
    body = desk.space.codec.unpack(envelope.codec, envelope.body)
    ranges, at = wire.read_head(body)
    if ranges_of := change.pop("ranges", None):
        assert callable(ranges_of)
        body = wire.write_head(ranges_of(ranges)) + body[at:]
    if edit := change.pop("body", None):
        assert callable(edit)
        body = edit(body)
    envelope = envelope._replace(**change)
    return wire.write_envelope(envelope.space, desk.space.codec, body=body, raw=envelope.raw)


def _other_agreement(d: Director, bundle: bytes) -> bytes:
    return rewritten(d.desk("JP"), bundle, space=b"\x00\x01\x02\x03")


def _stranger(d: Director, bundle: bytes) -> bytes:
    """A log named after an officer's warrant, which grants no key."""
    officer = log_id(d.grants["IN", "nair"], d.desk("IN").party)
    own = d.desk("IN").log
    return rewritten(
        d.desk("JP"), bundle, ranges=lambda rs: [r if r.log != own else Range(officer, r.begin, r.length) for r in rs]
    )


def _party_nobody_knows(d: Director, bundle: bytes) -> bytes:
    own = d.desk("IN").log
    return rewritten(
        d.desk("JP"), bundle, ranges=lambda rs: [r if r.log != own else Range(own + 7, r.begin, r.length) for r in rs]
    )


def _changed(d: Director, bundle: bytes) -> bytes:
    """One delivered kilogram more than India signed."""

    def edit(body: bytes) -> bytes:
        assert body.count(b"\x19\x27\x10") >= 1  # 10,000 g
        return body.replace(b"\x19\x27\x10", b"\x19\x2a\xf8", 1)

    return rewritten(d.desk("JP"), bundle, body=edit)


def _unsigned(d: Director, bundle: bytes) -> bytes:
    raw = wire.read_envelope(bundle).raw
    return rewritten(d.desk("JP"), bundle, raw=bytes(len(raw)))


def _cut_off(d: Director, bundle: bytes) -> bytes:
    return bundle[:-1]


def _noise(d: Director, bundle: bytes) -> bytes:
    return b"<html>502 Bad Gateway</html>"


def _longer_than_it_says(d: Director, bundle: bytes) -> bytes:
    return rewritten(d.desk("JP"), bundle, body=lambda body: body + b"\x00")


def _oversized(d: Director, bundle: bytes) -> bytes:
    return canonical.encode([1, d.desk("JP").id[:4], 0, bytes(wire.BUNDLE_MAX), b""])


def _bomb(d: Director, bundle: bytes) -> bytes:
    return wire.write_envelope(d.desk("JP").id, d.desk("JP").space.codec, body=bytes(wire.BODY_MAX + 1), raw=b"")


BAD = {
    "another agreement": (_other_agreement, "wrong-agreement"),
    "a stranger": (_stranger, "unknown-writer"),
    "a party nobody knows": (_party_nobody_knows, "unknown-writer"),
    "changed on the way": (_changed, "bad-signature"),
    "unsigned": (_unsigned, "bad-signature"),
    "cut off": (_cut_off, "malformed-bytes"),
    "noise": (_noise, "malformed-bytes"),
    "longer than it says": (_longer_than_it_says, "malformed-bytes"),
    "oversized": (_oversized, "too-large"),
    "a bomb": (_bomb, "too-large"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_bundle_is_named_set_aside_and_leaves_no_trace(director: Director, what: str):
    make, code = BAD[what]
    good = one_bundle(director)
    bad = make(director, good)
    desk = director.desk("JP")
    before, digest = held(desk.store, desk.id), desk.record.digest

    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, bad)

    assert refused.value.code == code
    assert held(desk.store, desk.id) == before
    assert (desk.record.digest, desk.space.sizes()) == (digest, desk.store.sizes(desk.id))
    (aside,) = desk.store.aside()
    assert (aside.space, aside.code, aside.size, aside.at) == (desk.id, code, len(bad), director.clock.now())
    assert bad.startswith(aside.body)

    exchange.receive(desk, good)  # the right bytes are welcome afterwards
    assert desk.record.digest == director.desk("IN").record.digest


def test_what_came_before_a_bad_bundle_stays(director: Director, monkeypatch: pytest.MonkeyPatch):
    some_news(director, 5)
    bundles = pieces(director, monkeypatch)
    bad = _unsigned(director, bundles[1])
    desk = director.desk("JP")

    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, bundles[0] + bad + bundles[2])

    assert refused.value.code == "bad-signature"
    assert desk.space.sizes() == desk.store.sizes(desk.id)
    assert 0 < desk.record.entry_count < director.desk("IN").record.entry_count
    exchange.receive(desk, b"".join(bundles))
    assert desk.record.digest == director.desk("IN").record.digest


def test_any_flipped_bit_is_noticed(director: Director):
    """A bundle with one bit changed is refused, waits, or (a bit of the packing) unpacks to the same signed leaves."""
    good = one_bundle(director)
    desk = director.desk("JP")
    leaves = desk.space.read(good).leaves
    refused = 0

    for position in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[position] ^= 1 << bit
            try:
                admission = desk.space.read(bytes(bad))
            except RemoteError:
                refused += 1
            else:
                assert admission.leaves == leaves, f"bit {bit} of byte {position}"
    assert refused > 7 * len(good)


def two_histories(tmp_path: Path, *, grants: int = 0) -> tuple[Director, Director]:
    """India's node and a copy of its folder both go on writing: one to Tokyo, the other not yet to anybody.

    The copy first grants some officers, in the log of the administration.
    """
    director = paired(tmp_path)
    accepted = agreed(director)
    director.exchange()
    shutil.copytree(director.nodes["IN"].settings.folder, tmp_path / "copy")
    copy = open_node(tmp_path / "copy")
    copy.clock = director.clock
    twin = Director({"JP": director.nodes["JP"], "IN": copy}, director.clock, director.grants)
    delivered(director, accepted, "10")
    director.exchange()
    india = copy.desk()
    for number in range(grants):
        draft = Draft(replace(GRANT, post=f"Officer {number}"))
        india.commit(india.space.draft(india.admin_log, [draft], india.clock.now(), india.epoch_key(india.admin_log)))
    delivered(twin, accepted, "90")
    return director, twin


def test_a_second_history_is_refused_reported_and_the_same_for_all(tmp_path: Path):
    director, twin = two_histories(tmp_path)
    desk, copy = director.desk("JP"), twin.desk("IN")
    log = director.desk("IN").log
    other = b"".join(exchange.news_for(copy, exchange.known_by_partner(copy, key_of(director, "JP"))))
    before = roots(desk)

    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, other)

    assert refused.value.code == "fork"
    assert {of: head for of, head in roots(desk).items() if of != desk.log} == {
        of: head for of, head in before.items() if of != desk.log
    }
    (aside,) = desk.store.aside()
    assert (aside.code, aside.body) == ("fork", other)
    for note in ("note_held", "note_other"):  # the evidence: two heads of one log, both signed by India's key
        assert str(aside.facts[note]).startswith(f"{desk.space.origin(log)}\n")
    assert aside.facts["note_held"] != aside.facts["note_other"]
    (finding,) = [found for found in desk.record.findings if found.code == "fork"]
    assert dict(finding.facts)["log"] == log

    director.exchange()  # India's own node learns of it, and so does the copy
    twin.exchange()
    assert in_step(director)
    assert in_step(twin)
    assert director.desk("JP").space.size(log) == director.desk("IN").space.cuts[log].stands
    assert copy.restored is None, "a log that was cut is no sign of an old copy"
    tails = [one for one in copy.store.aside() if one.code == "fork-tail"]
    assert len(tails) == 1, "what the copy had written is kept there"
    for node in (director, twin):
        with pytest.raises(LocalError, match="log-forked"):
            delivered(node, next(iter(agreements(desk))), "5")
    for one in (*director.nodes.values(), *twin.nodes.values()):  # and after a new start
        again_there = again(one).desk()
        assert again_there.record.digest == desk.record.digest
        assert roots(again_there) == roots(desk)


def test_what_a_forked_log_acknowledged_is_believed_of_no_machine(tmp_path: Path):
    """Found by simulation: what one machine had acknowledged was not sent to the other, which could then not read."""
    director, twin = two_histories(tmp_path)
    desk, india = director.desk("JP"), key_of(director, "IN")
    assert desk.log in exchange.known_by_partner(desk, india)
    other = exchange.news_for(twin.desk("IN"), exchange.known_by_partner(twin.desk("IN"), key_of(director, "JP")))
    with pytest.raises(RemoteError):
        exchange.receive(desk, b"".join(other))
    assert exchange.known_by_partner(desk, india) == {}


def test_a_forked_writer_goes_on_under_a_new_key(tmp_path: Path):
    """What did not count is written again, and the order goes on as if nothing had been."""
    director, twin = two_histories(tmp_path)
    other = exchange.news_for(twin.desk("IN"), exchange.known_by_partner(twin.desk("IN"), key_of(director, "JP")))
    with pytest.raises(RemoteError):
        exchange.receive(director.desk("JP"), b"".join(other))
    director.exchange()
    node = director.nodes["IN"]
    old = node.desk().log
    writes_with_a_new_key(director, "IN")
    node = director.nodes["IN"]
    assert node.desk().log != old
    director.exchange()
    (accepted,) = agreements(node.desk())
    received(director, delivered(director, accepted, "90"), "90")
    director.exchange()
    assert in_step(director)
    (order,) = director.desk("JP").record.orders.values()
    assert order.lines[0].delivered == 100_000, "the ten that stood and the ninety written again"


def writes_with_a_new_key(director: Director, party: str) -> None:
    node = director.nodes[party]
    folder = KeyFolder(node.settings.keys_folder)
    folder.create(rotations.NEW, node.ids)
    rotations.rotate_writer(
        node.desk(), folder.public(rotations.NEW), currency="", per_act=None, total=None, until=None
    )
    folder.put_in_place(rotations.NEW, "writer")
    director.nodes[party] = again(node)


def test_what_only_a_forked_log_says_of_a_fork_is_said_again(tmp_path: Path):
    """Japan has reported India's log; then its own is found to have two histories, too. Its new log repeats it."""
    director, twin = two_histories(tmp_path)
    other = exchange.news_for(twin.desk("IN"), exchange.known_by_partner(twin.desk("IN"), key_of(director, "JP")))
    with pytest.raises(RemoteError):
        exchange.receive(director.desk("JP"), b"".join(other))
    director.exchange()
    writes_with_a_new_key(director, "IN")
    director.exchange()
    shutil.copytree(director.nodes["JP"].settings.folder, tmp_path / "japan's copy")
    copy = open_node(tmp_path / "japan's copy")
    copy.clock = director.clock
    request(director)
    director.exchange()
    request(Director({"JP": copy, "IN": director.nodes["IN"]}, director.clock, director.grants), quantity="7")
    india, forked = director.desk("IN"), director.desk("JP").log
    (old,) = india.space.cuts
    with pytest.raises(RemoteError, match="fork"):
        exchange.receive(
            india, b"".join(exchange.news_for(copy.desk(), {**india.space.sizes(), forked: 0}, acknowledging=False))
        )
    director.exchange()
    assert director.desk("JP").space.cuts.keys() == {old, forked}
    assert director.desk("JP").space.cuts[old].ref.log == forked
    writes_with_a_new_key(director, "JP")
    director.exchange()
    director.exchange()
    jp = director.desk("JP")
    assert jp.space.cuts[old].ref.log == jp.log != forked
    assert len(jp.space.reports) == 3
    assert in_step(director)
    director.exchange()
    assert len(jp.space.reports) == 3, "once is enough"


def agreements(desk: Desk) -> list[EntryRef]:
    return [entry.ref for entry in desk.space.acts() if entry.kind == Kind.ACCEPTANCE]


def test_histories_of_equal_length_are_found_by_comparing_heads(tmp_path: Path):
    """Nothing is new by the sizes: the digest of what is held has the roots in it, and heads are compared."""
    director, twin = two_histories(tmp_path)
    jp, copy = director.desk("JP"), twin.desk("IN")
    assert jp.space.sizes()[copy.log] == copy.space.sizes()[copy.log]
    asked: list[bytes] = []

    def compare(body: bytes) -> bytes:
        asked.append(body)
        return forks.differences(copy, body)

    exchange.sync(
        jp,
        lambda body, holds: exchange.answer(copy, body, key_of(director, "JP"), holds),
        key_of(director, "IN"),
        compare=compare,
    )
    assert len(asked) == 1
    assert jp.space.cuts.keys() == {copy.log}
    assert roots(jp) == roots(copy)
    assert jp.record.digest == copy.record.digest


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("ahead", [0, 7])
def test_a_visitor_that_may_not_report_its_own_party_shows_its_history_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int, *, small: bool
):
    """Only the copy visits. What Japan holds of the other history is no reason to leave out this one."""
    director, twin = two_histories(tmp_path, grants=6)
    jp, copy = director.desk("JP"), twin.desk("IN")
    for _ in range(ahead):
        delivered(director, agreements(copy)[0], "1")
    director.exchange()
    if small:
        monkeypatch.setattr(composing, "SPLIT_ITEMS", 2)
        monkeypatch.setattr(exchange, "POST_BYTES", 100)

    exchange.sync(
        copy,
        lambda body, holds: exchange.answer(jp, body, key_of(director, "IN"), holds),
        key_of(director, "JP"),
        compare=lambda asked: forks.differences(jp, asked),
    )
    assert jp.space.cuts.keys() == {copy.log}
    assert roots(jp) == roots(copy)
    assert jp.record.digest == copy.record.digest


@pytest.mark.parametrize(
    "asked", [b"", b"\x80", canonical.encode([[1, 2]]), canonical.encode([[1, -2, bytes(32)]]), canonical.encode({}),
              canonical.encode([[1, 2, bytes(31)]]), canonical.encode([[1, 2, bytes(32)]] * 300), b"\x41" * 70_000],
)  # fmt: skip
def test_a_malformed_question_about_heads_is_refused(tmp_path: Path, asked: bytes):
    desk = paired(tmp_path, stores=MEMORY).desk("JP")
    if asked == b"\x80":
        assert forks.differences(desk, asked) == b"\x80"
        return
    with pytest.raises(RemoteError):
        forks.differences(desk, asked)
    if asked != b"\x41" * 70_000:
        with pytest.raises(RemoteError):
            forks.look(desk, lambda _body: asked)


def test_one_question_about_heads_gets_the_hashes_of_a_log_once(tmp_path: Path):
    desk = paired(tmp_path, stores=MEMORY).desk("JP")
    row = [0, 2**40, bytes(32)]
    assert len(canonical.decode(forks.differences(desk, canonical.encode([row])))) == 1
    with pytest.raises(MalformedBytesError):
        forks.differences(desk, canonical.encode([row, row]))


# ---- the disk


def test_a_store_locked_in_the_middle_keeps_whole_bundles_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    director = paired(tmp_path)
    some_news(director, 6)
    bundles = pieces(director, monkeypatch)
    node = director.nodes["JP"]
    node.store.close()
    node.store = SqlStore(node.settings.database_url, wait_seconds=0.05)
    node._desks.clear()
    desk = node.desk()
    append, appended = desk.store.append, []
    holder = sqlite3.connect(node.settings.folder / "node.db", isolation_level=None)

    def locked_at_the_second(admission: object) -> None:
        if appended:
            holder.execute("BEGIN IMMEDIATE")
        append(admission)  # type: ignore[arg-type]
        appended.append(admission)

    monkeypatch.setattr(desk.store, "append", locked_at_the_second)
    with pytest.raises(StoreUnavailableError) as locked:
        exchange.receive(desk, b"".join(bundles))
    holder.execute("ROLLBACK")
    holder.close()
    monkeypatch.undo()

    assert (locked.value.code, len(appended)) == ("store-locked", 1)
    assert desk.space.sizes() == desk.store.sizes(desk.id)
    assert again(node).desk().record.digest == desk.record.digest
    exchange.receive(desk, b"".join(bundles))
    assert desk.record.digest == director.desk("IN").record.digest


def test_another_process_that_took_the_same_bundle_in_is_no_mistake(tmp_path: Path):
    director = paired(tmp_path)
    bundle = one_bundle(director)
    desk, other = director.desk("JP"), again(director.nodes["JP"]).desk()
    exchange.receive(other, bundle)

    assert exchange.receive(desk, bundle).leaves == 0
    assert desk.record.digest == other.record.digest == director.desk("IN").record.digest


# ---- what is known of the partner


def test_a_partner_that_never_spoke_is_sent_everything(tmp_path: Path):
    director = two_nodes(tmp_path, stores=MEMORY)
    director.pair()
    assert exchange.known_by_partner(director.desk("JP"), None) == {}
    assert exchange.known_by_partner(director.desk("JP"), bytes(32)) == {}


def test_digests_of_sizes_differ_when_sizes_do(director: Director):
    before = exchange.sizes_digest(director.desk("JP"))
    assert before == exchange.sizes_digest(director.desk("IN"))
    offered(director)
    assert exchange.sizes_digest(director.desk("JP")) != before
    assert len(before) == 16


def test_the_entry_of_a_bundle_is_named_where_its_writer_put_it(director: Director):
    """An entry has one name on every node."""
    ref = request(director)
    director.exchange()
    one, other = (director.desk(party).space.entry(EntryRef(*ref)) for party in NAMES)
    assert one == other


def test_a_page_that_reads_while_memory_is_read_anew_sees_a_whole_record(director: Director, monkeypatch):
    desk = director.nodes["JP"].desk()
    request(director)
    before = desk.record.digest
    seen = []
    extend = Fold.extend

    def watched(self: Fold, entries: Iterable[Entry]) -> frozenset[EntryRef]:
        seen.append(desk.record.digest)
        return extend(self, entries)

    monkeypatch.setattr(Fold, "extend", watched)
    desk._reload()
    assert (seen, desk.record.digest) == ([before], before)


def test_more_bundles_than_anyone_sends_are_refused(director: Director):
    desk = director.nodes["JP"].desk()
    nothing = desk.space.have_only()
    with pytest.raises(RemoteError) as refused:
        exchange.receive(desk, nothing * (wire.SEQUENCE_MAX + 1))
    assert refused.value.code == "too-large"


def test_early_bundles_whose_gap_never_closes_are_forgotten_after_half_a_year(director: Director, monkeypatch):
    some_news(director, 6)
    first, *later, last = pieces(director, monkeypatch)
    jp = director.desk("JP")
    exchange.receive(jp, last)
    director.clock.instant += exchange.WAITING_LIFE - 1
    assert exchange.receive(jp, later[-1]).waiting == 2
    director.clock.instant += 1
    assert exchange.receive(jp, later[-1]).waiting == 1, "the older one is forgotten, the younger waits on"

    for bundle in (first, *later, last):  # nothing was lost: whoever signed it still has it
        exchange.receive(jp, bundle)
    assert jp.store.waiting(jp.id) == ()
    assert jp.space.sizes() == director.desk("IN").space.sizes()
