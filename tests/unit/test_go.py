import importlib.util
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def go(tmp_path: Path) -> ModuleType:
    """go.py as if it lay in an empty project."""
    spec = importlib.util.spec_from_file_location("go", ROOT / "go.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / "a folder"
    module.ROOT, module.ENV = root, root / ".venv"
    module.BIN = module.ENV / "bin"
    module.PYTHON = module.BIN / "python"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / "run.lock").write_text("one==1\n")
    (root / "requirements" / "test.lock").write_text("one==1\ntwo==2\n")
    (module.ENV / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    module.BIN.mkdir()
    module.PYTHON.symlink_to(sys.executable)
    return module


def fake_installer(go: ModuleType, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Let a line of Python stand for pip; return the file in which it may write."""
    monkeypatch.setattr(go, "installer", lambda: ("fake", [sys.executable, "-c", script, str(go.ROOT / "told")]))
    monkeypatch.setattr(go.time, "sleep", lambda _: None)
    return go.ROOT / "told"


LOG_CALL = "import sys; open(sys.argv[1], 'a').write(sys.argv[-1][-8:] + ' ')"


@pytest.mark.parametrize(
    ("wishes", "installed"),
    [
        (["run", "run"], "run.lock "),
        (["run", "test"], "run.lock est.lock "),
        (["test", "run"], "est.lock "),  # the tests' lock holds everything a node runs on
    ],
)
def test_each_lock_is_installed_once_and_the_larger_one_is_enough(go, monkeypatch, wishes, installed):
    told = fake_installer(go, monkeypatch, LOG_CALL)
    for wish in wishes:
        go.install(wish)
    assert told.read_text() == installed


def test_a_changed_lock_is_installed_again_into_the_same_environment(go, monkeypatch):
    told = fake_installer(go, monkeypatch, LOG_CALL)
    go.install("run")
    (go.ENV / "kept").touch()
    (go.ROOT / "requirements" / "run.lock").write_text("one==2\n")
    go.install("run")
    assert told.read_text() == "run.lock run.lock "
    assert (go.ENV / "kept").exists()


def test_a_failing_installer_is_tried_three_times_and_explained(go, monkeypatch):
    told = fake_installer(go, monkeypatch, LOG_CALL + "; sys.exit('Temporary failure in name resolution')")
    with pytest.raises(SystemExit) as stopped:
        go.install("run")
    assert told.read_text() == "run.lock " * 3
    assert "name resolution" in stopped.value.code
    assert "cannot be fetched" in stopped.value.code
    assert not go.stamp("run.lock").exists()


@pytest.mark.parametrize(
    ("output", "free_bytes", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", 10**12, "The disk is full"),
        ("Killed", 10**6, "The disk is full: 0 MB left"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", 10**12, "not the one we pinned"),
        ("error sending request for url: dns error", 10**12, "no network"),
        ("NewConnectionError: Failed to establish a new connection", 10**12, "no network"),
        ("No matching wheel for this platform", 10**12, "installer's own words are above"),
    ],
)
def test_a_failed_installation_is_explained(go, output, free_bytes, expected):
    assert expected in go.explain(output, free_bytes)


def test_an_environment_whose_python_is_gone_is_made_again(go, monkeypatch):
    fake_installer(go, monkeypatch, "pass")
    go.PYTHON.unlink()
    go.PYTHON.symlink_to(go.ROOT / "no-such-python")
    go.install("run")
    assert subprocess.run([go.PYTHON, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\n"


@pytest.mark.skipif(os.name == "nt", reason="the command is a batch file there")
def test_the_command_works_from_a_folder_with_a_space_and_is_rewritten_only_when_it_must(go):
    main = go.ROOT / "src" / "tallystick" / "cli" / "main.py"
    main.parent.mkdir(parents=True)
    main.write_text("import sys\ndef main():\n    print(sys.argv[1:])\n    return 3\n")
    command = go.link()
    assert command.stat().st_mode & stat.S_IXUSR
    done = subprocess.run(
        [command, "order list", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(go.ROOT / "src")},
    )
    assert (done.returncode, done.stdout) == (3, "['order list', '--json']\n")
    before = command.stat().st_mtime_ns
    go.link()
    assert command.stat().st_mtime_ns == before


def test_old_python_is_told_what_to_do():
    pretend = "import sys; sys.version_info = (3, 9, 2); exec(open(sys.argv[1]).read())"
    done = subprocess.run([sys.executable, "-c", pretend, ROOT / "go.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Tallystick needs Python 3.11 or later; this is 3.9 at")


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["dmo"], 2), (["--help"], 0)])
def test_usage(go, capsys, arguments, code):
    assert go.main(arguments) == code
    assert "python3 go.py demo" in capsys.readouterr().out


def test_one_failing_check_fails_the_run_and_the_later_ones_still_run(go, monkeypatch, capsys):
    steps = [
        (name, [sys.executable, "-c", f"import sys; sys.exit({code})"], "1") for name, code in [("a", 1), ("b", 0)]
    ]
    monkeypatch.setattr(go, "test_steps", lambda _: steps)
    assert go.test([]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == ["FAILED a (0 s)", "passed b (0 s)"]


def test_options_go_to_pytest_alone(go):
    ((name, command, _),) = go.test_steps(["-k", "fold"])
    assert name == "tests"
    assert command[1:] == ["-m", "pytest", "-q", "-k", "fold"]


def test_the_whole_run_folds_under_two_hash_seeds(go):
    seeds = {seed for name, command, seed in go.test_steps([]) if "pytest" in command}
    assert seeds == {"1", "2"}
