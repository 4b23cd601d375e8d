"""Signing an act: try it on the present record, refuse what would be void, then append.

The trial runs the very fold that every node will run, on the very entry that would be signed. What the fold would
void is refused here with the same code, before anything exists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tallystick.app import timekeeping
from tallystick.app.node import Desk
from tallystick.core.entries import ADMIN_KINDS, Draft, Entry, ShapeError, check
from tallystick.core.errors import ActRefusedError, LocalError
from tallystick.core.fold import Trial
from tallystick.core.identity import EntryRef
from tallystick.core.space import Admission

MINUTE = 60


@dataclass(frozen=True)
class Preview:
    """What signing would do, to be shown before it is done. Nothing has been signed or stored."""

    entry: Entry
    leaf: bytes  # the very bytes that go into the log
    trial: Trial
    order_digest: bytes | None  # of the order as it was looked at


def _stage(desk: Desk, draft: Draft) -> Admission:
    try:
        check(draft.body)
    except ShapeError as error:
        raise LocalError("field-out-of-limits", field="", why=str(error)) from None
    now = desk.clock.now() // MINUTE * MINUTE
    log = desk.admin_log if draft.body.KIND in ADMIN_KINDS else desk.log
    if log == desk.admin_log and not desk.keys.has("root"):
        raise LocalError("no-root-key-here", party=desk.party_code(desk.party))
    desk.require_heard({log})
    timekeeping.require(desk)
    return desk.space.draft(log, [replace(draft, t=draft.t or now)], now, desk.epoch_key(log))


def _digest(desk: Desk, order_id: EntryRef | None) -> bytes | None:
    if order_id is None or order_id not in desk.record.orders:
        return None
    return desk.record.order_digest(order_id)


def preview(desk: Desk, draft: Draft) -> Preview:
    """Return what signing ``draft`` now would mean.

    Raises:
        LocalError: the draft cannot be written down at all (a field beyond its limits, no writer key here).
    """
    with desk.lock:
        desk.refresh()
        admission = _stage(desk, draft)
        entry = admission.entries[-1]
        trial = desk.fold.trial(entry)
        order_id = trial.order.order_id if trial.order else None
        return Preview(entry, admission.leaves[-1].leaf, trial, _digest(desk, order_id))


def sign(desk: Desk, draft: Draft, *, looked_at: bytes | None = None) -> Entry:
    """Sign and store one act.

    Args:
        desk: The agreement.
        draft: What is said.
        looked_at: Digest of the order when the officer looked; when given and the order has moved on since,
            nothing is signed.

    Raises:
        ActRefusedError: the act would be void; its code is the finding's.
        LocalError: ``order-changed`` since the officer looked.
        StoreError: nothing was written.
    """

    def stage() -> Admission:
        admission = _stage(desk, draft)
        entry = admission.entries[-1]
        trial = desk.fold.trial(entry)
        if looked_at is not None and trial.order is not None:
            present = _digest(desk, trial.order.order_id)
            if present is not None and present != looked_at:
                raise LocalError("order-changed", order=trial.order.number)
        if trial.void:
            reason = trial.findings[0]
            raise ActRefusedError(reason.code, **dict(reason.facts))
        return admission

    admission = desk.commit_fresh(stage)
    assert admission is not None
    return admission.entries[-1]
