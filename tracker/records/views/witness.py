"""The page of a witness, who has no account: what they are asked, their answer, the code and the signature."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.accounts.sessions import get_client_address
from tracker.errors import Invalid, Refused
from tracker.models import WitnessTestimony
from tracker.portfolio.queries.testimonies import list_criteria, list_dropped_criteria
from tracker.records.services.testifying import (
    LinkEnded,
    build_statement,
    decline,
    get_open_testimony,
    read_code,
    request_code,
    sign_testimony,
)
from tracker.records.testimony_forms import WitnessForm
from tracker.records.views import records
from tracker.records.views.testimonies import read_criteria
from tracker.web.forms import errors_on_form
from tracker.web.route_rules import public
from tracker.web.save_confirmation import mark_form_saved
from tracker.web.text_direction import isolate


@records.route("/witness/<token>", methods=["GET", "POST"])
@public
def testify(token: str) -> ResponseReturnValue:
    """Show what a witness is asked; email them a code, record their signed testimony, or that they declined.

    What they type is stored only when they sign. Until then it is in the form, and in their browser.
    """
    address = get_client_address()
    form = WitnessForm()
    if request.method == "GET":
        try:
            testimony = get_open_testimony(token, address)
        except LinkEnded as refusal:
            if not refusal.ended:
                raise
            return render_end(refusal.ended, str(refusal))
        refuse_candidate(testimony)
        return render_page(testimony, form)
    refuse_candidate(get_open_testimony(token, address))
    with errors_on_form(form, Invalid):
        match request.form.get("act"):
            case "sign":
                sign_testimony(token, form.read(read_criteria()), address)
                mark_form_saved()
                return redirect(url_for(".testify", token=token), 303)
            case "decline":
                decline(token, request.form.get("reason", ""), address)
                mark_form_saved()
                return redirect(url_for(".testify", token=token), 303)
            case _:
                testimony = request_code(token, form.read(read_criteria()), address)
                form.code.data = form.signed_name.data = ""
                return render_page(testimony, form)
    return render_page(get_open_testimony(token, address), form), 422


def render_end(testimony: WitnessTestimony, sentence: str) -> ResponseReturnValue:
    """Render why a link has ended, with the name of the copy that the witness's browser drops now."""
    page = render_template("records/testimony_ended.html", testimony=testimony, sentence=sentence)
    return page, 200 if testimony.signed_at else LinkEnded.status


def refuse_candidate(testimony: WitnessTestimony) -> None:
    """Raise `Refused` where the candidate is signed in, so that they cannot sign in the witness's stead."""
    candidate = testimony.attempt.candidate
    if current_user.is_authenticated and current_user.person_id == candidate.id:
        raise Refused(
            f"{isolate(candidate.name)} is signed in in this browser, so the testimony cannot be given here. The "
            "witness opens the link from their email on a device of their own. Nothing was changed."
        )


def render_page(testimony: WitnessTestimony, form: WitnessForm) -> str:
    """Render what the witness is asked, with what they typed; with the signature while a code that was sent works."""
    if not form.is_submitted():
        form.name.data, form.contact.data = testimony.witness_name, testimony.email
    return render_template(
        "records/testify.html",
        testimony=testimony,
        attempt=testimony.attempt,
        form=form,
        criteria=list_criteria(testimony.attempt.unit_id, testimony.criterion_ids),
        dropped=list_dropped_criteria(testimony),
        chosen=request.form.getlist("criterion"),
        statement=build_statement(testimony),
        is_code_sent=(form.is_submitted() and testimony.code is not None) or read_code(testimony) is not None,
    )
