"""The emails about a signed unit that is in progress again: to its candidate, and to the assessor."""

from collections.abc import Callable
from datetime import timedelta

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.verification import steps
from tracker import clock
from tracker.assessment.services.signing import dispute_unit, retract_signature
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services.returning import reopen_verified, return_unit
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import CentreTerms

EmailsTo = Callable[[Person], list[str]]
SUBJECT = "CFACC15 is in progress again"


def test_candidate_is_emailed_when_a_disagreement_reopens_a_signed_unit(
    confirmed: World, emails_to: EmailsTo
) -> None:
    """Their confirmation no longer counted, and nobody told them."""
    steps.disagree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    (email,) = [each for each in emails_to(confirmed.alice) if SUBJECT in each]
    assert "the internal verifier disagrees with an assessment decision" in " ".join(email.split())
    assert "The signatures under it no longer count." in " ".join(email.split())
    assert f"/attempts/{confirmed.cfacc15.id}" in email
    assert steps.ACTION not in email, "what was written stays in the portfolio"


def test_candidate_is_emailed_when_a_unit_is_returned(confirmed: World, emails_to: EmailsTo) -> None:
    criterion, due_on = factories.criterion(confirmed.cfacc15, "12").id, clock.today() + timedelta(days=14)
    with transaction():
        confirmed.northgate.terms = CentreTerms.ENGLAND
    with transaction():
        return_unit(confirmed.cfacc15, [criterion], steps.ACTION, due_on, factories.make_actor(confirmed.carol))
    (email,) = [each for each in emails_to(confirmed.alice) if SUBJECT in each]
    assert "the internal quality assurer has returned the unit to your assessor" in " ".join(email.split())


def test_candidate_and_assessor_are_emailed_when_a_verified_unit_is_reopened(
    confirmed: World, emails_to: EmailsTo
) -> None:
    attempt, carol = confirmed.cfacc15, factories.make_actor(confirmed.carol)
    with transaction():
        sign_verification(
            attempt, take_snapshot(attempt).hash, carol, clock.now(), unsampled_reason="Not in this quarter's plan."
        )
    with transaction():
        reopen_verified(attempt, [factories.criterion(attempt, "12").id], "A call was counted twice.", carol)
    assert any(SUBJECT in each for each in emails_to(confirmed.alice))
    (email,) = [each for each in emails_to(confirmed.bob) if "CFACC15 of Alice Moran is reopened" in each]
    assert "which criteria need more evidence" in " ".join(email.split())


def test_candidate_is_emailed_when_the_assessor_retracts_the_signature(world: World, emails_to: EmailsTo) -> None:
    workflow.sign(world, world.cfacc15)
    with transaction():
        retract_signature(world.cfacc15, "A comment was missing.", factories.make_actor(world.bob))
    assert any(
        "your assessor has retracted their signature" in " ".join(each.split()) for each in emails_to(world.alice)
    )


def test_disagreement_before_a_signature_and_the_candidates_own_dispute_make_no_email(
    world: World, emails_to: EmailsTo
) -> None:
    _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    steps.disagree(world, steps.find_live_decision(world.cfacc15, "1"))
    workflow.sign(world, world.inscc004)
    with transaction():
        criterion = factories.criterion(world.inscc004, "1").id
        dispute_unit(world.inscc004, [criterion], "It was me who took the call.", factories.make_actor(world.alice))
    assert not any("is in progress again" in each for each in emails_to(world.alice))
