"""One assessor's look at one evidence version for one attempt: saved as typed, accepted or returned, released."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from tracker.assessment.queries.assessing import CriterionWithClaim, list_criteria_with_claims
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.matrix import MatrixCell
from tracker.models import Assessment, Claim, Decision, Evidence, EvidenceVersion, Grant, UnitAttempt, VersionMove
from tracker.portfolio.queries.evidence import find_version_in
from tracker.registrations.separation_of_duties import check_may_assess, check_not_withdrawn
from tracker.registrations.services import find_current_allocation
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome, Role

TIME_TO_UNDO = timedelta(seconds=10)
MAX_COMMENT_LENGTH = 2_000
MAX_FEEDBACK_LENGTH = 10_000
CHECKS = ("valid", "authentic", "current", "sufficient")


@dataclass(frozen=True)
class DraftDecisions:
    """What an assessor has put down so far; None leaves a thing as it was."""

    outcomes: dict[int, Outcome | None]
    comments: dict[int, str]
    checks: dict[str, bool]
    feedback: str | None = None


def find_draft(attempt: UnitAttempt, version: EvidenceVersion, assessor_id: int) -> Assessment | None:
    """The assessor's unreleased assessment of this version in this attempt."""
    query = select(Assessment).where(
        Assessment.attempt_id == attempt.id,
        Assessment.evidence_version_id == version.id,
        Assessment.assessor_id == assessor_id,
        Assessment.state == AssessmentState.DRAFT,
    )
    return db.session.scalars(query).one_or_none()


def check_page_is_current(
    attempt: UnitAttempt, version: EvidenceVersion, seen_version_id: int | None, seen_assessment_id: int | None
) -> None:
    """Raise `Conflict` when the item was submitted again, or assessed, since the page was opened.

    `seen_assessment_id` is the newest released assessment that the page showed, 0 for none. None is not checked.
    """
    if seen_version_id not in {None, version.id}:
        raise Conflict(
            f"{attempt.candidate.name} has submitted version {version.number} since you opened this page. "
            "It is shown now. What you typed is kept below; look at the new version, then decide."
        )
    if seen_assessment_id not in {None, get_newest_release_id(attempt, version.evidence_id)}:
        raise Conflict(
            "This item was judged since you opened this page, perhaps by yourself in another window. "
            "What you typed is kept below, and nothing was done twice. Look at what stands now, then decide."
        )


def get_newest_release_id(attempt: UnitAttempt, evidence_id: int) -> int:
    query = (
        select(func.max(Assessment.id))
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .where(
            Assessment.attempt_id == attempt.id,
            EvidenceVersion.evidence_id == evidence_id,
            Assessment.state == AssessmentState.RELEASED,
        )
    )
    return db.session.scalar(query) or 0


def save_draft(attempt: UnitAttempt, version: EvidenceVersion, draft: DraftDecisions, actor: Actor) -> Assessment:
    """Save what was put down, as a draft that only its assessor sees. No event: nothing is decided yet."""
    person_id = check_can_assess(attempt, actor)
    _check_lengths(draft)
    assessment = find_draft(attempt, version, person_id)
    if assessment is None:
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
        raise Refused("You have just decided this. Undo that first. Nothing was changed.")
    _merge(assessment, draft, {cell.claim_id for cell in load_cells(attempt, version).values()})
    assessment.saved_at = now()
    db.session.flush()
    return assessment


def accept_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Accept: every undecided claim has an outcome and all four checks are ticked. Released once undo lapses."""
    assessment = _get_draft_to_finish(attempt, version, actor)
    undecided = [cell for cell in load_cells(attempt, version).values() if not cell.is_decided]
    missing = [
        cell for cell in undecided if not assessment.draft_decisions.get(str(cell.claim_id), {}).get("outcome")
    ]
    if missing:
        still = "1 is" if len(missing) == 1 else f"{len(missing)} are"
        raise Invalid(f"Decide every claim before you accept: {still} still open. What you typed is kept.")
    unticked = [check for check in CHECKS if not getattr(assessment, check)]
    if unticked:
        raise Invalid(
            f"To accept, tick that the evidence is {' and '.join(unticked)}. If it is not, return it. "
            "What you typed is kept.",
            unticked[0],
        )
    return _schedule_release(assessment, AssessmentOutcome.ACCEPTED, actor)


def affirm_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """The new version still shows what the old one did: every earlier `met` stands, in one act.

    Where nothing else is open the item is accepted; otherwise the affirmed claims are marked in the draft.
    """
    cells = load_cells(attempt, version).values()
    affirmed = [cell for cell in cells if cell.awaits_affirmation]
    if not affirmed:
        raise Refused("Nothing here was met on an earlier version, so there is nothing to affirm.")
    is_all = all(cell.is_decided or cell.awaits_affirmation for cell in cells)
    draft = DraftDecisions(
        {cell.claim_id: Outcome.MET for cell in affirmed},
        {cell.claim_id: cell.comment for cell in affirmed},
        dict.fromkeys(CHECKS, True) if is_all else {},
    )
    assessment = save_draft(attempt, version, draft, actor)
    return accept_evidence(attempt, version, actor) if is_all else assessment


def return_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    """Return to the candidate: feedback is required, and nothing becomes `met`."""
    assessment = _get_draft_to_finish(attempt, version, actor)
    if not assessment.feedback.strip():
        raise Invalid(
            "Write feedback before you return it: what is missing, and what would help. What you typed is kept.",
            "feedback",
        )
    return _schedule_release(assessment, AssessmentOutcome.RETURNED, actor)


def undo_assessment(attempt: UnitAttempt, assessment: Assessment, actor: Actor) -> None:
    """Take a decision back before it is released. Nobody else has seen it. The caller has locked the attempt."""
    db.session.refresh(assessment)  # it may have been released while the lock was waited for
    if assessment.assessor_id != actor.person_id or assessment.attempt_id != attempt.id:
        raise NotFound
    if assessment.state is AssessmentState.RELEASED or assessment.release_after is None:
        raise Refused("It was released already, so it can no longer be undone. You can judge the item again.")
    assessment.outcome, assessment.release_after = None, None


def release_due_assessments() -> int:
    """Release every assessment whose time to undo is over. How many were released comes out.

    Each in a transaction of its own; called before requests and by `flask assessments release`.
    """
    with reading():
        due = list(db.session.scalars(select(Assessment.id).where(Assessment.release_after <= now()).limit(50)))
    for assessment_id in due:
        with transaction():
            release_assessment(assessment_id)
    return len(due)


def release_assessment(assessment_id: int) -> None:
    """Make the decisions, tell the candidate. A assessment whose ground has gone becomes a draft again."""
    attempt_id = db.session.scalar(select(Assessment.attempt_id).where(Assessment.id == assessment_id))
    lock_rows(UnitAttempt, [attempt_id] if attempt_id else [])
    assessment = db.session.get(Assessment, assessment_id, populate_existing=True)
    if assessment is None or assessment.release_after is None or assessment.state is AssessmentState.RELEASED:
        return
    if not _can_be_released(assessment):
        assessment.outcome, assessment.release_after = None, None
        return
    version = assessment.evidence_version
    assessment.state, assessment.released_at, assessment.release_after = AssessmentState.RELEASED, now(), None
    judged = list_criteria_with_claims(assessment.attempt, version)
    if assessment.outcome is AssessmentOutcome.RETURNED:
        assessment.feedback = _add_unrecorded_comments(assessment, judged)
    db.session.flush()
    made = _record_decisions(assessment, [each.cell for each in judged if each.cell])
    actor = Actor(assessment.assessor_id, assessment.grant_id, assessment.session_ref)
    record(
        "assessment_released",
        assessment,
        actor,
        texts={"feedback": assessment.feedback} if assessment.feedback else None,
        attempt=assessment.attempt_id,
        version=version.id,
        content=version.content_hash,
        outcome=assessment.outcome.value if assessment.outcome else None,
        checks={check: getattr(assessment, check) for check in CHECKS},
        decisions=[{"decision": each.id, "claim": each.claim_id, "outcome": each.outcome.value} for each in made],
    )
    _tell_candidate(assessment, version)


def check_can_assess(attempt: UnitAttempt, actor: Actor) -> int:
    """The assessor's id, once the attempt is open, the candidate registered and the duties separate."""
    assert actor.person_id is not None  # noqa: S101 - people judge, never the operator
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()}, so it is not judged now. Nothing was changed."
        )
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    return actor.person_id


def load_cells(attempt: UnitAttempt, version: EvidenceVersion) -> dict[int, MatrixCell]:
    """The item's live claims in this attempt, by criterion."""
    return {each.column.id: each.cell for each in list_criteria_with_claims(attempt, version) if each.cell}


def _can_be_released(assessment: Assessment) -> bool:
    """Whether the attempt is open, its assessor the same and in post, and the version still the one it sees."""
    attempt, grant = assessment.attempt, db.session.get(Grant, assessment.grant_id) if assessment.grant_id else None
    holder = find_current_allocation(attempt, Role.ASSESSOR)
    version = find_version_in(attempt, assessment.evidence_version.evidence_id)
    return (
        attempt.state is AttemptState.IN_PROGRESS
        and attempt.registration.withdrawn_at is None
        and holder is not None
        and holder.person_id == assessment.assessor_id
        and assessment.assessor.deactivated_at is None
        and (grant is None or grant.ends_at is None or grant.ends_at > now())
        and version is not None
        and version.id == assessment.evidence_version_id
    )


def _get_draft_to_finish(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Assessment:
    person_id = check_can_assess(attempt, actor)
    lock_rows(Evidence, [version.evidence_id])
    current = find_version_in(attempt, version.evidence_id)
    if current is None or current.id != version.id:
        raise Conflict("The candidate has submitted a newer version. What you typed is kept; judge the new one.")
    assessment = find_draft(attempt, version, person_id)
    if assessment is None:
        raise Invalid("Put down what you decide first.")
    if assessment.release_after:
        raise Refused("You have just decided this. Nothing was done twice.")
    return assessment


def _schedule_release(assessment: Assessment, outcome: AssessmentOutcome, actor: Actor) -> Assessment:
    assessment.outcome = outcome
    assessment.release_after = now() + TIME_TO_UNDO
    assessment.grant_id, assessment.session_ref = actor.grant_id, actor.session_ref
    db.session.flush()
    return assessment


def _record_decisions(assessment: Assessment, cells: Iterable[MatrixCell]) -> list[Decision]:
    """The draft as decisions; earlier live ones are superseded. What stands unchanged is not decided again."""
    made = []
    for cell in cells:
        outcome, comment = _read_draft_decision(assessment, cell)
        stands = cell.is_decided and (outcome, comment) == (cell.outcome, cell.comment)
        if outcome and not stands:
            made.append(_new_decision(assessment, cell.claim_id, outcome, comment))
    earlier = select(Decision).where(
        Decision.claim_id.in_([each.claim_id for each in made]), Decision.superseded_at.is_(None)
    )
    for decision in db.session.scalars(earlier):
        decision.superseded_at = assessment.released_at
    db.session.flush()  # the live ones are freed before their successors take their place
    db.session.add_all(made)
    db.session.flush()
    return made


def _read_draft_decision(assessment: Assessment, cell: MatrixCell) -> tuple[Outcome | None, str]:
    """What the draft says of a claim; a return makes nothing `met`."""
    mark = assessment.draft_decisions.get(str(cell.claim_id), {})
    outcome = Outcome(mark["outcome"]) if mark.get("outcome") else None
    if assessment.outcome is AssessmentOutcome.RETURNED and outcome is Outcome.MET:
        outcome = None
    return outcome, mark.get("comment", "")


def _add_unrecorded_comments(assessment: Assessment, judged: Iterable[CriterionWithClaim]) -> str:
    """A return's feedback, with the comments that no decision will carry, so that the candidate reads them too."""
    lines = []
    for each in judged:
        outcome, comment = _read_draft_decision(assessment, each.cell) if each.cell else (None, "")
        if comment and outcome is None and each.cell and comment != each.cell.comment:
            lines.append(f"On {each.column.label}: {comment}")
    return "\n\n".join([assessment.feedback.strip(), *lines])


def _new_decision(assessment: Assessment, claim_id: int, outcome: Outcome, comment: str) -> Decision:
    assert assessment.released_at is not None  # noqa: S101 - set by `release_assessment` just before
    return Decision(
        attempt_id=assessment.attempt_id,
        claim_id=claim_id,
        evidence_version_id=assessment.evidence_version_id,
        assessment_id=assessment.id,
        outcome=outcome,
        comment=comment,
        decided_at=assessment.released_at,
        decided_by_id=assessment.assessor_id,
    )


def _merge(assessment: Assessment, draft: DraftDecisions, known: set[int]) -> None:
    """Put the draft into the draft; claims that are not of this item are refused whole."""
    unknown = (set(draft.outcomes) | set(draft.comments)) - known
    if unknown:
        _check_not_moved(assessment.attempt_id, unknown)
        raise NotFound
    kept = {key: dict(value) for key, value in assessment.draft_decisions.items()}
    for claim_id, outcome in draft.outcomes.items():
        kept.setdefault(str(claim_id), {})["outcome"] = outcome.value if outcome else None
    for claim_id, comment in draft.comments.items():
        kept.setdefault(str(claim_id), {})["comment"] = comment
    assessment.draft_decisions = kept
    for check, ticked in draft.checks.items():
        setattr(assessment, check, ticked)
    if draft.feedback is not None:
        assessment.feedback = draft.feedback


def _check_not_moved(attempt_id: int, claim_ids: set[int]) -> None:
    """Raise `Conflict` for a page that was open while its attempt moved to another version of the unit."""
    ended = select(Claim.id).join(VersionMove, VersionMove.attempt_id == Claim.attempt_id)
    ended = ended.where(
        Claim.attempt_id == attempt_id, Claim.id.in_(claim_ids), Claim.removed_at == VersionMove.moved_at
    )
    if db.session.scalars(ended).first():
        raise Conflict(
            "This unit has moved to another version since you opened the page. Nothing was decided. The criteria are "
            "shown as they are now, with your comments and feedback: look again, then decide."
        )


def _check_lengths(draft: DraftDecisions) -> None:
    if any(len(comment) > MAX_COMMENT_LENGTH for comment in draft.comments.values()):
        raise Invalid(f"A comment takes at most {MAX_COMMENT_LENGTH:,} characters. Shorten it; the rest is kept.")
    if draft.feedback is not None and len(draft.feedback) > MAX_FEEDBACK_LENGTH:
        raise Invalid(f"Feedback takes at most {MAX_FEEDBACK_LENGTH:,} characters. Shorten it.", "feedback")


def _tell_candidate(assessment: Assessment, version: EvidenceVersion) -> None:
    candidate, evidence = assessment.attempt.candidate, version.evidence
    if assessment.outcome is AssessmentOutcome.RETURNED:
        emails.notify(
            candidate,
            f"evidence_returned:{evidence.id}",
            f"Evidence {evidence.number} needs you",
            f"{assessment.assessor.name} has looked at “{version.title}” and asks for more. Read the feedback and "
            f"answer it: {emails.build_url(f'/evidence/{evidence.id}')}",
        )
