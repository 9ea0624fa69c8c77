"""Candidates, evidence and claims added to the demonstration for `scripts/bench`, by bulk inserts without events."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text

from tracker.accounts.sessions import start_session
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import find_unit_by_code
from tracker.models import (
    Allocation,
    Assessment,
    Centre,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Registration,
    Submission,
    UnitAttempt,
)
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Method, Outcome, Role

ITEM_FIELDS = {
    "method": Method.WORK_PRODUCT,
    "happened_from": date(2026, 10, 1),
    "happened_until": None,
    "occasion": "Late shift",
    "customers": "Case CH-1",
    "narrative": "I took the call, listened, and did what our procedure asks. " * 6,
    "workplace_location": "",
    "workplace_holder": "",
    "workplace_seen_by": "",
}
"""The fields that all items share."""


def enlarge(candidates: int, items: int, claims: int) -> dict[str, Any]:
    """Add candidates who attempt CFACC15, the first one also DELIVERCC with the same items. Return ids for the pages."""
    with transaction():
        centre = db.session.scalars(select(Centre)).one()
        bob = db.session.scalars(select(Person).where(Person.email == "bob@example.org")).one()
        narrow, wide = find_unit_by_code("CFACC15"), find_unit_by_code("DELIVERCC")
        assert narrow
        assert wide
        people = [_create_candidate(centre, bob, number) for number in range(candidates)]
        attempts = [_create_attempt(person, centre, bob, narrow.id) for person in people]
        wide_attempt = _create_attempt(people[0], centre, bob, wide.id, attempts[0].registration_id)
        for person, attempt in zip(people, attempts, strict=True):
            _insert_items(person, centre, bob, attempt, items, claims)
        _claim_wide_unit(people[0], wide_attempt, claims)
        _update_sequences_and_statistics()
        draft = _create_draft(people[0], centre)
        items_of_first = select(Evidence.id).where(Evidence.candidate_id == people[0].id).order_by(Evidence.number)
        evidence = list(db.session.scalars(items_of_first.where(Evidence.number.is_not(None))))
        criterion = db.session.scalar(
            select(Criterion.id).where(Criterion.unit_id == narrow.id, Criterion.label == "5")
        )
        return {
            "attempt": attempts[0].id,
            "wide_attempt": wide_attempt.id,
            "evidence": evidence[0],
            "submitted": evidence[-1],
            "draft": draft.id,
            "criterion": criterion,
            "candidate_token": start_session(people[0], "127.0.0.1", "bench", proven=True),
            "assessor_token": start_session(bob, "127.0.0.1", "bench", proven=True),
        }


def _update_sequences_and_statistics() -> None:
    """Set PostgreSQL's sequences after the ids that were inserted, and update the statistics of the query planner."""
    if db.session.get_bind().dialect.name == "postgresql":
        for model in (Evidence, EvidenceVersion, Assessment, Claim):
            table = model.__tablename__
            db.session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
            )
    db.session.execute(text("ANALYZE"))


def _create_candidate(centre: Centre, bob: Person, number: int) -> Person:
    person = Person(
        name=f"Candidate {number:03}", email=f"candidate{number}@example.org", password_hash="-", created_at=now()
    )
    db.session.add(person)
    db.session.flush()
    db.session.add(
        Grant(
            person_id=person.id,
            centre_id=centre.id,
            role=Role.CANDIDATE,
            starts_at=now(),
            granted_at=now(),
            granted_by_id=bob.id,
        )
    )
    return person


def _create_attempt(
    person: Person, centre: Centre, bob: Person, unit_id: int, registration_id: int | None = None
) -> UnitAttempt:
    if registration_id is None:
        registration = Registration(
            centre_id=centre.id,
            candidate_id=person.id,
            candidate_number=f"B{person.id}",
            awarding_body_number="X",
            awarding_body_date=date(2026, 9, 1),
            registered_at=now(),
            registered_by_id=bob.id,
        )
        db.session.add(registration)
        db.session.flush()
        registration_id = registration.id
    attempt = UnitAttempt(
        registration_id=registration_id,
        centre_id=centre.id,
        candidate_id=person.id,
        unit_id=unit_id,
        state=AttemptState.IN_PROGRESS,
        round=1,
        started_at=now(),
    )
    db.session.add(attempt)
    db.session.flush()
    db.session.add(
        Allocation(
            attempt_id=attempt.id,
            person_id=bob.id,
            role=Role.ASSESSOR,
            starts_at=now(),
            reason="bench",
            allocated_by_id=bob.id,
        )
    )
    return attempt


def _insert_items(person: Person, centre: Centre, bob: Person, attempt: UnitAttempt, items: int, claims: int) -> None:
    """Insert items that claim criteria of the unit. Bob has accepted four of five, with every claim met."""
    criteria = _list_criteria_ids(attempt)
    first = {model: _get_next_id(model) for model in (Evidence, EvidenceVersion, Assessment, Claim)}
    rows: dict[Any, list[dict[str, Any]]] = {
        model: [] for model in (Evidence, EvidenceVersion, Submission, Claim, Assessment, Decision)
    }
    for index in range(items):
        evidence, version, assessment = (first[model] + index for model in (Evidence, EvidenceVersion, Assessment))
        moment = now() - timedelta(days=items - index)
        fields = ITEM_FIELDS | {"title": f"Complaint CH-{2000 + index}: case notes and three contacts"}
        rows[Evidence].append(fields | _build_evidence(evidence, person, centre, index + 1, moment))
        rows[EvidenceVersion].append(fields | _build_version(version, evidence, moment))
        rows[Submission].append(_build_submission(version, person, moment))
        accepted = index % 5 != 4
        if accepted:
            rows[Assessment].append(_build_accepted_assessment(assessment, attempt, version, bob, moment))
        for offset in range(claims):
            claim = first[Claim] + index * claims + offset
            criterion = criteria[(index * 3 + offset * 5) % len(criteria)]
            rows[Claim].append(_build_claim(claim, attempt, evidence, criterion, "p. 2", person, moment))
            if accepted:
                rows[Decision].append(_build_met_decision(attempt, claim, version, assessment, bob, moment))
    for model, model_rows in rows.items():
        db.session.execute(insert(model), model_rows)


def _list_criteria_ids(attempt: UnitAttempt) -> list[int]:
    query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    return list(db.session.scalars(query.order_by(Criterion.position)))


def _get_next_id(model: Any) -> int:
    return (db.session.scalar(select(func.max(model.id))) or 0) + 1


def _build_evidence(key: int, person: Person, centre: Centre, number: int, moment: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "centre_id": centre.id,
        "candidate_id": person.id,
        "number": number,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }


def _build_version(key: int, evidence: int, moment: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "evidence_id": evidence,
        "number": 1,
        "content_hash": f"{key:064}",
        "sealed_at": moment,
    }


def _build_submission(version: int, person: Person, moment: datetime) -> dict[str, Any]:
    return {
        "evidence_version_id": version,
        "declaration": "Mine.",
        "submitted_at": moment,
        "submitted_by_id": person.id,
    }


def _build_accepted_assessment(
    key: int, attempt: UnitAttempt, version: int, bob: Person, moment: datetime
) -> dict[str, Any]:
    return {
        "id": key,
        "attempt_id": attempt.id,
        "evidence_version_id": version,
        "assessor_id": bob.id,
        "state": AssessmentState.RELEASED,
        "outcome": AssessmentOutcome.ACCEPTED,
        "valid": True,
        "authentic": True,
        "current": True,
        "sufficient": True,
        "feedback": "Good.",
        "draft_decisions": {},
        "started_at": moment,
        "saved_at": moment,
        "released_at": moment,
    }


def _build_claim(
    key: int, attempt: UnitAttempt, evidence: int, criterion: int, locator: str, person: Person, moment: datetime
) -> dict[str, Any]:
    return {
        "id": key,
        "attempt_id": attempt.id,
        "evidence_id": evidence,
        "criterion_id": criterion,
        "locator": locator,
        "claimed_at": moment,
        "claimed_by_id": person.id,
    }


def _build_met_decision(
    attempt: UnitAttempt, claim: int, version: int, assessment: int, bob: Person, moment: datetime
) -> dict[str, Any]:
    return {
        "attempt_id": attempt.id,
        "claim_id": claim,
        "evidence_version_id": version,
        "assessment_id": assessment,
        "outcome": Outcome.MET,
        "comment": "",
        "decided_at": moment,
        "decided_by_id": bob.id,
    }


def _claim_wide_unit(person: Person, attempt: UnitAttempt, claims: int) -> None:
    """Insert claims of the same items for criteria of the unit with 53 columns."""
    criteria, first = _list_criteria_ids(attempt), _get_next_id(Claim)
    query = select(Evidence.id).where(Evidence.candidate_id == person.id).order_by(Evidence.number)
    rows = []
    for index, evidence in enumerate(db.session.scalars(query)):
        for offset in range(claims):
            key, criterion = first + index * claims + offset, criteria[(index * 7 + offset * 11) % len(criteria)]
            rows.append(_build_claim(key, attempt, evidence, criterion, "", person, now()))
    db.session.execute(insert(Claim), rows)


def _create_draft(person: Person, centre: Centre) -> Evidence:
    draft = Evidence(
        centre_id=centre.id,
        candidate_id=person.id,
        title="A draft",
        method=Method.WORK_PRODUCT,
        occasion="",
        customers="",
        narrative="Words.",
        workplace_location="",
        workplace_holder="",
        workplace_seen_by="",
        created_at=now(),
        updated_at=now(),
    )
    db.session.add(draft)
    db.session.flush()
    return draft
