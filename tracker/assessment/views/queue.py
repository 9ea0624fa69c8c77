"""The assessor's queue, and the list of their candidates."""

from functools import partial

from flask import render_template
from flask.typing import ResponseReturnValue

from tracker.assessment.queries import candidates as candidate_queries
from tracker.assessment.queries import queue as queries
from tracker.assessment.views import assessment
from tracker.assessment.views.assess_page import build_assessing_url, find_assessment_to_undo, read_queue_filter
from tracker.assessment.views.queue_cache import read_queue
from tracker.web.current_user import me
from tracker.web.list_views import send_list
from tracker.web.pagination import Page
from tracker.web.permissions import Act
from tracker.web.requests import get_query_page
from tracker.web.route_rules import requires

ITEMS_PER_PAGE = 100


@assessment.get("/queue")
@requires(Act.LIST_OWN_QUEUE)
def queue() -> ResponseReturnValue:
    """Show the evidence to assess, oldest first."""
    entries = read_queue(me().person_id)
    chosen = read_queue_filter()
    rows = queries.group_by_item(queries.filter_queue(entries, chosen.get("candidate", 0), chosen.get("unit", "")))
    page = get_query_page(1_000)
    return render_template(
        "assessment/queue.html",
        total=len(rows),
        first=rows[0].first if rows else None,
        groups=queries.group_by_age(rows[ITEMS_PER_PAGE * (page - 1) : ITEMS_PER_PAGE * page]),
        older=queries.count_older(rows),
        to_sign=queries.list_units_to_sign(me().person_id, entries),
        action_points=queries.list_action_points_to_answer(me().person_id),
        candidates=sorted({(entry.candidate, entry.candidate_id) for entry in entries}),
        codes=sorted({entry.code for entry in entries}),
        chosen=chosen,
        page=Page(page, has_next=len(rows) > ITEMS_PER_PAGE * page),
        assessing_url=build_assessing_url,
        undoable=find_assessment_to_undo(),
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
