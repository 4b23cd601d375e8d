"""Change the core in small ways, one at a time, and see whether its tests notice: ``python -m tools.mutation``.

Every mutant is there from the start of its process. One in a function replaces the function's code in a fork of a
process that has collected the tests and run none of them. One that is read while modules load (a table, a default, a
class, a function called by one of these) is put in place of its module in a fork of a process that has loaded pytest,
and nothing of ours. Against each run the tests that reach the changed line: first those that noticed neighbours, then
those of its module, then the vectors, then the quickest, until one fails or ``--budget`` is spent. What is changed and
what is not is in ``tools.mutants``.

What is found out stays in ``build/mutation``, so a run that was stopped goes on: a noticed mutant is tried again when
its function changes, any other also when the tests do. docs/mutants.md holds the survivors, each under the reason why
it may survive; a run writes it anew, and puts what has no reason under the last heading.

Needs ``pip install coverage``, which the tests do not. (mutmut switches mutants on after modules are loaded, so that
tables are never changed; cosmic-ray starts pytest anew for each.)
"""

from __future__ import annotations
import __future__

import argparse
import ast
import contextlib
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import random
import re
import resource
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from tools.mutants import Changes, Mutant

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "tallystick" / "core"
PLACE = ROOT / "build" / "mutation"
SURVIVORS = ROOT / "docs" / "mutants.md"
SPEC = "tests/docs/test_tables.py"  # compares tables with the specification
VECTORS = "tests/unit/core/test_vectors.py"
TESTS = ("tests/unit/core", "tests/property", "tests/contract/test_cddl.py", "tests/exhaustive/test_life.py", SPEC)
USED = ("src/tallystick/core/*.py", "tests/*.py", "tests/exhaustive/life.py", "vectors/*", "docs/spec/*")
PYTEST = ("-c", os.devnull, f"--rootdir={ROOT}", "--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider")
MEMORY = 6 << 30

# ---- running tests


class Loop:
    """Stands in pytest's place between collecting tests and running them."""

    def __init__(self, work: Callable[[dict[str, pytest.Item]], None]) -> None:
        self.work = work
        self.failed: Callable[[str], None] = lambda _: None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.work({item.nodeid: item for item in session.items})
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed(report.nodeid)


def run(items: list[pytest.Item], each: Callable[[pytest.Item], None] = lambda _: None) -> None:
    for item, after in zip(items, [*items[1:], None], strict=True):
        each(item)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)


def with_pytest(loop: Loop, *places: str) -> None:
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.pycache_prefix, sys.dont_write_bytecode = str(PLACE / "pyc"), False
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )  # fmt: skip
    hypothesis.settings.load_profile("mutation")
    pytest.main([*PYTEST, *(places or TESTS)], plugins=[loop])


def in_fork(work: Callable[[Callable[[str], None]], None], seconds: float) -> tuple[str, str]:
    """Return what became of ``work`` in a process of its own: "survived", or "noticed" and by what."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(quiet, number)
        limit = int(seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(60 + 20 * limit)

        def failed(what: str) -> None:
            os.write(writes, what.encode())
            os._exit(1)

        try:
            work(failed)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent hears of it
            failed(f"!{type(error).__name__}: {error}")
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        what = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "noticed", "time"
    if what.startswith("!"):
        print(f"the tool itself failed: {what}", file=sys.stderr)
        os._exit(1)
    return ("noticed", what) if os.WEXITSTATUS(status) else ("survived", "")


def divided(jobs: list[Any], workers: int, do: Callable[[int, list[Any]], None]) -> None:
    """Do ``jobs`` in so many processes."""
    children = []
    for number in range(workers):
        if (child := os.fork()) == 0:
            do(number, jobs[number::workers])
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("stopped; what was found out is kept")


# ---- what reaches what


@dataclass
class Reach:
    """Which tests reach which line of which module, how long each takes, which lines run while modules load."""

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    loading: dict[str, set[int]]
    others: list[str]  # modules that are not ours, which the tests load
    stamps: dict[str, str]  # of each file of tests
    asked: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach ``mutant``, the likeliest and quickest first."""
        place = (mutant.module, 0, 0) if mutant.loads else (mutant.module, mutant.line, mutant.statement)
        if place not in self.asked:
            lines = self.lines.get(mutant.module, {})
            if mutant.loads:
                near: set[str] = set().union(*lines.values())
                first, found = [SPEC, f"/test_{mutant.module}.py"], list(self.seconds)
            else:  # what is folded into a constant has no line of its own
                near, first = set(), [f"/test_{mutant.module}.py", VECTORS]
                found = lines.get(mutant.line) or lines.get(mutant.statement, [])

            def rank(test: str) -> tuple[int, bool, float, str]:
                named = next((at for at, name in enumerate(first) if name in test), len(first))
                return named, test not in near, self.seconds[test], test

            self.asked[place] = sorted(found, key=rank)
        return self.asked[place]

    def plan(self, mutant: Mutant, *, first: Iterable[str], budget: float) -> list[str]:
        """Return as many of the tests for ``mutant`` as the budget allows, ``first`` first."""
        reaching = self.tests(mutant)
        known = set(reaching)
        planned = []
        for test in dict.fromkeys([*(test for test in first if test in known), *reaching]):
            if not planned or self.seconds[test] <= budget:
                budget -= self.seconds[test]
                planned.append(test)
        return planned

    def stamp(self, mutant: Mutant) -> str:
        """Return what changes when a test that reaches ``mutant`` does."""
        files = sorted({test.partition("::")[0] for test in self.tests(mutant)})
        return hashlib.sha256("".join(self.stamps[file] for file in files).encode()).hexdigest()[:16]


def digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()[:16]


def reach(workers: int) -> Reach:
    """Return what is known of reaching, after trying the files of tests that changed, or all if what they use did."""
    files = [path for place in TESTS for path in sorted((ROOT / place).glob("test_*.py")) or [ROOT / place]]
    used = digest(*(path for pattern in USED for path in ROOT.glob(pattern)))
    stamps = {str(path.relative_to(ROOT)): used + digest(path) for path in files}

    def known(file: str) -> Path:
        return PLACE / "reach" / f"{file.replace('/', '.')}.{stamps[file]}.json"

    def find_out(_: int, mine: list[str]) -> None:
        for file in mine:
            told = in_fork(lambda failed: map_reach(file, known(file), failed), 3600)  # noqa: B023 - called at once
            if told[0] == "noticed":
                sys.exit(f"{file} fails without any change: {told[1]}")

    (PLACE / "reach").mkdir(exist_ok=True)
    divided([file for file in stamps if not known(file).exists()], workers, find_out)
    whole = Reach({}, {}, {}, [], stamps)
    for file in stamps:
        of = json.loads(known(file).read_text("utf-8"))
        whole.seconds |= of["seconds"]
        whole.others += of["others"]
        for module, lines in of["lines"].items():
            for line, tests in lines.items():
                at = whole.lines.setdefault(module, {}).setdefault(int(line), [])
                at += filter(None, tests)
                if "" in tests:
                    whole.loading.setdefault(module, set()).add(int(line))
    return whole


def map_reach(file: str, into: Path, failed: Callable[[str], None]) -> None:
    import coverage  # noqa: PLC0415 - needed once

    cover = coverage.Coverage(data_file=None, include=[f"{CORE}/*"], config_file=False)
    cover.start()
    seconds: dict[str, float] = {}

    def work(items: dict[str, pytest.Item]) -> None:
        loop.failed = failed
        for test, item in items.items():
            cover.switch_context(test)
            began = time.process_time()
            run([item])
            seconds[test] = time.process_time() - began

    loop = Loop(work)
    with_pytest(loop, file)
    cover.stop()
    if not seconds:
        failed("no test was run")
    data = cover.get_data()
    lines = {Path(name).stem: data.contexts_by_lineno(name) for name in data.measured_files()}
    ours = {"tallystick", "tests", "tools", "__main__", "coverage"}
    others = [name for name in sys.modules if name.partition(".")[0] not in ours]
    into.write_text(json.dumps({"seconds": seconds, "lines": lines, "others": others}), "utf-8")


# ---- trying


@dataclass
class Log:
    """What is known of each mutant; one line of JSON each, so that a run that stops loses nothing."""

    path: Path
    budget: float  # seconds of tests for one mutant
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    noticing: dict[str, list[str]] = field(default_factory=dict)  # by function and by module, the last ones first

    def read(self) -> None:
        for text in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            self.take(json.loads(text))

    def take(self, row: dict[str, Any]) -> None:
        self.known[row["key"]] = row
        if "::" in row["by"]:
            for place in (row["where"], row["module"]):
                before = self.noticing.setdefault(place, [])
                self.noticing[place] = [row["by"], *(test for test in before if test != row["by"])][:8]

    def add(self, mutant: Mutant, stamp: str, what: str, by: str) -> None:
        row = {
            "key": mutant.key, "module": mutant.module, "where": f"{mutant.module} {mutant.where}", "what": what,
            "by": by, "text": mutant.text, "tests": stamp, "budget": self.budget,
        }  # fmt: skip
        self.take(row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def row(self, mutant: Mutant) -> dict[str, Any] | None:
        row = self.known.get(mutant.key)
        return row if row is not None and row["text"] == mutant.text else None

    def settled(self, mutant: Mutant, reached: Reach) -> bool:
        """Return whether trying it again would tell nothing new."""
        row = self.row(mutant)
        return row is not None and (
            row["what"] == "noticed" or (row["budget"] >= self.budget and row["tests"] == reached.stamp(mutant))
        )

    def what(self, mutant: Mutant) -> str:
        row = self.row(mutant)
        return row["what"] if row else "untried"

    def likely(self, mutant: Mutant) -> list[str]:
        return [*self.noticing.get(f"{mutant.module} {mutant.where}", []), *self.noticing.get(mutant.module, [])]


def changed_function(before: types.CodeType, after: types.CodeType) -> tuple[types.CodeType, types.CodeType] | None:
    """Return the outermost function that differs, as it was and as it is; None if what differs is no function."""
    for old, new in zip(before.co_consts, after.co_consts, strict=False):
        if isinstance(old, types.CodeType) and isinstance(new, types.CodeType) and old != new:
            # only the body of a class has no local names of its own
            return (old, new) if old.co_flags & 0x2 else changed_function(old, new)
    return None


def compiled(tree: ast.Module, module: str) -> types.CodeType:
    flags = __future__.annotations.compiler_flag
    return compile(tree, str(CORE / f"{module}.py"), "exec", flags=flags, dont_inherit=True)


def alone(mutant: Mutant) -> ast.Module:
    """Return a module of nothing but the function ``mutant`` is in, and the classes around it."""
    *classes, function = mutant.outer
    node = ast.Expr(function) if isinstance(function, ast.Lambda) else function
    for each in reversed(classes):
        node = ast.ClassDef(each.name, bases=[], keywords=[], body=[node], decorator_list=[])
    return ast.fix_missing_locations(ast.Module([node], type_ignores=[]))


def try_functions(work: list[Mutant], reached: Reach, log: Log, say: Callable[[], None]) -> None:
    """Try mutants inside functions, each in a fork of this process, which has collected all tests."""

    def loop(items: dict[str, pytest.Item]) -> None:
        functions = [thing for thing in gc.get_objects() if isinstance(thing, types.FunctionType)]
        functions = [f for f in functions if f.__code__.co_filename.startswith(str(CORE))]
        gc.freeze()
        for mutant in work:
            tree = alone(mutant)
            before = compiled(tree, mutant.module)
            with mutant.applied():
                pair = changed_function(before, compiled(tree, mutant.module))
            places = [f for f in functions if pair is not None and f.__code__ == pair[0]]
            if not places or pair is None or pair[0].co_freevars != pair[1].co_freevars:
                mutant.loads = True  # nested in what runs while loading, or with another closure: tried with the tables
                continue
            plan = reached.plan(mutant, first=log.likely(mutant), budget=log.budget)
            seconds = sum(reached.seconds[test] for test in plan)

            def child(failed: Callable[[str], None]) -> None:
                for function in places:  # noqa: B023 - called at once
                    function.__code__ = pair[1]  # noqa: B023
                plugin.failed = failed
                run([items[test] for test in plan])  # noqa: B023

            log.add(mutant, reached.stamp(mutant), *in_fork(child, 5 + 5 * seconds))
            say()

    plugin = Loop(loop)
    with_pytest(plugin)


def try_loading(changes: Changes, mutant: Mutant, reached: Reach, log: Log) -> None:
    """Try a mutant that is read while modules load, in a fork of this process, which has loaded none of them."""
    assert not any(name.startswith("tallystick") for name in sys.modules)
    plan = reached.plan(mutant, first=log.likely(mutant), budget=log.budget)
    with mutant.applied():
        code = compiled(changes.tree, changes.module)
    name = f"tallystick.core.{changes.module}"
    original = importlib.machinery.SourceFileLoader.get_code

    def child(failed: Callable[[str], None]) -> None:
        used = []

        def get_code(loader: Any, fullname: str) -> types.CodeType | None:
            if fullname == name:
                used.append(name)
                return code
            return original(loader, fullname)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]

        def loop(items: dict[str, pytest.Item]) -> None:
            assert used, "the changed module was not loaded"
            plugin.failed = failed
            run([items[test] for test in plan])
            os._exit(0)

        plugin = Loop(loop)
        with_pytest(plugin)
        failed("does not load")  # the loop above does not return

    log.add(mutant, reached.stamp(mutant), *in_fork(child, 20 + 5 * log.budget))


# ---- telling


def reasons() -> dict[str, str]:
    """Return the reason under which each survivor stands in docs/mutants.md."""
    found, heading = {}, ""
    for text in SURVIVORS.read_text("utf-8").splitlines() if SURVIVORS.exists() else ():
        if text.startswith("## "):
            heading = text[3:]
        elif match := re.fullmatch(r"- `(\w+)\.py:\d+ (.*)`", text):
            found[f"{match[1]} {match[2]}"] = heading
    return found


NO_REASON = "Not explained"
INTRODUCTION = """# Mutants that survive

Written by `python -m tools.mutation` ([reliability.md](reliability.md#mutation)). Each line is a change of the core
that no test of the core notices; it stands under the reason why it may. To explain a new one, move it from the last
heading under a reason; the next run keeps it there, and takes out what is noticed.
"""


def write_survivors(left: list[Mutant], untried: set[str]) -> Counter[str]:
    """Write docs/mutants.md; return how many survivors of each module have no reason."""
    known = reasons()
    groups: dict[str, list[str]] = {heading: [] for heading in dict.fromkeys(known.values())}
    groups.pop(NO_REASON, None)
    missing: list[str] = []
    counted: Counter[str] = Counter()
    for mutant in left:
        heading = known.get(mutant.key, NO_REASON)
        if heading == NO_REASON and mutant.key in untried:
            continue
        text = f"- `{mutant.module}.py:{mutant.line} {mutant.where}: {mutant.told}`"
        if heading == NO_REASON:
            missing.append(text)
            counted[mutant.module] += 1
        else:
            groups[heading].append(text)
    parts = [INTRODUCTION.rstrip("\n")]
    for heading, lines in [*groups.items(), (NO_REASON, missing)]:
        if lines:
            parts.append("\n".join([f"## {heading}", "", *lines]))
    SURVIVORS.write_text("\n\n".join(parts) + "\n", "utf-8")
    return counted


def row(name: str, made: int, what: Counter[str], unexplained: int) -> str:
    tried = what["noticed"] + what["survived"] + what["unreached"]
    score = f"{100 * what['noticed'] / tried:.1f} %" if tried else "–"
    counts = f"{made:8}{tried:7}{what['noticed']:9}{what['survived']:10}{what['unreached']:11}"
    return f"{name:16}{counts}{score:>9}{unexplained:13}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="modules of the core (default: all)")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of each module's mutants in functions, this share (default 1)"
    )
    parser.add_argument(
        "--tables", type=float, default=1.0, help="of those that are read while modules load (default 1)"
    )
    parser.add_argument("--least", type=int, default=0, metavar="N", help="of each module, at least this many")
    parser.add_argument("--seed", type=int, default=1, help="which ones, if not all")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="this many processes at a time")
    parser.add_argument("--budget", type=float, default=4, help="seconds of tests for each (default 4)")
    parser.add_argument("--survivors", action="store_true", help="try only what survived and has no reason")
    parser.add_argument("--told", action="store_true", help="try nothing, only tell what is known")
    options = parser.parse_args()
    began = time.monotonic()
    PLACE.mkdir(parents=True, exist_ok=True)
    paths = [path for path in sorted(CORE.glob("*.py")) if path.stem != "__init__"]
    log = Log(PLACE / "log.jsonl", options.budget)
    log.read()
    every = [Changes(path) for path in paths]
    if not options.told:
        attempt(every, options, log)
        log.read()
    rows: dict[str, Counter[str]] = {}
    for changes in every:
        rows[changes.module] = Counter(log.what(mutant) for mutant in changes.found)
    left = [m for changes in every for m in changes.found if log.what(m) != "noticed"]
    unexplained = write_survivors(left, {m.key for m in left if log.what(m) == "untried"})
    print(f"{'module':16} mutants  tried  noticed  survived  unreached    score  unexplained")
    for changes in every:
        print(row(changes.module, len(changes.found), rows[changes.module], unexplained[changes.module]))
    print(row("all", sum(len(c.found) for c in every), sum(rows.values(), Counter()), unexplained.total()))
    if not options.told:
        print(f"{time.monotonic() - began:.0f} s")


def attempt(every: list[Changes], options: argparse.Namespace, log: Log) -> None:
    reached, explained = reach(options.workers), reasons()
    chosen: list[tuple[Changes, Mutant]] = []
    named = options.modules or [changes.module for changes in every]
    for changes in sorted((each for each in every if each.module in named), key=lambda each: named.index(each.module)):
        dice = random.Random(f"{options.seed} {changes.module}")
        loading = reached.loading.get(changes.module, set())
        rolls = [dice.random() for _ in changes.found]
        least = sorted(rolls)[: options.least]
        for mutant, roll in zip(changes.found, rolls, strict=True):
            mutant.loads = not mutant.outer or mutant.line in loading or mutant.statement in loading
            drawn = roll in least or roll < (options.tables if mutant.loads else options.share)
            if options.survivors:
                drawn = (
                    log.what(mutant) in {"survived", "unreached"} and explained.get(mutant.key, NO_REASON) == NO_REASON
                )
            if drawn and not log.settled(mutant, reached):
                if reached.tests(mutant):
                    chosen.append((changes, mutant))
                else:
                    log.add(mutant, reached.stamp(mutant), "unreached", "")
    divided(chosen, options.workers, lambda number, mine: work(mine, reached, log, tells=number == 0))


def work(mine: list[tuple[Changes, Mutant]], reached: Reach, log: Log, *, tells: bool) -> None:
    done = [0]

    def say() -> None:
        done[0] += 1
        if tells and done[0] % 25 == 0:
            print(f"\r{done[0]} of {len(mine)} ", end="", file=sys.stderr, flush=True)

    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1)
        try_functions([mutant for _, mutant in mine if not mutant.loads], reached, log, say)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        os._exit(1)
    log.read()
    for name in reached.others:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    for changes, mutant in mine:
        if not log.settled(mutant, reached):
            try_loading(changes, mutant, reached, log)
            say()


if __name__ == "__main__":
    main()
