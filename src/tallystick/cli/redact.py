"""``redact``: erase what an entry says, with the proofs still valid. For the administrator, with the root key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from tallystick.app import courier, fields, write
from tallystick.app import redact as erasing
from tallystick.app.messages import sentence
from tallystick.app.node import Desk, Node
from tallystick.cli.act import context_on, read_json
from tallystick.cli.orders import parse_ref
from tallystick.cli.shell import Shell, facts, iso, json_option, pass_shell, print_json, say, table
from tallystick.core.entries import NO_SEGMENT, Draft, Reason, Segment
from tallystick.core.errors import ActRefusedError
from tallystick.core.orders import OrderView
from tallystick.core.quantity import Money

_REASONS = {fields.code_name(reason): reason for reason in Reason}


@click.command()
@click.argument("entry", required=False)
@click.option("--detail", is_flag=True, help="The remark and other free text.")
@click.option("--core", is_flag=True, help="What it says; all parties must agree.")
@click.option("--auth", is_flag=True, help="The officer's own signature; all parties must agree.")
@click.option(
    "--restated", type=click.Path(path_type=Path), metavar="FILE", help="Fields (JSON) it shall read instead."
)
@click.option("--confirm", is_flag=True, help="Say the same as the partner has said about this entry.")
@click.option("--reason", type=click.Choice(list(_REASONS)), default="not-stated", show_default=True)
@click.option("--yes", is_flag=True, help="Sign; without, only say what would happen.")
@click.option("--delete-courier-files", is_flag=True, help="Delete this node's courier files, which may hold it.")
@json_option
@pass_shell
def redact(
    shell: Shell,
    entry: str | None,
    detail: bool,
    core: bool,
    auth: bool,
    restated: Path | None,
    confirm: bool,
    reason: str,
    yes: bool,
    delete_courier_files: bool,
    as_json: bool,
) -> None:
    """Erase text from an entry, here and at the partners'.

    A detail goes when its own party says so; the rest when all parties have said the same. Without ENTRY, tell what was
    asked, finish what a purge of the files has left, and name the courier files that may hold it.
    """
    desk = shell.desk
    if entry is not None:
        target = parse_ref(entry)
        segments = NO_SEGMENT
        for wanted, segment in ((core, Segment.CORE), (detail, Segment.DETAIL), (auth, Segment.AUTH)):
            segments |= segment if wanted else NO_SEGMENT
        if confirm:
            draft = erasing.confirmation(desk, target)
        elif segments:
            data = None if restated is None else read_json(restated)
            core_now = b"" if data is None else erasing.restatement(desk, target, data, context_on(desk, target))
            draft = erasing.draft(desk, target, segments, _REASONS[reason], core_now)
        else:
            _tell([erasing.standing(desk, target)], desk, as_json=as_json)
            return
        _one(desk, draft, yes=yes, as_json=as_json)
        return
    desk.store.purge()
    files = _courier_files(shell.node)
    if delete_courier_files:
        for path in files:
            path.unlink()
    _tell(erasing.asked(desk), desk, as_json=as_json, files=() if delete_courier_files else files)


def _one(desk: Desk, draft: Draft, *, yes: bool, as_json: bool) -> None:
    seen = erasing.preview(desk, draft)
    told = _told(desk, seen)
    if seen.trial.void:
        reason = seen.trial.findings[0]
        raise ActRefusedError(reason.code, **dict(reason.facts))
    if not as_json:
        facts(
            {
                name.replace("_", " "): value if isinstance(value, str) else ", ".join(value)
                for name, value in told.items()
                if value
            }
        )
        if seen.before is not None and seen.after is not None and seen.before != seen.after:
            say("\nThe order:")
            table(("", "now", "then"), _differences(seen.before, seen.after))
    if yes:
        signed = write.sign(desk, draft)
        if as_json:
            print_json(told | {"signed": True, "entry": str(signed.ref)})
        else:
            say(f"\nSigned: entry {signed.ref}.")
    elif as_json:
        print_json(told | {"signed": False})
    else:
        say("\nNothing was signed. Sign with --yes.")


def _names(segments: Segment) -> list[str]:
    return [name for name, segment in erasing.SEGMENT_NAMES.items() if segments & segment]


def _told(desk: Desk, seen: erasing.Preview) -> dict[str, Any]:
    found = seen.standing
    order = desk.record.orders.get(found.order_id) if found.order_id is not None else None
    return {
        "about": str(found.target),
        "kind": fields.kind_name(found.kind),
        "by": found.party,
        "order": order.number if order is not None else "",
        "goes_now": _names(seen.now),
        "goes_when_all_agree": _names(seen.later),
        "waits_for": list(seen.waits_for),
        "stays": _names(found.here & ~seen.now & ~seen.later),
        "may_repeat_it": [str(ref) for ref in seen.repeats],
    }


def _differences(before: OrderView, after: OrderView) -> list[tuple[str, str, str]]:
    def told(order: OrderView) -> dict[str, str]:
        return {
            "state": order.state.value,
            "worth": Money(order.accrued or order.agreed_value, order.currency).text() if order.currency else "",
            "open": Money(order.open_amount, order.currency).text() if order.currency else "",
            "place": order.place,
            "unit": order.receiving_unit,
        }

    one, other = told(before), told(after)
    return [(name, one[name], other[name]) for name in one if one[name] != other[name]]


def _tell(found: Iterable[erasing.Standing], desk: Desk, *, as_json: bool, files: Iterable[Path] = ()) -> None:
    rows: list[dict[str, Any]] = [
        {
            "entry": str(one.target),
            "kind": fields.kind_name(one.kind),
            "by": one.party,
            "made_with": _names(one.made_with),
            "erased": _names(one.erased),
            "asked": [
                {
                    "entry": str(said.wish.ref),
                    "party": said.party,
                    "at": iso(said.at),
                    "reason": fields.code_name(said.reason),
                    "segments": _names(said.segments),
                    "waits_for": list(said.parties_missing) if said.waits else [],
                }
                for said in one.said
            ],
        }
        for one in found
    ]
    due = erasing.purge_due(desk.store)
    paths = [str(path) for path in files]
    if as_json:
        print_json({"entries": rows, "purge_due": due, "courier_files": paths})
        return
    lines = [
        (
            row["entry"],
            row["kind"],
            row["by"],
            ", ".join(row["erased"]),
            asked["party"],
            asked["at"],
            ", ".join(asked["waits_for"]),
        )
        for row in rows
        for asked in row["asked"]
    ]
    if lines:
        table(("entry", "kind", "by", "erased", "asked by", "on", "waits for"), lines)
    else:
        say("Nobody has asked to erase anything.")
    if due:
        say(f"\n{sentence('purge-due')}")
    if paths:
        say("\nThese courier files may hold what was erased (delete them with --delete-courier-files):")
        for path in paths:
            say(f"  {path}")


def _courier_files(node: Node) -> list[Path]:
    folder = node.settings.folder / "courier"
    return sorted(path for path in folder.glob(f"*/*{courier.SUFFIX}") if path.is_file())
