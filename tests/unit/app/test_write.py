"""Signing: what is shown is what is signed, what would be void is not signed, and of two at once one is told why."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.nodes import MEMORY, again, agreed, delivered, held, offered, paired, receipt_fields, request, two_nodes

from tallystick.app import fields, write
from tallystick.app.node import COMMIT_TRIES, Desk
from tallystick.app.read import context_of
from tallystick.cli.demo.director import Director
from tallystick.core import invariants
from tallystick.core.entries import Acceptance, Decline, Draft, Grant, Kind, Note, Order, Reason, Receipt
from tallystick.core.errors import ActRefusedError, HeadMovedError, InvariantError, LocalError, StoreUnavailableError
from tallystick.core.identity import EntryRef
from tallystick.core.orders import OrderState
from tallystick.stores.sql import SqlStore

ROOT = Path(__file__).parents[3]


@pytest.fixture
def on_disk(tmp_path: Path) -> Director:
    return paired(tmp_path)


def receipt(director: Director, delivery: EntryRef, accepted: str = "100", refused: str = "0") -> Draft:
    desk = director.desk("JP")
    view = director.order_at("JP", delivery)
    who = director.grants["JP", "ito"]
    body = fields.from_json(Kind.RECEIPT, receipt_fields(accepted, refused), who=who, context=context_of(view))
    assert desk.space.entry(delivery).kind == Kind.DELIVERY
    return Draft(body, obj=delivery)


def acceptance(director: Director, order: EntryRef) -> Draft:
    return Draft(Acceptance(who=director.grants["IN", "nair"], pay_to="PCDA"), obj=order)


# ---- preview


def test_what_is_shown_is_what_is_signed(director: Director):
    draft = receipt(director, delivered(director, agreed(director)), "90", "10")
    desk = director.desk("JP")

    shown = write.preview(desk, draft)
    signed = write.sign(desk, draft, looked_at=shown.order_digest)

    assert signed == shown.entry
    assert desk.space.stored(signed.ref).leaf == shown.leaf
    order = desk.record.orders[desk.record.subject_of(signed.ref)]
    assert order == shown.trial.order
    about = [f for f in desk.record.findings_of(order.order_id) if f.entry == signed.ref]
    assert tuple(about) == shown.trial.findings
    posted = [t for t in desk.record.ledger.transactions_of(order.order_id) if t.origin == signed.ref]
    assert tuple(posted) == shown.trial.transactions
    assert {transaction.rule for transaction in posted} == {"L1", "L2"}


def test_a_preview_stores_nothing_and_changes_nothing(director: Director):
    draft = receipt(director, delivered(director, agreed(director)))
    desk = director.desk("JP")
    before, digest = held(desk.store, desk.id), desk.record.digest

    for _ in range(2):
        write.preview(desk, draft)

    assert held(desk.store, desk.id) == before
    assert (desk.record.digest, desk.space.sizes()) == (digest, desk.store.sizes(desk.id))


# ---- refusals


def _too_much(d: Director) -> Draft:
    return receipt(d, delivered(d, agreed(d)), "90", "20")


def _stranger(d: Director) -> Draft:
    return replace(_too_much(d), body=replace(_right(d).body, who=99))


def _right(d: Director) -> Draft:
    return receipt(d, delivered(d, agreed(d)))


def _clerk(d: Director) -> Draft:
    draft = _right(d)
    assert isinstance(draft.body, Receipt)
    return replace(draft, body=replace(draft.body, who=d.grants["JP", "sato"]))


def _partners_act(d: Director) -> Draft:
    accepted = agreed(d)
    draft = receipt(d, delivered(d, accepted))
    return Draft(Decline(who=d.grants["JP", "abe"], reason=Reason.NOT_STATED), obj=d.order_at("JP", draft.obj).order_id)


def _over_ceiling(d: Director) -> Draft:
    offer = offered(d)
    d.exchange()
    limit = 60_000_000_01  # the ordering officer's warrant ends a paisa below
    body = Order(
        who=d.grants["JP", "tanaka"], funds_certifier=d.grants["JP", "mori"], max_liability=limit, bill_to="HQ"
    )
    return Draft(body, obj=offer)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_too_much, "receipt-mismatch"),
        (_stranger, "no-warrant"),
        (_clerk, "duty-missing"),
        (_partners_act, "wrong-side"),
        (_over_ceiling, "over-act-ceiling"),
    ],
)
def test_what_would_be_void_is_not_signed(director: Director, make: Callable[[Director], Draft], code: str):
    draft = make(director)
    desk = director.desk("JP")
    before, digest = held(desk.store, desk.id), desk.record.digest

    shown = write.preview(desk, draft)
    with pytest.raises(ActRefusedError) as refused:
        write.sign(desk, draft)

    assert (shown.trial.void, shown.trial.findings[0].code) == (True, code)
    assert refused.value.code == code
    assert held(desk.store, desk.id) == before
    assert desk.record.digest == digest


def test_the_same_receipt_counts_with_the_right_figures(director: Director):
    """The success beside the refusals above: one difference each."""
    assert write.sign(director.desk("JP"), _right(director)).kind == Kind.RECEIPT


def test_the_same_act_twice_is_refused_the_second_time(director: Director):
    draft = _right(director)
    write.sign(director.desk("JP"), draft)
    with pytest.raises(ActRefusedError) as refused:
        write.sign(director.desk("JP"), draft)
    assert refused.value.code == "already-decided"


def test_a_field_beyond_its_limits_is_refused_before_anything(director: Director):
    draft = _right(director)
    assert isinstance(draft.body, Receipt)
    with pytest.raises(LocalError) as refused:
        write.preview(director.desk("JP"), replace(draft, body=replace(draft.body, occurred_on=-1)))
    assert (refused.value.code, "occurred_on" in str(refused.value.facts)) == ("field-out-of-limits", True)


def test_an_act_on_what_is_not_there_is_refused(director: Director):
    with pytest.raises(LocalError) as refused:
        write.sign(director.desk("JP"), Draft(Note(who=director.grants["JP", "sato"]), obj=EntryRef(16, 999)))
    assert refused.value.code == "unknown-object"


def test_a_node_without_the_root_key_grants_nothing(director: Director):
    node = director.nodes["JP"]
    (node.settings.keys_folder / "root.key").rename(node.settings.folder / "root.key in the safe")
    body = Grant("Post", None, "", (), "", None, None, None, None)
    with pytest.raises(LocalError) as refused:
        write.sign(director.desk("JP"), Draft(body))
    assert (refused.value.code, refused.value.facts) == ("no-root-key-here", {"party": "JP"})


def test_a_node_whose_key_nobody_granted_cannot_write(director: Director, tmp_path: Path):
    """A second node of Japan, before headquarters has granted it a writer."""
    stranger = two_nodes(tmp_path / "more").nodes["JP"]
    desk = director.desk("JP")
    other = Desk(
        id=desk.id, party_code_here="JP", store=desk.store, keys=stranger.keys, clock=desk.clock, ids=desk.ids,
        dictionary=desk.dictionary,
    )  # fmt: skip
    with pytest.raises(LocalError) as refused:
        write.sign(other, Draft(Note(who=director.grants["JP", "sato"]), obj=request(director)))
    assert refused.value.code == "no-writer-here"


# ---- when the order moves on


def test_nothing_is_signed_when_the_order_has_changed_since_it_was_looked_at(director: Director):
    order = director.order(offered(director), "JP", bill_to="HQ")
    director.exchange()
    desk = director.desk("IN")
    looked = write.preview(desk, acceptance(director, order)).order_digest
    write.sign(desk, Draft(Note(who=director.grants["IN", "nair"]), obj=order), looked_at=looked)
    before = held(desk.store, desk.id)

    with pytest.raises(LocalError) as refused:
        write.sign(desk, acceptance(director, order), looked_at=looked)

    assert refused.value.code == "order-changed"
    assert held(desk.store, desk.id) == before
    looked = write.preview(desk, acceptance(director, order)).order_digest
    assert write.sign(desk, acceptance(director, order), looked_at=looked).kind == Kind.ACCEPTANCE


def test_of_two_threads_at_the_same_order_one_signs_and_one_is_told(director: Director):
    order = director.order(offered(director), "JP", bill_to="HQ")
    director.exchange()
    desk = director.desk("IN")

    assert race([lambda: write.sign(desk, acceptance(director, order))] * 2) == ["already-decided", "signed"]


def test_of_two_threads_that_looked_at_the_same_moment_one_is_told_to_look_again(director: Director):
    order = director.order(offered(director), "JP", bill_to="HQ")
    director.exchange()
    desk = director.desk("IN")
    looked = write.preview(desk, acceptance(director, order)).order_digest

    acts = [lambda: write.sign(desk, acceptance(director, order), looked_at=looked)] * 2
    assert race(acts) == ["order-changed", "signed"]


def test_of_two_memories_over_one_database_one_signs_and_one_is_told(on_disk: Director):
    order = on_disk.order(offered(on_disk), "JP", bill_to="HQ")
    on_disk.exchange()
    desks = [on_disk.desk("IN"), again(on_disk.nodes["IN"]).desk()]

    acts = [lambda desk=desk: write.sign(desk, acceptance(on_disk, order)) for desk in desks]
    assert race(acts) == ["already-decided", "signed"]

    for desk in desks:
        desk.refresh()
    assert desks[0].record.digest == desks[1].record.digest
    assert desks[0].record.orders[desks[0].record.subject_of(order)].state is OrderState.AGREED


def race(acts: list[Callable[[], object]]) -> list[str]:
    """Do all ``acts`` at once, each in a thread; return what became of them, sorted."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[str] = []

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except LocalError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("signed")

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


_OTHER_PROCESS = """
import sys
from tallystick.app import write
from tallystick.core.entries import Acceptance, Draft
from tallystick.core.errors import LocalError
from tallystick.core.identity import EntryRef
from tallystick.stores.node import open_node

folder, order, who, now = sys.argv[1:]
node = open_node(folder)
node.clock = type("Then", (), {"now": lambda self: int(now)})()
desk = node.desk()
print("ready", flush=True)
sys.stdin.readline()
try:
    write.sign(desk, Draft(Acceptance(who=int(who), pay_to="PCDA"), obj=EntryRef.parse(order)))
    print("signed")
except LocalError as error:
    print(error.code)
"""


def test_of_two_processes_at_the_same_order_one_signs_and_one_is_told(on_disk: Director):
    order = on_disk.order(offered(on_disk), "JP", bill_to="HQ")
    on_disk.exchange()
    node = on_disk.nodes["IN"]
    said = [str(node.settings.folder), str(order), str(on_disk.grants["IN", "nair"]), str(on_disk.clock.now())]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER_PROCESS, *said],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT / "src")},
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    assert sorted(process.communicate()[0].strip() for process in processes) == ["already-decided", "signed"]
    view = node.desk()
    view.refresh()
    assert view.record.orders[view.record.subject_of(order)].state is OrderState.AGREED


def test_memory_follows_what_another_process_appended(on_disk: Director):
    order = on_disk.order(offered(on_disk), "JP", bill_to="HQ")
    on_disk.exchange()
    desk, other = on_disk.desk("IN"), again(on_disk.nodes["IN"]).desk()
    write.sign(other, acceptance(on_disk, order))
    assert desk.record.orders[desk.record.subject_of(order)].state is OrderState.ORDERED

    desk.refresh()

    assert desk.record.orders[desk.record.subject_of(order)].state is OrderState.AGREED
    assert desk.record.digest == other.record.digest


# ---- when the store does not do its work


def test_it_gives_up_when_somebody_else_is_always_quicker(director: Director, monkeypatch: pytest.MonkeyPatch):
    draft = _right(director)
    desk = director.desk("JP")
    before = held(desk.store, desk.id)
    tries = []

    def quicker(admission: object) -> None:
        tries.append(admission)
        raise HeadMovedError(log=16, expected=1, found=2)

    monkeypatch.setattr(desk.store, "append", quicker)
    with pytest.raises(HeadMovedError):
        write.sign(desk, draft)

    assert len(tries) == COMMIT_TRIES
    assert held(desk.store, desk.id) == before
    monkeypatch.undo()
    write.sign(desk, draft)


def test_a_locked_database_loses_nothing(on_disk: Director):
    draft = _right(on_disk)
    node = on_disk.nodes["JP"]
    node.store.close()
    node.store = SqlStore(node.settings.database_url, wait_seconds=0.05)
    node._desks.clear()
    desk = node.desk()
    before, digest = held(desk.store, desk.id), desk.record.digest

    holder = sqlite3.connect(node.settings.folder / "node.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError) as locked:
        write.sign(desk, draft)
    holder.execute("ROLLBACK")
    holder.close()

    assert (locked.value.code, locked.value.try_again) == ("store-locked", True)
    assert held(desk.store, desk.id) == before
    assert desk.record.digest == digest
    assert write.sign(desk, draft).kind == Kind.RECEIPT
    assert desk.store.sizes(desk.id) == desk.space.sizes()


def test_the_first_act_of_a_new_block_of_salts_is_signed_as_it_was_shown(director, tmp_path):
    elsewhere = paired(tmp_path / "elsewhere", stores=MEMORY)
    body = elsewhere.desk("JP").space.entry(request(elsewhere)).body
    desk = director.desk("JP")
    assert not any(desk.space.is_act(desk.log, index) for index in range(desk.space.size(desk.log)))
    shown = write.preview(desk, Draft(body))
    signed = write.sign(desk, Draft(body))
    assert desk.space.stored(signed.ref).leaf == shown.leaf


def test_a_broken_law_is_said_after_the_act_is_stored(director: Director, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own mistake must not cost a signature: the act is there, and whoever asked for it is told."""
    breach = invariants.Breach("I5", "JPIN-JP-2026-0001", "the journal says otherwise")
    monkeypatch.setattr(invariants, "of_order", lambda _order, _journal: [breach])
    with pytest.raises(InvariantError) as told:
        request(director)
    assert (told.value.code, told.value.facts["law"]) == ("invariant-broken", "I5")
    desk = director.desk("JP")
    assert len(desk.record.orders) == 1
    assert dict(desk.store.sizes(desk.id)) == desk.space.sizes()
