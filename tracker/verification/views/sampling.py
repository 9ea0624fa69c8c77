"""The page on which an internal verifier samples a unit, item by item, and the record beside it."""

from datetime import date

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import Conflict, Invalid, NotFound, TrackerError
from tracker.matrix import load_matrix, summarise_evidence_spread
from tracker.models import UnitAttempt
from tracker.portfolio.evidence_warnings import list_sign_off_warnings
from tracker.portfolio.queries.evidence import find_version_in, list_version_attachments
from tracker.portfolio.queries.units import list_signatures
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.views.forms import describe_issue
from tracker.verification.queries import unit_record
from tracker.verification.queries.sampling import ItemToSample, list_items_to_sample
from tracker.verification.services import sampling as services
from tracker.verification.views import verification
from tracker.verification.views.unit_page import TIME_TO_RESPOND, render_unit_page
from tracker.vocabulary import SignatureRole
from tracker.web.authorise import get_attempt
from tracker.web.formatting import counted
from tracker.web.forms import parse_date
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import get_query_number, parse_id, read_form_text
from tracker.web.route_rules import requires


@verification.get("/attempts/<int:attempt_id>/verify")
@requires(Act.VERIFY_UNIT)
def verify_unit(attempt_id: int) -> ResponseReturnValue:
    """Show one item of a unit to sample, beside the list of its items."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    return render_sample_page(attempt, get_query_number("item"))


@verification.post("/attempts/<int:attempt_id>/sample")
@requires(Act.VERIFY_UNIT)
@idempotent
def sample_unit(attempt_id: int) -> ResponseReturnValue:
    """Save a sample of one item's decisions, then show the next item that is not fully sampled."""
    attempt, actor = get_attempt(attempt_id, Act.VERIFY_UNIT)
    evidence_id, round_before = parse_id(request.form.get("item", "")) or 0, attempt.round
    try:
        sample = services.draw_sample(attempt, read_sampled_decisions(), read_form_text("comment"), actor)
    except (Invalid, Conflict) as refusal:
        return render_sample_page(attempt, evidence_id, refusal), refusal.status
    disagreed = sum(not item.agrees for item in sample.items)
    flash(describe_sample(len(sample.items), disagreed))
    if disagreed:
        flash(describe_disagreements(attempt, disagreed, round_before), "needs-you")
    next_id = find_next_item(attempt, evidence_id)
    return redirect(url_for(".verify_unit", attempt_id=attempt.id, item=next_id), 303)


@verification.get("/attempts/<int:attempt_id>/verify/requirements")
@requires(Act.VERIFY_UNIT)
def show_requirements(attempt_id: int) -> ResponseReturnValue:
    """Show the evidence requirements with the assessor's confirmations, and the evidence spread."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    matrix = load_matrix(attempt)
    spread = summarise_evidence_spread(matrix.claiming_rows)
    return render_unit_page(
        "verification/show_requirements.html",
        attempt,
        matrix,
        spread=spread,
        warnings=list_sign_off_warnings(matrix.claiming_rows),
        signatures=list_signatures(attempt),
    )


@verification.get("/attempts/<int:attempt_id>/verify/form")
@requires(Act.VERIFY_UNIT)
def show_form(attempt_id: int) -> ResponseReturnValue:
    """Show the recording form as it will print, to issue once the unit is verified."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    matrix = load_matrix(attempt)
    content = build_form_content(attempt, matrix)
    return render_unit_page(
        "verification/show_form.html", attempt, matrix, form_content=content, **describe_issue(attempt)
    )


@verification.get("/attempts/<int:attempt_id>/verify/history")
@requires(Act.VERIFY_UNIT)
def show_history(attempt_id: int) -> ResponseReturnValue:
    """Show every sample of the unit with each sampled decision, and the verifiers' signatures."""
    attempt, _ = get_attempt(attempt_id, Act.VERIFY_UNIT)
    sampled = unit_record.list_sampled_decisions(attempt)
    signatures = [each for each in list_signatures(attempt) if each.role is SignatureRole.INTERNAL_VERIFIER]
    return render_unit_page("verification/show_history.html", attempt, sampled=sampled, verifications=signatures)


def render_sample_page(attempt: UnitAttempt, evidence_id: int, refusal: TrackerError | None = None) -> str:
    """Return the page of one item to sample.

    Args:
        attempt: the attempt.
        evidence_id: the item to show; 0, or an item that is not of this unit, shows the first that is not sampled.
        refusal: why the sample was refused; what was typed is shown again.
    """
    matrix = load_matrix(attempt)
    items = list_items_to_sample(attempt, matrix)
    item = pick_item(items, evidence_id)
    version = find_version_in(attempt, item.row.evidence_id) if item else None
    position = items.index(item) if item else 0
    return render_unit_page(
        "verification/verify_unit.html",
        attempt,
        matrix,
        item=item,
        position=position + 1,
        previous_item=items[position - 1] if position else None,
        next_item=items[position + 1] if position + 1 < len(items) else None,
        version=version,
        attachments=list_version_attachments(version) if version else [],
        assessments=unit_record.load_released_assessments(attempt).get(version.id, []) if version else [],
        disagreement_ends_round=services.does_disagreement_end_round(attempt),
        typed=request.form,
        refusal=refusal,
        suggested_due_date=today() + TIME_TO_RESPOND,
    )


def pick_item(items: list[ItemToSample], evidence_id: int) -> ItemToSample | None:
    """Return the item with this id, else the first that is not fully sampled, else the first; None without items."""
    unsampled = (item for item in items if item.sampled_count < item.sampleable_count)
    first = next(unsampled, items[0] if items else None)
    return next((item for item in items if item.row.evidence_id == evidence_id), first)


def find_next_item(attempt: UnitAttempt, evidence_id: int) -> int:
    """Return the id of the next item that is not fully sampled, after this one and then from the start."""
    items = list_items_to_sample(attempt, load_matrix(attempt))
    ids = [item.row.evidence_id for item in items]
    start = ids.index(evidence_id) + 1 if evidence_id in ids else 0
    following_items = [*items[start:], *items[:start]]
    return next(
        (item.row.evidence_id for item in following_items if item.sampled_count < item.sampleable_count), evidence_id
    )


def describe_sample(sampled_count: int, disagreed_count: int) -> str:
    """Return the message with the number of decisions sampled, agreed with and disagreed with."""
    agreed_count = sampled_count - disagreed_count
    outcome = f"{agreed_count} agreed and {disagreed_count} disagreed" if disagreed_count else "agreed"
    return f"Sample saved: {counted(sampled_count, 'decision')}, {outcome}."


def describe_disagreements(attempt: UnitAttempt, disagreed: int, round_before: int) -> str:
    """Return the message about the consequences of the verifier's disagreements."""
    action_points = "An action point was" if disagreed == 1 else f"{disagreed} action points were"
    sentence = f"{action_points} raised for the assessor. The decision{'' if disagreed == 1 else 's'} you disagreed "
    sentence += f"with now say{'s' if disagreed == 1 else ''} “needs more”."
    if attempt.round > round_before:
        sentence += f" {attempt.unit.code} is in progress again, in round {attempt.round}. "
        sentence += "Its signatures are kept but no longer count."
    return sentence


def read_sampled_decisions() -> list[services.SampledDecision]:
    """Return the sampled decisions that the form sends.

    `decision-ID` is `agree` or `disagree`; `action-ID` and `due-ID` are the action required after a
    disagreement and its due date.

    Raises:
        Invalid: a due date is not a date.
        NotFound: a field's name or value has another form.
    """
    decisions = []
    for name, value in request.form.items():
        kind, _, number = name.partition("-")
        if kind != "decision" or not value:
            continue
        decision_id = parse_id(number)
        if decision_id is None or value not in {"agree", "disagree"}:
            raise NotFound
        if value == "agree":
            decisions.append(services.SampledDecision(decision_id, agrees=True))
        else:
            action = read_form_text(f"action-{decision_id}")
            decisions.append(
                services.SampledDecision(decision_id, agrees=False, comment=action, due_on=read_due_date(decision_id))
            )
    return decisions


def read_due_date(decision_id: int) -> date | None:
    """Return the due date of a disagreement, or None if it is empty; raise `Invalid` if it is not a date."""
    name = f"due-{decision_id}"
    return parse_date(request.form.get(name, ""), name)
