"""The enlarged demonstration that `scripts/bench` measures on: bulk inserts, no events."""

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

WORDS = {
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
"""What every item says."""


def enlarge(candidates: int, items: int, claims: int) -> dict[str, Any]:
    """Every candidate attempts CFACC15; the first one DELIVERCC too, on the same items. Ids for the pages come out."""
    with transaction():
        centre = db.session.scalars(select(Centre)).one()
        bob = db.session.scalars(select(Person).where(Person.email == "bob@example.org")).one()
        narrow, wide = find_unit_by_code("CFACC15"), find_unit_by_code("DELIVERCC")
        assert narrow
        assert wide
        people = [_candidate(centre, bob, number) for number in range(candidates)]
        attempts = [_attempt(person, centre, bob, narrow.id) for person in people]
        wide_attempt = _attempt(people[0], centre, bob, wide.id, attempts[0].registration_id)
        for person, attempt in zip(people, attempts, strict=True):
            _items(person, centre, bob, attempt, items, claims)
        _claim_widely(people[0], wide_attempt, claims)
        _settle()
        draft = _draft(people[0], centre)
        own = select(Evidence.id).where(Evidence.candidate_id == people[0].id).order_by(Evidence.number)
        evidence = list(db.session.scalars(own.where(Evidence.number.is_not(None))))
        criterion = db.session.scalar(
            select(Criterion.id).where(Criterion.unit_id == narrow.id, Criterion.label == "5")
        )
        return {
            "attempt": attempts[0].id,
            "wide_attempt": wide_attempt.id,
            "evidence": evidence[0],
            "waiting": evidence[-1],
            "draft": draft.id,
            "criterion": criterion,
            "candidate_token": start_session(people[0], "127.0.0.1", "bench", proven=True),
            "assessor_token": start_session(bob, "127.0.0.1", "bench", proven=True),
        }


def _settle() -> None:
    """Ids were given by hand: PostgreSQL's sequences catch up, and both databases learn the sizes of their tables."""
    if db.session.get_bind().dialect.name == "postgresql":
        for model in (Evidence, EvidenceVersion, Assessment, Claim):
            table = model.__tablename__
            db.session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
            )
    db.session.execute(text("ANALYZE"))


def _candidate(centre: Centre, bob: Person, number: int) -> Person:
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


def _attempt(
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


def _items(person: Person, centre: Centre, bob: Person, attempt: UnitAttempt, items: int, claims: int) -> None:
    """Items that claim criteria of the unit; Bob has accepted four of five, with every claim met."""
    criteria = _criteria(attempt)
    first = {model: _next_id(model) for model in (Evidence, EvidenceVersion, Assessment, Claim)}
    rows: dict[Any, list[dict[str, Any]]] = {
        model: [] for model in (Evidence, EvidenceVersion, Submission, Claim, Assessment, Decision)
    }
    for index in range(items):
        evidence, version, assessment = (first[model] + index for model in (Evidence, EvidenceVersion, Assessment))
        moment = now() - timedelta(days=items - index)
        said = WORDS | {"title": f"Complaint CH-{2000 + index}: case notes and three contacts"}
        rows[Evidence].append(said | _as_item(evidence, person, centre, index + 1, moment))
        rows[EvidenceVersion].append(said | _as_sealed(version, evidence, moment))
        rows[Submission].append(_submission(version, person, moment))
        accepted = index % 5 != 4
        if accepted:
            rows[Assessment].append(_accepted(assessment, attempt, version, bob, moment))
        for offset in range(claims):
            claim = first[Claim] + index * claims + offset
            criterion = criteria[(index * 3 + offset * 5) % len(criteria)]
            rows[Claim].append(_claim(claim, attempt, evidence, criterion, "p. 2", person, moment))
            if accepted:
                rows[Decision].append(_met(attempt, claim, version, assessment, bob, moment))
    for model, found in rows.items():
        db.session.execute(insert(model), found)


def _criteria(attempt: UnitAttempt) -> list[int]:
    query = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    return list(db.session.scalars(query.order_by(Criterion.position)))


def _next_id(model: Any) -> int:
    return (db.session.scalar(select(func.max(model.id))) or 0) + 1


def _as_item(key: int, person: Person, centre: Centre, number: int, moment: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "centre_id": centre.id,
        "candidate_id": person.id,
        "number": number,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }


def _as_sealed(key: int, evidence: int, moment: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "evidence_id": evidence,
        "number": 1,
        "content_hash": f"{key:064}",
        "sealed_at": moment,
    }


def _submission(version: int, person: Person, moment: datetime) -> dict[str, Any]:
    return {
        "evidence_version_id": version,
        "declaration": "Mine.",
        "submitted_at": moment,
        "submitted_by_id": person.id,
    }


def _accepted(key: int, attempt: UnitAttempt, version: int, bob: Person, moment: datetime) -> dict[str, Any]:
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


def _claim(
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


def _met(
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


def _claim_widely(person: Person, attempt: UnitAttempt, claims: int) -> None:
    """The same items claim criteria of the unit with 53 columns too."""
    criteria, first = _criteria(attempt), _next_id(Claim)
    query = select(Evidence.id).where(Evidence.candidate_id == person.id).order_by(Evidence.number)
    rows = []
    for index, evidence in enumerate(db.session.scalars(query)):
        for offset in range(claims):
            key, criterion = first + index * claims + offset, criteria[(index * 7 + offset * 11) % len(criteria)]
            rows.append(_claim(key, attempt, evidence, criterion, "", person, now()))
    db.session.execute(insert(Claim), rows)


def _draft(person: Person, centre: Centre) -> Evidence:
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
