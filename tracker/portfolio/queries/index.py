"""Index of evidence of a candidate at a centre: with drafts for themselves, or as submitted for others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, ScalarSelect, Select, and_, case, func, or_, select, union_all
from sqlalchemy.orm import aliased, join, joinedload, outerjoin

from tracker.clock import day_of
from tracker.extensions import db
from tracker.matrix.record_standing import compute_standing, select_author_name
from tracker.matrix.testimony_notes import list_testimony_notes
from tracker.models import (
    Acknowledgement,
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    RecordWithdrawal,
    Registration,
    Sample,
    SampleItem,
    Submission,
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.portfolio.queries.badges import list_badges
from tracker.vocabulary import AcknowledgementAnswer, AttemptState, Method, RecordKind, RecordStanding
from tracker.web.text_direction import isolate

COLUMNS = (
    "title", "method", "happened_from", "happened_until", "workplace_location", "workplace_holder",
    "witness_name", "witness_relationship", "witness_status",
)  # fmt: skip
"""The columns of a draft or a version that a line shows, in the order of `IndexLine`."""
AUTHOR, VERSION, SHOWN = aliased(Person), aliased(EvidenceVersion), aliased(EvidenceVersion)
OWN_COLUMNS = {
    name: case((Evidence.author_id.is_not(None), getattr(SHOWN, name)), else_=getattr(Evidence, name))
    for name in COLUMNS
}
"""What the candidate's own list shows of an item in SQL: the draft, or of a record the version shown."""
EVIDENCE_STATES = {"waiting": "Submitted", "returned": "Returned", "accepted": "Accepted"}
"""The states of a submitted item in a unit, as `list_badges` computes them, with their words."""


@dataclass(frozen=True, slots=True)
class IndexLine:
    """One item of the index."""

    evidence_id: int
    number: int | None
    version_number: int | None
    title: str
    method: Method | None
    happened_from: date | None
    happened_until: date | None
    workplace_location: str
    workplace_holder: str
    witness_name: str | None
    witness_relationship: str | None
    witness_status: str | None
    author: str | None
    """Who wrote it, of a record of assessment; None for what the candidate wrote."""
    answer: AcknowledgementAnswer | None
    """The last answer to the version shown."""
    is_withdrawn: bool
    """Whether its author withdrew the version shown."""
    content: str | None
    """What was signed, of a testimony."""
    statement: str | None
    """The declaration under which it was authenticated, of a testimony."""
    file_count: int
    badges: tuple[tuple[str, str], ...]
    """Each unit's code with the item's state there: `waiting`, `accepted` or `returned`."""
    codes: tuple[str, ...]
    """The codes of the units that it has claims in."""
    sampled_by: tuple[tuple[str, date], ...]
    """Initials and date of the latest sample; empty if there is none."""

    @property
    def ref(self) -> str:
        """Return the reference as printed: `12`, or `12 v2` for a later version; drafts have no number."""
        if self.number is None:
            return "Draft"
        return f"{self.number} v{self.version_number}" if (self.version_number or 1) > 1 else str(self.number)

    @property
    def standing(self) -> RecordStanding | None:
        """Return the standing of a record of assessment; None for what the candidate wrote."""
        return compute_standing(self.answer, is_withdrawn=self.is_withdrawn) if self.author else None

    @property
    def written_by(self) -> str:
        """Return who wrote a record and how it stands: `Bob Archer, agreed by the candidate`; empty for others.

        A witness is shown beside it already.
        """
        if not (self.author and self.standing):
            return ""
        label = "; ".join([self.standing.label.lower(), *list_testimony_notes(self.content, self.statement)])
        return label if self.witness_name else f"{isolate(self.author)}, {label}"

    @property
    def states(self) -> str:
        """Return its state in each unit in one line, such as `CFACC15: accepted`; a draft's has no unit.

        A record of assessment that is out of use is in no unit, and no draft of the candidate's.
        """
        draft = "" if self.author else "Draft"
        return "; ".join(
            f"{code}: {EVIDENCE_STATES[state].lower()}" if code else draft for code, state in self.badges
        )

    @property
    def location(self) -> str:
        """Return where the evidence is: in files, at work, or in the written account."""
        parts = [f"{self.file_count} file{'s' if self.file_count > 1 else ''}"] if self.file_count else []
        if self.workplace_location:
            holder = f", kept by {isolate(self.workplace_holder)}" if self.workplace_holder else ""
            parts.append(f"{isolate(self.workplace_location)}{holder}")
        return "; ".join(parts) or "Written account"


def list_submitted_index(
    candidate_id: int, centre_id: int, attempt_ids: Collection[int] | None = None
) -> list[IndexLine]:
    """List the index as submitted: the latest version of each item that was not withdrawn, without drafts.

    Args:
        candidate_id: whose evidence it is.
        centre_id: the centre.
        attempt_ids: list only items claimed in these attempts, with the states and samples there; None for all.
    """
    query = select_submitted(candidate_id, centre_id, attempt_ids).order_by(Evidence.number)
    return build_submitted_lines(db.session.execute(query).all(), attempt_ids)


def select_own(candidate_id: int, centre_id: int) -> Select[*tuple[Any, ...]]:
    """Select a candidate's own items, with drafts and unsubmitted changes; of a record, a version.

    It is the newest version in use; where none is, the newest.
    """
    is_record = Evidence.author_id.is_not(None)
    is_shown = and_(SHOWN.evidence_id == Evidence.id, SHOWN.number == _shown_number(), is_record)
    columns = [column.label(name) for name, column in OWN_COLUMNS.items()]
    number = case((is_record, SHOWN.number), else_=_newest_number())
    return (
        select(Evidence.id, Evidence.number, number, *columns, *_list_author_columns(SHOWN))
        .select_from(outerjoin(outerjoin(Evidence, SHOWN, is_shown), AUTHOR, AUTHOR.id == Evidence.author_id))
        .where(
            Evidence.candidate_id == candidate_id,
            Evidence.centre_id == centre_id,
            Evidence.discarded_at.is_(None),
            is_shown_to_candidate(),
        )
    )


def is_shown_to_candidate() -> ColumnElement[bool]:
    """Return as SQL whether an item is on its candidate's list.

    What others write is theirs alone until it is finished, and answers to set questions are on the page of their unit
    until they are submitted.
    """
    return or_(Evidence.record_kind.is_(None), Evidence.number.is_not(None))


def select_submitted(
    candidate_id: int, centre_id: int, attempt_ids: Collection[int] | None
) -> Select[*tuple[Any, ...]]:
    """Select a candidate's items as submitted; the arguments are those of `list_submitted_index`."""
    query = (
        select(
            Evidence.id,
            Evidence.number,
            EvidenceVersion.number,
            *(getattr(EvidenceVersion, name) for name in COLUMNS),
            *_list_author_columns(EvidenceVersion),
        )
        .select_from(outerjoin(join(Evidence, EvidenceVersion), AUTHOR, AUTHOR.id == Evidence.author_id))
        .where(
            Evidence.candidate_id == candidate_id,
            Evidence.centre_id == centre_id,
            EvidenceVersion.number == _newest_number(),
        )
    )
    if attempt_ids is not None:
        claimed = select(Claim.evidence_id).where(Claim.attempt_id.in_(attempt_ids), Claim.removed_at.is_(None))
        query = query.where(Evidence.id.in_(claimed))
    return query


def build_own_lines(rows: Sequence[Any]) -> list[IndexLine]:
    """Build the lines of the rows of `select_own`, in five SQL statements.

    Of a record the files of the version shown are counted: those of the draft are its author's alone.
    """
    ids = [row[0] for row in rows]
    own = (
        select(Attachment.evidence_id, func.count(Attachment.id))
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(Attachment.evidence_id.in_(ids), Attachment.removed_at.is_(None), Evidence.author_id.is_(None))
        .group_by(Attachment.evidence_id)
    )
    of_records = _count_sealed_files(ids, _shown_number()).where(Evidence.author_id.is_not(None))
    return _build_lines(rows, union_all(own, of_records))


def build_submitted_lines(rows: Sequence[Any], attempt_ids: Collection[int] | None) -> list[IndexLine]:
    """Build the lines of the rows of `select_submitted`, in five SQL statements."""
    return _build_lines(rows, _count_sealed_files([row[0] for row in rows], _newest_number()), attempt_ids)


def _count_sealed_files(evidence_ids: list[int], number: ColumnElement[int]) -> Select[int, int]:
    """Select these items with how many files their version of this number seals, where it seals any."""
    return (
        select(EvidenceVersion.evidence_id, func.count(VersionAttachment.attachment_id))
        .join(VersionAttachment, VersionAttachment.version_id == EvidenceVersion.id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), EvidenceVersion.number == number)
        .group_by(EvidenceVersion.evidence_id)
    )


def _list_author_columns(version: type[EvidenceVersion]) -> list[Any]:
    """Return who wrote a version of a record, the last answer to it, and whether its author withdrew it.

    Of a testimony also what was signed, and the declaration under which it was authenticated.
    """

    def select_last(column: Any) -> ScalarSelect[Any]:
        of_version = select(column).where(Acknowledgement.evidence_version_id == version.id)
        return of_version.order_by(Acknowledgement.id.desc()).limit(1).correlate(version).scalar_subquery()

    is_testimony = version.record_kind == RecordKind.WITNESS_TESTIMONY
    withdrawn = select(RecordWithdrawal.id).where(RecordWithdrawal.evidence_version_id == version.id)
    return [
        select_author_name(AUTHOR, version).label("author"),
        select_last(Acknowledgement.answer).label("answer"),
        withdrawn.correlate(version).exists().label("is_withdrawn"),
        case((is_testimony, version.content)).label("content"),
        case((is_testimony, select_last(Acknowledgement.statement))).label("statement"),
    ]


def _newest_number() -> ScalarSelect[int]:
    """Return as SQL the number of the newest version of the statement's `Evidence` that was not withdrawn.

    It is looked up for each item that a statement leaves: to group the versions of everybody first took as long as
    there were versions.
    """
    version = aliased(EvidenceVersion)
    return (
        select(func.max(version.number))
        .join(Submission, Submission.evidence_version_id == version.id)
        .where(version.evidence_id == Evidence.id, Submission.withdrawn_at.is_(None))
        .correlate(Evidence)
        .scalar_subquery()
    )


def _shown_number() -> ColumnElement[int]:
    """Return as SQL the number of the version of the statement's `Evidence` that the candidate's list shows."""
    newest = select(func.max(VERSION.number)).where(VERSION.evidence_id == Evidence.id).correlate(Evidence)
    return func.coalesce(_newest_number(), newest.scalar_subquery())


def _build_lines(
    rows: Sequence[Any],
    files: Select[int, int] | CompoundSelect[int, int],
    attempt_ids: Collection[int] | None = None,
) -> list[IndexLine]:
    """Build lines; `files` selects items with how many files each has, where it has any."""
    ids = [row[0] for row in rows]
    counts: dict[int, int] = dict(db.session.execute(files).all())
    codes, samples = list_codes(ids, attempt_ids), _find_latest_samples(ids, attempt_ids)
    badges = list_readable_badges(ids, codes if attempt_ids is not None else None)
    return [
        IndexLine(*(*row, counts.get(row[0], 0), badges[row[0]], codes.get(row[0], ()), samples.get(row[0], ())))
        for row in rows
    ]


def list_readable_badges(
    evidence_ids: list[int], codes: Mapping[int, Collection[str]] | None
) -> dict[int, tuple[tuple[str, str], ...]]:
    """Return `list_badges` in the units whose codes are given for each item, or in all for None."""
    badges = list_badges(evidence_ids)
    if codes is None:
        return badges
    return {
        evidence_id: tuple(badge for badge in badges[evidence_id] if badge[0] in codes.get(evidence_id, ()))
        for evidence_id in evidence_ids
    }


def list_codes(evidence_ids: list[int], attempt_ids: Collection[int] | None = None) -> dict[int, tuple[str, ...]]:
    """Return the codes of the units that each item or draft has claims in: of these attempts, or of all for None."""
    query = (
        select(Claim.evidence_id, Unit.code)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(
            Claim.evidence_id.in_(evidence_ids), Claim.removed_at.is_(None), UnitAttempt.state != AttemptState.VOID
        )
        .distinct()
        .order_by(Claim.evidence_id, Unit.code)
    )
    if attempt_ids is not None:
        query = query.where(Claim.attempt_id.in_(attempt_ids))
    codes: dict[int, tuple[str, ...]] = {}
    for evidence_id, code in db.session.execute(query):
        codes[evidence_id] = (*codes.get(evidence_id, ()), code)
    return codes


def find_registration(candidate_id: int, centre_id: int) -> Registration | None:
    """Return the candidate's newest registration at a centre."""
    query = (
        select(Registration)
        .where(Registration.candidate_id == candidate_id, Registration.centre_id == centre_id)
        .options(joinedload(Registration.candidate), joinedload(Registration.centre))
        .order_by(Registration.id.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()


def find_registration_for(evidence: Evidence, attempt_id: int | None) -> Registration | None:
    """Return the registration of an attempt of an item's candidate; without one their newest at its centre.

    A candidate who is registered at a centre twice has a candidate number in each registration.
    """
    query = (
        select(Registration)
        .join(UnitAttempt, UnitAttempt.registration_id == Registration.id)
        .where(UnitAttempt.id == attempt_id, UnitAttempt.candidate_id == evidence.candidate_id)
        .options(joinedload(Registration.candidate), joinedload(Registration.centre))
    )
    found = db.session.scalars(query).one_or_none() if attempt_id else None
    return found or find_registration(evidence.candidate_id, evidence.centre_id)


def _find_latest_samples(
    evidence_ids: list[int], attempt_ids: Collection[int] | None
) -> dict[int, tuple[tuple[str, date], ...]]:
    """Return the initials and date of the latest sample of each item; in these attempts, or in all for None."""
    query = (
        select(EvidenceVersion.evidence_id, Person.name, Sample.sampled_at)
        .join(SampleItem, SampleItem.evidence_version_id == EvidenceVersion.id)
        .join(Sample, Sample.id == SampleItem.sample_id)
        .join(Person, Person.id == Sample.verifier_id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids))
        .distinct()
        .order_by(Sample.sampled_at)
    )
    if attempt_ids is not None:
        query = query.where(Sample.attempt_id.in_(attempt_ids))
    return {
        evidence_id: (("".join(part[0] for part in name.split()), day_of(sampled_at)),)
        for evidence_id, name, sampled_at in db.session.execute(query)
    }
