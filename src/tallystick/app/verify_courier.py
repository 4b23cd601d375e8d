"""Checking a courier file, or any sequence of bundles: each is rebuilt to what its writers signed.

Decides what is read it on top of: nothing, so that it must begin where the logs do, or a record that is at hand, which
stays as it is. Needs the agreement, because a bundle names it by a few bytes only. Goes on after a bundle that does not
fit, as far as the next ones do not need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tallystick.app.ports import Loaded
from tallystick.app.report import Problem, Problems, Verdict, verdict
from tallystick.core.agreement import Genesis
from tallystick.core.bundle import split_sequence
from tallystick.core.errors import GapError, LocalError, RemoteError
from tallystick.core.space import Space


@dataclass(frozen=True)
class Carried:
    """What a courier file brings. ``logs`` says for each log it speaks of from which size to which."""

    verdict: Verdict
    problems: tuple[Problem, ...]
    agreement: str
    space: bytes
    bundles: int
    entries: int
    logs: tuple[tuple[int, int, int], ...]


def check(data: bytes, held: Loaded, dictionary: bytes = b"") -> Carried:
    """Check bundles and return all that is to be said about them.

    Args:
        data: Bundles, one after the other, not sealed.
        held: The record they are read on; its genesis is enough.
        dictionary: The wire's dictionary, used if it is the agreement's.

    Raises:
        RemoteError: what is held is not a record.
    """
    genesis = Genesis.read(held.genesis)
    try:
        space = Space(genesis, dictionary)
    except LocalError:
        space, dictionary = Space(genesis), b""
    if held.leaves:
        space = Space.restore(
            genesis, held.leaves, held.epoch_keys, held.checkpoints, dictionary=dictionary, verify=True
        )
    problems, before = Problems(), space.sizes()
    reached: dict[int, int] = {}
    entries = count = 0
    for number, bundle in _bundles(data, problems):
        count = number
        try:
            admission = space.read(bundle)
        except GapError as error:
            where = f"log {error.facts['log']}"
            problems.doubt("courier-gap", where, needed=error.facts["needed"], held=error.facts["held"])
            continue
        except RemoteError as error:
            problems.error(error, str(error.facts.get("entry") or f"bundle {number}"))
            continue
        space.apply(admission)
        entries += len(admission.entries)
        for log, size in admission.held.items():
            reached[log] = max(reached.get(log, 0), size)
    return Carried(
        verdict=verdict(problems.found),
        problems=tuple(problems.found),
        agreement=genesis.name,
        space=genesis.space_id,
        bundles=count,
        entries=entries,
        logs=tuple((log, before.get(log, 0), size) for log, size in sorted(reached.items())),
    )


def _bundles(data: bytes, problems: Problems) -> Iterator[tuple[int, bytes]]:
    try:
        bundles = split_sequence(data)
    except RemoteError as error:
        problems.error(error)
        return
    if not bundles:
        problems.fault("courier-empty")
    yield from enumerate(bundles, 1)
