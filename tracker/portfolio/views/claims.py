"""Views for claims: the criteria of one item, the matrix of one unit, and single ticks saved at once."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tracker.clock import LONDON, now
from tracker.errors import Invalid
from tracker.library.queries.units import list_guidance_by_unit
from tracker.portfolio.queries.claims import find_likely_unit, group_choices, list_unit_choices
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.views import portfolio
from tracker.portfolio.views.units import build_attempt_url, read_criteria_filter
from tracker.web.authorise import get_attempt, get_own_evidence
from tracker.web.current_user import me
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_CELLS = 20_000
CELL = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
MAX_LOCATOR_LENGTH = 200
MAX_SEARCH_LENGTH = 100


@portfolio.get("/evidence/<int:evidence_id>/criteria")
@requires(Act.ADD_EVIDENCE)
def choose_criteria(evidence_id: int) -> ResponseReturnValue:
    """Show the criteria that an item can claim in all open units: the gaps, or all of them."""
    evidence, _ = get_own_evidence(evidence_id, with_answers=True)
    sections = list_unit_choices(evidence)
    likely_attempt_id = find_likely_unit(sections, request.args.get("unit", type=int))
    gaps_only = request.args.get("show") != "all"
    search = request.args.get("search", "")[:MAX_SEARCH_LENGTH].strip()
    shown_choices = {each.attempt_id: each.filter_choices(gaps_only=gaps_only, search=search) for each in sections}
    gap_count, criterion_count = (
        sum(len(each.filter_choices(gaps_only=only, search=search)) for each in sections) for only in (True, False)
    )
    return render_template(
        "portfolio/choose_criteria.html",
        evidence=evidence,
        sections=sorted(sections, key=lambda section: section.attempt_id != likely_attempt_id),
        shown_choices=shown_choices,
        group_choices=group_choices,
        likely_attempt_id=likely_attempt_id,
        gaps_only=gaps_only,
        search=search,
        filters=[
            ("gaps", "Gaps only", gap_count, gaps_only),
            ("all", "All criteria", criterion_count, not gaps_only),
        ],
        guidance=list_guidance_by_unit((section.code for section in sections), [evidence.centre_id]),
    )


@portfolio.post("/evidence/<int:evidence_id>/criteria")
@requires(Act.ADD_EVIDENCE)
def save_criteria(evidence_id: int) -> ResponseReturnValue:
    """Save the whole list; only the checkboxes that were shown count.

    The buttons that filter and search save the ticks first, so that none is lost without JavaScript.
    """
    evidence, actor = get_own_evidence(evidence_id, with_answers=True)
    shown = read_cells(request.form.getlist("shown"))
    ticked = set(shown) & set(read_cells(request.form.getlist("claim")))
    same_criteria = {
        same_cell for cell in ticked for same_cell in read_cells(request.form.getlist(f"also-{format_cell(cell)}"))
    }
    ticks = [
        Tick(
            *(cell[0], evidence.id, cell[1]),
            ticked=cell in ticked | same_criteria,
            locator=read_locator(request.form, f"locator-{format_cell(cell)}"),
        )
        for cell in shown
    ]
    ticks += [Tick(cell[0], evidence.id, cell[1], ticked=True) for cell in sorted(same_criteria - set(shown))]
    set_claims(ticks, me().person_id, actor)
    act = request.form.get("act")
    if act == "submit" and not evidence.record_kind:
        return redirect(url_for("portfolio.submit", evidence_id=evidence.id), 303)
    if act in ("search", "gaps", "all"):
        show = request.form.get("show") if act == "search" else act
        search = request.form.get("search", "")[:MAX_SEARCH_LENGTH].strip() or None
        return redirect(url_for(".choose_criteria", evidence_id=evidence.id, show=show, search=search), 303)
    flash("Saved.")  # also where each tick was saved at once and this form changes nothing more
    return redirect(url_for("portfolio.show_evidence", evidence_id=evidence.id), 303)


@portfolio.post("/evidence/<int:evidence_id>/tick")
@requires(Act.ADD_EVIDENCE)
def tick_criterion(evidence_id: int) -> ResponseReturnValue:
    """Save one tick of an item's list, with the same criteria in other units where they were chosen."""
    evidence, actor = get_own_evidence(evidence_id, with_answers=True)
    attempt_id, criterion_id = read_number("attempt"), read_number("criterion")
    locator = read_locator(request.form, "locator")
    ticks = [
        Tick(attempt_id, evidence.id, criterion_id, ticked=is_ticked(), locator=locator),
        *read_same_criteria(evidence.id),
    ]
    set_claims(ticks, me().person_id, actor)
    return build_saved_response()


@portfolio.post("/attempts/<int:attempt_id>/tick")
@requires(Act.CLAIM_CRITERION)
def tick_cell(attempt_id: int) -> ResponseReturnValue:
    """Save one tick of a unit's matrix."""
    attempt, actor = get_attempt(attempt_id, Act.CLAIM_CRITERION)
    evidence_id = read_number("evidence")
    ticks = [
        Tick(attempt.id, evidence_id, read_number("criterion"), ticked=is_ticked()),
        *read_same_criteria(evidence_id),
    ]
    set_claims(ticks, me().person_id, actor)
    return build_saved_response()


@portfolio.post("/attempts/<int:attempt_id>/matrix")
@requires(Act.CLAIM_CRITERION)
def save_matrix(attempt_id: int) -> ResponseReturnValue:
    """Save the whole matrix, for a browser without JavaScript; only the cells that were shown count."""
    attempt, actor = get_attempt(attempt_id, Act.CLAIM_CRITERION)
    ticked = set(read_cells(request.form.getlist("t")))
    was_ticked = set(read_cells(request.form.get("shown", "").split()))
    changes = [(cell, True) for cell in ticked - was_ticked] + [(cell, False) for cell in was_ticked - ticked]
    ticks = [
        Tick(attempt.id, evidence, criterion, ticked=ticked) for (evidence, criterion), ticked in sorted(changes)
    ]
    for evidence, criterion in sorted(ticked - was_ticked):
        same_criteria = read_cells(request.form.getlist(f"also-{criterion}"))
        ticks += [Tick(attempt_id, evidence, same, ticked=True) for attempt_id, same in same_criteria]
    change_count = set_claims(ticks, me().person_id, actor)
    flash(f"Saved: {counted(change_count, 'claim')} changed." if change_count else "Saved.")
    return redirect(build_attempt_url(attempt, read_criteria_filter(request.form), as_matrix=True), 303)


def read_cells(values: list[str]) -> list[tuple[int, int]]:
    """Return pairs of ids from values such as `7-41`. Raises `Invalid` for any other value."""
    if len(values) > MAX_CELLS:
        raise Invalid("There are too many checkboxes in one form. Nothing was saved. Save a part at a time.")
    matches = [CELL.fullmatch(value) for value in values]
    if not all(matches):
        raise Invalid("The checkboxes could not be read. Nothing was saved. Reload the page and try again.")
    return [(int(pair[1]), int(pair[2])) for pair in matches if pair]


def read_same_criteria(evidence_id: int) -> list[Tick]:
    """Return ticks for the same criteria in other units, where they were chosen; none where the box was cleared."""
    cells = read_cells(request.form.getlist("also")) if is_ticked() else []
    return [Tick(attempt_id, evidence_id, criterion_id, ticked=True) for attempt_id, criterion_id in cells]


def format_cell(cell: tuple[int, int]) -> str:
    """Return a pair of ids as forms send it: `7-41`."""
    return f"{cell[0]}-{cell[1]}"


def read_number(name: str) -> int:
    """Return an id from the form. Raises `Invalid` for anything else."""
    value = request.form.get(name, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 9:
        raise Invalid("The checkbox could not be read. Nothing was saved. Reload the page and try again.")
    return int(value)


def read_locator(form: MultiDict[str, str], name: str) -> str | None:
    """Return a locator; None where it was not sent. Raises `Invalid` when it is too long."""
    locator = form.get(name)
    if locator and len(locator) > MAX_LOCATOR_LENGTH:
        raise Invalid(
            f"“Where to look” can have at most {MAX_LOCATOR_LENGTH} characters. Nothing was saved. Shorten it."
        )
    return locator.strip() if locator is not None else None


def is_ticked() -> bool:
    """Return whether the checkbox was ticked, not cleared."""
    return request.form.get("on") == "1"


def build_saved_response() -> ResponseReturnValue:
    """Return the time of saving, for the script of the page."""
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M")}
