"""Alarms and lists of digests at the command line, with their exit codes."""

from tallystick.app import alarms
from tallystick.stores.node import open_node

REFUSED = b"\x85 this is no bundle"


def refuse(folder):
    """Set some bytes aside on the node in ``folder``, as a bad bundle would."""
    node = open_node(folder)
    node.store.set_aside(node.desk().id, REFUSED, "malformed-bytes", {"what": "bundle"}, at=node.clock.now())
    (alarm,) = alarms.gather(node.desk())
    node.store.close()
    return alarm.id


def test_alarms_are_listed_and_put_away(pair):
    quiet = pair("jp", "alarms")
    assert (quiet.code, quiet.out) == (0, "No alarm.\n")

    name = refuse(pair.folder / "jp")
    told = pair("jp", "alarms")
    assert told.code == 4
    assert name in told.out
    assert "The bytes are not in the agreed form: bundle." in told.out
    assert "code: malformed-bytes" in told.out
    assert "1: see tallystick alarms" in pair.done("jp", "status").out

    (row,) = pair("jp", "alarms", "--json").json
    assert (row["id"], row["sort"], row["put_away_at"]) == (name, "refused", "")
    away = pair("jp", "alarms", "--put-away", name)
    assert away.code == 0
    assert "put away 2027-01-10T10:00Z" in away.out
    assert "see tallystick alarms" not in pair.done("jp", "status").out
    missing = pair("jp", "alarms", "--put-away", "fork-1")
    assert (missing.code, "no-such-alarm" in missing.err) == (2, True)


def test_nodes_that_meet_by_courier_attest_and_compare(pair):
    pair.on("2027-01-12")
    pair.carry()
    pair.on("2027-01-14")
    pair.carry()
    for party in ("jp", "in"):
        told = pair.done(party, "status", "--json").json["agreements"][0]
        assert told["last_compared_at"] >= "2027-01-12", party
        assert told["alarms"] == 0


def test_lists_of_digests_are_compared_by_hand(pair):
    listed = pair.folder / "in.digests"
    listed.write_text(pair.done("in", "digest", "--orders").out)
    same = pair("jp", "digest", "--compare", listed)
    assert (same.code, same.out) == (0, "0 orders: the same on both nodes.\n")
    assert pair("jp", "digest", "--compare", listed, "--json").json == {
        "compared": 0, "same": True, "first": "", "differ": [],
    }  # fmt: skip
    listed.write_text(listed.read_text().replace("record ", "record 0"))
    beside = pair("jp", "digest", "--compare", listed)
    assert (beside.code, "what is told beside them differs" in beside.out) == (4, True)
    listed.write_text(listed.read_text() + f"{bytes(16).hex()} 17.9 JPIN/JP/2026/0001\n")
    odd = pair("jp", "digest", "--compare", listed)
    assert (odd.code, odd.out) == (4, "1 of 0 orders differ. The first is 17.9 (17.9).\n")
    listed.write_text("hello")
    wrong = pair("jp", "digest", "--compare", listed)
    assert (wrong.code, "digests-unreadable" in wrong.err) == (2, True)
