"""Views that print a centre's witness list, and the blank list."""

from io import BytesIO

from flask import send_file
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.extensions import db
from tracker.models import Centre, ListedWitness
from tracker.recording_forms.form_cache import print_unissued
from tracker.recording_forms.witness_list_content import WitnessListContent
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.formatting import day
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.witness_list.queries import MAX_PRINTED, list_printed
from tracker.witness_list.views import witness_list


@witness_list.get("/centres/<int:centre_id>/witnesses/list.pdf")
@requires(Act.READ_WITNESS_LIST)
@in_turn(PRINTING)
def print_witness_list(centre_id: int) -> ResponseReturnValue:
    """Send the witness list of a centre as PDF, with a column for signatures."""
    centre, _ = get_centre(centre_id, Act.READ_WITNESS_LIST)
    return send_list_sheet(build_content(centre, list_printed(centre_id)))


@witness_list.get("/witnesses/blank-list.pdf")
@requires(Act.READ_WITNESS_LIST)
@in_turn(PRINTING)
def print_blank_witness_list() -> ResponseReturnValue:
    """Send the blank witness list."""
    return send_list_sheet(WitnessListContent("", None))


def build_content(centre: Centre, entries: list[ListedWitness]) -> WitnessListContent:
    """Return a witness list as it is printed."""
    return WitnessListContent(
        centre.name,
        today(),
        rows=tuple(build_row(each) for each in entries[:MAX_PRINTED]),
        is_cut=len(entries) > MAX_PRINTED,
    )


def build_row(entry: ListedWitness) -> tuple[str, ...]:
    """Return an entry as it is printed, without its signature."""
    return (
        entry.name, entry.relationship, entry.status.label, day(entry.starts_on), day(entry.ends_on) or "no end",
        day(entry.inducted_on) or "", "",
    )  # fmt: skip


def send_list_sheet(content: WitnessListContent) -> ResponseReturnValue:
    """Render a list and send it, with no transaction open: it takes longer than any query."""
    db.session.rollback()
    pdf = print_unissued(content, me().person_id)
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name="witness-list.pdf")
