"""The partner page: in step or not, courier files both ways, and how two nodes are paired without a network."""

import re
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.nodes import request, two_nodes
from tests.web.conftest import Browser, text_of

from tallystick.app import exchange, pairing
from tallystick.app.ports import PeerStatus
from tallystick.core.entries import Duty


def _peer_id(browser: Browser) -> str:
    return browser.node.store.peers()[0].peer_id


def _upload(browser: Browser, path: str, data: bytes, name: str = "news.lmc.age"):
    return browser.post(path, {"file": SimpleUploadedFile(name, data)})


@pytest.fixture
def admins(stage):
    return {party: stage.browser(party, "admin") for party in ("JP", "IN")}


# ---- in step, and exchange


def test_it_shows_the_partner_and_whether_it_is_in_step(stage):
    browser = stage.browser("JP", "ito")
    text = text_of(browser.get("/partner/"))
    assert "India New Delhi" in text
    assert "It has acknowledged everything we signed" in text

    request(stage.director)
    text = text_of(browser.get("/partner/"))
    assert "Not in step" in text
    assert "It has not acknowledged 1 of our entries yet" in text


def test_a_visit_to_a_partner_that_does_not_answer_is_told(stage):
    browser = stage.browser("JP", "ito")
    (peer,) = browser.node.store.peers()
    browser.node.store.put_peer(replace(peer, url="http://127.0.0.1:9"))

    assert browser.post(f"/partner/{peer.peer_id}/exchange", {}).status_code == 302
    page = browser.get("/partner/")

    assert "did not succeed" in text_of(page)
    assert browser.node.store.peers()[0].last_error == "peer-unreachable"


def test_a_partner_that_is_not_there_is_not_visited(stage):
    assert stage.browser("JP", "ito").post("/partner/nobody/exchange", {}).status_code == 404


# ---- courier files


def test_news_goes_by_courier_and_comes_back_acknowledged(stage):
    jp, ind = stage.browser("JP", "ito"), stage.browser("IN", "patel")
    request(stage.director)
    sealed = jp.post(f"/partner/{_peer_id(jp)}/courier", {"what": "news"})

    assert re.fullmatch(
        r'attachment; filename="[0-9a-f]{8}-JP-20270111T\d{6}Z\.lmc\.age"', sealed["Content-Disposition"]
    )
    assert _upload(ind, "/partner/courier", sealed.content).status_code == 302
    assert "1 new entry is in the record" in text_of(ind.get("/partner/"))
    assert stage.director.desk("IN").record.digest == stage.director.desk("JP").record.digest

    back = ind.post(f"/partner/{_peer_id(ind)}/courier", {"what": "news"})
    _upload(jp, "/partner/courier", back.content)
    text = text_of(jp.get("/partner/"))
    assert "The partner acknowledged what it holds" in text
    assert "It has acknowledged everything we signed" in text


def test_a_file_read_twice_changes_nothing(stage):
    jp, ind = stage.browser("JP", "ito"), stage.browser("IN", "patel")
    request(stage.director)
    sealed = jp.post(f"/partner/{_peer_id(jp)}/courier", {"what": "news"}).content
    _upload(ind, "/partner/courier", sealed)
    digest = stage.director.desk("IN").record.digest
    ind.get("/partner/")

    assert _upload(ind, "/partner/courier", sealed).status_code == 302
    assert "Everything in it was here already" in text_of(ind.get("/partner/"))
    assert stage.director.desk("IN").record.digest == digest


def test_nothing_new_makes_no_file(stage):
    browser = stage.browser("JP", "ito")
    request(stage.director)
    stage.director.exchange()
    stage.director.exchange()
    answer = browser.post(f"/partner/{_peer_id(browser)}/courier", {"what": "news"})

    assert answer.status_code == 302
    assert "nothing" in text_of(browser.get("/partner/")).lower()


@pytest.mark.parametrize("data", [b"", b"not a courier file at all", b"age-encryption.org/v1\nbroken"])
def test_a_file_that_is_none_is_refused_beside_the_field(stage, data):
    browser = stage.browser("JP", "ito")
    before = stage.director.desk("JP").record.digest
    page = _upload(browser, "/partner/courier", data)

    assert page.status_code == 422
    assert 'id="courier-file_error"' in page.content.decode()
    assert stage.director.desk("JP").record.digest == before


def test_a_file_sealed_to_another_node_is_refused(stage):
    jp = stage.browser("JP", "ito")
    request(stage.director)
    sealed = jp.post(f"/partner/{_peer_id(jp)}/courier", {"what": "news"}).content
    page = _upload(jp, "/partner/courier", sealed)

    assert page.status_code == 422


def test_refused_bytes_are_set_aside_and_told_with_the_reason(stage):
    jp, ind = stage.browser("JP", "ito"), stage.browser("IN", "patel")
    request(stage.director)
    (bundle,) = exchange.news_for(jp.desk, {})
    forged = bundle[:-1] + bytes([bundle[-1] ^ 1])
    page = _upload(ind, "/partner/courier", jp.node.keys.seal(forged, [jp.node.store.peers()[0].age_recipient]))

    assert page.status_code == 422
    (aside,) = ind.node.store.aside()
    shown = text_of(ind.get("/partner/"))
    assert aside.code in shown
    assert aside.digest.hex() in ind.get("/partner/").content.decode()
    assert "Nothing was refused" not in shown


def test_a_bundle_that_comes_early_waits_and_is_told(stage):
    jp, ind = stage.browser("JP", "ito"), stage.browser("IN", "patel")
    request(stage.director)
    first = jp.post(f"/partner/{_peer_id(jp)}/courier", {"what": "news"}).content
    known = jp.desk.space.sizes()
    request(stage.director)
    later = b"".join(exchange.news_for(jp.desk, known))
    recipient = jp.node.store.peers()[0].age_recipient

    assert _upload(ind, "/partner/courier", jp.node.keys.seal(later, [recipient])).status_code == 302
    assert "1 bundle waits for an earlier one" in text_of(ind.get("/partner/"))
    assert "1 bundle came early" in text_of(ind.get("/partner/"))
    assert _upload(ind, "/partner/courier", first).status_code == 302
    assert "came early" not in text_of(ind.get("/partner/"))
    assert ind.desk.record.digest == jp.desk.record.digest


# ---- pairing


@pytest.fixture
def strangers(stage, tmp_path):
    """Two fresh nodes that do not know each other, with an administrator at each."""
    director = two_nodes(tmp_path / "fresh", stores={"JP": "memory:", "IN": "memory:"})
    browsers = {
        party: Browser(node, stage.somebody(party, duties=[Duty.ADMINISTRATOR]).client)
        for party, node in director.nodes.items()
    }
    yield browsers
    for browser in browsers.values():
        browser.node.store.close()


def _key_id(browser: Browser) -> str:
    return pairing.read_card(pairing.own_card(browser.node)).key_id


def _card(browser: Browser) -> str:
    return browser.get("/partner/card").content.decode()


def _propose(one: Browser, other: Browser, key_id: str):
    page = one.post("/partner/pair/", {"card": _card(other)})
    assert page.status_code == 200, text_of(page)
    card = re.search(r'name="card" value="([^"]+)"', page.content.decode())
    assert card is not None
    return one.post(
        "/partner/pair/",
        {"card": card[1], "profile": "JPIN", "name": "example.org/jp-in", "key_id": key_id, "officer_signs": "2"},
    )


def test_two_nodes_are_paired_by_files_and_telephone(strangers):
    jp, ind = strangers["JP"], strangers["IN"]
    assert _propose(jp, ind, _key_id(ind).lower().replace("-", " ")).status_code == 302
    (peer,) = jp.node.store.peers()
    assert peer.status is PeerStatus.PENDING_OUT

    proposal = jp.get(f"/partner/{peer.peer_id}/proposal")
    answer = _upload(ind, "/partner/proposal", proposal.content, "a.knock")
    assert answer.status_code == 302
    assert "has asked to keep a record" in text_of(ind.get("/"))

    page = ind.get(answer["Location"])
    assert "Pay within 60 days" in text_of(page)
    assert "every order, acceptance, amendment and payment received" in text_of(page)
    assert ind.post(answer["Location"], {"key_id": _key_id(jp)}).status_code == 302
    assert ind.node.store.peers()[0].status is PeerStatus.CONFIRMED

    sealed = ind.post(f"/partner/{_peer_id(ind)}/courier", {"what": "everything"}).content
    assert _upload(jp, "/partner/courier", sealed).status_code == 302
    assert jp.node.desk().space.sizes() == {**ind.node.desk().space.sizes(), **jp.node.desk().space.sizes()}


def test_a_wrong_key_id_adopts_nothing(strangers):
    jp, ind = strangers["JP"], strangers["IN"]
    page = _propose(jp, ind, _key_id(jp))

    assert page.status_code == 422
    assert 'id="id_key_id_error"' in page.content.decode()
    assert jp.node.store.spaces() == ()
    assert jp.node.store.peers() == ()


def test_a_wrong_key_id_confirms_nothing(strangers):
    jp, ind = strangers["JP"], strangers["IN"]
    _propose(jp, ind, _key_id(ind))
    proposal = jp.get(f"/partner/{_peer_id(jp)}/proposal").content
    where = _upload(ind, "/partner/proposal", proposal, "a.knock")["Location"]
    page = ind.post(where, {"key_id": "0000-0000-0000-0000"})

    assert page.status_code == 422
    assert 'id="id_key_id_error"' in page.content.decode()
    assert ind.node.store.spaces() == ()


def test_a_stranger_is_refused(strangers):
    jp, ind = strangers["JP"], strangers["IN"]
    _propose(jp, ind, _key_id(ind))
    proposal = jp.get(f"/partner/{_peer_id(jp)}/proposal").content
    where = _upload(ind, "/partner/proposal", proposal, "a.knock")["Location"]

    assert ind.post(f"/partner/{_peer_id(ind)}/refuse", {}).status_code == 302
    assert ind.node.store.peers()[0].status is PeerStatus.REFUSED
    assert ind.get(where).status_code == 404
    assert "answered before" in text_of(ind.get(_upload(ind, "/partner/proposal", proposal, "a.knock")["Location"]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "Give one of the three"),
        ({"address": "http://127.0.0.1:9", "card": "x"}, "Give one of the three"),
        ({"address": "ftp://host"}, "Write the address as"),
        ({"address": "http://127.0.0.1:9"}, "does not answer"),
        ({"card": "-----BEGIN"}, "card"),
    ],
)
def test_a_card_that_is_not_to_be_had_says_why(strangers, data, says):
    page = strangers["JP"].post("/partner/pair/", data)

    assert page.status_code == 422
    assert says in text_of(page)


def test_a_proposal_that_is_none_is_refused(strangers):
    page = _upload(strangers["JP"], "/partner/proposal", b"hello", "a.knock")

    assert page.status_code == 422
    assert 'id="proposal-file_error"' in page.content.decode()


def test_a_node_without_the_key_of_the_administration_does_not_pair(stage, monkeypatch):
    browser = stage.browser("JP", "admin")
    has = type(browser.node.keys).has
    monkeypatch.setattr(type(browser.node.keys), "has", lambda self, name: name != "root" and has(self, name))

    text = text_of(browser.get("/partner/"))
    assert "The key of the administration is not on this node" in text
    assert "Pair with a partner" not in text
