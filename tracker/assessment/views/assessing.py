"""Assessing one item: opening the page, saving the draft, Accept, Return, Affirm and Undo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.assessment.queries import assessing as queries
from tracker.assessment.queries.countersigning import find_waiting
from tracker.assessment.queries.version_moves import load_successor_ids
from tracker.assessment.services import assessments as services
from tracker.assessment.services import claims as claim_services
from tracker.assessment.services import joint_assessments as joint_services
from tracker.assessment.services import remarks as remark_services
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS, release_due_in
from tracker.assessment.views import assessment
from tracker.assessment.views.assess_page import (
    build_assessing_url,
    find_position,
    list_other_attempt_ids,
    read_queue_filter,
    render_assess_page,
)
from tracker.assessment.views.queue_cache import read_queue
from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger.events import Actor
from tracker.models import Assessment, EvidenceVersion, FeedbackRemark, UnitAttempt
from tracker.portfolio.queries import evidence as evidence_queries
from tracker.portfolio.remark_places import RemarkPlace, read_place
from tracker.vocabulary import Outcome
from tracker.web.authorise import get_attempt, get_attempts
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.requests import parse_id, read_form_text
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

ACTIONS_BEFORE_IT_COUNTS = frozenset({"save", "remove", "remark", "unremark", "settle"})
"""What can be done with a record that its candidate has not agreed to."""
REMARK_NOT_SAVED = "the remark, until you press Add remark"
MARK_FIELDS = {"answer": "outcome", "answernote": "comment"}
"""What the fields of the mark of an answer are stored as, by the beginning of their names."""
MAX_UNITS = 50
"""How many units one form may assess."""


@assessment.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def assess(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Show one item to assess, in this unit and in the others in which the assessor is to assess it."""
    attempt, _ = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    versions, queue = get_versions(attempt, evidence_id), read_queue(me().person_id)
    if find_waiting(attempt, versions[0].id, me().person_id):
        url = url_for("portfolio.show_attempt_evidence", attempt_id=attempt.id, evidence_id=evidence_id)
        return redirect(url, 303)
    other_ids = list_other_attempt_ids(queue, attempt, versions[0])
    others = [get_attempt(each, Act.ASSESS_EVIDENCE)[0] for each in other_ids]
    return render_assess_page([attempt, *others], versions, queue)


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assessment")
@requires(Act.ASSESS_EVIDENCE)
def save_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Autosave the fields that changed."""
    attempts, version, actor = get_item_to_assess(attempt_id, evidence_id)
    services.check_page_is_current(attempts, version, *read_shown_ids())
    joint_services.save_drafts(attempts, version, read_draft(set(request.form.getlist("changed"))), actor)
    # A remark is added by its button; until then the browser keeps what was typed.
    refused = {"remark_text": REMARK_NOT_SAVED} if read_form_text("remark_text").strip() else {}
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M"), "refused": refused}


@assessment.post("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/assess")
@requires(Act.ASSESS_EVIDENCE)
def finish_assessment(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Save the whole form, then run the action of the button that was pressed."""
    attempts, version, actor = get_item_to_assess(attempt_id, evidence_id)
    draft, remark = read_draft(None), None
    name, _, number = request.form.get("act", "save").partition("-")
    try:
        typed_remark = read_typed_remark(is_needed=name == "remark")
        services.check_page_is_current(attempts, version, *read_shown_ids())
        if name not in ACTIONS_BEFORE_IT_COUNTS:
            services.check_counted(version)
        joint_services.save_drafts(attempts, version, draft, actor)
        remark = typed_remark and add_typed_remark(attempts, version, typed_remark, actor)
        return ACTIONS.get(name, save)(AssessmentAction(attempts, version, actor, parse_id(number)))
    except (Invalid, Conflict) as refusal:
        typed = move_comments_to_new_claims(draft)
        queue = read_queue(me().person_id)
        versions = get_versions(attempts[0], evidence_id)
        page = render_assess_page(attempts, versions, queue, typed=typed, refused=refusal, added_remark=remark)
        return page, refusal.status


@assessment.post("/remarks/<int:remark_id>/settle")
@requires(Act.ASSESS_EVIDENCE)
def settle_remark_on_page(remark_id: int) -> ResponseReturnValue:
    """Settle a remark on the page on which the item is read."""
    remark = remark_services.find_released_remark(remark_id)
    if remark is None:
        raise NotFound
    attempt, actor = get_attempt(remark.assessment.attempt_id, Act.ASSESS_EVIDENCE)
    remark_services.settle_remark(attempt, remark, actor)
    flash(f"Remark marked as resolved. {isolate(attempt.candidate.name)} can see that.")
    evidence_id = remark.evidence_version.evidence_id
    url = url_for("portfolio.show_attempt_evidence", attempt_id=attempt.id, evidence_id=evidence_id)
    return redirect(f"{url}#remark-{remark.id}", 303)


@assessment.post("/assessments/<int:assessment_id>/undo")
@requires(Act.LIST_OWN_QUEUE)
def undo_assessment(assessment_id: int) -> ResponseReturnValue:
    """Undo Accept or Return before it is released, in every unit in which the item was assessed."""
    assessment = queries.find_assessment_to_undo(assessment_id, me().person_id)
    if assessment is None:
        raise Refused(services.TOO_LATE_TO_UNDO)
    undoable = joint_services.list_undoable_with(assessment)
    attempts, actor = get_attempts((each.attempt_id for each in undoable), Act.ASSESS_EVIDENCE)
    for attempt, each in zip(attempts, undoable, strict=True):
        services.undo_assessment(attempt, each, actor)
    flash("The assessment is undone. Your decisions are kept as a draft that only you can see.")
    return redirect(build_assessing_url(assessment.attempt_id, assessment.evidence_version.evidence_id), 303)


def get_item_to_assess(attempt_id: int, evidence_id: int) -> tuple[list[UnitAttempt], EvidenceVersion, Actor]:
    """Return the attempts that the page showed, the newest version of the item and the actor.

    Due assessments are released first.
    """
    shown = (parse_id(value) or 0 for value in request.form.getlist("attempt")[:MAX_UNITS])
    attempts, actor = get_attempts([attempt_id, *shown], Act.ASSESS_EVIDENCE)
    for attempt in attempts:
        release_due_in(attempt)
    version, *others = (get_version(attempt, evidence_id) for attempt in attempts)
    if any(other.id != version.id for other in others):
        raise NotFound
    return attempts, version, actor


# --- the buttons of the form -----------------------------------------------------------------------------


@dataclass(frozen=True)
class AssessmentAction:
    """A button pressed on the page: for which item, in which units, by whom, and the number in the button's value."""

    attempts: Sequence[UnitAttempt]
    version: EvidenceVersion
    actor: Actor
    number: int | None = None
    """Of the claim to remove, or of the attempt to add a criterion in."""

    @property
    def attempt(self) -> UnitAttempt:
        """Return the attempt in the page's address."""
        return self.attempts[0]

    @property
    def url(self) -> str:
        """Return the page's address."""
        return build_assessing_url(self.attempt.id, self.version.evidence_id)


def save(action: AssessmentAction) -> ResponseReturnValue:
    """Redirect to the same page; the draft is saved already.

    The reasons to add or to remove a claim belong to buttons of their own and to no draft. Where one was typed, the
    page is shown with it instead.
    """
    if is_claim_reason_typed():
        flash(
            "Saved, but for the reasons to add or remove a claim. They are kept on this page until you leave it. "
            "Press Add this criterion or Remove claim."
        )
        versions = get_versions(action.attempt, action.version.evidence_id)
        return render_assess_page(action.attempts, versions, read_queue(me().person_id))
    flash("Saved. Only you can see your draft.")
    return redirect(action.url, 303)


def is_claim_reason_typed() -> bool:
    """Return whether the form has a reason to add or to remove a claim."""
    names = (name for name in request.form if name.startswith(("add-reason-", "remove-reason-")))
    return any(read_form_text(name).strip() for name in names)


def accept(action: AssessmentAction) -> ResponseReturnValue:
    """Accept the item."""
    return finish_and_continue(action, joint_services.accept_in_units)


def return_evidence(action: AssessmentAction) -> ResponseReturnValue:
    """Return the item to the candidate."""
    return finish_and_continue(action, joint_services.return_in_units)


def affirm(action: AssessmentAction) -> ResponseReturnValue:
    """Affirm the criteria that an earlier version met."""
    return finish_and_continue(action, joint_services.affirm_in_units)


def add_claim(action: AssessmentAction) -> ResponseReturnValue:
    """Add a claim that the candidate did not make, in one of the units."""
    attempt = next((each for each in action.attempts if each.id == action.number), None)
    if attempt is None:
        raise NotFound
    criterion_id = parse_id(request.form.get(f"add-criterion-{attempt.id}", "")) or 0
    reason = request.form.get(f"add-reason-{attempt.id}", "")
    claim_services.add_claim(attempt, action.version, criterion_id, reason, action.actor)
    flash(f"Criterion added. {isolate(attempt.candidate.name)} can see your reason.")
    return redirect(action.url, 303)


def remove_claim(action: AssessmentAction) -> ResponseReturnValue:
    """Remove a claim; without another one in its unit, go to another unit of the item, or back to the queue."""
    claim_id, version = action.number or 0, action.version
    reason = request.form.get(f"remove-reason-{claim_id}", "")
    claims = {
        cell.claim_id: attempt
        for attempt in action.attempts
        for cell in services.load_claimed_cells(attempt, version).values()
    }
    attempt = claims.get(claim_id, action.attempt)
    claim_services.remove_claim(attempt, version.evidence_id, claim_id, reason, action.actor)
    flash(f"Claim removed. {isolate(attempt.candidate.name)} can see your reason.")
    claims.pop(claim_id)
    remaining = [each for each in action.attempts if each in claims.values()]
    if not remaining:
        return redirect(url_for(".queue"), 303)
    return redirect(build_assessing_url(remaining[0].id, version.evidence_id), 303)


def add_remark(action: AssessmentAction) -> ResponseReturnValue:
    """Go back to the remarks; the one that was typed is added already."""
    flash("Remark added. The candidate cannot see it until the assessment is released.")
    return redirect(f"{action.url}#remarks", 303)


def remove_remark(action: AssessmentAction) -> ResponseReturnValue:
    """Remove a remark from the draft in which it is."""
    remark_services.remove_remark(action.attempts, action.version, action.number or 0, action.actor)
    flash("Remark removed.")
    return redirect(f"{action.url}#remarks", 303)


def settle_remark(action: AssessmentAction) -> ResponseReturnValue:
    """Settle a released remark in one of the units."""
    remark = remark_services.find_released_remark(action.number or 0)
    attempt = next((each for each in action.attempts if remark and each.id == remark.assessment.attempt_id), None)
    if remark is None or attempt is None:
        raise NotFound
    remark_services.settle_remark(attempt, remark, action.actor)
    flash(f"Remark marked as resolved. {isolate(attempt.candidate.name)} can see that.")
    return redirect(f"{action.url}#remarks", 303)


ACTIONS: dict[str, Callable[[AssessmentAction], ResponseReturnValue]] = {
    "save": save,
    "accept": accept,
    "return": return_evidence,
    "affirm": affirm,
    "add": add_claim,
    "remove": remove_claim,
    "remark": add_remark,
    "unremark": remove_remark,
    "settle": settle_remark,
}


def finish_and_continue(
    action: AssessmentAction,
    finish: Callable[[Sequence[UnitAttempt], EvidenceVersion, Actor], list[Assessment]],
) -> ResponseReturnValue:
    """Finish the assessment, then open the next item of the queue, on a page with an Undo button for this one."""
    next_entry = find_position(read_queue(me().person_id), action.version).next_to_assess
    assessments = finish(action.attempts, action.version, action.actor)
    finished = next((each.id for each in assessments if each.release_after), None)
    if open_assessment := next((each for each in assessments if each.release_after is None), None):
        flash("The criteria met earlier are affirmed. Decide the other claims, then accept the item.")
        url = build_assessing_url(open_assessment.attempt_id, action.version.evidence_id, done=finished)
        return redirect(url, 303)
    if next_entry is None:
        return redirect(url_for(".queue", done=finished, **read_queue_filter()), 303)
    return redirect(build_assessing_url(next_entry.attempt_id, next_entry.evidence_id, done=finished), 303)


# --- the form ------------------------------------------------------------------------------------------


def get_version(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion:
    """Return the newest version of an item in this attempt; raise `NotFound` if there is none."""
    version = evidence_queries.find_version_in(attempt, evidence_id)
    if version is None:
        raise NotFound
    return version


def get_versions(attempt: UnitAttempt, evidence_id: int) -> list[EvidenceVersion]:
    """Return that version and those before it, newest first; raise `NotFound` if there is none."""
    versions = evidence_queries.list_versions_in(attempt, evidence_id)
    if not versions:
        raise NotFound
    return versions


def read_draft(changed: set[str] | None) -> DraftDecisions:
    """Return the outcomes, comments, checks and feedback sent.

    Args:
        changed: the names of the fields to read; None reads all.
    """
    form = request.form
    names = changed if changed is not None else {*form, *CHECKS}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    marks: dict[int, dict[str, str]] = {}
    for name in names:
        kind, _, value = name.partition("-")
        claim_id = parse_id(value)
        if kind == "outcome" and claim_id is not None:
            outcomes[claim_id] = read_outcome(form.get(name, ""))
        elif kind == "comment" and claim_id is not None:
            comments[claim_id] = read_form_text(name).strip()
        elif kind in MARK_FIELDS and claim_id is not None:
            marks.setdefault(claim_id, {})[MARK_FIELDS[kind]] = read_mark(kind, name)
    checks = {check: check in form for check in CHECKS if check in names}
    feedback, reason = (read_form_text(name) if name in names else None for name in ("feedback", "warnings_reason"))
    return DraftDecisions(outcomes, comments, checks, feedback, reason, marks)


def read_mark(kind: str, name: str) -> str:
    """Return the outcome or the comment of a mark as it is stored; raise `NotFound` if there is no such outcome."""
    if kind == "answernote":
        return read_form_text(name).strip()
    outcome = read_outcome(request.form.get(name, ""))
    if outcome is Outcome.NOT_MET:
        raise NotFound
    return outcome.value if outcome else ""


def move_comments_to_new_claims(draft: DraftDecisions) -> DraftDecisions:
    """Return the draft with comments on claims that were carried over moved to the new claims."""
    successors = load_successor_ids(draft.comments)
    comments = {new: text for old, text in draft.comments.items() for new in successors.get(old, [old])}
    return replace(draft, comments=comments)


def read_typed_remark(*, is_needed: bool) -> tuple[RemarkPlace, str] | None:
    """Return the remark in the form, with its place; None if nothing is typed.

    Args:
        is_needed: whether the button that adds it was pressed, so that an empty one is refused.
    """
    text = read_form_text("remark_text").strip()
    if not text and not is_needed:
        return None
    names = ("remark_x", "remark_y", "remark_width", "remark_height")
    form = request.form
    sides = [form.get(name, "") for name in names]
    return read_place(form.get("remark_place", ""), form.get("remark_time", ""), sides), text


def add_typed_remark(
    attempts: Sequence[UnitAttempt], version: EvidenceVersion, typed: tuple[RemarkPlace, str], actor: Actor
) -> FeedbackRemark | None:
    """Add the typed remark in the unit that the form names; return None if the draft has the same one there.

    The same form may be sent twice, or again after going back in the browser.
    """
    attempt_id = parse_id(request.form.get("remark_unit", "")) or attempts[0].id
    attempt = next((each for each in attempts if each.id == attempt_id), None)
    if attempt is None:
        raise NotFound
    if remark_services.has_drafted(attempt, version, *typed, actor):
        return None
    return remark_services.add_remark(attempt, version, *typed, actor)


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
