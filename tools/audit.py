"""Asks whether anything a node runs on is known to be vulnerable, by the locks. Run: python -m tools.audit

Sends the name and version of each package to OSV (https://osv.dev), which gathers the advisories of PyPA, GitHub and
others, in one question. Needs the network and says so without: exit 0 when nothing is known, 1 when something is,
75 when nobody could be asked, which is no answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import urllib3
from tools.sbom import TEST, Pin, pins, shipped

SERVICE = "https://api.osv.dev/v1/querybatch"
ASK_SECONDS = 30
KNOWN, NOT_ASKED = 1, 75  # as the command line's own codes


class NotAskedError(Exception):
    """Nobody answered, or not in the words of the service."""


def known(locked: Sequence[Pin], service: str = SERVICE) -> Mapping[str, Sequence[str]]:
    """Return the advisories there are, by package.

    Raises:
        NotAskedError: the service did not answer.
    """
    asked = [{"package": {"ecosystem": "PyPI", "name": pin.name}, "version": pin.version} for pin in locked]
    try:
        answer = urllib3.request(
            "POST", service, json={"queries": asked}, timeout=ASK_SECONDS, retries=False, redirect=False
        )
        found = answer.json()["results"] if answer.status == 200 else None
    except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NotAskedError(f"{type(error).__name__} from {service}") from error
    if not isinstance(found, list) or len(found) != len(asked):
        raise NotAskedError(f"HTTP {answer.status} from {service}")
    told = {pin.name: _advisories(one) for pin, one in zip(locked, found, strict=True)}
    return {name: advisories for name, advisories in told.items() if advisories}


def _advisories(result: Mapping[str, Any]) -> list[str]:
    names = sorted(one["id"] for one in result.get("vulns", ()))
    return [*names, "and more"] if result.get("next_page_token") else names


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and say what is known; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--everything", action="store_true", help="also what only tests and tools need")
    parser.add_argument("--service", default=SERVICE, help="another address that answers as OSV does")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    locked = list((pins(TEST) if asked.everything else shipped()).values())
    try:
        found = known(locked, asked.service)
    except NotAskedError as error:
        print(f"Not asked: {error}. Nothing is known about the {len(locked)} packages; try again.", file=sys.stderr)
        return NOT_ASKED
    versions = {pin.name: pin.version for pin in locked}
    if asked.json:
        print(json.dumps({"asked": versions, "known": found}, indent=2))
    else:
        for name, advisories in found.items():
            print(f"{name} {versions[name]}: {', '.join(advisories)}")
        print(f"{len(locked)} packages asked about, {len(found)} with advisories.")
    return KNOWN if found else 0


if __name__ == "__main__":
    sys.exit(main())
