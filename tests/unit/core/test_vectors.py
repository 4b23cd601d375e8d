"""What is in ``vectors/`` is what this code writes and reads, and what it takes the entries to mean."""

import json
import re
from base64 import b64decode
from hashlib import sha256

import cbor2
import pytest
from tests.golden import FILES, VECTORS, own_findings, read_entry, record_story

from tallystick.core import bundle as wire
from tallystick.core import canonical, checkpoint, log, merkle
from tallystick.core.agreement import Genesis
from tallystick.core.fold import fold
from tallystick.core.identity import EntryRef
from tallystick.core.space import Space
from tallystick.core.views import plain

RECORD = json.loads((VECTORS / "record.json").read_text())
ORDERS = json.loads((VECTORS / "orders.json").read_text())


def test_the_bytes_are_those_we_write():
    """Compressed bytes may differ between releases of zstd; what is inside may not."""
    built = {name: json.loads(json.dumps(build())) for name, build in FILES.items()}
    kept = {name: json.loads((VECTORS / name).read_text()) for name in FILES}
    for record in (built["record.json"], kept["record.json"]):
        for row in record["bundles"]:
            del row["bundle"]
        del record["with_dictionary"]["bundles"]
    assert built == kept


def test_the_genesis_names_the_space():
    genesis = Genesis.read(bytes.fromhex(RECORD["genesis"]))
    assert genesis.bytes.hex() == RECORD["genesis"]
    assert genesis.space_id.hex() == RECORD["space_id"]


def test_leaves_roots_and_notes_follow_from_keys_and_segments():
    for row in RECORD["logs"]:
        hashes = []
        for index, leaf in enumerate(row["leaves"]):
            data = bytes.fromhex(leaf["leaf"])
            hashes.append(merkle.leaf_hash(data))
            parts = log.read_leaf(data)
            if "core" not in leaf:
                assert isinstance(parts, log.CtxLeaf)
                continue
            salt = log.salt(bytes.fromhex(row["epoch_key"]), index)
            assert salt.hex() == leaf["salt"]
            assert parts.core == log.commitment(b"\x00", salt, bytes.fromhex(leaf["core"]))
            assert canonical.encode(canonical.decode(bytes.fromhex(leaf["core"]))).hex() == leaf["core"]
        tree = merkle.Tree()
        tree.extend(hashes)
        assert [tree.root(n).hex() for n in range(tree.size + 1)] == row["roots"]
        key = b64decode(row["vkey"].split("+", 2)[2])[1:]
        head = checkpoint.read_note(row["note"], row["origin"], key)
        assert (head.size, head.root.hex()) == (tree.size, row["roots"][-1])


def test_the_bundles_bring_these_leaves():
    for genesis, dictionary, bundles in (
        (RECORD["genesis"], b"", [row["bundle"] for row in RECORD["bundles"]]),
        (
            RECORD["with_dictionary"]["genesis"],
            bytes.fromhex(RECORD["with_dictionary"]["dictionary"]),
            RECORD["with_dictionary"]["bundles"],
        ),
    ):
        space = Space(Genesis.read(bytes.fromhex(genesis)), dictionary)
        for data in bundles:
            space.apply(space.read(bytes.fromhex(data)))
        assert list(space.acts()) == list(record_story(dictionary)[0].space.acts())
    plain = Space(Genesis.read(bytes.fromhex(RECORD["genesis"])))
    for row in RECORD["bundles"]:
        envelope = wire.read_envelope(bytes.fromhex(row["bundle"]))
        assert plain.codec.unpack(envelope.codec, envelope.body).hex() == row["body"]
        plain.apply(plain.read(canonical.encode([1, envelope.space, 0, bytes.fromhex(row["body"]), envelope.raw])))
    for row in RECORD["logs"]:
        for index, leaf in enumerate(row["leaves"]):
            stored = plain.stored(EntryRef(row["log"], index))
            assert stored.leaf.hex() == leaf["leaf"]
            if "lamport" in leaf:
                assert plain.entry(EntryRef(row["log"], index)).lamport == leaf["lamport"]


def test_the_bytes_in_the_specification_are_those_of_the_vectors():
    known = json.dumps(RECORD, ensure_ascii=False).replace("\\n", "\n")
    lengths = []
    for page in ("log.md", "wire.md"):
        text = (VECTORS.parent / "docs" / "spec" / page).read_text()
        examples = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for example in examples:
            for run in re.findall(r"\b[0-9a-f]{16,}\b", example):
                lengths.append(len(run))
                assert run in known or run == "0000000000000003", run
            for line in example.splitlines():
                if line.startswith(("keel.example", "— ", "fm3z")):
                    assert line in known, line
        if page == "wire.md":  # the annotated bundle, column by column
            columns = [line.split("   ")[0].replace(" ", "") for line in examples[0].splitlines()]
            assert "".join(columns) == RECORD["bundles"][4]["bundle"]
    assert len(lengths) >= 12


@pytest.mark.parametrize("number", range(len(ORDERS["orders"])))
def test_an_order_means_what_its_vector_says(number):
    """The state, the journal and the findings with their facts: partners compare a digest over all of it."""
    vector = ORDERS["orders"][number]
    staff = [read_entry(told) for told in ORDERS["staff"]]
    record = fold(
        Genesis.read(bytes.fromhex(ORDERS["genesis"])), staff + [read_entry(told) for told in vector["entries"]]
    )
    (order,) = record.orders.values()
    journal, findings = record.ledger.transactions_of(order.order_id), own_findings(record, order.order_id)
    told = [plain(order), plain(journal), plain(findings)]
    kept = [vector["state"], vector["journal"], vector["findings"]]
    assert json.loads(json.dumps(told)) == kept, "if the specification says so: python -m tests.golden"
    digest = sha256(cbor2.dumps(kept, canonical=True)).hexdigest()
    assert digest == vector["digest"] == record.order_digest(order.order_id).hex()
