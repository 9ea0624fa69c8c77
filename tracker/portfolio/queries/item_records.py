"""What was claimed, submitted and assessed of one item: its claims, history and badges, in three statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Row, and_, bindparam, select

from tracker.models import (
    Assessment,
    Claim,
    Criterion,
    Decision,
    EvidenceVersion,
    Person,
    Submission,
    Unit,
    UnitAttempt,
)
from tracker.portfolio.queries.badges import (
    Badges,
    ReleasedAssessment,
    SubmittedVersion,
    compute_badges,
    group_claims,
)
from tracker.statements import fetch_rows
from tracker.vocabulary import AssessmentOutcome, AttemptState, CriterionKind, Outcome
from tracker.web.formatting import join_words


@dataclass(frozen=True, slots=True)
class EvidenceClaim:
    """One claim of an item, with its decision."""

    attempt_id: int
    code: str
    unit_title: str
    kind: CriterionKind
    label: str
    text: str
    locator: str
    added_reason: str | None
    outcome: Outcome | None
    comment: str | None
    decided_by: str | None
    removed_reason: str | None
    claim_id: int
    returned_version: int | None = None
    """The version on which it was marked as met before the item was returned, so that it does not count yet."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry in the history of an item."""

    occurred_at: datetime
    person_name: str
    description: str
    """For example `submitted version 2`."""
    feedback: str = ""
    tone: str = ""
    """The colour: `needs-you`, `done`, or empty."""
    version: int | None = None
    """The number of the submitted version; None for a withdrawal and for feedback."""
    response: str = ""
    """The candidate's answer to earlier feedback, with that version."""
    is_withdrawn: bool = False
    """Whether that version was withdrawn later."""


CLAIM_COLUMNS: tuple[Any, ...] = (
    Claim.attempt_id,
    Unit.code,
    Unit.title.label("unit_title"),
    Criterion.kind,
    Criterion.label,
    Criterion.text,
    Claim.locator,
    Claim.added_reason,
    Decision.outcome,
    Decision.comment,
    Person.name.label("decided_by"),
    Claim.removed_reason,
    Claim.id.label("claim_id"),
)
"""The columns for `EvidenceClaim`, in the order of its fields."""
CLAIMS = (
    select(
        *CLAIM_COLUMNS,
        Claim.evidence_id,
        Claim.claimed_at,
        Claim.removed_at,
        UnitAttempt.assessed_at,
        Decision.evidence_version_id.label("decided_version_id"),
    )
    .join(Criterion, Criterion.id == Claim.criterion_id)
    .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
    .outerjoin(Person, Person.id == Decision.decided_by_id)
    .where(
        Claim.evidence_id == bindparam("evidence_id"),
        (Claim.removed_at.is_(None)) | (Claim.removed_reason.is_not(None)),
        UnitAttempt.state != AttemptState.VOID,
    )
    .order_by(Claim.attempt_id, Criterion.position, Claim.id)
)
"""An item's live claims and those an assessor removed, by unit and criterion."""
VERSIONS = (
    select(
        EvidenceVersion.id,
        EvidenceVersion.number,
        EvidenceVersion.response,
        Submission.submitted_at,
        Submission.withdrawn_at,
        Person.name,
    )
    .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
    .join(Person, Person.id == Submission.submitted_by_id)
    .where(EvidenceVersion.evidence_id == bindparam("evidence_id"))
    .order_by(EvidenceVersion.number)
)
RELEASED_ASSESSMENTS = (
    select(
        Assessment.evidence_version_id,
        Assessment.attempt_id,
        Assessment.outcome,
        Assessment.released_at,
        Assessment.feedback,
        Assessment.draft_decisions,
        Person.name,
        EvidenceVersion.number,
        Unit.code,
    )
    .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
    .join(Person, Person.id == Assessment.assessor_id)
    .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .where(EvidenceVersion.evidence_id == bindparam("evidence_id"), Assessment.released_at.is_not(None))
    .order_by(Assessment.released_at, Assessment.id)
)

Rows = Sequence[Row[*tuple[Any, ...]]]


@dataclass(frozen=True)
class ItemRecord:
    """The claims, versions and released assessments of one item, as rows of the three statements above."""

    evidence_id: int
    claim_rows: Rows
    version_rows: Rows
    assessment_rows: Rows

    @cached_property
    def claims(self) -> list[EvidenceClaim]:
        """Return the item's live claims and those an assessor removed, by unit and criterion."""
        returned_versions = self._find_marked_met()
        return [
            EvidenceClaim(*(*row[: len(CLAIM_COLUMNS)], None if row.outcome else returned_versions.get(row.claim_id)))
            for row in self.claim_rows
        ]

    @property
    def has_live_claims(self) -> bool:
        """Return whether the item claims a criterion."""
        return any(row.removed_at is None for row in self.claim_rows)

    def list_other_codes(self, attempt_id: int) -> list[str]:
        """List the codes of the other units that the item claims (docs/rules.md, Who sees what)."""
        live = (row for row in self.claim_rows if row.removed_at is None and row.attempt_id != attempt_id)
        return sorted({row.code for row in live})

    @cached_property
    def badges(self) -> Badges:
        """Return the code of each unit that the item claims, and its state there, as `list_badges` does."""
        submitted = [row for row in self.version_rows if not row.withdrawn_at]
        return compute_badges(
            [self.evidence_id],
            {self.evidence_id: [SubmittedVersion(row.id, row.submitted_at) for row in submitted]},
            {
                (row.evidence_version_id, row.attempt_id): ReleasedAssessment(row.outcome, row.released_at)
                for row in self.assessment_rows
            },
            group_claims(row for row in self.claim_rows if row.removed_at is None),
        )[self.evidence_id]

    def list_history(self, attempt_id: int | None = None) -> list[HistoryEntry]:
        """List versions with their answers, withdrawals and released feedback, oldest first.

        Args:
            attempt_id: list only the feedback of this attempt, and no withdrawn version; None for all.
        """
        entries = []
        for row in self.version_rows:
            if row.withdrawn_at and attempt_id is not None:
                continue
            answered = " and answered the feedback" if row.response else ""
            entries.append(
                HistoryEntry(
                    row.submitted_at,
                    row.name,
                    f"submitted version {row.number}{answered}",
                    version=row.number,
                    response=row.response or "",
                    is_withdrawn=bool(row.withdrawn_at),
                )
            )
            if row.withdrawn_at:
                entries.append(HistoryEntry(row.withdrawn_at, row.name, f"withdrew version {row.number}"))
        entries += self._iterate_feedback(attempt_id)
        return sorted(entries, key=lambda entry: entry.occurred_at)

    def _iterate_feedback(self, attempt_id: int | None) -> Iterator[HistoryEntry]:
        """Yield the released assessments. One feedback on one version in several units is one entry."""
        codes: dict[tuple[str, AssessmentOutcome, int, str], list[str]] = {}
        released: dict[tuple[str, AssessmentOutcome, int, str], datetime] = {}
        for row in sorted(self.assessment_rows, key=lambda row: str(row.code)):
            if row.outcome and attempt_id in {None, row.attempt_id}:
                key = (row.name, row.outcome, row.number, row.feedback)
                codes.setdefault(key, []).append(row.code)
                released[key] = max(row.released_at, released.get(key, row.released_at))
        for key, of_feedback in codes.items():
            name, outcome, number, feedback = key
            tone = "needs-you" if outcome is AssessmentOutcome.RETURNED else "done"
            units = join_words(list(dict.fromkeys(of_feedback)))
            yield HistoryEntry(
                released[key], name, f"{outcome.label.lower()} version {number} in {units}", feedback, tone
            )

    def _find_marked_met(self) -> dict[int, int]:
        """Return, by claim id, the version on which a claim was marked as met before the item was returned.

        Only the last released assessment in each attempt counts (docs/rules.md, Assessment, rule 16).
        """
        last = {row.attempt_id: row for row in self.assessment_rows}
        return {
            int(claim_id): row.number
            for row in last.values()
            if row.outcome is AssessmentOutcome.RETURNED
            for claim_id, decision in row.draft_decisions.items()
            if decision.get("outcome") == Outcome.MET.value
        }


def load_item_record(evidence_id: int) -> ItemRecord:
    """Load what was claimed, submitted and assessed of an item. Runs three statements."""
    statements = (CLAIMS, VERSIONS, RELEASED_ASSESSMENTS)
    return ItemRecord(evidence_id, *(fetch_rows(each, evidence_id=evidence_id) for each in statements))


def find_open_feedback(history: list[HistoryEntry]) -> list[HistoryEntry]:
    """Return the entries of feedback to answer: those since the last version that was not withdrawn."""
    last = max((index for index, entry in enumerate(history) if entry.version and not entry.is_withdrawn), default=0)
    return [entry for entry in history[last:] if entry.tone == "needs-you"]
