"""Signing an act: try it on the present record, refuse what would be void, then append.

The trial runs the very fold that every node will run, on the very entry that would be signed. What the fold would
void is refused here with the same code, before anything exists. Where the agreement asks for the officer's own
signature, the trial tells what an act would mean with it, and what exactly the officer has to sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tallystick.app import timekeeping
from tallystick.app.node import Desk
from tallystick.app.ports import OfficerKey
from tallystick.core import cose
from tallystick.core.admission import Admission
from tallystick.core.entries import ADMIN_KINDS, Draft, Entry, ShapeError, check
from tallystick.core.errors import ActRefusedError, LocalError
from tallystick.core.fold import Trial
from tallystick.core.identity import EntryRef
from tallystick.core.signing import readable_id

MINUTE = 60
OWN_SECONDS = 86_400  # an officer's signature made elsewhere names its time; an older one would date the act back


@dataclass(frozen=True)
class OwnSignature:
    """The officer's own signature that an act needs. ``key`` is the one in the warrant; None when it has none."""

    grant: int
    post: str
    key: bytes | None
    to_sign: bytes  # what goes into Ed25519: the Sig_structure of RFC 9052


@dataclass(frozen=True)
class Preview:
    """What signing would do, to be shown before it is done. Nothing has been signed or stored.

    ``leaf`` are the very bytes that go into the log; where ``own`` is there, without the officer's signature yet.
    """

    entry: Entry
    leaf: bytes
    trial: Trial
    order_digest: bytes | None  # of the order as it was looked at
    own: OwnSignature | None = None


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
    if draft.auth is not None and draft.t is not None and not now - OWN_SECONDS <= draft.t <= now:
        raise LocalError("own-signature-too-old")
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
        trial, own = _try(desk, entry)
        order_id = trial.order.order_id if trial.order else None
        return Preview(entry, admission.leaves[-1].leaf, trial, _digest(desk, order_id), own)


def _try(desk: Desk, entry: Entry) -> tuple[Trial, OwnSignature | None]:
    """Return what ``entry`` would mean, with its officer's own signature if it needs one; and what that is over."""
    trial = desk.fold.trial(entry)
    if not trial.void or trial.findings[0].code != "officer-signature-missing":
        return trial, None
    who = int(dict(trial.findings[0].facts)["who"])
    grant = desk.record.grants[entry.party, who]
    own = OwnSignature(who, grant.post, grant.officer_key, cose.to_be_signed(cose.payload(desk.id, entry)))
    return desk.fold.trial(entry, promised=True), own


def _own_signature(own: OwnSignature, officer: OfficerKey | None) -> bytes:
    if own.key is None:
        raise LocalError("officer-key-not-granted", post=own.post, grant=own.grant)
    if officer is None:
        raise LocalError("officer-must-sign", post=own.post, grant=own.grant)
    if officer.public != own.key:
        raise LocalError(
            "officer-key-differs", post=own.post, granted=readable_id(own.key), shown=readable_id(officer.public)
        )
    return cose.envelope(officer.sign(own.to_sign))


def sign(desk: Desk, draft: Draft, *, looked_at: bytes | None = None, officer: OfficerKey | None = None) -> Entry:
    """Sign and store one act.

    Args:
        desk: The agreement.
        draft: What is said. Give the time of the preview, so that what is signed is what was shown.
        looked_at: Digest of the order when the officer looked; when given and the order has moved on since,
            nothing is signed.
        officer: The officer's own key, opened for this act; used only when the act needs it.

    Raises:
        ActRefusedError: the act would be void; its code is the finding's.
        LocalError: ``order-changed`` since the officer looked; ``officer-must-sign``, ``officer-key-not-granted`` or
            ``officer-key-differs`` when the act needs a signature that this key is not for.
        StoreError: nothing was written.
    """

    def stage() -> Admission:
        admission = _stage(desk, draft)
        entry = admission.entries[-1]
        trial, own = _try(desk, entry)
        if looked_at is not None and trial.order is not None:
            present = _digest(desk, trial.order.order_id)
            if present is not None and present != looked_at:
                raise LocalError("order-changed", order=trial.order.number)
        if trial.void:
            reason = trial.findings[0]
            raise ActRefusedError(reason.code, **dict(reason.facts))
        if own is not None:
            signed = _stage(desk, replace(draft, t=entry.t, auth=_own_signature(own, officer)))
            assert not desk.fold.trial(signed.entries[-1]).void, "signed just now, by the key in the warrant"
            return signed
        return admission

    admission = desk.commit_fresh(stage)
    assert admission is not None
    return admission.entries[-1]
