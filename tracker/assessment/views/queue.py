"""The assessor's queue, and the list of their candidates."""

from functools import partial

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tracker.assessment.queries import candidates as candidate_queries
from tracker.assessment.queries import queue as queries
from tracker.assessment.queries.countersigning_lists import count_to_countersign
from tracker.assessment.queries.queue_list import QUEUE, group_rows, list_queue, list_queue_filters
from tracker.assessment.views import assessment
from tracker.assessment.views.assess_page import find_assessment_to_undo
from tracker.assessment.views.queue_cache import read_queue
from tracker.portfolio.queries.records import list_unsettled_records
from tracker.portfolio.queries.testimonies import list_to_authenticate
from tracker.vocabulary import Role
from tracker.web.current_user import me
from tracker.web.list_views import send_list, send_list_as_csv
from tracker.web.lists import read_list_query
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@assessment.get("/queue")
@requires(Act.LIST_OWN_QUEUE)
def queue() -> ResponseReturnValue:
    """Show the evidence to assess, oldest first."""
    entries = read_queue(me().person_id)
    filters = list_queue_filters(entries)
    query = read_list_query(QUEUE, request.args, filters)
    narrowed = queries.filter_queue(entries, int(query.get("candidate") or 0), query.get("unit"), query.words)
    rows = queries.group_by_item(narrowed)
    listed = list_queue(rows, query)
    if query.is_csv:
        return send_list_as_csv(listed)
    return render_template(
        "assessment/queue.html",
        listed=listed,
        filters=filters,
        first=rows[0].first if rows else None,
        groups=group_rows(listed),
        older=queries.count_older(rows),
        to_sign=queries.list_units_to_sign(me().person_id, entries),
        action_points=queries.list_action_points_to_answer(me().person_id),
        undoable=find_assessment_to_undo(),
        records=list_unsettled_records(me().person_id),
        testimonies=list_to_authenticate(me().person_id),
        countersigning=count_to_countersign(me().person_id) if me().has_countersigning(Role.ASSESSOR) else (0, 0),
    )


@assessment.get("/candidates")
@requires(Act.LIST_OWN_QUEUE)
def list_candidates() -> ResponseReturnValue:
    """List the assessor's candidates with their units, what waits and what can be signed off."""
    candidates = candidate_queries.load_candidates(me().person_id, read_queue(me().person_id))
    return send_list(
        candidate_queries.CANDIDATES,
        partial(candidate_queries.list_candidates, candidates),
        "assessment/list_candidates.html",
        candidate_queries.list_candidates_filters(candidates),
    )
