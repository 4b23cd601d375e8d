import shutil
import subprocess
from base64 import b64decode

import pytest
from tests.cast import GENESIS
from tests.golden import record_story
from tests.keepers import JP_HQ, key, seed

from tallystick.core import checkpoint, signing
from tallystick.core.checkpoint import Checkpoint
from tallystick.core.errors import MalformedBytesError

ORIGIN = "keel.example/jp-in/038fea2b/16"
ROOT = bytes(range(32))
KEY = key("hq")
HEAD = Checkpoint(206, ROOT, signing.sign(seed("hq"), checkpoint.text(ORIGIN, 206, ROOT)))


def test_a_log_is_named_by_agreement_space_and_number():
    assert checkpoint.origin(GENESIS, 16) == f"example.net/jpin/{GENESIS.space_id.hex()[:8]}/16"
    assert len(GENESIS.space_id) == 32


def test_the_text_is_three_lines():
    assert checkpoint.text(ORIGIN, 206, ROOT) == (
        b"keel.example/jp-in/038fea2b/16\n206\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )


def test_a_note_reads_back_and_only_as_it_is():
    note = checkpoint.note(ORIGIN, KEY, HEAD)
    assert checkpoint.read_note(note, ORIGIN, KEY) == HEAD
    witness = "— witness.example AAAAAAAA\n"
    assert checkpoint.read_note(note + witness, ORIGIN, KEY) == HEAD
    for changed in (
        note.replace("206", "207"),
        note.replace("206", "0206"),
        note.replace("\n\n", "\n"),
        note.replace("/16\n", "/17\n", 1),
        note.replace("— ", "- "),
        note.replace("AAEC", "AAED"),
        note.replace("AAEC", "AA!C"),
        note.replace("AAEC", "AA!EC"),  # the same root, if what is no base64 were left out
        note.replace("AAEC", "AAé"),
        note.replace("Hh8=", "Hh9="),  # the same root, in a spelling nobody writes
        note[:-10] + "\n",
        note + "x" * 5000,
        "",
    ):
        assert changed != note
        with pytest.raises(MalformedBytesError):
            checkpoint.read_note(changed, ORIGIN, KEY)
    with pytest.raises(MalformedBytesError):
        checkpoint.read_note(note, ORIGIN, key("ship"))


def test_the_key_line_is_that_of_c2sp_signed_note():
    name, key_id, encoded = checkpoint.vkey(ORIGIN, KEY).split("+", 2)
    assert (name, len(key_id), b64decode(encoded)) == (ORIGIN, 8, b"\x01" + KEY)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_openssl_agrees(tmp_path):
    """An auditor needs nothing of ours: take the note apart with standard tools."""
    hq, _, _ = record_story()
    root = hq.space.root(JP_HQ, 5)
    signature = signing.sign(seed("hq"), checkpoint.text(hq.space.origin(JP_HQ), 5, root))
    note = checkpoint.note(hq.space.origin(JP_HQ), KEY, Checkpoint(5, root, signature))
    body, _, line = note.partition("\n\n")
    (tmp_path / "text").write_text(body + "\n")
    (tmp_path / "signature").write_bytes(b64decode(line.split(" ")[2])[4:])
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + KEY)
    verify = [
        *("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der"),
        *("-in", "text", "-sigfile", "signature"),
    ]
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout + done.stderr
    (tmp_path / "text").write_text(body.replace("\n5\n", "\n6\n") + "\n")
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode != 0
