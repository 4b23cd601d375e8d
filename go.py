#!/usr/bin/env python3
"""Everything a newcomer needs: ``python3 go.py demo | test | bench | sim``.

One file, standard library only. Sets up ``.venv`` beside it (with uv when it is on the path, else with the pip that
is kept in tools/), from locks that pin every package by hash, and runs the project there. A second run installs
nothing. Set TALLYSTICK_NO_UV=1 to leave uv alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - said in words here, before any newer syntax is met
    sys.exit(
        "Tallystick needs Python 3.11 or later; this is %d.%d at %s.\n"  # noqa: UP031 - must parse on old Pythons
        "Install a newer Python and run this file with it, for example: python3.11 go.py demo"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".venv"
BIN = ENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCKS = {"run": ("run.lock", "test.lock"), "test": ("test.lock",)}  # what satisfies each: test.lock holds run.lock
DISK_BYTES = 600 * 2**20  # what an environment for the tests takes, rounded up
TRIES = 3
USAGE = """usage: python3 go.py demo [options]   two nodes on this machine, with a year of history (--help for options)
       python3 go.py test [options]   check everything; options go to pytest, which then runs alone
       python3 go.py bench [options]  measure, beside what others do
       python3 go.py sim [options]    simulated years of partners, faults and liars (--seeds N, --replay SEED)"""


def say(text: str) -> None:
    print(text, flush=True)


# ---- setting up


def stamp(lock: str) -> Path:
    """Return the mark that says the environment holds exactly what this text of ``lock`` asks for."""
    digest = hashlib.sha256((ROOT / "requirements" / lock).read_bytes()).hexdigest()[:16]
    return ENV / f".holds-{lock}-{digest}"


def installer() -> "tuple[str, list[str]]":
    uv = None if os.environ.get("TALLYSTICK_NO_UV") else shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:
        return "uv", [uv, "pip", "install", "--python", str(PYTHON)]
    (wheel,) = (ROOT / "tools").glob("pip-*.whl")  # a bare Debian has no pip and no ensurepip
    return "pip", [str(PYTHON), str(wheel / "pip"), "install", "--no-input", "--disable-pip-version-check"]


def explain(output: str, free_bytes: int) -> str:
    """Return what a failed installation means and what to do about it."""
    told = output.lower()
    if "no space left" in told or "disk quota" in told or free_bytes < DISK_BYTES // 8:
        left, needed = free_bytes // 2**20, DISK_BYTES // 2**20
        return f"The disk is full: {left} MB left, about {needed} MB needed. Make room and run this again."
    if "hash" in told and "match" in told:
        return "A package is not the one we pinned. Nothing was installed from it. If this stays, please report it."
    if any(word in told for word in ("connect", "dns", "name resolution", "timed out", "network", "error sending")):
        return (
            "The packages cannot be fetched: no network, or a proxy is in the way. Installing needs the network once,\n"
            "later runs do not. Check the connection (and HTTPS_PROXY, if you have a proxy), then run this again."
        )
    return "The installation failed; the installer's own words are above. Run this again, or report it with them."


def install(what: str) -> Path:
    """Make ``.venv`` hold what ``what`` ("run" or "test") needs, and return the project's command in it.

    Only adds: an environment that works, and may be in use, is never removed or rebuilt.
    """
    if not any(stamp(lock).exists() for lock in LOCKS[what]):
        lock = LOCKS[what][0]
        try:
            if PYTHON.is_symlink() and not PYTHON.exists():  # its Python was upgraded away
                shutil.rmtree(ENV)
            if not PYTHON.exists():
                venv.create(ENV, symlinks=os.name != "nt", with_pip=False)
        except OSError as error:
            sys.exit(f"{error}\n{explain(str(error), shutil.disk_usage(ROOT).free)}")
        name, command = installer()
        command += ["--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements" / lock)]
        count = sum("==" in line for line in (ROOT / "requirements" / lock).read_text("utf-8").splitlines())
        say(f"Setting up .venv: {count} packages with {name}, once (seconds to a minute) …")
        started = time.monotonic()
        for attempt in range(1, TRIES + 1):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode == 0:
                break
            output = done.stdout + done.stderr
            if attempt == TRIES:
                sys.exit(f"{output}\n{explain(output, shutil.disk_usage(ROOT).free)}")
            say(f"  try {attempt} of {TRIES} failed, trying again …")
            time.sleep(2 * attempt)
        stamp(lock).touch()
        say(f"  done in {time.monotonic() - started:.1f} s")
    return link()


def link() -> Path:
    """Put the project itself into ``.venv``: its path, and a ``tallystick`` command. No build, no download."""
    (packages,) = [*ENV.glob("lib/python3*/site-packages"), *ENV.glob("Lib/site-packages")][:1]
    start = "import sys\nfrom tallystick.cli.main import main\nsys.exit(main())\n"
    if os.name == "nt":
        command, text = BIN / "tallystick.cmd", f'@"%~dp0python.exe" -c "{"; ".join(start.splitlines())}" %*\n'
    else:  # sh first, because a first line with the path breaks on spaces and on long paths
        command, text = BIN / "tallystick", f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''\n{start}"
    for path, content in ((packages / "tallystick.pth", f"{ROOT / 'src'}\n"), (command, text)):
        if not path.exists() or path.read_text("utf-8") != content:
            path.write_text(content, "utf-8")
            path.chmod(0o755)
    return command


# ---- running


def hand_over(command: "list[str]") -> int:
    """Run ``command`` in our place, so that Ctrl-C and stop signals reach it and nothing is left behind."""
    os.chdir(ROOT)
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606 - our own Python
    return subprocess.run(command, check=False).returncode


def test_steps(extra: "list[str]") -> "list[tuple[str, list[str], str]]":
    """Return (name, command, hash seed) of each check. With ``extra`` only pytest, with these options."""
    pytest = [str(PYTHON), "-m", "pytest", "-q"]
    if extra:
        return [("tests", pytest + extra, "1")]
    tool = {name: str(BIN / name) for name in ("ruff", "lint-imports")}
    by_order = [p for p in ("tests/property", "tests/unit/core/test_fold.py") if (ROOT / p).exists()]
    return [
        ("ruff check", [tool["ruff"], "check", "--quiet", "."], "1"),
        ("ruff format", [tool["ruff"], "format", "--check", "--quiet", "."], "1"),
        ("mypy", [str(PYTHON), "-m", "mypy", "--no-error-summary"], "1"),
        ("lint-imports", [tool["lint-imports"], "--no-logo"], "1"),
        ("tests", pytest, "1"),
        ("fold and laws again, other hash seed", [*pytest, *by_order], "2"),
    ]


def test(extra: "list[str]") -> int:
    """Run every check, the later ones too when one fails, and return 0 only if all passed."""
    if extra:
        say("Only pytest, with your options; linters, types and the second hash seed are left out.")
    results = []
    for name, command, seed in test_steps(extra):
        say(f"── {name}")
        started = time.monotonic()
        env = dict(os.environ, PYTHONHASHSEED=seed)
        code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
        results.append((name, code, time.monotonic() - started))
    say("──")
    for name, code, seconds in results:
        say(f"{'passed' if code == 0 else 'FAILED':7}{name} ({seconds:.0f} s)")
    return 1 if any(code for _, code, _ in results) else 0


def main(arguments: "list[str]") -> int:
    what, extra = (arguments[0] if arguments else ""), arguments[1:]
    if what not in {"demo", "test", "bench", "sim"}:
        say(USAGE)
        return 0 if what in {"-h", "--help"} else 2
    tallystick = install("test" if what == "test" else "run")
    if what == "test":
        return test(extra)
    if what == "demo":
        return hand_over([str(tallystick), "demo", *extra])
    return hand_over([str(PYTHON), "-m", "simulation" if what == "sim" else "benchmarks", *extra])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("stopped")
