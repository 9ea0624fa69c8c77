"""A unit's page: every criterion with its evidence, as a list or as the matrix."""

from datetime import date
from enum import StrEnum
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import NotFound
from tracker.matrix import (
    CriterionStatus,
    Matrix,
    MatrixRow,
    load_matrix,
    load_past_matrix,
    suggest_rows,
    summarise_evidence_spread,
)
from tracker.models import UnitAttempt
from tracker.portfolio.queries import units
from tracker.portfolio.queries.claims import list_offers
from tracker.portfolio.views import portfolio
from tracker.vocabulary import AttemptState, CriterionState, Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


class Filter(StrEnum):
    ALL = "all"
    GAPS = "gaps"
    MINE = "mine"


FILTERS = {Filter.ALL: "All", Filter.GAPS: "Gaps only", Filter.MINE: "Mine to answer"}


@portfolio.get("/attempts/<int:attempt_id>")
@requires(Act.READ_ATTEMPT)
def show_attempt(attempt_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    own = attempt.candidate_id == me().person_id
    matrix = load_matrix(attempt, with_drafts=own)
    as_matrix, can_claim = request.args.get("view") == "matrix", own and attempt.state is AttemptState.IN_PROGRESS
    chosen = Filter(request.args["show"]) if request.args.get("show") in set(Filter) else Filter.ALL
    return render_template(
        "portfolio/show_attempt.html",
        attempt=attempt,
        matrix=matrix,
        own=own,
        can_claim=can_claim,
        as_matrix=as_matrix,
        offers=list_offers(attempt) if as_matrix and can_claim else {},
        chosen=chosen,
        filter_links=[
            (label, url_for(".show_attempt", attempt_id=attempt.id, show=word), word is chosen)
            for word, label in FILTERS.items()
        ],
        statuses=[each for each in matrix.statuses if is_shown(each, chosen)],
        suggestions=_suggestions(attempt, matrix) if own else {},
        evidence_url=evidence_url,
        administrator=Role.ADMINISTRATOR,
        **beside(attempt, matrix),
    )


@portfolio.get("/attempts/<int:attempt_id>/moves/<int:move_id>")
@requires(Act.READ_ATTEMPT)
def show_past(attempt_id: int, move_id: int) -> ResponseReturnValue:
    """The attempt as it stood in an earlier version of its unit, just before it was moved on."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    move = units.find_move(attempt, move_id)
    if move is None:
        raise NotFound
    own = attempt.candidate_id == me().person_id
    return render_template(
        "portfolio/show_past.html",
        attempt=attempt,
        own=own,
        move=next(each for each in units.list_moves(attempt) if each.id == move.id),
        matrix=load_past_matrix(attempt, move, with_drafts=own),
        requirements=units.list_past_requirements(move),
    )


def beside(attempt: UnitAttempt, matrix: Matrix) -> dict[str, Any]:
    spread, moves = summarise_evidence_spread(matrix.claiming_rows), units.list_moves(attempt)
    return {
        "spread": spread,
        "spread_months": [(date.fromisoformat(f"{month}-01"), count) for month, count in spread.months],
        "holders": units.list_allocations(attempt),
        "requirements": units.list_requirements(attempt),
        "signatures": units.list_signatures(attempt),
        "reopened": units.find_last_reopening(attempt),
        "moves": moves,
        "drafted": units.list_drafted(moves, attempt, me().person_id),
    }


def is_shown(status: CriterionStatus, chosen: Filter) -> bool:
    if chosen is Filter.GAPS:
        return status.state in {CriterionState.NOTHING_YET, CriterionState.NEEDS_MORE}
    if chosen is Filter.MINE:
        return status.state is CriterionState.NEEDS_MORE
    return True


def _suggestions(attempt: UnitAttempt, matrix: Matrix) -> dict[int, tuple[MatrixRow, ...]]:
    """For each gap of an open attempt, the items that claim its neighbours."""
    if attempt.state is not AttemptState.IN_PROGRESS:
        return {}
    gaps = (each for each in matrix.statuses if each.state is CriterionState.NOTHING_YET)
    return {gap.column.id: suggest_rows(matrix, gap.column) for gap in gaps}


def evidence_url(attempt: UnitAttempt, evidence_id: int) -> str:
    """Where this reader opens an item: the candidate their own, everybody else through the attempt."""
    if attempt.candidate_id == me().person_id:
        return url_for("portfolio.show_evidence", evidence_id=evidence_id)
    return url_for("portfolio.show_attempt_evidence", attempt_id=attempt.id, evidence_id=evidence_id)
