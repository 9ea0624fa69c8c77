"""Remarks of an assessor on evidence: drafted with an assessment, released with it, and settled afterwards.

docs/rules.md, Remarks on evidence.
"""

from collections.abc import Sequence

from sqlalchemy import func, select

from tracker.assessment.services.assessments import check_assessor, find_draft
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Assessment, EvidenceVersion, FeedbackRemark, UnitAttempt
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.remark_places import Region, RemarkPlace, check_place

MAX_REMARK_LENGTH = 2_000
MAX_REMARKS = 100
"""Remarks of one assessment."""


def add_remark(
    attempt: UnitAttempt, version: EvidenceVersion, place: RemarkPlace, text: str, actor: Actor
) -> FeedbackRemark:
    """Add a remark to the assessor's draft, which the caller has saved. Nothing is decided, so no event is recorded.

    Raises:
        Invalid: the remark is empty or too long, its place is not in this version, or there are too many.
        Refused: the attempt cannot be assessed now, or no draft can be changed.
    """
    person_id = check_assessor(attempt, actor)
    assessment = _get_open_draft(attempt, version, person_id)
    text = text.strip()
    if not text:
        raise Invalid("Write the remark. Nothing was added.", "remark_text")
    if len(text) > MAX_REMARK_LENGTH:
        raise Invalid(f"A remark can have at most {MAX_REMARK_LENGTH:,} characters. Shorten it.", "remark_text")
    check_place(place, version, list_version_attachments(version))
    query = select(func.count(FeedbackRemark.id)).where(
        FeedbackRemark.assessment_id == assessment.id, FeedbackRemark.removed_at.is_(None)
    )
    if (db.session.scalar(query) or 0) >= MAX_REMARKS:
        raise Invalid(f"An assessment can have at most {MAX_REMARKS} remarks. Join some of them.", "remark_text")
    region = place.region
    remark = FeedbackRemark(
        assessment_id=assessment.id,
        evidence_version_id=version.id,
        attachment_id=place.attachment_id,
        page=place.page,
        region_x=region.x if region else None,
        region_y=region.y if region else None,
        region_width=region.width if region else None,
        region_height=region.height if region else None,
        paragraph=place.paragraph,
        second=place.second,
        text=text,
        written_at=now(),
        written_by_id=person_id,
    )
    db.session.add(remark)
    db.session.flush()
    return remark


def has_drafted(attempt: UnitAttempt, version: EvidenceVersion, place: RemarkPlace, text: str, actor: Actor) -> bool:
    """Return whether the assessor's draft has a remark with this text on this place."""
    assessment = find_draft(attempt, version, check_assessor(attempt, actor))
    if assessment is None:
        return False
    query = select(FeedbackRemark).where(
        FeedbackRemark.assessment_id == assessment.id,
        FeedbackRemark.text == text.strip(),
        FeedbackRemark.removed_at.is_(None),
    )
    return any(_get_place(each) == place for each in db.session.scalars(query))


def remove_remark(attempts: Sequence[UnitAttempt], version: EvidenceVersion, remark_id: int, actor: Actor) -> None:
    """Remove a remark from the assessor's draft in one of these attempts, with its text.

    The draft may be of an earlier version than this one, which was never accepted or returned.

    Raises:
        NotFound: it is no remark of such a draft.
        Refused: the attempt cannot be assessed now, or no draft can be changed.
    """
    remark = db.session.get(FeedbackRemark, remark_id)
    attempt = next((each for each in attempts if remark and each.id == remark.assessment.attempt_id), None)
    if remark is None or attempt is None or remark.removed_at or remark.released_at:
        raise NotFound
    person_id = check_assessor(attempt, actor)
    if remark.evidence_version.evidence_id != version.evidence_id or remark.written_by_id != person_id:
        raise NotFound
    _get_open_draft(attempt, remark.evidence_version, person_id)
    remark.removed_at, remark.text = now(), ""
    db.session.flush()


def find_released_remark(remark_id: int) -> FeedbackRemark | None:
    """Return a remark that was released, or None."""
    remark = db.session.get(FeedbackRemark, remark_id)
    return remark if remark and remark.released_at else None


def settle_remark(attempt: UnitAttempt, remark: FeedbackRemark, actor: Actor) -> None:
    """Settle a remark: nothing more is needed. The caller has locked the attempt. Settled again, it stays as it is.

    Raises:
        NotFound: it is a remark in another attempt, or was not released.
        Refused: the attempt cannot be assessed now.
    """
    person_id = check_assessor(attempt, actor)
    db.session.refresh(remark)
    if remark.released_at is None or remark.assessment.attempt_id != attempt.id:
        raise NotFound
    if remark.settled_at:
        return
    remark.settled_at, remark.settled_by_id = now(), person_id
    db.session.flush()
    record("remark_settled", remark, actor, attempt=attempt.id)


def _get_place(remark: FeedbackRemark) -> RemarkPlace:
    region = None
    if remark.region_x is not None:
        sides = remark.region_y or 0, remark.region_width or 0, remark.region_height or 0
        region = Region(remark.region_x, *sides)
    return RemarkPlace(remark.attachment_id, remark.page, region, remark.paragraph, remark.second)


def _get_open_draft(attempt: UnitAttempt, version: EvidenceVersion, person_id: int) -> Assessment:
    assessment = find_draft(attempt, version, person_id)
    if assessment is None or assessment.release_after:
        raise Refused("This assessment is finished. To change its remarks, undo it first. Nothing was changed.")
    return assessment
