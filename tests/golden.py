"""Builds what is in ``vectors/``: bytes that every implementation must read and write the same.

``python -m tests.golden`` writes the files anew; do that only together with a change of docs/spec that says why.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.cast import GENESIS, staffed
from tests.exhaustive import signatures
from tests.exhaustive.signatures import compress
from tests.keepers import DICTIONARY, IN_BASE, JP_ADMIN, JP_HQ, Keeper, key, note, open_books, seed
from tests.scenario import Story

from tallystick.core import bundle as wire
from tallystick.core import canonical, checkpoint, log, signing
from tallystick.core.entries import (
    Delivery,
    DeliveryLine,
    Draft,
    Entry,
    Means,
    Reason,
    Receipt,
    ReceiptLine,
    Request,
    RequestLine,
    from_array,
    to_array,
)
from tallystick.core.findings import Finding
from tallystick.core.fold import Record
from tallystick.core.identity import EntryRef
from tallystick.core.views import plain

VECTORS = Path(__file__).parents[1] / "vectors"
DAY = 20_454  # 2026-01-01

REQUEST = Draft(
    Request(
        who=3,
        fiscal_year=2025,
        serial=7,
        provider=1,
        situation="a",
        need_from=DAY + 3,
        need_to=DAY + 5,
        place="INBOM",
        receiving_unit="JS Fuji",
        lines=(
            RequestLine(
                line=1,
                category="FUEL",
                item="F-76 diesel",
                nsn="9140012345678",
                unit="L15",
                quantity=400_000,
                tolerance_permille=5,
                means=Means.REIMBURSEMENT,
            ),
        ),
    ),
    detail={1: "Berth 4 if free"},
)
DELIVERY = Draft(
    Delivery(who=2, occurred_on=DAY + 3, offset=330, place="INBOM", lines=(DeliveryLine(1, 250_000, None),)),
    EntryRef(JP_HQ, 1),
)
RECEIPT = Draft(
    Receipt(who=3, occurred_on=DAY + 3, offset=330, lines=(ReceiptLine(1, 249_400, 600, Reason.SHORT),)),
    EntryRef(IN_BASE, 1),
)


def record_story(dictionary: bytes = b"") -> tuple[Keeper, Keeper, list[bytes]]:
    """A request, a delivery on it, a receipt on that: returns both keepers and the bundles in the order sent."""
    hq, base, _ = open_books(dictionary)
    sent = [hq.bundle(), base.bundle({JP_ADMIN: 3})]
    known = {JP_ADMIN: 3, 1: 2}

    def send(sender: Keeper, receiver: Keeper, own: int) -> None:
        bundle = sender.bundle({**known, own: receiver.space.size(own), **receiver_logs(receiver)})
        receiver.take(bundle)
        sent.append(bundle)

    def receiver_logs(receiver: Keeper) -> dict[int, int]:
        return {name: receiver.space.size(name) for name in receiver.names}

    hq.write(JP_HQ, REQUEST)
    send(hq, base, JP_HQ)
    base.write(IN_BASE, DELIVERY)
    send(base, hq, IN_BASE)
    hq.write(JP_HQ, RECEIPT, note("Metered at the pier", EntryRef(IN_BASE, 1)))
    send(hq, base, JP_HQ)
    base.acknowledge(IN_BASE)
    send(base, hq, IN_BASE)
    return hq, base, sent


def record_vectors() -> dict[str, Any]:
    hq, base, sent = record_story()
    space = hq.space
    logs = []
    for number, size in space.sizes().items():
        name = {**hq.names, **base.names}[number]
        leaves = []
        for index in range(size):
            stored = space.stored(EntryRef(number, index))
            row: dict[str, Any] = {"leaf": stored.leaf.hex()}
            for segment in ("core", "detail"):
                if (data := getattr(stored, segment)) is not None:
                    row[segment] = data.hex()
            if stored.core is not None:
                epoch = (hq if number in hq.names else base).epoch_key(number, 0)
                row["salt"] = log.salt(epoch, index).hex()
                row["lamport"] = space.entry(EntryRef(number, index)).lamport
            leaves.append(row)
        origin, root = space.origin(number), space.root(number, size)
        signature = signing.sign(seed(name), checkpoint.text(origin, size, root))
        logs.append(
            {
                "log": number,
                "seed": seed(name).hex(),
                "epoch_key": (hq if number in hq.names else base).epoch_key(number, 0).hex(),
                "origin": origin,
                "vkey": checkpoint.vkey(origin, key(name)),
                "leaves": leaves,
                "roots": [space.root(number, n).hex() for n in range(size + 1)],
                "note": checkpoint.note(origin, key(name), checkpoint.Checkpoint(size, root, signature)),
            }
        )
    bundles = []
    for data in sent:
        envelope = wire.read_envelope(data)
        body = space.codec.unpack(envelope.codec, envelope.body)
        bundles.append({"bundle": data.hex(), "body": body.hex(), "raw": envelope.raw.hex()})
    return {
        "about": "One request, delivery and receipt of two parties; every byte follows from the seeds and texts.",
        "genesis": space.genesis.bytes.hex(),
        "space_id": space.id.hex(),
        "logs": logs,
        "bundles": bundles,
        "with_dictionary": {
            "dictionary": DICTIONARY.hex(),
            "genesis": record_story(DICTIONARY)[0].space.genesis.bytes.hex(),
            "bundles": [data.hex() for data in record_story(DICTIONARY)[2]],
        },
    }


# ---- Ed25519


def ed25519_vectors() -> dict[str, Any]:
    seed_ = bytes(range(32))
    public = signing.public_key(seed_)
    message = b"a head"
    good = signing.sign(seed_, message)
    cases: list[dict[str, Any]] = []

    def case(
        what: str, key_: bytes, signature: bytes, *, acceptable: bool, counts: bool = False, message: bytes = message
    ) -> None:
        cases.append(
            {
                "what": what,
                "key": key_.hex(),
                "message": message.hex(),
                "signature": signature.hex(),
                "key_is_acceptable": acceptable,
                "counts": counts,
            }
        )

    case("a good signature", public, good, acceptable=True, counts=True)
    case("a flipped bit in R", public, bytes([good[0] ^ 1]) + good[1:], acceptable=True)
    case("a flipped bit in S", public, good[:32] + bytes([good[32] ^ 1]) + good[33:], acceptable=True)
    beyond = int.from_bytes(good[32:], "little") + signing._ORDER
    case("S plus the group order", public, good[:32] + beyond.to_bytes(32, "little"), acceptable=True)
    for encoding in _small_order_encodings():
        r = int.from_bytes(encoding, "little")
        name = f"{r & ~signing._SIGN_BIT:x}"[:6] + ("-" if r >> 255 else "+")
        s = signatures.challenge(encoding, public, message) * signatures.scalar(seed_) % signing._ORDER
        case(f"R of small order {name}", public, encoding + s.to_bytes(32, "little"), acceptable=True)
        case(f"key of small order {name}", encoding, (1).to_bytes(32, "little") + bytes(32), acceptable=False)
    point = signing._decompress(public)
    eighth = signing._decompress(signing._Y_OF_ORDER_8.to_bytes(32, "little"))
    assert point is not None
    assert eighth is not None
    mixed = compress(signing._plus(point, eighth))
    case("a key with a part of order 8", mixed, good, acceptable=False)
    case("a key whose y is beyond p", (2**255 - 19 + 3).to_bytes(32, "little"), good, acceptable=False)
    case("a key that is no point", (2).to_bytes(32, "little"), good, acceptable=False)
    known: set[tuple[str, str, str]] = set()
    for edge in signatures.cases():  # one of each sort; the rest is in tests/exhaustive
        sort = edge.key_sort, edge.r_sort, edge.s_sort
        if sort not in known:
            known.add(sort)
            plain = edge.key_sort == signatures.ORDINARY
            counts = plain and edge.r_sort == signatures.ORDINARY and edge.s_sort == "S right"
            what = f"key {edge.key_sort}; R {edge.r_sort}; {edge.s_sort}"
            case(what, edge.key, edge.signature, acceptable=plain, counts=counts, message=edge.message)
    return {"about": "docs/spec/log.md, Signatures. A signature counts only by an acceptable key.", "cases": cases}


def _small_order_encodings() -> list[bytes]:
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(signing._SMALL_ORDER_Y) for sign in (0, 1)]


# ---- orders as read


def order_vectors() -> dict[str, Any]:
    """The stories in the file stay; what follows from them is told anew."""
    stories = [row["story"] for row in json.loads((VECTORS / "orders.json").read_text("utf-8"))["orders"]]
    staff = staffed().entries
    return {
        "about": "Orders: entries after those of the staff, and what they mean (docs/spec/ledger.md, The digest).",
        "genesis": GENESIS.bytes.hex(),
        "staff": [told_entry(entry) for entry in staff],
        "orders": [order_vector(story, len(staff)) for story in stories],
    }


def order_vector(text: str, staff: int) -> dict[str, Any]:
    story = Story(text)
    (order,) = story.record.orders.values()
    journal = story.record.ledger.transactions_of(order.order_id)
    findings = own_findings(story.record, order.order_id)
    return {
        "story": text,
        "entries": [told_entry(entry) for entry in story.entries[staff:]],
        "state": plain(order),
        "journal": plain(journal),
        "findings": plain(findings),
        "digest": story.record.order_digest(order.order_id).hex(),
    }


def own_findings(record: Record, order_id: EntryRef) -> tuple[Finding, ...]:
    """Return the findings in an order's digest: all but the one that compares several orders."""
    return tuple(finding for finding in record.findings_of(order_id) if finding.code != "duplicate-number")


def told_entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": str(entry.ref), "kind": entry.kind, "t": entry.t, "obj": str(entry.obj) if entry.obj else None,
        "lamport": entry.lamport, "seen": sorted(entry.seen.items()),
        "core": canonical.encode_trusted(to_array(entry.body)).hex(),
    }  # fmt: skip


def read_entry(told: dict[str, Any]) -> Entry:
    core = bytes.fromhex(told["core"])
    body = from_array(told["kind"], canonical.decode(core))
    obj = EntryRef.parse(told["obj"]) if told["obj"] else None
    return Entry(
        EntryRef.parse(told["name"]), told["kind"], told["t"], obj, body, None, told["lamport"],
        dict(told["seen"]), sha256(core).digest(),
    )  # fmt: skip


def vector_orders() -> list[list[Entry]]:
    """Return the entries of each order in the file."""
    kept = json.loads((VECTORS / "orders.json").read_text("utf-8"))
    return [[read_entry(told) for told in row["entries"]] for row in kept["orders"]]


FILES = {"record.json": record_vectors, "ed25519.json": ed25519_vectors, "orders.json": order_vectors}


def written(built: dict[str, Any]) -> str:
    """Return JSON that can be read and compared: one line for each element of a list."""

    def told(value: Any) -> str:
        if isinstance(value, list):
            return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n]"
        return json.dumps(value, ensure_ascii=False)

    return "{\n" + ",\n".join(f"{json.dumps(name)}: {told(value)}" for name, value in built.items()) + "\n}\n"


if __name__ == "__main__":
    for name, build in FILES.items():
        built = build()
        text = written(built) if name == "orders.json" else json.dumps(built, indent=1, ensure_ascii=False) + "\n"
        (VECTORS / name).write_text(text, "utf-8")
