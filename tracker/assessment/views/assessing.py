"""The judging screen: the evidence beside the claimed criteria; outcomes saved as they are put down."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.queries import assessing as queries
from tracker.assessment.queries.queue import QueuePosition, filter_queue, find_queue_position, group_by_item
from tracker.assessment.queries.version_moves import find_successors
from tracker.assessment.services import assessments as services
from tracker.assessment.services import claims as claim_services
from tracker.assessment.services.assessments import CHECKS, DraftDecisions
from tracker.assessment.views import assessment
from tracker.assessment.views.queue_cache import read_queue
from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger.events import Actor
from tracker.library.queries.units import list_guidance
from tracker.models import Assessment, EvidenceVersion, UnitAttempt
from tracker.portfolio.queries import evidence as evidence_queries
from tracker.vocabulary import Outcome
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.requests import asked_number
from tracker.web.route_rules import requires


@assessment.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def assess(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    return render_assess_page(attempt, get_version(attempt, evidence_id))


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assessment")
@requires(Act.ASSESS_EVIDENCE)
def save_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Only what changed, saved as it is put down."""
    attempt, actor = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    version = get_version(attempt, evidence_id)
    services.check_page_is_current(attempt, version, *read_shown_versions())
    services.save_draft(attempt, version, read_draft(set(request.form.getlist("changed"))), actor)
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M")}


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def finish_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Save the whole form, then accept, return or affirm; or add or remove a claim."""
    attempt, actor = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    version = get_version(attempt, evidence_id)
    draft = read_draft(None)
    act, _, about = request.form.get("act", "save").partition("-")
    try:
        services.check_page_is_current(attempt, version, *read_shown_versions())
        services.save_draft(attempt, version, draft, actor)
        return ACTS.get(act, save)(AssessmentAction(attempt, version, actor, about))
    except (Invalid, Conflict) as refusal:
        typed = move_comments_to_new_claims(draft)
        return render_assess_page(attempt, version, typed=typed, refused=str(refusal)), refusal.status


@assessment.post("/assessments/<int:assessment_id>/undo")
@requires(Act.LIST_OWN_QUEUE)
def undo_assessment(assessment_id: int) -> ResponseReturnValue:
    assessment = queries.find_assessment_to_undo(assessment_id, me().person_id)
    if assessment is None:
        raise Refused("It was released already, so it can no longer be undone. You can judge the item again.")
    attempt, actor = get_attempt(assessment.attempt_id, Act.ASSESS_EVIDENCE)
    services.undo_assessment(attempt, assessment, actor)
    flash("Undone. Nobody has seen it; your decisions are kept as a draft.")
    return redirect(assessing_url(assessment.attempt_id, assessment.evidence_version.evidence_id), 303)


# --- what the buttons of the form do ---------------------------------------------------------------------


@dataclass(frozen=True)
class AssessmentAction:
    """The item one of whose buttons was pressed; `about` is the claim that a button of a claim is for."""

    attempt: UnitAttempt
    version: EvidenceVersion
    actor: Actor
    about: str = ""


def save(item: AssessmentAction) -> ResponseReturnValue:
    flash("Saved. Nobody else sees it until you accept or return the item.")
    return redirect(assessing_url(item.attempt.id, item.version.evidence_id), 303)


def accept(item: AssessmentAction) -> ResponseReturnValue:
    return finish_and_continue(item, services.accept_evidence)


def return_evidence(item: AssessmentAction) -> ResponseReturnValue:
    return finish_and_continue(item, services.return_evidence)


def affirm(item: AssessmentAction) -> ResponseReturnValue:
    return finish_and_continue(item, services.affirm_evidence)


def add_claim(item: AssessmentAction) -> ResponseReturnValue:
    reason = request.form.get("add-reason", "")
    claim_services.add_claim(item.attempt, item.version, read_number("add-criterion"), reason, item.actor)
    flash(f"Added. {item.attempt.candidate.name} sees your reason.")
    return redirect(assessing_url(item.attempt.id, item.version.evidence_id), 303)


def remove_claim(item: AssessmentAction) -> ResponseReturnValue:
    reason = request.form.get(f"strike-reason-{item.about}", "")
    claim_id = int(item.about) if is_number(item.about) else 0
    claim_services.remove_claim(item.attempt, item.version.evidence_id, claim_id, reason, item.actor)
    flash(f"Struck. {item.attempt.candidate.name} sees your reason.")
    if not services.load_cells(item.attempt, item.version):
        return redirect(url_for(".queue"), 303)
    return redirect(assessing_url(item.attempt.id, item.version.evidence_id), 303)


ACTS: dict[str, Callable[[AssessmentAction], ResponseReturnValue]] = {
    "save": save,
    "accept": accept,
    "return": return_evidence,
    "affirm": affirm,
    "add": add_claim,
    "strike": remove_claim,
}


def finish_and_continue(
    item: AssessmentAction, finish: Callable[[UnitAttempt, EvidenceVersion, Actor], Assessment]
) -> ResponseReturnValue:
    """Accept or return, then the next item of the queue with the line that says what was done."""
    following = find_position(item.attempt, item.version).next_to_assess
    assessment = finish(item.attempt, item.version, item.actor)
    if assessment.release_after is None:
        flash("Affirmed where nothing changed. Decide what is still open, then accept.")
        return redirect(assessing_url(item.attempt.id, item.version.evidence_id), 303)
    if following is None:
        return redirect(url_for(".queue", done=assessment.id, **read_queue_filter()), 303)
    return redirect(assessing_url(following.attempt_id, following.evidence_id, done=assessment.id), 303)


# --- the screen ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimToDecide:
    """One claim to decide, with what is put down so far."""

    judged: queries.CriterionWithClaim
    outcome: str
    comment: str


def render_assess_page(
    attempt: UnitAttempt, version: EvidenceVersion, *, typed: DraftDecisions | None = None, refused: str | None = None
) -> str:
    """The screen; after a refusal it still holds what was typed."""
    judged = queries.list_criteria_with_claims(attempt, version)
    assessments = queries.list_item_assessments(attempt, version.evidence_id)
    draft = queries.pick_draft(assessments, version, me().person_id)
    released = queries.pick_released(assessments)
    attachments = evidence_queries.list_attachments_of(version)
    claimed = [each for each in judged if each.cell]
    return render_template(
        "assessment/assess.html",
        attempt=attempt,
        version=version,
        attachments=attachments,
        changes=queries.list_version_changes(version, attachments),
        choices=[build_claim_to_decide(each, draft, typed) for each in claimed],
        others=[each.column for each in judged if not each.cell],
        checks=typed.checks if typed else {check: bool(draft and getattr(draft, check)) for check in CHECKS},
        feedback=typed.feedback if typed else (draft.feedback if draft else ""),
        draft=draft,
        refused=refused,
        earlier=released,
        after=max((each.assessment.id for each in released), default=0),
        guidance=list_guidance(attempt.unit.code, [attempt.centre_id]),
        place=find_position(attempt, version),
        assessing_url=assessing_url,
        undoable=find_undoable(),
        affirmable=sum(each.cell.awaits_affirmation for each in claimed if each.cell),
    )


def build_claim_to_decide(
    judged: queries.CriterionWithClaim, draft: Assessment | None, typed: DraftDecisions | None
) -> ClaimToDecide:
    """What was typed, else the draft, else what stands decided on this version."""
    cell = judged.cell
    assert cell is not None  # noqa: S101 - only claimed criteria are chosen from
    mark = (draft.draft_decisions if draft else {}).get(str(cell.claim_id), {})
    stands = cell.outcome if cell.is_decided else None
    outcome, comment = mark.get("outcome") or stands or "", mark.get("comment", cell.comment if stands else "")
    if typed:
        outcome = typed.outcomes.get(cell.claim_id) or outcome
        comment = typed.comments.get(cell.claim_id, comment)
    return ClaimToDecide(judged, outcome, comment)


def find_position(attempt: UnitAttempt, version: EvidenceVersion) -> QueuePosition:
    chosen = read_queue_filter()
    waiting = filter_queue(read_queue(me().person_id), chosen.get("candidate", 0), chosen.get("unit", ""))
    return find_queue_position(group_by_item(waiting), attempt.id, version.evidence_id)


def find_undoable() -> Assessment | None:
    """The assessment that the line with Undo is about, while there is time."""
    done = asked_number("done")
    return queries.find_assessment_to_undo(done, me().person_id) if done else None


def read_queue_filter() -> dict[str, Any]:
    """How the queue is narrowed, carried from item to item."""
    found = {"candidate": asked_number("candidate"), "unit": request.args.get("unit", "")[:60]}
    return {name: value for name, value in found.items() if value}


def assessing_url(attempt_id: int, evidence_id: int, **more: Any) -> str:
    return url_for("assessment.assess", attempt_id=attempt_id, evidence_id=evidence_id, **read_queue_filter(), **more)


def get_version(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion:
    version = evidence_queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    return version


def read_draft(changed: set[str] | None) -> DraftDecisions:
    """Outcomes, comments, checks and feedback as sent; only the fields named in `changed`, where they are named."""
    form = request.form
    names = changed if changed is not None else {*form, *CHECKS}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    for name in names:
        kind, _, claim = name.partition("-")
        if kind == "outcome" and is_number(claim):
            outcomes[int(claim)] = read_outcome(form.get(name, ""))
        elif kind == "comment" and is_number(claim):
            comments[int(claim)] = read_text(name).strip()
    checks = {check: check in form for check in CHECKS if check in names}
    return DraftDecisions(outcomes, comments, checks, read_text("feedback") if "feedback" in names else None)


def move_comments_to_new_claims(draft: DraftDecisions) -> DraftDecisions:
    """Comments typed beside claims that have meanwhile followed a move stand beside those they have become."""
    became = find_successors(draft.comments)
    comments = {new: text for old, text in draft.comments.items() for new in became.get(old, [old])}
    return replace(draft, comments=comments)


def read_text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n")


def read_outcome(value: str) -> Outcome | None:
    if not value:
        return None
    try:
        return Outcome(value)
    except ValueError:
        raise NotFound from None


def read_shown_versions() -> tuple[int | None, int | None]:
    """Which version, and which newest assessment, the page was made from."""
    version, after = (read_number(name) if name in request.form else None for name in ("version", "after"))
    return version, after


def read_number(name: str) -> int:
    value = request.form.get(name, "")
    return int(value) if is_number(value) else 0


def is_number(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 10
