"""The queue over all candidates, and the candidates one assesses."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tracker.access import Act, me, requires
from tracker.assessment import queries
from tracker.assessment.views import assessment

PAGE = 100


@assessment.get("/queue")
@requires(Act.LIST_OWN_QUEUE)
def queue() -> ResponseReturnValue:
    waiting, held = queries.list_waiting(me().person_id), queries.list_held(me().person_id)
    candidate, code = request.args.get("candidate", 0, type=int), request.args.get("unit", "")[:60]
    chosen = [each for each in waiting if candidate in {0, each.candidate_id} and code in {"", each.code}]
    rows = queries.group_by_item(chosen)
    page = max(1, min(request.args.get("page", 1, type=int), 1_000))
    shown = rows[PAGE * (page - 1) : PAGE * page]
    return render_template(
        "assessment/queue.html",
        total=len(rows),
        groups=queries.group_by_age(shown),
        older=sum(len(found) for name, found in queries.group_by_age(rows).items() if name == "Older"),
        ready=[each for each in held if each.is_all_met],
        findings=queries.list_findings_to_answer(me().person_id),
        candidates=sorted({(each.candidate, each.candidate_id) for each in waiting}),
        codes=sorted({each.code for each in waiting}),
        candidate=candidate,
        code=code,
        page=page,
        more=len(rows) > PAGE * page,
    )


@assessment.get("/candidates")
@requires(Act.LIST_OWN_QUEUE)
def list_candidates() -> ResponseReturnValue:
    return render_template("assessment/list_candidates.html", held=queries.list_held(me().person_id))
