"""Runs the command line in this process, and two nodes that know each other."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cast import at

from tallystick.app.clock import DemoClock
from tallystick.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.delenv("TALLYSTICK_NODE", raising=False)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return call


@dataclass
class Pair:
    """Two nodes on one day, paired and with a warrant for every duty; bundles go by courier file."""

    run: object
    folder: Path
    clock: DemoClock

    def __call__(self, party, *arguments):
        return self.run("--node", self.folder / party, *arguments)

    def done(self, party, *arguments):
        ran = self(party, *arguments)
        assert ran.code == 0, ran
        return ran

    def on(self, date):
        self.clock.set_to(at(date))

    def carry(self):
        """Carry a courier file each way, twice, so that both hold everything."""
        for sender, receiver in (("jp", "in"), ("in", "jp")) * 2:
            written = self(sender, "bundle", "write", "--json")
            if written.code == 0:
                self.done(receiver, "bundle", "read", written.json["file"])

    def sign(self, party, *arguments):
        """Sign an act and return the name of its entry."""
        return self.done(party, "act", *arguments, "--yes", "--json").json["entry"]


POSTS = {
    "jp": {"Fleet staff": ["requester"], "Comptroller": ["funds-certifier"], "Contracting": ["ordering"],
           "Supply officer": ["receiving"], "Paying officer": ["paying"], "Desk": ["coordinator"]},
    "in": {"Command": ["accepting"], "Base": ["issuing"], "Billing": ["billing"], "Desk": ["coordinator"]},
}  # fmt: skip


def make_pair(run, folder):
    clock = DemoClock(folder / "clock")
    both = Pair(run, folder, clock)
    both.on("2027-01-10")
    for code, name in (("jp", "Japan"), ("in", "India")):
        both.done(code, "init", "--party", code.upper(), "--party-name", name, "--name", f"{name} HQ")
        with (folder / code / "node.toml").open("a") as file:
            file.write('demo_clock = "../clock"\n')
        both.done(code, "pair", "card", "--out", folder / f"{code}.card")
    key_id = {code: run("pair", "look", folder / f"{code}.card", "--json").json["key_id"] for code in ("jp", "in")}
    both.done(
        "jp", "pair", "propose", folder / "in.card", "--name", "test/jpin", "--compared", key_id["in"],
        "--out", folder / "knock",
    )  # fmt: skip
    both.done("in", "pair", "receive", folder / "knock")
    (knock,) = both.done("in", "pair", "box", "--json").json
    assert knock["key_id"] == key_id["jp"]
    both.done("in", "pair", "confirm", knock["id"], "--compared", key_id["jp"])
    for code, posts in POSTS.items():
        for post, duties in posts.items():
            options = [part for duty in duties for part in ("--duty", duty)]
            both.done(code, "warrant", "grant", "--post", post, *options)
    both.carry()
    return both


@pytest.fixture
def pair(run, tmp_path):
    return make_pair(run, tmp_path)
