"""Warrants as an administrator speaks of them: who is meant, and what a revocation or a new key must say.

Decides how a post is found by its name, where a revocation bites, and what stays the same when a key is new. What a
warrant allows is ``core.warrants``.
"""

from __future__ import annotations

from tallystick.app import read
from tallystick.app.node import Desk
from tallystick.app.read import Officer
from tallystick.core.entries import Cut, Draft, Grant, Kind, Reason, Revoke
from tallystick.core.errors import LocalError
from tallystick.core.identity import PARTIES_MAX, EntryRef, log_id, party_of
from tallystick.core.signing import key_is_acceptable


def find(desk: Desk, wanted: str, as_of: int, *, or_node: bool = False) -> Officer:
    """Return the officer of this party named by grant number or by post; with ``or_node``, also a node.

    Of several warrants of one post the only live one is meant.

    Raises:
        LocalError: ``unknown-officer`` or ``which-officer``.
    """
    known = read.officers(desk, as_of) + (read.nodes(desk, as_of) if or_node else ())
    found = [o for o in known if wanted == str(o.grant)] or [o for o in known if o.post.lower() == wanted.lower()]
    if len(found) > 1:
        found = [officer for officer in found if officer.live] or found
    if not found:
        raise LocalError("unknown-officer", officer=wanted, known=_list(known))
    if len(found) > 1:
        raise LocalError("which-officer", known=_list(found))
    return found[0]


def only_officer(desk: Desk, kind: Kind, as_of: int) -> Officer:
    """Return the one live officer of this party whose duties include ``kind``.

    Raises:
        LocalError: ``unknown-officer`` or ``which-officer``.
    """
    duties = set(read.duties_for(kind))
    found = [officer for officer in read.officers(desk, as_of) if officer.live and duties.intersection(officer.duties)]
    if not found:
        raise LocalError("unknown-officer", officer="", known=_list(read.officers(desk, as_of)))
    if len(found) > 1:
        raise LocalError("which-officer", known=_list(found))
    return found[0]


def _list(officers: list[Officer] | tuple[Officer, ...]) -> str:
    return ", ".join(f"{officer.post} ({officer.grant})" for officer in officers)


def revocation(desk: Desk, grant: int, reason: Reason, since: EntryRef | None = None) -> Draft:
    """Return the draft that takes back the warrant at leaf ``grant``, of an officer or a node.

    Its cuts are where this party's logs stand: what was signed before stays, what comes after does not count. The cut
    of one log lies before ``since``, the first entry that somebody else made with a stolen key.

    Raises:
        LocalError: ``unknown-officer``, ``already-revoked``, or ``unknown-entry`` when ``since`` is none of ours.
    """
    view = desk.record.grants.get((desk.party, grant))
    if view is None:
        raise LocalError("unknown-officer", officer=str(grant), known="")
    if view.revoked is not None and since is None:
        raise LocalError("already-revoked", post=view.post)
    sizes = {
        log: up_to_last_act(desk, log)
        for log in desk.space.sizes()
        if log >= PARTIES_MAX and party_of(log) == desk.party
    }
    if since is not None:
        elsewhere = view.key is not None and since.log != log_id(grant, desk.party)
        if elsewhere or since.index >= sizes.get(since.log, 0):
            raise LocalError("unknown-entry", entry=str(since), field="since")
        sizes[since.log] = since.index
    cuts = tuple(Cut(log=log, size=size, root=desk.space.root(log, size)) for log, size in sizes.items())
    return Draft(Revoke(grant=grant, cuts=cuts, reason=reason))


def rotation(desk: Desk, grant: int, officer_key: bytes) -> Draft:
    """Return the draft by which the warrant at leaf ``grant`` goes on under another key of its officer.

    Limits and dates stay; what was used so far counts on.

    Raises:
        LocalError: ``unknown-officer``, or ``key-not-acceptable``.
    """
    view = desk.record.grants.get((desk.party, grant))
    if view is None or view.key is not None:
        raise LocalError("unknown-officer", officer=str(grant), known=_list(read.officers(desk, 0)))
    if not key_is_acceptable(officer_key):
        raise LocalError("key-not-acceptable", key=officer_key.hex())
    return Draft(
        Grant(
            post=view.post,
            key=None,
            age_recipient="",
            duties=view.duties,
            currency=view.currency,
            per_act=view.per_act,
            total=view.total,
            until=view.until,
            trained_on=view.trained_on,
            officer_key=officer_key,
            acting_for=view.acting_for,
            replaces=grant,
        )
    )


def up_to_last_act(desk: Desk, log: int) -> int:
    """Return where a cut of all that comes after stands; what follows the last act is acknowledgements.

    The admin log sees every act before it says anything, so the partner can check the root.
    """
    size = desk.space.size(log)
    while size and not desk.space.is_act(log, size - 1):
        size -= 1
    return size
