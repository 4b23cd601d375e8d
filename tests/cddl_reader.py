"""A strict reader of the part of CDDL (RFC 8610) that docs/spec/tallystick.cddl uses.

The foreign reader of the tests lets much pass inside lists and choices; this one does not, so that the limits in the
file are held against the limits in the code. Values are plain Python, decoded from CBOR.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\s+|;[^\n]*|(\"[^\"]*\"|-?\d+|\.\.|\.[a-z]+|[A-Za-z_][\w-]*|=>|[\[\]{}():,=/*+])")


@dataclass(frozen=True)
class Member:
    """One entry of an array or map: how often, under which name or key, of which type."""

    low: int
    high: int | None
    name: str | int | None
    key: object
    type: object


class Grammar:
    """The rules of a CDDL text."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(text) if match[1]]
        self._at = 0
        self.rules: dict[str, object] = {}
        while self._at < len(self._tokens):
            name = self._take()
            self._expect("=")
            assert name not in self.rules, name
            self.rules[name] = self._type()

    def fits(self, rule: str, value: object) -> bool:
        return self._fits(self.rules[rule], value)

    def members(self, rule: str) -> list[Member]:
        what, members = self.rules[rule]
        assert what == "array", rule
        return members

    # ---- parsing

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        found = self._take()
        assert found == token, (found, token, self._tokens[max(0, self._at - 8) : self._at])

    def _type(self) -> object:
        choices = [self._one()]
        while self._peek() == "/":
            self._take()
            choices.append(self._one())
        return choices[0] if len(choices) == 1 else ("choice", choices)

    def _one(self) -> object:
        token = self._take()
        if token == "(":
            inner = self._type()
            self._expect(")")
            base: object = inner
        elif token in {"[", "{"}:
            return ("array" if token == "[" else "map", self._members("]" if token == "[" else "}"))
        elif re.fullmatch(r"-?\d+", token):
            if self._peek() == "..":
                self._take()
                return ("range", int(token), int(self._take()))
            return ("literal", int(token))
        else:
            base = ("name", token)
        while self._peek().startswith(".") and self._peek() != "..":
            control = self._take()
            base = ("control", base, control, self._one())
        return base

    def _members(self, close: str) -> list[Member]:
        found = []
        while self._peek() != close:
            low, high = self._occurrence()
            name, key = None, None
            after = self._tokens[self._at + 1]
            if after == ":":
                token = self._take()
                self._take()
                name = int(token) if token.isdigit() else token
            elif after == "=>":
                key = self._one()
                self._expect("=>")
            found.append(Member(low, high, name, key, self._type()))
            if self._peek() == ",":
                self._take()
        self._take()
        return found

    def _occurrence(self) -> tuple[int, int | None]:
        token = self._peek()
        if token in {"*", "+"}:
            self._take()
            return (0 if token == "*" else 1), None
        if token.isdigit() and self._tokens[self._at + 1] == "*":
            low = int(self._take())
            self._take()
            high = int(self._take()) if self._peek().isdigit() else None
            return low, high
        return 1, 1

    # ---- checking

    def _fits(self, what: object, value: object) -> bool:
        match what:
            case ("choice", choices):
                return any(self._fits(choice, value) for choice in choices)
            case ("literal", number):
                return type(value) is int and value == number
            case ("range", low, high):
                return type(value) is int and low <= value <= high
            case ("array", members):
                return type(value) is list and self._fits_array(members, value)
            case ("map", members):
                return type(value) is dict and self._fits_map(members, value)
            case ("control", base, ".size", size):
                length = (
                    len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else -1
                )
                return self._fits(base, value) and self._fits(size, length)
            case ("control", base, ".ge", ("literal", low)):
                return self._fits(base, value) and value >= low
            case ("name", name) if name in self.rules:
                return self._fits(self.rules[name], value)
            case ("name", name):
                return _PRELUDE[name](value)
        raise AssertionError(what)

    def _fits_array(self, members: list[Member], value: list[object]) -> bool:
        if len(members) == 1 and (members[0].low, members[0].high) != (1, 1):
            (member,) = members
            enough = member.low <= len(value) and (member.high is None or len(value) <= member.high)
            return enough and all(self._fits(member.type, item) for item in value)
        assert all((member.low, member.high) == (1, 1) for member in members)
        return len(value) == len(members) and all(
            self._fits(member.type, item) for member, item in zip(members, value, strict=True)
        )

    def _fits_map(self, members: list[Member], value: dict[object, object]) -> bool:
        if members[0].key is not None:
            (member,) = members
            return all(self._fits(member.key, key) and self._fits(member.type, item) for key, item in value.items())
        return set(value) == {member.name for member in members} and all(
            self._fits(member.type, value[member.name]) for member in members
        )


_PRELUDE = {
    "any": lambda _: True,
    "nil": lambda value: value is None,
    "int": lambda value: type(value) is int,
    "uint": lambda value: type(value) is int and value >= 0,
    "nint": lambda value: type(value) is int and value < 0,
    "tstr": lambda value: type(value) is str,
    "bstr": lambda value: type(value) is bytes,
}
