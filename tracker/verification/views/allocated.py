"""What is allocated to an internal verifier: their home, and the lists that it leads to."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tracker.verification.queries import allocated as queries
from tracker.verification.views import verification
from tracker.web.current_user import me
from tracker.web.pagination import Page
from tracker.web.permissions import Act
from tracker.web.requests import get_query_page
from tracker.web.route_rules import requires


@verification.get("/verification")
@requires(Act.LIST_VERIFICATIONS)
def list_verifications() -> ResponseReturnValue:
    """Show the internal verifier's home: open action points, units to verify, the sampling grid."""
    person_id, page = me().person_id, get_query_page()
    to_verify, has_next = queries.list_attempts_to_verify(person_id, page)
    action_points, has_more_action_points = queries.list_allocated_action_points(person_id, 1, only_open=True)
    return render_template(
        "verification/list_verifications.html",
        to_verify=to_verify,
        page=Page(page, has_next),
        to_verify_count=queries.count_attempts_to_verify(person_id),
        other_count=queries.count_other_attempts(person_id),
        action_points=action_points,
        has_more_action_points=has_more_action_points,
        open_action_point_count=queries.count_open_action_points(person_id),
        grid=queries.build_sampling_grid(person_id),
    )


@verification.get("/verification/other-units")
@requires(Act.LIST_VERIFICATIONS)
def list_other_units() -> ResponseReturnValue:
    """List the allocated units that do not wait for the verifier: in progress, assessed or verified."""
    page = get_query_page()
    attempts, has_next = queries.list_other_attempts(me().person_id, page)
    return render_template("verification/list_other_units.html", attempts=attempts, page=Page(page, has_next))


@verification.get("/action-points")
@requires(Act.LIST_VERIFICATIONS)
def list_action_points() -> ResponseReturnValue:
    """List the action points on the verifier's units: open ones, or closed ones too."""
    page, only_open = get_query_page(), request.args.get("state") != "all"
    action_points, has_next = queries.list_allocated_action_points(me().person_id, page, only_open=only_open)
    return render_template(
        "verification/list_action_points.html",
        action_points=action_points,
        only_open=only_open,
        page=Page(page, has_next),
    )
