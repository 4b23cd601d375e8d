"""The terms as data: what Japan and India agreed, what no terms can say, one sequence of bytes for each agreement."""

from dataclasses import fields, replace

import pytest

from tallystick.core import canonical
from tallystick.core.agreement import (
    ALWAYS_BLOCKED,
    CATEGORIES,
    JAPAN_INDIA,
    JAPAN_INDIA_TERMS,
    PROFILES,
    Allowance,
    Genesis,
    Origin,
    Party,
    Terms,
)
from tallystick.core.calendar import parse_day
from tallystick.core.entries import Means
from tallystick.core.errors import LocalError, MalformedBytesError, TooLargeError
from tallystick.core.quantity import Rounding

JP, IN = Party("JP", "Japan Self-Defense Forces", b"\x01" * 32), Party("IN", "Indian Armed Forces", b"\x02" * 32)
GENESIS = Genesis(
    name="tallystick.example/JPIN",
    version=1,
    parties=(JP, IN),
    terms=JAPAN_INDIA,
    schema_hash=b"s" * 32,
    dictionary_hash=b"d" * 32,
    nonce=b"n" * 16,
)


# ---- Japan–India


def test_japan_india_values():
    t = JAPAN_INDIA
    assert (t.settlement_months, t.invoice_within_days, t.pay_within_days) == (12, 30, 60)
    assert (t.receipt_reminder_days, t.receipt_escalation_days, t.claim_window_days) == (3, 10, 30)
    assert (t.fiscal_year_first_month, t.rounding, t.volume_tolerance_permille) == (4, Rounding.HALF_UP, 5)
    assert t.order_number("JP", 2026, 7) == "JPIN/JP/2026/0007"
    assert t.order_number("IN", 2026, 12345) == "JPIN/IN/2026/12345"
    assert t.currencies_for("JP") == ("JPY",)
    assert t.currencies_for("IN") == ("INR",)
    assert t.currencies_for("US") == ()
    assert dict(PROFILES) == {t.code: t}


def test_in_force_from_its_first_day_and_renewing_itself():
    first = parse_day("2021-07-11")
    assert [JAPAN_INDIA.in_force(day) for day in (first - 1, first, parse_day("2069-01-01"))] == [False, True, True]
    ended = replace(JAPAN_INDIA, in_force_until=first + 1)
    assert [ended.in_force(day) for day in (first, first + 1, first + 2)] == [True, True, False]


def test_ammunition_is_refused_everywhere_and_training_outside_exercises():
    situations = "abcde"
    assert sorted(JAPAN_INDIA.situations) == list(situations)
    for category in CATEGORIES:
        allowed = "".join(s for s in situations if JAPAN_INDIA.allowance(s, category) is Allowance.ALLOWED)
        expected = {"AMMO": "", "VEHL": "", "TRNG": "a"}.get(category, situations)
        assert (category, allowed) == (category, expected)
        assert JAPAN_INDIA.means_for(category) == ((Means.REIMBURSEMENT,) if expected else ())


def test_what_the_terms_do_not_name_is_refused():
    assert JAPAN_INDIA.allowance("f", "FOOD") is Allowance.REFUSED
    assert JAPAN_INDIA.allowance("a", "GUNS") is Allowance.REFUSED
    assert JAPAN_INDIA.means_for("GUNS") == ()


@pytest.mark.parametrize("group", ALWAYS_BLOCKED)
def test_arms_are_blocked_however_they_are_written(group):
    for nsn in (f"{group}05-00-123-4567", f"{group}05001234567", f" {group} 05/00", f"{group[0]}-{group[1]}", group):
        assert JAPAN_INDIA.is_blocked(nsn), nsn
        assert replace(JAPAN_INDIA, blocked_groups=()).is_blocked(nsn), "no terms can unblock them"


def test_ordinary_goods_are_not_blocked():
    for nsn in ("", "9140-00-273-2377", "8915-01-000-1010", "LOC-1005", "4320-72-123-4567"):
        assert not JAPAN_INDIA.is_blocked(nsn), nsn
    assert JAPAN_INDIA.is_blocked("\uff11\uff10\uff10\uff15"), "full-width digits are no stock number"
    assert replace(JAPAN_INDIA, blocked_groups=("4470",)).is_blocked("4470-00-1")


def test_every_value_says_where_it_comes_from():
    told = {term.name.partition(".")[0] for term in JAPAN_INDIA_TERMS}
    assert told == {f.name for f in fields(Terms)}
    assert len({term.name for term in JAPAN_INDIA_TERMS}) == len(JAPAN_INDIA_TERMS)
    assert all(term.value and term.source for term in JAPAN_INDIA_TERMS)
    origins = {term.name: term.origin for term in JAPAN_INDIA_TERMS}
    assert origins["settlement_months"] is Origin.FACT
    assert origins["in_force_from"] is Origin.FROM_MEMORY
    assert origins["pay_within_days"] is Origin.DEFAULT


# ---- what no terms can say

IMPOSSIBLE = [
    ("code", "jpin"),
    ("version", 0),
    ("version", True),
    ("name", ""),
    ("name", "a\nb"),
    ("name", "x" * 201),
    ("name", " x"),
    ("number_prefix", "JP/IN"),
    ("in_force_from", -1),
    ("in_force_until", JAPAN_INDIA.in_force_from - 1),
    ("settlement_months", 0),
    ("invoice_within_days", 0),
    ("pay_within_days", 10**6),
    ("receipt_reminder_days", 0),
    ("receipt_escalation_days", 2),
    ("claim_window_days", -1),
    ("fiscal_year_first_month", 13),
    ("clock_tolerance_seconds", -1),
    ("vcf_edition", "API-11.1-2004"),
    ("volume_tolerance_permille", 1001),
    ("currencies", {"JP": ("JPY",)}),
    ("currencies", {"JP": ("JPY",), "IN": ()}),
    ("currencies", {"JP": ("JPY",), "IN": ("XXX",)}),
    ("currencies", {"JP": ("JPY",), "IN": ("INR", "INR")}),
    ("currencies", {"JP": ("JPY",), "in": ("INR",)}),
    ("situations", {}),
    ("situations", {"a": "", "b": "x"}),
    ("situations", {"A!": "x"}),
    ("categories", {}),
    ("categories", {"food": "Food"}),
    ("allowed", {("a", "AMMO"): Allowance.ALLOWED}),
    ("allowed", {("a", "AMMO"): Allowance.NEEDS_CONSENT}),
    ("allowed", {("z", "FOOD"): Allowance.ALLOWED}),
    ("means", {"FOOD": (Means.IN_KIND,)}),
    ("means", {"FOOD": (Means.REIMBURSEMENT, Means.REIMBURSEMENT)}),
    ("means", {"GUNS": ()}),
    ("blocked_groups", ("1",)),
    ("blocked_groups", ("15", "15")),
]


def _changed(name, value):
    narrower = {"situations": {"allowed": {}}, "categories": {"allowed": {}, "means": {}}}
    return replace(JAPAN_INDIA, **{name: value}, **narrower.get(name, {}))


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_impossible_terms_are_refused_by_name(name, value):
    with pytest.raises(LocalError) as caught:
        _changed(name, value)
    assert (caught.value.code, caught.value.facts["field"]) == ("terms-not-possible", name)


def test_every_field_of_terms_is_checked():
    assert {name for name, _ in IMPOSSIBLE} | {"rounding", "officer_signs", "training"} == {
        f.name for f in fields(Terms)
    }
    with pytest.raises(LocalError):
        _changed("rounding", 1)
    with pytest.raises(LocalError):
        _changed("training", (3,))


# ---- bytes


def test_terms_survive_their_policy():
    assert Terms.from_policy(JAPAN_INDIA.to_policy()) == JAPAN_INDIA
    other = replace(
        JAPAN_INDIA,
        rounding=Rounding.HALF_EVEN,
        in_force_until=40_000,
        allowed={("e", "FOOD"): Allowance.NEEDS_CONSENT},
        means={},
        currencies={"IN": ("INR", "USD"), "JP": ("JPY",)},
    )
    assert Terms.from_policy(other.to_policy()) == other != JAPAN_INDIA


def test_the_order_in_which_terms_were_written_does_not_matter():
    backwards = {
        name: dict(reversed(getattr(JAPAN_INDIA, name).items()))
        for name in ("currencies", "situations", "categories", "allowed", "means")
    }
    again = replace(JAPAN_INDIA, **backwards)
    assert again == JAPAN_INDIA
    assert hash(again) == hash(JAPAN_INDIA)
    assert canonical.encode(again.to_policy()) == canonical.encode(JAPAN_INDIA.to_policy())


def _break(key, change):
    policy = JAPAN_INDIA.to_policy()
    policy[key] = change(policy[key])
    return policy


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (None, "policy"),
        ([], "policy"),
        ({}, "policy"),
        ({**JAPAN_INDIA.to_policy(), 20: 0}, "training"),
        ({**JAPAN_INDIA.to_policy(), 20: []}, "order"),
        ({**JAPAN_INDIA.to_policy(), 20: [99]}, "training"),
        ({**JAPAN_INDIA.to_policy(), 20: [3, 3]}, "training"),
        ({**JAPAN_INDIA.to_policy(), 21: 0}, "policy"),
        ({k: v for k, v in JAPAN_INDIA.to_policy().items() if k != 7}, "policy"),
        (_break(1, lambda _: b"JPIN"), "code"),
        (_break(2, lambda _: "1"), "version"),
        (_break(5, lambda v: v[:1]), "in_force"),
        (_break(5, lambda v: [*v, 1]), "in_force"),
        (_break(9, lambda _: 3), "receipt"),
        (_break(9, lambda v: [*v, 1]), "receipt"),
        (_break(14, lambda v: [*v, 1]), "volume"),
        (_break(12, lambda _: 2), "rounding"),
        (_break(12, lambda _: False), "rounding"),
        (_break(14, lambda _: {}), "volume"),
        (_break(15, lambda v: v[::-1]), "order"),
        (_break(15, lambda v: [*v, v[0]]), "order"),
        (_break(15, lambda v: [[1, ["JPY"]], *v]), "currencies"),
        (_break(15, lambda v: [["JP", "JPY"], *v]), "currencies"),
        (_break(15, lambda v: [["JP", [1]], *v]), "currencies"),
        (_break(15, lambda v: v * 100), "currencies"),
        (_break(16, lambda v: v[::-1]), "order"),
        (_break(16, lambda v: [*v, [None, "x"]]), "situations"),
        (_break(16, lambda v: [*v, ["f"]]), "situations"),
        (_break(17, lambda v: v[::-1]), "order"),
        (_break(17, lambda v: [[1, "x", [], [0] * 5], *v]), "categories"),
        (_break(17, lambda v: [["AAAA", 1, [], [0] * 5], *v]), "categories"),
        (_break(17, lambda v: [["AAAA", "x", [9], [0] * 5], *v]), "means"),
        (_break(17, lambda v: [["AAAA", "x", [1], [0] * 5], *v]), "means"),
        (_break(17, lambda v: [["AAAA", "x", [], [0] * 4], *v]), "allowed"),
        (_break(17, lambda v: [["AAAA", "x", [], [3] * 5], *v]), "allowed"),
        (_break(17, lambda v: [["AMMO", "x", [], [1] * 5]] + [r for r in v if r[0] != "AMMO"]), "allowed"),
        (_break(18, lambda v: [*v, 15]), "blocked_groups"),
        (_break(18, lambda v: [*v, "1"]), "blocked_groups"),
    ],
)
def test_a_policy_not_wholly_understood_is_refused(policy, field):
    with pytest.raises(MalformedBytesError) as caught:
        Terms.from_policy(policy)
    assert (caught.value.code, caught.value.facts["field"]) == ("malformed-terms", field)


def test_a_genesis_survives_its_bytes():
    again = Genesis.read(GENESIS.bytes)
    assert again == GENESIS
    assert again.bytes == GENESIS.bytes
    assert again.space_id == GENESIS.space_id


def test_the_space_id_is_pinned():
    """A change here means every agreement already made has another name: never by accident."""
    assert GENESIS.space_id.hex() == "130bbed950e1a0cbcdffcdd3d55773bbd2f944914f29de5bdb07cad3487f5900"
    assert len(GENESIS.bytes) < 2_000


def test_any_change_is_another_agreement():
    others = [
        replace(GENESIS, nonce=b"m" * 16),
        replace(GENESIS, version=2),
        replace(GENESIS, parties=(IN, JP)),
        replace(GENESIS, terms=replace(JAPAN_INDIA, pay_within_days=61)),
    ]
    assert len({g.space_id for g in [GENESIS, *others]}) == 5


def test_parties_are_numbered_by_their_place():
    assert [GENESIS.party_number(code) for code in ("JP", "IN")] == [0, 1]
    assert GENESIS.order_number(1, 2027, 3) == "JPIN/IN/2027/0003"
    with pytest.raises(LocalError) as caught:
        GENESIS.party_number("US")
    assert caught.value.code == "unknown-party"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Japan India"}, "name"),
        ({"name": "a+b"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"version": 0}, "version"),
        ({"parties": (JP,)}, "parties"),
        ({"parties": (JP, replace(IN, code="in"))}, "code"),
        ({"parties": (JP, replace(IN, name=""))}, "party_name"),
        ({"parties": (JP, replace(IN, root_key=b"short"))}, "root_key"),
        ({"parties": (JP, replace(IN, root_key=JP.root_key))}, "root_keys"),
        ({"parties": (JP, replace(IN, code="US"))}, "currencies"),
        ({"parties": (JP, IN, replace(IN, root_key=b"3" * 32))}, "currencies"),
        ({"schema_hash": b""}, "schema_hash"),
        ({"dictionary_hash": b"x" * 31}, "dictionary_hash"),
        ({"nonce": b"x" * 17}, "nonce"),
    ],
)
def test_an_impossible_genesis_is_refused(change, field):
    with pytest.raises(LocalError) as caught:
        replace(GENESIS, **change)
    assert (caught.value.code, caught.value.facts["field"]) == ("genesis-not-possible", field)


def _bytes_with(key, change):
    plain = canonical.decode(GENESIS.bytes)
    plain[key] = change(plain[key])
    return canonical.encode(plain)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed-bytes"),
        (GENESIS.bytes[:-1], "malformed-bytes"),
        (GENESIS.bytes + b"\x00", "malformed-bytes"),
        (canonical.encode([1]), "malformed-genesis"),
        (canonical.encode({1: "x"}), "malformed-genesis"),
        (_bytes_with(1, lambda _: 5), "malformed-genesis"),
        (_bytes_with(3, lambda v: v[:1]), "malformed-genesis"),
        (_bytes_with(3, lambda v: [v[0], v[1][:3]]), "malformed-genesis"),
        (_bytes_with(3, lambda v: [v[0], [v[1][0], v[1][1], [b"certificate"], v[1][3]]]), "malformed-genesis"),
        (_bytes_with(3, lambda v: [v[0], [v[1][0], "key", [], v[1][3]]]), "malformed-genesis"),
        (_bytes_with(3, lambda v: [v[0], [v[1][0], v[1][1], [], 7]]), "malformed-genesis"),
        (_bytes_with(3, lambda _: None), "malformed-genesis"),
        (_bytes_with(4, lambda _: {}), "malformed-terms"),
        (_bytes_with(7, lambda _: None), "malformed-genesis"),
    ],
)
def test_bytes_that_are_no_genesis_are_refused(data, code):
    with pytest.raises(MalformedBytesError) as caught:
        Genesis.read(data)
    assert caught.value.code == code


def test_a_genesis_has_a_limit():
    with pytest.raises(TooLargeError):
        Genesis.read(b"\x00" * 65_537)
