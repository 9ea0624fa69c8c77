"""Views of the index of evidence: on screen and as PDF."""

from collections.abc import Collection
from functools import partial
from io import BytesIO

from flask import send_file
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import Registration
from tracker.portfolio.queries import evidence_list
from tracker.portfolio.queries import index as queries
from tracker.portfolio.views import portfolio
from tracker.recording_forms.form_cache import print_unissued
from tracker.recording_forms.index_content import IndexContent, IndexRow
from tracker.vocabulary import Role
from tracker.web.authorise import get_index_of_evidence
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.formatting import day, period, witness
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@portfolio.get("/evidence")
@requires(Act.ADD_EVIDENCE)
def index_of_evidence() -> ResponseReturnValue:
    """Show the candidate's own index, with drafts."""
    own = (me().person_id, find_own_centre())
    return send_list(
        evidence_list.EVIDENCE,
        partial(evidence_list.list_own_evidence, *own),
        "portfolio/index_of_evidence.html",
        evidence_list.list_evidence_filters(*own, is_own=True),
        counts=evidence_list.count_own_evidence(*own),
        registration=queries.find_registration(*own),
    )


@portfolio.get("/registrations/<int:registration_id>/index")
@requires(Act.READ_INDEX)
def show_index(registration_id: int) -> ResponseReturnValue:
    """Show the submitted index without drafts; assessors and verifiers see the evidence of their own units."""
    registration, attempt_ids = get_index_of_evidence(registration_id)
    readable = (registration.candidate_id, registration.centre_id, attempt_ids)
    return send_list(
        evidence_list.EVIDENCE,
        partial(evidence_list.list_submitted_evidence, *readable),
        "portfolio/show_index.html",
        evidence_list.list_evidence_filters(*readable),
        registration=registration,
        is_whole=attempt_ids is None,
    )


@portfolio.get("/evidence/index.pdf")
@requires(Act.ADD_EVIDENCE)
@in_turn(PRINTING)
def print_own_index() -> ResponseReturnValue:
    """Send the candidate's own index as PDF, under their newest registration."""
    registration = queries.find_registration(me().person_id, find_own_centre())
    if registration is None:
        raise NotFound("Your index can be printed once your centre has registered you.")
    return send_index(registration)


@portfolio.get("/registrations/<int:registration_id>/index.pdf")
@requires(Act.READ_INDEX)
@in_turn(PRINTING)
def print_index(registration_id: int) -> ResponseReturnValue:
    """Send the index of a registration as PDF."""
    return send_index(*get_index_of_evidence(registration_id))


def find_own_centre() -> int:
    """Return the id of the centre of the candidate's chosen role. Raises `NotFound` for anyone else."""
    grant = me().find_grant(Role.CANDIDATE)
    if grant is None:
        raise NotFound
    return grant.centre_id


def send_index(registration: Registration, attempt_ids: Collection[int] | None = None) -> ResponseReturnValue:
    """Render the submitted index, of these attempts or of all, and send it as PDF."""
    lines = queries.list_submitted_index(registration.candidate_id, registration.centre_id, attempt_ids)
    content = IndexContent(
        candidate_name=registration.candidate.name,
        candidate_number=registration.candidate_number,
        centre_name=registration.centre.name,
        printed_for=today(),
        rows=tuple(build_index_row(line) for line in lines),
    )
    db.session.rollback()  # rendering takes longer than any query
    pdf = print_unissued(content, me().person_id)
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name="index-of-evidence.pdf")


def build_index_row(line: queries.IndexLine) -> IndexRow:
    """Return a line of the index as it is printed."""
    return IndexRow(
        ref=line.ref,
        description=line.title,
        method=": ".join(
            part for part in (line.method.label if line.method else "", witness(line), line.written_by) if part
        ),
        when=period(line.happened_from, line.happened_until),
        where=line.location,
        units=", ".join(line.codes),
        sampled_by="; ".join(f"{isolate(initials)} {day(sampled)}" for initials, sampled in line.sampled_by),
    )
