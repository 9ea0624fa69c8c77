"""Export of a candidate's portfolio: registrations, units, evidence, claims and assessment decisions."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from tracker.accounts.earlier_names import list_earlier_labels
from tracker.extensions import db
from tracker.models import (
    EVIDENCE_FIELDS,
    Acknowledgement,
    Allocation,
    Assessment,
    Attachment,
    Claim,
    Countersignature,
    Decision,
    Evidence,
    EvidenceVersion,
    IssuedForm,
    Person,
    PortfolioAccess,
    QuestionSet,
    Registration,
    Reopening,
    Signature,
    UnitAttempt,
    VersionAttachment,
    WitnessTestimony,
)
from tracker.portfolio.set_questions import load_set, read_marks
from tracker.privacy.anonymisation import NameReplacer, read_columns
from tracker.privacy.export_remarks import RemarksByAssessment, read_released_remarks
from tracker.registrations.registration_changes import list_changes
from tracker.vocabulary import AssessmentState, RecordKind, Role

YOU = "you"
OTHERS = {
    Role.ASSESSOR: "your assessor",
    Role.INTERNAL_VERIFIER: "your internal verifier",
    Role.EXTERNAL_VERIFIER: "your external verifier",
}
CENTRE = "somebody at your centre"


class Colleagues:
    """The people who worked on a candidate's attempts, and what each is called in the candidate's export."""

    def __init__(self, person: Person, attempt_ids: Iterable[int]) -> None:
        query = (
            select(Person, Allocation.role)
            .join(Allocation, Allocation.person_id == Person.id)
            .where(Allocation.attempt_id.in_(list(attempt_ids)), Person.id != person.id)
            .order_by(Allocation.id)
        )
        rows = db.session.execute(query).all()
        self.words = {each.id: OTHERS.get(role, CENTRE) for each, role in rows} | {person.id: YOU}
        earlier = list_earlier_labels([each.id for each, _ in rows])
        self.names = NameReplacer(
            {
                label: self.words[each.id]
                for each, _ in rows
                for label in ((each.name, each.email), *earlier.get(each.id, ()))
            }
        )

    def describe(self, person_id: int | None) -> str | None:
        """Return what a person is called, or None for nobody."""
        return None if person_id is None else self.words.get(person_id, CENTRE)


def read_portfolio(person: Person, paths: dict[int, str]) -> dict[str, Any]:
    """Return everything stored about a candidate.

    Args:
        person: the candidate.
        paths: the path in the ZIP of each attachment, by its id.
    """
    attempts = list_own_attempts(person)
    colleagues = Colleagues(person, [each.id for each in attempts])
    remarks = read_released_remarks(person, colleagues.describe, colleagues.names)
    return {
        "registrations": [_describe_registration(each, colleagues) for each in list_own_registrations(person)],
        "units": [_describe_unit(each, colleagues, remarks) for each in attempts],
        "evidence": _list_evidence(person, colleagues, paths),
        "testimonies": _list_testimonies(person, colleagues),
        "question_sets": _list_question_sets(person, colleagues),
        "access_log": _list_accesses(person, colleagues),
    }


def list_own_registrations(person: Person) -> list[Registration]:
    """List a candidate's registrations at every centre."""
    query = (
        select(Registration)
        .where(Registration.candidate_id == person.id)
        .options(joinedload(Registration.centre), joinedload(Registration.qualification))
        .order_by(Registration.id)
    )
    return list(db.session.scalars(query))


def list_own_attempts(person: Person) -> list[UnitAttempt]:
    """List a candidate's attempts at every centre."""
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(UnitAttempt.unit), joinedload(UnitAttempt.registration))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_own_attachments(person: Person) -> list[tuple[Attachment, int | None]]:
    """List every file the candidate added, with the number of its evidence, or None for a draft.

    Of records that others wrote about them, the files of finished versions.
    """
    sealed = select(VersionAttachment.attachment_id)
    query = (
        select(Attachment, Evidence.number)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(Evidence.candidate_id == person.id, or_(Evidence.author_id.is_(None), Attachment.id.in_(sealed)))
        .order_by(Attachment.id)
    )
    return [(each, number) for each, number in db.session.execute(query)]


def list_own_forms(person: Person) -> list[tuple[IssuedForm, str]]:
    """List every recording form issued for the candidate's units, with the unit's slug."""
    query = (
        select(IssuedForm)
        .join(UnitAttempt, UnitAttempt.id == IssuedForm.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(IssuedForm.attempt).joinedload(UnitAttempt.unit))
        .order_by(IssuedForm.id)
    )
    return [(each, each.attempt.unit.slug) for each in db.session.scalars(query)]


def _describe_registration(registration: Registration, colleagues: Colleagues) -> dict[str, Any]:
    qualification = registration.qualification
    numbers = ("candidate_number", "awarding_body_number", "awarding_body_date")
    return {
        "centre": registration.centre.name,
        "for": f"{qualification.title} ({qualification.code})" if qualification else "single units",
        **read_columns(registration, *numbers, "registered_at"),
        "earlier_numbers": [
            {"until": read_columns(each, "changed_at")["changed_at"], **read_columns(each, *numbers)}
            for each in list_changes(registration)
        ],
        "withdrawn_at": read_columns(registration, "withdrawn_at")["withdrawn_at"],
        "withdrawn_reason": colleagues.names.replace_names(registration.withdrawn_reason),
    }


def _describe_unit(attempt: UnitAttempt, colleagues: Colleagues, remarks: RemarksByAssessment) -> dict[str, Any]:
    return {
        "unit": attempt.unit.code,
        "title": attempt.unit.title,
        "candidate_number": attempt.registration.candidate_number,
        **read_columns(attempt, "state", "round", "started_at", "assessed_at"),
        "void_reason": colleagues.names.replace_names(attempt.void_reason),
        "assessments": _list_assessments(attempt, colleagues, remarks),
        "signatures": _list_signatures(attempt, colleagues),
        "countersigned": _list_countersigned(attempt, colleagues),
        "reopened": _list_reopenings(attempt, colleagues),
    }


def _list_assessments(
    attempt: UnitAttempt, colleagues: Colleagues, remarks: RemarksByAssessment
) -> list[dict[str, Any]]:
    """List the released assessments with their remarks: drafts are not shown to the candidate."""
    query = (
        select(Assessment)
        .where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.RELEASED)
        .options(joinedload(Assessment.evidence_version).joinedload(EvidenceVersion.evidence))
        .order_by(Assessment.id)
    )
    return [
        {
            "evidence": each.evidence_version.evidence.number,
            "version": each.evidence_version.number,
            "by": colleagues.describe(each.assessor_id),
            **read_columns(each, "outcome", "valid", "authentic", "current", "sufficient", "released_at"),
            "feedback": colleagues.names.replace_names(each.feedback),
            "accepted_over_warnings": colleagues.names.replace_names(each.warnings_reason or ""),
            "remarks": remarks.get(each.id, []),
            **_describe_marks(each, colleagues),
        }
        for each in db.session.scalars(query)
    ]


def _describe_marks(assessment: Assessment, colleagues: Colleagues) -> dict[str, Any]:
    """Return the marks of answers to set questions; nothing for other evidence."""
    if assessment.answer_marks is None:
        return {}
    marks = [
        {"answer": number, "outcome": each.outcome, "comment": colleagues.names.replace_names(each.comment)}
        for number, each in read_marks(assessment.answer_marks).items()
    ]
    return {"answer_marks": marks}


def _list_question_sets(person: Person, colleagues: Colleagues) -> list[dict[str, Any]]:
    """List the questions that were set for a candidate. Their answers are with the evidence."""
    query = (
        select(QuestionSet)
        .join(UnitAttempt, UnitAttempt.id == QuestionSet.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(QuestionSet.attempt).joinedload(UnitAttempt.unit), joinedload(QuestionSet.evidence))
        .order_by(QuestionSet.id)
    )
    return [
        {
            "unit": each.attempt.unit.code,
            "set_by": colleagues.describe(each.set_by_id),
            **read_columns(each, "set_at", "due_on", "taken_back_at"),
            "questions": [
                {"question": colleagues.names.replace_names(asked.question), "criteria": asked.mark}
                for asked in load_set(each.content)
            ],
            "note": colleagues.names.replace_names(each.note),
            "taken_back_by": colleagues.describe(each.taken_back_by_id),
            "taken_back_because": _replace_names(colleagues, each.taken_back_reason),
            "evidence": each.evidence.number,
        }
        for each in db.session.scalars(query)
    ]


def _list_signatures(attempt: UnitAttempt, colleagues: Colleagues) -> list[dict[str, Any]]:
    query = select(Signature).where(Signature.attempt_id == attempt.id).order_by(Signature.id)
    names = (
        "role", "round", "signed_at", "superseded_at", "date_sampled", "statement", "snapshot_hash",
        "address_confirmed",
    )  # fmt: skip
    return [
        {
            "by": colleagues.describe(each.person_id),
            **read_columns(each, *names),
            "comment": colleagues.names.replace_names(each.comment),
            "unsampled_reason": colleagues.names.replace_names(each.unsampled_reason),
            "signed_over_warnings": colleagues.names.replace_names(each.warnings_reason),
            "unmet_evidence_guidance": [_describe_unmet(unmet, colleagues) for unmet in each.unmet_guidance or []],
        }
        for each in db.session.scalars(query)
    ]


def _describe_unmet(unmet: dict[str, Any], colleagues: Colleagues) -> dict[str, Any]:
    """Return a rule of evidence guidance that a sign-off did not meet, without the names of colleagues."""
    names = colleagues.names
    return {
        **unmet,
        "rule": unmet["rule"] | {"text": names.replace_names(unmet["rule"].get("text"))},
        "expected": names.replace_names(unmet["expected"]),
        "missing": [names.replace_names(phrase) for phrase in unmet["missing"]],
    }


def _list_countersigned(attempt: UnitAttempt, colleagues: Colleagues) -> list[dict[str, Any]]:
    """List what was countersigned: what waits or was sent back to the assessor is not shown to the candidate."""
    query = (
        select(Countersignature)
        .where(Countersignature.attempt_id == attempt.id, Countersignature.agrees.is_(True))
        .order_by(Countersignature.id)
    )
    return [
        {"by": colleagues.describe(each.person_id), **read_columns(each, "asked_at", "answered_at")}
        for each in db.session.scalars(query)
    ]


def _list_reopenings(attempt: UnitAttempt, colleagues: Colleagues) -> list[dict[str, Any]]:
    query = select(Reopening).where(Reopening.attempt_id == attempt.id).order_by(Reopening.id)
    return [
        {
            "by": colleagues.describe(each.reopened_by_id),
            **read_columns(each, "kind", "round", "reopened_at"),
            "reason": colleagues.names.replace_names(each.reason),
        }
        for each in db.session.scalars(query)
    ]


def _list_testimonies(person: Person, colleagues: Colleagues) -> list[dict[str, Any]]:
    """List what witnesses were asked about a candidate. What they wrote is there once it is evidence.

    The address to which a request was sent is there where the candidate gave it. A testimony that is evidence has the
    witness's address in its content, as the candidate reads it on its page.
    """
    query = (
        select(WitnessTestimony)
        .join(UnitAttempt, UnitAttempt.id == WitnessTestimony.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(
            joinedload(WitnessTestimony.attempt).joinedload(UnitAttempt.unit), joinedload(WitnessTestimony.evidence)
        )
        .order_by(WitnessTestimony.id)
    )
    names = (
        "witness_name", "title", "happened_on", "place", "asked_at", "expires_at", "withdrawn_at", "declined_at",
        "signed_at", "answered_at",
    )  # fmt: skip
    return [
        {
            "unit": each.attempt.unit.code,
            "asked_by": colleagues.describe(each.asked_by_id),
            **read_columns(each, *names, *(("email",) if each.asked_by_id == person.id else ())),
            "decline_reason": colleagues.names.replace_names(each.decline_reason),
            "refusal_reason": colleagues.names.replace_names(each.refusal_reason),
            "answered_by": colleagues.describe(each.answered_by_id),
            "evidence": each.evidence.number if each.evidence else None,
        }
        for each in db.session.scalars(query)
    ]


def _list_accesses(person: Person, colleagues: Colleagues) -> list[dict[str, Any]]:
    query = (
        select(PortfolioAccess)
        .where(PortfolioAccess.candidate_id == person.id)
        .order_by(PortfolioAccess.first_at, PortfolioAccess.person_id)
    )
    names = ("day", "part", "role", "first_at", "last_at")
    return [
        {"by": colleagues.describe(each.person_id), **read_columns(each, *names)}
        for each in db.session.scalars(query)
    ]


def _list_evidence(person: Person, colleagues: Colleagues, paths: dict[int, str]) -> list[dict[str, Any]]:
    query = (
        select(Evidence)
        .where(Evidence.candidate_id == person.id, or_(Evidence.author_id.is_(None), Evidence.number.is_not(None)))
        .options(
            selectinload(Evidence.versions).joinedload(EvidenceVersion.submission),
            selectinload(Evidence.versions).selectinload(EvidenceVersion.acknowledgements),
            selectinload(Evidence.versions).joinedload(EvidenceVersion.withdrawal),
            selectinload(Evidence.versions).selectinload(EvidenceVersion.attachments),
        )
        .order_by(Evidence.id)
    )
    claims, files = _group_claims_by_item(person, colleagues), defaultdict(list)
    for attachment, _ in list_own_attachments(person):
        files[attachment.evidence_id].append(_describe_file(attachment, paths))
    return [
        {
            **_describe_item(each, colleagues),
            "files": files[each.id],
            "versions": [_describe_version(version, colleagues, paths) for version in each.versions],
            "claims": claims[each.id],
        }
        for each in db.session.scalars(query)
    ]


def _describe_item(item: Evidence, colleagues: Colleagues) -> dict[str, Any]:
    """Return an item with its draft; the draft of a record is of its author, who has it in their own data."""
    columns = read_columns(item, "number", "created_at", "discarded_at", "record_kind")
    if item.author_id is not None:
        return {**columns, "written_by": _describe_author(item, colleagues)}
    return {**columns, **read_columns(item, "updated_at", *EVIDENCE_FIELDS), **_describe_answers(item)}


def _describe_version(version: EvidenceVersion, colleagues: Colleagues, paths: dict[int, str]) -> dict[str, Any]:
    submission = (
        read_columns(version.submission, "declaration", "submitted_at", "withdrawn_at", "address_confirmed")
        if version.submission
        else {}
    )
    fields = read_columns(version, *EVIDENCE_FIELDS)
    if version.author_id is not None:
        content = colleagues.names.replace_names(version.content)
        fields = {
            **{name: _replace_names(colleagues, value) for name, value in fields.items()},
            **read_columns(version, "record_kind"),
            "written_by": _describe_author(version, colleagues),
            "content": json.loads(content) if content and content.startswith("{") else content,
            "answers": [_describe_acknowledgement(each, colleagues) for each in version.acknowledgements],
            "withdrawn_because": _replace_names(colleagues, version.withdrawal and version.withdrawal.reason),
        }
    else:
        fields |= _describe_answers(version)
    return {
        **read_columns(version, "number", "sealed_at", "content_hash"),
        **fields,
        "files": [_describe_file(each, paths) for each in version.attachments],
        **submission,
    }


def _describe_answers(body: Evidence | EvidenceVersion) -> dict[str, Any]:
    """Return what a candidate answered to set questions; nothing for other evidence."""
    if body.record_kind is not RecordKind.ANSWERS:
        return {}
    content = body.content or ""
    return {"answers_to_questions": json.loads(content) if content.startswith("{") else content}


def _describe_author(record: Evidence | EvidenceVersion, colleagues: Colleagues) -> str | None:
    """Return who wrote a record; the author of a testimony is the assessor who authenticated it."""
    is_testimony = record.record_kind is RecordKind.WITNESS_TESTIMONY
    return "the witness" if is_testimony else colleagues.describe(record.author_id)


def _replace_names(colleagues: Colleagues, value: Any) -> Any:
    return colleagues.names.replace_names(value) if isinstance(value, str) else value


def _describe_acknowledgement(acknowledgement: Acknowledgement, colleagues: Colleagues) -> dict[str, Any]:
    return {
        "by": colleagues.describe(acknowledgement.acknowledged_by_id),
        **read_columns(acknowledgement, "role", "answer", "statement", "acknowledged_at"),
        "reason": colleagues.names.replace_names(acknowledgement.reason),
    }


def _describe_file(attachment: Attachment, paths: dict[int, str]) -> dict[str, Any]:
    return {
        **read_columns(attachment, "name", "media_type", "size", "sha256", "uploaded_at", "removed_at"),
        "in_this_zip": paths.get(attachment.id),
    }


def _group_claims_by_item(person: Person, colleagues: Colleagues) -> dict[int, list[dict[str, Any]]]:
    query = (
        select(Claim, UnitAttempt)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(Claim.criterion), joinedload(UnitAttempt.unit))
        .order_by(Claim.id)
    )
    decisions, grouped = _group_decisions_by_claim(person, colleagues), defaultdict(list)
    for claim, attempt in db.session.execute(query):
        grouped[claim.evidence_id].append(
            {
                "unit": attempt.unit.code,
                "criterion": claim.criterion.label,
                "of_the": read_columns(claim.criterion, "kind")["kind"],
                "by": colleagues.describe(claim.claimed_by_id),
                "removed_by": colleagues.describe(claim.removed_by_id),
                **read_columns(claim, "locator", "claimed_at", "removed_at"),
                "added_reason": colleagues.names.replace_names(claim.added_reason),
                "removed_reason": colleagues.names.replace_names(claim.removed_reason),
                "decisions": decisions[claim.id],
            }
        )
    return grouped


def _group_decisions_by_claim(person: Person, colleagues: Colleagues) -> dict[int, list[dict[str, Any]]]:
    query = (
        select(Decision)
        .join(UnitAttempt, UnitAttempt.id == Decision.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .order_by(Decision.id)
    )
    grouped = defaultdict(list)
    for each in db.session.scalars(query):
        grouped[each.claim_id].append(
            {
                "by": colleagues.describe(each.decided_by_id),
                **read_columns(each, "outcome", "decided_at", "superseded_at"),
                "comment": colleagues.names.replace_names(each.comment),
            }
        )
    return grouped
