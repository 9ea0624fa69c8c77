"""What a candidate does with remarks on their evidence: mark them as read, and answer them."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.models import Evidence, FeedbackRemark
from tracker.portfolio.services import remark_answers as services
from tracker.portfolio.services.remark_answers import (
    find_remark,
    list_attempts_with_remarks,
    list_remarks_to_read,
    mark_read,
)
from tracker.portfolio.views import portfolio
from tracker.web.authorise import get_attempt, get_attempts
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.requests import parse_id, read_form_text
from tracker.web.route_rules import requires

MAX_SHOWN = 1_000
"""How many remarks one form may mark as read."""


@portfolio.post("/evidence/<int:evidence_id>/remarks/read")
@requires(Act.ANSWER_REMARK)
def mark_remarks_read(evidence_id: int) -> ResponseReturnValue:
    """Mark the remarks that the page showed on an item of the candidate as read."""
    attempt_ids = list_attempts_with_remarks(evidence_id)
    if not attempt_ids:
        raise NotFound
    get_attempts(attempt_ids, Act.ANSWER_REMARK)
    shown = [parse_id(each) or 0 for each in request.form.get("shown", "").split(",")[:MAX_SHOWN]]
    mark_read(list_remarks_to_read(evidence_id, attempt_ids, shown))
    flash("Marked as read. Your assessor can see that.")
    return redirect(f"{build_own_url(db.session.get_one(Evidence, evidence_id))}#remarks", 303)


@portfolio.post("/remarks/<int:remark_id>/answer")
@requires(Act.ANSWER_REMARK)
@idempotent
def answer_remark(remark_id: int) -> ResponseReturnValue:
    """Answer a remark on an item of the candidate."""
    remark = find_remark(remark_id)
    if remark is None:
        raise NotFound
    attempt, actor = get_attempt(remark.assessment.attempt_id, Act.ANSWER_REMARK)
    text = read_form_text("answer")
    try:
        services.answer_remark(attempt, remark, text, actor)
    except (Invalid, Refused) as refusal:
        return render_refused_answer(remark, text, refusal), refusal.status
    flash("Your answer is saved. Your assessor can read it.")
    return redirect(f"{build_own_url(remark.evidence_version.evidence)}#remark-{remark.id}", 303)


def render_refused_answer(remark: FeedbackRemark, text: str, refusal: Invalid | Refused) -> str:
    """Return the page on which an answer that was refused is kept: in its form again, if it can be put right."""
    return render_template(
        "portfolio/answer_remark.html",
        remark=remark,
        text=text,
        refusal=refusal,
        can_answer=isinstance(refusal, Invalid),
        evidence=remark.evidence_version.evidence,
        url=build_own_url(remark.evidence_version.evidence),
    )


def build_own_url(evidence: Evidence) -> str:
    """Return the address of the page on which a candidate reads an item: their own, or a record about them."""
    if evidence.author_id is not None:
        return url_for("records.show_record", record_id=evidence.id)
    return url_for(".show_evidence", evidence_id=evidence.id)
