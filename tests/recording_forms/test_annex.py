"""The annex of the recording form: confirmed evidence requirements and sampled decisions."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.recording_forms.example_form import build_filled_form, print_form
from tests.recording_forms.tagged_pdf import Sheet
from tests.verification.steps import ACTION, disagree, find_live_decision
from tracker import clock
from tracker.accounts.services.centres import change_form_annex
from tracker.assessment.services import signing
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import EvidenceRequirement, Person, UnitAttempt
from tracker.recording_forms.annex import AnnexRequirement, AnnexSample, FormAnnex
from tracker.recording_forms.annex_queries import build_annex
from tracker.recording_forms.form_content import find_texts_with
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import Outcome

pytestmark = pytest.mark.one_database

Client = Callable[[Person], FlaskClient]
SAMPLE = AnnexSample(
    ref="1",
    title="Call 1: billing dispute settled",
    criteria="PC 1, 2; K&U a",
    decision=Outcome.MET,
    verifier="Carol Hughes",
    sampled_on=date(2026, 11, 3),
    round=2,
    is_interim=False,
    agrees=True,
    comment="Chosen for its method.",
)
REQUIREMENT = AnnexRequirement(
    "1",
    "All evidence must be based on your performance at work.",
    (),
    "Bob Archer",
    date(2026, 11, 1),
    "Three shifts.",
)


def sample(world: World, *labels: str, comment: str = "") -> None:
    """Agree with the live decisions on these criteria of Alice's CFACC15, as Carol."""
    decisions = [SampledDecision(find_live_decision(world.cfacc15, label).id, agrees=True) for label in labels]
    with transaction():
        draw_sample(world.cfacc15, decisions, comment, factories.make_actor(world.carol))


def confirm_with_note(world: World, note: str) -> None:
    """Confirm the first evidence requirement of Alice's CFACC15 with a note, as Bob."""
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == world.cfacc15.unit_id)
    first = db.session.scalars(query.order_by(EvidenceRequirement.position)).first()
    assert first
    with transaction():
        signing.confirm_requirement(world.cfacc15, first, note, factories.make_actor(world.bob))


def get_annex(attempt: UnitAttempt) -> FormAnnex:
    annex = build_form_content(attempt).annex
    assert annex
    return annex


def test_the_annex_names_who_confirmed_each_requirement_with_the_note(world: World) -> None:
    confirm_with_note(world, "Three shifts.\nRecordings 2 and 4.")
    first, second, *_ = get_annex(world.cfacc15).requirements
    assert (first.confirmed_by, first.confirmed_on, first.note) == (
        "Bob Archer",
        clock.today(),
        "Three shifts.\nRecordings 2 and 4.",
    )
    assert first.text == "All evidence must be based on your performance at work."
    assert (second.confirmation, second.printed_note) == ("Not confirmed", "")


def test_a_sampled_decision_has_its_item_criteria_decision_verifier_date_and_outcome(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    sample(world, "2", "1", comment="Chosen for its method.")
    assert get_annex(world.cfacc15).samples == (
        AnnexSample(
            ref="1",
            title="Everything I did in October",
            criteria="PC 1, 2",
            decision=Outcome.MET,
            verifier="Carol Hughes",
            sampled_on=clock.today(),
            round=1,
            is_interim=True,
            agrees=True,
            comment="Chosen for its method.",
        ),
    )


def test_a_decision_disagreed_with_is_listed_as_it_was_when_it_was_sampled(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    decision = find_live_decision(world.cfacc15, "1")
    disagree(world, decision)
    [sample] = get_annex(world.cfacc15).samples
    assert (sample.decision, sample.outcome, sample.comment) == (Outcome.MET, "Disagreed", ACTION)


def test_a_decision_sampled_again_is_listed_for_each_sample(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    decision = find_live_decision(world.cfacc15, "1")
    disagree(world, decision)
    version_id, claim_id = decision.evidence_version_id, decision.claim_id
    workflow.decide_again(world.cfacc15, version_id, claim_id, world.bob)
    sample(world, "1")
    assert [(each.criteria, each.outcome) for each in get_annex(world.cfacc15).samples] == [
        ("PC 1", "Disagreed"),
        ("PC 1", "Agreed"),
    ]


def test_decisions_of_another_unit_are_not_in_the_annex(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    sample(world, "1")
    assert get_annex(world.inscc004).samples == ()


def test_without_a_sample_the_annex_says_that_no_decision_was_sampled(client: Client, world: World) -> None:
    browser = client(world.alice)
    page = browser.get(f"/attempts/{world.cfacc15.id}/form").text
    paper = Sheet(browser.get(f"/attempts/{world.cfacc15.id}/form.pdf").data)
    assert "No decision was sampled." in page
    assert "No decision was sampled." in paper.text
    assert "Released without sampling" not in page + paper.text


def test_a_unit_without_requirements_says_so() -> None:
    assert "This unit has no evidence requirements." in print_form(build_filled_form(annex=FormAnnex())).text


def test_the_reason_for_releasing_without_sampling_is_in_the_annex(client: Client, world: World) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    reason = "Not selected under the centre's sampling plan"
    with transaction():
        snapshot_hash = take_snapshot(world.cfacc15).hash
        sign_verification(
            world.cfacc15, snapshot_hash, factories.make_actor(world.carol), clock.now(), unsampled_reason=reason
        )
    paper = Sheet(client(world.alice).get(f"/attempts/{world.cfacc15.id}/form.pdf").data)
    assert f"Released without sampling: {reason}" in paper.text


def test_the_reason_for_signing_over_warnings_is_in_the_annex(client: Client, world: World) -> None:
    workflow.sign(world, world.cfacc15)
    said = f"The assessor signed although the evidence has warnings: {workflow.WARNINGS_REASON}"
    browser = client(world.carol)
    paper = Sheet(browser.get(f"/attempts/{world.cfacc15.id}/form.pdf").data)
    assert said in paper.text
    assert said in browser.get(f"/attempts/{world.cfacc15.id}/form").text
    assert "Warnings about the evidence" not in print_form(build_filled_form(annex=FormAnnex())).text


def test_the_page_shows_the_annex_that_will_be_printed(client: Client, world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    confirm_with_note(world, "Three shifts.")
    sample(world, "1", comment="Chosen for its method.")
    browser = client(world.alice)
    page = html5lib.parse(browser.get(f"/attempts/{world.cfacc15.id}/form").text, namespaceHTMLElements=False)
    paper = Sheet(browser.get(f"/attempts/{world.cfacc15.id}/form.pdf").data)
    page_tables = [
        [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in table.iter("tr")]
        for table in page.iter("table")
        if "annex-table" in table.get("class", "")
    ]
    printed_tables = [[[cell.text.replace("• ", "") for cell in row] for row in table] for table in paper.tables[-2:]]
    assert [[[cell.replace(" ", "") for cell in row] for row in table] for table in page_tables] == [
        [[cell.replace(" ", "") for cell in row] for row in table] for table in printed_tables
    ]
    assert page_tables[1][1][:6] == [
        "1",
        "Everything I did in October",
        "PC 1",
        "Met",
        "Carol Hughes",
        page_tables[1][1][5],
    ]


def test_every_sheet_of_the_annex_has_the_header_and_the_footer_of_the_form() -> None:
    samples = tuple(replace(SAMPLE, ref=str(number)) for number in range(1, 60))
    sheet = print_form(build_filled_form(annex=FormAnnex((REQUIREMENT,), samples)))
    assert len(sheet.pages) > 3
    for number, page in enumerate(sheet.pages[1:], 2):
        assert "Alice Moran · candidate NG-0042 · assessor Bob Archer · H128 04 (CFACC15)" in page
        assert "verified 3 November 2026 · round 2 · candidate NG-0042" in page
        assert f"page {number} of {len(sheet.pages)}" in page
    assert "Annex" not in sheet.pages[0]


def test_an_unsigned_form_says_draft_on_the_sheets_of_its_annex() -> None:
    unsigned = build_filled_form(
        candidate=None, assessor=None, internal_verifier=None, state="in progress", annex=FormAnnex((REQUIREMENT,))
    )
    assert all(page.count("Draft: not signed") == 2 for page in print_form(unsigned).pages)


def test_every_cell_of_the_annex_is_announced_under_its_row_and_its_heading() -> None:
    requirements, samples = print_form(build_filled_form(annex=FormAnnex((REQUIREMENT,), (SAMPLE,)))).tables[-2:]
    assert [(cell.tag, cell.scope) for cell in requirements[1]][:2] == [("TH", "Row"), ("TD", None)]
    assert [(cell.heads, cell.text) for cell in requirements[1][2:]] == [
        (("1", "Confirmed by"), "Bob Archer, 1 November 2026"),
        (("1", "Assessor’s note"), "Three shifts."),
    ]
    assert [(cell.heads, cell.text) for cell in samples[1][1:]] == [
        (("1", "Evidence"), "Call 1: billing dispute settled"),
        (("1", "Criteria"), "PC 1, 2; K&U a"),
        (("1", "Decision"), "Met"),
        (("1", "Internal verifier"), "Carol Hughes"),
        (("1", "Date sampled"), "3 November 2026, round 2"),
        (("1", "Outcome"), "Agreed"),
        (("1", "Comment or action required"), "Chosen for its method."),
    ]


def test_a_comment_longer_than_a_sheet_is_printed_whole() -> None:
    long = replace(SAMPLE, comment="\n".join(f"Paragraph {number} of the comment." for number in range(120)))
    text = print_form(build_filled_form(annex=FormAnnex((), (long,)))).text
    assert all(f"Paragraph {number} of" in text for number in range(120))


def test_an_administrator_switches_the_annex_off(
    client: Client, world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    dan, settings = client(world.dan), f"/centres/{world.northgate.id}/settings"
    assert re.search(r'<input[^>]* checked[^>]* name="form_annex"', dan.get(settings).text)
    reasons = "\n".join(world.northgate.offered_unsampled_reasons)
    answer = dan.post(settings, data={"terms": "scotland", "unsampled_reasons": reasons})
    assert answer.status_code == 302
    assert recorded_acts() == ["form_annex_changed"]
    page = dan.get(f"/attempts/{world.cfacc15.id}/form").text
    paper = Sheet(dan.get(f"/attempts/{world.cfacc15.id}/form.pdf").data)
    assert "Annex" not in page + paper.text
    assert len(paper.pages) == 1


def test_leaving_the_annex_as_it_is_records_nothing(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    with transaction():
        change_form_annex(world.northgate, factories.make_actor(world.dan), is_printed=True)
    assert recorded_acts() == []


def test_an_issued_form_keeps_the_annex_that_it_was_issued_with(
    app_with_signing_key: Flask, client: Client, world: World
) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    sample(world, "1")
    with transaction():
        sign_verification(
            world.cfacc15, take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol), clock.now()
        )
    dan, address = client(world.dan), f"/attempts/{world.cfacc15.id}/form"
    assert dan.post(f"{address}/issue").status_code == 303
    issued_pdf = dan.get(f"{address}.pdf").data
    assert "PC 1" in Sheet(issued_pdf).text
    sample(world, "2")
    with transaction():
        change_form_annex(world.northgate, factories.make_actor(world.dan), is_printed=False)
    assert dan.get(f"{address}.pdf").data == issued_pdf
    page = dan.get(address).text
    assert "The issued file is as it was on that day. This page shows the form as it is now." in page
    assert "Sampled decisions" not in page


def test_characters_that_cannot_be_printed_are_named_with_their_place_in_the_annex() -> None:
    annex = FormAnnex(
        (replace(REQUIREMENT, note="\uf123"),), (replace(SAMPLE, comment="\uf123"),), "\uf123", "\uf123"
    )
    assert find_texts_with(build_filled_form(annex=annex), "\uf123") == [
        "the confirmation of evidence requirement 1",
        "the sampled decisions on evidence 1",
        "the reason for signing over warnings",
        "the reason for releasing without sampling",
    ]


def test_the_annex_takes_four_statements_however_much_was_sampled(
    world: World, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    workflow.meet_everything(world, world.cfacc15)
    for label in ("1", "2", "3"):
        sample(world, label)
    attempt = world.cfacc15
    db.session.refresh(attempt)
    with count_statements() as statements:
        assert len(build_annex(attempt, None, None).samples) == 3
    assert len(statements) == 4
