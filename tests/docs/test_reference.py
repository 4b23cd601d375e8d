"""The reference is what the code is, and its examples run."""

import re
import shlex
import tomllib
from dataclasses import MISSING, fields

import pytest
from tools import reference

from tallystick.app import settings as node_settings
from tallystick.app.fields import kind_name
from tallystick.app.messages import MESSAGES
from tallystick.app.settings import NodeSettings
from tallystick.cli import main as entry
from tallystick.core.entries import BODIES

CLI = (reference.DOCS / "cli.md").read_text(encoding="utf-8")
SETTINGS = (reference.DOCS / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(reference.pages()), ids=lambda path: path.name)
def test_written_pages_are_what_the_code_says(path):
    assert path.read_text(encoding="utf-8") == reference.pages()[path], "run: python -m tools.reference"


def test_every_code_has_its_line():
    told = re.findall(r"^\| `([a-z0-9-]+)` \|", (reference.DOCS / "codes.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(MESSAGES)


def test_every_kind_has_its_section():
    told = re.findall(r"^## ([a-z-]+)$", (reference.DOCS / "acts.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert told == [kind_name(kind) for kind in BODIES]


def test_every_command_has_its_section():
    told = re.findall(r"^##+ ([a-z -]+)$", CLI.partition(reference.CLI_MARK)[2], re.MULTILINE)
    assert told == [name for name, _ in reference.commands()]


def test_every_exit_code_is_told():
    told = re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)
    used = [value for name, value in vars(entry).items() if name.startswith("EXIT_")]
    assert sorted(map(int, told)) == sorted(used)


# ---- settings


def test_every_setting_has_its_line_with_its_default():
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (.+?) \|", SETTINGS, re.MULTILINE))
    assert told == {
        spec.name: "required"
        if spec.default is MISSING
        else "empty"
        if spec.default == ""
        else f"`{str(spec.default).lower() if isinstance(spec.default, bool) else spec.default}`"
        for spec in fields(NodeSettings)
        if spec.name != "folder"
    }


def test_the_example_of_settings_reads(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", SETTINGS, re.DOTALL)
    (tmp_path / "node.toml").write_text(example, encoding="utf-8")
    assert node_settings.load(tmp_path).party == tomllib.loads(example)["party"]


# ---- the session


def session():
    """Return (command, expected lines) of every example, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", CLI, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def matches(expected, shown):
    """Tell whether ``shown`` has the lines of ``expected`` in order; ``…`` stands for anything."""
    pattern = "\n".join(".*".join(re.escape(part) for part in line.split("…")) for line in expected)
    return re.search(pattern, shown, re.DOTALL) is not None


def test_the_first_session_goes_as_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALLYSTICK_NODE", raising=False)
    key_ids = {}
    ran = []
    for command, expected in session():
        for name, value in key_ids.items():
            command = command.replace(name, value)  # noqa: PLW2901 - heard on the telephone
        program, *arguments = shlex.split(command)
        assert program == "tallystick"
        capsys.readouterr()
        code = entry.main(arguments)
        told = capsys.readouterr()
        assert code == 0, (command, told)
        assert matches(expected, told.out), (command, told.out)
        if "card" in arguments:
            key_ids["$JAPAN" if "jp" in arguments else "$INDIA"] = told.err.split()[-1]
        ran.append((arguments[2:], told.out))
    digests = {out for arguments, out in ran if arguments == ["digest"]}
    assert len(digests) == 1
    assert len(ran) > 20
