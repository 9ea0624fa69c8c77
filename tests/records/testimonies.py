"""Testimonies for tests: asked for, signed and answered by the services that the pages call."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests import factories
from tests.factories import World
from tracker.clock import now, today
from tracker.ledger.transactions import transaction
from tracker.models import EvidenceVersion, Person, Sample, UnitAttempt, WitnessTestimony
from tracker.records.services.authenticating import authenticate_testimony
from tracker.records.services.testifying import TypedTestimony, get_open_testimony, request_code, sign_testimony
from tracker.records.services.testimony_requests import AskedTestimony, ask_witness, hand_over
from tracker.vocabulary import WitnessStatus

Inbox = Callable[[Any], list[str]]
MARGARET = "m.ellis@corvell.example"
NARRATIVE = "Alice took the call and had the refund paid again the same day."
HERE = "127.0.0.1"


def list_ids(attempt: UnitAttempt, *labels: str) -> list[int]:
    return [factories.criterion(attempt, label).id for label in labels]


def ask(attempt: UnitAttempt, asker: Person, **fields: Any) -> WitnessTestimony:
    """Ask Margaret Ellis to confirm criteria 5 and 6."""
    values: dict[str, Any] = {
        "witness_name": "Margaret Ellis",
        "email": MARGARET,
        "title": "Late refund, case CH-2231",
        "happened_on": today() - timedelta(days=3),
        "place": "Billing floor, Leeds",
        "criterion_ids": list_ids(attempt, "5", "6"),
    }
    with transaction():
        testimony, _ = ask_witness(attempt, AskedTestimony(**{**values, **fields}), factories.make_actor(asker))
    return testimony


def find_token(emails_to: Inbox, address: str = MARGARET) -> str:
    """Return the token of the newest link in the witness's emails."""
    found = re.findall(r"/witness/([\w-]+)", "".join(emails_to(address)))
    assert found
    return str(found[-1])


def find_code(emails_to: Inbox, address: str = MARGARET) -> str:
    """Return the newest code in the witness's emails."""
    found = re.findall(r"Your code is (\d{6})", "".join(emails_to(address)))
    assert found
    return str(found[-1])


def type_testimony(testimony: WitnessTestimony, **fields: Any) -> TypedTestimony:
    """Return what Margaret types: she saw criterion 5."""
    values: dict[str, Any] = {
        "name": "Margaret Ellis",
        "job": "Operations manager",
        "relationship": "Her line manager since March 2025",
        "status": WitnessStatus.FAMILIAR,
        "is_unrelated": True,
        "narrative": NARRATIVE,
        "criterion_ids": testimony.criterion_ids[:1],
        "signed_name": "Margaret Ellis",
    }
    return TypedTestimony(**{**values, **fields})


def sign(testimony: WitnessTestimony, emails_to: Inbox, **fields: Any) -> WitnessTestimony:
    """Sign a testimony with the link and the code that were emailed."""
    token = find_token(emails_to)
    typed = type_testimony(testimony, **fields)
    with transaction():
        request_code(token, typed, HERE)
    with transaction():
        code = find_code(emails_to)
        return sign_testimony(token, type_testimony(testimony, code=code, **fields), HERE)


def sign_in_person(attempt: UnitAttempt, asker: Person, **fields: Any) -> WitnessTestimony:
    """Sign on the device of somebody who handed it over."""
    with transaction():
        asked = AskedTestimony("Margaret Ellis", "", "Late refund", today(), "Leeds", list_ids(attempt, "5", "6"))
        token = hand_over(attempt, asked, factories.make_actor(asker))
    with transaction():
        testimony = get_open_testimony(token, HERE)
        return sign_testimony(token, type_testimony(testimony, **fields), HERE)


def build_sample(world: World) -> Sample:
    """Return a sample of Carol, with which she has verified the unit."""
    return Sample(
        attempt_id=world.cfacc15.id,
        round=1,
        verifier_id=world.carol.id,
        sampled_at=now(),
        is_interim=True,
        comment="",
    )


def authenticate(testimony: WitnessTestimony, assessor: Person) -> EvidenceVersion:
    with transaction():
        return authenticate_testimony(testimony, testimony.attempt, factories.make_actor(assessor))
