"""Evidence added to the demonstration by the product's services, each act in a transaction of its own."""

import io
import os

from sqlalchemy import select

from tracker import clock
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Criterion, Evidence, Grant, Person, UnitAttempt
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.evidence import create_draft, save_draft
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence
from tracker.vocabulary import AttemptState, Method


def submit_sample_evidence(title: str, *, removed_claims: int = 0) -> bytes:
    """Submit an item of Alice with a file and a claim. Return the file's bytes.

    `removed_claims` of the unit's next criteria are claimed first, and the claims removed again.
    """
    content = title.encode() + b" " + os.urandom(200).hex().encode()
    file = store_file(io.BytesIO(content), f"{title}.txt")
    with transaction():
        attempt = _open_attempt()
        actor = _candidate(attempt)
        evidence = create_draft(attempt.candidate_id, attempt.centre_id)
        save_draft(evidence, _fields(title), None)
        attach_file(evidence, file)
        for on in (True, False):
            other_ticks = [_tick(attempt, evidence, each + 1, ticked=on) for each in range(removed_claims)]
            set_claims(other_ticks, attempt.candidate_id, actor)
        set_claims([_tick(attempt, evidence)], attempt.candidate_id, actor)
    with transaction():
        submit_evidence(db.session.get_one(Evidence, evidence.id), actor)
    return content


def find_claim(title: str) -> tuple[Claim, Actor]:
    """Return the claim of an item of Alice, and Alice as the actor."""
    query = select(Claim).join(Evidence, Evidence.id == Claim.evidence_id).where(Evidence.title == title)
    return db.session.scalars(query.order_by(Claim.id).limit(1)).one(), _candidate(_open_attempt())


def _open_attempt() -> UnitAttempt:
    query = select(UnitAttempt).join(Person, Person.id == UnitAttempt.candidate_id)
    open_attempts = query.where(Person.name == "Alice Moran", UnitAttempt.state == AttemptState.IN_PROGRESS)
    return db.session.scalars(open_attempts.order_by(UnitAttempt.id).limit(1)).one()


def _candidate(attempt: UnitAttempt) -> Actor:
    grant = db.session.scalars(select(Grant.id).where(Grant.person_id == attempt.candidate_id)).one()
    return Actor(attempt.candidate_id, grant, "proof")


def _fields(title: str) -> dict[str, object]:
    return {
        "title": title,
        "method": Method.WORK_PRODUCT,
        "happened_from": clock.today(),
        "occasion": "Late shift",
        "customers": "One customer",
        "narrative": "I took the call myself.",
    }


def _tick(attempt: UnitAttempt, evidence: Evidence, place: int = 0, *, ticked: bool = True) -> Tick:
    query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    criterion = db.session.scalars(query.order_by(Criterion.id).offset(place).limit(1)).one()
    return Tick(attempt.id, evidence.id, criterion, ticked=ticked, locator="")
