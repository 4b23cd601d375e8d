"""What every test may have: persons who can sign in, and a clock for sign-in that tests move by hand.

Rooms add fixtures of their own in a conftest of their own folder.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from django.test import Client

from tallystick.core.entries import Duty

PASSWORD = "salt herring and dry rope"


@dataclass
class HandClock:
    """A clock that stands until a test moves it."""

    at: int = 1_800_000_000

    def now(self) -> int:
        return self.at

    def move(self, seconds: int) -> None:
        self.at += seconds


def pytest_configure() -> None:
    from django.conf import settings
    from hypothesis import HealthCheck
    from hypothesis import settings as hypothesis

    # The same examples on every run, however busy the machine is; the simulator and the fuzzer look further.
    hypothesis.register_profile(
        "tallystick", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis.load_profile("tallystick")

    # The real one takes a quarter of a second by design; what is tested here is not its strength.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _nobody_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with nothing counted against anybody; on a slow machine nothing is forgiven meanwhile."""
    from tallystick.web import limits

    limits.forget()
    for limit in limits.ALL:
        monkeypatch.setattr(limit, "now", lambda: 0.0)


@pytest.fixture
def door_clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The clock that links, failures and confirmations run on."""
    from tallystick.web.people import service

    clock = HandClock()
    monkeypatch.setattr(service, "clock", clock)
    return clock


@pytest.fixture
def make_person(db: None) -> Callable[..., object]:
    """Make a person: ``make_person("sato", duties=[Duty.ISSUING])``; ``password`` None leaves only links."""
    from tallystick.web.people import service

    def make(username: str, *, duties: Iterable[Duty] = (), password: str | None = PASSWORD, post: str = ""):
        person = service.create_person(username, username.title(), duties=duties, post=post)
        if password:
            person.set_password(password)
            person.save()
        return person

    return make


@pytest.fixture
def signed_in_as() -> Callable[..., Client]:
    """A browser in which ``person`` has just signed in by a one-time link."""
    from tallystick.web.people import service

    def sign_in(person) -> Client:
        client = Client()
        response = client.post(service.invite(person))
        assert response.status_code == 302
        return client

    return sign_in
