"""Units to browse, for anyone signed in."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from tracker.access import me, signed_in
from tracker.clock import today
from tracker.errors import NotFound
from tracker.standards import queries

standards = Blueprint("standards", __name__)


@standards.get("/units")
@signed_in
def list_units() -> ResponseReturnValue:
    words = request.args.get("q", "")[:100]
    centre_ids = tuple({grant.centre_id for grant in me().grants})
    return render_template("standards/list_units.html", units=queries.list_units(words, centre_ids), words=words)


@standards.get("/units/<slug>")
@signed_in
def show_unit(slug: str) -> ResponseReturnValue:
    unit = queries.find_unit(slug)
    if unit is None or unit.owner_centre_id not in {None, *(grant.centre_id for grant in me().grants)}:
        raise NotFound("There is no unit at this address. Look for it in the list of units.")
    document = queries.read_document(unit)
    return render_template(
        "standards/show_unit.html",
        unit=unit,
        document=document,
        guidance=queries.list_guidance(unit.code),
        warning=queries.review_warning(document, today()),
    )
