"""Printed evidence that a candidate wrote, the feedback on it version by version, and the blank sheets."""

from datetime import date

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import countersigning, workflow
from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet
from tracker.assessment.services import assessments
from tracker.assessment.services.countersignature_answers import agree_with_assessment
from tracker.assessment.services.remarks import add_remark, settle_remark
from tracker.clock import today
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence, EvidenceVersion, UnitAttempt
from tracker.portfolio.printing import (
    build_blank_descriptor,
    build_blank_review,
    build_blank_statement,
    build_evidence_sheet,
    build_feedback_sheet,
)
from tracker.portfolio.queries.index import find_registration
from tracker.portfolio.queries.item_records import load_item_record
from tracker.portfolio.queries.printed_feedback import load_feedback
from tracker.portfolio.remark_places import RemarkPlace
from tracker.portfolio.services.remark_answers import answer_remark
from tracker.portfolio.views.printing import BLANK
from tracker.recording_forms.rendering import render_sectioned_sheet
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.vocabulary import Method, Outcome
from tracker.web.formatting import day


def read(sheet: SectionedSheet) -> str:
    return " ".join(Sheet(render_sectioned_sheet(sheet)).text.split())


def build(version: EvidenceVersion, attempt: UnitAttempt | None = None) -> SectionedSheet:
    """Return the sheet of a version for its candidate, or for a reader of one attempt."""
    evidence, attempt_id = version.evidence, attempt.id if attempt else None
    registration = find_registration(evidence.candidate_id, evidence.centre_id)
    assert registration
    claims = [each for each in load_item_record(evidence.id).claims if attempt_id in {None, each.attempt_id}]
    return build_evidence_sheet(version, registration, claims, load_feedback(evidence.id, attempt_id))


def build_feedback(evidence: Evidence) -> SectionedSheet:
    registration = find_registration(evidence.candidate_id, evidence.centre_id)
    assert registration
    return build_feedback_sheet(evidence.versions, registration, load_feedback(evidence.id))


def write(attempt: UnitAttempt, *labels: str, **fields: object) -> tuple[EvidenceVersion, list[Claim]]:
    """Submit an item with these fields, claiming these criteria."""
    with transaction():
        evidence = factories.make_evidence(attempt, "Complaint CH-2231")
        for name, value in fields.items():
            setattr(evidence, name, value)
        claims = factories.claim(attempt, evidence, *labels)
        return factories.submit(evidence), claims


def decide(world: World, version: EvidenceVersion, claims: list[Claim], *, returns: bool, feedback: str = "") -> None:
    bob = factories.make_actor(world.bob)
    with transaction():
        comments = {claims[0]: "Which rule was it?"} if returns else {}
        draft = workflow.build_draft(dict.fromkeys(claims, Outcome.MET), comments, feedback)
        assessments.save_draft(world.cfacc15, version, draft, bob)
        finish = assessments.return_evidence if returns else assessments.accept_evidence
        assessment = finish(world.cfacc15, version, bob)
    workflow.release(assessment.id)


def test_a_reflective_account_prints_as_a_personal_statement_with_its_declaration(world: World) -> None:
    version, _ = write(
        world.cfacc15, "5", "k:a", method=Method.REFLECTIVE_ACCOUNT, narrative="I rang her back.\n\nShe thanked me.",
        workplace_seen_by="Margaret Ellis",
    )  # fmt: skip
    words = read(build(version))
    for expected in (
        "Personal Statement (Reflective Account)", "Alice Moran", "I rang her back.", "She thanked me.", "Who has seen it",
        "Margaret Ellis", "Knowledge:", "This is my own work.", "Alice Moran, declared electronically", "No feedback yet.",
        "Evidence 1, version 1",
    ):  # fmt: skip
        assert expected in words


def test_evidence_kept_at_work_prints_as_a_descriptor_of_where_it_is_and_who_saw_it(world: World) -> None:
    version, _ = write(
        world.cfacc15, "5", workplace_location="Cabinet 4, Leeds", workplace_holder="M. Ellis", workplace_seen_by="Bob Archer"
    )  # fmt: skip
    sheet = Sheet(render_sectioned_sheet(build(version)))
    assert "Evidence Descriptor" in sheet.text
    rows = [[cell.text for cell in row] for table in sheet.tables for row in table]
    assert ["Cabinet 4, Leeds", "M. Ellis", "Bob Archer"] in rows


def test_other_evidence_prints_with_what_is_claimed_in_the_readers_unit_alone(world: World) -> None:
    version, _ = write(world.cfacc15, "5")
    with transaction():
        factories.claim(world.inscc004, version.evidence, "1")
    whole, of_unit = build(version), build(version, world.cfacc15)
    titles = [
        [each.title for each in sheet.sections if "CFACC15" in each.title or "INSCC004" in each.title]
        for sheet in (whole, of_unit)
    ]
    assert [len(each) for each in titles] == [2, 1]
    assert whole.name == "Evidence sheet"


def test_the_assessors_comment_is_printed_under_the_version_that_it_was_about(world: World) -> None:
    version, claims = write(world.cfacc15, "5")
    decide(world, version, claims, returns=True, feedback="Say which rule allowed the refund.")
    words = read(build(version))
    assert "Say which rule allowed the refund." in words
    assert "Bob Archer, returned electronically" in words
    newer = workflow.submit_next_version(version.evidence)
    assert "Say which rule" not in read(build(newer))


def test_feedback_prints_version_by_version_with_decisions_and_the_candidates_answer(world: World) -> None:
    version, claims = write(world.cfacc15, "5", "6")
    decide(world, version, claims, returns=True, feedback="Say which rule allowed the refund.")
    with transaction():
        version.evidence.response = "It is rule 12. I have added it."
    newer = workflow.submit_next_version(version.evidence)
    decide(world, newer, claims, returns=False)
    sheet = build_feedback(version.evidence)
    assert [each.title for each in sheet.sections] == [
        "Version 1", "Returned in CFACC15", "Version 2", "Accepted in CFACC15",
    ]  # fmt: skip
    words = read(sheet)
    for expected in (
        "Say which rule allowed the refund.", "Which rule was it?", "Met, not counted yet", "It is rule 12. I have added it.",
        "Bob Archer, accepted electronically",
    ):  # fmt: skip
        assert expected in words


def test_feedback_prints_released_remarks_with_their_places_and_answers(world: World) -> None:
    version, claims = write(world.cfacc15, "5")
    bob, alice = factories.make_actor(world.bob), factories.make_actor(world.alice)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft({}), bob)
        remark = add_remark(world.cfacc15, version, RemarkPlace(paragraph=1), "Who else heard it?", bob)
    assert "Who else heard it?" not in read(build_feedback(version.evidence))
    decide(world, version, claims, returns=True, feedback="Nearly there.")
    with transaction():
        answer_remark(world.cfacc15, remark, "My team leader.", alice)
        settle_remark(world.cfacc15, remark, bob)
    words = read(build_feedback(version.evidence))
    for expected in ("Written account, paragraph 1", "Who else heard it?", f"My team leader. ({day(today())})"):
        assert expected in words
    assert f"Resolved Bob Archer {day(today())}" in words


def test_feedback_is_printed_once_it_is_countersigned_with_who_countersigned_it(world: World) -> None:
    gwen = countersigning.make_qualified(world)
    countersigning.switch_on(world, gwen)
    version, _, _ = countersigning.decide(world, returns=True)
    assert "Say which day it was." not in read(build_feedback(version.evidence))
    with transaction():
        agree_with_assessment(countersigning.find_waiting(), factories.make_actor(gwen))
    words = read(build_feedback(version.evidence))
    assert "Say which day it was." in words
    assert "Countersigned by Gwen Hill on" in words


@pytest.mark.parametrize("build_blank", [build_blank_statement, build_blank_descriptor, build_blank_review])
def test_a_blank_sheet_names_the_candidate_and_the_unit_and_has_lines_to_sign_on(
    world: World, build_blank: object
) -> None:
    assert callable(build_blank)
    blank = build_blank(world.cfacc15)
    words = read(blank)
    for expected in ("Alice Moran", "CFACC15", "Assessor’s signature", "Candidate’s signature", "blank"):
        assert expected in words
    assert blank.is_blank


def test_the_same_sheet_gives_the_same_bytes(world: World) -> None:
    blank = build_blank_review(world.cfacc15)
    assert render_sectioned_sheet(blank) == render_sectioned_sheet(blank)


def test_the_pages_of_an_item_lead_to_its_paper_once_it_is_submitted(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    path = f"/evidence/{complaint.id}"
    assert "sheet.pdf" not in alice.get(path).text
    assert alice.get(f"{path}/sheet.pdf").status_code == 404
    assert alice.get(f"{path}/feedback.pdf").status_code == 404
    with transaction():
        factories.submit(complaint)
    page = alice.get(path).text
    for name in ("sheet", "feedback"):
        assert f'href="{path}/{name}.pdf"' in page
        assert alice.get(f"{path}/{name}.pdf", buffered=True).mimetype == "application/pdf"


def test_the_page_of_a_unit_leads_a_candidate_to_each_blank_sheet(world: World, alice: FlaskClient) -> None:
    page = alice.get(f"/attempts/{world.cfacc15.id}").text
    for sheet in ("blank-statement", "blank-descriptor", "testimony"):
        assert f'href="/attempts/{world.cfacc15.id}/{sheet}.pdf"' in page
    assert set(BLANK) == {"statement", "descriptor", "review"}
    assert alice.get(f"/attempts/{world.cfacc15.id}/blank-other.pdf").status_code == 404


def test_others_feedback_is_printed_for_nobody_else(world: World, alice: FlaskClient) -> None:
    with transaction():
        others = factories.make_evidence(world.franks_attempt, "Call")
        factories.submit(others)
    assert alice.get(f"/evidence/{others.id}/feedback.pdf").status_code == 404
    assert alice.get(f"/attempts/{world.cfacc15.id}/evidence/{others.id}/feedback.pdf").status_code == 404


def test_dates_are_printed_as_on_screen(world: World) -> None:
    version, _ = write(world.cfacc15, "5", happened_from=date(2026, 10, 5))
    assert "5 October 2026" in read(build(version))
