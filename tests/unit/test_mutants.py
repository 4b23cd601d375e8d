"""The changes that mutation testing makes: what they are, and that each is one change and no more."""

from __future__ import annotations

import ast
from pathlib import Path

from tools.mutants import Changes

SOURCE = '''
"""A docstring is prose."""
LIMIT = 3
STATES = ("open", "two words", "closed")

@dataclass(frozen=True)
class Box:
    size: Annotated[int, Between(0, 7)] = 1

    def fits(self, other, *, twice=False):
        assert other is not None
        if other.size > self.size and not twice:
            raise TooBigError("too-big", size=other.size)
        return min(self.size, LIMIT) - other.size
'''


def test_every_change_is_told_and_prose_types_and_facts_stay(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(SOURCE)
    assert [f"{m.line} {m.where}: {m.told}" for m in Changes(tmp_path / "box.py").found] == [
        "3 module: LIMIT = 3 -> LIMIT = 4",
        "4 module: ('open', 'two words', 'closed') -> ('two words', 'closed')",
        "4 module: ('open', 'two words', 'closed') -> ('open', 'closed')",
        "4 module: ('open', 'two words', 'closed') -> ('open', 'two words')",
        "4 module: ('open', 'two words', 'closed') -> ('openx', 'two words', 'closed')",
        "4 module: ('open', 'two words', 'closed') -> ('open', 'two words', 'closedx')",
        "8 Box: Between(0, 7) -> Between(1, 7)",
        "8 Box: Between(0, 7) -> Between(0, 8)",
        "8 Box: 1 -> 2",
        "10 Box: False -> True",
        "12 Box.fits: other.size > self.size and (not twice) -> not (other.size > self.size and (not twice))",
        "12 Box.fits: other.size > self.size and (not twice) -> not twice",
        "12 Box.fits: other.size > self.size and (not twice) -> other.size > self.size",
        "12 Box.fits: other.size > self.size -> other.size >= self.size",
        "12 Box.fits: …her.size > self.size and (not twice) -> …her.size > self.size and (not not twice)",
        "13 Box.fits: raise TooBigError('too-big', size=other.size) -> (removed)",
        "13 Box.fits: TooBigError('too-big', size=other.size) -> TooBigError('too-bigx', size=other.size)",
        "14 Box.fits: return min(self.size, LIMIT) - other.size -> return None",
        "14 Box.fits: min(self.size, LIMIT) - other.size -> min(self.size, LIMIT) + other.size",
        "14 Box.fits: min(self.size, LIMIT) -> max(self.size, LIMIT)",
    ]


def test_each_is_one_change_and_can_be_undone(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(SOURCE)
    changes = Changes(tmp_path / "box.py")
    whole = ast.unparse(changes.tree)
    texts = set()
    for mutant in changes.found:
        with mutant.applied():
            texts.add(ast.unparse(changes.tree))
            compile(changes.tree, "box.py", "exec")
        assert ast.unparse(changes.tree) == whole
    assert len(texts) == len(changes.found) == len({mutant.key for mutant in changes.found})
    assert whole not in texts
