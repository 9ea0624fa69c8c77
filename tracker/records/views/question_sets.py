"""Views of set questions: set and taken back by the assessor, answered and submitted by the candidate, printed."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import LONDON, now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.ledger import transactions
from tracker.ledger.events import Actor
from tracker.models import QuestionSet, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.question_sets import find_bank_states, find_set, list_released_marks
from tracker.portfolio.record_content import MAX_QUESTIONS
from tracker.portfolio.services.evidence import find_latest_version, has_changes_since
from tracker.portfolio.set_questions import load_set
from tracker.portfolio.views.printing import send_sheet
from tracker.records.answers_printing import build_answers
from tracker.records.queries import question_bank as bank
from tracker.records.question_set_forms import (
    TYPED_ROWS,
    AnswersForm,
    SetQuestionsForm,
    TakeBackForm,
    read_typed,
    read_typed_answers,
)
from tracker.records.services import answers as services
from tracker.records.services.question_sets import build_questions, set_questions, take_questions_back
from tracker.records.views import records
from tracker.vocabulary import AttemptState, Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id, read_form_text
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate

CONFLICT = (
    "Your answers were changed in another window since you opened this page. Nothing was submitted. What you typed "
    "is below, but not saved, with each saved answer that differs. Save or submit here to replace the saved answers."
)


@records.route("/attempts/<int:attempt_id>/question-sets/new", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
@idempotent
def set_for_candidate(attempt_id: int) -> ResponseReturnValue:
    """Choose questions of the bank and type others, and set them for the candidate of an attempt."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    form, typed = SetQuestionsForm(), read_typed(request.form)
    chosen = [parse_id(each) or 0 for each in request.form.getlist("question")]
    is_asking_for_more = request.form.get("act") == "ask"  # shows the form again with more empty rows
    if not is_asking_for_more and form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused):
            found = bank.load_questions(attempt.centre_id, [attempt.unit_id], chosen)
            if len(found) < len(set(chosen)):
                raise Invalid(
                    "A question that you ticked was changed or retired meanwhile. Nothing was set. Tick questions "
                    "that the bank has now."
                )
            questions = build_questions(found, typed, services.list_criteria(attempt))
            made = set_questions(attempt, questions, read_form_text("note").strip(), form.due_on.data, actor)
            flash(f"Set for {isolate(attempt.candidate.name)}, who sees the questions on their home page.")
            return redirect(url_for(".show_set", attempt_id=attempt.id, set_id=made.id), 303)
    return render_form(
        "records/set_questions.html",
        form,
        attempt=attempt,
        questions=bank.list_all_to_set(attempt.centre_id, attempt.unit_id),
        criteria=services.list_criteria(attempt),
        chosen=chosen,
        typed=[*typed, *[("", "")] * TYPED_ROWS][:MAX_QUESTIONS],
        can_set=attempt.state is AttemptState.IN_PROGRESS and not attempt.registration.withdrawn_at,
    )


@records.route("/attempts/<int:attempt_id>/question-sets/<int:set_id>", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
@idempotent
def show_set(attempt_id: int, set_id: int) -> ResponseReturnValue:
    """Show the assessor the questions that were set, or take them back with a reason."""
    attempt, actor = get_attempt(attempt_id, Act.WRITE_RECORD)
    question_set = get_set_in(attempt, set_id)
    form = TakeBackForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused):
            take_questions_back(question_set, attempt, form.reason.data or "", actor)
            flash(f"The questions are taken back. {isolate(attempt.candidate.name)} can read why.")
            return redirect(url_for(".show_set", attempt_id=attempt.id, set_id=set_id), 303)
    questions = load_set(question_set.content)
    return render_form(
        "records/show_question_set.html",
        form,
        attempt=attempt,
        question_set=question_set,
        latest=find_latest_version(question_set.evidence),
        questions=questions,
        states=find_bank_states(questions),
    )


@records.get("/attempts/<int:attempt_id>/question-sets/<int:set_id>.pdf")
@requires(Act.READ_EVIDENCE)
@in_turn(PRINTING)
def print_set(attempt_id: int, set_id: int) -> ResponseReturnValue:
    """Send the questions with the answers that were submitted and their marks; blank before, for the pen.

    In another attempt than that of the set it sends answers that claim criteria there, with the marks given there.
    """
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    question_set = find_set(set_id)
    version = find_version_in(attempt, question_set.evidence_id) if question_set else None
    if question_set is None or (version is None and question_set.attempt_id != attempt.id):
        raise NotFound
    if version is None and question_set.taken_back_at:
        raise NotFound("These questions were taken back, so there is nothing to print.")
    if version is None and attempt.candidate_id == me().person_id:
        version = find_latest_version(question_set.evidence)  # its claims here were removed; it is their own
    name = f"answers-{version.evidence.number}-version-{version.number}" if version else f"questions-set-{set_id}"
    return send_sheet(build_answers(question_set, version, attempt), name)


@records.route("/question-sets/<int:set_id>", methods=["GET", "POST"])
@requires(Act.ADD_EVIDENCE)
def answer_questions(set_id: int) -> ResponseReturnValue:
    """Show the candidate the questions to answer; save the answers, and submit them if that was pressed."""
    question_set, actor = get_own_set(set_id)
    if request.method == "GET":
        return render_answers(question_set, AnswersForm(formdata=None))
    form, has_conflict = AnswersForm(), False
    form.validate()
    try:
        answers = read_typed_answers(request.form, set(request.form))
        problems = services.save_answers(question_set, answers, read_form_text(services.HELP), form.seen_version)
        if request.form.get("act") != "submit" and not problems:
            flash("Saved. Only you can see your answers until you submit them.")
            return redirect(url_for(".answer_questions", set_id=set_id), 303)
        saved_version = question_set.evidence.version  # another window may save others before they are submitted
        transactions.commit()
        question_set, actor = get_own_set(set_id)
        if not problems and form.declared.data:
            version = services.submit_answers(question_set, actor, saved_version)
            flash(f"Submitted as evidence {question_set.evidence.number}, version {version.number}.")
            return redirect(url_for("portfolio.show_evidence", evidence_id=question_set.evidence_id), 303)
        if not problems:
            problems = {"declared": "Tick the statement to submit your answers. Your answers are saved."}
    except services.AlreadySubmitted as refusal:
        transactions.rollback()
        question_set, _ = get_own_set(set_id)
        flash(str(refusal))
        return redirect(url_for("portfolio.show_evidence", evidence_id=question_set.evidence_id), 303)
    except (Conflict, Invalid, Refused) as refusal:
        transactions.rollback()
        question_set, _ = get_own_set(set_id)
        problems = {"form": CONFLICT if isinstance(refusal, Conflict) else str(refusal)}
        has_conflict = isinstance(refusal, Conflict)
    return render_answers(question_set, form, problems, has_conflict=has_conflict), 422


@records.post("/question-sets/<int:set_id>/draft")
@requires(Act.ADD_EVIDENCE)
def autosave_answers(set_id: int) -> ResponseReturnValue:
    """Save the answers that changed."""
    question_set, _ = get_own_set(set_id)
    changed = set(request.form.getlist("changed"))
    helped = read_form_text(services.HELP) if services.HELP in changed else None
    seen_version = AnswersForm().seen_version
    problems = services.save_answers(question_set, read_typed_answers(request.form, changed), helped, seen_version)
    return {
        "saved_at": now().astimezone(LONDON).strftime("%H:%M"),
        "fields": {"version": question_set.evidence.version},
        "refused": problems,
    }


def get_own_set(set_id: int) -> tuple[QuestionSet, Actor]:
    """Return questions that were set for the signed-in candidate; raise `NotFound` for everybody else."""
    question_set = find_set(set_id)
    if question_set is None or question_set.evidence.candidate_id != me().person_id:
        raise NotFound
    grant = me().find_grant(Role.CANDIDATE, question_set.evidence.centre_id)
    if not grant:
        raise NotFound
    return question_set, me().as_actor(grant)


def get_set_in(attempt: UnitAttempt, set_id: int) -> QuestionSet:
    """Return questions that were set in an attempt; raise `NotFound` for others."""
    question_set = find_set(set_id)
    if question_set is None or question_set.attempt_id != attempt.id:
        raise NotFound
    return question_set


def render_answers(
    question_set: QuestionSet,
    form: AnswersForm,
    problems: dict[str, str] | None = None,
    *,
    has_conflict: bool = False,
) -> str:
    """Render the page on which a candidate answers, with what was typed where it could not be saved.

    Args:
        question_set: the questions.
        form: the form, as it was sent.
        problems: sentences by field; `form` is of the whole form.
        has_conflict: whether the answers were changed elsewhere, so that each saved one that differs is shown.
    """
    evidence, problems = question_set.evidence, problems or {}
    content = services.read_answers(evidence)
    latest = find_latest_version(evidence) if evidence.number else None
    typed = read_typed_answers(request.form, set(request.form)) if form.is_submitted() else {}
    form.help_used.data = read_form_text(services.HELP) if form.is_submitted() else content.help_used
    form.version.data = str(evidence.version)
    for name in (services.HELP, "declared"):
        form[name].errors = [problems[name]] if name in problems else []
    form.form_errors = [problems["form"]] if "form" in problems else []
    return render_template(
        "records/answer_questions.html",
        question_set=question_set,
        attempt=question_set.attempt,
        evidence=evidence,
        form=form,
        problems={name: text for name, text in problems.items() if name.startswith("answer-")},
        questions=[
            (number, each, typed.get(number, each.answer)) for number, each in enumerate(content.questions, 1)
        ],
        markings=list_released_marks(latest.id) if latest else [],
        saved_help=content.help_used,
        has_conflict=has_conflict,
        obstacle=services.find_obstacle(question_set),
        latest=latest,
        has_changed=has_changes_since(evidence, latest),
        statement=services.STATEMENT,
    )
