"""``verify`` and ``export``: the record as evidence. Loads no Django."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tallystick.app import settings as node_settings
from tallystick.app.ports import Loaded
from tallystick.app.verify import Verified
from tallystick.app.verify import verify as check
from tallystick.cli.shell import Shell, facts, json_option, pass_shell, print_json, say, table
from tallystick.core import checkpoint
from tallystick.core.errors import LocalError

_NOTE_MAX = 4096  # bytes; ours have about 250


@click.command()
@click.argument("what", required=False, metavar="[FOLDER_OR_DATABASE]")
@json_option
@pass_shell
def verify(shell: Shell, what: str | None, as_json: bool) -> None:
    """Check a record again from its bytes: signatures, order and meaning.

    FOLDER_OR_DATABASE is a node's folder, a folder written by export or backup, an SQLite file, or a postgresql://
    address; without it, the node in --node. Trusts nothing that is stored: rebuilds every commitment and root, checks
    every signature strictly, and folds all entries from nothing. Needs no key, no network and no partner.
    """
    results = [check(loaded, notes) for loaded, notes in _sources(what or str(shell.folder))]
    if as_json:
        print_json([_plain(result) for result in results])
        return
    if not results:
        say("There is no agreement here yet; nothing to verify.")
    for result in results:
        _print(result)


def _sources(what: str) -> list[tuple[Loaded, dict[int, str]]]:
    from tallystick.stores import open_store
    from tallystick.stores.files import read_folder

    path = Path(what)
    if "://" in what:
        url = what
    elif (path / "genesis.cbor").exists():
        return [(read_folder(path), _notes(path))]
    elif (path / node_settings.FILE).exists():
        url = node_settings.load(path).database_url
        url += "?mode=ro" if url.startswith("sqlite:") else ""
    elif path.is_file():
        url = f"sqlite:///{path.absolute()}?mode=ro"
    elif (path / "book.cbor").exists() or any(path.glob("*/genesis.cbor")):
        url = f"files:///{path.absolute()}"
    else:
        raise LocalError("nothing-to-verify", path=what)
    store = open_store(url)
    try:
        store.check()
        return [(store.load(space), {}) for space in store.spaces()]
    finally:
        store.close()


def _notes(folder: Path) -> dict[int, str]:
    return {
        int(path.stem): path.read_bytes()[: _NOTE_MAX + 1].decode("utf-8", "replace")
        for path in sorted(folder.glob("*.note"))
        if path.stem.isascii() and path.stem.isdigit()
    }


def _plain(result: Verified) -> dict[str, Any]:
    return {
        "agreement": result.agreement,
        "id": result.space.hex(),
        "parties": list(result.parties),
        "logs": [
            {
                "log": log.log,
                "party": log.party,
                "writer": log.writer,
                "leaves": log.size,
                "signed": log.signed,
                "root": log.root.hex(),
            }
            for log in result.logs
        ],
        "entries": result.entries,
        "orders": result.orders,
        "findings": dict(result.findings),
        "digest": result.digest.hex(),
    }


def _print(result: Verified) -> None:
    facts(
        {
            "agreement": f"{result.agreement} ({', '.join(result.parties)})",
            "id": result.space.hex(),
            "entries": result.entries,
            "orders": result.orders,
            "findings": ", ".join(f"{count} {weight}" for weight, count in result.findings.items()) or "none",
            "digest": result.digest.hex(),
        }
    )
    table(
        ("log", "party", "writer", "leaves", "signed", "root"),
        [(log.log, log.party, log.writer, log.size, log.signed, log.root.hex()[:16]) for log in result.logs],
        right=("log", "leaves", "signed"),
    )
    unsigned = sum(log.size - log.signed for log in result.logs)
    if unsigned:
        say(f"{unsigned} leaves are not under a kept signature yet; they are signed when they are sent or exported.")
    say("Everything checked fits.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@pass_shell
def export(shell: Shell, folder: Path, as_json: bool) -> None:
    """Write an agreement's logs into a new FOLDER for an auditor.

    With a signed note beside each log; tallystick verify FOLDER checks it anywhere. Holds what both parties share and
    nothing national.
    """
    desk = shell.desk
    with desk.lock:
        desk.refresh()
        space = desk.space
        notes = {}
        for log, size in space.sizes().items():
            key, root = space.key_of(log), space.root(log, size)
            assert key is not None
            held = space.checkpoint(log)
            own = desk.sign_checkpoint(log, checkpoint.text(space.origin(log), size, root))
            head = checkpoint.Checkpoint(size, root, own) if own is not None else held
            if head is not None:
                notes[log] = checkpoint.note(space.origin(log), key, head)
        desk.store.export(desk.id, folder, notes)
    told = {"folder": str(folder), "agreement": desk.name, "digest": desk.record.digest.hex(), "notes": len(notes)}
    if as_json:
        print_json(told)
    else:
        say(f"{desk.name} in {folder}: {len(notes)} logs with signed notes. Check it with: tallystick verify {folder}")
