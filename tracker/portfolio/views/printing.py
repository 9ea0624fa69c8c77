"""Views that print evidence which a candidate wrote, the feedback on an item, and blank sheets for the pen."""

from io import BytesIO

from flask import redirect, send_file, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import Evidence, EvidenceVersion, Registration
from tracker.portfolio.printing import (
    build_blank_descriptor,
    build_blank_review,
    build_blank_statement,
    build_evidence_sheet,
    build_feedback_sheet,
)
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.queries.index import find_registration_for
from tracker.portfolio.queries.item_records import load_item_record
from tracker.portfolio.queries.printed_feedback import load_feedback
from tracker.portfolio.queries.question_sets import find_set_ids
from tracker.portfolio.services.evidence import find_latest_version
from tracker.portfolio.views import portfolio
from tracker.recording_forms.form_cache import print_unissued
from tracker.recording_forms.pdf_renderer import Content
from tracker.web.authorise import get_attempt, get_own_evidence
from tracker.web.current_user import me
from tracker.web.fair_shares import PRINTING, in_turn
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

BLANK = {"statement": build_blank_statement, "descriptor": build_blank_descriptor, "review": build_blank_review}
"""What builds each blank sheet, by the name in its address."""
NOTHING = "This item is not submitted, so there is nothing to print."


def find_address_of_answers(evidence_id: int, attempt_id: int | None = None) -> str | None:
    """Return the address that prints answers to set questions; None for other evidence.

    Args:
        evidence_id: the item.
        attempt_id: the attempt in which it is read; None is that for which the questions were set.
    """
    found = find_set_ids(evidence_id)
    return url_for("records.print_set", set_id=found[0], attempt_id=attempt_id or found[1]) if found else None


@portfolio.get("/evidence/<int:evidence_id>/sheet.pdf")
@requires(Act.ADD_EVIDENCE)
@in_turn(PRINTING)
def print_own_evidence(evidence_id: int) -> ResponseReturnValue:
    """Send the newest version of the candidate's own item as PDF; answers to set questions from their own address."""
    evidence, _ = get_own_evidence(evidence_id, with_answers=True)
    version = find_latest_version(evidence)
    if version is None:
        raise NotFound(NOTHING)
    if address := find_address_of_answers(evidence_id):
        return redirect(address, 303)
    return send_evidence(version)


@portfolio.get("/evidence/<int:evidence_id>/feedback.pdf")
@requires(Act.ADD_EVIDENCE)
@in_turn(PRINTING)
def print_own_feedback(evidence_id: int) -> ResponseReturnValue:
    """Send the feedback on the candidate's own item as PDF, version by version."""
    evidence, _ = get_own_evidence(evidence_id, with_answers=True)
    return send_feedback(list(evidence.versions))


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/sheet.pdf")
@requires(Act.READ_EVIDENCE)
@in_turn(PRINTING)
def print_evidence(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Send the version of an item that an attempt sees as PDF, with what is claimed and assessed there."""
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    version = queries.find_version_in(attempt, evidence_id)
    if version is None or version.author_id:
        raise NotFound  # a record of assessment is printed from its own page
    if address := find_address_of_answers(evidence_id, attempt.id):
        return redirect(address, 303)
    return send_evidence(version, attempt.id)


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/feedback.pdf")
@requires(Act.READ_EVIDENCE)
@in_turn(PRINTING)
def print_feedback(attempt_id: int, evidence_id: int) -> ResponseReturnValue:
    """Send the feedback on an item in an attempt as PDF, version by version."""
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    return send_feedback(queries.list_versions_in(attempt, evidence_id)[::-1], attempt.id)


@portfolio.get("/attempts/<int:attempt_id>/blank-<any(statement, descriptor, review):sheet>.pdf")
@requires(Act.READ_ATTEMPT)
@in_turn(PRINTING)
def print_blank_sheet(attempt_id: int, sheet: str) -> ResponseReturnValue:
    """Send a sheet about a unit that is filled in by hand."""
    attempt, _ = get_attempt(attempt_id, Act.READ_ATTEMPT)
    return send_sheet(BLANK[sheet](attempt), f"{sheet}-{attempt.unit.slug}-blank")


def send_evidence(version: EvidenceVersion, attempt_id: int | None = None) -> ResponseReturnValue:
    """Send a version as PDF, with what is claimed and assessed in one attempt or in all."""
    evidence = version.evidence
    claims = [
        claim
        for claim in load_item_record(evidence.id).claims
        if not claim.removed_reason and attempt_id in {None, claim.attempt_id}
    ]
    registration = get_registration_of(evidence, attempt_id)
    sheet = build_evidence_sheet(version, registration, claims, load_feedback(evidence.id, attempt_id))
    return send_sheet(sheet, f"evidence-{evidence.number}-version-{version.number}")


def send_feedback(versions: list[EvidenceVersion], attempt_id: int | None = None) -> ResponseReturnValue:
    """Send the feedback on these versions of an item as PDF, in one attempt or in all."""
    if not versions:
        raise NotFound(NOTHING)
    evidence = versions[-1].evidence
    registration = get_registration_of(evidence, attempt_id)
    sheet = build_feedback_sheet(versions, registration, load_feedback(evidence.id, attempt_id))
    return send_sheet(sheet, f"feedback-{evidence.number}")


def get_registration_of(evidence: Evidence, attempt_id: int | None) -> Registration:
    """Return the registration under which an item is printed, as `find_registration_for` does.

    Raises:
        NotFound: the centre has not registered the candidate.
    """
    registration = find_registration_for(evidence, attempt_id)
    if registration is None:
        raise NotFound("Evidence can be printed once the centre has registered its candidate.")
    return registration


def send_sheet(content: Content, name: str) -> ResponseReturnValue:
    """Render a sheet and send it as PDF, with no transaction open."""
    db.session.rollback()  # rendering takes longer than any query
    pdf = print_unissued(content, me().person_id)
    return send_file(BytesIO(pdf), mimetype="application/pdf", download_name=f"{name}.pdf")
