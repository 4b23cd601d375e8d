"""The small changes that ``tools.mutation`` makes: every mutant of a module, and words to tell one from another.

Changed are comparisons, conditions and their parts, arithmetic, numbers, words, keyword arguments, the order of
arguments, elements of tables, what is returned, and whether a statement is there. Not changed: prose (docstrings, text
of several words), annotations other than their numbers, decorators, asserts (they state what cannot happen), and the
facts of an error, which decide nothing.
"""

from __future__ import annotations

import ast
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
INVERTED = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)  # changing one of these is to negate it


@dataclass
class Mutant:
    """One change: ``node.name``, or its ``index``-th element, becomes ``new`` (an element may become None: removed)."""

    module: str
    line: int
    statement: int  # the line its statement begins on
    where: str  # the function or class, for people
    outer: tuple[ast.AST, ...]  # the classes around the outermost function, and that function; none: read while loading
    node: ast.AST
    name: str
    index: int | None
    new: Any
    text: str  # stands for its function, or its statement outside of functions: what became of it holds as long
    told: str = ""
    loads: bool = False  # it is read while modules load

    @property
    def key(self) -> str:
        """What it is called from one run to the next; lines move."""
        return f"{self.module} {self.where}: {self.told}"

    @property
    def old(self) -> Any:
        whole = getattr(self.node, self.name)
        return whole if self.index is None else whole[self.index]

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        whole = getattr(self.node, self.name)
        if self.index is None:
            changed = self.new
        else:
            changed = [*whole[: self.index], *([] if self.new is None else [self.new]), *whole[self.index + 1 :]]
        setattr(self.node, self.name, changed)
        yield
        setattr(self.node, self.name, whole)


class Changes(ast.NodeVisitor):
    """All mutants of one module, in the order of its text."""

    def __init__(self, path: Path) -> None:
        self.module = path.stem
        self.tree = ast.parse(path.read_text("utf-8"))
        self.found: list[Mutant] = []
        self.above: list[ast.AST] = []
        self.seen: Counter[str] = Counter()
        self.texts: dict[int, str] = {}
        self.visit(self.tree)

    # -- noting a change

    def add(self, node: ast.AST, name: str, new: Any, index: int | None = None) -> None:
        chain = [*self.above, node] if not self.above or self.above[-1] is not node else list(self.above)
        functions = [at for at, each in enumerate(chain) if isinstance(each, ast.FunctionDef | ast.Lambda)]
        outer = chain[1 : functions[0] + 1] if functions else []
        whole = outer[-1] if outer else chain[1] if len(chain) > 1 else getattr(node, name)[index or 0]
        if id(whole) not in self.texts:
            self.texts[id(whole)] = sha256(ast.unparse(whole).encode()).hexdigest()[:16]
        named = [getattr(each, "name", "lambda") for each in chain if isinstance(each, SCOPES)]
        mutant = Mutant(
            self.module, 0, 0, ".".join(named) or "module",
            tuple(each for each in outer if isinstance(each, SCOPES)), node, name, index, new,
            self.texts[id(whole)],
        )  # fmt: skip
        nearest = next(each for each in (mutant.old, *reversed(chain)) if hasattr(each, "lineno"))
        mutant.line = nearest.lineno
        within = [each.lineno for each in (*chain, mutant.old) if isinstance(each, ast.stmt)]
        mutant.statement = within[-1] if within else mutant.line
        if isinstance(new, ast.AST) and not hasattr(new, "lineno"):
            ast.fix_missing_locations(ast.copy_location(new, nearest))
        mutant.told = told(mutant, chain)
        self.seen[mutant.key] += 1
        if (times := self.seen[mutant.key]) > 1:
            mutant.told += f"  (no. {times})"
        self.found.append(mutant)

    def instead(self, node: ast.AST, new: ast.AST) -> None:
        """Put ``new`` where ``node`` hangs."""
        for name, value in ast.iter_fields(self.above[-1]):
            if value is node:
                self.add(self.above[-1], name, new)
            for index, each in enumerate(value if isinstance(value, list) else ()):
                if each is node:
                    self.add(self.above[-1], name, new, index)

    def below(self, node: ast.AST, *names: str) -> None:
        """Go on with what hangs at ``node`` under ``names``; all of it, if there are none."""
        self.above.append(node)
        for name in names or node._fields:
            value = getattr(node, name)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    self.visit(each)
        self.above.pop()

    generic_visit = below

    # -- statements

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit(node.args)  # its defaults: read where it is defined
        self.below(node, "body")

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self.below(node, "body")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.below(node, "body")

    def visit_arguments(self, node: ast.arguments) -> None:
        self.below(node, "defaults", "kw_defaults")

    def nothing(self, _: ast.AST) -> None: ...

    def removed(self, node: ast.stmt) -> None:
        self.instead(node, ast.Pass())
        self.below(node)

    visit_Import = visit_ImportFrom = visit_Assert = nothing  # noqa: N815
    visit_Raise = visit_Break = visit_Continue = visit_Delete = removed  # noqa: N815

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Yield | ast.YieldFrom):
            self.below(node)
        elif not isinstance(node.value, ast.Constant):
            self.removed(node)

    def visit_Return(self, node: ast.Return) -> None:
        if not (
            node.value is None or (isinstance(node.value, ast.Constant) and node.value.value in {None, True, False})
        ):
            self.add(node, "value", ast.Constant(None))
        self.below(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if ast.unparse(node.targets[0]) != "__slots__":
            self.below(node, "value")

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.instead(node, ast.Pass())
        self.add(node, "op", COUNTED[type(node.op)]())
        self.below(node, "value")

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.above.append(node)
        for call in ast.walk(node.annotation):
            for index, value in enumerate(call.args if isinstance(call, ast.Call) else ()):
                if isinstance(value, ast.Constant) and type(value.value) is int:
                    self.add(call, "args", ast.Constant(value.value + 1), index)
        self.above.pop()
        self.below(node, "value")

    def condition(self, node: ast.If | ast.While | ast.IfExp) -> None:
        test = node.test
        changed = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], INVERTED)
        if not changed and not isinstance(test, ast.UnaryOp | ast.Constant):
            self.add(node, "test", ast.UnaryOp(ast.Not(), test))
        self.below(node)

    visit_If = visit_While = visit_IfExp = condition  # noqa: N815

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for index, _ in enumerate(node.ifs):
            self.add(node, "ifs", None, index)
        self.below(node, "iter", "ifs")

    # -- expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        for index, operator in enumerate(node.ops):
            self.add(node, "ops", COMPARED[type(operator)](), index)
        self.below(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for index, _ in enumerate(node.values):
            rest = node.values[:index] + node.values[index + 1 :]
            self.instead(node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        self.below(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.add(node, "operand", ast.UnaryOp(ast.Not(), node.operand))  # the truth of it, whatever it is
        else:
            self.add(node, "op", ast.UAdd())
        self.below(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.add(node, "op", COUNTED[type(node.op)]())
        self.below(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add(node, "value", not value)
        elif isinstance(value, int):
            self.add(node, "value", value + 1)
        elif isinstance(value, bytes):
            self.add(node, "value", value + b"\x00")
        elif isinstance(value, str) and len(words := value.split()) <= 1:
            self.add(node, "value", value + "x")
        elif isinstance(value, str) and value.isupper():  # a table written as words
            self.add(node, "value", " ".join(words[:-1]))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.below(part, "value")

    def elements(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        table = len(node.elts) > 1 and not isinstance(self.above[-1], ast.Subscript | ast.Return)
        for index, _ in enumerate(node.elts if table else ()):
            self.add(node, "elts", None, index)
        self.below(node)

    visit_Tuple = visit_List = visit_Set = elements  # noqa: N815

    def visit_For(self, node: ast.For) -> None:
        self.below(node, "iter", "body", "orelse")

    def visit_Dict(self, node: ast.Dict) -> None:
        for index, name in enumerate(node.keys):
            if len(node.keys) > 1 and name is not None:
                keys, values = (
                    node.keys[:index] + node.keys[index + 1 :],
                    node.values[:index] + node.values[index + 1 :],
                )
                self.instead(node, ast.copy_location(ast.Dict(keys, values), name))
        self.below(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called in {"NewType", "TypeVar"}:
            return
        if called in CALLED:
            self.add(node, "func", ast.Name(CALLED[called], ast.Load()))
        first, second, *rest = [*node.args, None, None]
        if second is not None and called not in {"min", "max"} and ast.dump(first) != ast.dump(second):
            self.add(node, "args", [second, first, *rest[:-2]])
        self.below(node, "func", "args")
        for index, keyword in enumerate([] if called.endswith("Error") else node.keywords):
            if keyword.arg != "strict":  # strict=True is an assert
                if keyword.arg is not None:
                    self.add(node, "keywords", None, index)
                self.above.append(node)
                self.visit(keyword)
                self.above.pop()


SCOPES = (ast.ClassDef, ast.FunctionDef, ast.Lambda)

# ---- words


def told(mutant: Mutant, chain: list[ast.AST]) -> str:
    """Return what changes, with enough around it to find it."""
    if isinstance(mutant.old, ast.stmt):
        return window(ast.unparse(mutant.old), "(removed)")
    shown: ast.AST | None = None
    for node in reversed(chain):
        if not isinstance(node, ast.expr | ast.Return | ast.Assign | ast.AugAssign):
            break
        shown = node
        if len(ast.unparse(node)) >= 20:
            break
    if shown is None:
        return window(ast.unparse(mutant.old), "(removed)" if mutant.new is None else ast.unparse(mutant.new))
    before = ast.unparse(shown)
    with mutant.applied():
        return window(before, ast.unparse(shown))


def window(before: str, after: str, around: int = 30, most: int = 70) -> str:
    """Return ``before -> after`` with what both share far from the difference left out."""
    before, after = (" ".join(text.split()).replace("`", "'") for text in (before, after))
    shortest = min(len(before), len(after))
    start = next((at for at in range(shortest) if before[at] != after[at]), shortest)
    end = next((at for at in range(shortest - start) if before[-1 - at] != after[-1 - at]), shortest - start)

    def cut(text: str) -> str:
        low, high = max(0, start - around), min(len(text), len(text) - end + around)
        middle = text[low:high]
        if len(middle) > most + 2 * around:
            middle = f"{middle[:most]}…{middle[-around:]}"
        return ("…" if low else "") + middle + ("…" if high < len(text) else "")

    return f"{cut(before)} -> {cut(after)}"
