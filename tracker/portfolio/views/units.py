"""Views of an attempt: every criterion with its evidence, as a list or as the matrix."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

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
from tracker.matrix.counted_evidence import describe_criterion_spread
from tracker.matrix.evidence_guidance import load_evidence_guidance
from tracker.models import UnitAttempt
from tracker.portfolio.queries import units
from tracker.portfolio.queries.claims import load_same_criteria
from tracker.portfolio.queries.countersigning import list_waiting
from tracker.portfolio.queries.own_action import find_criteria_to_act_on
from tracker.portfolio.queries.planned_discussions import list_planned_discussions
from tracker.portfolio.queries.question_sets import list_open_sets
from tracker.portfolio.views import portfolio
from tracker.portfolio.views.matrix_cells import MatrixCells, build_evidence_urls
from tracker.vocabulary import AttemptState, CriterionState, Role
from tracker.web.authorise import get_attempt
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


class CriteriaFilter(StrEnum):
    """Which criteria the list shows."""

    ALL = "all"
    GAPS = "gaps"
    MINE = "mine"


FILTER_LABELS = {
    CriteriaFilter.ALL: "All criteria",
    CriteriaFilter.GAPS: "Gaps only",
    CriteriaFilter.MINE: "Needs my action",
}


@portfolio.get("/attempts/<int:attempt_id>")
@requires(Act.READ_ATTEMPT)
def show_attempt(attempt_id: int) -> ResponseReturnValue:
    """Show the criteria of an attempt with their evidence, as a list or as the matrix."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    own = attempt.candidate_id == me().person_id
    matrix = load_matrix(attempt, with_drafts=own)
    as_matrix = request.args.get("view") == "matrix"
    can_claim = own and attempt.state is AttemptState.IN_PROGRESS
    sidebar = build_attempt_sidebar(attempt, matrix)
    acting_roles = find_acting_roles(own=own, allocations=sidebar["allocations"])
    chosen = read_criteria_filter(request.args)
    if chosen is CriteriaFilter.MINE and not acting_roles:
        chosen = CriteriaFilter.ALL
    to_act_on = find_criteria_to_act_on(attempt, matrix, acting_roles) if chosen is CriteriaFilter.MINE else set()
    statuses = [status for status in matrix.statuses if is_shown(status, chosen, to_act_on)]
    shown_ids = {status.column.id for status in statuses}
    shown_matrix = matrix.select_columns(shown_ids) if as_matrix else None
    same_criteria = load_same_criteria(attempt) if as_matrix and can_claim else {}
    return render_template(
        "portfolio/show_attempt.html",
        attempt=attempt,
        matrix=matrix,
        own=own,
        can_claim=can_claim,
        as_matrix=as_matrix,
        shown_matrix=shown_matrix,
        every_column=request.args.get("columns") == "all",
        same_criteria={id_: same for id_, same in same_criteria.items() if id_ in shown_ids},
        chosen=chosen,
        filter_links=[
            (label, build_attempt_url(attempt, criteria_filter, as_matrix=as_matrix), criteria_filter is chosen)
            for criteria_filter, label in FILTER_LABELS.items()
            if acting_roles or criteria_filter is not CriteriaFilter.MINE
        ],
        acting_roles=acting_roles,
        statuses=statuses,
        criterion_spreads={each.column.id: describe_criterion_spread(each) for each in statuses},
        suggestions=_suggest_evidence(attempt, matrix) if own else {},
        cells=MatrixCells(attempt, shown_matrix, can_claim=can_claim) if shown_matrix else None,
        evidence_urls=list_evidence_urls(attempt, matrix),
        attempt_url=build_attempt_url,
        administrator=Role.ADMINISTRATOR,
        planned_discussions=list_planned_discussions(attempt) if can_claim and not as_matrix else [],
        guidance=load_evidence_guidance(attempt, matrix) if attempt.state is AttemptState.IN_PROGRESS else None,
        question_sets=list_open_sets(attempt) if own or Role.ASSESSOR in acting_roles else [],
        waiting=list_waiting(is_on=attempt.centre.has_countersigning, attempt_id=attempt.id),
        **sidebar,
    )


@portfolio.get("/attempts/<int:attempt_id>/moves/<int:move_id>")
@requires(Act.READ_ATTEMPT)
def show_past_version(attempt_id: int, move_id: int) -> ResponseReturnValue:
    """Show the attempt as it was in an earlier version of its unit, just before it moved to a later one."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    move = units.find_move(attempt, move_id)
    if move is None:
        raise NotFound
    own = attempt.candidate_id == me().person_id
    return render_template(
        "portfolio/show_past_version.html",
        attempt=attempt,
        own=own,
        move=move,
        matrix=load_past_matrix(attempt, move.older.id, move.moved_at, with_drafts=own),
        requirements=units.list_past_requirements(attempt, move),
    )


def build_attempt_sidebar(attempt: UnitAttempt, matrix: Matrix) -> dict[str, Any]:
    """Return the template values beside the criteria: allocations, requirements, signatures, spread and moves."""
    spread, moves = summarise_evidence_spread(matrix.claiming_rows), units.list_moves(attempt)
    return {
        "spread": spread,
        "allocations": units.list_open_allocations(attempt),
        "requirements": units.list_requirements(attempt),
        "signatures": units.list_signatures(attempt),
        "reopening": units.find_last_reopening(attempt),
        "moves": moves,
        "draft_decisions": units.load_draft_decisions(moves, attempt, me().person_id),
    }


def read_criteria_filter(values: MultiDict[str, str]) -> CriteriaFilter:
    """Return the filter that a query string or form names; every criterion if it names none."""
    try:
        return CriteriaFilter(values.get("show", ""))
    except ValueError:
        return CriteriaFilter.ALL


def build_attempt_url(attempt: UnitAttempt, chosen: CriteriaFilter, *, as_matrix: bool) -> str:
    """Return the address of an attempt as a list or matrix of the chosen criteria."""
    show = None if chosen is CriteriaFilter.ALL else chosen
    return url_for("portfolio.show_attempt", attempt_id=attempt.id, view="matrix" if as_matrix else None, show=show)


def find_acting_roles(*, own: bool, allocations: Collection[units.OpenAllocation]) -> list[Role]:
    """Return the roles in which the signed-in person acts on criteria; none for those who only read."""
    if own:
        return [Role.CANDIDATE]
    return [each.role for each in allocations if each.has_role and each.person_id == me().person_id]


def is_shown(status: CriterionStatus, chosen: CriteriaFilter, to_act_on: Collection[int]) -> bool:
    """Return whether the chosen filter shows a criterion.

    Args:
        status: the criterion.
        chosen: the filter.
        to_act_on: the criteria that need the reader's own action.
    """
    if chosen is CriteriaFilter.GAPS:
        return status.state in {CriterionState.NOTHING_YET, CriterionState.NEEDS_MORE}
    if chosen is CriteriaFilter.MINE:
        return status.column.id in to_act_on
    return True


def _suggest_evidence(attempt: UnitAttempt, matrix: Matrix) -> dict[int, tuple[MatrixRow, ...]]:
    """Return, for each criterion without evidence in an open attempt, items that may fit it."""
    if attempt.state is not AttemptState.IN_PROGRESS:
        return {}
    return {
        status.column.id: suggest_rows(matrix, status.column)
        for status in matrix.statuses
        if status.state is CriterionState.NOTHING_YET
    }


def list_evidence_urls(attempt: UnitAttempt, matrix: Matrix) -> dict[int, str]:
    """Return the address of each item by its id: the candidate's own page, for others its page in the attempt."""
    if attempt.candidate_id == me().person_id:
        urls = build_evidence_urls("portfolio.show_evidence", matrix.rows)
        records = (row.evidence_id for row in matrix.rows if row.author)
        return urls | {each: url_for("records.show_record", record_id=each) for each in records}
    return build_evidence_urls("portfolio.show_attempt_evidence", matrix.rows, attempt_id=attempt.id)
