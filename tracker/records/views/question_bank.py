"""Views of a question bank: the list, a question, the forms that change it, and the choice of questions to ask."""

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tracker.library.queries.units import find_unit, find_unit_by_code
from tracker.models import BankQuestion, Centre, Unit
from tracker.records.queries import question_bank as questions
from tracker.records.queries.stampable import list_stampable_unit_ids
from tracker.records.question_forms import QuestionForm
from tracker.records.services import question_bank as bank
from tracker.records.services.drafts import add_questions
from tracker.records.views import records
from tracker.vocabulary import RecordKind, Role
from tracker.web.authorise import get_centre, get_own_record
from tracker.web.current_user import me
from tracker.web.forms import PageForm, errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import PERMISSIONS, Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires


@records.get("/questions")
@requires(Act.READ_QUESTION_BANK)
def list_own_questions() -> ResponseReturnValue:
    """Redirect to the question bank of the chosen role's centre, or of another where that role does not read it."""
    readers = PERMISSIONS[Act.READ_QUESTION_BANK]
    chosen = me().chosen
    found = (chosen, *(me().find_grant(role) for role in Role if role in readers))
    grant = next((each for each in found if each and each.role in readers), None)
    return redirect(url_for(".list_questions", centre_id=grant.centre_id if grant else 0))


@records.get("/centres/<int:centre_id>/questions")
@requires(Act.READ_QUESTION_BANK)
def list_questions(centre_id: int) -> ResponseReturnValue:
    """List the questions that a centre reads."""
    centre, _ = get_centre(centre_id, Act.READ_QUESTION_BANK)
    return send_list(
        questions.QUESTIONS,
        partial(questions.list_bank_questions, centre),
        "records/list_questions.html",
        questions.list_filters(centre),
        centre=centre,
        writes=can_write(centre_id),
    )


@records.get("/centres/<int:centre_id>/questions/<int:question_id>")
@requires(Act.READ_QUESTION_BANK)
def show_question(centre_id: int, question_id: int) -> ResponseReturnValue:
    """Show a question with its guidance and its versions."""
    centre, _ = get_centre(centre_id, Act.READ_QUESTION_BANK)
    question = questions.get_question(centre, question_id)
    texts = {each.mark: each.column.text for each in questions.list_marked_criteria(question.unit)}
    versions = questions.list_question_versions(question)
    return render_template(
        "records/show_question.html",
        centre=centre,
        question=question,
        texts=texts,
        versions=versions,
        writes=can_write(centre_id) and not question.is_shared and question.ended_at is None,
    )


@records.route("/centres/<int:centre_id>/questions/new", methods=["GET", "POST"])
@requires(Act.WRITE_QUESTION_BANK)
@idempotent
def add_question(centre_id: int) -> ResponseReturnValue:
    """Add a question to the centre's bank, once its unit is chosen."""
    centre, actor = get_centre(centre_id, Act.WRITE_QUESTION_BANK)
    code = request.args.get("unit", "")
    unit = find_chosen_unit(code, centre)
    if unit is None:
        return render_template("records/choose_question_unit.html", centre=centre, code=code), 422 if code else 200
    criteria = questions.list_marked_criteria(unit)
    form = QuestionForm()
    form.offer(criteria)
    if form.validate_on_submit():
        with errors_on_form(form):
            bank.write_question(unit, centre, form.read(), [each.mark for each in criteria], actor)
            flash("The question is in the bank.")
            return redirect(url_for(".list_questions", centre_id=centre.id, unit=unit.slug), 303)
    return render_form("records/write_question.html", form, centre=centre, unit=unit, question=None)


@records.route("/centres/<int:centre_id>/questions/<int:question_id>/edit", methods=["GET", "POST"])
@requires(Act.WRITE_QUESTION_BANK)
@idempotent
def change_question(centre_id: int, question_id: int) -> ResponseReturnValue:
    """Change a question of the centre's bank, by a new version."""
    centre, actor = get_centre(centre_id, Act.WRITE_QUESTION_BANK)
    question = get_own_question(centre, question_id)
    criteria = questions.list_marked_criteria(question.unit)
    form = QuestionForm()
    form.offer(criteria)
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused, Conflict):
            newer = bank.change_question(question, form.read(), [each.mark for each in criteria], actor)
            flash("The question is changed. Questions that were asked keep the words they were asked in.")
            return redirect(url_for(".show_question", centre_id=centre.id, question_id=newer.id), 303)
    if not form.is_submitted():
        form.fill(question)
    return render_form("records/write_question.html", form, centre=centre, unit=question.unit, question=question)


@records.post("/centres/<int:centre_id>/questions/<int:question_id>/retire")
@requires(Act.WRITE_QUESTION_BANK)
def retire_question(centre_id: int, question_id: int) -> ResponseReturnValue:
    """Take a question of the centre's bank out of use."""
    centre, actor = get_centre(centre_id, Act.WRITE_QUESTION_BANK)
    question = get_own_question(centre, question_id)
    bank.retire_question(question, actor)
    flash("The question is retired. The record keeps it.")
    return redirect(url_for(".list_questions", centre_id=centre.id, unit=question.unit.slug), 303)


@records.route("/records/<int:record_id>/questions", methods=["GET", "POST"])
@requires(Act.WRITE_RECORD)
@idempotent
def choose_questions(record_id: int) -> ResponseReturnValue:
    """List the questions about the units of a record's candidate, and add those that are ticked to the draft."""
    record, actor = get_own_record(record_id)
    if record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION:  # it has no questions
        raise NotFound
    unit_ids = list_stampable_unit_ids(record, me().person_id)
    form, chosen = PageForm(), [parse_id(each) or 0 for each in request.form.getlist("question")]
    if form.validate_on_submit():
        found = questions.load_questions(record.centre_id, unit_ids, chosen)
        with errors_on_form(form, Invalid, Refused):
            if len(found) < len(set(chosen)):
                raise Invalid(
                    "A question that you ticked was changed or retired meanwhile. Nothing was added. Tick "
                    "questions that the bank has now."
                )
            if not found:
                raise Invalid("Tick at least one question.")
            added = add_questions(record, found, actor)
            flash("The question is added." if added == 1 else f"{added} questions are added.")
            return redirect(url_for(".write", record_id=record.id, _anchor="questions"), 303)
    return send_list(
        questions.CHOICES,
        partial(questions.list_questions_to_ask, record.centre_id, unit_ids),
        "records/choose_questions.html",
        form=form,
        record=record,
        chosen=chosen,
    )


def get_own_question(centre: Centre, question_id: int) -> BankQuestion:
    """Return a question of the centre's own bank. Raises `Forbidden` for a shared one, which centres only read."""
    question = questions.get_question(centre, question_id)
    if question.is_shared:
        raise Forbidden
    return question


def can_write(centre_id: int) -> bool:
    """Return whether the signed-in person keeps the centre's bank."""
    return any(me().find_grant(role, centre_id) for role in PERMISSIONS[Act.WRITE_QUESTION_BANK])


def find_chosen_unit(text: str, centre: Centre) -> Unit | None:
    """Return the unit of an address, or the newest one with a code that was typed; None for neither."""
    return find_unit(text, [centre.id]) or find_unit_by_code(text, centre_ids=[centre.id]) if text.strip() else None
