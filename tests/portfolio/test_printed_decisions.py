"""The decisions on printed feedback: those that the release recorded, and what the assessor said beside them."""

from tests import factories
from tests.assessment import countersigning, workflow
from tests.assessment.second_version import move_to_second_version, publish_second_version
from tests.factories import World
from tracker.assessment.services import assessments
from tracker.assessment.services.claims import remove_claim
from tracker.assessment.services.countersignature_answers import agree_with_assessment
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence, EvidenceVersion
from tracker.portfolio.printing import build_feedback_sheet
from tracker.portfolio.queries.index import find_registration
from tracker.portfolio.queries.printed_feedback import load_feedback
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.vocabulary import Outcome

MET = Outcome.MET
Decided = list[tuple[str, str, str]]
"""The label, decision and comment of each line."""


def print_decisions(evidence: Evidence) -> list[Decided]:
    """Return the decisions of each assessment on the printed feedback."""
    registration = find_registration(evidence.candidate_id, evidence.centre_id)
    assert registration
    sheet = build_feedback_sheet(evidence.versions, registration, load_feedback(evidence.id))
    grids = [each.grid for each in sheet.sections if each.level == 3]
    return [[(row[0], row[2], row[3]) for row in grid.rows] if grid else [] for grid in grids]


def decide(
    world: World,
    version: EvidenceVersion,
    outcomes: dict[Claim, Outcome],
    comments: dict[Claim, str],
    *,
    returns: bool,
) -> int:
    """Let Bob accept or return an item; the time to undo it still runs."""
    bob = factories.make_actor(world.bob)
    with transaction():
        draft = workflow.build_draft(outcomes, comments, "See below." if returns else "")
        assessments.save_draft(world.cfacc15, version, draft, bob)
        finish = assessments.return_evidence if returns else assessments.accept_evidence
        return finish(world.cfacc15, version, bob).id


def untick(world: World, claim: Claim) -> None:
    """Let Alice end her claim of a criterion."""
    tick = Tick(world.cfacc15.id, claim.evidence_id, claim.criterion_id, ticked=False)
    with transaction():
        set_claims([tick], world.alice.id, factories.make_actor(world.alice))


def test_a_criterion_that_is_unticked_during_the_time_to_undo_is_not_printed_as_met(world: World) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    accepted = decide(world, version, {first: MET, second: MET}, {}, returns=False)
    untick(world, first)
    workflow.release(accepted)
    assert print_decisions(evidence) == [[("2", "Met", "")]]


def test_a_criterion_that_is_unticked_before_the_item_is_returned_is_not_printed(world: World) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    returned = decide(world, version, {first: MET, second: MET}, {}, returns=True)
    untick(world, first)
    workflow.release(returned)
    assert print_decisions(evidence) == [[("2", "Met, not counted yet", "")]]


def test_a_criterion_that_is_unticked_while_the_countersigner_is_awaited_is_not_printed_as_met(world: World) -> None:
    gwen = countersigning.make_qualified(world)
    countersigning.switch_on(world, gwen)
    version, (first, _), _ = countersigning.decide(world)
    untick(world, first)
    with transaction():
        agree_with_assessment(countersigning.find_waiting(), factories.make_actor(gwen))
    assert print_decisions(version.evidence) == [[("2", "Met", "")]]


def test_a_decision_that_repeats_the_one_before_is_printed_in_both_assessments(world: World) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.release(
        decide(world, version, {first: MET, second: Outcome.NEEDS_MORE}, {second: "When?"}, returns=True)
    )
    newer = workflow.submit_next_version(evidence)
    workflow.release(decide(world, newer, {first: MET, second: MET}, {}, returns=False))
    workflow.release(decide(world, newer, {first: MET, second: MET}, {second: "On the day."}, returns=False))
    assert print_decisions(evidence) == [
        [("1", "Met, not counted yet", ""), ("2", Outcome.NEEDS_MORE.label, "When?")],
        [("1", "Met", ""), ("2", "Met", "")],
        [("1", "Met", ""), ("2", "Met", "On the day.")],
    ]


def test_a_claim_that_ended_later_is_printed_as_it_was_decided(world: World) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.release(decide(world, version, {first: MET, second: MET}, {}, returns=False))
    with transaction():
        remove_claim(world.cfacc15, evidence.id, first.id, "It was another call.", factories.make_actor(world.bob))
    assert print_decisions(evidence) == [[("1", "Met", ""), ("2", "Met", "")]]


def test_a_comment_that_the_feedback_repeats_is_printed_once(world: World) -> None:
    evidence, version, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    comments = {first: "Well told.", second: "Say when."}
    workflow.release(decide(world, version, {first: MET, second: Outcome.NEEDS_MORE}, comments, returns=True))
    assert print_decisions(evidence) == [
        [("1", "Met, not counted yet", ""), ("2", Outcome.NEEDS_MORE.label, "Say when.")]
    ]
    (feedback,) = load_feedback(evidence.id).assessments
    assert feedback.feedback == "See below.\n\nOn 1: Well told."


def test_a_comment_that_the_feedback_does_not_repeat_stays_beside_its_criterion(world: World) -> None:
    evidence, version, (first,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.release(decide(world, version, {first: MET}, {first: "Well told."}, returns=False))
    workflow.release(decide(world, version, {first: MET}, {first: "Well told."}, returns=True))
    assert print_decisions(evidence)[1] == [("1", "Met, not counted yet", "Well told.")]


def test_a_decision_is_printed_once_after_the_unit_moves_to_another_version(world: World) -> None:
    newer = publish_second_version(world)
    evidence, version, (first,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.release(decide(world, version, {first: MET}, {}, returns=False))
    move_to_second_version(world, newer)
    assert print_decisions(evidence) == [[("1", "Met", "")]]
