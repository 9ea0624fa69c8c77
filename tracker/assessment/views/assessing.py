"""The page on which an assessor assesses one item: the evidence beside the claimed criteria."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.queries import assessing as queries
from tracker.assessment.queries.queue import QueuePosition, filter_queue, find_queue_position, group_by_item
from tracker.assessment.queries.version_moves import load_successor_ids
from tracker.assessment.services import assessments as services
from tracker.assessment.services import claims as claim_services
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS, release_due_in
from tracker.assessment.views import assessment
from tracker.assessment.views.queue_cache import read_queue
from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger.events import Actor
from tracker.library.queries.units import list_guidance
from tracker.models import Assessment, EvidenceVersion, UnitAttempt
from tracker.portfolio.queries import evidence as evidence_queries
from tracker.portfolio.queries.warnings import list_version_warnings
from tracker.vocabulary import Outcome
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.requests import get_query_number, parse_id, read_form_text
from tracker.web.route_rules import requires


@assessment.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def assess(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Show one item to assess."""
    attempt, _ = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    return render_assess_page(attempt, get_version(attempt, evidence_id))


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assessment")
@requires(Act.ASSESS_EVIDENCE)
def save_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Autosave the fields that changed."""
    attempt, version, actor = get_item_to_assess(attempt_id, evidence_id)
    services.check_page_is_current(attempt, version, *read_shown_ids())
    services.save_draft(attempt, version, read_draft(set(request.form.getlist("changed"))), actor)
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M")}


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def finish_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Save the whole form, then do what the pressed button says."""
    attempt, version, actor = get_item_to_assess(attempt_id, evidence_id)
    draft = read_draft(None)
    name, _, claim_id = request.form.get("act", "save").partition("-")
    try:
        services.check_page_is_current(attempt, version, *read_shown_ids())
        services.save_draft(attempt, version, draft, actor)
        return ACTIONS.get(name, save)(AssessmentAction(attempt, version, actor, parse_id(claim_id)))
    except (Invalid, Conflict) as refusal:
        typed = move_comments_to_new_claims(draft)
        return render_assess_page(attempt, version, typed=typed, refused=refusal), refusal.status


@assessment.post("/assessments/<int:assessment_id>/undo")
@requires(Act.LIST_OWN_QUEUE)
def undo_assessment(assessment_id: int) -> ResponseReturnValue:
    """Undo Accept or Return before the assessment is released."""
    assessment = queries.find_assessment_to_undo(assessment_id, me().person_id)
    if assessment is None:
        raise Refused(services.TOO_LATE_TO_UNDO)
    attempt, actor = get_attempt(assessment.attempt_id, Act.ASSESS_EVIDENCE)
    services.undo_assessment(attempt, assessment, actor)
    flash("The assessment is undone. Your decisions are kept as a draft that only you can see.")
    return redirect(build_assessing_url(assessment.attempt_id, assessment.evidence_version.evidence_id), 303)


def get_item_to_assess(attempt_id: int, evidence_id: int) -> tuple[UnitAttempt, EvidenceVersion, Actor]:
    """Return the attempt, the newest version of the item and the actor, once due assessments are released."""
    attempt, actor = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    release_due_in(attempt)
    return attempt, get_version(attempt, evidence_id), actor


# --- the buttons of the form -----------------------------------------------------------------------------


@dataclass(frozen=True)
class AssessmentAction:
    """A button pressed on the page: for which item, by whom, and for which claim if it is a claim's button."""

    attempt: UnitAttempt
    version: EvidenceVersion
    actor: Actor
    claim_id: int | None = None


def save(action: AssessmentAction) -> ResponseReturnValue:
    """Redirect to the same page; the draft is saved already."""
    flash("Saved. Nobody else can see your draft until you accept or return the item.")
    return redirect(build_assessing_url(action.attempt.id, action.version.evidence_id), 303)


def accept(action: AssessmentAction) -> ResponseReturnValue:
    """Accept the item."""
    return finish_and_continue(action, services.accept_evidence)


def return_evidence(action: AssessmentAction) -> ResponseReturnValue:
    """Return the item to the candidate."""
    return finish_and_continue(action, services.return_evidence)


def affirm(action: AssessmentAction) -> ResponseReturnValue:
    """Affirm the criteria that an earlier version met."""
    return finish_and_continue(action, services.affirm_evidence)


def add_claim(action: AssessmentAction) -> ResponseReturnValue:
    """Add a claim that the candidate did not make."""
    criterion_id = parse_id(request.form.get("add-criterion", "")) or 0
    reason = request.form.get("add-reason", "")
    claim_services.add_claim(action.attempt, action.version, criterion_id, reason, action.actor)
    flash(f"Criterion added. {action.attempt.candidate.name} can see your reason.")
    return redirect(build_assessing_url(action.attempt.id, action.version.evidence_id), 303)


def remove_claim(action: AssessmentAction) -> ResponseReturnValue:
    """Remove a claim; without another one, go back to the queue."""
    claim_id, evidence_id = action.claim_id or 0, action.version.evidence_id
    reason = request.form.get(f"remove-reason-{claim_id}", "")
    claim_services.remove_claim(action.attempt, evidence_id, claim_id, reason, action.actor)
    flash(f"Claim removed. {action.attempt.candidate.name} can see your reason.")
    if not services.load_claimed_cells(action.attempt, action.version):
        return redirect(url_for(".queue"), 303)
    return redirect(build_assessing_url(action.attempt.id, evidence_id), 303)


ACTIONS: dict[str, Callable[[AssessmentAction], ResponseReturnValue]] = {
    "save": save,
    "accept": accept,
    "return": return_evidence,
    "affirm": affirm,
    "add": add_claim,
    "remove": remove_claim,
}


def finish_and_continue(
    action: AssessmentAction, finish: Callable[[UnitAttempt, EvidenceVersion, Actor], Assessment]
) -> ResponseReturnValue:
    """Finish the assessment, then open the next item of the queue, which offers Undo for this one."""
    next_entry = find_position(action.attempt, action.version).next_to_assess
    assessment = finish(action.attempt, action.version, action.actor)
    if assessment.release_after is None:
        flash("The criteria met earlier are affirmed. Decide the other claims, then accept the item.")
        return redirect(build_assessing_url(action.attempt.id, action.version.evidence_id), 303)
    if next_entry is None:
        return redirect(url_for(".queue", done=assessment.id, **read_queue_filter()), 303)
    return redirect(build_assessing_url(next_entry.attempt_id, next_entry.evidence_id, done=assessment.id), 303)


# --- the page --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimToDecide:
    """One claim to decide, with the outcome and the comment so far."""

    criterion: queries.CriterionWithClaim
    outcome: str
    comment: str
    returned_version: int | None = None
    """The version on which it was marked as met before the item was returned; then it is filled in, not confirmed."""


def render_assess_page(
    attempt: UnitAttempt,
    version: EvidenceVersion,
    *,
    typed: DraftDecisions | None = None,
    refused: Invalid | Conflict | None = None,
) -> str:
    """Return the page on which one item is assessed.

    Args:
        attempt: the attempt.
        version: the version of the item to assess.
        typed: what the assessor typed, after a refusal; None shows the saved draft.
        refused: why the form was refused.
    """
    criteria = queries.list_criteria_with_claims(attempt, version)
    assessments = queries.list_item_assessments(attempt, version.evidence_id)
    draft = queries.pick_draft(assessments, version, me().person_id)
    released = queries.pick_released(assessments)
    returned = queries.find_returned_decisions(released)
    attachments = evidence_queries.list_version_attachments(version)
    versions = queries.list_earlier_versions(version)
    claimed = [criterion for criterion in criteria if criterion.cell]
    choices = [build_claim_to_decide(criterion, draft, typed, returned) for criterion in claimed]
    return render_template(
        "assessment/assess.html",
        attempt=attempt,
        version=version,
        attachments=attachments,
        changes=queries.find_version_changes(version, attachments, versions[0]) if versions else None,
        choices=choices,
        unclaimed=[criterion.column for criterion in criteria if not criterion.cell],
        checks=typed.checks if typed else {check: bool(draft and getattr(draft, check)) for check in CHECKS},
        feedback=typed.feedback if typed else (draft.feedback if draft else ""),
        draft=draft,
        refused=refused,
        missing_id=find_missing_id(choices, refused) if refused else None,
        earlier=released,
        answers=[each for each in (version, *versions) if each.response],
        newest_release_id=max((entry.assessment.id for entry in released), default=0),
        newest_superseding_id=services.get_newest_superseding_id(each.cell for each in claimed if each.cell),
        guidance=list_guidance(attempt.unit.code, [attempt.centre_id]),
        position=find_position(attempt, version),
        assessing_url=build_assessing_url,
        undoable=find_assessment_to_undo(),
        warnings=list_version_warnings(version, attachments, [attempt.id]),
        warnings_reason=find_warnings_reason(typed, draft, released),
        affirmable=sum(criterion.cell.awaits_affirmation for criterion in claimed if criterion.cell),
    )


def find_warnings_reason(
    typed: DraftDecisions | None, draft: Assessment | None, released: list[queries.ItemAssessment]
) -> str:
    """Return the reason to accept the item over its warnings: as typed, as saved, or of the newest acceptance."""
    if typed and typed.warnings_reason is not None:
        return typed.warnings_reason
    if draft and draft.warnings_reason is not None:
        return draft.warnings_reason
    return next((past.assessment.warnings_reason for past in released if past.assessment.warnings_reason), "")


def build_claim_to_decide(
    criterion: queries.CriterionWithClaim,
    draft: Assessment | None,
    typed: DraftDecisions | None,
    returned: queries.ReturnedDecisions | None,
) -> ClaimToDecide:
    """Return a claim with what was typed, else the draft, else the decision on this version.

    Where there is none of these, it is filled in with what was marked before the item was returned
    (docs/rules.md, Assessment, rule 16).
    """
    cell = criterion.cell
    assert cell is not None  # noqa: S101 - the page lists only claimed criteria to decide
    drafted = (draft.draft_decisions if draft else {}).get(str(cell.claim_id), {})
    decided = cell.outcome if cell.is_decided else None
    outcome = drafted.get("outcome") or decided or ""
    comment = drafted.get("comment", cell.comment if decided else "")
    if typed:
        outcome = typed.outcomes.get(cell.claim_id) or outcome
        comment = typed.comments.get(cell.claim_id, comment)
    if not outcome and not comment and returned and cell.claim_id in returned.comments:
        return ClaimToDecide(criterion, Outcome.MET, returned.comments[cell.claim_id], returned.version_number)
    return ClaimToDecide(criterion, outcome, comment)


def find_missing_id(choices: list[ClaimToDecide], refusal: Invalid | Conflict) -> str | None:
    """Return the id of the part of the page that a refusal is about: a field, or the first claim to decide."""
    act = request.form.get("act", "")
    if isinstance(refusal, Invalid) and refusal.field == "reason":
        return "add-reason" if act == "add" else act
    if isinstance(refusal, Invalid) and refusal.field:
        return refusal.field
    if act != "accept":
        return None
    cells = (choice.criterion.cell for choice in choices if not choice.outcome)
    return next((f"claim-{cell.claim_id}" for cell in cells if cell), None)


def find_position(attempt: UnitAttempt, version: EvidenceVersion) -> QueuePosition:
    """Return the item's position in the filtered queue."""
    chosen = read_queue_filter()
    queue = filter_queue(read_queue(me().person_id), chosen.get("candidate", 0), chosen.get("unit", ""))
    return find_queue_position(group_by_item(queue), attempt.id, version.evidence_id)


def find_assessment_to_undo() -> Assessment | None:
    """Return the assessment that the address names, if it can still be undone; None otherwise."""
    done = get_query_number("done")
    return queries.find_assessment_to_undo(done, me().person_id) if done else None


def read_queue_filter() -> dict[str, Any]:
    """Return the filter of the queue from the query string, without empty values."""
    chosen = {"candidate": get_query_number("candidate"), "unit": request.args.get("unit", "")[:60]}
    return {name: value for name, value in chosen.items() if value}


def build_assessing_url(attempt_id: int, evidence_id: int, **query: Any) -> str:
    """Return the URL of the page for an item, with the filter of the queue."""
    return url_for(
        "assessment.assess", attempt_id=attempt_id, evidence_id=evidence_id, **read_queue_filter(), **query
    )


def get_version(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion:
    """Return the newest version of an item in this attempt; raise `NotFound` if there is none."""
    version = evidence_queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    return version


def read_draft(changed: set[str] | None) -> DraftDecisions:
    """Return the outcomes, comments, checks and feedback sent.

    Args:
        changed: the names of the fields to read; None reads all.
    """
    form = request.form
    names = changed if changed is not None else {*form, *CHECKS}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    for name in names:
        kind, _, value = name.partition("-")
        claim_id = parse_id(value)
        if kind == "outcome" and claim_id is not None:
            outcomes[claim_id] = read_outcome(form.get(name, ""))
        elif kind == "comment" and claim_id is not None:
            comments[claim_id] = read_form_text(name).strip()
    checks = {check: check in form for check in CHECKS if check in names}
    feedback, reason = (read_form_text(name) if name in names else None for name in ("feedback", "warnings_reason"))
    return DraftDecisions(outcomes, comments, checks, feedback, reason)


def move_comments_to_new_claims(draft: DraftDecisions) -> DraftDecisions:
    """Return the draft with comments on claims that were carried over moved to the new claims."""
    successors = load_successor_ids(draft.comments)
    comments = {new: text for old, text in draft.comments.items() for new in successors.get(old, [old])}
    return replace(draft, comments=comments)


def read_outcome(value: str) -> Outcome | None:
    """Return the outcome that a radio button sends; raise `NotFound` if there is no such outcome."""
    if not value:
        return None
    try:
        return Outcome(value)
    except ValueError:
        raise NotFound from None


def read_shown_ids() -> list[int | None]:
    """Return the ids that `check_page_is_current` compares, as the page showed them; None if not sent."""
    return [
        (parse_id(request.form[name]) or 0) if name in request.form else None
        for name in ("version", "after", "superseding")
    ]
