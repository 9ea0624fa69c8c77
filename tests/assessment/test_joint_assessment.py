"""One item claimed in two units: assessed in one pass, with one feedback and decisions in each unit."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.services.joint_assessments import accept_in_units, save_drafts
from tracker.assessment.services.releasing import release_due_assessments
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Decision, Evidence, EvidenceVersion
from tracker.registrations.allocations import allocate
from tracker.vocabulary import AssessmentOutcome, AssessmentState, Outcome, Role

ClientFor = Callable[..., FlaskClient]
CHECKS = dict.fromkeys(("valid", "authentic", "current"), "y")
ItemInTwoUnits = tuple[Evidence, EvidenceVersion, list[Claim]]


@pytest.fixture
def item(world: World) -> ItemInTwoUnits:
    """Return an item that Alice has submitted for CFACC15 and for INSCC004, and its two claims."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint call")
        claims = [*factories.claim(world.cfacc15, evidence, "1"), *factories.claim(world.inscc004, evidence, "2")]
        version = factories.submit(evidence)
    return evidence, version, claims


def build_address(world: World, evidence: Evidence) -> str:
    return f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"


def build_form(world: World, claims: list[Claim], **fields: str) -> dict[str, Any]:
    outcomes = {f"outcome-{claim.id}": "met" for claim in claims}
    return {**outcomes, "attempt": [world.cfacc15.id, world.inscc004.id], **fields}


def test_page_shows_the_claims_of_both_units_with_one_feedback(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    page = client(world.bob).get(build_address(world, item[0])).text
    for unit, label in ((world.cfacc15, "1"), (world.inscc004, "2")):
        assert f">{unit.unit.code}</a>" in page
        assert factories.criterion(unit, label).text[:40] in page
    assert page.count('name="feedback"') == 1
    assert page.count('name="valid"') == 1


def test_accepting_decides_the_claims_of_both_units(world: World, client: ClientFor, item: ItemInTwoUnits) -> None:
    evidence, version, claims = item
    form = build_form(world, claims, act="accept", feedback="A clear account.", **CHECKS)
    response = client(world.bob).post(build_address(world, evidence), data=form)
    assert response.location.startswith("/queue?done=")
    workflow.pass_time_to_undo()
    assert release_due_assessments() == 2
    decisions = db.session.scalars(select(Decision).order_by(Decision.claim_id)).all()
    assert [(each.attempt_id, each.claim_id, each.outcome) for each in decisions] == [
        (world.cfacc15.id, claims[0].id, Outcome.MET),
        (world.inscc004.id, claims[1].id, Outcome.MET),
    ]
    for assessment in db.session.scalars(select(Assessment)):
        assert assessment.feedback == "A clear account."
        assert assessment.valid
        assert assessment.evidence_version_id == version.id


def test_accepting_needs_an_outcome_in_both_units(world: World, client: ClientFor, item: ItemInTwoUnits) -> None:
    evidence, _, claims = item
    form = build_form(world, claims[:1], act="accept", feedback="A clear account.", **CHECKS)
    refused = client(world.bob).post(build_address(world, evidence), data=form)
    assert refused.status_code == 422
    assert "choose an outcome for each claim: 1 claim has none" in refused.text
    assert f'<a href="#claim-{claims[1].id}" data-missing>' in refused.text
    assert "A clear account." in refused.text
    assert db.session.scalars(select(Assessment)).all() == []


def test_undecided_claims_of_both_units_are_counted_together(world: World, item: ItemInTwoUnits) -> None:
    attempts, bob = [world.cfacc15, world.inscc004], factories.make_actor(world.bob)
    with transaction():
        save_drafts(attempts, item[1], workflow.EMPTY_DRAFT, bob)
    with pytest.raises(Invalid, match="2 claims have none"):
        accept_in_units(attempts, item[1], bob)


def test_returning_returns_the_item_in_both_units_and_emails_once(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    evidence, _, claims = item
    form = build_form(world, claims, act="return", feedback="Which day was it?")
    assert client(world.bob).post(build_address(world, evidence), data=form).status_code == 303
    workflow.pass_time_to_undo()
    release_due_assessments()
    outcomes = [each.outcome for each in db.session.scalars(select(Assessment))]
    assert outcomes == [AssessmentOutcome.RETURNED] * 2
    assert db.session.scalars(select(Decision)).all() == [], "a returned item meets no criteria"


def test_undo_undoes_both_units(world: World, client: ClientFor, item: ItemInTwoUnits) -> None:
    evidence, _, claims = item
    bob = client(world.bob)
    bob.post(build_address(world, evidence), data=build_form(world, claims, act="accept", **CHECKS))
    undone = db.session.scalars(select(Assessment.id)).first()
    assert bob.post(f"/assessments/{undone}/undo").status_code == 303
    states = {(each.state, each.release_after) for each in db.session.scalars(select(Assessment))}
    assert states == {(AssessmentState.DRAFT, None)}
    assert bob.get(build_address(world, evidence)).text.count("checked") == 2 + 3


def test_draft_is_saved_in_both_units(world: World, client: ClientFor, item: ItemInTwoUnits) -> None:
    evidence, _, claims = item
    bob = client(world.bob)
    form = build_form(world, claims[1:], changed=f"outcome-{claims[1].id}", feedback="")
    address = build_address(world, evidence).removesuffix("assess") + "assessment"
    assert bob.post(address, data=form).status_code == 200
    drafts = db.session.scalars(select(Assessment).order_by(Assessment.attempt_id)).all()
    assert [each.draft_decisions for each in drafts] == [{}, {str(claims[1].id): {"outcome": "met"}}]


def test_feedback_given_in_two_units_is_shown_once(world: World, client: ClientFor, item: ItemInTwoUnits) -> None:
    evidence, _, claims = item
    bob = client(world.bob)
    bob.post(build_address(world, evidence), data=build_form(world, claims, act="return", feedback="Which day?"))
    workflow.pass_time_to_undo()
    release_due_assessments()
    workflow.submit_next_version(evidence)
    assert bob.get(build_address(world, evidence)).text.count("Which day?") == 1


def test_criterion_is_added_and_removed_in_its_own_unit(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    evidence, _, claims = item
    bob, unit = client(world.bob), world.inscc004
    fields = {
        f"add-criterion-{unit.id}": str(factories.criterion(unit, "3").id),
        f"add-reason-{unit.id}": "The call shows it.",
    }
    form = build_form(world, claims, act=f"add-{unit.id}", **fields)
    assert bob.post(build_address(world, evidence), data=form).status_code == 303
    added = db.session.scalars(select(Claim).where(Claim.added_reason.is_not(None))).one()
    assert added.attempt_id == unit.id
    for claim in (added, claims[1]):
        form = build_form(world, [], act=f"remove-{claim.id}", **{f"remove-reason-{claim.id}": "Not this one."})
        assert bob.post(build_address(world, evidence), data=form).location == build_address(world, evidence)
    assert "INSCC004" not in bob.get(build_address(world, evidence)).text


def test_unit_of_another_assessor_is_not_on_the_page_and_cannot_be_sent(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    evidence, _, claims = item
    with transaction():
        factories.grant(world.grace, world.northgate, Role.ASSESSOR)
        allocate(world.inscc004, world.grace, Role.ASSESSOR, "Bob is on leave.", factories.make_actor(world.dan))
    bob = client(world.bob)
    assert "INSCC004" not in bob.get(build_address(world, evidence)).text
    form = build_form(world, claims, act="accept", **CHECKS)
    assert bob.post(build_address(world, evidence), data=form).status_code in {403, 404}
    assert db.session.scalars(select(Assessment)).all() == []


def test_claim_of_another_item_is_refused(world: World, item: ItemInTwoUnits) -> None:
    _, _, other_claims = workflow.submit_item(world.cfacc15, "Briefing", "3")
    draft = workflow.build_draft({other_claims[0]: Outcome.MET})
    with pytest.raises(NotFound), transaction():
        save_drafts([world.cfacc15, world.inscc004], item[1], draft, factories.make_actor(world.bob))


def test_page_is_out_of_date_after_an_assessment_in_either_unit(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    evidence, version, claims = item
    bob = client(world.bob)
    workflow.accept(world.inscc004, version, world.bob, claims[1:])
    form = build_form(world, claims, act="accept", after="0", **CHECKS)
    response = bob.post(build_address(world, evidence), data=form)
    assert response.status_code == 409
    assert "was assessed since you opened this page" in response.text


def test_reason_for_accepting_over_a_warning_is_filled_in_from_the_newest_acceptance_in_any_unit(
    world: World, client: ClientFor, item: ItemInTwoUnits
) -> None:
    evidence, version, claims = item
    with transaction():
        evidence.happened_from = date(2020, 1, 6)  # older than the centre's limit, which is warned about
    reasons = ("I spoke to the team leader.", "I saw the call log myself.")
    for attempt, claim, reason in zip((world.inscc004, world.cfacc15), reversed(claims), reasons, strict=True):
        workflow.accept(attempt, version, world.bob, [claim])
        with transaction():
            newest = db.session.scalars(select(Assessment).order_by(Assessment.id.desc())).first()
            assert newest
            newest.warnings_reason = reason
    workflow.submit_next_version(evidence)
    page = client(world.bob).get(f"/attempts/{world.inscc004.id}/evidence/{evidence.id}/assess").text
    assert reasons[1] in page
    assert reasons[0] not in page
