"""What the last check of the record found, for administrators."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from tracker.integrity.nightly_check import find_last_check
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

integrity = Blueprint("integrity", __name__)


@integrity.get("/record")
@requires(Act.ADMINISTER_CENTRE)
def show_record() -> ResponseReturnValue:
    """One record, whatever centre one administers: which checks hold, and of no row whose it is."""
    return render_template("integrity/show_record.html", last=find_last_check())
