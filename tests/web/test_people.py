"""People and warrants: invited, appointed, dismissed; granted, revoked; and what of it the partner sees."""

import re

import pytest
from django.test import Client
from tests import nodes
from tests.web.conftest import form_on, text_of

from tallystick.app import courier, read
from tallystick.core.entries import Duty
from tallystick.core.identity import grant_of
from tallystick.web.people.models import Appointment, Person

GRANT = {"post": "Issuing Officer, Chennai", "duties": ["5", "6"], "currency": "", "until": "2028-03-31"}


@pytest.fixture
def admin(stage):
    return stage.browser("IN", "admin")


def _officers(stage, party: str = "IN"):
    desk = stage.director.desk(party)
    whose = stage.director.desk("IN").party
    return {officer.post: officer for officer in read.officers(desk, read.today(desk), whose)}


# ---- people


def test_a_new_person_gets_a_link_that_is_shown_once_and_lets_in_once(admin):
    page = admin.post("/people/new/", {"display_name": "Verma Asha", "username": "verma", "post": "Stores, Kochi"})
    link = re.search(r"http://\S+?(/link/[\w-]{43}/)", page.content.decode())

    assert page.status_code == 200
    assert link is not None
    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "no-referrer"
    assert link[1] not in admin.get(f"/people/{Person.objects.get(username='verma').pk}/").content.decode()
    newcomer = Client()
    assert newcomer.post(link[1]).status_code == 302
    assert Client().post(link[1]).status_code == 410


@pytest.mark.parametrize(
    ("data", "beside"),
    [
        ({"username": "VERMA ASHA"}, "username"),
        ({"username": ""}, "username"),
        ({"display_name": ""}, "display_name"),
        ({"duties": ["11", "12"]}, "duties"),
        ({"duties": ["3"]}, "duties"),
    ],
)
def test_a_person_who_cannot_be_is_refused_beside_the_field(admin, data, beside):
    page = admin.post("/people/new/", {"display_name": "Verma Asha", "username": "verma", **data})

    assert page.status_code == 422
    assert f'id="id_{beside}_error"' in page.content.decode(), text_of(page)
    assert not Person.objects.filter(display_name="Verma Asha").exists()


def test_a_name_that_is_taken_is_refused(admin):
    made = {"display_name": "Verma Asha", "username": "verma"}
    admin.post("/people/new/", made)
    page = admin.post("/people/new/", made)

    assert page.status_code == 422
    assert 'id="id_username_error"' in page.content.decode()


def test_a_person_is_appointed_and_signs_from_then_on(stage, admin):
    browser = stage.somebody("IN")
    person = Person.objects.get(username__startswith="somebody")
    grant = stage.director.grants["IN", "iyer"]
    assert browser.get("/prices/new/").status_code == 404

    assert admin.post(f"/people/{person.pk}/appoint", {"grant": grant}).status_code == 302
    assert browser.get("/prices/new/").status_code == 200
    assert admin.post(f"/people/{person.pk}/relieve/{grant}", {}).status_code == 302
    assert browser.get("/prices/new/").status_code == 404


def test_an_appointment_passes_from_one_to_the_next(stage, admin):
    stage.browser("IN", "iyer")
    stage.somebody("IN")
    person = Person.objects.get(username__startswith="somebody")
    grant = stage.director.grants["IN", "iyer"]
    admin.post(f"/people/{person.pk}/appoint", {"grant": grant})

    assert [a.person for a in Appointment.objects.filter(grant=grant, active=True)] == [person]


def test_one_person_cannot_hold_duties_that_are_kept_apart_under_two_warrants(stage, admin):
    stage.browser("IN", "iyer")
    biller = Person.objects.get(username="iyer.in")
    page = admin.post(f"/people/{biller.pk}/appoint", {"grant": stage.director.grants["IN", "nair"]})

    assert page.status_code == 422
    assert "One person cannot hold both" in text_of(page)
    assert biller.appointments.filter(active=True).count() == 1


def test_a_dismissed_person_is_out_at_the_next_click(stage, admin):
    browser = stage.browser("IN", "iyer")
    person = Person.objects.get(username="iyer.in")
    assert browser.get("/orders/").status_code == 200

    assert admin.post(f"/people/{person.pk}/dismiss", {}).status_code == 302
    assert browser.get("/orders/").status_code == 302
    assert "Dismissed" in text_of(admin.get("/people/"))


def test_the_last_administrator_stays(stage, admin):
    me = Person.objects.get(username="admin.in")
    assert admin.post(f"/people/{me.pk}/dismiss", {}).status_code == 302
    me.refresh_from_db()
    assert me.is_active

    other = stage.somebody("IN", duties=[Duty.ADMINISTRATOR])
    only_on_node = Person.objects.get(username__startswith="somebody")
    Appointment.objects.filter(person=me).update(active=False)
    page = other.post(f"/people/{only_on_node.pk}/duties", {"duties": []})
    assert page.status_code == 422
    assert "last administrator" in text_of(page)


def test_the_list_asks_as_many_questions_with_three_persons_as_with_one(
    admin, make_person, django_assert_max_num_queries
):
    counts = set()
    for number in range(3):
        make_person(f"person{number}")
        with django_assert_max_num_queries(12) as asked:
            assert admin.get("/people/").status_code == 200
        counts.add(len(asked))
    assert len(counts) == 1


# ---- warrants


def test_a_warrant_is_signed_and_the_partner_checks_by_it(stage, admin):
    preview = admin.fill("/people/warrants/new/", **GRANT)
    assert "Issuing Officer, Chennai" in text_of(preview)
    assert "Issuing Officer, Chennai" not in _officers(stage)

    admin.sign(preview, "/people/warrants/new/")
    stage.director.exchange()

    for party in ("IN", "JP"):
        officer = _officers(stage, party)["Issuing Officer, Chennai"]
        assert (officer.duties, officer.per_act, officer.live) == ((Duty.ISSUING, Duty.INSPECTOR), None, True)
    assert "Issuing Officer, Chennai" in text_of(stage.browser("JP", "sato").get("/people/warrants/"))


def test_limits_are_read_exactly_in_their_currency(stage, admin):
    admin.act("/people/warrants/new/", **{**GRANT, "currency": "JPY", "per_act": "90000000", "total": "180000000"})

    officer = _officers(stage)["Issuing Officer, Chennai"]
    assert (officer.currency, officer.per_act, officer.total) == ("JPY", 90_000_000, 180_000_000)


@pytest.mark.parametrize(
    ("change", "beside"),
    [
        ({"post": ""}, "post"),
        ({"duties": []}, "duties"),
        ({"duties": ["3", "7"]}, "duties"),
        ({"duties": ["11", "1"]}, "duties"),
        ({"per_act": "100"}, "currency"),
        ({"currency": "JPY", "per_act": "100.50"}, "per_act"),
        ({"currency": "JPY", "total": "-1"}, "total"),
        ({"currency": "XTS", "total": "1"}, "currency"),
        ({"until": "soon"}, "until"),
    ],
)
def test_a_warrant_that_cannot_be_is_refused_beside_the_field(stage, admin, change, beside):
    before = len(_officers(stage))
    page = admin.post("/people/warrants/new/", {**GRANT, "do": "preview", **change})

    assert page.status_code == 422
    assert f'id="id_{beside}_error"' in page.content.decode(), text_of(page)
    assert len(_officers(stage)) == before


def test_duties_that_exclude_each_other_are_named_as_they_are_ticked(admin):
    page = admin.post("/people/warrants/duties", {"duties": ["3", "7"]})
    assert "ordering and receiving" in text_of(page)
    assert text_of(admin.post("/people/warrants/duties", {"duties": ["5", "6"]})) == ""
    assert admin.post("/people/warrants/duties", {"duties": ["x", "99"]}).status_code == 200


def test_a_revoked_warrant_signs_no_more(stage, admin):
    biller = stage.browser("IN", "iyer")
    grant = stage.director.grants["IN", "iyer"]
    assert biller.get("/prices/new/").status_code == 200

    admin.act(f"/people/warrants/{grant}/revoke/", reason="no-longer-needed")

    assert not _officers(stage)["Billing Officer, Visakhapatnam"].live
    assert biller.get("/prices/new/").status_code in (403, 404)
    assert "Revoked" in text_of(admin.get("/people/warrants/"))
    page = admin.post(f"/people/warrants/{grant}/revoke/", {"reason": "no-longer-needed", "do": "preview"})
    assert page.status_code == 422


def test_a_stolen_key_is_revoked_from_the_first_entry_that_was_not_ours(stage, admin):
    offer = nodes.offered(stage.director)
    stage.director.exchange()
    path = f"/people/warrants/{stage.director.grants['IN', 'nair']}/revoke/"
    for wrong, why in (("noon", "is not the name of an entry"), ("17.999", "There is no act 17.999")):
        page = admin.fill(path, reason="not-stated", since=wrong)
        assert (page.status_code, why in text_of(page)) == (422, True)
    admin.act(path, reason="not-stated", since=str(offer))
    stage.director.exchange()
    for party in ("JP", "IN"):
        (order,) = stage.director.desk(party).record.orders.values()
        assert order.state == "requested"


def test_a_stolen_node_is_revoked_by_its_party(stage, admin):
    desk = stage.director.desk("IN")
    assert "writes as a node" in text_of(admin.get("/people/warrants/"))
    path = f"/people/warrants/{grant_of(desk.log)}/revoke/"
    assert "This is the node you are at" in text_of(admin.get(path))
    assert "This is the node" not in text_of(
        admin.get(f"/people/warrants/{stage.director.grants['IN', 'nair']}/revoke/")
    )
    admin.act(path, reason="not-stated")
    assert desk.record.grants[desk.party, grant_of(desk.log)].revoked is not None


def test_a_second_press_grants_nothing_twice(stage, admin):
    form = {**form_on(admin.fill("/people/warrants/new/", **GRANT), "sign"), "do": "sign"}
    before = len(_officers(stage))
    assert admin.post("/people/warrants/new/", form).status_code == 302
    assert admin.post("/people/warrants/new/", form).status_code == 302

    desk = stage.director.desk("IN")
    assert len(read.officers(desk, read.today(desk))) == before + 1


def test_signing_a_warrant_asks_again_who_it_is(door_clock, stage, admin):
    from tallystick.web.people import service

    door_clock.move(service.FRESH_SECONDS + 1)
    answer = admin.get("/people/warrants/new/")

    assert answer.status_code == 302
    assert "/confirm/" in answer["Location"]


def test_names_never_leave(stage, admin, make_person):
    person = make_person("canary")
    Person.objects.filter(pk=person.pk).update(display_name="Kanarie Unmistakable")
    admin.act("/people/warrants/new/", **{**GRANT, "person": str(person.pk)})

    assert Appointment.objects.get(person=person).post == "Issuing Officer, Chennai"
    node = stage.director.nodes["IN"]
    desk = node.desk()
    file = courier.write(node, desk, courier.partner(node, desk), everything=True)
    plain = stage.director.nodes["JP"].keys.unseal(file.data)
    leaves = b"".join(
        part or b"" for leaf in node.store.load(desk.id).leaves for part in (leaf.leaf, leaf.core, leaf.detail)
    )
    for name in (b"Kanarie", b"Unmistakable", b"canary"):
        assert name not in plain
        assert name not in leaves
    assert b"Issuing Officer, Chennai" in leaves
    told = text_of(stage.browser("JP", "admin").get("/people/warrants/"))
    assert "Kanarie" not in told


def test_an_officer_sees_posts_and_no_names(stage):
    stage.browser("IN", "iyer")
    page = stage.browser("IN", "nair").get("/people/warrants/")

    assert "Billing Officer, Visakhapatnam" in text_of(page)
    assert "Iyer" not in text_of(page)
