"""The bill of materials is a valid one, says what the locks say, and the locks are sound."""

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from importlib.resources import files

import jsonschema_rs
import pytest
from tools import sbom

BOM = json.loads(sbom.written(sbom.bill()))


def validator() -> jsonschema_rs.Draft7Validator:
    """Return the reader of the standard's own schema, written by others than the writer of the bill."""
    folder = files("cyclonedx.schema") / "_res"
    base = "http://cyclonedx.org/schema/"
    registry = jsonschema_rs.Registry(
        [
            (f"{base}{name.name}", json.loads(name.read_text("utf-8")))
            for name in folder.iterdir()
            if re.match(r"(spdx|jsf|cryptography)", name.name) and name.name.endswith(".json")
        ]
    )
    schema = json.loads((folder / "bom-1.6.SNAPSHOT.schema.json").read_text("utf-8"))
    return jsonschema_rs.Draft7Validator(schema, registry=registry)


def test_the_bill_is_valid_and_a_broken_one_is_not():
    valid = validator()
    assert [error.message for error in valid.iter_errors(BOM)] == []
    assert not valid.is_valid({**BOM, "bomFormat": "a list"})
    assert not valid.is_valid({**BOM, "components": [{"type": "library"}]})


def test_it_lists_what_a_node_runs_on_with_version_licence_and_hashes():
    listed = {part["name"]: part for part in BOM["components"] if part["type"] == "library"}
    locked = sbom.RUN.read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", locked, re.MULTILINE))
    assert names <= listed.keys() <= names | {"psycopg", "psycopg-binary"}
    for name in names:
        part = listed[name]
        assert f"{name}=={part['version']}" in locked
        assert part["purl"] == f"pkg:pypi/{name}@{part['version']}"
        assert part["licenses"] == [{"expression": sbom.LICENCES[name]}]
        (told,) = part["externalReferences"]
        assert told["hashes"]
        assert all(f"sha256:{one['content']}" in locked for one in told["hashes"])
    assert sum(len(listed[n]["externalReferences"][0]["hashes"]) for n in names) == locked.count("--hash=sha256:")


def test_it_says_who_wants_what():
    wants = {one["ref"].partition("@")[0]: one.get("dependsOn", []) for one in BOM["dependencies"]}
    assert any(ref.startswith("pkg:pypi/django@") for ref in wants["tallystick"])
    assert not any(ref.startswith("pkg:pypi/asgiref@") for ref in wants["tallystick"])
    assert any(ref.startswith("pkg:pypi/asgiref@") for ref in wants["pkg:pypi/django"])


def test_the_same_locks_give_the_same_bytes():
    assert sbom.written(sbom.bill()) == sbom.written(sbom.bill())
    assert "timestamp" not in BOM["metadata"]


def test_licences_are_those_the_packages_tell():
    """Where a package says it in SPDX's own words; the others were read by hand."""
    told = {}
    for name in sbom.LICENCES:
        try:
            expression = metadata(name).get("License-Expression")
        except PackageNotFoundError:
            continue  # of another platform
        if expression:
            told[name] = expression
    assert len(told) > 12
    assert told == {name: sbom.LICENCES[name] for name in told}


def test_the_locks_are_sound(capsys):
    assert sbom.problems() == []
    assert sbom.main(["--check"]) == 0
    assert "pinned by hash" in capsys.readouterr().out


EVIL = "https://evil.example"
UNSOUND = {
    "django==5.2.19": "not pinned by hash: django",
    f"django @ {EVIL}/django.whl": "not pinned by hash: django @",
    f"--index-url {EVIL}": "not pinned by hash: --index-url",
    f"-e git+{EVIL}/x": "not pinned by hash: -e",
    f"evil==1.0 --hash=md5:{'0' * 32}": "not pinned by hash: evil",
    f"evil==1.0 --hash=sha256:{'0' * 64}": "evil: 1.0 in run.lock, nothing in test.lock",
    f"django==6.0 --hash=sha256:{'0' * 64}": "django: 6.0 in run.lock, 5",
}


@pytest.mark.parametrize(("line", "says"), UNSOUND.items())
def test_an_unsound_lock_is_named(tmp_path, capsys, monkeypatch, line, says):
    lock = tmp_path / "run.lock"
    lock.write_text(sbom.RUN.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    found = sbom.problems(run=lock)
    assert any(says in one for one in found), found
    monkeypatch.setattr(sbom, "problems", lambda: found)
    assert sbom.main([]) == 1
    assert says in capsys.readouterr().err


def test_a_licence_nobody_looked_at_or_that_is_not_allowed_is_named(monkeypatch):
    monkeypatch.setitem(sbom.LICENCES, "django", "AGPL-3.0-only")
    monkeypatch.delitem(sbom.LICENCES, "click")
    monkeypatch.setitem(sbom.LICENCES, "leftpad", "MIT")
    assert {line.partition(":")[0] for line in sbom.problems()} == {"django", "click", "leftpad"}


def test_it_is_written_where_one_says(tmp_path):
    assert sbom.main(["--output", str(tmp_path / "sbom.json")]) == 0
    assert json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8")) == BOM
