"""How often one may ask: by person, by token, by address. In memory, because a node is one process (ADR-0012).

Decides the numbers and who is counted as one. A limit keeps a program that runs wild, or a stranger, from taking the
node's threads from everybody else; it protects no secret by itself. Sign-in has its own, slower counts in the database
(``people/service.py``), which outlive a restart.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest

from tallystick.core.errors import LocalError

MINUTE = 60.0
SUBJECTS_MAX = 10_000  # remembered at once; beyond that the one not seen for longest is forgotten


class TooOftenError(LocalError):
    """Someone asked more often than is allowed; facts: ``seconds`` until they may again."""

    default_code = "too-often"


class BusyError(LocalError):
    """As many are served at this moment as may be (``Places``)."""

    default_code = "node-busy"


@dataclass
class Limit:
    """At most ``most`` at once and ``most`` a minute, for each subject: a bucket that fills steadily."""

    most: int
    now: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, subject: str) -> None:
        """Count one.

        Raises:
            TooOftenError: nothing is left for ``subject``.
        """
        with self._lock:
            at = self.now()
            left, since = self._left.pop(subject, (float(self.most), at))
            left = min(float(self.most), left + (at - since) * self.most / MINUTE)
            self._left[subject] = (max(0.0, left - 1), at) if left >= 1 else (left, at)
            if len(self._left) > SUBJECTS_MAX:
                self._left.popitem(last=False)
        if left < 1:
            raise TooOftenError(seconds=max(1, math.ceil((1 - left) * MINUTE / self.most)))

    def forget(self) -> None:
        with self._lock:
            self._left.clear()


PAGES = Limit(600)  # a person: ten pages a second for a minute is no person
STRANGERS = Limit(300)  # an address whose people have not signed in: a headquarters opening its sign-in pages
TOKENS = Limit(600)  # a token: a nightly program reads ten orders a second
BAD_TOKENS = Limit(30)  # an address that shows tokens nobody knows
DOORS = Limit(60)  # an address at the partners' doors: a session is good for an hour, so a partner needs a few
READINGS = Limit(6)  # a partner's node that asks for digests: each answer may cost a reading of the whole record
ALL = [PAGES, STRANGERS, TOKENS, BAD_TOKENS, DOORS, READINGS]


@dataclass
class Places:
    """So many requests with a body are served at once, and of those so many of one subject: nothing ends a slow one."""

    most: int
    each: int
    _taken: Counter[str] = field(default_factory=Counter, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def one(self, subject: str) -> Iterator[None]:
        """Keep a place for ``subject`` meanwhile.

        Raises:
            BusyError: none is free; it may come again in a moment.
        """
        with self._lock:
            if self._taken.total() >= self.most or self._taken[subject] >= self.each:
                raise BusyError
            self._taken[subject] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[subject] -= 1
                self._taken += Counter()  # forgets who has none


# Fewer in all than the threads of ``serve``, so that pages can be read however slowly others send what they send.
PARTNERS_AT_ONCE = Places(5, each=3)  # one address
STRANGERS_AT_ONCE = Places(3, each=2)  # one address; a form: signing in takes a quarter of a second
PEOPLE_AT_ONCE = Places(5, each=3)  # one person; a form
PROGRAMS_AT_ONCE = Places(3, each=2)  # one address; what is to be signed


def forget() -> None:
    """Begin counting anew, as after a restart."""
    for limit in ALL:
        limit.forget()


def address_of(request: HttpRequest) -> str:
    """Return the address that asks.

    Behind the proxy that the setting ``proxy`` names, it is the last one in X-Forwarded-For, which that proxy wrote;
    whatever stands before it, or comes from elsewhere, the asker may have written.
    """
    address = _plain(request.META.get("REMOTE_ADDR", ""))
    if settings.NODE.proxy and address == _plain(settings.NODE.proxy):
        told = _plain(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
        return told if _read(told) is not None else address
    return address


def network_of(request: HttpRequest) -> str:
    """Return whom to count as one: the address, or the /64 of an IPv6 address, which one household has whole."""
    address = address_of(request)
    if isinstance(found := _read(address), ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _plain(address: str) -> str:
    """Return the one spelling of an address; an IPv4 address that came in at an IPv6 socket is an IPv4 address."""
    found = _read(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found or address)


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
