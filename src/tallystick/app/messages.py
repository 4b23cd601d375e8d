"""Code → sentence, for every error and finding: what happened, and what to do next.

English, with ``{fact}`` slots; the pages translate the same sentences. Codes live in ``core``; this is the only place
that has words for them, and docs/reference/codes.md is drawn from it. Facts come as the record has them (minor units,
day numbers, numbers of kinds) and are put into a reader's terms here, by their name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from tallystick.app.visible import visible
from tallystick.core import calendar
from tallystick.core.entries import Duty, Kind, Reason
from tallystick.core.quantity import CURRENCIES, Money, price_text


@dataclass(frozen=True)
class Message:
    """``happened`` is a whole sentence; ``remedy`` another, or empty when nothing needs doing."""

    happened: str
    remedy: str = ""


class _Told(dict[str, object]):
    """Leaves a slot visible rather than failing when a fact is missing: a message must never hide an error."""

    def __missing__(self, key: str) -> str:
        return f"‹{key}›"


def fill(template: str, facts: Mapping[str, object]) -> str:
    """Return ``template`` with its slots filled from ``facts``, which may be a partner's words (``visible``)."""
    told = {name: visible(str(value)) for name, value in readable(facts).items()}
    return template.format_map(_Told(told))


def message(code: str) -> Message:
    """Return the words for ``code``; an unknown code says so instead of failing."""
    return MESSAGES.get(code) or Message(f"Something is not right (code {code}).", "Ask your administrator.")


def sentence(code: str, facts: Mapping[str, object] | None = None) -> str:
    """Return what happened and what to do, in English."""
    told = message(code)
    return fill(f"{told.happened} {told.remedy}".strip(), facts or {})


# ---- facts in a reader's terms

_MONEY = frozenset({"accrued", "amount", "ceiling", "charges", "limit", "sum", "total", "unbilled"})
_DAYS = frozenset({
    "delivered_on", "need_from", "need_to", "received_on", "until", "valid_from", "valid_to", "valid_until",
})  # fmt: skip
_INSTANTS = frozenset({"claimed", "other_claimed", "since"})


def _code(members: type[IntEnum]) -> Callable[[int], str]:
    known = {member.value: member.name.lower().replace("_", " ") for member in members}
    return lambda value: known.get(value, str(value))


_CODES: Mapping[str, Callable[[int], str]] = MappingProxyType({
    "kind": _code(Kind),
    "reason": _code(Reason),
    "one": _code(Duty),
    "other": _code(Duty),
})  # fmt: skip


def readable(facts: Mapping[str, object]) -> dict[str, object]:
    """Return ``facts`` with amounts as decimals of their ``currency``, prices and days as text, codes as words.

    Only whole numbers are touched, and only where their name says what they count; texts stay as they are.
    """
    currency = facts.get("currency")

    def tell(name: str, value: object) -> object:
        if type(value) is not int:
            return value
        if name in _MONEY and currency in CURRENCIES:
            return f"{currency} {Money(value, str(currency)).text()}"
        if name in _DAYS:
            return calendar.date_of(value).isoformat()
        if name in _INSTANTS:
            return _instant(value)
        if name in {"price", "listed"}:
            return price_text(value)
        return _CODES[name](value) if name in _CODES else value

    return {name: tell(name, value) for name, value in facts.items()}


def _instant(value: int) -> str:
    day, seconds = divmod(value, 86_400)
    return f"{calendar.date_of(day).isoformat()} {seconds // 3600:02}:{seconds % 3600 // 60:02} UTC"


# ---- the words

_AGAIN = "Look at the order again; it may have moved on since."
_REPORT = "This is a mistake in the program: please report it."

_FINDINGS = {
    # reading and authority
    "unreadable-body": Message(
        "This entry is of a kind or a form that this node cannot read.",
        "It is kept as it came. Update this node, or ask its writer what it says.",
    ),
    "unknown-object": Message(
        "The act refers to something that is not there, or to a document of another kind.",
        "Name the document it is about.",
    ),
    "erased": Message(
        "What this entry said was erased, as both parties agreed. It counts for nothing any more.",
        "If it should count, write it anew.",
    ),
    "withheld": Message(
        "What this entry says did not come with it, though nobody agreed to erase it.",
        "Whoever sent it left it out. This node asks its partners for it once a day. If nobody has it any more, an"
        " erasure on which both parties agree, with the words it should say, takes its place.",
    ),
    "redact-not-possible": Message(
        "This erasure is not possible: what opens logs and settles authority stays, a request needs a restatement, and"
        " a restatement must be one of the same kind.",
        "Say what the entry shall read instead, with the fields of its kind.",
    ),
    "act-out-of-turn": Message("This act ({kind}) is not possible while the order is {state}.", _AGAIN),
    "wrong-side": Message(
        "This act belongs to the other side of the order.", "Only the side it belongs to can sign it."
    ),
    "no-warrant": Message(
        "Warrant {warrant} ({post}) is not one of this party's, does not count, or was not in force yet.",
        "Ask your administrator to grant one, or sign under the right post.",
    ),
    "warrant-ended": Message("Warrant {warrant} ({post}) ended on {until}.", "Ask your administrator for a new one."),
    "warrant-revoked": Message(
        "Warrant {warrant} ({post}) was revoked by {revoked}.",
        "Sign it again under a warrant that is in force, if it is to count.",
    ),
    "warrant-replaced": Message(
        "Warrant {warrant} ({post}) has a new key: {by} goes on in its place.", "Sign under the new one."
    ),
    "duty-missing": Message(
        "Warrant {warrant} ({post}) does not hold a duty that this act ({kind}) needs.",
        "Have an officer with such a duty sign it.",
    ),
    "deputy-not-possible": Message(
        "Warrant {warrant} ({post}) cannot act for warrant {acting_for}: {because}.",
        "Grant it again: with an end, and with no more duties, money or time than the warrant it acts for.",
    ),
    "rotation-not-possible": Message(
        "Warrant {warrant} ({post}) cannot go on from warrant {replaces}: {because}.",
        "Grant it again, on the newest warrant of that post, with the same duties and a new key.",
    ),
    "duties-conflict": Message(
        "One warrant cannot hold two duties that must be kept apart: {one} and {other}.", "Grant them to two officers."
    ),
    "same-officer": Message(
        "Warrant {warrant} ({post}) is of the officer who has already done the act that must be kept apart from this "
        "one.",
        "Have another officer sign it.",
    ),
    "over-act-ceiling": Message(
        "{amount} is above what warrant {warrant} ({post}) may commit in one act, {ceiling}.",
        "Have an officer with a higher warrant sign it, or lower the amount.",
    ),
    "over-total-ceiling": Message(
        "With this, {amount} would have been committed under warrant {warrant} ({post}), above its total of {ceiling}.",
        "Have another officer sign it, or ask your administrator for a higher warrant.",
    ),
    "warrant-currency": Message(
        "The ceiling of warrant {warrant} ({post}) is not in the currency of this order.",
        "Have an officer with a warrant in that currency sign it.",
    ),
    "officer-signature-missing": Message(
        "This act ({kind}) needs the officer's own signature under warrant {warrant} ({post}).",
        "Sign it again with the officer's key.",
    ),
    "officer-signature-wrong": Message(
        "The officer's signature does not fit the key in warrant {warrant} ({post}).",
        "It is not that officer's, or something was changed. Ask the officer, then sign again.",
    ),
    "not-trained": Message(
        "Warrant {warrant} ({post}) names no training on or before the day of this act, which the terms ask for.",
        "Ask the administrator of that side for a warrant with the day of the training.",
    ),
    "revocation-root-differs": Message(
        "The revocation of warrant {revokes} says that log {log} had another content up to {size} than it has here.",
        "It takes back what comes after that place all the same. Call the administrator who signed it.",
    ),
    # time
    "dated-before-seen": Message(
        "This entry says it was written at {claimed}, but it answers {other}, which says {other_claimed}.",
        "One of the two clocks was wrong, or the entry was dated back. The order in which the two were seen is "
        "certain; ask both sides about the time.",
    ),
    "dated-after-witness": Message(
        "This entry says it was written at {claimed}, but {other} had seen it and says {other_claimed}.",
        "One of the two clocks was wrong, or one of the entries is dated wrongly. The order in which the two were "
        "seen is certain; ask both sides about the time.",
    ),
    # terms
    "not-allowed-category": Message(
        "The agreement does not allow category {category} in situation {situation}.",
        "Choose another category or situation, or take it up outside this agreement.",
    ),
    "not-allowed-situation": Message(
        "The agreement does not know situation “{situation}”.", "Choose one of the situations on the agreement page."
    ),
    "not-allowed-means": Message(
        "The agreement does not allow this means of settlement for category {category}.", "Choose reimbursement."
    ),
    "blocked-item": Message(
        "The stock number {nsn} belongs to a group that is never provided here: weapons and ammunition.",
        "Take the line out of the request.",
    ),
    "unknown-unit": Message(
        "“{unit}” is not a unit this program knows.",
        "Use one from the list in the documentation, for example KGM, LTR, TNE or EA.",
    ),
    "unknown-currency": Message(
        "“{currency}” is not a currency this program knows, or not one the provider may name under this agreement.",
        "Use a currency the agreement allows, by its ISO 4217 code.",
    ),
    "bad-quantity": Message(
        "A quantity, amount or line number does not fit: it is zero, the line is named twice, or the order has no "
        "such line.",
        "Check the lines and sign again.",
    ),
    "bad-dates": Message(
        "The dates do not fit together, or lie outside what is possible here.", "Check the dates and sign again."
    ),
    "not-in-force": Message(
        "The agreement is not in force from {need_from} to {need_to}.", "Choose a day on which it is in force."
    ),
    "wrong-provider": Message(
        "The provider named is not the other party of this agreement.", "Name the partner as the provider."
    ),
    # crossing and repeating documents
    "offer-expired": Message("The offer was valid until {valid_until}.", "Ask the provider for a new offer."),
    "offer-not-live": Message(
        "The offer was replaced or withdrawn.", "Order on the present offer, or ask the provider to accept this one."
    ),
    "second-order": Message("There is already an order on this request.", "Work with the first order."),
    "stale-amendment": Message(
        "This is about version {base} of the order; the present one is {version}.",
        "Write the amendment again, on the present version.",
    ),
    "already-decided": Message("This was already decided; a second act of the kind does not count.", _AGAIN),
    "own-countersign": Message(
        "The second signature must come from the other side.", "Wait for the partner to countersign."
    ),
    "duplicate-number": Message(
        "The same document number was used before by this party, in {first}.",
        "Both count. Correct one of them so that payments can be told apart.",
    ),
    "cancel-crossed-delivery": Message(
        "A delivery and a cancellation crossed each other.",
        "The delivery stands, and the cancellation ends only what was not delivered. Tell the partner.",
    ),
    "delivery-after-cancel": Message(
        "This delivery was signed after the cancellation was known.",
        "It creates no debt. Agree on a new order if the goods are kept.",
    ),
    "corrected": Message("This document was corrected by {by}.", "It counts as the correction says."),
    "taken-back": Message("Its own side took this document back, by {by}.", "It does not count any more."),
    # goods
    "over-delivery": Message(
        "More of line {line} was delivered than was ordered, even with the tolerance.",
        "The receiver may refuse the rest, or both may amend the order.",
    ),
    "receipt-mismatch": Message(
        "What was accepted and refused of line {line} is not what was delivered.",
        "Accepted and refused must add up to the delivered quantity of each line.",
    ),
    "fuel-volume-differs": Message(
        "The volume at 15 °C of line {line} is not what the measured volume, temperature and density give.",
        "Check the measurement with the other side before it is received.",
    ),
    "fuel-measure-missing": Message(
        "The fuel of line {line} was delivered without its measured volume, temperature and density.",
        "Add the measurement with a correction.",
    ),
    "refused-goods": Message(
        "A part of line {line} was refused: {reason}.", "Agree on a resolution with the other side."
    ),
    "discrepancy-open": Message(
        "A difference found after the receipt is open on line {line}: {reason}.",
        "Agree on a resolution with the other side.",
    ),
    "late-claim": Message(
        "The difference was reported more than {days} days after the receipt of {received_on}.",
        "It is kept; the other side need not accept it.",
    ),
    # money
    "over-liability": Message(
        "What was received is worth {accrued}, more than the limit of the order, {limit}.",
        "Agree on an amendment that raises the limit.",
    ),
    "invoice-over-accrued": Message(
        "The invoice bills {amount} on line {line}, where {unbilled} was received and is not yet billed.",
        "Bill each line at most at what was accepted.",
    ),
    "invoice-total-differs": Message(
        "The total of the invoice is {total}; its lines come to {sum}.", "Check the lines and the total."
    ),
    "invoice-receipt-unknown": Message(
        "The invoice names a receipt, {receipt}, that does not belong to this order or does not count.",
        "Name the receipts it bills.",
    ),
    "dispute-over-invoiced": Message(
        "More is disputed than the invoice bills on that line.", "Dispute at most what was billed."
    ),
    "credit-over-invoiced": Message(
        "The credit is more than what the invoice bills on that line.", "Credit at most what was billed."
    ),
    "short-payment": Message(
        "{amount} of the invoice has not arrived; the bank charges told are {charges}.",
        "The rest stays open. It is paid by the receiver, or both agree on a resolution.",
    ),
    "overpaid": Message(
        "{amount} more arrived than was open.", "The provider returns the rest, or both agree what it is used for."
    ),
    "price-above-list": Message(
        "Line {line} is offered at {price}; the price list it names says {listed}.", "Ask the provider for the reason."
    ),
    "premature-close": Message(
        "The order cannot be closed: something is still to be delivered, received, billed or paid.",
        "See what it waits for on the order page.",
    ),
    "correction-not-possible": Message(
        "This document cannot be corrected in that way.",
        "Only the side that signed a document can correct it, as the same kind, while its consequences still allow it.",
    ),
}

_LOCAL = {
    "error": Message("Something went wrong.", _REPORT),
    "not-possible": Message("This is not possible.", "Nothing was signed or stored."),
    "act-refused": Message("The act would not count.", "Nothing was signed or stored."),
    "internal": Message("Something went wrong inside the program. Nothing more was done.", _REPORT),
    "assertions-off": Message(
        "Python runs without assertions (python -O), which this program relies on.", "Start it without -O."
    ),
    "not-allowed": Message("{path} is not open to you: {why}.", "Run this as the user that the node belongs to."),
    # numbers and dates
    "not-a-number": Message(
        "“{text}” is not a plain number.", "Write digits and at most one point, without grouping: 1220075.00."
    ),
    "too-many-decimals": Message("“{text}” has more decimals than are kept here.", "Give at most {decimals} decimals."),
    "out-of-range": Message("The value is beyond what can be kept exactly.", "Check its size."),
    "not-a-date": Message("“{text}” is not a date.", "Write it as year-month-day: 2027-02-18."),
    "currencies-differ": Message(
        "Amounts in {currency} and {other} cannot be added or compared.", "Keep each currency by itself."
    ),
    "units-differ": Message(
        "{unit} cannot be turned into {other}: they measure different things.", "Use a unit of the same dimension."
    ),
    "density-out-of-table": Message(
        "The density is outside the volume correction table.",
        "Check it: tenths of a kilogram per cubic metre at 15 °C, from {low} to {high}.",
    ),
    "temperature-out-of-table": Message(
        "The temperature is outside the volume correction table.",
        "Check it: tenths of a degree Celsius, from {low} to {high}.",
    ),
    # fields
    "field-wrong": Message("“{field}” does not read."),
    "field-missing": Message("“{field}” is missing.", "Fill it in."),
    "field-not-yours": Message(
        "“{field}” is not yours to say: this node names the officer by who is signed in.", "Leave it out."
    ),
    "field-unknown": Message("There is no field “{field}” here.", "Fields of this kind: {known}."),
    "field-not-a-list": Message("“{field}” must be a list."),
    "field-not-an-object": Message("“{field}” must be an object with named fields."),
    "field-not-text": Message("“{field}” must be a text.", "Write numbers as text too, so that no digit is lost."),
    "field-not-hex": Message("“{field}” must be bytes written in hexadecimal."),
    "field-not-a-code": Message("“{field}” is not one of the codes known here.", "Use one of: {known}."),
    "field-not-a-date": Message("“{field}” is not a date.", "Write it as year-month-day: 2027-02-18."),
    "field-not-a-whole-number": Message("“{field}” must be a whole number."),
    "field-not-an-entry": Message("“{field}” must name an entry.", "Write log and index with a point: 17.204."),
    "field-needs-currency": Message(
        "“{field}” is an amount, and its currency is not known here.", "Name the currency, or the order it belongs to."
    ),
    "field-needs-unit": Message(
        "“{field}” is a quantity, and its unit is not known here.",
        "Name a line of the order, or give the unit beside it.",
    ),
    "field-out-of-limits": Message("“{field}” is outside its limits.", "It must be: {why}."),
    "unknown-kind": Message("There is no kind of act called “{kind}”.", "Kinds: {known}."),
    "not-canonical": Message("A value cannot be written down in the signed form.", _REPORT),
    # acting
    "order-changed": Message(
        "Order {order} has changed since you looked at it. Nothing was signed.",
        "Look at it again, then decide.",
    ),
    "restored-not-heard": Message(
        "This node came back from a backup, and nobody has told it yet what it had signed after that. Until then it "
        "signs nothing: it could be a second history of its own log, which every partner would refuse.",
        "Exchange with a partner, or by courier file there and back. If nobody can be reached: tallystick recover "
        "--help.",
    ),
    "restored-still-missing": Message(
        "This node came back from a backup, and a partner holds {entries} entries of it that are not here again yet. "
        "Until then it signs nothing.",
        "Exchange again, or read the partner's next courier file. If they do not come: tallystick recover --help.",
    ),
    "not-behind": Message("No log of this node is closed under {agreement}.", "There is nothing to recover."),
    "recover-needs-hearing": Message(
        "This node keeps the root key of its party, and the log that would grant a new writer is closed too.",
        "Somebody has to tell what it holds: exchange, a courier file there and back, or by telephone: tallystick "
        "recover told.",
    ),
    "recover-not-ours": Message(
        "{node} asks for a writer in the place of one that your party did not grant under this agreement.",
        "Check who sent the request.",
    ),
    "recover-done-already": Message("The new key of {node} is granted already.", "Send it the answer again."),
    "recover-waits": Message(
        "The new key is not granted under every agreement yet.", "Take in the answer for each: tallystick recover take."
    ),
    "not-all-told": Message(
        "The closed logs are {logs}, and not each of them was named.", "Ask for the size of each, also when it is 0."
    ),
    "log-size-wrong": Message("“{text}” is not a log and its size.", "Write both with an equals sign: 17=204."),
    "clock-behind": Message(
        "This machine's clock says {now}, and there is an entry of {newest} here already. Nothing is signed by such a "
        "clock.",
        "Set the clock. If it is right, say so once: tallystick clock --right.",
    ),
    "clock-ahead": Message(
        "This machine's clock says {now}, and the newest entry here is of {newest}. Nothing is signed by such a clock.",
        "Set the clock. If it is right, say so once: tallystick clock --right.",
    ),
    "disk-nearly-full": Message(
        "Only {free} MiB are free on the disk of the database.", "Make room: at least {wanted} MiB should be free."
    ),
    "no-root-key-here": Message(
        "Warrants of {party} are signed with its root key, which is not on this node.",
        "Do this at the headquarters node that keeps it.",
    ),
    "no-writer-here": Message(
        "This node's key is not granted under {agreement}.",
        "Ask the administrator of your headquarters node to grant it.",
    ),
    "unknown-entry": Message("There is no act {entry} here.", "Check its name, or exchange with the partner first."),
    "not-an-entry": Message("“{text}” is not the name of an entry.", "Write log and index with a point: 17.204."),
    "unknown-order": Message("There is no order {order} here.", "List them with: tallystick order list."),
    "unknown-account": Message("There is no account {account}.", "List them with: tallystick ledger balance."),
    "unknown-log": Message("Nobody was granted log {log}.", _REPORT),
    "first-leaf": Message("Log {log} must begin with the adoption of the agreement, and only there.", _REPORT),
    "bad-time": Message("The time of the act is impossible.", "Check this machine's clock."),
    "too-long": Message("The act is too long: at most {limit} bytes.", "Shorten its texts, or split it."),
    "bad-body": Message("The act does not fit its form: {why}.", "Check its fields."),
    "nothing-to-erase": Message(
        "Entry {entry} was not made with what you want to erase.", "Look at what it has: tallystick redact {entry}."
    ),
    "nothing-to-confirm": Message(
        "No partner has asked to erase anything of entry {entry} that waits for you.", "See: tallystick redact {entry}."
    ),
    "erasure-asked": Message(
        "{party} asks to erase something of entry {entry}, and waits for this party.",
        "Look at what would go and what would be read instead, and confirm it if you agree.",
    ),
    "purge-due": Message(
        "What was erased is gone from the record, but free space of the database file may still hold it, because it was"
        " being read.",
        "Close other programs that read the database and run: tallystick redact.",
    ),
    "unknown-officer": Message(
        "No officer “{officer}” has a warrant for this.", "Officers: {known}. Grant one with: tallystick warrant grant."
    ),
    "which-officer": Message("Several officers could sign this.", "Name one with --as: {known}."),
    "already-revoked": Message("The warrant of {post} is already revoked.", "There is nothing to do."),
    "act-of-administrator": Message(
        "Acts of the kind “{kind}” are not made one by one.", "Use tallystick pair and tallystick warrant."
    ),
    "not-by-program": Message(
        "A program cannot sign this ({kind}): an administrator does it at the node.",
        "Ask your administrator.",
    ),
    "duty-not-held": Message("You hold no warrant for this act ({kind}).", "It needs one of these duties: {duties}."),
    "fields-not-json": Message("The fields in {path} do not read: {why}.", "Give one JSON object."),
    "attachment-not-here": Message(
        "{path} is not an evidence file, so there is nothing to compare an attached file with.",
        "Make one with tallystick prove.",
    ),
    "too-many-attachments": Message("At most {limit} files belong to one act.", "Put them into one archive."),
    "attachment-not-possible": Message(
        "A file cannot be attached under the name “{name}”.",
        "Rename it: 1 to {limit} printable characters.",
    ),
    "field-option-wrong": Message(
        "“{option}” is not a field.", "Write name=value, lines[0].quantity=1790; list items in their order."
    ),
    # people and programs
    "unknown-person": Message("Nobody signs in as {name} yet.", "Give --name to enter the person."),
    "person-known": Message(
        "{name} is already known; what they may do on the node is changed on the people page.",
        "Leave out --administrator and --auditor.",
    ),
    "token-needed": Message(
        "This needs a live token with the right scope.",
        "Make one under “Tokens for programs”, and send it as “Authorization: Bearer TOKEN”.",
    ),
    "request-invalid": Message("“{field}” does not read: {why}.", "See docs/reference/api.md."),
    "not-there": Message("There is nothing of that name here.", "Check the name."),
    "command-differs": Message(
        "The idempotency key {key} was used for another command.", "Use a new key for each command."
    ),
    "command-unfinished": Message(
        "The command with the idempotency key {key} is still being done, or was cut off.",
        "Look at the order before you send it again under a new key.",
    ),
    "token-scope": Message("A token needs at least one of these scopes: {known}.", "Choose some."),
    "token-life": Message("A token lives from 1 to {most} days.", "Choose a number of days."),
    # agreements and partners
    "no-agreement-yet": Message("No agreement is kept on this node yet.", "Pair with a partner first."),
    "which-agreement": Message("This node keeps several agreements.", "Name one: {agreements}."),
    "unknown-agreement": Message(
        "No agreement {agreement} is kept on this node.", "List them with: tallystick status."
    ),
    "unknown-space": Message("No agreement with the id {space} is kept here.", "Check the id."),
    "unknown-party": Message("{party} is not a party of this agreement.", "Check the code."),
    "genesis-not-possible": Message(
        "The agreement cannot be written down so: “{field}” does not fit.",
        "Names of agreements are ASCII without spaces; the parties need different codes and keys, and be those the "
        "profile is for.",
    ),
    "terms-not-possible": Message("The terms of the agreement do not fit together: “{field}”.", "Correct the profile."),
    "wrong-dictionary": Message(
        "{agreement} was made with another dictionary for its bundles than this program has.",
        "Use the version of the program that both sides agreed on.",
    ),
    "partner-without-address": Message(
        "The partner has no address on the network.", "Exchange by courier file: tallystick bundle write."
    ),
    "no-partner-yet": Message("{agreement} has no partner node yet.", "Pair with one first."),
    "which-partner": Message("There are several partners.", "Name one: {partners}."),
    "nothing-new": Message("{partner} has acknowledged everything that is here.", "Nothing needs to be sent."),
    "key-id-differs": Message(
        "The key id does not match the card.",
        "Ask the partner to read it out again, over another channel than the one the card came by. If it still "
        "differs, do not pair: the card may have been exchanged on the way.",
    ),
    "same-party": Message("The card is of {party}, which is this node's own party.", "Use the partner's card."),
    "already-paired": Message("This node is already paired with {party}.", "There is nothing to do."),
    "already-asked": Message(
        "{party} has asked this node to pair, and waits in the pending box.", "Confirm or refuse it there."
    ),
    "no-such-proposal": Message("There is no proposal of ours of that name.", "Look at the partners again."),
    "already-adopted": Message(
        "{party} has adopted the agreement already; a proposal cannot be withdrawn any more.", "There is nothing to do."
    ),
    "unknown-profile": Message("There is no profile “{profile}”.", "Profiles: {known}."),
    "digests-unreadable": Message(
        "This is not a list of order digests, or it was cut short: line {line} does not read.",
        "Ask the partner for what tallystick digest --orders writes.",
    ),
    "digests-elsewhere": Message(
        "The list of digests is of another agreement than {agreement}.", "Name its agreement with --agreement."
    ),
    "digests-other-rules": Message(
        "The partner's program reads by other rules ({theirs}) than this one ({ours}): nothing can be compared.",
        "Bring both nodes to the same version.",
    ),
    "digests-not-comparable": Message(
        "The list is of entries that cannot be read again here: {why}.",
        "Exchange, or read the partner's next courier file; then ask for a new list.",
    ),
    "no-such-alarm": Message("There is no such alarm any more.", "Look at the alarms again."),
    "no-such-knock": Message("Nobody of that name is waiting.", "Look into the pending box again."),
    "plain-http-refused": Message(
        "{url} is not on this machine and not protected by TLS.",
        "Use an https address, or say allow_plain_http = true in node.toml if the line itself is protected.",
    ),
    # the node's folder
    "no-node-here": Message(
        "There is no node in {folder}.", "Name its folder with --node, or make one with: tallystick init."
    ),
    "node-exists": Message("There is already a node in {folder}.", "Nothing was changed. Choose another folder."),
    "folder-not-empty": Message("{path} is not empty.", "Nothing was changed. Choose an empty or a new folder."),
    "settings-unreadable": Message("{file} is not a settings file: {why}.", "Correct it with a text editor."),
    "setting-unknown": Message("{file} has a setting “{setting}” that does not exist.", "Settings: {known}."),
    "setting-missing": Message(
        "{file} lacks the setting “{setting}”.", "Add it; docs/reference/settings.md explains it."
    ),
    "setting-wrong": Message(
        "The setting “{setting}” in {file} does not fit: {why}.", "docs/reference/settings.md explains it."
    ),
    "address-taken": Message(
        "{address} is in use by another program.", "Stop that one, or change “listen” in node.toml."
    ),
    "not-served": Message("The node could not be served: {why}.", "See the lines above."),
    "file-missing": Message("There is no file {path}.", "Check its name."),
    "file-exists": Message("There is already a file {path}.", "Nothing was written. Choose another name."),
    "file-too-large": Message("{path} is too large for a {what}: at most {limit} bytes.", "Check that it is one."),
    "nothing-to-verify": Message(
        "{path} is neither a node, nor a record that was exported or backed up, nor a database, an evidence file or a "
        "courier file; or its first bytes were changed.",
        "Check the path. Of a folder that holds nodes or records, name one.",
    ),
    "evidence-other-version": Message(
        "{path} is evidence in a form that this version of the program does not read.",
        "Check it with the version that wrote it or a newer one, or with the auditor.html that came with that.",
    ),
    "not-signed-yet": Message(
        "Entry {entry} belongs to it, and is under no signature yet; the key for it is not on this node.",
        "Exchange with the node that has it first.",
    ),
    "not-a-backup": Message("{folder} is not a backup of a node.", "Name the folder that tallystick backup wrote."),
    "backup-without-manifest": Message(
        "The backup in {folder} does not say what it should hold: its manifest.json is missing.",
        "It may be of version 0.1, or incomplete. Make a new one.",
    ),
    "backup-manifest-damaged": Message("{path} does not read.", "Do not rely on this backup; make a new one."),
    "backup-too-new": Message(
        "The backup in {folder} was made by a newer version of this program.", "Update this program first."
    ),
    "backup-differs": Message(
        "The backup in {folder} is not what it was when it was made: {files}.",
        "Use another one. If there is none: restore with --damaged, then tallystick verify the new node and exchange "
        "with the partner.",
    ),
    "postgres-tools-missing": Message(
        "The program {program} of PostgreSQL is not on this machine.",
        "Install the client programs of the server's version, or copy the record alone: --record-only.",
    ),
    "postgres-dump-failed": Message(
        "{program} did not do its work: {why}.", "See what it says; the record alone can be copied with --record-only."
    ),
    "backup-without-keys": Message(
        "The keys are not in the backup in {folder}.", "Name the folder of your copy of them with --keys."
    ),
    "keys-of-another-node": Message(
        "The keys in {folder} are not those of the node this backup was made of.",
        "Nothing was written. Name the folder of your copy of its keys with --keys.",
    ),
    "database-not-empty": Message(
        "There is something in the database {database} already.",
        "Nothing was written. Name an empty one with --database.",
    ),
    "key-exists": Message("There is already a key at {path}.", "Keys are never written over. Move it away first."),
    "key-missing": Message(
        "A key of this node is not there.",
        "Some acts need a key that only another node of your party keeps. If it should be here, restore it from "
        "your copy of the keys.",
    ),
    "key-exposed": Message(
        "Others on this machine can read the key at {path} (mode {mode}).",
        "It may have been read. Make it private with chmod 600; if in doubt, replace the key.",
    ),
    "key-damaged": Message("The key at {path} is not readable as a key.", "Restore it from your copy of the keys."),
    "not-a-key-name": Message("“{name}” cannot be the name of a key.", "Use small letters, digits and dashes."),
    "not-an-age-key": Message("There is no age key in this file.", "Name the file with the line AGE-SECRET-KEY-1…."),
    "not-a-recipient": Message(
        "The partner's address for courier files does not read.", "Pair again with a fresh card from the partner."
    ),
    "ceiling-without-currency": Message("A ceiling needs its currency.", "Name it by its ISO 4217 code."),
    "key-not-acceptable": Message(
        "{key} is not an Ed25519 public key that can be granted.", "Ask for it again; 64 hexadecimal digits."
    ),
    "own-signature-too-old": Message(
        "The officer's signature names a time that is not now.", "Look at the act again and sign what is shown then."
    ),
    "officer-must-sign": Message(
        "This act needs the own signature of the officer at {post}.", "Sign with the officer's key."
    ),
    "officer-key-not-granted": Message(
        "This act needs the officer's own signature, and the warrant of {post} (number {grant}) names no key.",
        "Make a signing key, read its key id to your administrator, and have the warrant go on under it.",
    ),
    "officer-key-differs": Message(
        "The key {shown} is not the one in the warrant of {post}, {granted}.",
        "Take the right key, or have your administrator put the new one into the warrant.",
    ),
    "officer-key-damaged": Message(
        "The officer's key does not read.", "Restore it from your copy, or make a new key and have the warrant renewed."
    ),
    "no-signing-key": Message("You have no signing key on this node.", "Make one on the page “My signing key”."),
    "passphrase-wrong": Message("That is not the passphrase of this key.", "Try again. Nobody else can open it."),
    "passphrase-too-short": Message(
        "The passphrase is too short: at least {least} characters.", "Several words are easier to remember than signs."
    ),
    "passphrase-too-long": Message("The passphrase is too long: at most {most} characters.", "Take a shorter one."),
    "backup-exists": Message("There is already something at {path}.", "Nothing was written. Choose another place."),
    "unknown-store-address": Message(
        "The address of the database has a part that is not understood: {part}.",
        "docs/reference/settings.md shows what it may be.",
    ),
    "postgres-driver-missing": Message(
        "The database is PostgreSQL, and its driver is not installed.", "Install it: {install}."
    ),
}

_DEMO = {
    "not-a-demo": Message("{folder} holds something else than a demo.", "Name another folder with --dir."),
    "demo-of-another-version": Message(
        "The demo in {folder} was made by another version of this program.", "Start over with --fresh."
    ),
    "demo-people-failed": Message("The people of {party} could not be entered.", _REPORT),
    "demo-node-failed": Message("The node of {party} did not start.", "Its log says why: {log}."),
}

# What a check finds (app/report.py). Nothing to do about them stands here: that depends on who asks, and why.
_CHECKS = {
    "evidence-segment-differs": Message("What is shown as the {segment} of this entry is not what was signed."),
    "evidence-segment-malformed": Message("The {segment} of this entry is not in the agreed form."),
    "evidence-segment-erased": Message(
        "The {segment} of this entry was erased, as the entries that asked for it show. Its place in the log is proved."
    ),
    "evidence-segment-missing": Message(
        "The {segment} of this entry is not in the file, and nobody asked to erase it. What is shown stays proved."
    ),
    "evidence-core-missing": Message(
        "What this entry says is not in the file, and nobody agreed to erase it. What follows from it is unchecked."
    ),
    "evidence-note": Message("The signed note of this log is not in the agreed form."),
    "evidence-beyond-head": Message("An entry is shown from beyond the {size} that were signed."),
    "evidence-hashes": Message("There are not as many hashes as it takes to come to the signed head."),
    "evidence-root-differs": Message(
        "The leaves and hashes shown do not come to the signed head of {size} leaves: at least one of them was changed."
    ),
    "evidence-acknowledges-itself": Message("This acknowledgement speaks of its own log."),
    "evidence-acknowledges-more": Message(
        "This acknowledgement speaks of {size} leaves of log {log}; fewer are shown to be signed. So it could not be "
        "checked, and counts for nothing."
    ),
    "evidence-acknowledged-root-differs": Message(
        "The first {size} leaves of log {log} are not those that were acknowledged here: one of the two was changed."
    ),
    "evidence-fork": Message(
        "Log {log} has two histories, both signed by its key; this entry proves it. They part at leaf {index}; the one "
        "that stands is shown."
    ),
    "evidence-not-attached": Message("This file is attached to no entry that is shown, or it was changed."),
    "evidence-other-history": Message("This acknowledgement is of the other history of log {log}."),
    "evidence-not-adopted": Message("Nothing shows that {party} adopted this agreement."),
    "evidence-seen-in-circle": Message("This acknowledgement has seen something that had seen it."),
    "evidence-reading-names": Message("The order of reading does not name each entry shown, and each once."),
    "evidence-reading-differs": Message(
        "By the order of reading this entry would come after {other}, which had seen it."
    ),
    "evidence-reading-not-agreed": Message(
        "All leaves are shown, and another order of reading follows from them: {other} is read where this entry is "
        "told."
    ),
    "evidence-no-order": Message("The file holds no request of this name, so no order."),
    "evidence-other-profile": Message(
        "The file tells what the entries mean by rules this program does not have ({profile}). Signatures were checked."
    ),
    "evidence-state-differs": Message("The file says that the order is {told}. From the entries it is {found}."),
    "evidence-journal-differs": Message(
        "This line of the journal is told as: {told}. From the entries it is: {found}."
    ),
    "evidence-finding-differs": Message("The finding {finding} does not follow from the entries."),
    "evidence-finding-missing": Message("The finding {finding} follows from the entries, and is not told."),
    "evidence-digest-differs": Message("The digest of the order is not the one that follows from the entries."),
    "evidence-leaves-out": Message("This entry is about the order, and what it says was left out."),
    "evidence-whose-agreement": Message(
        "Whether this is the agreement you mean. Compare its id with the one both parties signed on paper: {id}"
    ),
    "evidence-up-to-heads": Message(
        "What was signed after the heads shown, and in logs that nobody shown had heard of. Ask the other party for "
        "its file and compare how many leaves each log has."
    ),
    "evidence-not-whole": Message(
        "That nothing was left out: an entry, a correction, a revoked warrant, a second history of a log. Compare it "
        "with the other party's file, or ask for one with every leaf (tallystick prove --whole) or for an export."
    ),
    "evidence-not-acknowledged": Message("Nothing here shows that the other side had stored this entry."),
    "evidence-total-not-checked": Message(
        "The warrant of {post} has a total ceiling. Other orders count towards it, so it was not checked."
    ),
    "evidence-crossed": Message(
        "In which order this entry and {other} are read: they were signed before either writer had seen the other's."
    ),
    "courier-gap": Message(
        "The file comes after leaf {needed} of this log; {held} are at hand. Name with --on what it comes on top of."
    ),
    "record-not-read": Message("Because of this, what the entries mean was not worked out."),
    "record-not-all-signed": Message(
        "{leaves} leaves are not under a kept signature yet; they are signed when they are sent or exported."
    ),
}

_REMOTE = {
    "malformed-evidence": Message("The evidence file is not in the agreed form: {part}.", "Ask for it again."),
    "remote-error": Message("What the partner sent is not acceptable.", "It was set aside. Tell the partner."),
    "malformed-bytes": Message(
        "The bytes are not in the agreed form: {what}.",
        "They were set aside. Ask the partner to send them again; if it happens twice, tell their administrator.",
    ),
    "malformed-genesis": Message(
        "The agreement in it does not read: “{field}”.", "Ask the partner to propose it again with a current version."
    ),
    "malformed-terms": Message(
        "The terms in it do not read: “{field}”.", "Ask the partner to propose it again with a current version."
    ),
    "too-large": Message(
        "It is larger than is accepted here: {what}, at most {limit}.", "Ask the partner to send less at a time."
    ),
    "wrong-agreement": Message("It is for an agreement that is not kept on this node.", "Check whom it was meant for."),
    "unknown-writer": Message(
        "It holds the log of a writer that nobody has granted.",
        "Ask the partner to send the grant of that writer as well.",
    ),
    "bad-signature": Message(
        "A signature does not fit the entries.",
        "Nothing of it was taken in. Ask the partner to send it again; if it happens twice, call their administrator.",
    ),
    "gap": Message(
        "Entries that come before these are missing here.",
        "Take in the earlier files first, or exchange online; these are kept until then.",
    ),
    "fork": Message(
        "Log {log} has two histories, both signed with its key. What was relied on stands; nothing after it counts.",
        "Stop relying on that writer and call its administrator: a new writer has to be granted. Delete nothing.",
    ),
    "fork-not-shown": Message(
        "It says that log {log} has two histories, and what it brings does not show that.",
        "Ask whoever wrote it for the evidence; nothing was changed.",
    ),
    "after-fork": Message(
        "Log {log} has two histories and does not count any more after its first {size} leaves; these come after.",
        "They were set aside. Ask the partner for a new writer, under which they can be written again.",
    ),
    "before-fork": Message(
        "The sender has not heard yet that log {log} has two histories.",
        "Exchange again: the next answer tells them.",
    ),
    "fork-tail": Message(
        "Leaves {begin} to {end} of log {log} belong to the history that does not stand. They are kept here.",
        "Nothing has to be done; they are evidence.",
    ),
    "log-forked": Message(
        "Log {log} has two histories, so nothing more can be written in it.",
        "Write with a new key (tallystick warrant rotate-writer, or recover ask where the root key is elsewhere); "
        "then write again what did not count.",
    ),
    "not-attested": Message(
        "Digests are told only of entries that an attestation names and that are all held: {why}.",
        "Exchange first; the question is asked again by itself.",
    ),
    "waiting-full": Message(
        "Too much is waiting for entries that come before it: at most {limit} bundles or {bytes_limit} bytes.",
        "Find the missing courier file, or exchange online.",
    ),
    "answer-too-large": Message(
        "The answer of {url} is larger than is accepted: {limit} bytes.", "Call the partner's administrator."
    ),
    "recover-unreadable": Message("This is not a request for a new writer.", "Ask the node's people to send it again."),
    "recover-signature": Message(
        "A signature on the request of {party} does not fit.", "It was changed on the way. Ask for it again."
    ),
    "courier-empty": Message("There is no bundle in the courier file.", "Ask the partner to write it again."),
    "sealed-for-others": Message(
        "The file is sealed for another node.", "Hand it to the node it is for, or ask the sender for one of yours."
    ),
    "not-sealed": Message(
        "This is not a courier file, or it was changed on the way.", "Ask the partner to write it again."
    ),
    "card-unreadable": Message("This is not a card of a node, or it was cut short.", "Ask the partner for it again."),
    "card-key": Message("The card of {party} has a key that is not acceptable.", "Ask the partner for a new card."),
    "card-signature": Message(
        "The signature on the card of {party} does not fit.", "It was changed on the way. Ask the partner for it again."
    ),
    "knock-unreadable": Message("This is not a proposal of an agreement.", "Ask the partner to send it again."),
    "knock-signature": Message(
        "The signature on the proposal of {party} does not fit.",
        "It was changed on the way. Ask the partner for it again.",
    ),
    "knock-not-for-us": Message(
        "The proposal is not for this node of {party}: it names another key.",
        "Send the partner your card again, and ask for a new proposal.",
    ),
    "knock-other-version": Message(
        "The proposal of {party} is made by another version of this program, whose entries this one does not know.",
        "Bring both nodes to the same version, then ask for a new proposal.",
    ),
    "already-proposed": Message(
        "Both sides have proposed an agreement to each other.",
        "Call the other administrator: one of you withdraws the own proposal, and then confirms the other's.",
    ),
    "not-in-agreement": Message("{party} proposes an agreement it is no party of.", "Ask the partner about it."),
    "too-many-knocks": Message(
        "Too many strangers are waiting for an answer: {limit}.", "Confirm or refuse those who wait, then try again."
    ),
    "stranger": Message("The other node does not know this one.", "Pair with it first."),
    "refused-by-administrator": Message(
        "The administrator of the other node has refused the pairing.", "Call them before you try again."
    ),
    "not-yet-confirmed": Message(
        "The administrator of the other node has not confirmed the pairing yet.", "Call them and compare key ids."
    ),
    "session-ended": Message("The session with the other node has ended.", "Try again; a new one is opened by itself."),
    "writer-revoked": Message(
        "The other node has seen this node's warrant revoked, and tells it nothing more.",
        "If this node is to go on, its own administrator grants it a new key.",
    ),
    "session-signature": Message(
        "The other node could not confirm who is calling.",
        "If this node's key was changed, pair again; otherwise call the partner's administrator.",
    ),
}

_ALARMS = {
    "fork-theirs": Message(
        "{writer} of {party} signed two histories of its log {log}. The first {stands} leaves stand; nothing after "
        "them counts.",
        "Stop relying on that writer and call its administrator: a new writer has to be granted. Delete nothing.",
    ),
    "fork-ours": Message(
        "Our own log {log}, written by {writer}, has two histories, both signed with its key. The first {stands} "
        "leaves stand; nothing after them counts.",
        "Find out whether an old copy of the node was put back, or its key was taken. Write with a new key (tallystick "
        "warrant rotate-writer, or recover ask where the root key is elsewhere); then write again what did not count. "
        "Delete nothing.",
    ),
    "divergence": Message(
        "The node {writer} of {party} holds the same entries as this one and comes to another record. One of the two "
        "programs is wrong.",
        "Rely on no figure before it is known which. The two nodes compare their orders at the next visit; by courier, "
        "send the partner what tallystick digest --orders writes.",
    ),
    "divergence-order": Message(
        "The node {writer} of {party} holds the same entries as this one and comes to another record. Of "
        "{orders} orders that differ the first is {number}. One of the two programs is wrong.",
        "Compare that order with the partner, entry by entry, and see whether both run the same version. Rely on no "
        "figure of it before; what is signed is not touched.",
    ),
    "divergence-beside-orders": Message(
        "The node {writer} of {party} holds the same entries as this one and comes to another record, though every "
        "order is the same on both: what differs is told beside them, or the sums of the books.",
        "See whether both run the same version, and report it: one of the two programs is wrong.",
    ),
    "acknowledgement-withheld": Message(
        "The node {writer} of {party} was given our entry {entry} on {since}, has signed acts since, and has not "
        "acknowledged it.",
        "Call the partner: it may later say that it had not known. Keep this node's backups, and hand the entry over "
        "by another way that leaves a trace.",
    ),
}

_WORLD = {
    "store-error": Message("The database does not do its work.", "Nothing was half-written. See the log."),
    "head-moved": Message(
        "Somebody else wrote at the same moment. Nothing was written.", "Look again, then try again."
    ),
    "store-unavailable": Message(
        "The database cannot be used now. Nothing was half-written.", "Try again; if it stays, see the log."
    ),
    "store-locked": Message(
        "The database is in use by another program for too long. Nothing was written.",
        "Try again. If it stays, find the program that holds it.",
    ),
    "store-full": Message(
        "The disk is full. Nothing was half-written.", "Make room, then try again. Everything signed before is safe."
    ),
    "store-read-only": Message(
        "The database, or its folder, may only be read. Nothing was written.",
        "Check its owner and permissions, and whether the disk is mounted read-only.",
    ),
    "store-gone": Message(
        "The database is not there or does not answer.",
        "Check the disk or the database server, and the setting “database” in node.toml. If it went while something "
        "was being signed, look whether it was kept before you repeat it.",
    ),
    "store-empty": Message(
        "There is no record in the database: another one stands in its place. Nothing was written.",
        "Stop this node, and put the right database back or restore the last backup.",
    ),
    "store-lost": Message(
        "This node has signed under an agreement that is not in its database any more.",
        "Put the right database back, or restore the last backup into a new folder: tallystick restore. What is "
        "missing then comes back from the partner.",
    ),
    "store-damaged": Message(
        "The database is damaged.",
        "Stop this node and keep the files as they are. Restore the last backup; what is missing comes back from the "
        "partner.",
    ),
    "store-too-new": Message(
        "The database was written by a newer version of this program.", "Update the program; the data is not touched."
    ),
    "invariant-broken": Message(
        "What was signed is stored, but order {order} of {agreement} breaks law {law} of the ledger: {what}.",
        "Do not rely on the figures of this order. The program is wrong, not your partner: please report it.",
    ),
    "peer-unreachable": Message(
        "The partner's node at {url} does not answer: {why}.",
        "It is tried again by itself. Nothing is lost; a courier file works meanwhile.",
    ),
}

_PEOPLE = {
    "sign-in-name-wrong": Message(
        "“{name}” cannot be a sign-in name: {why}", "Take small letters, digits, dot, dash or underscore, up to 40."
    ),
    "sign-in-name-taken": Message("Somebody signs in as “{name}” already.", "Take another name."),
    "too-many-tries": Message(
        "There were too many tries with this name or from this address.",
        "Wait {minutes} minutes, or ask your administrator for a one-time link.",
    ),
    "too-often": Message("The node was asked too often.", "Wait {seconds} seconds, then ask again, more slowly."),
    "node-busy": Message("The node is serving as many as it can just now.", "Ask again in a moment."),
    "no-duty-here": Message(
        "The person this token belongs to holds no duty here, and so may read nothing.",
        "Ask an administrator of the node to give them a duty or put them under a warrant.",
    ),
    "confirm-first": Message(
        "It is a while since you proved who you are.", "Confirm it with your password or passkey, then try again."
    ),
    "passkey-refused": Message(
        "The passkey was not accepted: {why}.", "Try again, or use your password or a one-time link."
    ),
    "too-many-passkeys": Message("You have {most} passkeys already.", "Remove one that you no longer use."),
}

MESSAGES: Mapping[str, Message] = MappingProxyType(
    _FINDINGS | _LOCAL | _DEMO | _CHECKS | _REMOTE | _ALARMS | _WORLD | _PEOPLE
)
