"""``backup``, ``restore`` and ``drill``: a node's folder copied whole, put back whole, and tried before it is needed.

A backup is a folder: ``node.toml``; the record, people and national tables in ``node.db``, or for PostgreSQL in
``database.dump`` with the record again in ``record/``; ``manifest.json``, which says what all of that was; and the keys
only when asked for.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallystick.app import restored
from tallystick.app import settings as node_settings
from tallystick.app.messages import fill, message
from tallystick.app.settings import NodeSettings
from tallystick.cli.shell import Shell, facts, iso, json_option, pass_shell, print_json, say
from tallystick.core.errors import LocalError, StoreUnavailableError, TallystickError

if TYPE_CHECKING:
    from tallystick.app.node import Desk, Node
    from tallystick.stores.backups import KeptAgreement, Manifest

EVERYTHING, THE_RECORD = "everything", "the record"
EXIT_HOLDS, EXIT_DOES_NOT_HOLD = 0, 1
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
NO_ROOM = frozenset({"store-full", "store-read-only"})
_SHOWN = 5  # changed files named in one sentence


# ---- backup


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--keys", is_flag=True, help="The secret keys too. Whoever has them can sign as this node.")
@click.option("--record-only", is_flag=True, help="PostgreSQL: without people and national data, without pg_dump.")
@json_option
@pass_shell
def backup(shell: Shell, folder: Path, keys: bool, record_only: bool, as_json: bool) -> None:
    """Copy this node into a new FOLDER while it works.

    The copy is as the node was at one moment, and holds everything: the record, people, national data. With PostgreSQL
    that is done by pg_dump; the record is there a second time, as files. A manifest says what was copied.
    """
    from tallystick.stores import backups, open_store

    node = shell.node
    sqlite = node.settings.database_url.startswith("sqlite:")
    whole = sqlite or not record_only
    with _whole(folder) as part:
        _copy(node.settings.folder / node_settings.FILE, part / node_settings.FILE)
        node.store.backup(part / (backups.DATABASE if sqlite else backups.RECORD))
        if not sqlite and whole:
            from tallystick.stores.postgres import dump

            dump(node.settings.database_url, part / backups.DUMP)  # after the record: it holds at least as much
        if keys:
            _copy_keys(node.settings.keys_folder, part / backups.KEYS)
        copy = open_store(backups.record_url(part))
        agreements = backups.kept(copy)
        copy.close()
        backups.write_manifest(
            part,
            made_at=node.clock.now(),
            party=node.settings.party,
            node_name=node.settings.node_name,
            holds=EVERYTHING if whole else THE_RECORD,
            signing_keys=[node.keys.public(name) for name in restored.SIGNING_KEYS if node.keys.has(name)],
            agreements=agreements,
        )
    told = {
        "folder": str(folder),
        "keys": keys,
        "holds": EVERYTHING if whole else THE_RECORD,
        "agreements": [_plain(one) for one in agreements],
    }
    if as_json:
        print_json(told)
        return
    say(f"Backup of {told['holds']} in {folder}.")
    for one in agreements:
        say(f"{one.name}: {one.entries} entries, digest {one.digest.hex()}")
    if not keys:
        say("The keys are not in it: keep a copy of keys/ in another safe place, or use --keys.")
    say(f"Try it now and then: tallystick drill {folder}")


def _plain(one: KeptAgreement) -> dict[str, Any]:
    return {"agreement": one.name, "id": one.space.hex(), "entries": one.entries, "digest": one.digest.hex()}


# ---- restore


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keys", type=_FOLDER, help="Folder of the keys, when they are not in the backup.")
@click.option("--database", help="Another database than in the backup's node.toml: a file, or postgresql://…")
@click.option("--damaged", is_flag=True, help="Even when the backup is not what its manifest says.")
@pass_shell
def restore(shell: Shell, folder: Path, keys: Path | None, database: str | None, damaged: bool) -> None:
    """Make a node in --node from the backup in FOLDER.

    Never writes over anything.

    The restored node may be behind what it had signed and sent. It signs nothing before it has exchanged with a
    partner, or another node of its party, and has heard its own later entries from it; tallystick status tells.
    """
    from tallystick.stores import backups
    from tallystick.stores.node import require_free

    target = Path(shell.folder).absolute()
    require_free(target)
    backups.record_url(folder)
    source_keys = keys or folder / backups.KEYS
    if not source_keys.is_dir():
        raise LocalError("backup-without-keys", folder=str(folder))
    manifest = None
    if not damaged and (folder / backups.MANIFEST).exists():
        manifest = backups.read_manifest(folder)
        _require_unchanged(folder, manifest)
    whole = _put_back(folder, target, source_keys, database, manifest.signing_keys if manifest else ())
    say(f"Restored into {target}.")
    if not whole:
        say("Only the record came back: people sign in by new invitations, national data is lost.")
    say("It signs nothing before it has heard from a partner what it had signed after the backup: tallystick sync,")
    say("or a courier file there and back (tallystick bundle write, then read the answer).")


def _require_unchanged(folder: Path, manifest: Manifest) -> None:
    from tallystick.stores import backups

    changed = backups.changed_files(folder, manifest)
    if changed:
        raise LocalError("backup-differs", folder=str(folder), files=_some(changed))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _put_back(
    folder: Path, target: Path, keys: Path, database: str | None, signing_keys: Collection[bytes] = ()
) -> bool:
    """Make a node in ``target``; return whether people and national data came back too.

    Raises:
        LocalError: ``not-a-backup``, ``database-not-empty``, or ``keys-of-another-node``: one of ``signing_keys`` is
            not among ``keys``.
    """
    if not (folder / node_settings.FILE).exists():
        raise LocalError("not-a-backup", folder=str(folder))
    settings = node_settings.load(folder)
    with _whole(target) as part:
        moved = replace(settings, folder=part, database=database or settings.database)
        for place in ("courier/in", "courier/out"):
            (part / place).mkdir(parents=True)
        _copy_keys(keys, part / "keys")
        _require_keys(part / "keys", keys, signing_keys)
        in_file = "://" not in moved.database
        with _new_file(part / moved.database) if in_file else nullcontext():
            whole = _fill(moved, folder)
            node_settings.save(moved)
            _close_logs(moved)
    return whole


def _require_keys(copied: Path, keys: Path, wanted: Collection[bytes]) -> None:
    """Refuse keys the record does not know: the logs that must be closed are those of the right ones."""
    from tallystick.stores.keys import KeyFolder

    ours = KeyFolder(copied)
    there = {ours.public(name) for name in (*ours.writers(), *(["root"] if ours.has("root") else []))}
    if not there.issuperset(wanted):
        raise LocalError("keys-of-another-node", folder=str(keys))


@contextmanager
def _new_file(path: Path) -> Iterator[None]:
    """Let the block make a database at ``path``, perhaps outside the node's folder; when it fails, that is gone again.

    Raises:
        LocalError: ``database-not-empty``.
    """
    if path.exists():
        raise LocalError("database-not-empty", database=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


def _fill(settings: NodeSettings, folder: Path) -> bool:
    """Bring the backup in ``folder`` into a new database; return whether it was all, and not the record alone."""
    from tallystick.stores import backups, open_store
    from tallystick.stores.files import copy_store

    in_file = "://" not in settings.database
    if in_file and (folder / backups.DATABASE).exists():
        _copy(folder / backups.DATABASE, settings.folder / settings.database)
        return True
    if not in_file and (folder / backups.DUMP).exists():
        from tallystick.stores.postgres import undump

        undump(settings.database_url, folder / backups.DUMP)
        return True
    source, filled = open_store(backups.record_url(folder)), open_store(settings.database_url)
    if filled.spaces():
        raise LocalError("database-not-empty", database=settings.database)
    copy_store(source, filled)
    filled.close()
    source.close()
    return False


def _close_logs(settings: NodeSettings) -> None:
    """Let the node in its new folder remember that it may be behind itself."""
    from tallystick.stores.node import open_node

    node = open_node(settings.folder)
    for space in node.store.spaces():
        restored.mark(node.store, space, restored.Why.RESTORED, node.keys, node.clock.now())
    node.store.close()


# ---- drill


@dataclass(frozen=True)
class _Check:
    """One question of a drill; ``told`` says what was found."""

    check: str
    holds: bool
    told: str


@click.command()
@click.argument("folder", type=_FOLDER)
@json_option
@click.pass_context
def drill(context: click.Context, folder: Path, as_json: bool) -> None:
    """Try the backup in FOLDER: put it back elsewhere, check it, compare it.

    It is put back without keys in a temporary folder (TMPDIR) that is removed afterwards. Everything is checked as
    verify does, and compared with what the backup says of itself and with the node in --node, if there is one. Exit
    code 0 when all of it holds, 1 when something does not.
    """
    shell = context.find_object(Shell)
    assert shell is not None
    checks, manifest = _try(folder, shell)
    holds = all(one.holds for one in checks)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "made_at": iso(manifest.made_at) if manifest else "",
                "holds": holds,
                "checks": [{"check": one.check, "holds": one.holds, "told": one.told} for one in checks],
            }
        )
    else:
        if manifest:
            facts(
                {
                    "backup": folder,
                    "of": f"{manifest.node_name} of {manifest.party}",
                    "made": iso(manifest.made_at),
                    "holds": manifest.holds,
                }
            )
            say()
        for one in checks:
            say(f"{'yes' if one.holds else 'NO ':3}  {one.told}")
        say()
        say("This backup can be relied on." if holds else "Do NOT rely on this backup. Make a new one, and try it.")
    context.exit(EXIT_HOLDS if holds else EXIT_DOES_NOT_HOLD)


def _try(folder: Path, shell: Shell) -> tuple[list[_Check], Manifest | None]:
    from tallystick.stores import backups, rules

    checks: list[_Check] = []
    manifest: Manifest | None = None
    try:
        manifest = backups.read_manifest(folder)
        changed = backups.changed_files(folder, manifest)
        told = (
            f"Not as they were when the backup was made: {_some(changed)}." if changed else "Every file is as it was."
        )
        checks.append(_Check("files", not changed, told))
    except TallystickError as error:
        checks.append(_Check("files", holds=False, told=_words(error)))
    live = _live(shell)
    with tempfile.TemporaryDirectory(prefix="tallystick-drill-") as room:
        place, no_keys = Path(room) / "node", Path(room) / "no-keys"
        no_keys.mkdir()
        try:
            _put_back(folder, place, no_keys, backups.DATABASE)
            checks.append(_Check("restores", holds=True, told="It can be put back."))
            checks += _look_at(place, manifest, live)
        except Exception as error:  # whatever a damaged copy does to us is what we wanted to know
            trouble = rules.disk_unavailable(error, place) if isinstance(error, OSError) else error
            if isinstance(trouble, StoreUnavailableError) and trouble.code in NO_ROOM:
                raise trouble from error  # that is our own disk's fault, and says nothing about the backup
            checks.append(_Check("restores", holds=False, told=_words(error)))
    if (folder / backups.DUMP).exists():
        checks.append(_whole_dump(folder / backups.DUMP))
    if live is None:
        checks.append(_Check("node", holds=True, told=f"There is no node in {shell.folder} to compare it with."))
    elif (folder / backups.KEYS).is_dir():
        same = _same_keys(folder / backups.KEYS, live.settings.keys_folder)
        told = "The keys in it are the node's." if same else "The keys in it are not those of the node."
        checks.append(_Check("keys", same, told))
    return checks, manifest


def _live(shell: Shell) -> Node | None:
    try:
        return shell.node
    except LocalError as error:
        if error.code == "no-node-here":
            return None
        raise


def _look_at(place: Path, manifest: Manifest | None, live: Node | None) -> list[_Check]:
    """Check the node that was put back in ``place``."""
    from tallystick.app.verify import verify
    from tallystick.stores import backups, open_store

    settings = node_settings.load(place)
    checks = [_whole_database(place / settings.database)]
    store = open_store(settings.database_url)
    try:
        for space in store.spaces():
            result = verify(store.load(space))
            told = f"{result.agreement}: {result.entries} entries in {len(result.logs)} logs check out."
            checks.append(_Check("verify", holds=True, told=told))
        found = {one.space: one for one in backups.kept(store)}
    finally:
        store.close()
    if manifest is not None:
        said = {one.space: one for one in manifest.agreements}
        same = found == said
        told = "Digest, size and root of every log are" if same else "Digests, sizes or roots of the logs are not"
        checks.append(_Check("manifest", same, f"{told} as they were when the backup was made."))
    desks = live.desks if live else {}
    for space, desk in desks.items():
        checks.append(_compare(desk, found.get(space)))
    return checks


def _whole_database(path: Path) -> _Check:
    """Let SQLite look through every page and index, other tables than the record's too."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
        broken = [] if found != ["ok"] else connection.execute("PRAGMA foreign_key_check").fetchmany(10)
    holds = found == ["ok"] and not broken
    told = "The database is whole." if holds else f"The database is damaged: {found[0]}."
    return _Check("database", holds, told)


def _whole_dump(path: Path) -> _Check:
    """Let PostgreSQL's own program read the dump to its end; only a server could say more."""
    from tallystick.stores.postgres import read_dump

    try:
        read_dump(path)
    except LocalError as error:
        if error.code != "postgres-dump-failed":
            raise
        return _Check("dump", holds=False, told=_words(error))
    told = f"{path.name} reads to its end. To be sure, restore it into an empty database now and then."
    return _Check("dump", holds=True, told=told)


def _compare(desk: Desk, one: KeptAgreement | None) -> _Check:
    """Compare an agreement of the node with the backup's: each log must be the beginning of the node's."""
    if one is None:
        return _Check("node", holds=False, told=f"{desk.name} is not in it.")
    desk.refresh()
    behind = [log for log, (size, _) in one.logs.items() if size > desk.space.size(log)]
    if behind:
        told = (
            f"{desk.name}: the node has less than its backup in {len(behind)} logs. Look at the node: is it restored?"
        )
        return _Check("node", holds=False, told=told)
    if any(desk.space.root(log, size) != root for log, (size, root) in one.logs.items()):
        return _Check("node", holds=False, told=f"{desk.name}: the logs are not the beginning of the node's.")
    newer = desk.record.entry_count - one.entries
    if not newer:
        return _Check("node", holds=True, told=f"{desk.name}: the node holds the same.")
    entries = "1 entry" if newer == 1 else f"{newer} entries"
    told = f"{desk.name}: the node has {entries} more, which would have to come back from a partner."
    return _Check("node", holds=True, told=told)


def _same_keys(one: Path, other: Path) -> bool:
    names = {path.name for folder in (one, other) for path in folder.glob("*.key")}
    return all(
        (one / name).is_file() and (other / name).is_file() and (one / name).read_bytes() == (other / name).read_bytes()
        for name in names
    )


def _words(error: Exception) -> str:
    if isinstance(error, TallystickError):
        return fill(message(error.code).happened, error.facts)
    return f"It cannot be put back: {error}."


# ---- copying


def _copy_keys(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for path in sorted(source.glob("*.key")):
        _copy(path, target / path.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file that only we may read, and wait until it is on the disk."""
    with source.open("rb") as old, os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a folder to fill that becomes ``folder`` when the block ends, or vanishes when it fails.

    Raises:
        LocalError: ``folder-not-empty``.
    """
    from tallystick.stores.node import require_free
    from tallystick.stores.rules import sync_folder

    require_free(folder)
    part = folder.absolute().with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True, mode=0o700)
        yield part
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
        sync_folder(folder.absolute().parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
