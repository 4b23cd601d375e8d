"""A writer with every warrant who says anything on anything: the fold stays total, and both nodes agree.

Unlike the garbage of ``test_fold_laws``, these acts are by officers who may do them, on entries that are there; they
fail, when they do, deep inside an order's life. And the books never close over money.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cast import GENESIS, IN, JP, OFFICERS, Logs, writer_of
from tests.property.test_fold_laws import DAY, STEPS, Step, T, any_body, history
from tests.scenario import check_invariants

from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import BODIES, DESK_KINDS, Body, Correction, Unreadable, to_array
from tallystick.core.fold import Fold, fold
from tallystick.core.orders import STEPS as LIFE_STEPS
from tallystick.core.orders import OrderState

_KINDS = tuple(kind for kind in BODIES if kind not in DESK_KINDS)
ANY_ACTS = st.lists(
    st.tuples(
        st.integers(0, 2**32),  # which entry it is on, and who says so
        st.one_of([any_body(BODIES[kind]) for kind in _KINDS]),
        st.sampled_from([0, 0, 0, 1, 4]),  # how many of the others' last words its writer has not seen
    ),
    max_size=12,
)


def _fitting_officer(body: Any, kind_of_object: int | None, dice: Random) -> Any:
    """Return ``body`` as said by an officer who may say such a thing on such an object, where there is one."""
    step = LIFE_STEPS.get((body.KIND, kind_of_object))  # type: ignore[arg-type]  # a Kind's number
    duties = step.duties if step is not None and step.duties else tuple(OFFICERS)
    changes: dict[str, Any] = {"who": OFFICERS[dice.choice(duties)]}
    if hasattr(body, "occurred_on"):
        changes["occurred_on"] = DAY + 9
    return replace(body, **changes)


def _say_anything(logs: Logs, seed: int, body: Body, blind: int) -> None:
    dice = Random(seed)
    writer = writer_of(dice.choice((JP, IN)))
    said = [entry for entry in logs.entries if entry.ref.log >= 16]
    if not said:
        return
    on = dice.choice(said)
    told: Body | Unreadable = _fitting_officer(body, on.kind, dice)
    if isinstance(body, Correction):
        who = getattr(on.body, "who", 1)
        again = (
            encode_trusted(to_array(on.body)) if dice.random() < 0.5 and not isinstance(on.body, Unreadable) else b""
        )
        told = replace(body, who=who, replacement=again)
    elif dice.random() < 0.05:
        told = Unreadable(999, None, "unknown kind")
    seen = {log: max(0, logs.size(log) - blind) for log in (JP, IN, 16, 17) if log != writer}
    seen = {log: size for log, size in seen.items() if size}
    logs.say(writer, told, on=on.ref, t=T + 86_400, seen=seen)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, anything=ANY_ACTS, seed=st.integers(0, 2**32))
def test_anything_said_by_those_who_may(steps: list[Step], anything: list[tuple[int, Body, int]], seed: int) -> None:
    logs = history(steps)
    for act in anything:
        _say_anything(logs, *act)
    reading = Fold(GENESIS)
    for entry in logs.entries:
        reading.extend([entry])
    record = reading.record
    check_invariants(record)
    for order in record.orders.values():
        if order.state is OrderState.CLOSED:
            assert order.open_amount == 0, f"{order.number} is closed over open money"
            assert not any(line.credit_due or line.disputed for line in order.lines)
    shuffled = list(logs.entries)
    Random(seed).shuffle(shuffled)
    assert fold(GENESIS, shuffled).digest == record.digest
