"""Every ending becomes a sentence, a remedy, a code and the right exit code; and starting is quick."""

import os
import subprocess
import sys
from importlib import import_module

import click
import pytest

from tallystick.cli import status
from tallystick.cli.main import COMMANDS
from tallystick.core.errors import (
    ActRefusedError,
    ForkError,
    HeadMovedError,
    LocalError,
    PeerUnreachableError,
    StoreUnavailableError,
)


def python(*arguments, env=None, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(env or {})},
        **options,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LocalError("no-agreement-yet"), 2),
        (ActRefusedError("no-warrant"), 2),
        (ForkError(log=17), 3),
        (HeadMovedError(agreement="x"), 75),
        (StoreUnavailableError("store-full", path="x"), 75),
        (PeerUnreachableError(url="http://x", why="Timeout"), 75),
        (PermissionError(13, "Permission denied", "node.toml"), 77),
        (OSError(28, "No space left on device", "node.db"), 75),
        (AssertionError("promise"), 70),
        (KeyError("promise"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(monkeypatch, run, error, code):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(status.status, "callback", fail)
    ran = run("status")
    assert (ran.code, ran.out) == (code, "")
    assert ("Traceback" in ran.err) == (code == 70)
    assert ("code: " in ran.err) == (code != 130)


def test_an_error_says_what_happened_what_to_do_and_its_code(run, tmp_path):
    ran = run("--node", tmp_path, "status")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f"tallystick: There is no node in {tmp_path}.\n"
        "  Name its folder with --node, or make one with: tallystick init.\n"
        "  code: no-node-here\n"
    )


@pytest.mark.parametrize("wrong", [["no-such-command"], ["act"], ["order", "list", "--state", "lost"], ["--nod", "x"]])
def test_a_mistyped_command_is_a_usage_error(run, wrong):
    ran = run(*wrong)
    assert ran.code == 2
    assert "Usage:" in ran.err or "Error:" in ran.err


def test_the_list_of_commands_says_what_the_commands_say():
    for name, (where, told) in COMMANDS.items():
        module, _, attribute = where.partition(":")
        command = getattr(import_module(f"tallystick.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        assert command.help is not None
        assert command.help.splitlines()[0] == told, name


def test_help_needs_no_command_to_be_imported():
    script = "import sys; from tallystick.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    modules = python("-c", script).stdout
    assert "click" in modules
    for heavy in ("tallystick.core.fold", "tallystick.stores", "django", "rich", "cryptography", "pyrage"):
        assert f"'{heavy}'" not in modules, heavy


@pytest.mark.parametrize("command", [["verify"], ["ledger", "journal"], ["ledger", "balance"], ["digest"]])
def test_reading_the_record_loads_no_django(pair, command):
    script = (
        "import sys; from tallystick.cli.main import main; code = main(sys.argv[1:]);"
        "assert code == 0, code; found = [m for m in sys.modules if m.split('.')[0] in ('django', 'granian')];"
        "assert not found, found"
    )
    done = python("-c", script, "--node", pair.folder / "jp", *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_python_without_assertions_is_refused():
    done = python("-O", "-m", "tallystick.cli.main", "--help")
    assert done.returncode == 2
    assert "code: assertions-off" in done.stderr


def test_it_runs_as_a_module():
    done = python("-m", "tallystick.cli.main", "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "tallystick")


def test_a_reader_who_had_enough_is_no_error(pair):
    command = [sys.executable, "-m", "tallystick.cli.main", "--node", str(pair.folder / "jp"), "warrant", "list"]
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=env, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_color_is_respected(tmp_path):
    """On a terminal an error is red, unless NO_COLOR is set."""
    import pty

    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}

    def shown(env):
        theirs, ours = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "tallystick.cli.main", "--node", str(tmp_path), "status"],
            stderr=ours,
            env={**plain, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", **env},
        )
        process.wait()
        os.close(ours)
        told = os.read(theirs, 10_000)
        os.close(theirs)
        return told

    assert b"\x1b[31m" in shown({})
    assert b"\x1b[31m" not in shown({"NO_COLOR": "1"})
