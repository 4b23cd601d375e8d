"""The commands of docs/guides/verify-without-tallystick.md accept fresh evidence, and name what was tampered with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest
from tests.evidence import attached, s1, s1_evidence, with_detail
from tests.keepers import IN_BASE, JP_HQ
from tests.needs import needs_age, needs_go, needs_openssl
from tests.unit.core.test_forks import evidence_of, told_apart

from tallystick.app import exchange
from tallystick.app.unpack import forks, unpack
from tallystick.core.detail import detail_of
from tallystick.core.entries import Draft

pytestmark = [needs_openssl, needs_go, needs_age]
GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "verify-without-tallystick.md").read_text(encoding="utf-8")
STEPS = {
    part.split("\n")[0]: blocks
    for part in GUIDE.split("\n## ")[1:]
    if (blocks := re.findall(r"```sh\n(.*?)```", part, re.DOTALL))
}
GO = dict(zip(("check", "fork"), re.findall(r"```go\n(.*?)```", GUIDE, re.DOTALL), strict=True))
FORK = "Two histories of one log"
ATTACHED = "An attached file"


def written(files, folder):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The evidence of an order as plain files, with the checker beside them and a courier file."""
    folder = tmp_path_factory.mktemp("guide") / "the-order"
    written(unpack(s1_evidence()), folder)
    identity = pyrage.x25519.Identity.generate()
    (folder / "age.key").write_text(f"{identity}\n")
    bundles = b"".join(exchange.news_for(s1().director.desk("JP"), {}))
    (folder / "courier.lmc.age").write_bytes(pyrage.encrypt(bundles, [identity.to_public()]))
    # Built once and run by every step 5: go needs seconds to build it and none to run it.
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder.parent / "cache")}
    for name, program in GO.items():
        (folder.parent / f"{name}.go").write_text(program, encoding="utf-8")
        command = ["go", "build", "-o", str(folder.parent / name), f"{name}.go"]
        subprocess.run(command, cwd=folder.parent, check=True, env={**_path(), **environment}, timeout=300)
    return folder


@pytest.fixture(scope="module")
def fork(unpacked):
    """The evidence of a log with two histories as plain files."""
    hq, _base, ship, _twin = told_apart()
    hq.write(JP_HQ, Draft(evidence_of(hq, ship)))
    return written(forks(SimpleNamespace(space=hq.space)), unpacked.parent / "the-forks")


def _path():
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def run(folder, heading):
    """Run the commands of one step as the guide has them; ``go run`` is what was built from the guide's program."""
    script = re.sub(r"go run (\w+)\.go", rf"{folder.parent}/\1", "\n".join(STEPS[heading]))
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, env=_path(), timeout=300)


def test_the_guide_has_its_steps():
    assert [heading[:2] for heading in STEPS] == ["1.", "2.", "3.", "4.", "5.", "6.", "Tw", "An", "A "]


@pytest.mark.parametrize("heading", [heading for heading in STEPS if heading not in {FORK, ATTACHED}])
def test_every_step_accepts_what_is_fresh(unpacked, heading):
    ran = run(unpacked, heading)
    assert ran.returncode == 0, ran


def test_the_foreign_checker_tells_what_it_saw(unpacked):
    told = run(unpacked, "5. The entries are in the signed trees: Go").stdout.splitlines()
    assert len(told) == 4
    assert told[1].startswith("log 1: ")


def test_an_attached_file_is_known_by_its_bytes(tmp_path):
    scan = attached("delivery-note.pdf", b"abc")
    data, note = with_detail(tmp_path / "nodes", detail_of(attachments=[scan]))
    folder = written(unpack(data), tmp_path / "the-order")
    (folder / "delivery-note.pdf").write_bytes(b"abc")
    ran = run(folder, ATTACHED)
    assert (ran.returncode, ran.stdout) == (0, f"{note.log}/{note.index}\n")
    flip(folder / "delivery-note.pdf")
    assert run(folder, ATTACHED).returncode != 0


def flip(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def other_size(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[1] = str(int(lines[1]) + 1)
    path.write_text("\n".join(lines), encoding="utf-8")


def older_head(path):
    """Whoever shows less of a log than was acknowledged has no roots for the rest."""
    path.unlink()


LAST = "{log}/{index}"
TAMPERED = {
    "the agreement": ("genesis.cbor", flip, "1"),
    "a key": ("16/key", flip, "2"),
    "a head": ("16/note", other_size, "3"),
    "a segment": (f"{LAST}.core", flip, "4"),
    "a salt": (f"{LAST}.core.salt", flip, "4"),
    "a leaf": (f"{LAST}.leaf", flip, "5"),
    "a proof of inclusion": (f"{LAST}.inclusion", flip, "5"),
    "a proof of consistency": ("16/{cut}.consistency", flip, "5"),
    "an acknowledged root": ("16/{cut}.root", flip, "6"),
    "how much of a log is shown": ("16/{cut}.root", older_head, "6"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_fails_its_step(unpacked, tmp_path, what):
    name, change, step = TAMPERED[what]
    folder = tmp_path / "the-order"
    shutil.copytree(unpacked, folder)
    (tmp_path / "check").symlink_to(unpacked.parent / "check")
    log, index = s1().refs["receipt of fuel 1"]
    cut = next(
        path.stem
        for path in sorted(folder.glob("16/*.root"))
        if (folder / f"16/{path.stem}.consistency").stat().st_size
    )
    change(folder / name.format(log=log, index=index, cut=cut))
    heading = next(heading for heading in STEPS if heading[0] == step)
    assert run(folder, heading).returncode != 0


def test_a_foreign_tool_accepts_the_evidence_of_a_fork(fork):
    ran = run(fork, FORK)
    assert ran.returncode == 0, ran
    assert ran.stdout == f"log {IN_BASE}: two histories, signed by one key, differ at leaf 4\n"


@pytest.mark.parametrize(
    "name", ["a.note", "b.note", "a.hash", "b.hash", "a.inclusion", "b.inclusion", "index", "vkey"]
)
def test_evidence_of_a_fork_that_was_tampered_with_is_refused(fork, tmp_path, name):
    folder = tmp_path / "the-forks"
    shutil.copytree(fork, folder)
    (tmp_path / "fork").symlink_to(fork.parent / "fork")
    path = folder / str(IN_BASE) / name
    if name == "index":
        path.write_text("5\n")
    elif name.endswith("note"):
        other_size(path)
    elif name == "vkey":
        path.write_text(path.read_text().replace("+", "+0", 1))
    else:
        flip(path)
    assert run(folder, FORK).returncode != 0
