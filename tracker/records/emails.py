"""Emails about records of assessment: to the candidate, the author and the internal verifier."""

from sqlalchemy import func, select

from tracker.background import emails
from tracker.extensions import db
from tracker.models import Allocation, Claim, Evidence, EvidenceVersion, Person, UnitAttempt
from tracker.records.queries.reading import list_deciders
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AcknowledgementAnswer, RecordKind, Role


def notify_candidate(record: Evidence, author: Person) -> None:
    """Email the candidate that a record waits for their answer."""
    emails.notify(
        record.candidate,
        f"record_finished:{_find_newest_version_id(record)}",
        f"{author.name} has written {describe_record(record)}",
        f"Read evidence {record.number}, “{record.title}”. Say whether it is what happened: {_build_url(record)}",
    )


def notify_of_answer(record: Evidence, answer: AcknowledgementAnswer) -> None:
    """Email the assessors that the candidate agreed or objected; after an objection, those who may decide it too."""
    version_id = _find_newest_version_id(record)
    words = "has agreed" if answer is AcknowledgementAnswer.AGREED else "objects"
    subject = f"{record.candidate.name} {words} to evidence {record.number}"
    for assessor in _list_assessors(record):
        emails.notify(
            assessor,
            f"record_acknowledged:{version_id}:{answer.value}",
            subject,
            f"Read the answer to “{record.title}”: {_build_url(record)}",
        )
    if answer is AcknowledgementAnswer.OBJECTED:
        for verifier in list_deciders(record):
            emails.notify(
                verifier,
                f"record_objected:{version_id}",
                subject,
                f"Read “{record.title}” and the reason, then decide the objection: {_build_url(record)}",
            )


def notify_of_decision(record: Evidence, *, is_upheld: bool) -> None:
    """Email the candidate and the author how an objection was decided."""
    assert record.author is not None  # noqa: S101 - a record has an author
    version_id = _find_newest_version_id(record)
    decided = "upheld, so the record does not count" if is_upheld else "dismissed, so the record counts"
    for person in (record.candidate, record.author):
        emails.notify(
            person,
            f"objection_decided:{version_id}",
            f"The objection to evidence {record.number} was decided",
            f"The objection to “{record.title}” was {decided}. Read the reason: {_build_url(record)}",
        )


def notify_of_withdrawal(
    record: Evidence, version: EvidenceVersion, *, waited: bool, remaining: EvidenceVersion | None
) -> None:
    """Email the candidate that the author has withdrawn a version.

    Args:
        record: the record.
        version: the version that is withdrawn.
        waited: whether it waited for the candidate's answer.
        remaining: the version that counts now; None for none.
    """
    assert record.author is not None  # noqa: S101 - a record has an author
    part = f"version {version.number} of " if remaining else ""
    answer = " You need not answer it." if waited else ""
    counts = f" Version {remaining.number} still counts." if remaining else ""
    emails.notify(
        record.candidate,
        f"record_withdrawn:{version.id}",
        f"{record.author.name} has withdrawn {part}{describe_record(record)}",
        f"Version {version.number} of evidence {record.number}, “{version.title}”, is withdrawn.{answer}{counts} "
        f"Read the reason: {_build_url(record)}",
    )


def describe_record(record: Evidence) -> str:
    """Return what a record is to its candidate: `an observation of you`, `a professional discussion with you`."""
    if record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION:
        return "a professional discussion with you"
    if record.record_kind is RecordKind.QUESTIONS:
        return "a record of questions that you were asked"
    return "an observation of you"


def _find_newest_version_id(record: Evidence) -> int | None:
    """Return the id of the newest version, for topics: each version has its own emails on the same day."""
    return db.session.scalar(select(func.max(EvidenceVersion.id)).where(EvidenceVersion.evidence_id == record.id))


def _list_assessors(record: Evidence) -> list[Person]:
    """List the assessors to whom a unit that the record claims in is allocated now, its author among them or not."""
    query = (
        select(Person)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            UnitAttempt.id.in_(
                select(Claim.attempt_id).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
            ),
            Allocation.role == Role.ASSESSOR,
            is_current(),
        )
        .distinct()
        .order_by(Person.id)
    )
    return list(db.session.scalars(query))


def _build_url(record: Evidence) -> str:
    return emails.build_url(f"/records/{record.id}")
