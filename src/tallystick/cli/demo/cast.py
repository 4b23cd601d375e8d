"""Who is in the demo: invented units, posts and people. Only posts enter the shared record."""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.core.entries import Duty


@dataclass(frozen=True)
class Member:
    """One officer of the demo. ``name`` and ``login`` stay on the node; ``post`` is what partners see.

    Ceilings are in major units of ``currency``; None for no limit.
    """

    party: str
    login: str
    name: str
    post: str
    duties: tuple[Duty, ...]
    currency: str = ""
    per_act: int | None = None
    featured: bool = False  # gets a sign-in link on the terminal
    what: str = ""  # what to try as this officer


CAST: tuple[Member, ...] = (
    Member("JP", "sato", "Sato Haruka", "Fleet Staff N4, Yokosuka", (Duty.REQUESTER,)),
    Member("JP", "mori", "Mori Kenta", "Funds Certifying Officer, Fleet HQ", (Duty.FUNDS_CERTIFIER,)),
    Member(
        "JP", "tanaka", "Tanaka Yuki", "Ordering Officer, Fleet HQ", (Duty.ORDERING,), "INR", 60_000_000,
        featured=True, what="order, amend, agree to how a difference is resolved",
    ),
    Member(
        "JP", "ito", "Ito Daichi", "Supply Officer, JS Natsuzora", (Duty.RECEIVING,),
        featured=True, what="receive S1's deliveries on a phone, refuse what is spoiled",
    ),
    Member("JP", "kimura", "Kimura Aoi", "Paying Officer, Yokosuka", (Duty.PAYING,), featured=True, what="pay"),
    Member("JP", "abe", "Abe Ren", "Accepting Officer, Sasebo District", (Duty.ACCEPTING,), "JPY", 90_000_000),
    Member("JP", "ono", "Ono Mei", "Supply Depot, Sasebo", (Duty.ISSUING, Duty.INSPECTOR)),
    Member("JP", "hara", "Hara Sota", "Revenue Officer, Sasebo", (Duty.BILLING,)),
    Member("JP", "endo", "Endo Rin", "Agreement Coordinator, Tokyo", (Duty.COORDINATOR,), featured=True, what="close"),
    Member(
        "JP", "admin", "Node administrator", "Administrator, Tokyo", (Duty.ADMINISTRATOR,),
        featured=True, what="partner, people and warrants",
    ),
    Member("IN", "rao", "Rao Ananya", "Eastern Naval Command, Logistics Desk", (Duty.REQUESTER,)),
    Member("IN", "menon", "Menon Arjun", "Integrated Financial Adviser, ENC", (Duty.FUNDS_CERTIFIER,)),
    Member("IN", "singh", "Singh Vikram", "Ordering Officer, ENC", (Duty.ORDERING,), "JPY", 90_000_000),
    Member("IN", "das", "Das Ishita", "Supply Officer, INS Vardhini", (Duty.RECEIVING,)),
    Member("IN", "bose", "Bose Rahul", "Accounts Officer (Payments), Navy", (Duty.PAYING,)),
    Member(
        "IN", "nair", "Nair Lakshmi", "Accepting Officer, ENC Visakhapatnam", (Duty.ACCEPTING,), "INR", 60_000_000,
        featured=True, what="offer, accept, resolve differences",
    ),
    Member(
        "IN", "patel", "Patel Rohan", "Issuing Officer, Visakhapatnam", (Duty.ISSUING, Duty.INSPECTOR),
        featured=True, what="deliver S1's fuel and provisions from the pier",
    ),
    Member(
        "IN", "iyer", "Iyer Kavya", "Billing Officer, Visakhapatnam", (Duty.BILLING,),
        featured=True, what="invoice, record funds received",
    ),
    Member("IN", "khan", "Khan Sameer", "Agreement Coordinator, New Delhi", (Duty.COORDINATOR,), featured=True, what="close"),
    Member("IN", "audit", "Joshi Meera", "Audit Officer, New Delhi", (Duty.AUDITOR,), featured=True, what="read everything"),
    Member(
        "IN", "admin", "Node administrator", "Administrator, New Delhi", (Duty.ADMINISTRATOR,),
        featured=True, what="partner, people and warrants",
    ),
)  # fmt: skip


def by_duty(party: str, duty: Duty) -> Member:
    """Return the first member of ``party`` with ``duty``."""
    return next(member for member in CAST if member.party == party and duty in member.duties)
