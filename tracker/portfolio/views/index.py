"""The index of evidence, on screen and on paper."""

from io import BytesIO

from flask import render_template, send_file
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import Registration
from tracker.portfolio.queries import index as queries
from tracker.portfolio.views import portfolio
from tracker.recording_forms.form_content import IndexContent, IndexRow
from tracker.recording_forms.pdf_renderer import render_pdf
from tracker.vocabulary import Role
from tracker.web.authorise import get_registration
from tracker.web.current_user import me
from tracker.web.formatting import day, period
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@portfolio.get("/evidence")
@requires(Act.ADD_EVIDENCE)
def index_of_evidence() -> ResponseReturnValue:
    centre_id = own_centre()
    return render_template(
        "portfolio/index_of_evidence.html",
        lines=queries.list_own_index(me().person_id, centre_id),
        registration=queries.find_registration(me().person_id, centre_id),
    )


@portfolio.get("/registrations/<int:registration_id>/index")
@requires(Act.READ_INDEX)
def show_index(registration_id: int) -> ResponseReturnValue:
    """The index as handed in, for the centre's administrator: no drafts, and nothing to open."""
    registration, _ = get_registration(registration_id, Act.READ_INDEX)
    lines = queries.list_submitted_index(registration.candidate_id, registration.centre_id)
    return render_template("portfolio/show_index.html", registration=registration, lines=lines)


@portfolio.get("/evidence/index.pdf")
@requires(Act.ADD_EVIDENCE)
def print_own_index() -> ResponseReturnValue:
    """The index of the registration one works under now."""
    registration = queries.find_registration(me().person_id, own_centre())
    if registration is None:
        raise NotFound("Your index can be printed once your centre has registered you.")
    return print_index_of(registration)


@portfolio.get("/registrations/<int:registration_id>/index.pdf")
@requires(Act.READ_INDEX)
def print_index(registration_id: int) -> ResponseReturnValue:
    registration, _ = get_registration(registration_id, Act.READ_INDEX)
    return print_index_of(registration)


def own_centre() -> int:
    """The centre this candidate works at now: that of the chosen role."""
    grant = me().holds(Role.CANDIDATE)
    if grant is None:
        raise NotFound
    return grant.centre_id


def print_index_of(registration: Registration) -> ResponseReturnValue:
    lines = queries.list_submitted_index(registration.candidate_id, registration.centre_id)
    facts = IndexContent(
        candidate_name=registration.candidate.name,
        candidate_number=registration.candidate_number,
        centre_name=registration.centre.name,
        printed_for=today(),
        rows=tuple(index_row(line) for line in lines),
    )
    db.session.rollback()  # rendering takes longer than any query
    return send_file(BytesIO(render_pdf(facts)), mimetype="application/pdf", download_name="index-of-evidence.pdf")


def index_row(line: queries.IndexLine) -> IndexRow:
    return IndexRow(
        ref=line.ref,
        description=line.title,
        method=line.method.label if line.method else "",
        when=period(line.happened_from, line.happened_until),
        where=line.where,
        units=", ".join(line.codes),
        sampled_by="; ".join(f"{initials} {day(sampled)}" for initials, sampled in line.sampled_by),
    )
