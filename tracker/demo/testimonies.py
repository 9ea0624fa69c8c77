"""Invented witnesses of the demonstration: one who has signed with a link and a code, and one whose link is open."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tracker.ledger import transactions
from tracker.ledger.events import Actor
from tracker.models import UnitAttempt
from tracker.records.services.testifying import TypedTestimony, read_code, request_code, sign_testimony
from tracker.records.services.testimony_requests import AskedTestimony, ask_witness
from tracker.vocabulary import WitnessStatus

CLIENT_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class DemoTestimony:
    """What a witness is asked, and what they write if they sign."""

    witness: str
    email: str
    title: str
    place: str
    labels: tuple[str, ...]
    job: str = ""
    relationship: str = ""
    narrative: str = ""


SIGNED = DemoTestimony(
    "Margaret Ellis",
    "m.ellis@corvell.example",
    "Late refund, case CH-2231",
    "Billing floor, Leeds",
    ("4", "5", "6", "7"),
    "Operations manager",
    "Her line manager since March 2025",
    "The customer had called three times about a refund. Alice took the call from a new adviser, found the refund had gone "
    "to a closed card, and had it paid again the same day. She called the customer back on the Friday to check it had "
    "arrived. She told me the form lets people pick closed cards, and I passed that on.",
)
ASKED = DemoTestimony(
    "Samuel Okoro",
    "s.okoro@corvell.example",
    "Handover of the late shift",
    "Floor 2, Leeds",
    ("1", "2"),
)


def ask(
    testimony: DemoTestimony,
    attempt: UnitAttempt,
    happened_on: date,
    find_criterion_id: Callable[[str], int],
    actor: Actor,
) -> str:
    """Ask a witness by email, and return the token of the link."""
    asked = AskedTestimony(
        testimony.witness,
        testimony.email,
        testimony.title,
        happened_on,
        testimony.place,
        [find_criterion_id(label) for label in testimony.labels],
    )
    return ask_witness(attempt, asked, actor)[1]


def sign(testimony: DemoTestimony, token: str, criterion_ids: list[int]) -> None:
    """Sign as the witness, who ticks these criteria, with the code that was sent."""

    def type_testimony(code: str = "") -> TypedTestimony:
        return TypedTestimony(
            name=testimony.witness,
            job=testimony.job,
            relationship=testimony.relationship,
            status=WitnessStatus.FAMILIAR,
            is_unrelated=True,
            narrative=testimony.narrative,
            criterion_ids=criterion_ids,
            signed_name=testimony.witness,
            code=code,
        )

    requested = request_code(token, type_testimony(), CLIENT_ADDRESS)
    code = read_code(requested) or ""
    # The attempt at the code is counted in a transaction of its own, so the code has to be stored before.
    transactions.commit()
    sign_testimony(token, type_testimony(code), CLIENT_ADDRESS)
