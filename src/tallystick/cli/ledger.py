"""``ledger``: the books, for people and for other programs. Loads no Django."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from tallystick.app import export
from tallystick.cli.shell import Shell, format_option, pass_shell, print_json, table
from tallystick.core.errors import LocalError

_AMOUNTS = ("amount", "balance", "debit", "credit")


@click.group()
def ledger() -> None:
    """Read the books: balance, account, open items, journal.

    Debit is positive, credit negative. Both parties' books are here, because both follow from the same signed entries;
    without --party they are this party's.
    """


def _print(form: str, row_type: type[Any], rows: Sequence[Any]) -> None:
    columns = list(row_type.__dataclass_fields__)
    plain = [export.plain(row) for row in rows]
    if form == "json":
        print_json(plain)
    elif form == "csv":
        click.echo(export.to_csv(columns, plain), nl=False)
    else:
        shown = [name for name in columns if any(row[name] for row in plain) or name not in {"about", "due_on"}]
        table(shown, [[row[name] for name in shown] for row in plain], right=_AMOUNTS)


def _party_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--party", metavar="CODE", help="Whose books; without, ours.")(command)


def _party(shell: Shell, party: str | None) -> str:
    """Return the code of the party whose books are read; raises LocalError ``unknown-party``."""
    desk = shell.desk
    code = party or desk.party_code(desk.party)
    desk.genesis.party_number(code)
    return code


@ledger.command()
@_party_option
@format_option("table", "json", "csv")
@pass_shell
def balance(shell: Shell, party: str | None, form: str) -> None:
    """Print the trial balance."""
    rows = export.balance_rows(shell.desk.record, _party(shell, party))
    _print(form, export.BalanceRow, rows)


@ledger.command()
@click.argument("name", metavar="ACCOUNT")
@format_option("table", "json", "csv")
@pass_shell
def account(shell: Shell, name: str, form: str) -> None:
    """Print every posting to one ACCOUNT, with the balance after it: JP:ar:billed:IN."""
    record = shell.desk.record
    if name not in record.ledger.accounts():
        raise LocalError("unknown-account", account=name)
    _print(form, export.AccountRow, export.account_rows(record, name))


@ledger.command("open")
@format_option("table", "json", "csv")
@pass_shell
def open_(shell: Shell, form: str) -> None:
    """Print what is owed and not settled."""
    desk = shell.desk
    _print(form, export.OpenItemRow, export.open_item_rows(desk.record, desk.genesis))


@ledger.command()
@click.option("--party", metavar="CODE", help="Only this party's postings.")
@format_option("table", "json", "csv", "hledger")
@pass_shell
def journal(shell: Shell, party: str | None, form: str) -> None:
    """Print every transaction, of both parties.

    With --format hledger: a journal that `hledger check -s` accepts.
    """
    desk = shell.desk
    if party is not None:
        desk.genesis.party_number(party)
    if form == "hledger":
        click.echo(export.hledger_journal(desk.record, desk.genesis, party), nl=False)
    else:
        _print(form, export.JournalRow, export.journal_rows(desk.record, party))
