"""``backup`` and ``restore``: a node's folder, copied whole and put back whole.

A backup is a folder: ``node.toml``, the record and national tables in ``node.db`` (or, for PostgreSQL, the record
alone in ``record/``), and the keys only when asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from tallystick.app import restored
from tallystick.app import settings as node_settings
from tallystick.app.settings import NodeSettings
from tallystick.cli.shell import Shell, json_option, pass_shell, print_json, say
from tallystick.core.errors import LocalError

DATABASE = "node.db"
RECORD = "record"
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--keys", is_flag=True, help="The secret keys too. Whoever has them can sign as this node.")
@json_option
@pass_shell
def backup(shell: Shell, folder: Path, keys: bool, as_json: bool) -> None:
    """Copy this node into a new FOLDER while it works.

    With SQLite the copy holds everything: record, people, national data. With PostgreSQL it holds the record; back up
    the rest with the database's own tools.
    """
    node = shell.node
    with _whole(folder) as part:
        _copy(node.settings.folder / node_settings.FILE, part / node_settings.FILE)
        whole = node.settings.database_url.startswith("sqlite:")
        node.store.backup(part / (DATABASE if whole else RECORD))
        if keys:
            _copy_keys(node.settings.keys_folder, part / "keys")
    told = {"folder": str(folder), "keys": keys, "holds": "everything" if whole else "the record"}
    if as_json:
        print_json(told)
        return
    say(f"Backup of {told['holds']} in {folder}.")
    if not keys:
        say("The keys are not in it: keep a copy of keys/ in another safe place, or use --keys.")


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keys", type=_FOLDER, help="Folder of the keys, when they are not in the backup.")
@click.option("--database", help="Another database than in the backup's node.toml: a file, or postgresql://…")
@pass_shell
def restore(shell: Shell, folder: Path, keys: Path | None, database: str | None) -> None:
    """Make a node in --node from the backup in FOLDER.

    Never writes over anything.

    The restored node may be behind what it had signed and sent. It signs nothing before it has exchanged with a
    partner, or another node of its party, and has heard its own later entries from it; tallystick status tells.
    """
    from tallystick.stores import open_store
    from tallystick.stores.files import copy_store
    from tallystick.stores.node import require_free

    target = Path(shell.folder).absolute()
    require_free(target)
    settings = node_settings.load(folder)
    source_keys = keys or folder / "keys"
    if not source_keys.is_dir():
        raise LocalError("backup-without-keys", folder=str(folder))
    if not any((folder / name).exists() for name in (DATABASE, RECORD)):
        raise LocalError("not-a-backup", folder=str(folder))
    with _whole(target) as part:
        moved = replace(settings, folder=part, database=database or settings.database)
        for place in ("courier/in", "courier/out"):
            (part / place).mkdir(parents=True)
        _copy_keys(source_keys, part / "keys")
        if (folder / DATABASE).exists() and "://" not in moved.database:
            _copy(folder / DATABASE, part / moved.database)
        else:
            kept = f"sqlite:///{(folder / DATABASE).absolute()}?mode=ro"
            record = f"files:///{(folder / RECORD).absolute()}"
            source = open_store(kept if (folder / DATABASE).exists() else record)
            filled = open_store(moved.database_url)
            if filled.spaces():
                raise LocalError("database-not-empty", database=moved.database)
            copy_store(source, filled)
            filled.close()
            source.close()
        node_settings.save(moved)
        _close_logs(moved)
    say(f"Restored into {target}.")
    say("It signs nothing before it has heard from a partner what it had signed after the backup: tallystick sync,")
    say("or a courier file there and back (tallystick bundle write, then read the answer).")


def _close_logs(settings: NodeSettings) -> None:
    """Let the node in its new folder remember that it may be behind itself."""
    from tallystick.stores.node import open_node

    node = open_node(settings.folder)
    for space in node.store.spaces():
        restored.mark(node.store, space, restored.Why.RESTORED, node.keys, node.clock.now())
    node.store.close()


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

    require_free(folder)
    part = folder.absolute().with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True, mode=0o700)
        yield part
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
