"""What is allocated to an internal verifier: their home, and the lists that it leads to."""

from functools import partial

from flask.typing import ResponseReturnValue

from tracker.portfolio.queries.records import list_objections
from tracker.verification.queries import allocated as queries
from tracker.verification.queries.action_points import ACTION_POINTS, STATES, count_action_points
from tracker.verification.queries.action_points import list_action_points as list_action_points_of
from tracker.verification.queries.coverage import COVERAGE, METHOD_COVERAGE, PERIOD
from tracker.verification.queries.coverage import list_coverage as list_coverage_of
from tracker.verification.queries.coverage import list_method_coverage as list_method_coverage_of
from tracker.verification.views import verification
from tracker.web.current_user import me
from tracker.web.list_views import send_list
from tracker.web.lists import ListQuery
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_ON_HOME = 10
"""Rows of a list on the home page, which links to the rest."""


@verification.get("/verification")
@requires(Act.LIST_VERIFICATIONS)
def list_verifications() -> ResponseReturnValue:
    """Show the internal verifier's home: action points to close, units to verify, what is sampled least."""
    person_id = me().person_id
    return send_list(
        queries.TO_VERIFY,
        partial(queries.list_attempts_to_verify, person_id),
        "verification/list_verifications.html",
        [queries.SAMPLED],
        to_verify_count=queries.count_attempts_to_verify(person_id),
        other_count=queries.count_other_attempts(person_id),
        action_points=list_action_points_of(person_id, ListQuery(chosen={"state": "answered"}, size=MAX_ON_HOME)),
        action_point_counts=count_action_points(person_id),
        objections=list_objections(person_id),
        coverage=list_coverage_of(person_id, ListQuery(sort=COVERAGE.default_sort, size=MAX_ON_HOME)),
    )


@verification.get("/verification/other-units")
@requires(Act.LIST_VERIFICATIONS)
def list_other_units() -> ResponseReturnValue:
    """List the allocated units that do not wait for the verifier: in progress, assessed or verified."""
    return send_list(
        queries.OTHER_UNITS,
        partial(queries.list_other_attempts, me().person_id),
        "verification/list_other_units.html",
        [queries.STATES, queries.SAMPLED],
    )


@verification.get("/action-points")
@requires(Act.LIST_VERIFICATIONS)
def list_action_points() -> ResponseReturnValue:
    """List the action points on the verifier's units: the open ones unless others are chosen."""
    return send_list(
        ACTION_POINTS,
        partial(list_action_points_of, me().person_id),
        "verification/list_action_points.html",
        [STATES],
        counts=count_action_points(me().person_id),
    )


@verification.get("/verification/coverage")
@requires(Act.LIST_VERIFICATIONS)
def list_coverage() -> ResponseReturnValue:
    """List what was sampled of the verifier's units in a period, by assessor and unit."""
    return send_list(COVERAGE, partial(list_coverage_of, me().person_id), "verification/list_coverage.html", PERIOD)


@verification.get("/verification/coverage/methods")
@requires(Act.LIST_VERIFICATIONS)
def list_method_coverage() -> ResponseReturnValue:
    """List what was sampled of the verifier's units in a period, by assessor and method."""
    return send_list(
        METHOD_COVERAGE,
        partial(list_method_coverage_of, me().person_id),
        "verification/list_method_coverage.html",
        PERIOD,
    )
