"""What is kept of a candidate: registrations, units, evidence, claims, and what was decided about them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from tracker.extensions import db
from tracker.models import (
    EVIDENCE_FIELDS,
    Allocation,
    Assessment,
    Attachment,
    Claim,
    Decision,
    Evidence,
    EvidenceVersion,
    IssuedForm,
    Person,
    PortfolioAccess,
    Registration,
    Reopening,
    Signature,
    UnitAttempt,
)
from tracker.privacy.anonymisation import Names, told
from tracker.vocabulary import AssessmentState, Role

YOU = "you"
OTHERS = {
    Role.ASSESSOR: "your assessor",
    Role.INTERNAL_VERIFIER: "your internal verifier",
    Role.EXTERNAL_VERIFIER: "your external verifier",
}
CENTRE = "somebody at your centre"


class Around:
    """The people who worked on a candidate's attempts, and what each is called in what the candidate gets."""

    def __init__(self, person: Person, attempt_ids: Iterable[int]) -> None:
        query = (
            select(Person, Allocation.role)
            .join(Allocation, Allocation.person_id == Person.id)
            .where(Allocation.attempt_id.in_(list(attempt_ids)), Person.id != person.id)
            .order_by(Allocation.id)
        )
        held = db.session.execute(query).all()
        self.words = {each.id: OTHERS.get(role, CENTRE) for each, role in held} | {person.id: YOU}
        self.names = Names({(each.name, each.email): self.words[each.id] for each, _ in held})

    def who(self, person_id: int | None) -> str | None:
        return None if person_id is None else self.words.get(person_id, CENTRE)


def read_portfolio(person: Person, places: dict[int, str]) -> dict[str, Any]:
    """Everything of a candidate's; `places` says where in the ZIP each attachment lies, by its id."""
    attempts = list_own_attempts(person)
    around = Around(person, [each.id for each in attempts])
    return {
        "registrations": [_registration(each, around) for each in list_own_registrations(person)],
        "units": [_unit(each, around) for each in attempts],
        "evidence": _list_evidence(person, around, places),
        "who_opened_it": _list_openings(person, around),
    }


def list_own_registrations(person: Person) -> list[Registration]:
    query = (
        select(Registration)
        .where(Registration.candidate_id == person.id)
        .options(joinedload(Registration.centre), joinedload(Registration.qualification))
        .order_by(Registration.id)
    )
    return list(db.session.scalars(query))


def list_own_attempts(person: Person) -> list[UnitAttempt]:
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(UnitAttempt.unit), joinedload(UnitAttempt.registration))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def list_own_attachments(person: Person) -> list[tuple[Attachment, int | None]]:
    """Every file the candidate added, with the number of its item; none of a draft."""
    query = (
        select(Attachment, Evidence.number)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(Evidence.candidate_id == person.id)
        .order_by(Attachment.id)
    )
    return [(each, number) for each, number in db.session.execute(query)]


def list_own_forms(person: Person) -> list[tuple[IssuedForm, str]]:
    """Every form issued of the candidate's units, with its unit's slug."""
    query = (
        select(IssuedForm)
        .join(UnitAttempt, UnitAttempt.id == IssuedForm.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(IssuedForm.attempt).joinedload(UnitAttempt.unit))
        .order_by(IssuedForm.id)
    )
    return [(each, each.attempt.unit.slug) for each in db.session.scalars(query)]


def _registration(found: Registration, around: Around) -> dict[str, Any]:
    qualification = found.qualification
    return {
        "centre": found.centre.name,
        "for": f"{qualification.title} ({qualification.code})" if qualification else "single units",
        **told(found, "candidate_number", "awarding_body_number", "awarding_body_date", "registered_at"),
        "withdrawn_at": told(found, "withdrawn_at")["withdrawn_at"],
        "withdrawn_reason": around.names.left_out(found.withdrawn_reason),
    }


def _unit(attempt: UnitAttempt, around: Around) -> dict[str, Any]:
    return {
        "unit": attempt.unit.code,
        "title": attempt.unit.title,
        "candidate_number": attempt.registration.candidate_number,
        **told(attempt, "state", "round", "started_at", "assessed_at"),
        "void_reason": around.names.left_out(attempt.void_reason),
        "assessments": _list_assessments(attempt, around),
        "signatures": _list_signatures(attempt, around),
        "reopened": _list_reopenings(attempt, around),
    }


def _list_assessments(attempt: UnitAttempt, around: Around) -> list[dict[str, Any]]:
    """Those that were released: a draft is not yet said to anybody."""
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
            "by": around.who(each.assessor_id),
            **told(each, "outcome", "valid", "authentic", "current", "sufficient", "released_at"),
            "feedback": around.names.left_out(each.feedback),
        }
        for each in db.session.scalars(query)
    ]


def _list_signatures(attempt: UnitAttempt, around: Around) -> list[dict[str, Any]]:
    query = select(Signature).where(Signature.attempt_id == attempt.id).order_by(Signature.id)
    names = ("role", "round", "signed_at", "superseded_at", "date_sampled", "statement", "snapshot_hash")
    return [
        {"by": around.who(each.person_id), **told(each, *names), "comment": around.names.left_out(each.comment)}
        for each in db.session.scalars(query)
    ]


def _list_reopenings(attempt: UnitAttempt, around: Around) -> list[dict[str, Any]]:
    query = select(Reopening).where(Reopening.attempt_id == attempt.id).order_by(Reopening.id)
    return [
        {
            "by": around.who(each.reopened_by_id),
            **told(each, "kind", "round", "reopened_at"),
            "reason": around.names.left_out(each.reason),
        }
        for each in db.session.scalars(query)
    ]


def _list_openings(person: Person, around: Around) -> list[dict[str, Any]]:
    query = (
        select(PortfolioAccess)
        .where(PortfolioAccess.candidate_id == person.id)
        .order_by(PortfolioAccess.first_at, PortfolioAccess.person_id)
    )
    names = ("day", "part", "role", "first_at", "last_at")
    return [{"by": around.who(each.person_id), **told(each, *names)} for each in db.session.scalars(query)]


def _list_evidence(person: Person, around: Around, places: dict[int, str]) -> list[dict[str, Any]]:
    query = (
        select(Evidence)
        .where(Evidence.candidate_id == person.id)
        .options(
            selectinload(Evidence.versions).joinedload(EvidenceVersion.submission),
            selectinload(Evidence.versions).selectinload(EvidenceVersion.attachments),
        )
        .order_by(Evidence.id)
    )
    claims, files = _claims_by_item(person, around), defaultdict(list)
    for attachment, _ in list_own_attachments(person):
        files[attachment.evidence_id].append(_file(attachment, places))
    return [
        {
            **told(each, "number", "created_at", "updated_at", "discarded_at", *EVIDENCE_FIELDS),
            "files": files[each.id],
            "versions": [_version(version, places) for version in each.versions],
            "claims": claims[each.id],
        }
        for each in db.session.scalars(query)
    ]


def _version(version: EvidenceVersion, places: dict[int, str]) -> dict[str, Any]:
    handed_in = told(version.submission, "declaration", "submitted_at", "withdrawn_at") if version.submission else {}
    return {
        **told(version, "number", "sealed_at", "content_hash", *EVIDENCE_FIELDS),
        "files": [_file(each, places) for each in version.attachments],
        **handed_in,
    }


def _file(attachment: Attachment, places: dict[int, str]) -> dict[str, Any]:
    return {
        **told(attachment, "name", "media_type", "size", "sha256", "uploaded_at", "removed_at"),
        "in_this_zip": places.get(attachment.id),
    }


def _claims_by_item(person: Person, around: Around) -> dict[int, list[dict[str, Any]]]:
    query = (
        select(Claim, UnitAttempt)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .options(joinedload(Claim.criterion), joinedload(UnitAttempt.unit))
        .order_by(Claim.id)
    )
    decisions, found = _decisions_by_claim(person, around), defaultdict(list)
    for claim, attempt in db.session.execute(query):
        found[claim.evidence_id].append(
            {
                "unit": attempt.unit.code,
                "criterion": claim.criterion.label,
                "of_the": told(claim.criterion, "kind")["kind"],
                "by": around.who(claim.claimed_by_id),
                "removed_by": around.who(claim.removed_by_id),
                **told(claim, "locator", "claimed_at", "removed_at"),
                "added_reason": around.names.left_out(claim.added_reason),
                "removed_reason": around.names.left_out(claim.removed_reason),
                "decisions": decisions[claim.id],
            }
        )
    return found


def _decisions_by_claim(person: Person, around: Around) -> dict[int, list[dict[str, Any]]]:
    query = (
        select(Decision)
        .join(UnitAttempt, UnitAttempt.id == Decision.attempt_id)
        .where(UnitAttempt.candidate_id == person.id)
        .order_by(Decision.id)
    )
    found = defaultdict(list)
    for each in db.session.scalars(query):
        found[each.claim_id].append(
            {
                "by": around.who(each.decided_by_id),
                **told(each, "outcome", "decided_at", "superseded_at"),
                "comment": around.names.left_out(each.comment),
            }
        )
    return found
