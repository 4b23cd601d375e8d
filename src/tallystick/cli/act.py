"""``act``: any act on an order, shown before it is signed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tallystick.app import fields, numbers, read, warrants, write
from tallystick.app.messages import sentence
from tallystick.app.node import Desk
from tallystick.cli.officer_key import open_key
from tallystick.cli.orders import attachment_of, finding_json, money, parse_ref
from tallystick.cli.shell import Shell, facts, iso, json_option, pass_shell, print_json, read_file, say, table, words
from tallystick.core import canonical
from tallystick.core.detail import attachments_of, detail_of, remark_of
from tallystick.core.entries import (
    BODIES,
    DESK_KINDS,
    CreditNote,
    Draft,
    Invoice,
    Kind,
    Request,
    Unreadable,
    to_array,
)
from tallystick.core.errors import ActRefusedError, LocalError
from tallystick.core.fold import Trial
from tallystick.core.identity import EntryRef

FIELDS_MAX = 256 * 1024  # bytes of JSON: a hundred lines with every field, ten times over
_KINDS = [fields.kind_name(kind) for kind in BODIES if kind not in DESK_KINDS]
_STEP = re.compile(r"([a-z0-9_]+)((?:\[\d{1,3}\])*)")


@click.command(epilog="Kinds: " + ", ".join(_KINDS) + ". Their fields: docs/reference/acts.md.")
@click.argument("kind", metavar="KIND")
@click.option("--on", "on", metavar="ENTRY", help="The document it is about: 17.204.")
@click.option("--as", "officer", metavar="GRANT_OR_POST", help="Who signs; may be left out if only one officer could.")
@click.option("--field", "pairs", multiple=True, metavar="NAME=VALUE", help="lines[0].quantity=1790. Repeatable.")
@click.option("--fields", "source", type=click.Path(path_type=Path), help="All fields as JSON; - for standard input.")
@click.option("--remark", default="", help="A free text beside the act; the partner reads it.")
@click.option(
    "--attach", "attached", multiple=True, type=click.Path(path_type=Path),
    help="A file that belongs to it: name, size and SHA-256 are signed. The file is not sent. Repeatable.",
)  # fmt: skip
@click.option("--officer-key", "key_file", type=click.Path(path_type=Path), help="The officer's own key, if needed.")
@click.option("--passphrase-file", "phrase_from", type=click.Path(path_type=Path), help="Else it is asked for.")
@click.option("--yes", is_flag=True, help="Sign; without, only show what would be signed and what it would do.")
@json_option
@pass_shell
def act(
    shell: Shell,
    kind: str,
    on: str | None,
    officer: str | None,
    pairs: tuple[str, ...],
    source: Path | None,
    remark: str,
    attached: tuple[Path, ...],
    key_file: Path | None,
    phrase_from: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Preview an act, and sign it with --yes.

    What would not count is refused, before and with --yes alike, with the reason. Numbers of requests, invoices and
    credit notes are given by themselves when left out.
    """
    desk = shell.desk
    which = fields.kind_named(kind)
    if which in DESK_KINDS:
        raise LocalError("act-of-administrator", kind=kind)
    given: dict[str, Any] = {}
    if source is not None:
        given = read_json(source)
    for pair in pairs:
        _put(given, pair)
    obj = parse_ref(on) if on else None
    today = shell.today()
    who = warrants.find(desk, officer, today) if officer else warrants.only_officer(desk, which, today)
    body = fields.from_json(which, _numbered(desk, which, given, today), who=who.grant, context=context_on(desk, obj))
    files = [attachment_of(path) for path in attached]
    detail = detail_of(remark, language=shell.node.settings.language, attachments=files)
    draft = Draft(body, obj, detail)
    seen = write.preview(desk, draft)
    if not (yes and as_json):
        _show(seen, who, as_json)
    if seen.trial.void:
        reason = seen.trial.findings[0]
        raise ActRefusedError(reason.code, **dict(reason.facts))
    if not yes:
        if not as_json:
            say("\nNothing was signed. Sign with --yes.")
        return
    officer_key = open_key(key_file, phrase_from) if seen.own is not None and key_file is not None else None
    draft = replace(draft, t=seen.entry.t)
    entry = write.sign(desk, draft, looked_at=seen.order_digest, officer=officer_key)
    if as_json:
        leaf = desk.space.stored(entry.ref).leaf  # the first of a block of 256 gets its salt only now
        print_json(_told(seen, who) | {"leaf": leaf.hex(), "signed": True, "entry": str(entry.ref)})
    else:
        say(f"\nSigned: entry {entry.ref}.")


def context_on(desk: Desk, obj: EntryRef | None) -> fields.Context:
    """Return what numbers mean on the order that ``obj`` belongs to; nothing known when it belongs to none.

    Raises:
        LocalError: ``unknown-entry``.
    """
    while obj is not None:
        if obj in desk.record.orders:
            return read.context_of(desk.record.orders[obj])
        obj = desk.space.entry(obj).obj
    return fields.Context()


# ---- fields from the command line


def read_json(source: Path) -> dict[str, Any]:
    """Return the fields in a JSON file; raises LocalError ``fields-not-json``."""
    data = read_file(source, limit=FIELDS_MAX, what="fields")
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LocalError("fields-not-json", path=str(source), why=str(error)) from None
    if not isinstance(given, dict):
        raise LocalError("fields-not-json", path=str(source), why="an object with named fields is needed")
    return given


def _put(given: dict[str, Any], pair: str) -> None:
    """Put ``lines[0].quantity=1790`` into its place; lists grow as they are named."""
    path, equals, value = pair.partition("=")
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None or not equals:
            raise LocalError("field-option-wrong", option=pair[:60])
        steps.append(match[1])
        steps += [int(number) for number in re.findall(r"\d+", match[2])]
    place: Any = given
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(place, list) or step > len(place):
                raise LocalError("field-option-wrong", option=pair[:60])
            if step == len(place):
                place.append(fresh)
        elif isinstance(place, dict):
            place.setdefault(step, fresh)
        else:
            raise LocalError("field-option-wrong", option=pair[:60])
        if following is None:
            place[step] = value
        place = place[step]


def _numbered(desk: Desk, kind: Kind, given: Mapping[str, Any], today: int) -> dict[str, Any]:
    """Return the fields with what the node can give by itself: numbers, and the only partner."""
    year = numbers.fiscal_year(desk, today)
    cls = BODIES[kind]
    if cls is Request:
        year = int(given.get("fiscal_year", year))
        known: dict[str, Any] = {"fiscal_year": year, "serial": numbers.next_serial(desk, year)}
        if len(desk.partners) == 1:
            known["provider"] = desk.partners[0]
        return known | dict(given)
    if cls in {Invoice, CreditNote}:
        return {"number": numbers.next_invoice_number(desk, year)} | dict(given)
    return dict(given)


# ---- showing


def _told(seen: write.Preview, who: read.Officer) -> dict[str, Any]:
    entry, trial = seen.entry, seen.trial
    context = read.context_of(trial.order) if trial.order else fields.Context()
    return {
        "kind": fields.kind_name(entry.kind),
        "on": str(entry.obj or ""),
        "officer": {"grant": who.grant, "post": who.post},
        "at": iso(entry.t),
        "fields": fields.to_json(entry.body, context),
        "remark": remark_of(entry.detail),
        "attachments": read.plain_attachments(attachments_of(entry.detail)),
        "bytes": canonical.encode(to_array(entry.body)).hex() if not isinstance(entry.body, Unreadable) else "",
        "leaf": seen.leaf.hex(),
        "officer_signs": seen.own.to_sign.hex() if seen.own is not None else "",
        "counts": not trial.void,
        "findings": [finding_json(finding) for finding in trial.findings],
        "posts": _postings(trial),
        "order": trial.order.number if trial.order else "",
        "state": trial.order.state.value if trial.order else "",
        "signed": False,
    }


def _postings(trial: Trial) -> list[dict[str, str]]:
    return [
        {
            "rule": transaction.rule,
            "account": posting.account,
            "amount": money(posting.amount, transaction.commodity),
        }
        for transaction in trial.transactions
        for posting in transaction.postings
    ]


def _show(seen: write.Preview, who: read.Officer, as_json: bool) -> None:
    told = _told(seen, who)
    if as_json:
        print_json(told)
        return
    facts(
        {
            "act": told["kind"],
            "on": told["on"],
            "officer": f"{who.post} ({who.grant})",
            "at": told["at"],
            "order": told["order"],
            "state after": words(told["state"]),
        }
    )
    say()
    print_json(told["fields"])
    if told["remark"]:
        say(f"Remark: {told['remark']}")
    for one in attachments_of(seen.entry.detail):
        say(f"Attached: {one.name}, {one.size} bytes, SHA-256 {one.sha256.hex()}")
    say(f"\nBytes to be signed: {told['bytes']}")
    if seen.own is not None:
        say(f"Needs the own signature of {seen.own.post}, over: {told['officer_signs']}")
    if told["posts"]:
        say("\nPosts:")
        rows = [(post["rule"], post["account"], post["amount"]) for post in told["posts"]]
        table(("rule", "account", "amount"), rows, right=("amount",))
    for finding in seen.trial.findings:
        say(f"\nFinding: {sentence(finding.code, dict(finding.facts))} ({finding.code})")
