"""The standing of records of assessment: whether a version that somebody else than the candidate wrote counts yet.

docs/rules.md, Records of assessment, rule 4. Sign-off, queue, matrix and form all ask here.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, ScalarSelect, case, func, or_, select

from tracker.models import Acknowledgement, EvidenceVersion, Person
from tracker.vocabulary import AcknowledgementAnswer, RecordKind, RecordStanding

STANDING_OF_ANSWER: Mapping[AcknowledgementAnswer, RecordStanding] = {
    AcknowledgementAnswer.AGREED: RecordStanding.AGREED,
    AcknowledgementAnswer.OBJECTED: RecordStanding.OBJECTED,
    AcknowledgementAnswer.UPHELD: RecordStanding.UPHELD,
    AcknowledgementAnswer.DISMISSED: RecordStanding.DISMISSED,
    AcknowledgementAnswer.AUTHENTICATED: RecordStanding.AUTHENTICATED,
}
"""The standing that the last answer to a version gives it."""
COUNTING_ANSWERS = [answer for answer, standing in STANDING_OF_ANSWER.items() if standing.counts]


def counts() -> ColumnElement[bool]:
    """Return as SQL whether a statement's `EvidenceVersion` counts.

    It does if its candidate wrote it or agreed to it, if their objection was dismissed, or if an assessor
    authenticated it as a witness's testimony.
    """
    acknowledged = (
        select(Acknowledgement.id)
        .where(
            Acknowledgement.evidence_version_id == EvidenceVersion.id, Acknowledgement.answer.in_(COUNTING_ANSWERS)
        )
        .correlate(EvidenceVersion)
        .exists()
    )
    return or_(EvidenceVersion.author_id.is_(None), acknowledged)


def select_author_name(author: type[Person], version: type[EvidenceVersion]) -> ColumnElement[str | None]:
    """Return as SQL who wrote a version: the witness of a testimony, else its author; NULL for the candidate.

    Args:
        author: the alias of the author, outer-joined.
        version: the version.
    """
    is_testimony = version.record_kind == RecordKind.WITNESS_TESTIMONY
    return case((is_testimony, func.coalesce(version.witness_name, author.name)), else_=author.name)


def select_last_answer() -> ScalarSelect[AcknowledgementAnswer]:
    """Return as SQL the last answer to a statement's `EvidenceVersion`; NULL while there is none."""
    return (
        select(Acknowledgement.answer)
        .where(Acknowledgement.evidence_version_id == EvidenceVersion.id)
        .order_by(Acknowledgement.id.desc())
        .limit(1)
        .correlate(EvidenceVersion)
        .scalar_subquery()
    )


def compute_standing(answer: AcknowledgementAnswer | None, *, is_withdrawn: bool = False) -> RecordStanding:
    """Return the standing of a version of a record.

    Args:
        answer: the last answer to it; None is no answer yet.
        is_withdrawn: whether its author withdrew it.
    """
    if is_withdrawn:
        return RecordStanding.WITHDRAWN
    return STANDING_OF_ANSWER[answer] if answer else RecordStanding.WAITING


def find_standing(version: EvidenceVersion) -> RecordStanding | None:
    """Return the standing of a version of a record; None for what its candidate wrote."""
    if version.author_id is None:
        return None
    answer = version.acknowledgements[-1].answer if version.acknowledgements else None
    return compute_standing(answer, is_withdrawn=bool(version.submission.withdrawn_at and version.withdrawal))


def is_counted(version: EvidenceVersion) -> bool:
    """Return whether a version counts: `counts` for one that is loaded."""
    standing = find_standing(version)
    return standing is None or standing.counts
