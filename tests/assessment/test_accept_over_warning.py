"""Accepting evidence that has a warning needs a sentence, which is kept (docs/rules.md, Warnings, rule 1)."""

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.test_assess import ALL_CHECKS, address, met
from tests.factories import World
from tracker.assessment.services import assessments
from tracker.extensions import db
from tracker.integrity.verify import run_all_checks
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Evidence
from tracker.portfolio.services.submissions import submit_evidence

ClientFor = Callable[..., FlaskClient]
REASON = "The system it shows has not changed since."


@pytest.fixture
def old_item(world: World) -> tuple[Evidence, list[Claim]]:
    """An item of 2020, submitted with a claim for criterion 1."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint of 2020")
        evidence.happened_from = date(2020, 1, 5)
        claims = factories.claim(world.cfacc15, evidence, "1")
        submit_evidence(evidence, factories.make_actor(world.alice))
    return evidence, claims


def test_assessor_sees_the_warning_beside_the_item(
    world: World, client: ClientFor, old_item: tuple[Evidence, list[Claim]]
) -> None:
    page = client(world.bob).get(address(world.cfacc15, old_item[0])).text
    assert "It is more than 24 months old." in page
    assert "Why you accept the item although it has warnings" in page


def test_accepting_over_a_warning_needs_a_sentence_which_is_kept(
    world: World, client: ClientFor, old_item: tuple[Evidence, list[Claim]]
) -> None:
    evidence, claims = old_item
    bob, form = client(world.bob), {**met(claims), **ALL_CHECKS, "act": "accept"}
    response = bob.post(address(world.cfacc15, evidence), data={**form, "warnings_reason": "Fine."})
    assert response.status_code == 422
    assert "write a sentence that says why" in response.text
    assert "Fine." in response.text
    assert bob.post(address(world.cfacc15, evidence), data={**form, "warnings_reason": REASON}).status_code == 303
    assessment = db.session.scalars(select(Assessment)).one()
    workflow.release(assessment.id)
    db.session.refresh(assessment)
    assert assessment.warnings_reason == REASON
    assert REASON in client(world.carol).get(f"/attempts/{world.cfacc15.id}/verify").text
    assert not any("assessment" in result.first for result in run_all_checks() if not result.holds)


def test_sign_off_page_warns_of_one_method_one_day_and_one_customer(world: World, client: ClientFor) -> None:
    address_of_page = f"/attempts/{world.cfacc15.id}/sign"
    workflow.meet_everything(world, world.cfacc15)
    page = client(world.bob).get(address_of_page).text
    assert "All evidence is of one method: work product." in page
    assert "All evidence is of one day." in page
    assert "All evidence is of one customer: Case CH-2231." in page
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Another day")
        evidence.happened_until = date(2026, 10, 6)
        evidence.customers, evidence.method = "", factories.Method.REFLECTIVE_ACCOUNT
        claims = factories.claim(world.cfacc15, evidence, "1")
        version = factories.submit(evidence)
    assert "of one day" in client(world.bob).get(address_of_page).text, "evidence that meets nothing does not count"
    workflow.accept(world.cfacc15, version, world.bob, claims)
    assert "All evidence is of one" not in client(world.bob).get(address_of_page).text


def test_returning_needs_no_reason_and_keeps_none(world: World, old_item: tuple[Evidence, list[Claim]]) -> None:
    (version,) = old_item[0].versions
    draft = workflow.build_draft({}, feedback="Add newer evidence.")
    workflow.return_item(world.cfacc15, version, world.bob, draft)
    assert db.session.scalars(select(Assessment)).one().warnings_reason is None


def test_evidence_without_a_warning_asks_for_nothing(world: World, client: ClientFor) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    assert "although it has" not in client(world.bob).get(address(world.cfacc15, evidence)).text
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft({claims[0]: workflow.Outcome.MET}), bob)
        assert assessments.accept_evidence(world.cfacc15, version, bob).release_after


def test_reason_is_offered_again_on_the_next_version(
    world: World, client: ClientFor, old_item: tuple[Evidence, list[Claim]]
) -> None:
    evidence, claims = old_item
    form = {**met(claims), **ALL_CHECKS, "act": "accept", "warnings_reason": REASON}
    client(world.bob).post(address(world.cfacc15, evidence), data=form)
    workflow.release(db.session.scalars(select(Assessment.id)).one())
    workflow.submit_next_version(evidence)
    assert REASON in client(world.bob).get(address(world.cfacc15, evidence)).text
