"""``officer-key``: an officer's own key in a file, sealed by a passphrase that only the officer knows."""

from __future__ import annotations

from pathlib import Path

import click

from tallystick.app.ids import SystemIds
from tallystick.cli.shell import facts, json_option, print_json, read_file, say
from tallystick.core.signing import readable_id
from tallystick.stores import officer_keys
from tallystick.stores.officer_keys import FILE_MAX, OpenKey, Sealed

_FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
_PHRASE = click.option(
    "--passphrase-file",
    "phrase_from",
    type=click.Path(path_type=Path),
    help="Its first line is the passphrase, - for standard input; without, it is asked for.",
)


@click.group("officer-key")
def officer_key() -> None:
    """Make and keep an officer's own signing key.

    The officer's key signs what the agreement's policy asks for (see: tallystick act --officer-key). It is no key of
    the node: it lives in a file that only its passphrase opens, and the administrator puts its public half into the
    officer's warrant (see: tallystick warrant rotate).
    """


@officer_key.command()
@_FILE
@_PHRASE
@json_option
def new(path: Path, phrase_from: Path | None, as_json: bool) -> None:
    """Make a key in a new FILE."""
    sealed = officer_keys.create(ask(phrase_from, new=True), SystemIds())
    officer_keys.write_file(path, sealed)
    _tell(sealed, as_json)


@officer_key.command()
@_FILE
@json_option
def show(path: Path, as_json: bool) -> None:
    """Tell the public half of the key in FILE, which the warrant needs."""
    _tell(load(path), as_json)


@officer_key.command()
@_FILE
@click.argument("target", metavar="NEW_FILE", type=click.Path(path_type=Path))
@click.option("--passphrase-file", "phrase_from", type=click.Path(path_type=Path), help="The old passphrase.")
@click.option("--new-passphrase-file", "new_from", type=click.Path(path_type=Path), help="The new one.")
def change(path: Path, target: Path, phrase_from: Path | None, new_from: Path | None) -> None:
    """Write the key in FILE under another passphrase into NEW_FILE; destroy the old file afterwards."""
    old = ask(phrase_from)
    sealed = officer_keys.reseal(load(path), old, ask(new_from, new=True), SystemIds())
    officer_keys.write_file(target, sealed)
    say(f"Written: {target}. Destroy {path} and its copies: the old passphrase opens them.")


def load(path: Path) -> Sealed:
    return officer_keys.parse_file(read_file(path, limit=FILE_MAX, what="key"))


def public_key(given: str) -> bytes:
    """Return a public key given in hexadecimal, or as the file of an officer's key."""
    if len(given) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in given):
        return bytes.fromhex(given)
    return load(Path(given)).public


def open_key(path: Path, phrase_from: Path | None) -> OpenKey:
    """Open the key in a file for one act."""
    sealed = load(path)
    return officer_keys.open_with_passphrase(sealed, ask(phrase_from))


def ask(source: Path | None, *, new: bool = False) -> str:
    """Return a passphrase from the first line of a file, or typed by hand; a new one twice."""
    if source is not None:
        text = read_file(source, limit=FILE_MAX, what="passphrase").decode("utf-8", "replace")
        return text.partition("\n")[0].rstrip("\r")
    told = "New passphrase" if new else "Passphrase"
    typed: str = click.prompt(told, hide_input=True, confirmation_prompt=new, err=True)
    return typed


def _tell(sealed: Sealed, as_json: bool) -> None:
    told = {"key id": readable_id(sealed.public), "public key": sealed.public.hex()}
    if as_json:
        print_json({name.replace(" ", "_"): value for name, value in told.items()})
        return
    facts(told)
    say("\nRead the key id to your administrator, who puts the key into your warrant.")
