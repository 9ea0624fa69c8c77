"""What waits for a countersigner, for the countersigner: the list, reading it, agreeing and disagreeing."""

from dataclasses import dataclass
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.accounts.second_step_confirmation import ask_second_step, is_second_step_missing, requires_second_step
from tracker.assessment.forms import CountersignForm, DisagreeForm
from tracker.assessment.queries import countersigning_lists as lists
from tracker.assessment.queries.assessing import CriterionWithClaim, list_criteria_with_claims
from tracker.assessment.queries.countersigning import find_asked, find_in_attempt, find_open_for
from tracker.assessment.services import countersignature_answers as services
from tracker.assessment.services.countersigning import take_back as take_back_assessment
from tracker.assessment.services.releasing import CHECKS
from tracker.assessment.views import assessment
from tracker.assessment.views.assess_page import build_assessing_url
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger.events import Actor
from tracker.matrix import load_matrix
from tracker.models import Assessment, Countersignature, UnitAttempt
from tracker.portfolio.evidence_warnings import list_sign_off_warnings
from tracker.portfolio.queries.question_sets import ReleasedMarks
from tracker.portfolio.queries.remarks import list_remarks_in
from tracker.portfolio.set_questions import read_marks
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import Outcome, PortfolioPart, Role
from tracker.web.authorise import OpenedPortfolio, get_attempt, note_opened
from tracker.web.current_user import me
from tracker.web.forms import add_error
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

ANSWERED = "This was answered already or has to be countersigned no longer. Nothing was changed."


@dataclass(frozen=True)
class DecidedClaim:
    """A claimed criterion with the outcome and the comment that wait to be countersigned, if it has new ones."""

    criterion: CriterionWithClaim
    outcome: Outcome | None
    comment: str


@assessment.get("/countersigning")
@requires(Act.LIST_OWN_QUEUE)
def list_to_countersign() -> ResponseReturnValue:
    """List what waits for this assessor to countersign, or what of theirs waits."""
    centre_ids = tuple(grant.centre_id for grant in me().grants if grant.role is Role.ASSESSOR)
    return send_list(
        lists.TO_COUNTERSIGN,
        partial(lists.list_to_countersign, me().person_id, centre_ids),
        "assessment/list_to_countersign.html",
        lists.TO_COUNTERSIGN_FILTERS,
    )


@assessment.get("/countersigning/<int:countersignature_id>")
@requires(Act.LIST_OWN_QUEUE)
def countersign(countersignature_id: int) -> ResponseReturnValue:
    """Show an assessment with its evidence, to agree or disagree; a sign-off has a page of its own."""
    waiting, _ = get_countersignature(countersignature_id)
    if waiting.signature_id is not None:
        return redirect(url_for(".countersign_unit", attempt_id=waiting.attempt_id), 303)
    return render_countersign_page(waiting)


@assessment.post("/countersigning/<int:countersignature_id>/agree")
@requires(Act.LIST_OWN_QUEUE)
@idempotent
def agree(countersignature_id: int) -> ResponseReturnValue:
    """Countersign an assessment."""
    waiting, actor = get_countersignature(countersignature_id)
    if services.agree_with_assessment(waiting, actor):
        flash(f"Countersigned. {isolate(waiting.attempt.candidate.name)} sees the assessment now.")
    else:
        flash("The unit or the evidence changed meanwhile, so nothing was released. The assessor has it as a draft.")
    return redirect(url_for(".list_to_countersign"), 303)


@assessment.post("/countersigning/<int:countersignature_id>/disagree")
@requires(Act.LIST_OWN_QUEUE)
@idempotent
def disagree(countersignature_id: int) -> ResponseReturnValue:
    """Send an assessment or a sign-off back to its assessor."""
    waiting, actor = get_countersignature(countersignature_id)
    form = DisagreeForm()
    if form.validate():
        if waiting.signature_id is None:
            services.disagree_with_assessment(waiting, form.reason.data or "", actor)
        else:
            services.refuse_unit(waiting, form.reason.data or "", actor)
        flash("Sent back to the assessor with your reason.")
        return redirect(url_for(".list_to_countersign"), 303)
    if waiting.signature_id is None:
        return render_countersign_page(waiting, form), 422
    return render_unit_page(waiting, disagreeing=form), 422


@assessment.post("/attempts/<int:attempt_id>/countersignatures/<int:countersignature_id>/take-back")
@requires(Act.ASSESS_EVIDENCE)
@idempotent
def take_back(attempt_id: int, countersignature_id: int) -> ResponseReturnValue:
    """Take back an assessment of one's own that waits for the countersigner."""
    attempt, actor = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    waiting = find_in_attempt(countersignature_id, attempt.id)
    if waiting is None:
        raise NotFound
    draft = take_back_assessment(waiting, actor)
    flash(f"Taken back. {isolate(waiting.person.name)} is not asked any more. Your decisions are kept as a draft.")
    return redirect(build_assessing_url(attempt.id, draft.evidence_version.evidence_id), 303)


@assessment.get("/attempts/<int:attempt_id>/countersign")
@requires(Act.LIST_OWN_QUEUE)
def countersign_unit(attempt_id: int) -> ResponseReturnValue:
    """Show a sign-off to countersign, with the form as it will print; the second step is done first if needed."""
    waiting, _ = get_sign_off(attempt_id)
    if is_second_step_missing(Role.ASSESSOR, waiting.attempt.centre_id):
        return ask_second_step(request.full_path.removesuffix("?"))
    return render_unit_page(waiting)


@assessment.post("/attempts/<int:attempt_id>/countersign")
@requires(Act.LIST_OWN_QUEUE)
@requires_second_step(Role.ASSESSOR, "assessment.countersign_unit")
@requires_password
@idempotent
def sign_countersignature(attempt_id: int) -> ResponseReturnValue:
    """Countersign the assessor's signature under a unit."""
    waiting, actor = get_sign_off(attempt_id)
    form = CountersignForm()
    if not form.validate():
        return render_unit_page(waiting, form), 422
    try:
        services.countersign_unit(waiting, form.snapshot_hash.data or "", actor, now(), second_step=me().second_step)
    except (Invalid, Conflict) as refusal:
        add_error(form, refusal)
        return render_unit_page(waiting, form), refusal.status
    attempt = waiting.attempt
    flash(f"You have countersigned {attempt.unit.code}. {isolate(attempt.candidate.name)} confirms it next.")
    return redirect(url_for(".list_to_countersign"), 303)


def get_countersignature(countersignature_id: int) -> tuple[Countersignature, Actor]:
    """Return what this person was asked to countersign and still may answer, and the actor.

    Raises:
        NotFound: it was asked of somebody else.
        Refused: it was answered or has ended.
    """
    return _authorise(find_asked(countersignature_id, me().person_id))


def get_sign_off(attempt_id: int) -> tuple[Countersignature, Actor]:
    """Return the sign-off of an attempt that waits for this person, and the actor; raise NotFound without one."""
    return _authorise(find_open_for(attempt_id, me().person_id))


def _authorise(waiting: Countersignature | None) -> tuple[Countersignature, Actor]:
    """Check the role at the centre, and note for the portfolio access log whose portfolio is opened."""
    grant = me().find_grant(Role.ASSESSOR, waiting.attempt.centre_id) if waiting else None
    if waiting is None or grant is None:
        raise NotFound
    if not waiting.is_open:
        raise Refused(ANSWERED)
    attempt = waiting.attempt
    opened = OpenedPortfolio(attempt.candidate_id, attempt.centre_id, PortfolioPart.EVIDENCE, grant.role)
    note_opened([opened])
    return waiting, me().as_actor(grant)


def render_countersign_page(waiting: Countersignature, form: DisagreeForm | None = None) -> str:
    """Return the page of an assessment; a refused form is passed in and keeps what was typed."""
    decided = waiting.assessment
    assert decided is not None  # noqa: S101 - the caller has looked
    version = decided.evidence_version
    criteria = list_criteria_with_claims(waiting.attempt, version)
    return render_template(
        "assessment/countersign.html",
        waiting=waiting,
        attempt=waiting.attempt,
        assessment=decided,
        version=version,
        attachments=version.attachments,
        decisions=[build_decided(decided, each) for each in criteria if each.cell],
        checks=[check for check in CHECKS if getattr(decided, check)],
        markings=[ReleasedMarks("", read_marks(decided.answer_marks))],  # what is released once they agree
        remarks=list_remarks_in([waiting.attempt_id], version.evidence_id, version.id, assessment_id=decided.id),
        form=form or DisagreeForm(formdata=None),
        refused=form,
    )


def build_decided(decided: Assessment, criterion: CriterionWithClaim) -> DecidedClaim:
    """Return a claimed criterion with what the assessment says of it, or what was decided on it before."""
    cell = criterion.cell
    assert cell is not None  # noqa: S101 - the page lists claimed criteria only
    drafted = decided.draft_decisions.get(str(cell.claim_id), {})
    outcome = Outcome(drafted["outcome"]) if drafted.get("outcome") else None
    return DecidedClaim(criterion, outcome, drafted.get("comment", ""))


def render_unit_page(
    waiting: Countersignature, form: CountersignForm | None = None, *, disagreeing: DisagreeForm | None = None
) -> str:
    """Return the page of a sign-off; a refused form is passed in and keeps what was typed."""
    attempt: UnitAttempt = waiting.attempt
    matrix = load_matrix(attempt)
    return render_template(
        "assessment/countersign_unit.html",
        waiting=waiting,
        attempt=attempt,
        form_content=build_form_content(attempt, matrix),
        warnings=list_sign_off_warnings(matrix.claiming_rows),
        form=form or CountersignForm(formdata=None),
        disagree_form=disagreeing or DisagreeForm(formdata=None),
        disagreeing=disagreeing is not None,
        refused=form or disagreeing,
    )
