"""Queries for the warnings about an item: the units it has claims in, and its files in other items."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select

from tracker.clock import day_of, today
from tracker.models import (
    Attachment,
    Centre,
    Claim,
    Criterion,
    Evidence,
    EvidenceVersion,
    Registration,
    Submission,
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.models.people import EVIDENCE_AGE_MONTHS
from tracker.portfolio.evidence_warnings import (
    ClaimedUnit,
    EvidenceContext,
    EvidenceWarning,
    FileElsewhere,
    list_evidence_warnings,
)
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AttemptState, Method
from tracker.witness_list.status_on_day import is_listed_expert


def _select_claimed_units(is_included: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select the units that an item has claims in, of the attempts that meet a condition, with the centre's limit."""
    criterion_count = (
        select(func.count(Criterion.id))
        .where(Criterion.unit_id == Unit.id, Criterion.assessable)
        .correlate(Unit)
        .scalar_subquery()
    )
    return (
        select(
            Unit.code,
            Unit.simulation,
            Registration.awarding_body_date,
            Registration.registered_at,
            criterion_count,
            func.count(Claim.id),
            Centre.evidence_age_limit,
        )
        .join(UnitAttempt, UnitAttempt.unit_id == Unit.id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Centre, Centre.id == UnitAttempt.centre_id)
        .join(Claim, Claim.attempt_id == UnitAttempt.id)
        .where(Claim.evidence_id == bindparam("evidence_id"), Claim.removed_at.is_(None), is_included)
        .group_by(
            UnitAttempt.id,
            Unit.id,
            Unit.code,
            Unit.simulation,
            Registration.awarding_body_date,
            Registration.registered_at,
            Centre.evidence_age_limit,
        )
        .order_by(UnitAttempt.id)
    )


def _select_files_elsewhere(*, with_drafts: bool) -> Select[*tuple[Any, ...]]:
    """Select the items of a centre that have one of these files; with drafts, the candidate's own drafts too."""
    is_submitted = exists().where(
        VersionAttachment.attachment_id == Attachment.id,
        VersionAttachment.version_id == Submission.evidence_version_id,
        Submission.withdrawn_at.is_(None),
    )
    is_own = Evidence.candidate_id == bindparam("candidate_id")
    is_own_draft = and_(
        is_own, Evidence.author_id.is_(None), Attachment.removed_at.is_(None), Evidence.discarded_at.is_(None)
    )
    return (
        select(Attachment.sha256, Evidence.candidate_id, Evidence.number)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(
            Attachment.sha256.in_(ids("hashes")),
            Evidence.centre_id == bindparam("centre_id"),
            Evidence.id != bindparam("evidence_id"),
            or_(is_submitted, is_own_draft) if with_drafts else is_submitted,
        )
        .distinct()
        .order_by(Evidence.number)
    )


OPEN_UNITS = _select_claimed_units(UnitAttempt.state == AttemptState.IN_PROGRESS)
UNITS_OF_ATTEMPTS = _select_claimed_units(UnitAttempt.id.in_(ids("attempt_ids")))
FILES_ELSEWHERE, FILES_AND_DRAFTS_ELSEWHERE = (_select_files_elsewhere(with_drafts=each) for each in (False, True))


def list_draft_warnings(evidence: Evidence) -> list[EvidenceWarning]:
    """List the warnings about a draft, as its candidate sees them before submission. At most three statements."""
    context = EvidenceContext(
        today(),
        *load_limit_and_units(evidence.id),
        _list_files_elsewhere(evidence, evidence.attachments, with_drafts=True),
        names_no_expert=_names_no_expert(evidence, evidence.centre_id),
    )
    return list_evidence_warnings(evidence, context)


def load_version_context(
    version: EvidenceVersion, attachments: Collection[Attachment], age_limit: int, units: tuple[ClaimedUnit, ...]
) -> EvidenceContext:
    """Return what the warnings about a submitted version depend on, as an assessor sees them.

    Runs a statement if the version has files, and one if it is the testimony of an expert witness.

    Args:
        version: the version.
        attachments: its files.
        age_limit: the centre's limit in months.
        units: the item's claims in the units that it is assessed in, in the order of the attempts.
    """
    return EvidenceContext(
        day_of(version.submission.submitted_at),
        age_limit,
        units,
        _list_files_elsewhere(version.evidence, attachments, with_drafts=False),
        names_no_expert=_names_no_expert(version, version.evidence.centre_id),
    )


def load_limit_and_units(
    evidence_id: int, attempt_ids: Collection[int] | None = None
) -> tuple[int, tuple[ClaimedUnit, ...]]:
    """Return the centre's limit in months, and the units that an item has claims in.

    Of these attempts, or of every attempt in progress for None.
    """
    if attempt_ids is None:
        rows = fetch_rows(OPEN_UNITS, evidence_id=evidence_id)
    else:
        rows = fetch_rows(UNITS_OF_ATTEMPTS, evidence_id=evidence_id, attempt_ids=list(attempt_ids))
    units = tuple(
        ClaimedUnit(code, simulation, awarding_body_date or day_of(registered_at), criteria, claims)
        for code, simulation, awarding_body_date, registered_at, criteria, claims, _ in rows
    )
    limit: int | None = rows[0].evidence_age_limit if rows else None
    return limit or EVIDENCE_AGE_MONTHS, units


def _names_no_expert(item: Evidence | EvidenceVersion, centre_id: int) -> bool:
    """Return whether a candidate's item names an expert witness who was none by the list on its last day.

    The method of a testimony that was signed here follows from the list already.
    """
    day = item.happened_until or item.happened_from
    if item.method is not Method.EXPERT_WITNESS or item.author_id or not item.witness_name or day is None:
        return False
    return not is_listed_expert(centre_id, item.witness_name, day)


def _list_files_elsewhere(
    evidence: Evidence, attachments: Iterable[Attachment], *, with_drafts: bool
) -> tuple[FileElsewhere, ...]:
    """Return the files of an item that are also in another item of the candidate, or of another at the centre.

    Args:
        evidence: the item.
        attachments: its files.
        with_drafts: whether the candidate's own drafts count; those of other candidates never do.
    """
    names = {attachment.sha256: attachment.name for attachment in attachments}
    if not names:
        return ()
    values = {"hashes": list(names), "centre_id": evidence.centre_id, "evidence_id": evidence.id}
    if with_drafts:
        rows = fetch_rows(FILES_AND_DRAFTS_ELSEWHERE, **values, candidate_id=evidence.candidate_id)
    else:
        rows = fetch_rows(FILES_ELSEWHERE, **values)
    files = dict.fromkeys(
        FileElsewhere(names[sha256], None, is_of_another_candidate=True)
        if candidate_id != evidence.candidate_id
        else FileElsewhere(names[sha256], number)
        for sha256, candidate_id, number in rows
    )
    return tuple(files)
