"""Views of a unit's testimonies: witnesses asked, requests withdrawn, testimonies authenticated or refused."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.sessions import sign_browser_out
from tracker.background import emails
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import UnitAttempt, WitnessTestimony
from tracker.portfolio.queries.testimonies import find_state, list_criteria, list_obstacles, list_testimonies
from tracker.portfolio.record_content import WitnessTestimonyContent, load_as
from tracker.portfolio.views.printing import send_sheet
from tracker.records.services.authenticating import (
    authenticate_testimony,
    build_declaration,
    find_listed_witness,
    refuse_testimony,
)
from tracker.records.services.testimony_requests import ask_witness as ask
from tracker.records.services.testimony_requests import hand_over, withdraw_request
from tracker.records.testimony_forms import AUTHENTICATE, AnswerTestimonyForm, AskWitnessForm
from tracker.records.testimony_printing import build_blank_testimony
from tracker.records.views import records
from tracker.vocabulary import AttemptState, RecordKind, WitnessTestimonyState
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.save_confirmation import mark_form_saved
from tracker.web.text_direction import isolate


@records.get("/attempts/<int:attempt_id>/testimonies")
@requires(Act.ASK_WITNESS)
def show_testimonies(attempt_id: int) -> ResponseReturnValue:
    """List what witnesses were asked in a unit, with what became of each."""
    attempt, _ = get_attempt(attempt_id, Act.ASK_WITNESS)
    testimonies = list_testimonies(attempt)
    return render_template(
        "records/show_testimonies.html",
        attempt=attempt,
        testimonies=[(each, find_state(each)) for each in testimonies],
        obstacles=list_obstacles(attempt, testimonies),
        States=WitnessTestimonyState,
        is_own=attempt.candidate_id == me().person_id,
        can_ask=attempt.state is AttemptState.IN_PROGRESS and not attempt.registration.withdrawn_at,
    )


@records.get("/attempts/<int:attempt_id>/testimony.pdf")
@requires(Act.ASK_WITNESS)
@in_turn(PRINTING)
def print_blank_testimony(attempt_id: int) -> ResponseReturnValue:
    """Send a witness testimony about a unit that is to be filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.ASK_WITNESS)
    return send_sheet(build_blank_testimony(attempt), f"testimony-{attempt.unit.slug}-blank")


@records.route("/attempts/<int:attempt_id>/testimonies/new", methods=["GET", "POST"])
@requires(Act.ASK_WITNESS)
def ask_witness(attempt_id: int) -> ResponseReturnValue:
    """Ask a witness to confirm what they saw, by email or on this device, which is handed over signed out."""
    attempt, actor = get_attempt(attempt_id, Act.ASK_WITNESS)
    return (hand_device_over if request.form.get("act") == "hand_over" else ask_by_email)(attempt, actor)


@idempotent
def ask_by_email(attempt: UnitAttempt, actor: Actor) -> ResponseReturnValue:
    """Show the form, and email the witness once, however often it is sent."""
    form, chosen = AskWitnessForm(), read_criteria()
    if form.validate_on_submit():
        with errors_on_form(form):
            testimony, _ = ask(attempt, form.read(chosen), actor)
            flash(f"{isolate(testimony.witness_name)} has been emailed a link, which works for 30 days.")
            return redirect(url_for(".show_testimonies", attempt_id=attempt.id), 303)
    return render_request(attempt, form, chosen)


def hand_device_over(attempt: UnitAttempt, actor: Actor) -> ResponseReturnValue:
    """Sign the asker out and show the witness's page.

    An idempotency key would store its address, and so the token. The form cannot be sent twice: it needs the session.
    """
    form, chosen = AskWitnessForm(), read_criteria()
    if form.validate_on_submit():
        with errors_on_form(form):
            return sign_out_for_witness(hand_over(attempt, form.read(chosen), actor))
    return render_request(attempt, form, chosen)


def render_request(attempt: UnitAttempt, form: AskWitnessForm, chosen: list[int]) -> ResponseReturnValue:
    """Render the form with which a witness is asked, with what was typed and ticked."""
    return render_form(
        "records/ask_witness.html",
        form,
        attempt=attempt,
        is_own=attempt.candidate_id == me().person_id,
        criteria=list_criteria(attempt.unit_id),
        chosen=[str(each) for each in chosen],
        delivers=emails.can_deliver(),
    )


@records.post("/attempts/<int:attempt_id>/testimonies/<int:testimony_id>/withdraw")
@requires(Act.ASK_WITNESS)
def withdraw_testimony(attempt_id: int, testimony_id: int) -> ResponseReturnValue:
    """Withdraw a request that the witness has not answered."""
    attempt, actor = get_attempt(attempt_id, Act.ASK_WITNESS)
    testimony = get_testimony(attempt, testimony_id)
    withdraw_request(testimony, actor)
    flash(f"The request to {isolate(testimony.witness_name)} is withdrawn. Its link no longer works.")
    return redirect(url_for(".show_testimonies", attempt_id=attempt.id), 303)


@records.route("/attempts/<int:attempt_id>/testimonies/<int:testimony_id>", methods=["GET", "POST"])
@requires(Act.ASSESS_EVIDENCE)
@idempotent
def answer_testimony(attempt_id: int, testimony_id: int) -> ResponseReturnValue:
    """Show a signed testimony to an assessor, who authenticates it or refuses it."""
    attempt, actor = get_attempt(attempt_id, Act.ASSESS_EVIDENCE)
    testimony = get_testimony(attempt, testimony_id)
    content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, testimony.content)
    if content is None:
        raise NotFound("This testimony is not signed yet, or its text was erased.")
    form = AnswerTestimonyForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            if form.answer.data == AUTHENTICATE:
                version = authenticate_testimony(testimony, attempt, actor)
                flash(f"Authenticated as evidence {version.evidence.number}. It is in your queue, ready to assess.")
            else:
                refuse_testimony(testimony, attempt, form.reason.data or "", actor)
                flash("Refused. The candidate and their assessors can read the reason.")
            return redirect(url_for(".show_testimonies", attempt_id=attempt.id), 303)
    entry = find_listed_witness(testimony, me().person_id)
    return render_form(
        "records/answer_testimony.html",
        form,
        attempt=attempt,
        testimony=testimony,
        content=content,
        state=find_state(testimony),
        declaration=build_declaration(testimony, me().person_id, entry),
        entry=entry,
        is_asker=testimony.asked_by_id == me().person_id,
    )


def sign_out_for_witness(token: str) -> ResponseReturnValue:
    """End the asker's session and lead to the page of the witness, who can open no other page of the asker's."""
    mark_form_saved()
    return sign_browser_out(redirect(url_for(".testify", token=token), 303))


def get_testimony(attempt: UnitAttempt, testimony_id: int) -> WitnessTestimony:
    """Return a testimony of this attempt; raise `NotFound` for any other."""
    testimony = db.session.get(WitnessTestimony, testimony_id)
    if testimony is None or testimony.attempt_id != attempt.id:
        raise NotFound
    return testimony


def read_criteria() -> list[int]:
    """Return the ids of the criteria that the request ticks; what is no id is left out."""
    return [id_ for each in request.form.getlist("criterion") if (id_ := parse_id(each))]
