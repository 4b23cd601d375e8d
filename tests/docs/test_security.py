"""The security pages say what the code says, and what they point at is there."""

from __future__ import annotations

import ast
import re

import pytest
from tools import security

from tallystick.stores import officer_keys

PAGES = {path.name: path.read_text(encoding="utf-8") for path in (security.PAGE, security.ASVS)}
TEXT = PAGES[security.PAGE.name]


def test_tables_are_what_the_code_has():
    assert security.renewed(TEXT) == TEXT, "run: python -m tools.security"
    assert sorted(re.findall(r"<!-- table: ([a-z-]+) -->", TEXT)) == sorted(security.TABLES)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_is_there(page):
    named = list(security.named_tests(PAGES[page]))
    assert len(named) > 20
    assert [(file, name) for file, name in named if name not in security.tests_in(file)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    assert [file for file in security.named_files(PAGES[page]) if not security.is_there(file)] == []


def test_every_row_of_an_adversary_names_its_test_or_says_yes():
    """A row without a test is one in which they do reach it: nothing shows what is not prevented."""
    part = TEXT.partition("## A hostile partner")[2].partition("## So it is in the code")[0]
    rows = [
        line for line in part.splitlines() if line.startswith("| ") and not line.startswith(("| they", "| key", "|--"))
    ]
    assert len(rows) > 50
    assert [row for row in rows if "tests/" not in row and "**" not in row] == []


# ---- the inventory of algorithms

MODULES = {"hashlib", "hmac", "pyrage", "zlib"}  # whose parts the code names by a dot
CRYPTOGRAPHY = ("cryptography", "fido2", "hashlib", "hmac", "pyrage", "secrets", "zlib")
TOLD = {  # what the code uses: how the page calls it
    "AESGCM": "AES-256-GCM", "Argon2id": "Argon2id", "HKDF": "HKDF-SHA-256", "Ed25519PrivateKey": "Ed25519",
    "Ed25519PublicKey": "Ed25519", "SHA256": "SHA-256", "sha256": "SHA-256", "sha1": "SHA-1", "crc32": "CRC-32",
    "Fido2Server": "what passkeys sign with", "encrypt": "age v1", "decrypt": "age v1", "x25519": "X25519",
    "salted_hmac": "HMAC-SHA-256", "signing": "HMAC-SHA-256",
}  # fmt: skip
NO_ALGORITHM = re.compile(
    r"token_\w+|file_digest|websafe_\w+|InvalidTag|InvalidSignature|\w+Error|[A-Z]\w+(Data|Entity|Response|Requirement)"
)


def _used() -> set[str]:
    """Return every name that the program takes from a library of cryptography."""
    found: set[str] = set()
    for path in (security.ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                root, whole = node.module.partition(".")[0], node.module
                if root in CRYPTOGRAPHY or whole == "django.utils.crypto":
                    found |= {name.name for name in node.names}
                elif whole == "django.core":
                    found |= {name.name for name in node.names if name.name == "signing"}
            elif isinstance(node, ast.Import):
                found |= {f"import of {n.name}" for n in node.names if n.name.startswith("cryptography")}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODULES:
                found.add(node.attr)
    return {name for name in found if not NO_ALGORITHM.fullmatch(name)}


def test_every_algorithm_that_the_code_uses_is_in_the_inventory():
    told = TEXT.partition("| algorithm |")[2].partition("## Connections")[0]
    assert _used() == TOLD.keys()
    assert [name for name in TOLD.values() if name not in told] == []


def test_the_costs_of_argon2_are_those_of_the_code():
    mebibytes, passes, lanes = officer_keys._MEMORY_KIB // 1024, officer_keys._ITERATIONS, officer_keys._LANES
    assert f"Argon2id ({mebibytes} MiB, {passes} passes, {lanes} lanes)" in TEXT


def test_a_missing_test_would_be_noticed():
    assert "test_that_is_none" not in security.tests_in("tests/docs/test_security.py")
    assert security.tests_in("tests/docs/test_nothing.py") == frozenset()
    assert list(security.named_tests("`tests/a/test_b.py::test_c`")) == [("tests/a/test_b.py", "test_c")]


# ---- OWASP ASVS 5.0.0: the level of each requirement of each section, in order

LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123", "2.1": "122", "2.2": "112",
    "2.3": "12223", "2.4": "23", "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333",
    "3.6": "3", "3.7": "22333", "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222", "5.1": "2",
    "5.2": "112333", "5.3": "113", "5.4": "222", "6.1": "122", "6.2": "111111112222", "6.3": "11223333",
    "6.4": "112233", "6.5": "22222333", "6.6": "2223", "6.7": "33", "6.8": "2222", "7.1": "222", "7.2": "1111",
    "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22", "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222", "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333",
    "10.5": "22222", "10.6": "22", "10.7": "222", "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222",
    "11.5": "23", "11.6": "23", "11.7": "33", "12.1": "12233", "12.2": "11", "12.3": "22223", "13.1": "2333",
    "13.2": "222223", "13.3": "2233", "13.4": "1222233", "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333", "16.1": "2", "16.2": "22222", "16.3": "2222",
    "16.4": "222", "16.5": "2223", "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
ASKED = [f"{section}.{n}" for section, told in LEVELS.items() for n, level in enumerate(told, 1) if level != "3"]
ROW = re.compile(r"^\| ([\d.]+)(?: to ([\d.]+))? \| (1|2|1, 2) \| (.+?) \| (\S[^|]*) \| (.+) \|$", re.MULTILINE)
VERDICTS = {"met", "partly", "not met", "does not apply"}


def _answers() -> list[tuple[str, str, str]]:
    """Return (number, verdict, where) of every requirement that the page answers, ranges taken apart."""
    found = []
    for first, last, _level, _words, verdict, where in ROW.findall(PAGES["asvs.md"]):
        found += [(number, verdict, where) for number in _between(first, last or first)]
    return found


def _between(first: str, last: str) -> list[str]:
    def key(number: str) -> tuple[int, ...]:
        return tuple(int(part) for part in number.split("."))

    return [number for number in ASKED if key(first) <= key(number) <= key(last)]


def test_every_requirement_of_levels_1_and_2_is_answered_once():
    assert [number for number, _, _ in _answers()] == ASKED
    assert len(ASKED) == 253
    assert {verdict for _, verdict, _ in _answers()} == VERDICTS


def test_the_figures_at_the_top_are_those_of_the_rows():
    counts = [
        sum(verdict == one for _, verdict, _ in _answers()) for one in ("met", "partly", "not met", "does not apply")
    ]
    told = re.search(r"Of (\d+): (\d+) met, (\d+) partly, (\d+) not met, (\d+) do not apply", PAGES["asvs.md"])
    assert told is not None
    assert [int(figure) for figure in told.groups()] == [len(ASKED), *counts]


def test_levels_are_those_of_the_standard():
    for first, last, level, *_ in ROW.findall(PAGES["asvs.md"]):
        section, _, number = first.rpartition(".")
        if not last:
            assert LEVELS[section][int(number) - 1] == level, first
