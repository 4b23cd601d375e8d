"""What holds before anybody has set anything: hashing, cookies, accounts, and what a served node answers with."""

import importlib
import json
import os
import subprocess
import sys

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.test import Client

from tallystick.app.settings import NodeSettings, save
from tallystick.web import middleware, settings


def write_key(folder, secret, mode=0o600):
    path = folder / "web.key"
    path.write_text(f"# Tallystick key\nweb-secret:{secret}\n")
    path.chmod(mode)


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Load the settings of a node, as a process of its own would."""

    def load(**more: object):
        node = NodeSettings(folder=tmp_path, party="JP", party_name="Japan", node_name="x", **more)
        save(node)
        node.keys_folder.mkdir(exist_ok=True)
        write_key(node.keys_folder, "a secret of this test")
        monkeypatch.setenv("TALLYSTICK_NODE", str(node.folder))
        module = importlib.util.module_from_spec(settings.__spec__)
        settings.__spec__.loader.exec_module(module)
        return module

    return load


def test_passwords_are_kept_by_scrypt(loaded):
    assert loaded().PASSWORD_HASHERS[0].endswith("ScryptPasswordHasher")
    hasher = ScryptPasswordHasher()
    # OWASP's smallest cost with 16 MiB is N = 2^14, r = 8, p = 5; docs/security.md names these
    assert (hasher.work_factor, hasher.block_size, hasher.parallelism) >= (2**14, 8, 5)
    kept = hasher.encode("salt herring and dry rope", hasher.salt())
    assert kept.startswith("scrypt$16384$")
    assert hasher.verify("salt herring and dry rope", kept)


@pytest.mark.parametrize("name", ["SESSION", "CSRF", "LANGUAGE"])
def test_cookies_over_https_are_bound_to_the_host(loaded, name):
    safe = loaded(public_url="https://tally.example")
    assert getattr(safe, f"{name}_COOKIE_NAME").startswith("__Host-")
    assert getattr(safe, f"{name}_COOKIE_SECURE") is True
    assert getattr(safe, f"{name}_COOKIE_HTTPONLY") is True
    assert getattr(safe, f"{name}_COOKIE_SAMESITE") == "Lax"
    assert not hasattr(safe, f"{name}_COOKIE_DOMAIN")
    plain = loaded()
    assert not getattr(plain, f"{name}_COOKIE_NAME").startswith("__"), "a browser takes such a name over https alone"
    assert getattr(plain, f"{name}_COOKIE_SECURE") is False


def test_the_colour_of_the_pages_is_kept_as_safely(client, db, settings):
    settings.THEME_COOKIE_NAME = "__Host-theme"
    settings.SESSION_COOKIE_SECURE = True
    for chosen in ("dark", ""):
        cookie = client.post("/theme/", {"theme": chosen}).cookies["__Host-theme"]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


def test_https_is_said_to_browsers_for_a_year(client, db, settings):
    settings.NODE = NodeSettings(
        folder=settings.NODE.folder, party="JP", party_name="x", node_name="x", public_url="https://tally.example"
    )
    answer = Client().get("/sign-in/")
    assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_what_programs_and_partners_get_is_kept_by_nobody_between(client, db):
    assert client.get("/api/v1/status")["Cache-Control"] == "no-store"
    assert client.get("/peer/nothing")["Cache-Control"] == "no-store"


def test_nothing_is_debugged_in_the_open(loaded):
    safe = loaded()
    assert safe.DEBUG is False
    assert "*" not in safe.ALLOWED_HOSTS
    assert safe.SECRET_KEY == "a secret of this test"
    assert not any("debug" in app or "admin" in app for app in safe.INSTALLED_APPS)


def test_a_new_node_has_nobody_who_could_sign_in(tmp_path):
    """No default account and no default password: the first person comes by a one-time link."""
    folder = str(tmp_path / "jp")
    ask = (
        "import sys; from pathlib import Path; from tallystick.cli.django import ready; ready(Path(sys.argv[1]));"
        "from tallystick.web.people.models import Person, SignInLink;"
        "from django.contrib.auth.hashers import is_password_usable;"
        "import json; print(json.dumps([[p.username, p.has_usable_password()] for p in Person.objects.all()]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(*arguments: str) -> str:
        told = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment)
        return told.stdout

    tallystick = ("-m", "tallystick.cli.main", "--node", folder)
    run(*tallystick, "init", "--party", "JP", "--party-name", "Japan", "--name", "HQ")
    assert json.loads(run("-c", ask, folder)) == []
    run(*tallystick, "invite", "abe", "--name", "Abe", "--administrator")
    assert json.loads(run("-c", ask, folder)) == [["abe", False]]


def test_the_gate_measures_what_the_page_takes():
    from django.urls import reverse

    assert reverse("partner-courier-in") == middleware.COURIER_PATH
    assert reverse("api:openapi-json") == middleware.API_DOCUMENT
