"""Assessment of one version of an item for one attempt: drafts, Accept, Return, Affirm and Undo.

Accept and Return can be undone for `TIME_TO_UNDO`. Then the assessment is released (`releasing`) and the candidate
sees it (docs/rules.md, Assessment).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from tracker.assessment.queries.assessing import list_criteria_with_claims
from tracker.assessment.services.countersigning import check_not_waiting, find_need, turn_into_draft
from tracker.assessment.services.releasing import CHECKS, schedule_release
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.matrix import MatrixCell
from tracker.matrix.record_standing import is_counted
from tracker.models import (
    Assessment,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    UnitAttempt,
    VersionMove,
    WitnessTestimony,
)
from tracker.portfolio.evidence_warnings import list_evidence_warnings
from tracker.portfolio.queries.evidence import find_version_in, list_version_attachments
from tracker.portfolio.queries.warnings import load_limit_and_units, load_version_context
from tracker.portfolio.record_content import AnswersContent, load_as
from tracker.portfolio.set_questions import list_unmarked, read_marks
from tracker.registrations.separation_of_duties import check_may_assess, check_not_withdrawn, is_witness
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome, RecordKind
from tracker.web.text_direction import isolate

TIME_TO_UNDO = timedelta(seconds=10)
MAX_COMMENT_LENGTH = 2_000
MAX_FEEDBACK_LENGTH = 10_000
MIN_REASON_LENGTH, MAX_REASON_LENGTH = 10, 2_000
"""Characters of the reason to accept an item over its warnings."""
TOO_LATE_TO_UNDO = (
    "This assessment was released already, so it can no longer be undone. You can assess the item again."
)


@dataclass(frozen=True)
class DraftDecisions:
    """An assessor's changes to a draft, by claim id; None leaves what was saved as it is."""

    outcomes: dict[int, Outcome | None]
    comments: dict[int, str]
    checks: dict[str, bool]
    feedback: str | None = None
    warnings_reason: str | None = None
    """Why the item is accepted although it has warnings."""
    answer_marks: dict[int, dict[str, str]] = field(default_factory=dict)
    """Of answers to set questions: number of the question → outcome, comment or both."""


def find_draft(attempt: UnitAttempt, version: EvidenceVersion, assessor_id: int) -> Assessment | None:
    """Return the assessor's unreleased assessment of this version in this attempt, or None."""
    query = select(Assessment).where(
        Assessment.attempt_id == attempt.id,
        Assessment.evidence_version_id == version.id,
        Assessment.assessor_id == assessor_id,
        Assessment.state == AssessmentState.DRAFT,
    )
    return db.session.scalars(query).one_or_none()


def check_page_is_current(
    attempts: Sequence[UnitAttempt],
    version: EvidenceVersion,
    seen_version_id: int | None = None,
    seen_assessment_id: int | None = None,
    seen_superseding_id: int | None = None,
) -> None:
    """Raise `Conflict` when the item was submitted again, assessed or disagreed with since the page was opened.

    Args:
        attempts: the attempts assessed on the page, of one candidate.
        version: the newest version of the item.
        seen_version_id: the version that the page showed; None is not checked.
        seen_assessment_id: the newest released assessment that the page showed, 0 for none; None is not checked.
        seen_superseding_id: what `get_newest_superseding_id` returned for the page; None is not checked.
    """
    if seen_version_id is not None and seen_version_id > version.id:
        raise Conflict(
            "The version that you opened was withdrawn or is out of use. "
            f"This page now shows version {version.number}, with what you typed. Read it, then decide."
        )
    if seen_version_id not in {None, version.id}:
        writer = version.evidence.author or attempts[0].candidate
        raise Conflict(
            f"{isolate(writer.name)} has submitted version {version.number} since you opened this page. This page "
            "now shows the new version, with what you typed. Read it, then decide."
        )
    if seen_assessment_id not in {None, get_newest_release_id(attempts, version.evidence_id)}:
        raise Conflict(
            "This item was assessed since you opened this page, perhaps by you in another window. "
            "What you typed is kept below. Read the latest decisions, then decide."
        )
    checked = attempts if seen_superseding_id is not None else ()
    cells = [cell for attempt in checked for cell in load_claimed_cells(attempt, version).values()]
    if seen_superseding_id not in {None, get_newest_superseding_id(cells)}:
        raise Conflict(
            "A decision on this item now says that more is needed, for a reason given since you opened this page. "
            "What you typed is kept below. Read the reason beside the criterion, then decide."
        )


def get_newest_superseding_id(cells: Iterable[MatrixCell]) -> int:
    """Return the id of the newest live decision that no assessor made, or 0.

    A verifier's disagreement makes such a decision, and so does a dispute, a return or a reopening.
    """
    return max((cell.decision_id or 0 for cell in cells if cell.assessment_id is None), default=0)


def get_newest_release_id(attempts: Iterable[UnitAttempt], evidence_id: int) -> int:
    """Return the id of the item's newest released assessment in these attempts, or 0."""
    query = (
        select(func.max(Assessment.id))
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .where(
            Assessment.attempt_id.in_([attempt.id for attempt in attempts]),
            EvidenceVersion.evidence_id == evidence_id,
            Assessment.state == AssessmentState.RELEASED,
        )
    )
    return db.session.scalar(query) or 0


def save_draft(attempt: UnitAttempt, version: EvidenceVersion, draft: DraftDecisions, actor: Actor) -> Assessment:
    """Save an assessor's changes as a draft that only they see. Nothing is decided, so no event is recorded.

    A record that does not count yet can be drafted too: its draft is accepted once it counts. The caller has locked
    the attempt.

    Raises:
        Conflict: a claim named in the draft ended when the attempt moved to another version of its unit.
        Invalid: a comment or the feedback is too long.
        NotFound: a claim named in the draft is not of this item.
        Refused: the attempt cannot be assessed now, or the assessment was finished and can still be undone.
    """
    person_id = check_assessor(attempt, actor)
    check_not_witness(version, person_id)
    _check_lengths(draft)
    assessment = find_draft(attempt, version, person_id)
    if assessment is None:
        check_not_waiting(attempt, version.id, person_id)
        assessment = Assessment(
            attempt_id=attempt.id,
            evidence_version_id=version.id,
            assessor_id=person_id,
            state=AssessmentState.DRAFT,
            feedback="",
            draft_decisions={},
            started_at=now(),
            saved_at=now(),
        )
        db.session.add(assessment)
    if assessment.release_after:
        raise Refused("You have just finished this assessment. To change it, undo it first. Nothing was changed.")
    _merge_draft(assessment, draft, {cell.claim_id for cell in load_claimed_cells(attempt, version).values()})
    assessment.saved_at = now()
    db.session.flush()
    return assessment


def accept_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Accept an item whose claims all have an outcome and whose checks are all ticked, and schedule the release.

    Raises:
        Conflict: the candidate has submitted a newer version.
        Invalid: a claim has no outcome, a check is not ticked, a criterion is not met and nothing says why, or a
            warning is accepted without a reason.
        Refused: the attempt cannot be assessed now, or the assessment was finished already.
    """
    assessment = get_draft_to_finish(attempt, version, actor)
    check_answers_marked(assessment)
    check_all_decided(list_undecided(assessment))
    unticked = [check for check in CHECKS if not getattr(assessment, check)]
    if unticked:
        raise Invalid(
            f"To accept, tick that the evidence is {' and '.join(unticked)}. If it is not, return it. "
            "What you typed is kept.",
            unticked[0],
        )
    check_reasons(assessment)
    _check_warnings_reason(assessment)
    return _schedule_release(assessment, AssessmentOutcome.ACCEPTED, actor)


def affirm_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Decide again, as met on this version, every criterion that an earlier version of the item met.

    If no other claim is undecided, the item is accepted. Otherwise the affirmed claims are saved as met in the draft.

    Raises:
        Refused: no criterion was met on an earlier version.
    """
    cells = load_claimed_cells(attempt, version).values()
    affirmed = [cell for cell in cells if cell.awaits_affirmation]
    if not affirmed:
        raise Refused(
            "No criterion was met on an earlier version, so there is nothing to affirm. Nothing was changed."
        )
    is_complete = all(cell.is_decided or cell.awaits_affirmation for cell in cells)
    draft = DraftDecisions(
        {cell.claim_id: Outcome.MET for cell in affirmed},
        {cell.claim_id: cell.comment for cell in affirmed},
        dict.fromkeys(CHECKS, True) if is_complete else {},
    )
    assessment = save_draft(attempt, version, draft, actor)
    return accept_evidence(attempt, version, actor) if is_complete else assessment


def return_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Return an item to the candidate with feedback, and schedule the release. No criterion becomes met.

    Raises:
        Conflict: the candidate has submitted a newer version.
        Invalid: there is no feedback.
        Refused: the attempt cannot be assessed now, the assessment was finished already, or the item is a record that
            the candidate did not write and so cannot change.
    """
    if version.author_id is not None:
        raise Refused(
            "The candidate did not write this record, so it cannot be returned to them. Mark what is missing as "
            "“Needs more” or “Not met”, then accept it; or ask its author for a new version. What you typed is kept."
        )
    assessment = get_draft_to_finish(attempt, version, actor)
    check_answers_marked(assessment)
    if not assessment.feedback.strip():
        raise Invalid(
            "Write feedback before you return the item: say what is missing and what would help. "
            "What you typed is kept.",
            "feedback",
        )
    return _schedule_release(assessment, AssessmentOutcome.RETURNED, actor)


def undo_assessment(attempt: UnitAttempt, assessment: Assessment, actor: Actor) -> None:
    """Turn a finished assessment into a draft again before it is released. The caller has locked the attempt.

    Raises:
        NotFound: the assessment is another assessor's, or of another attempt.
        Refused: the assessment was released already.
    """
    db.session.refresh(assessment)  # it may have been released while this request waited for the lock
    if assessment.assessor_id != actor.person_id or assessment.attempt_id != attempt.id:
        raise NotFound
    if assessment.state is AssessmentState.AWAITING_COUNTERSIGNATURE:
        check_not_waiting(attempt, assessment.evidence_version_id, assessment.assessor_id)
    if assessment.state is not AssessmentState.DRAFT or assessment.release_after is None:
        raise Refused(TOO_LATE_TO_UNDO)
    turn_into_draft(assessment)


def check_assessor(attempt: UnitAttempt, actor: Actor) -> int:
    """Return the assessor's id, or raise `Refused` unless they may assess this attempt now."""
    assert actor.person_id is not None  # noqa: S101 - people assess, never the operator
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()}, so it cannot be assessed. Nothing was changed."
        )
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    return actor.person_id


def check_counted(version: EvidenceVersion) -> None:
    """Raise `Refused` for a record that does not count yet (docs/rules.md, Records of assessment, rule 4)."""
    if not is_counted(version):
        raise Refused(
            "The candidate has not agreed to this record, so it cannot be accepted yet. Nothing was changed. It "
            "enters your queue when they agree, or when the internal verifier dismisses their objection."
        )


def check_not_witness(version: EvidenceVersion, person_id: int) -> None:
    """Raise `Refused` for the assessor who gave this testimony as a witness.

    docs/rules.md, Witness testimonies, rule 13.
    """
    if version.record_kind is not RecordKind.WITNESS_TESTIMONY:
        return
    query = select(WitnessTestimony).where(WitnessTestimony.evidence_id == version.evidence_id)
    person = db.session.get_one(Person, person_id)
    if any(is_witness(each, person) for each in db.session.scalars(query)):
        raise Refused(
            "You gave this testimony as a witness, so another assessor has to assess it. Nothing was saved."
        )


def load_claimed_cells(attempt: UnitAttempt, version: EvidenceVersion) -> dict[int, MatrixCell]:
    """Return the item's live claims in this attempt, by criterion id."""
    return {
        criterion.column.id: criterion.cell
        for criterion in list_criteria_with_claims(attempt, version)
        if criterion.cell
    }


def list_undecided(assessment: Assessment) -> list[MatrixCell]:
    """List the item's claims in the assessment's attempt that have no outcome, neither decided nor in the draft."""
    cells = load_claimed_cells(assessment.attempt, assessment.evidence_version).values()
    drafted = {claim_id for claim_id, decision in assessment.draft_decisions.items() if decision.get("outcome")}
    return [cell for cell in cells if not cell.is_decided and str(cell.claim_id) not in drafted]


def check_all_decided(undecided: Sequence[MatrixCell]) -> None:
    """Raise `Invalid` if claims have no outcome (docs/rules.md, Assessment, rule 4)."""
    if undecided:
        count = "1 claim has" if len(undecided) == 1 else f"{len(undecided)} claims have"
        raise Invalid(f"To accept, choose an outcome for each claim: {count} none. What you typed is kept.")


def check_answers_marked(assessment: Assessment) -> None:
    """Raise `Invalid` if an answer to a set question has no mark, or is marked “not yet” and nothing says why.

    docs/rules.md, Question banks and questions asked, rule 12.
    """
    version = assessment.evidence_version
    content = load_as(AnswersContent, version.record_kind, version.content)
    if content is None:
        return
    if unmarked := list_unmarked(content, assessment.answer_marks):
        numbers = ", ".join(map(str, unmarked))
        raise Invalid(
            f"Mark the answer to each question: {numbers} {'has' if len(unmarked) == 1 else 'have'} no mark. "
            "What you typed is kept.",
            f"answer-{unmarked[0]}",
        )
    for number, each in sorted(read_marks(assessment.answer_marks).items()):
        if each.outcome is not Outcome.MET and not each.comment.strip():
            raise Invalid(
                f"Answer {number} is marked “not yet”. Write a comment on it that says what is missing. "
                "What you typed is kept.",
                f"answer-{number}",
            )


def check_reasons(assessment: Assessment) -> None:
    """Raise `Invalid` if a claim is marked as needing more or not met, and nothing says why.

    A comment on the criterion or the feedback says why (docs/rules.md, Assessment, rule 4).
    """
    if assessment.feedback.strip():
        return
    for criterion in list_criteria_with_claims(assessment.attempt, assessment.evidence_version):
        if criterion.cell is None:
            continue
        drafted = assessment.draft_decisions.get(str(criterion.cell.claim_id), {})
        outcome = drafted.get("outcome")
        if outcome in {Outcome.NEEDS_MORE.value, Outcome.NOT_MET.value} and not drafted.get("comment", "").strip():
            raise Invalid(
                f"Criterion {criterion.column.label} is marked “{Outcome(outcome).label.lower()}”. Write a comment "
                "on it, or feedback, that says what is missing. What you typed is kept.",
                f"comment-{criterion.cell.claim_id}",
            )


def get_draft_to_finish(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Lock the item and return the assessor's draft, if it can be accepted or returned now."""
    person_id = check_assessor(attempt, actor)
    check_counted(version)
    check_not_witness(version, person_id)
    lock_rows(Evidence, [version.evidence_id])
    current = find_version_in(attempt, version.evidence_id)
    if current is None or current.id != version.id:
        raise Conflict("The candidate has submitted a newer version. What you typed is kept. Assess the new version.")
    assessment = find_draft(attempt, version, person_id)
    if assessment is None:
        check_not_waiting(attempt, version.id, person_id)
        raise Invalid("Choose an outcome for each claim first. Nothing was changed.")
    if assessment.release_after:
        raise Refused("You have just finished this assessment. Nothing was changed.")
    return assessment


def _check_warnings_reason(assessment: Assessment) -> None:
    """Raise `Invalid` if the item has warnings and no reason to accept it (docs/rules.md, Warnings, rule 1)."""
    version = assessment.evidence_version
    limit, units = load_limit_and_units(version.evidence_id, [assessment.attempt_id])
    context = load_version_context(version, list_version_attachments(version), limit, units)
    warnings = list_evidence_warnings(version, context)
    if not warnings:
        assessment.warnings_reason = None
    elif len(assessment.warnings_reason or "") < MIN_REASON_LENGTH:
        raise Invalid(
            f"This item has a warning: {warnings[0].text} To accept it, write a sentence that says why. "
            "What you typed is kept.",
            "warnings_reason",
        )


def _schedule_release(assessment: Assessment, outcome: AssessmentOutcome, actor: Actor) -> Assessment:
    assessment.needs_countersigner = find_need(assessment.attempt, assessment.assessor_id)
    assessment.outcome = outcome
    assessment.grant_id, assessment.session_ref = actor.grant_id, actor.session_ref
    schedule_release(assessment, TIME_TO_UNDO)
    return assessment


def _merge_draft(assessment: Assessment, draft: DraftDecisions, claim_ids: set[int]) -> None:
    """Merge changes into the saved draft.

    Args:
        assessment: the saved draft.
        draft: the changes.
        claim_ids: the item's live claims in the attempt.

    Raises:
        Conflict: a claim named in the changes ended when the attempt moved to another version of its unit.
        NotFound: a claim named in the changes is not of this item.
    """
    unknown = (set(draft.outcomes) | set(draft.comments)) - claim_ids
    if unknown:
        _check_not_moved(assessment.attempt_id, unknown)
        raise NotFound
    merged = {key: dict(value) for key, value in assessment.draft_decisions.items()}
    for claim_id, outcome in draft.outcomes.items():
        merged.setdefault(str(claim_id), {})["outcome"] = outcome.value if outcome else None
    for claim_id, comment in draft.comments.items():
        merged.setdefault(str(claim_id), {})["comment"] = comment
    assessment.draft_decisions = merged
    if draft.answer_marks:
        _merge_marks(assessment, draft.answer_marks)
    for check, ticked in draft.checks.items():
        setattr(assessment, check, ticked)
    if draft.feedback is not None:
        assessment.feedback = draft.feedback
    if draft.warnings_reason is not None:
        assessment.warnings_reason = draft.warnings_reason.strip() or None


def _merge_marks(assessment: Assessment, marks: dict[int, dict[str, str]]) -> None:
    """Merge marks of answers into the draft. Raises `NotFound` for a question that the version does not have."""
    version = assessment.evidence_version
    content = load_as(AnswersContent, version.record_kind, version.content)
    if content is None or not all(1 <= number <= len(content.questions) for number in marks):
        raise NotFound
    merged = {key: dict(value) for key, value in (assessment.answer_marks or {}).items()}
    for number, mark in marks.items():
        merged.setdefault(str(number), {}).update(mark)
    assessment.answer_marks = merged


def _check_not_moved(attempt_id: int, claim_ids: set[int]) -> None:
    """Raise `Conflict` if one of these claims ended when its attempt moved to another version of the unit."""
    moved_claims = (
        select(Claim.id)
        .join(VersionMove, VersionMove.attempt_id == Claim.attempt_id)
        .where(Claim.attempt_id == attempt_id, Claim.id.in_(claim_ids), Claim.removed_at == VersionMove.moved_at)
    )
    if db.session.scalars(moved_claims).first():
        raise Conflict(
            "This unit has moved to another version since you opened this page. Nothing was decided. "
            "The criteria are shown as they are now, with your comments and feedback. Read them again, then decide."
        )


def _check_lengths(draft: DraftDecisions) -> None:
    marked = (mark.get("comment", "") for mark in draft.answer_marks.values())
    if any(len(comment) > MAX_COMMENT_LENGTH for comment in (*draft.comments.values(), *marked)):
        raise Invalid(f"A comment can have at most {MAX_COMMENT_LENGTH:,} characters. Shorten it.")
    if draft.feedback is not None and len(draft.feedback) > MAX_FEEDBACK_LENGTH:
        raise Invalid(f"The feedback can have at most {MAX_FEEDBACK_LENGTH:,} characters. Shorten it.", "feedback")
    if draft.warnings_reason is not None and len(draft.warnings_reason) > MAX_REASON_LENGTH:
        raise Invalid(f"The reason can have at most {MAX_REASON_LENGTH:,} characters. Shorten it.", "warnings_reason")
