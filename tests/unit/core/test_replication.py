from tests.keepers import IN_ADMIN, IN_BASE, JP_ADMIN, JP_HQ, Keeper, note, open_books

from tallystick.core.identity import EntryRef
from tallystick.core.replication import Exchange


class Line:
    """Two keepers and what each thinks of the other; ``turn`` is one delivery."""

    def __init__(self) -> None:
        self.hq, self.base, _ = open_books()
        self.of_base = Exchange(IN_BASE, {JP_ADMIN: 3, IN_ADMIN: 2})
        self.of_hq = Exchange(JP_HQ, {JP_ADMIN: 3, IN_ADMIN: 2})
        self.sent: list[int] = []

    def turn(self, *, arrives: bool = True) -> None:
        for sender, ours, receiver, theirs, own in (
            (self.hq, self.of_base, self.base, self.of_hq, IN_BASE),
            (self.base, self.of_hq, self.hq, self.of_base, JP_HQ),
        ):
            outgoing = ours.outgoing(sender.space, sender.sign)
            self.sent.append(len(outgoing.bundles))
            if arrives:
                for admission in receiver.take(outgoing.bundles):
                    theirs.came(admission)
                ours.delivered(outgoing)
                receiver.acknowledge(own)


def test_one_round_trip_carries_news_and_its_acknowledgement():
    line = Line()
    line.hq.write(JP_HQ, note("news"))
    line.turn()
    assert line.sent == [1, 1]
    assert line.hq.space.sizes() == line.base.space.sizes() == {0: 3, 1: 2, 16: 2, 17: 1}


def test_two_idle_nodes_fall_silent():
    line = Line()
    line.hq.write(JP_HQ, note("news"))
    for _ in range(6):
        line.turn()
    assert line.sent == [1, 1] + [0] * 10


def test_what_did_not_arrive_is_sent_again():
    line = Line()
    line.hq.write(JP_HQ, note("news"))
    line.turn(arrives=False)
    assert line.base.space.sizes() == {0: 3, 1: 2}
    line.turn()
    assert line.sent == [1, 0, 1, 1]
    assert line.base.space.sizes() == line.hq.space.sizes()


def test_what_came_from_a_partner_is_not_sent_back():
    line = Line()
    line.base.write(IN_BASE, note("theirs"))
    exchange = Exchange(IN_BASE)
    for admission in line.hq.take(line.base.bundle()):
        exchange.came(admission)
    assert exchange.known(line.hq.space) == {JP_ADMIN: 3, IN_ADMIN: 2, IN_BASE: 2}
    assert exchange.outgoing(line.hq.space, line.hq.sign).bundles == ()


def test_after_a_restart_acknowledgements_tell_what_is_known():
    line = Line()
    line.hq.write(JP_HQ, note("news"))
    line.turn()
    fresh = Exchange(IN_BASE)
    assert fresh.known(line.hq.space) == {JP_ADMIN: 3, IN_ADMIN: 2, JP_HQ: 2, IN_BASE: 1}
    assert fresh.outgoing(line.hq.space, line.hq.sign).bundles == ()


def test_a_partner_that_lost_entries_is_believed():
    """India's base comes back from a backup: it acknowledged once what it no longer holds."""
    line = Line()
    line.hq.write(JP_HQ, note("news"))
    line.turn()
    restored = Keeper(line.base.names, line.base.space.genesis)
    restored.take(line.base.space.compose_all({JP_HQ: 99, IN_BASE: 99}, line.base.sign))
    line.of_base.came(line.hq.space.read(restored.space.have_only()))
    assert line.of_base.known(line.hq.space) == {JP_ADMIN: 3, IN_ADMIN: 2}
    outgoing = line.of_base.outgoing(line.hq.space, line.hq.sign)
    restored.take(outgoing.bundles)
    line.of_base.delivered(outgoing)
    assert restored.space.sizes() == line.hq.space.sizes()  # its own log included
    assert line.of_base.outgoing(line.hq.space, line.hq.sign).bundles == ()
    restored.write(IN_BASE, note("and on", EntryRef(JP_HQ, 1)))


def test_a_partner_not_yet_known_gets_everything():
    line = Line()
    outgoing = Exchange().outgoing(line.hq.space, line.hq.sign)
    assert outgoing.sizes == {JP_ADMIN: 3, IN_ADMIN: 2}
    stranger = Keeper({}, line.hq.space.genesis)
    stranger.take(outgoing.bundles)
    assert stranger.space.sizes() == line.hq.space.sizes()
