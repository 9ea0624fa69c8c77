"""Whom the events of the ledger concern: candidates, and the people who were given or lost a role or a unit."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, literal, select, union_all

from tracker.extensions import db
from tracker.models import (
    AccountChange,
    Acknowledgement,
    ActionPoint,
    Allocation,
    Assessment,
    Claim,
    EarlierName,
    Erasure,
    Event,
    Evidence,
    EvidenceVersion,
    Grant,
    IssuedForm,
    Person,
    RecordWithdrawal,
    Registration,
    Reopening,
    RequirementConfirmation,
    RetentionHold,
    Sample,
    Signature,
    Submission,
    UnitAttempt,
    VersionMove,
    WitnessTestimony,
)

People = frozenset[int] | None
"""The ids of the people whom an event concerns; None if it may concern anybody."""
OF_CANDIDATE = (UnitAttempt, Evidence, Registration)
OF_ATTEMPT = (
    ActionPoint,
    Allocation,
    Assessment,
    Claim,
    IssuedForm,
    Reopening,
    RequirementConfirmation,
    Sample,
    Signature,
    VersionMove,
    WitnessTestimony,
)
OF_PERSON = (AccountChange, Allocation, EarlierName, Grant)
OF_NOBODY = frozenset(
    {
        "centre", "criterion_link", "guidance", "guidance_unit", "import_run", "qualification", "retention_rule",
        "signing_key", "unit_draft", "user_session", "visit",
    }
)  # fmt: skip
"""What events may be about without a change of anybody's claims, submissions, decisions or units."""


def list_concerned(after: int, until: int) -> list[tuple[int, People]]:
    """Return the numbers of the events between two numbers, the latter included, with whom each concerns.

    Runs at most two SQL statements.
    """
    query = select(Event.seq, Event.object_type, Event.object_id).where(Event.seq > after, Event.seq <= until)
    events = db.session.execute(query.order_by(Event.seq)).all()
    people = _find_people((kind, key) for _, kind, key in events)
    return [
        (seq, frozenset() if kind in OF_NOBODY else frozenset(people[kind, key]) or None) for seq, kind, key in events
    ]


def _find_people(things: Iterable[tuple[str, int]]) -> defaultdict[tuple[str, int], set[int]]:
    ids: defaultdict[str, set[int]] = defaultdict(set)
    for kind, key in things:
        ids[kind].add(key)
    parts = [
        query.add_columns(literal(kind)).where(column.in_(ids[kind]))
        for kind, column, query in _list_ways()
        if kind in ids
    ]
    people: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for key, person_id, kind in db.session.execute(union_all(*parts)) if parts else ():
        people[kind, key].add(person_id)
    return people


def _list_ways() -> list[tuple[str, Any, Select[*tuple[Any, ...]]]]:
    """Return each kind of thing with its column of ids and a SELECT of the ids and the people."""
    by_evidence = select(EvidenceVersion.id, Evidence.candidate_id).join(
        Evidence, Evidence.id == EvidenceVersion.evidence_id
    )
    by_submission = (
        select(Submission.id, Evidence.candidate_id)
        .join(EvidenceVersion, EvidenceVersion.id == Submission.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
    )
    by_acknowledgement = (
        select(Acknowledgement.id, Evidence.candidate_id)
        .join(EvidenceVersion, EvidenceVersion.id == Acknowledgement.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
    )
    by_withdrawal = (
        select(RecordWithdrawal.id, Evidence.candidate_id)
        .join(EvidenceVersion, EvidenceVersion.id == RecordWithdrawal.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
    )
    ways: list[tuple[Any, Select[*tuple[Any, ...]]]] = [
        (Person, select(Person.id, Person.id)),
        (EvidenceVersion, by_evidence),
        (Submission, by_submission),
        (Acknowledgement, by_acknowledgement),
        (RecordWithdrawal, by_withdrawal),
        *((model, select(model.id, model.candidate_id)) for model in OF_CANDIDATE),
        *((model, select(model.id, model.person_id)) for model in OF_PERSON),
        *(
            (
                model,
                select(model.id, UnitAttempt.candidate_id).join(UnitAttempt, UnitAttempt.id == model.attempt_id),
            )
            for model in OF_ATTEMPT
        ),
        *(
            (
                model,
                select(model.id, Registration.candidate_id).join(
                    Registration, Registration.id == model.registration_id
                ),
            )
            for model in (Erasure, RetentionHold)
        ),
    ]
    return [(model.__tablename__, model.id, query) for model, query in ways]
