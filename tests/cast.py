"""The cast everybody knows: Japan and India, their nodes and their officers, and a stranger.

Each officer has one duty; a grant's place in the admin log is the officer's number. Log 16 is Japan's writer, log 17
India's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from tallystick.core.agreement import JAPAN_INDIA, Genesis, Party, Terms
from tallystick.core.calendar import parse_day
from tallystick.core.canonical import encode_trusted
from tallystick.core.entries import Adopt, Body, Cut, Duty, Entry, Grant, Reason, Revoke, Unreadable, to_array
from tallystick.core.identity import EntryRef, log_id, party_of

JP, IN, STRANGER = 0, 1, 2
CODES = ("JP", "IN")
WRITER = 1  # the writer's grant comes right after the adoption
OFFICERS: Mapping[Duty, int] = {duty: number for number, duty in enumerate(Duty, WRITER + 1)}
POSTS: Mapping[Duty, str] = {
    Duty.REQUESTER: "Fleet staff, logistics",
    Duty.FUNDS_CERTIFIER: "Comptroller",
    Duty.ORDERING: "Contracting officer",
    Duty.ACCEPTING: "Command supply officer",
    Duty.ISSUING: "Base issuing officer",
    Duty.INSPECTOR: "Fuel inspector",
    Duty.RECEIVING: "Ship's supply officer",
    Duty.BILLING: "Billing officer",
    Duty.PAYING: "Paying officer",
    Duty.COORDINATOR: "Programme coordinator",
    Duty.AUDITOR: "Auditor",
    Duty.ADMINISTRATOR: "Key custodian",
}


def key_of(name: str) -> bytes:
    """Return 32 bytes that stand for a public key where nothing is verified."""
    return sha256(name.encode()).digest()


def genesis_of(terms: Terms = JAPAN_INDIA) -> Genesis:
    return Genesis(
        name="example.net/jpin",
        version=1,
        parties=(
            Party("JP", "Japan, Ministry of Defense", key_of("JP root")),
            Party("IN", "India, Ministry of Defence", key_of("IN root")),
        ),
        terms=terms,
        schema_hash=key_of("schema"),
        dictionary_hash=key_of("dictionary"),
        nonce=bytes(16),
    )


GENESIS = genesis_of()


def terms_with(**changes: object) -> Terms:
    return replace(JAPAN_INDIA, **changes)


def at(date: str, time: str = "10:00") -> int:
    """Return the instant ``time`` UTC on ``date``, in seconds since 1970."""
    hours, minutes = map(int, time.split(":"))
    return parse_day(date) * 86_400 + hours * 3_600 + minutes * 60


def grant(*duties: Duty, post: str = "", **changes: object) -> Grant:
    """Return an officer's warrant without limits."""
    plain = Grant(
        post=post or "An officer", key=None, age_recipient="", duties=duties, currency="",
        per_act=None, total=None, until=None, trained_on=None,
    )  # fmt: skip
    return replace(plain, **changes)


@dataclass
class Logs:
    """A small stand-in for the space: builds entries with places, Lamport numbers and what was seen."""

    entries: list[Entry] = field(default_factory=list)
    _by_ref: dict[EntryRef, Entry] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)

    def say(
        self,
        log: int,
        body: Body | Unreadable,
        *,
        on: EntryRef | None = None,
        t: int = 0,
        unseen: Iterable[EntryRef] = (),
        seen: Mapping[int, int] | None = None,
        sign: Callable[[Entry], bytes] | None = None,
    ) -> Entry:
        """Append an act to ``log``; its writer has seen everything but ``unseen`` and what came after those.

        ``sign`` makes its officer's own signature.
        """
        if seen is None:
            seen = {other: size for other, size in self._sizes.items() if other != log}
            for ref in unseen:
                if ref.log in seen:
                    seen[ref.log] = min(seen[ref.log], ref.index)
        index = self._sizes.get(log, 0)
        heads = [EntryRef(other, size - 1) for other, size in {**seen, log: index}.items() if size > 0]
        lamport = 1 + max((self._by_ref[ref].lamport for ref in heads), default=0)
        kind = body.kind if isinstance(body, Unreadable) else body.KIND
        core = b"" if isinstance(body, Unreadable) else encode_trusted(to_array(body))
        entry = Entry(EntryRef(log, index), int(kind), t, on, body, None, lamport, dict(seen), sha256(core).digest())
        if sign is not None:
            entry = replace(entry, auth=sign(entry))
        self._sizes[log] = index + 1
        self._by_ref[entry.ref] = entry
        self.entries.append(entry)
        return entry

    def size(self, log: int) -> int:
        return self._sizes.get(log, 0)

    def revoke(self, party: int, number: int, *, cuts: Iterable[tuple[int, int]] = (), t: int = 0) -> Entry:
        told = tuple(Cut(log, size, bytes(32)) for log, size in cuts)
        return self.say(party, Revoke(number, told, Reason.NOT_STATED), t=t)


def staffed(
    genesis: Genesis = GENESIS,
    t: int = 0,
    limits: Mapping[tuple[int, Duty], Mapping[str, object]] | None = None,
    writers: Mapping[int, Mapping[str, object]] | None = None,
) -> Logs:
    """Return logs in which both parties have adopted the genesis and granted a writer and every officer."""
    logs = Logs()
    for party, code in enumerate(CODES):
        logs.say(party, Adopt(genesis.space_id), t=t)
        writer = grant(post=f"{code} node", key=key_of(f"{code} writer"))
        logs.say(party, replace(writer, **(writers or {}).get(party, {})), t=t)
        for duty in OFFICERS:
            changes = (limits or {}).get((party, duty), {})
            logs.say(party, grant(duty, post=f"{POSTS[duty]}, {code}", **changes), t=t)
    return logs


def writer_of(party: int) -> int:
    return log_id(WRITER, party)


assert party_of(writer_of(IN)) == IN
