"""The page of the last integrity check, for administrators."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from tracker.integrity.nightly_check import find_last_check, group_results
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

integrity = Blueprint("integrity", __name__)


@integrity.get("/integrity")
@requires(Act.ADMINISTER_CENTRE)
def show_integrity() -> ResponseReturnValue:
    """Show which checks passed at the last run. It covers the whole installation and names nobody's rows."""
    last = find_last_check()
    return render_template(
        "integrity/show_integrity.html", last=last, groups=group_results(last.results) if last else []
    )
