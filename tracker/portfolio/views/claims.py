"""Claiming: one item against all units, the matrix of one unit, and the single tick that saves itself."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from tracker.clock import LONDON, now
from tracker.errors import Invalid
from tracker.library.queries.units import list_guidance_by_unit
from tracker.portfolio.queries.claims import list_sections
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.views import portfolio
from tracker.web.authorise import get_attempt, get_own_evidence
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_CELLS = 20_000
PAIR = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
MAX_LOCATOR_LENGTH = 200


@portfolio.get("/evidence/<int:evidence_id>/criteria")
@requires(Act.ADD_EVIDENCE)
def choose_criteria(evidence_id: int) -> ResponseReturnValue:
    evidence, _ = get_own_evidence(evidence_id)
    sections = list_sections(evidence)
    return render_template(
        "portfolio/choose_criteria.html",
        evidence=evidence,
        sections=sections,
        guidance=list_guidance_by_unit((section.code for section in sections), [evidence.centre_id]),
    )


@portfolio.post("/evidence/<int:evidence_id>/criteria")
@requires(Act.ADD_EVIDENCE)
def save_criteria(evidence_id: int) -> ResponseReturnValue:
    """The whole list at once, for a browser without JavaScript; only the boxes that were shown count."""
    evidence, actor = get_own_evidence(evidence_id)
    shown = read_cells(request.form.getlist("shown"))
    ticked = set(shown) & set(read_cells(request.form.getlist("claim")))
    also = {too for cell in ticked for too in read_cells(request.form.getlist(f"also-{name_of(cell)}"))}
    ticks = [
        Tick(
            *(cell[0], evidence.id, cell[1]),
            on=cell in ticked | also,
            locator=read_locator(request.form, f"locator-{name_of(cell)}"),
        )
        for cell in shown
    ]
    ticks += [Tick(cell[0], evidence.id, cell[1], on=True) for cell in sorted(also - set(shown))]
    changed = set_claims(ticks, me().person_id, actor)
    flash("Saved." if changed else "Nothing was changed.")
    if request.form.get("act") == "submit":
        return redirect(url_for("portfolio.submit", evidence_id=evidence.id), 303)
    return redirect(url_for("portfolio.show_evidence", evidence_id=evidence.id), 303)


@portfolio.post("/evidence/<int:evidence_id>/tick")
@requires(Act.ADD_EVIDENCE)
def tick_criterion(evidence_id: int) -> ResponseReturnValue:
    """One box of an item’s list, saved as it is ticked; with it what is the same elsewhere, where that is wanted."""
    evidence, actor = get_own_evidence(evidence_id)
    attempt_id, criterion_id = read_number("attempt"), read_number("criterion")
    locator = read_locator(request.form, "locator")
    ticks = [Tick(attempt_id, evidence.id, criterion_id, on=is_on(), locator=locator), *read_also(evidence.id)]
    set_claims(ticks, me().person_id, actor)
    return saved()


@portfolio.post("/attempts/<int:attempt_id>/tick")
@requires(Act.CLAIM_CRITERION)
def tick_cell(attempt_id: int) -> ResponseReturnValue:
    """One cell of a unit's matrix, saved as it is ticked."""
    attempt, actor = get_attempt(attempt_id, Act.CLAIM_CRITERION)
    evidence_id = read_number("evidence")
    ticks = [Tick(attempt.id, evidence_id, read_number("criterion"), on=is_on()), *read_also(evidence_id)]
    set_claims(ticks, me().person_id, actor)
    return saved()


@portfolio.post("/attempts/<int:attempt_id>/matrix")
@requires(Act.CLAIM_CRITERION)
def save_matrix(attempt_id: int) -> ResponseReturnValue:
    """The whole matrix at once, for a browser without JavaScript; only the cells that were shown count."""
    attempt, actor = get_attempt(attempt_id, Act.CLAIM_CRITERION)
    ticked = set(read_cells(request.form.getlist("t")))
    was_ticked = set(read_cells(request.form.get("shown", "").split()))
    changes = [(cell, True) for cell in ticked - was_ticked] + [(cell, False) for cell in was_ticked - ticked]
    ticks = [Tick(attempt.id, evidence, criterion, on=on) for (evidence, criterion), on in sorted(changes)]
    for evidence, criterion in sorted(ticked - was_ticked):
        also = read_cells(request.form.getlist(f"also-{criterion}"))
        ticks += [Tick(other_attempt, evidence, other, on=True) for other_attempt, other in also]
    changed = set_claims(ticks, me().person_id, actor)
    flash(f"Saved: {changed} changed." if changed else "Nothing was changed.")
    return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id, view="matrix"), 303)


def read_cells(values: list[str]) -> list[tuple[int, int]]:
    """Pairs of ids as `7-41`; anything else is refused whole."""
    if len(values) > MAX_CELLS:
        raise Invalid("There are too many boxes in one form. Nothing was saved. Save a part at a time.")
    found = [PAIR.fullmatch(value) for value in values]
    if not all(found):
        raise Invalid("The boxes could not be read. Nothing was saved. Reload the page and try again.")
    return [(int(pair[1]), int(pair[2])) for pair in found if pair]


def read_also(evidence_id: int) -> list[Tick]:
    """What is to be claimed in the same tick in other units; taking a claim off takes off that one alone."""
    cells = read_cells(request.form.getlist("also")) if is_on() else []
    return [Tick(attempt_id, evidence_id, criterion_id, on=True) for attempt_id, criterion_id in cells]


def name_of(cell: tuple[int, int]) -> str:
    return f"{cell[0]}-{cell[1]}"


def read_number(name: str) -> int:
    value = request.form.get(name, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 9:
        raise Invalid("The box could not be read. Nothing was saved. Reload the page and try again.")
    return int(value)


def read_locator(form: MultiDict[str, str], name: str) -> str | None:
    locator = form.get(name)
    if locator and len(locator) > MAX_LOCATOR_LENGTH:
        raise Invalid(f"“Where in it?” takes at most {MAX_LOCATOR_LENGTH} characters. Nothing was saved.")
    return locator.strip() if locator is not None else None


def is_on() -> bool:
    return request.form.get("on") == "1"


def saved() -> ResponseReturnValue:
    return {"saved_at": now().astimezone(LONDON).strftime("%H:%M")}
