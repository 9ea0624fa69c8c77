"""Export of staff data: what assessors, verifiers and administrators wrote and signed, without naming candidates."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from tracker.accounts.earlier_names import list_earlier_labels
from tracker.extensions import db
from tracker.models import (
    Acknowledgement,
    ActionPoint,
    Allocation,
    Assessment,
    Attachment,
    BankQuestion,
    Base,
    CentreEvidenceRule,
    Countersignature,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    QuestionSet,
    Reopening,
    Sample,
    SampleItem,
    Signature,
    Unit,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.privacy.anonymisation import NameReplacer, read_columns
from tracker.privacy.export_remarks import read_own_remarks, read_settled_remarks
from tracker.privacy.export_staff_record import read_staff_register_work
from tracker.privacy.export_witness_list import read_witness_list_work
from tracker.vocabulary import RecordKind

CANDIDATE = "the candidate"
WRITTEN: dict[str, tuple[type[Base], str, tuple[str, ...], tuple[str, ...]]] = {
    "allocations": (Allocation, "person_id", ("role", "starts_at", "ends_at"), ()),
    "assessments": (
        Assessment,
        "assessor_id",
        ("state", "outcome", "valid", "authentic", "current", "sufficient", "started_at", "released_at"),
        ("feedback", "warnings_reason", "answer_marks"),
    ),
    "questions_set": (QuestionSet, "set_by_id", ("set_at", "due_on"), ("content", "note")),
    "questions_taken_back": (QuestionSet, "taken_back_by_id", ("taken_back_at",), ("taken_back_reason",)),
    "decisions": (Decision, "decided_by_id", ("outcome", "decided_at", "superseded_at"), ("comment",)),
    "countersignatures": (
        Countersignature,
        "person_id",
        ("asked_at", "answered_at", "agrees", "ended_at", "ended_because"),
        ("reason",),
    ),
    "signatures": (
        Signature,
        "person_id",
        (
            "role",
            "round",
            "signed_at",
            "superseded_at",
            "date_sampled",
            "statement",
            "snapshot_hash",
            "address_confirmed",
        ),
        ("comment", "unsampled_reason", "warnings_reason"),
    ),
    "reopened": (Reopening, "reopened_by_id", ("kind", "round", "reopened_at"), ("reason",)),
    "samples": (Sample, "verifier_id", ("round", "sampled_at", "is_interim"), ("comment",)),
    "action_points_raised": (ActionPoint, "raised_by_id", ("round", "raised_at", "due_on", "closed_at"), ("action",)),
    "testimonies_asked_for": (
        WitnessTestimony,
        "asked_by_id",
        ("asked_at", "happened_on", "expires_at", "withdrawn_at", "declined_at", "signed_at"),
        ("witness_name", "title", "place"),
    ),
    "testimonies_answered": (WitnessTestimony, "answered_by_id", ("answered_at",), ("refusal_reason",)),
    "testimonies_given": (WitnessTestimony, "witness_id", ("signed_at",), ("title", "narrative", "content")),
    "action_points_answered": (ActionPoint, "responded_by_id", ("round", "responded_at"), ("response",)),
}
"""Rows about an attempt: the model, the column with its author, its plain columns, and its columns of free text."""


def read_work(person: Person) -> dict[str, Any]:
    """Return what a person wrote and signed about other people's attempts, and wrote in their staff records."""
    written = {name: _list_written(person, *source) for name, source in WRITTEN.items()}
    return {
        **written,
        "sampled_decisions": _list_sampled(person),
        "remarks": _list_remarks(person),
        "remarks_settled": read_settled_remarks(person),
        "records": _list_records(person),
        "acknowledgements": _list_acknowledgements(person),
        "own_work_countersigned": _list_countersigned(person),
        "questions": _list_questions(person),
        "evidence_guidance": _list_evidence_rules(person),
        "evidence_guidance_ended": _list_ended_rules(person),
        "staff_register": read_staff_register_work(person),
        "witness_list": read_witness_list_work(person),
    }


def _list_written(
    person: Person, model: type[Base], author_column: str, columns: tuple[str, ...], texts: tuple[str, ...]
) -> list[dict[str, Any]]:
    table = db.metadata.tables[model.__tablename__]
    query = (
        select(model, Unit.code, Person)
        .join(UnitAttempt, UnitAttempt.id == table.c.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(table.c[author_column] == person.id, UnitAttempt.candidate_id != person.id)
        .order_by(table.c.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({each.Person.id for each in rows})
    return [
        {
            "unit": code,
            **read_columns(row, *columns),
            **_read_texts(row, texts, _replace_candidate(candidate, earlier)),
        }
        for row, code, candidate in rows
    ]


def _read_texts(row: Any, names: tuple[str, ...], people: NameReplacer) -> dict[str, str | None]:
    """Return texts without names; marks of answers, which are stored as JSON, as text too."""
    texts = {name: getattr(row, name) for name in names}
    return {
        name: people.replace_names(json.dumps(text, ensure_ascii=False) if isinstance(text, dict) else text)
        for name, text in texts.items()
    }


def _replace_candidate(candidate: Person, earlier: Mapping[int, list[tuple[str, str]]]) -> NameReplacer:
    labels = [(candidate.name, candidate.email), *earlier.get(candidate.id, [])]
    return NameReplacer(dict.fromkeys(labels, CANDIDATE))


def _list_countersigned(person: Person) -> list[dict[str, Any]]:
    """List what others were asked to countersign of this person's work, with the reasons of those who disagreed."""
    query = (
        select(Countersignature, Unit.code, Person)
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .where(func.coalesce(Assessment.assessor_id, Signature.person_id) == person.id)
        .order_by(Countersignature.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({each.Person.id for each in rows})
    return [
        {
            "unit": code,
            **read_columns(row, "asked_at", "answered_at", "agrees", "ended_at", "ended_because"),
            **_read_texts(row, ("reason",), _replace_candidate(candidate, earlier)),
        }
        for row, code, candidate in rows
    ]


def _list_questions(person: Person) -> list[dict[str, Any]]:
    """List the questions that a person wrote in banks, every version."""
    query = (
        select(BankQuestion, Unit.code)
        .join(Unit, Unit.id == BankQuestion.unit_id)
        .where(BankQuestion.written_by_id == person.id)
        .order_by(BankQuestion.id)
    )
    return [
        {"unit": code, **read_columns(each, "number", "text", "marks", "guidance", "written_at", "ended_at")}
        for each, code in db.session.execute(query)
    ]


def _list_remarks(person: Person) -> list[dict[str, Any]]:
    """List the remarks that a person wrote on evidence."""
    candidates = select(Assessment.attempt_id).where(Assessment.assessor_id == person.id)
    people = select(UnitAttempt.candidate_id).where(UnitAttempt.id.in_(candidates))
    earlier = list_earlier_labels(set(db.session.scalars(people)))
    return read_own_remarks(person, lambda candidate: _replace_candidate(candidate, earlier))


def _list_evidence_rules(person: Person) -> list[dict[str, Any]]:
    """List the rules of evidence guidance that a person set, every version."""
    query = (
        select(CentreEvidenceRule, Unit.code)
        .join(Unit, Unit.id == CentreEvidenceRule.unit_id)
        .where(CentreEvidenceRule.written_by_id == person.id)
        .order_by(CentreEvidenceRule.id)
    )
    return [
        {"unit": code, **read_columns(each, "number", "content", "written_at", "ended_at")}
        for each, code in db.session.execute(query)
    ]


def _list_ended_rules(person: Person) -> list[dict[str, Any]]:
    """List the rules of evidence guidance that a person ended or replaced, without what others wrote in them."""
    query = (
        select(CentreEvidenceRule, Unit.code)
        .join(Unit, Unit.id == CentreEvidenceRule.unit_id)
        .where(CentreEvidenceRule.ended_by_id == person.id)
        .order_by(CentreEvidenceRule.id)
    )
    return [
        {"unit": code, "kind": each.content["kind"], **read_columns(each, "number", "ended_at")}
        for each, code in db.session.execute(query)
    ]


def _list_sampled(person: Person) -> list[dict[str, Any]]:
    query = (
        select(SampleItem, Unit.code, Person)
        .join(Sample, Sample.id == SampleItem.sample_id)
        .join(UnitAttempt, UnitAttempt.id == Sample.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(Sample.verifier_id == person.id)
        .order_by(SampleItem.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({each.Person.id for each in rows})
    return [
        {
            "unit": code,
            **read_columns(item, "agrees"),
            **_read_texts(item, ("comment",), _replace_candidate(candidate, earlier)),
        }
        for item, code, candidate in rows
    ]


def _list_records(person: Person) -> list[dict[str, Any]]:
    """List the records of assessment that a person wrote: the draft with its files, and every finished version.

    The files show the candidate, so they are named alone. Those of finished versions are in the candidate's
    own data (docs/rules.md, Records of assessment, rule 15).
    """
    query = (
        select(Evidence, Person)
        .join(Person, Person.id == Evidence.candidate_id)
        .where(Evidence.author_id == person.id, Evidence.record_kind != RecordKind.WITNESS_TESTIMONY)
        .options(
            selectinload(Evidence.versions).joinedload(EvidenceVersion.withdrawal), selectinload(Evidence.attachments)
        )
        .order_by(Evidence.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({each.Person.id for each in rows})
    return [
        {
            **read_columns(record, "record_kind", "created_at", "updated_at", "discarded_at"),
            "draft": {
                **_read_record(record, candidate, earlier),
                "files": [_read_file(each, candidate, earlier) for each in record.attachments],
            },
            "versions": [
                {
                    **read_columns(each, "number", "sealed_at"),
                    **_read_record(each, candidate, earlier),
                    **_read_withdrawal(each, candidate, earlier),
                }
                for each in record.versions
            ],
        }
        for record, candidate in rows
    ]


def _read_file(file: Attachment, candidate: Person, earlier: Mapping[int, list[tuple[str, str]]]) -> dict[str, Any]:
    return {
        **_read_texts(file, ("name",), _replace_candidate(candidate, earlier)),
        **read_columns(file, "size", "uploaded_at"),
    }


def _read_record(
    record: Evidence | EvidenceVersion, candidate: Person, earlier: Mapping[int, list[tuple[str, str]]]
) -> dict[str, Any]:
    people = _replace_candidate(candidate, earlier)
    return {
        **read_columns(record, "happened_from"),
        **_read_texts(record, ("title", "narrative", "content"), people),
    }


def _read_withdrawal(
    version: EvidenceVersion, candidate: Person, earlier: Mapping[int, list[tuple[str, str]]]
) -> dict[str, Any]:
    """Return the withdrawal of a version; nothing where it was not withdrawn."""
    if version.withdrawal is None:
        return {}
    texts = _read_texts(version.withdrawal, ("reason",), _replace_candidate(candidate, earlier))
    return {"withdrawal": {**read_columns(version.withdrawal, "withdrawn_at"), **texts}}


def _list_acknowledgements(person: Person) -> list[dict[str, Any]]:
    """List a person's decisions on candidates' objections to records."""
    query = (
        select(Acknowledgement, Person)
        .join(EvidenceVersion, EvidenceVersion.id == Acknowledgement.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .join(Person, Person.id == Evidence.candidate_id)
        .where(Acknowledgement.acknowledged_by_id == person.id, Evidence.candidate_id != person.id)
        .order_by(Acknowledgement.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({each.Person.id for each in rows})
    return [
        {
            **read_columns(each, "role", "answer", "statement", "acknowledged_at"),
            **_read_texts(each, ("reason",), _replace_candidate(candidate, earlier)),
        }
        for each, candidate in rows
    ]
