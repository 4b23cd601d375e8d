"""What a backup's folder holds, and whether it still does: the manifest beside the files.

``manifest.json`` tells the format, when and of which node the backup was made, the node's public keys, the size and
SHA-256 of each file, and of each agreement the record's digest with size and root of every log. It is made from the
copy, not from the node, so what it says is what was copied. Leaves how a node is put back to ``cli/keep``, and what a
record means to the fold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tallystick import __version__
from tallystick.app.ports import Store
from tallystick.core.agreement import Genesis
from tallystick.core.errors import LocalError
from tallystick.core.fold import Fold
from tallystick.core.space import Space
from tallystick.stores import files, rules

MANIFEST = "manifest.json"
DATABASE = "node.db"  # everything, from SQLite
DUMP = "database.dump"  # everything, from PostgreSQL (pg_dump, custom format)
RECORD = "record"  # the record alone, as files that any program of ours reads
KEYS = "keys"
FORMAT = 1
MANIFEST_MAX = 16 * 2**20  # bytes; ten files and a few logs come to two thousand
_CHUNK = 2**20


@dataclass(frozen=True)
class KeptAgreement:
    """One agreement as it was when the backup was made; ``logs`` has (size, root) by log id."""

    space: bytes
    name: str
    digest: bytes
    entries: int
    logs: Mapping[int, tuple[int, bytes]]


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself; ``files`` has (bytes, SHA-256) by path within the folder."""

    made_at: int  # seconds since 1970
    party: str
    node_name: str
    program: str
    holds: str  # "everything", or "the record"
    signing_keys: tuple[bytes, ...]  # the public ones of the node; keys put back with it must have them
    agreements: tuple[KeptAgreement, ...]
    files: Mapping[str, tuple[int, str]]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "party": self.party,
            "node": self.node_name,
            "program": self.program,
            "holds": self.holds,
            "signing_keys": [key.hex() for key in self.signing_keys],
            "agreements": [
                {
                    "id": one.space.hex(),
                    "name": one.name,
                    "digest": one.digest.hex(),
                    "entries": one.entries,
                    "logs": [{"log": log, "size": size, "root": root.hex()} for log, (size, root) in one.logs.items()],
                }
                for one in self.agreements
            ],
            "files": [{"path": path, "bytes": size, "sha256": told} for path, (size, told) in self.files.items()],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Manifest:
        return cls(
            made_at=int(told["made_at"]),
            party=str(told["party"]),
            node_name=str(told["node"]),
            program=str(told["program"]),
            holds=str(told["holds"]),
            signing_keys=tuple(map(bytes.fromhex, told["signing_keys"])),
            agreements=tuple(
                KeptAgreement(
                    bytes.fromhex(one["id"]),
                    str(one["name"]),
                    bytes.fromhex(one["digest"]),
                    int(one["entries"]),
                    {int(log["log"]): (int(log["size"]), bytes.fromhex(log["root"])) for log in one["logs"]},
                )
                for one in told["agreements"]
            ),
            files={str(one["path"]): (int(one["bytes"]), str(one["sha256"])) for one in told["files"]},
        )


def record_url(folder: Path) -> str:
    """Return the address of the record in a backup.

    Raises:
        LocalError: ``not-a-backup``.
    """
    if (folder / DATABASE).exists():
        return f"sqlite:///{(folder / DATABASE).absolute()}?mode=ro"
    if (folder / RECORD).exists():
        return f"files:///{(folder / RECORD).absolute()}"
    raise LocalError("not-a-backup", folder=str(folder))


def kept(store: Store) -> tuple[KeptAgreement, ...]:
    """Return what ``store`` holds of each agreement, folded from its bytes."""
    found = []
    for space_id in store.spaces():
        loaded = store.load(space_id)
        genesis = Genesis.read(loaded.genesis)
        space = Space.restore(genesis, loaded.leaves, loaded.epoch_keys, loaded.checkpoints)
        fold = Fold(genesis)
        fold.extend(space.acts())
        logs = {log: (size, space.root(log, size)) for log, size in space.sizes().items()}
        found.append(KeptAgreement(space_id, genesis.name, fold.record.digest, fold.record.entry_count, logs))
    return tuple(found)


def write_manifest(
    folder: Path,
    *,
    made_at: int,
    party: str,
    node_name: str,
    holds: str,
    signing_keys: Iterable[bytes],
    agreements: Iterable[KeptAgreement],
) -> Manifest:
    """Describe what lies in ``folder``, in a file beside it."""
    manifest = Manifest(
        made_at=made_at,
        party=party,
        node_name=node_name,
        program=__version__,
        holds=holds,
        signing_keys=tuple(signing_keys),
        agreements=tuple(agreements),
        files=_files(folder),
    )
    text = json.dumps(manifest.to_json(), ensure_ascii=False, indent=1) + "\n"
    files.write_new(folder / MANIFEST, text.encode())
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return what the backup in ``folder`` says of itself.

    Raises:
        LocalError: ``backup-without-manifest``, ``backup-too-new`` or ``backup-manifest-damaged``.
        StoreUnavailableError: the disk does not give it.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            data = file.read(MANIFEST_MAX + 1)
    except FileNotFoundError:
        raise LocalError("backup-without-manifest", folder=str(folder)) from None
    except OSError as error:
        raise rules.disk_unavailable(error, path) from error
    try:
        told = json.loads(data)
        version = int(told["format"])
        manifest = Manifest.from_json(told) if version == FORMAT else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise LocalError("backup-manifest-damaged", path=str(path)) from None
    if manifest is None:
        raise LocalError("backup-too-new", folder=str(folder), found=version, known=FORMAT)
    return manifest


def changed_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the paths of files that are not as the manifest says: changed, missing, or not named by it."""
    found = _files(folder)
    return sorted(path for path in found.keys() | manifest.files.keys() if found.get(path) != manifest.files.get(path))


def _files(folder: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            try:
                found[path.relative_to(folder).as_posix()] = _measure(path)
            except OSError as error:
                raise rules.disk_unavailable(error, path) from error
    return found


def _measure(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
