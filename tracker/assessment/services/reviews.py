"""One assessor's look at one evidence version for one attempt: saved as typed, accepted or returned, released."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from tracker import mail
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger import Actor, record
from tracker.matrix import Cell, load_matrix
from tracker.models import Decision, Evidence, EvidenceVersion, Review, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.registrations.duties import check_may_assess, check_not_withdrawn
from tracker.transactions import lock_rows, reading, transaction
from tracker.vocabulary import AttemptState, Outcome, ReviewOutcome, ReviewState

TIME_TO_UNDO = timedelta(seconds=10)
LONGEST_COMMENT = 2_000
LONGEST_FEEDBACK = 10_000
CHECKS = ("valid", "authentic", "current", "sufficient")


@dataclass(frozen=True)
class Marks:
    """What an assessor has put down so far; None leaves a thing as it was."""

    outcomes: dict[int, Outcome | None]
    comments: dict[int, str]
    checks: dict[str, bool]
    feedback: str | None = None


def find_draft(attempt: UnitAttempt, version: EvidenceVersion, assessor_id: int) -> Review | None:
    """The assessor's unreleased review of this version in this attempt."""
    query = select(Review).where(
        Review.attempt_id == attempt.id,
        Review.evidence_version_id == version.id,
        Review.assessor_id == assessor_id,
        Review.state == ReviewState.DRAFT,
    )
    return db.session.scalars(query).one_or_none()


def save_marks(attempt: UnitAttempt, version: EvidenceVersion, marks: Marks, actor: Actor) -> Review:
    """Save what was put down, as a draft that only its assessor sees. No event: nothing is decided yet."""
    person_id = check_can_review(attempt, actor)
    _check_lengths(marks)
    review = find_draft(attempt, version, person_id)
    if review is None:
        review = Review(
            attempt_id=attempt.id,
            evidence_version_id=version.id,
            assessor_id=person_id,
            state=ReviewState.DRAFT,
            feedback="",
            marks={},
            started_at=now(),
            saved_at=now(),
        )
        db.session.add(review)
    if review.release_after:
        raise Refused("You have just decided this. Undo that first. Nothing was changed.")
    _merge(review, marks, {cell.claim_id for cell in cells_of(attempt, version).values()})
    review.saved_at = now()
    db.session.flush()
    return review


def accept_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Review:
    """Accept: every undecided claim has an outcome and all four checks are ticked. Released once undo lapses."""
    review = _draft_to_finish(attempt, version, actor)
    undecided = [cell for cell in cells_of(attempt, version).values() if not cell.is_decided]
    missing = [cell for cell in undecided if not review.marks.get(str(cell.claim_id), {}).get("outcome")]
    if missing:
        raise Invalid(
            f"Decide every claim before you accept; {len(missing)} are still open. What you typed is saved."
        )
    unticked = [check for check in CHECKS if not getattr(review, check)]
    if unticked:
        raise Invalid(
            f"To accept, tick that the evidence is {', '.join(unticked)}. If it is not, return it. "
            "What you typed is saved."
        )
    return _finish(review, ReviewOutcome.ACCEPTED, actor)


def affirm_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Review:
    """The new version still shows what the old one did: accept it with every earlier `met` unchanged."""
    awaiting = [cell for cell in cells_of(attempt, version).values() if not cell.is_decided]
    if not awaiting or not all(cell.awaits_affirmation for cell in awaiting):
        raise Refused("Some claims here were not met before, so each needs a decision. Nothing was changed.")
    marks = Marks({cell.claim_id: Outcome.MET for cell in awaiting}, {}, dict.fromkeys(CHECKS, True))
    save_marks(attempt, version, marks, actor)
    return accept_evidence(attempt, version, actor)


def return_evidence(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Review:
    """Return to the candidate: feedback is required, and nothing becomes `met`."""
    review = _draft_to_finish(attempt, version, actor)
    if not review.feedback.strip():
        raise Invalid("Write feedback before you return it: what is missing, and what would help.", "feedback")
    return _finish(review, ReviewOutcome.RETURNED, actor)


def undo(attempt: UnitAttempt, review: Review, actor: Actor) -> None:
    """Take a decision back before it is released. Nobody else has seen it."""
    if review.assessor_id != actor.person_id or review.attempt_id != attempt.id:
        raise NotFound
    if review.state is ReviewState.RELEASED or review.release_after is None:
        raise Refused("It was released already, so it can no longer be undone. You can judge the item again.")
    review.outcome, review.release_after = None, None


def release_due() -> int:
    """Release every review whose time to undo is over. How many were released comes out.

    Each in a transaction of its own; called before requests and by `flask reviews release`.
    """
    with reading():
        due = list(db.session.scalars(select(Review.id).where(Review.release_after <= now()).limit(50)))
    for review_id in due:
        with transaction():
            release(review_id)
    return len(due)


def release(review_id: int) -> None:
    """Make the decisions, tell the candidate. A review whose ground has gone becomes a draft again."""
    attempt_id = db.session.scalar(select(Review.attempt_id).where(Review.id == review_id))
    lock_rows(UnitAttempt, [attempt_id] if attempt_id else [])
    review = db.session.get(Review, review_id, populate_existing=True)
    if review is None or review.release_after is None or review.state is ReviewState.RELEASED:
        return
    attempt, outcome = review.attempt, review.outcome
    version = find_version_in(attempt, review.evidence_version.evidence_id)
    if attempt.state is not AttemptState.IN_PROGRESS or version is None or version.id != review.evidence_version_id:
        review.outcome, review.release_after = None, None
        return
    moment = now()
    review.state, review.released_at, review.release_after = ReviewState.RELEASED, moment, None
    db.session.flush()
    made = _decide(review, cells_of(attempt, version).values())
    actor = Actor(review.assessor_id, review.grant_id, review.session_ref)
    record(
        "review_released",
        review,
        actor,
        texts={"feedback": review.feedback} if review.feedback else None,
        attempt=attempt.id,
        version=version.id,
        content=version.content_hash,
        outcome=outcome.value if outcome else None,
        checks={check: getattr(review, check) for check in CHECKS},
        decisions=[{"decision": each.id, "claim": each.claim_id, "outcome": each.outcome.value} for each in made],
    )
    _tell_candidate(review, version)


def check_can_review(attempt: UnitAttempt, actor: Actor) -> int:
    """The assessor's id, once the attempt is open, the candidate registered and the duties separate."""
    assert actor.person_id is not None  # noqa: S101 - people judge, never the operator
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()}, so it is not judged now. Nothing was changed."
        )
    check_not_withdrawn(attempt)
    check_may_assess(actor.person_id, attempt)
    return actor.person_id


def cells_of(attempt: UnitAttempt, version: EvidenceVersion) -> dict[int, Cell]:
    """The item's live claims in this attempt, by criterion."""
    matrix = load_matrix(attempt)
    return dict(next((row.cells for row in matrix.rows if row.evidence_id == version.evidence_id), {}))


def _draft_to_finish(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> Review:
    person_id = check_can_review(attempt, actor)
    lock_rows(Evidence, [version.evidence_id])
    current = find_version_in(attempt, version.evidence_id)
    if current is None or current.id != version.id:
        raise Refused("The candidate has submitted a newer version. What you typed is kept; judge the new one.")
    review = find_draft(attempt, version, person_id)
    if review is None:
        raise Invalid("Put down at least one decision first.")
    if review.release_after:
        raise Refused("You have just decided this. Nothing was done twice.")
    return review


def _finish(review: Review, outcome: ReviewOutcome, actor: Actor) -> Review:
    review.outcome = outcome
    review.release_after = now() + TIME_TO_UNDO
    review.grant_id, review.session_ref = actor.grant_id, actor.session_ref
    db.session.flush()
    return review


def _decide(review: Review, cells: Iterable[Cell]) -> list[Decision]:
    """The marks as decisions; earlier live ones are superseded. A return makes nothing `met`."""
    made = []
    for cell in cells:
        mark = review.marks.get(str(cell.claim_id), {})
        if not mark.get("outcome"):
            continue
        outcome = Outcome(mark["outcome"])
        if review.outcome is ReviewOutcome.RETURNED and outcome is Outcome.MET:
            continue
        made.append(_new_decision(review, cell.claim_id, outcome, mark.get("comment", "")))
    earlier = select(Decision).where(
        Decision.claim_id.in_([each.claim_id for each in made]), Decision.superseded_at.is_(None)
    )
    for decision in db.session.scalars(earlier):
        decision.superseded_at = review.released_at
    db.session.flush()  # the live ones are freed before their successors take their place
    db.session.add_all(made)
    db.session.flush()
    return made


def _new_decision(review: Review, claim_id: int, outcome: Outcome, comment: str) -> Decision:
    assert review.released_at is not None  # noqa: S101 - set by `release` just before
    return Decision(
        attempt_id=review.attempt_id,
        claim_id=claim_id,
        evidence_version_id=review.evidence_version_id,
        review_id=review.id,
        outcome=outcome,
        comment=comment,
        decided_at=review.released_at,
        decided_by_id=review.assessor_id,
    )


def _merge(review: Review, marks: Marks, known: set[int]) -> None:
    """Put the marks into the draft; claims that are not of this item are refused whole."""
    if (set(marks.outcomes) | set(marks.comments)) - known:
        raise NotFound
    kept = {key: dict(value) for key, value in review.marks.items()}
    for claim_id, outcome in marks.outcomes.items():
        kept.setdefault(str(claim_id), {})["outcome"] = outcome.value if outcome else None
    for claim_id, comment in marks.comments.items():
        kept.setdefault(str(claim_id), {})["comment"] = comment
    review.marks = kept
    for check, ticked in marks.checks.items():
        setattr(review, check, ticked)
    if marks.feedback is not None:
        review.feedback = marks.feedback


def _check_lengths(marks: Marks) -> None:
    if any(len(comment) > LONGEST_COMMENT for comment in marks.comments.values()):
        raise Invalid(f"A comment takes at most {LONGEST_COMMENT:,} characters. Shorten it; the rest is kept.")
    if marks.feedback is not None and len(marks.feedback) > LONGEST_FEEDBACK:
        raise Invalid(f"Feedback takes at most {LONGEST_FEEDBACK:,} characters. Shorten it.", "feedback")


def _tell_candidate(review: Review, version: EvidenceVersion) -> None:
    candidate, evidence = review.attempt.candidate, version.evidence
    if review.outcome is ReviewOutcome.RETURNED:
        mail.tell(
            candidate,
            f"evidence_returned:{evidence.id}",
            f"Evidence {evidence.number} needs you",
            f"{review.assessor.name} has looked at “{version.title}” and asks for more. Read the feedback and answer "
            f"it: {mail.link(f'/evidence/{evidence.id}')}",
        )
