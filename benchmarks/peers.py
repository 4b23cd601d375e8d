"""The same acts as others would send them: signed JSON documents, and signed git commits.

Both get the business content in the idiom of such systems (field names, UUIDs, codes as words) and send no
acknowledgements, which flatters them.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from benchmarks.drive import seed_of
from tallystick.core import signing
from tallystick.core.entries import Entry
from tallystick.core.identity import EntryRef

PARTIES = ("JP", "IN")


def document(entry: Entry) -> dict[str, Any]:
    """Return an act as a JSON document."""
    return {
        "id": _uuid(entry.ref),
        "type": type(entry.body).__name__,
        "agreement": "bench.example/JPIN",
        "issuer": {"party": PARTIES[entry.party], "node": f"node-{entry.ref.log // 16}"},
        "issued_at": f"{entry.t}",
        "about": None if entry.obj is None else _uuid(entry.obj),
        "body": _plain(entry.body),
        **({"remark": entry.detail[1]} if entry.detail else {}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, EntryRef):  # before tuple, which it is
        return _uuid(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def _uuid(ref: EntryRef) -> str:
    return str(uuid.UUID(bytes=seed_of(str(ref))[:16], version=4))


# ---- JSON Web Signatures, gzip over what goes at once


def jws(entry: Entry, key: bytes) -> str:
    """Return the compact serialisation of an act's document (RFC 7515, EdDSA)."""
    header = _b64(json.dumps({"alg": "EdDSA", "kid": f"node-{entry.ref.log}"}, separators=(",", ":")).encode())
    payload = _b64(json.dumps(document(entry), separators=(",", ":")).encode())
    return f"{header}.{payload}.{_b64(signing.sign(key, f'{header}.{payload}'.encode()))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jws_gzip_bytes(messages: Iterable[Sequence[Entry]], keys: Mapping[int, bytes]) -> int:
    """Return the bytes of all messages, each a batch of documents."""
    return sum(
        len(gzip.compress("\n".join(jws(entry, keys[entry.party]) for entry in batch).encode(), mtime=0))
        for batch in messages
        if batch
    )


# ---- git


def git_is_here() -> bool:
    return bool(shutil.which("git") and shutil.which("ssh-keygen"))


class GitRepository:
    """A repository with one signed commit for each act."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._key = folder.parent / "signing"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self._key)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, at: int = 0) -> str:
        date = f"@{at} +0000"
        who = {"NAME": "node", "EMAIL": "node@example"}
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()},
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
        }
        done = subprocess.run(
            ["git", "-c", "gpg.format=ssh", "-c", f"user.signingkey={self._key}", "-c", "gc.auto=0", *arguments],
            cwd=self.folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, entry: Entry) -> None:
        path = self.folder / PARTIES[entry.party] / f"{entry.ref}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document(entry), indent=1), encoding="utf-8")
        self.git("add", str(path))
        self.git("commit", "-q", "-S", "-m", f"{type(entry.body).__name__} {entry.ref}", at=entry.t)

    def bundle_bytes(self, group: int) -> int:
        """Return the bytes of bundles of ``group`` commits each, one after the other."""
        commits = self.git("rev-list", "--reverse", "main").split()
        total = 0
        for begin in range(0, len(commits), group):
            last = commits[min(begin + group, len(commits)) - 1]
            self.git("update-ref", "refs/heads/part", last)
            since = [f"^{commits[begin - 1]}"] if begin else []
            self.git("bundle", "create", "-q", "../part.bundle", "refs/heads/part", *since)
            total += (self.folder.parent / "part.bundle").stat().st_size
        return total
