"""Change the core in small ways, one at a time, and see whether its tests notice: ``python -m tools.mutation``.

Takes a sample of the mutants that ``mutmut`` makes of ``src/tallystick/core`` (a few of every module, the same for the
same seed), runs against each the unit tests that reach it, and prints the share that was noticed, by module, and every
mutant that was not. Needs ``pip install mutmut==3.8.1``, which the tests do not; works in a copy under ``build/``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "mutation"
SETTINGS = """
[tool.mutmut]
source_paths = ["src/tallystick/core"]
also_copy = ["tests", "vectors", "docs", "tools", "src", "go.py"]
pytest_add_cli_args_test_selection = ["tests/unit/core", "tests/exhaustive/test_life.py"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
"""
COPIED = ("src", "tests", "vectors", "docs", "tools", "go.py", "pyproject.toml", "requirements", "benchmarks")


def prepare() -> None:
    """Make a copy to work in; what mutmut has found out there before stays."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, target = ROOT / name, PLACE / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    (PLACE / "pyproject.toml").write_text(settings + SETTINGS, "utf-8")


def mutmut(*arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PLACE / "mutants" / "src")}
    command = [sys.executable, "-m", "mutmut", *arguments]
    subprocess.run(command, cwd=PLACE, env=environment, stdout=subprocess.DEVNULL, check=False)


def verdicts() -> dict[str, dict[str, int | None]]:
    """Return what became of each mutant, by module: None not tried, 0 survived, 33 unreached, else noticed."""
    found = {}
    for path in sorted(PLACE.glob("mutants/src/tallystick/core/*.meta")):
        found[path.name.removesuffix(".py.meta")] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
    return found


def sample(seed: int, count: int) -> list[str]:
    """Return ``count`` mutants, of each module in proportion to how many it has, but at least five."""
    every = {module: sorted(names) for module, names in verdicts().items() if names}
    total = sum(map(len, every.values()))
    dice = random.Random(seed)
    chosen: list[str] = []
    for names in every.values():
        chosen += dice.sample(names, min(len(names), max(5, round(count * len(names) / total))))
    return chosen


def told(chosen: list[str]) -> list[str]:
    """Print the score by module; return those that survived."""
    known = {name: code for names in verdicts().values() for name, code in names.items()}
    rows: dict[str, Counter[str]] = {}
    for name in chosen:
        code = known[name]
        what = "not tried" if code is None else "survived" if code == 0 else "unreached" if code == 33 else "noticed"
        rows.setdefault(name.split(".")[2], Counter())[what] += 1
    print(f"{'module':16}{'tried':>7}{'noticed':>9}{'survived':>10}{'unreached':>11}{'score':>8}")
    whole: Counter[str] = Counter()
    for module, row in sorted(rows.items()):
        whole += row
        line(module, row)
    line("all", whole)
    return [name for name in chosen if known[name] in (0, 33)]


def line(name: str, row: Counter[str]) -> None:
    tried = row["noticed"] + row["survived"] + row["unreached"]
    score = f"{100 * row['noticed'] / tried:.1f} %" if tried else "–"
    print(f"{name:16}{tried:7}{row['noticed']:9}{row['survived']:10}{row['unreached']:11}{score:>8}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=600, help="how many mutants (default 600)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="only tell what the last run has found")
    options = parser.parse_args()
    if not options.again:
        prepare()
        mutmut("run", "none.of.them")  # makes all mutants and finds out which tests reach them
    chosen = sample(options.seed, options.count)
    if not options.again:
        mutmut("run", *chosen, "--max-children", str(options.workers))
    for name in told(chosen):
        shown = subprocess.run(
            [sys.executable, "-m", "mutmut", "show", name], cwd=PLACE, capture_output=True, text=True, check=False
        ).stdout
        changed = [text for text in shown.splitlines() if text[:1] in "+-" and not text.startswith(("+++", "---"))]
        print(f"\n{name}", *changed, sep="\n  ")


if __name__ == "__main__":
    main()
