"""The judging screen: the evidence beside the claimed criteria; outcomes saved as they are put down."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.access import Act, get_attempt, me, requires
from tracker.assessment import queries
from tracker.assessment.services import claims as claim_services
from tracker.assessment.services import reviews as services
from tracker.assessment.services.reviews import CHECKS, Marks
from tracker.assessment.views import assessment
from tracker.clock import LONDON, now
from tracker.errors import Invalid, NotFound, Refused
from tracker.idempotency import once
from tracker.ledger import Actor
from tracker.matrix import load_matrix
from tracker.models import EvidenceVersion, UnitAttempt
from tracker.portfolio.queries import evidence as evidence_queries
from tracker.standards.queries import list_guidance
from tracker.vocabulary import Outcome


@assessment.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/judge")
@requires(Act.REVIEW_EVIDENCE)
def judge(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.REVIEW_EVIDENCE)
    return show_judging(attempt, get_version(attempt, evidence_id))


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/review")
@requires(Act.REVIEW_EVIDENCE)
def save_review(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Only what changed, saved as it is put down."""
    attempt, actor = get_attempt(attempt_id, Act.REVIEW_EVIDENCE)
    marks = read_marks(set(request.form.getlist("changed")))
    services.save_marks(attempt, get_version(attempt, evidence_id), marks, actor)
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M")}


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/judge")
@requires(Act.REVIEW_EVIDENCE)
@once
def finish_review(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Accept, return, or affirm that a new version still shows what the old one did."""
    attempt, actor = get_attempt(attempt_id, Act.REVIEW_EVIDENCE)
    version = get_version(attempt, evidence_id)
    act = request.form.get("act", "save")
    try:
        if act == "affirm":
            review = services.affirm_evidence(attempt, version, actor)
        else:
            review = services.save_marks(attempt, version, read_marks(None), actor)
            finish = {"accept": services.accept_evidence, "return": services.return_evidence}.get(act)
            review = finish(attempt, version, actor) if finish else review
    except Invalid as refusal:
        return show_judging(attempt, version, refused=str(refusal)), 422
    if act == "save":
        flash("Saved. Nobody else sees it until you accept or return the item.")
        return redirect(url_for(".judge", attempt_id=attempt.id, evidence_id=evidence_id), 303)
    return redirect(next_address(version, review.id, actor), 303)


@assessment.post("/reviews/<int:review_id>/undo")
@requires(Act.LIST_OWN_QUEUE)
def undo_review(review_id: int) -> ResponseReturnValue:
    review = queries.find_review_to_undo(review_id, me().person_id)
    if review is None:
        raise Refused("It was released already, so it can no longer be undone. You can judge the item again.")
    attempt, actor = get_attempt(review.attempt_id, Act.REVIEW_EVIDENCE)
    services.undo(attempt, review, actor)
    flash("Undone. Nobody has seen it; your decisions are kept as a draft.")
    evidence_id = review.evidence_version.evidence_id
    return redirect(url_for(".judge", attempt_id=attempt.id, evidence_id=evidence_id), 303)


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/claims")
@requires(Act.REVIEW_EVIDENCE)
@once
def add_claim(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.REVIEW_EVIDENCE)
    version = get_version(attempt, evidence_id)
    try:
        criterion_id = request.form.get("criterion", 0, type=int)
        claim_services.add_claim(attempt, version, criterion_id, request.form.get("reason", ""), actor)
    except Invalid as refusal:
        return show_judging(attempt, version, refused=str(refusal)), 422
    flash(f"Added. {attempt.candidate.name} sees your reason.")
    return redirect(url_for(".judge", attempt_id=attempt.id, evidence_id=evidence_id), 303)


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/claims/<int:claim_id>/strike")
@requires(Act.REVIEW_EVIDENCE)
@once
def strike_claim(attempt_id: int, evidence_id: int, claim_id: int) -> ResponseReturnValue:
    attempt, actor = get_attempt(attempt_id, Act.REVIEW_EVIDENCE)
    version = get_version(attempt, evidence_id)
    try:
        claim_services.strike_claim(attempt, evidence_id, claim_id, request.form.get("reason", ""), actor)
    except Invalid as refusal:
        return show_judging(attempt, version, refused=str(refusal)), 422
    flash(f"Struck. {attempt.candidate.name} sees your reason.")
    return redirect(url_for(".judge", attempt_id=attempt.id, evidence_id=evidence_id), 303)


def get_version(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion:
    version = evidence_queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    return version


def show_judging(attempt: UnitAttempt, version: EvidenceVersion, *, refused: str | None = None) -> str:
    """The screen; after a refusal it still holds what was typed."""
    matrix = load_matrix(attempt)
    cells = dict(next((row.cells for row in matrix.rows if row.evidence_id == version.evidence_id), {}))
    columns = matrix.columns
    review = services.find_draft(attempt, version, me().person_id)
    queue = queries.group_by_item(queries.list_waiting(me().person_id))
    order = [row.first.evidence_id for row in queue]
    place = order.index(version.evidence_id) if version.evidence_id in order else None
    attachments = evidence_queries.list_attachments_of(version)
    siblings = [each for row in queue if row.first.evidence_id == version.evidence_id for each in row.waits]
    return render_template(
        "assessment/judge.html",
        attempt=attempt,
        version=version,
        attachments=attachments,
        cells=cells,
        columns=columns,
        review=review,
        marks=review.marks if review else {},
        typed=request.form if refused else {},
        refused=refused,
        earlier=queries.list_earlier_reviews(attempt, version.evidence_id),
        guidance=list_guidance(attempt.unit.code),
        siblings=[each for each in siblings if each.attempt_id != attempt.id],
        position=place + 1 if place is not None else None,
        queue_length=len(queue),
        previous=queue[place - 1].first if place else None,
        following=queue[place + 1].first if place is not None and place + 1 < len(queue) else None,
        undoable=queries.find_review_to_undo(request.args.get("done", 0, type=int), me().person_id),
        affirmable=bool(cells)
        and any(cell.awaits_affirmation for cell in cells.values())
        and all(cell.is_decided or cell.awaits_affirmation for cell in cells.values()),
    )


def next_address(version: EvidenceVersion, review_id: int, actor: Actor) -> str:
    """The next item of the queue, with the line that says what was done; or the queue when it is clear."""
    waiting = queries.list_waiting(actor.person_id or 0)
    sibling = next((each for each in waiting if each.evidence_id == version.evidence_id), None)
    following = sibling or next(iter(waiting), None)
    if following is None:
        return url_for(".queue", done=review_id)
    return url_for(".judge", attempt_id=following.attempt_id, evidence_id=following.evidence_id, done=review_id)


def read_marks(changed: set[str] | None) -> Marks:
    """Outcomes, comments, checks and feedback as sent; only the fields named in `changed`, where they are named."""
    form = request.form
    names = changed if changed is not None else {*form, *CHECKS}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    for name in names:
        kind, _, claim = name.partition("-")
        if kind in {"outcome", "comment"} and claim.isascii() and claim.isdecimal() and len(claim) < 10:
            if kind == "outcome":
                outcomes[int(claim)] = read_outcome(form.get(name, ""))
            else:
                comments[int(claim)] = form.get(name, "").replace("\x00", "").strip()
    checks = {check: check in form for check in CHECKS if check in names}
    feedback = form.get("feedback", "").replace("\r\n", "\n").replace("\x00", "") if "feedback" in names else None
    return Marks(outcomes, comments, checks, feedback)


def read_outcome(value: str) -> Outcome | None:
    if not value:
        return None
    try:
        return Outcome(value)
    except ValueError:
        raise NotFound from None
