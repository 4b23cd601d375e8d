"""An order's evidence holds by itself, and whatever is changed in it is found and named."""

from dataclasses import replace

import pytest
from tests.evidence import (
    after_a_fork,
    after_an_erasure,
    attached,
    changed,
    forked_desk,
    leaf_of,
    log_of,
    rewritten,
    s1,
    s1_evidence,
    signed_again,
    told_anew,
    with_detail,
)
from tests.nodes import agreed, delivered, offered, paired, received

from tallystick.app import evidence, prove, verify_evidence
from tallystick.app.report import Verdict, Weight
from tallystick.app.verify_evidence import check
from tallystick.core import canonical
from tallystick.core.detail import detail_of
from tallystick.core.entries import Kind
from tallystick.core.errors import LocalError, RemoteError
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState


def codes(data, weight=Weight.FAULT):
    return [(problem.code, problem.where) for problem in check(data).problems if problem.weight is weight]


ALWAYS = ["evidence-whose-agreement", "evidence-up-to-heads"]  # limits that no file is without

# ---- what holds


def test_the_evidence_of_an_order_holds_and_tells_its_story():
    found = check(s1_evidence())
    record = s1().director.desk("JP").record
    order_id = s1().refs["request"]
    assert found.verdict is Verdict.HOLDS
    assert [problem.code for problem in found.problems] == [*ALWAYS, "evidence-not-whole"]
    assert found.order == record.orders[order_id]
    assert found.order.state is OrderState.CLOSED
    assert found.journal == record.ledger.transactions_of(order_id)
    assert found.digest == record.order_digest(order_id)
    assert [act.ref for act in found.acts] == [entry.ref for entry in record.entries_of(order_id)]
    assert all(act.acknowledged is not None and act.post for act in found.acts)


def test_both_nodes_write_the_same_file():
    assert s1_evidence("JP") == s1_evidence("IN")


def test_a_file_is_read_to_what_it_was_written_from():
    for whole in (False, True):
        data = s1_evidence(whole=whole)
        assert evidence.write(evidence.read(data)) == data


def test_a_whole_file_shows_every_leaf_and_leaves_nothing_out():
    found = check(s1_evidence(whole=True))
    assert (found.verdict, [problem.code for problem in found.problems]) == (Verdict.HOLDS, ALWAYS)
    assert all(head.shown == head.size for head in found.heads)


def test_a_whole_file_that_hides_what_an_administration_said_is_not_whole():
    """A revocation is about no order: its leaf alone would look like one of another order's."""

    def hide(value):
        leaf = leaf_of(value, 0, 13)
        del leaf[2]
        value[4][1] = [ref for ref in value[4][1] if ref != [0, 13]]

    found = check(changed(s1_evidence(whole=True), hide))
    assert "evidence-not-whole" in [problem.code for problem in found.problems]


def test_only_the_history_that_stands_is_evidence(tmp_path):
    data = after_a_fork(tmp_path)
    assert check(data).verdict is Verdict.HOLDS
    forked = forked_desk(tmp_path / "again")
    ((log, cut),) = forked.space.cuts.items()
    fork = forked.space.entry(cut.ref).body
    lies = replace(fork, leaf_a=fork.leaf_b, note_a=fork.note_b, path_a=fork.path_b)
    lies = replace(lies, leaf_b=fork.leaf_a, note_b=fork.note_a, path_b=fork.path_a)
    found = verify_evidence.forks.cut_by(cut.ref, lies, forked.space.origin(log), forked.space.key_of(log))
    assert found is not None
    with pytest.MonkeyPatch.context() as patch:  # as if the entry had said that the other history stands
        patch.setattr(verify_evidence.forks, "cut_by", lambda *_: found)
        assert ("after-fork", f"log {log}") in codes(prove.prove(forked, *forked.record.orders))


def test_what_the_partner_has_not_seen_is_told(tmp_path):
    director = paired(tmp_path)
    acceptance = agreed(director)
    delivery = delivered(director, acceptance)
    received(director, delivery)
    desk = director.desk("JP")
    (order_id,) = desk.record.orders
    data = prove.prove(desk, order_id)
    receipt = next(ref for ref in reversed(desk.record.entries_of(order_id)) if ref.kind == Kind.RECEIPT).ref
    assert check(data).verdict is Verdict.HOLDS
    assert ("evidence-not-acknowledged", str(receipt)) in codes(data, Weight.LIMIT)


def test_an_attached_file_is_known_by_its_bytes_under_any_name_and_another_is_not(tmp_path):
    scan = attached("delivery note.pdf", b"abc")
    data, note = with_detail(tmp_path, detail_of(attachments=[scan]))
    found = check(data)
    assert next(act.attachments for act in found.acts if act.ref == note) == (scan,)

    given = verify_evidence.compare_files(found, [replace(scan, name="copy.pdf")])
    assert (given.verdict, [refs for _, refs in given.given]) == (Verdict.HOLDS, [(note,)])
    other = verify_evidence.compare_files(found, [attached(scan.name, b"abd")])
    assert other.verdict is Verdict.DOES_NOT_HOLD
    assert [p.where for p in other.problems if p.code == "evidence-not-attached"] == ["delivery note.pdf"]


@pytest.mark.parametrize(
    ("make", "told"),
    [(after_a_fork, {"evidence-fork"}), (after_an_erasure, {"evidence-segment-erased"})],
    ids=["a fork", "an erasure"],
)
def test_what_happened_to_the_record_does_not_hurt_the_evidence(tmp_path, make, told):
    data = make(tmp_path)
    found = check(data)
    assert (found.verdict, codes(data)) == (Verdict.HOLDS, [])
    assert told <= {problem.code for problem in found.problems}


def test_an_erased_place_is_not_in_it_and_the_restated_one_is(tmp_path):
    data = after_an_erasure(tmp_path)
    assert b"INVTZ" in data  # where it was asked for
    assert data.count(b"INXXX") == 2  # said by both
    assert b"petty officer" not in data
    delivery = check(data).order.deliveries[0]
    assert delivery.place == "INXXX"
    (place,) = [
        where
        for code, where in codes(data, Weight.LIMIT)
        if code == "evidence-segment-erased" and where == str(delivery.ref)
    ]
    assert place


def test_a_core_that_nobody_agreed_to_erase_is_missed(tmp_path):
    """India's wish alone erases nothing: whoever leaves the bytes out leaves out evidence."""

    def leave_out(value):
        log, index = receipt_ref()
        leaf_of(value, log, index)[2][0] = None

    found = check(changed(s1_evidence(), leave_out))
    assert ("evidence-core-missing", str(receipt_ref())) in [
        (problem.code, problem.where) for problem in found.problems if problem.weight is Weight.DOUBT
    ]
    assert found.verdict is Verdict.DOES_NOT_HOLD  # and the journal told does not follow any more


def test_no_order_no_evidence():
    with pytest.raises(LocalError, match="unknown-order"):
        prove.prove(s1().director.desk("JP"), EntryRef(17, 10_000))


def test_no_epoch_key_is_in_it():
    for party in ("JP", "IN"):
        desk = s1().director.desk(party)
        keys = desk.store.load(desk.id).epoch_keys.values()
        assert keys
        assert not any(key in s1_evidence(whole=True) for key in keys)


# ---- what parties do with their own keys


def test_what_the_partner_acknowledged_cannot_be_rewritten_by_showing_less_of_it(tmp_path):
    """India signs its log again up to before the leaf that Japan named, with another price in its offer."""
    director = paired(tmp_path)
    offer = offered(director)
    offered(director)
    order = director.order(offer, "JP", bill_to="Fleet accounts")
    director.exchange()
    japan = director.desk("JP")
    value = canonical.decode(prove.prove(japan, japan.record.subject_of(offer), whole=True))
    rewritten(leaf_of(value, *offer), lambda core: core[6][0].__setitem__(2, core[6][0][2] * 2))
    known = japan.space.seen(order)[offer.log]
    signed_again(director.desk("IN"), value, offer.log, known - 1)
    found = check(told_anew(value))
    assert found.verdict is not Verdict.HOLDS
    assert "evidence-acknowledges-more" in [p.code for p in found.problems if p.weight is Weight.DOUBT]


def crossed(folder):
    """Return Japan's desk, and two acts on one order that crossed: India's delivery and Japan's cancellation."""
    director = paired(folder)
    accepted = agreed(director)
    director.exchange()
    delivery = delivered(director, accepted)
    cancellation = director.act("JP", Kind.CANCELLATION, accepted, reason="no-longer-needed")
    director.exchange()
    director.exchange()
    return director.desk("JP"), delivery, cancellation


def test_what_crossed_is_told_and_a_whole_file_shows_what_is_read_first(tmp_path):
    desk, delivery, cancellation = crossed(tmp_path)
    order_id = desk.record.subject_of(delivery)
    first, second = sorted((delivery, cancellation), key=lambda ref: desk.space.entry(ref).order_key)
    part, whole = prove.prove(desk, order_id), prove.prove(desk, order_id, whole=True)
    assert ("evidence-crossed", str(second)) in codes(part, Weight.LIMIT)
    assert "evidence-crossed" not in [code for code, _ in codes(whole, Weight.LIMIT)]

    def other_way_round(value):
        reading = value[4][1]
        one, other = reading.index([*first]), reading.index([*second])
        reading[one], reading[other] = reading[other], reading[one]

    for data, verdict, faults in ((part, Verdict.HOLDS, []), (whole, Verdict.DOES_NOT_HOLD, [str(second)])):
        value = canonical.decode(data)
        other_way_round(value)
        found = check(told_anew(value))
        assert found.verdict is verdict
        assert [p.where for p in found.problems if p.code == "evidence-reading-not-agreed"] == faults


# ---- what does not


def receipt_ref():
    return s1().refs["receipt of fuel 1"]


def more_fuel(value):
    """The receipt says that more was accepted, in its segment."""
    log, index = receipt_ref()
    salt_and_core = leaf_of(value, log, index)[2][0]
    core = canonical.decode(salt_and_core[1])
    core[3][0][1] += 1
    salt_and_core[1] = canonical.encode(core)


def other_salt(value):
    log, index = receipt_ref()
    leaf_of(value, log, index)[2][0][0] = bytes(16)


def other_time(value):
    log, index = receipt_ref()
    row = leaf_of(value, log, index)
    leaf = canonical.decode(row[1])
    leaf[1] += 60
    row[1] = canonical.encode(leaf)


def other_hash(value):
    log_of(value, 0)[3][0] = bytes(32)


def one_hash_less(value):
    log_of(value, 0)[3].pop()


def larger_head(value):
    log = log_of(value, 16)
    log[1] = log[1].replace("\n30\n", "\n31\n")


def other_signature(value):
    log = log_of(value, 16)
    other = log_of(value, 17)
    log[1] = log[1].rpartition(" ")[0] + " " + other[1].rpartition(" ")[2]


def no_grant(value):
    log_of(value, 0)[2] = [row for row in log_of(value, 0)[2] if row[0] != 1]


def more_money(value):
    line = next(line for line in value[4][4] if line[1] == "L6")
    line[6] += 1


def a_line_less(value):
    value[4][4].pop()


def other_state(value):
    value[4][2] = "settled"


def other_digest(value):
    value[4][3] = bytes(32)


def other_finding(value):
    value[4][5].append(["overpaid", list(receipt_ref()), []])


def read_otherwise(value):
    reading = value[4][1]
    reading[-1], reading[-2] = reading[-2], reading[-1]


def read_less(value):
    value[4][1].pop()


def other_order(value):
    value[2] = [17, 99]


def other_agreement(value):
    genesis = canonical.decode(value[1])
    genesis[7] = bytes(16)
    value[1] = canonical.encode(genesis)


def left_out(value):
    """The credit of a payment is shown as a mere place in its log."""
    log, index = s1().refs["funds 1650.00"]
    del leaf_of(value, log, index)[2]
    value[4][1].remove([log, index])


RECEIPT, LOG = "{receipt}", "log {receipt.log}"
CHANGES = {
    more_fuel: [("evidence-segment-differs", RECEIPT)],
    other_salt: [("evidence-segment-differs", RECEIPT)],
    other_time: [("evidence-root-differs", LOG)],
    other_hash: [("evidence-root-differs", "log 0")],
    one_hash_less: [("evidence-hashes", "log 0")],
    larger_head: [("evidence-hashes", "log 16"), ("bad-signature", "log 16")],
    other_signature: [("evidence-note", "log 16")],
    no_grant: [("evidence-hashes", "log 0")],
    more_money: [("evidence-journal-differs", "journal {funds}")],
    a_line_less: [("evidence-journal-differs", "journal {last}")],
    other_state: [("evidence-state-differs", "")],
    other_digest: [("evidence-digest-differs", "")],
    other_finding: [("evidence-finding-differs", RECEIPT)],
    read_otherwise: [("evidence-reading-differs", "{closed}")],
    read_less: [("evidence-reading-names", "")],
    other_order: [("evidence-no-order", "17.99")],
    other_agreement: [("evidence-not-adopted", "log 0"), ("evidence-not-adopted", "log 1")],
    left_out: [("evidence-leaves-out", "{less}")],
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_was_changed_is_named(change):
    refs = s1().refs
    journal = canonical.decode(s1_evidence())[4][4]
    places = {
        "receipt": receipt_ref(),
        "funds": [line[1] for line in journal].index("L6") + 1,
        "last": len(journal),
        "less": refs["funds 1650.00"],
        "closed": refs["closed by IN"],
    }
    data = changed(s1_evidence(), change)
    assert check(data).verdict is Verdict.DOES_NOT_HOLD
    for code, where in CHANGES[change]:
        assert (code, where.format(**places)) in codes(data)


def test_every_problem_is_listed_not_only_the_first():
    data = changed(changed(s1_evidence(), more_fuel), other_hash)
    assert {"evidence-segment-differs", "evidence-root-differs"} <= {code for code, _ in codes(data)}


def test_rules_of_another_version_are_not_judged():
    def other_rules(value):
        value[4][0] = "tallystick-record-9"

    found = check(changed(s1_evidence(), other_rules))
    assert found.verdict is Verdict.CANNOT_TELL
    assert ("evidence-other-profile", "") in [(p.code, p.where) for p in found.problems if p.weight is Weight.DOUBT]


def test_flips_and_cuts_are_found():
    """A sample here; every byte in tests/exhaustive."""
    data = s1_evidence()
    for at in range(0, len(data), 61):
        assert check(data[:at]).verdict is Verdict.DOES_NOT_HOLD
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert check(flipped).verdict is not Verdict.HOLDS, at


def test_contexts_that_see_each_other_end_the_check():
    def circle(value):
        one, other = log_of(value, 16), log_of(value, 17)
        for mine, log in ((one, 17), (other, 16)):
            row = next(row for row in mine[2] if len(row) == 2)
            leaf = canonical.decode(row[1])
            leaf[2] = [[log, 29, bytes(32)]]
            row[1] = canonical.encode(leaf)

    found = codes(changed(s1_evidence(), circle))
    assert "evidence-acknowledged-root-differs" in {code for code, _ in found}


MALFORMED = {
    "nothing": b"",
    "another file": canonical.encode(["tallystick-evidence-2", b"", [0, 0], [], []]),
    "its first words": canonical.encode(["tallystick-evidence-1"]),
    "empty": canonical.encode(["tallystick-evidence-1", b"", [0, 0], [], ["p", [], "s", bytes(32), [], []]]),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_evidence_is_refused(what):
    assert check(MALFORMED[what]).verdict is Verdict.DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ((2,), [17]),
        ((2,), [17, -1]),
        ((3,), {}),
        ((3, 0, 0), "0"),
        ((3, 0, 1), ""),
        ((3, 0, 2, 0), [0]),
        ((3, 0, 2, 0, 1), b"\x80"),
        ((3, 0, 2, 0, 2), []),
        ((3, 0, 2, 0, 2, 0), [b"short", b""]),
        ((3, 0, 3, 0), bytes(31)),
        ((4, 1, 0), [0, 2**53]),
        ((4, 4, 0, 6), "12"),
        ((4, 4, 0, 6), str(2**53 - 1)),
        ((4, 4, 0, 6), "-0" + "9" * 20),
        ((4, 4, 0, 6), "９" * 20),
        ((4, 5), [["code", [0, 0], [["fact", None]]]]),
    ],
)
def test_a_shape_that_is_not_the_formats_is_refused(where, wrong):
    def put(value):
        for step in where[:-1]:
            value = value[step]
        value[where[-1]] = wrong

    with pytest.raises(RemoteError) as refused:
        evidence.read(changed(s1_evidence(), put))
    assert refused.value.code == "malformed-evidence"


def test_large_amounts_are_texts():
    def put(value):
        value[4][4][0][6] = str(2**60)

    assert evidence.read(changed(s1_evidence(), put)).told.journal[0].amount == 2**60
