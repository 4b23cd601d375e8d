"""An act that needs its officer's own signature: shown with what is to be signed, and signed by that officer alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.cast import terms_with
from tests.nodes import MEMORY, figures, in_step, offered, paired

from tallystick.app import pairing, warrants, write
from tallystick.app.ids import SystemIds
from tallystick.cli.demo.director import Director
from tallystick.core import cose, signing
from tallystick.core.agreement import OfficerSigns
from tallystick.core.entries import Draft, Grant, Order, Reason, Revoke
from tallystick.core.errors import ActRefusedError, LocalError
from tallystick.core.identity import EntryRef
from tallystick.stores import officer_keys
from tallystick.stores.officer_keys import OpenKey

KEY = OpenKey(signing.public_key(bytes(32)), bytes(32))
OTHER = OpenKey(signing.public_key(b"x" * 32), b"x" * 32)


@pytest.fixture
def director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Director:
    """Two nodes under terms by which officers always sign themselves; the ordering officer's key is in the warrant."""
    monkeypatch.setattr(pairing, "PROFILES", {"JPIN": terms_with(officer_signs=OfficerSigns.ALWAYS)})
    return paired(tmp_path, stores=MEMORY)


def keyed(director: Director, key: OpenKey = KEY, login: str = "tanaka", party: str = "JP") -> None:
    desk = director.desk(party)
    entry = write.sign(desk, warrants.rotation(desk, director.grants[party, login], key.public))
    director.grants[party, login] = entry.ref.index


def order(director: Director, on: EntryRef) -> Draft:
    director.exchange()
    ours = director.grants
    return Draft(Order(ours["JP", "tanaka"], ours["JP", "mori"], 2_000_000, "Fleet accounts"), obj=on)


def test_what_the_officer_has_to_sign_is_shown_and_what_it_would_mean(director: Director) -> None:
    keyed(director)
    draft = order(director, offered(director))
    desk = director.desk("JP")
    shown = write.preview(desk, draft)
    assert not shown.trial.void
    assert shown.trial.order is not None
    assert shown.trial.order.state == "ordered"
    assert shown.own is not None
    assert (shown.own.grant, shown.own.key) == (director.grants["JP", "tanaka"], KEY.public)
    assert shown.own.to_sign == cose.to_be_signed(cose.payload(desk.id, shown.entry))

    signed = write.sign(desk, replace(draft, t=shown.entry.t), looked_at=shown.order_digest, officer=KEY)
    assert signed == replace(shown.entry, auth=cose.envelope(KEY.sign(shown.own.to_sign)))
    assert desk.record.orders == {shown.trial.order.order_id: shown.trial.order}


def test_the_partner_checks_the_signature_too(director: Director) -> None:
    keyed(director)
    draft = order(director, offered(director))
    entry = write.sign(director.desk("JP"), draft, officer=KEY)
    director.exchange()
    theirs = director.desk("IN")
    assert in_step(director)
    assert figures(theirs)["findings"] == []
    assert theirs.space.entry(entry.ref).auth == entry.auth
    assert cose.verify(KEY.public, cose.payload(theirs.id, theirs.space.entry(entry.ref)), entry.auth)


def test_a_signature_made_elsewhere_counts_at_the_time_it_was_made_for(director: Director) -> None:
    """The key need not be on the node: the officer signs the bytes of the preview wherever the key is."""
    keyed(director)
    draft = order(director, offered(director))
    desk = director.desk("JP")
    shown = write.preview(desk, draft)
    assert shown.own is not None
    auth = cose.envelope(KEY.sign(shown.own.to_sign))
    director.clock.instant += 5 * 60
    with pytest.raises(ActRefusedError) as caught:
        write.sign(desk, replace(draft, auth=auth))
    assert caught.value.code == "officer-signature-wrong"
    director.clock.instant += 86_400
    with pytest.raises(LocalError) as late:
        write.sign(desk, replace(draft, t=shown.entry.t, auth=auth))
    assert late.value.code == "own-signature-too-old"
    director.clock.instant -= 86_400
    write.sign(desk, replace(draft, t=shown.entry.t, auth=auth))
    director.exchange()
    assert in_step(director)


def test_nobody_else_signs_for_the_officer(director: Director) -> None:
    draft = order(director, offered(director))
    desk = director.desk("JP")
    before = desk.space.sizes()

    def refused(code: str, officer: OpenKey | None) -> None:
        with pytest.raises(LocalError) as caught:
            write.sign(desk, draft, officer=officer)
        assert caught.value.code == code
        assert desk.space.sizes() == before

    refused("officer-key-not-granted", KEY)
    keyed(director)
    draft, before = order(director, draft.obj), desk.space.sizes()
    refused("officer-must-sign", None)
    refused("officer-key-differs", OTHER)
    write.sign(desk, draft, officer=KEY)


def test_a_lost_key_is_replaced_and_the_old_one_signs_no_more(director: Director) -> None:
    keyed(director)
    draft = order(director, offered(director))
    keyed(director, OTHER)
    desk = director.desk("JP")
    with pytest.raises(ActRefusedError) as caught:
        write.sign(desk, draft, officer=KEY)  # still under the old number
    assert caught.value.code == "warrant-replaced"
    write.sign(desk, order(director, draft.obj), officer=OTHER)
    director.exchange()
    assert in_step(director)


def test_a_rotation_keeps_everything_but_the_key(director: Director) -> None:
    desk = director.desk("JP")
    before = desk.record.grants[desk.party, director.grants["JP", "tanaka"]]
    keyed(director)
    after = desk.record.grants[desk.party, director.grants["JP", "tanaka"]]
    changed = {name for name in Grant.__dataclass_fields__ if getattr(before, name, None) != getattr(after, name, None)}
    assert changed == {"officer_key", "replaces"}
    assert desk.record.grants[desk.party, before.ref.index].replaced_by == after.ref
    for wrong in (bytes(32), b"short"):
        with pytest.raises(LocalError) as caught:
            warrants.rotation(desk, after.ref.index, wrong)
        assert caught.value.code == "key-not-acceptable"
    for grant in (99, 1):  # nobody, and the node's own
        with pytest.raises(LocalError) as caught:
            warrants.rotation(desk, grant, KEY.public)
        assert caught.value.code == "unknown-officer"


def test_a_key_sealed_by_a_passphrase_signs(director: Director) -> None:
    sealed = officer_keys.create("four words on paper", SystemIds())
    draft = order(director, offered(director))
    opened = officer_keys.open_with_passphrase(sealed, "four words on paper")
    keyed(director, opened)
    write.sign(director.desk("JP"), order(director, draft.obj), officer=opened)


def test_a_revocation_pins_the_logs_up_to_their_last_act(director: Director) -> None:
    offered(director)
    director.exchange()
    director.exchange()
    desk = director.desk("JP")
    draft = warrants.revocation(desk, director.grants["JP", "tanaka"], Reason.NO_LONGER_NEEDED)
    entry = write.sign(desk, draft)
    assert isinstance(entry.body, Revoke)
    for cut in entry.body.cuts:
        assert entry.seen.get(cut.log, 0) >= cut.size > 0  # so every node can check the root
    director.exchange()
    assert in_step(director)
    assert desk.record.findings == ()
