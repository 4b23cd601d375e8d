"""Two administrators, two key ids: nothing is kept together before both have compared."""

import pytest


@pytest.fixture
def strangers(run, tmp_path):
    """Two new nodes that have exchanged cards; ``key_ids`` as told over the telephone."""

    def call(code, *arguments):
        return run("--node", tmp_path / code, *arguments)

    key_ids = {}
    for code in ("jp", "in"):
        key_ids[code] = call(
            code, "init", "--party", code.upper(), "--party-name", code, "--name", f"{code} HQ", "--json"
        ).json["key_id"]
        assert call(code, "pair", "card", "--out", tmp_path / f"{code}.card").code == 0
    call.key_ids = key_ids
    call.folder = tmp_path
    return call


def propose(call, *options, compared=None):
    return call(
        "jp", "pair", "propose", call.folder / "in.card", "--name", "test", "--compared",
        compared or call.key_ids["in"], *options,
    )  # fmt: skip


def test_the_card_tells_the_key_id_that_init_told(strangers):
    told = strangers("jp", "pair", "look", strangers.folder / "in.card", "--json").json
    assert (told["party"], told["key_id"]) == ("IN", strangers.key_ids["in"])
    assert strangers.key_ids["in"] in strangers("in", "pair", "card").err


def test_a_key_id_that_differs_stops_both_sides(strangers):
    knock = strangers.folder / "knock"
    assert "code: key-id-differs" in propose(strangers, "--out", knock, compared="AAAA-BBBB-CCCC-DDDD").err
    assert not knock.exists()
    assert strangers("jp", "status", "--json").json["agreements"] == []
    propose(strangers, "--out", knock)
    strangers("in", "pair", "receive", knock)
    ran = strangers("in", "pair", "confirm", "JP", "--compared", strangers.key_ids["in"])
    assert (ran.code, "code: key-id-differs" in ran.err) == (2, True)
    assert strangers("in", "status", "--json").json["agreements"] == []
    # The same with the right one, as people type it.
    typed = strangers.key_ids["jp"].lower().replace("-", " ")
    assert strangers("in", "pair", "confirm", "JP", "--compared", typed).code == 0


def test_a_proposal_can_be_refused_and_forgotten(strangers):
    knock = strangers.folder / "knock"
    propose(strangers, "--out", knock)
    strangers("in", "pair", "receive", knock)
    assert strangers("in", "pair", "refuse", "JP").code == 0
    assert strangers("in", "pair", "box", "--json").json == []
    assert "code: no-such-knock" in strangers("in", "pair", "confirm", "JP", "--compared", "x").err
    assert strangers("in", "pair", "forget", "JP").code == 0
    strangers("in", "pair", "receive", knock)
    assert len(strangers("in", "pair", "box", "--json").json) == 1


def test_a_proposal_can_be_made_again_and_withdrawn(strangers):
    propose(strangers, "--out", strangers.folder / "knock")
    assert strangers("jp", "pair", "remind", "--out", strangers.folder / "again").code == 0
    assert (strangers.folder / "again").read_bytes() == (strangers.folder / "knock").read_bytes()
    assert strangers("jp", "pair", "withdraw").code == 0
    assert strangers("jp", "status", "--json").json["partners"] == []
    assert "code: no-such-proposal" in strangers("jp", "pair", "remind", "--out", strangers.folder / "x").err


def test_a_proposal_needs_a_way(strangers):
    assert propose(strangers).code == 2
    assert "code: peer-unreachable" in propose(strangers, "--send").err


@pytest.mark.parametrize("damage", [lambda text: text[:-40], lambda text: text.replace("A", "B"), lambda _: "hello"])
def test_a_damaged_card_is_refused(strangers, damage):
    card = strangers.folder / "in.card"
    card.write_text(damage(card.read_text()))
    ran = propose(strangers, "--out", strangers.folder / "knock")
    assert ran.code == 3
    assert "code: card-" in ran.err


def test_a_damaged_proposal_is_refused(strangers):
    knock = strangers.folder / "knock"
    propose(strangers, "--out", knock)
    data = knock.read_bytes()
    knock.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = strangers("in", "pair", "receive", knock)
    assert (ran.code, strangers("in", "pair", "box", "--json").json) == (3, [])
