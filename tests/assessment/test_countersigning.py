"""Countersigning: decisions of an assessor without an award wait for a qualified countersigner."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.countersigning import decide, find_waiting, make_qualified, switch_on
from tests.factories import World
from tests.staff.entries import hold
from tracker import clock
from tracker.assessment.queries.countersigning import list_open_in
from tracker.assessment.services import assessments, countersigners, releasing
from tracker.assessment.services.countersignature_answers import agree_with_assessment, disagree_with_assessment
from tracker.assessment.services.countersigning import NoCountersigner
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.integrity.actors import find_actors_without_role, find_duty_conflicts
from tracker.integrity.countersigning import find_assessments_without_countersignature, find_faulty_countersignatures
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.rows_and_events import find_unmatched_rows_and_events
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.models import (
    Assessment,
    Countersignature,
    Countersigner,
    Decision,
    EventText,
    Notification,
    Person,
    StaffAward,
)
from tracker.portfolio.services.submissions import submit_evidence
from tracker.privacy import erasure
from tracker.registrations.allocations import allocate
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.staff.services import awards
from tracker.vocabulary import (
    ERASED_TEXT,
    AssessmentOutcome,
    AssessmentState,
    CountersignatureEnd,
    Outcome,
    Role,
)

MET = Outcome.MET
NEW_TABLES = ("countersigner", "countersignature", "staff_award")
EVERY_CHECK = (
    find_faulty_countersignatures, find_assessments_without_countersignature, find_unmatched_rows_and_events,
    find_changed_rows, find_actors_without_role, find_duty_conflicts,
)  # fmt: skip


@pytest.fixture
def gwen(world: World) -> Person:
    """Return Gwen, with an assessor's award at Northgate."""
    return make_qualified(world)


@pytest.fixture
def countersigned(world: World, gwen: Person) -> Person:
    """Switch countersigning on, with Gwen as Bob's countersigner, and return her."""
    switch_on(world, gwen)
    return gwen


@pytest.fixture(autouse=True)
def no_faults_afterwards(world: World) -> Iterator[None]:
    """Run the checks of `flask verify` that countersigning concerns after each test."""
    yield
    db.session.rollback()
    db.session.expire_all()
    ledger = LedgerSnapshot()
    faults = [fault for check in EVERY_CHECK for fault in check(ledger)]
    # The people and units of `world` are made without events.
    own = [each for each in faults if not each.startswith("centre")]
    assert [each for each in own if "countersign" in each or "assessment" in each] == []


def live_decisions() -> list[Decision]:
    return list(db.session.scalars(select(Decision).where(Decision.superseded_at.is_(None))))


def answer_as(person: Person) -> bool:
    with transaction():
        return agree_with_assessment(find_waiting(), factories.make_actor(person))


class TestSwitchedOff:
    @pytest.mark.usefixtures("gwen")
    def test_nothing_waits_and_nothing_is_stored(self, world: World) -> None:
        _, _, assessment = decide(world)
        assert (assessment.state, assessment.needs_countersigner) == (AssessmentState.RELEASED, None)
        assert db.session.scalars(select(Countersignature)).all() == []

    @pytest.mark.usefixtures("gwen")
    def test_no_further_statement_is_sent(
        self, world: World, count_statements: Callable[[], AbstractContextManager[list[str]]]
    ) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
        bob, draft = factories.make_actor(world.bob), workflow.build_draft(dict.fromkeys(claims, MET))
        with count_statements() as statements:
            assessments.save_draft(world.cfacc15, version, draft, bob)
            assessments.accept_evidence(world.cfacc15, version, bob)
        db.session.rollback()
        assert statements
        assert not any(f"FROM {table}" in each for each in statements for table in NEW_TABLES)


class TestSwitchingOn:
    def test_it_is_refused_while_an_assessor_without_award_has_no_countersigner(self, world: World) -> None:
        with pytest.raises(Refused, match="nobody countersigns for Bob Archer"):
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=True)

    def test_it_is_refused_while_the_one_who_is_named_holds_no_award_any_more(
        self, world: World, gwen: Person
    ) -> None:
        with transaction():
            countersigners.name_countersigner(world.bob, gwen, world.northgate, factories.make_actor(world.dan))
        clock.frozen = clock.now() + timedelta(days=1)
        award = gwen_award(gwen)
        with transaction():
            awards.remove_award(award, gwen, "Withdrawn by the awarding body.", factories.make_actor(world.dan))
        with pytest.raises(Refused, match="nobody countersigns for"):
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=True)

    @pytest.mark.usefixtures("countersigned")
    def test_it_is_recorded_once(self, world: World, recorded_acts: Callable[[], list[str]]) -> None:
        with transaction():
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=True)
        assert recorded_acts().count("countersigning_changed") == 1

    def test_it_is_not_switched_off_while_something_waits(self, world: World, countersigned: Person) -> None:
        decide(world)
        with pytest.raises(Refused, match="1 decision waits"):
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=False)
        answer_as(countersigned)
        with transaction():
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=False)
        assert world.northgate.has_countersigning is False

    @pytest.mark.usefixtures("countersigned")
    def test_it_is_not_switched_off_while_something_can_still_be_undone(self, world: World) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
        with transaction():
            bob = factories.make_actor(world.bob)
            assessments.save_draft(world.cfacc15, version, workflow.build_draft(dict.fromkeys(claims, MET)), bob)
            assessments.accept_evidence(world.cfacc15, version, bob)
        with pytest.raises(Refused, match="1 decision waits"):
            countersigners.change_countersigning(world.northgate, factories.make_actor(world.dan), is_on=False)


def gwen_award(gwen: Person) -> StaffAward:
    return db.session.scalars(select(StaffAward).where(StaffAward.person_id == gwen.id)).one()


class TestNaming:
    def test_nobody_countersigns_their_own(self, world: World, gwen: Person) -> None:
        with pytest.raises(Invalid, match="nobody countersigns their own"):
            countersigners.name_countersigner(gwen, gwen, world.northgate, factories.make_actor(world.dan))

    def test_without_an_award_nobody_countersigns(self, world: World, gwen: Person) -> None:
        with pytest.raises(Invalid, match="Bob Archer holds no assessor’s award today"):
            countersigners.name_countersigner(gwen, world.bob, world.northgate, factories.make_actor(world.dan))

    def test_an_assessor_of_another_centre_cannot_countersign(self, world: World) -> None:
        with transaction():
            hold(world.grace, world.southbank, world.heidi)
        with pytest.raises(Invalid, match="Grace Lam is no assessor of the centre now"):
            countersigners.name_countersigner(
                world.bob, world.grace, world.northgate, factories.make_actor(world.dan)
            )

    def test_an_administrator_does_not_name_their_own_countersigner(self, world: World, gwen: Person) -> None:
        with transaction():
            factories.grant(world.dan, world.northgate, Role.ASSESSOR)
        with pytest.raises(Refused, match="Another administrator names"):
            countersigners.name_countersigner(world.dan, gwen, world.northgate, factories.make_actor(world.dan))

    def test_another_naming_ends_the_former_and_moves_what_waits(
        self, world: World, countersigned: Person, recorded_acts: Callable[[], list[str]]
    ) -> None:
        decide(world)
        first = find_waiting()
        with transaction():
            iris = factories.make_person("Iris Bell", world.northgate, Role.ASSESSOR)
            hold(iris, world.northgate, world.dan)
        with transaction():
            countersigners.name_countersigner(world.bob, iris, world.northgate, factories.make_actor(world.dan))
        db.session.refresh(first)
        assert first.ended_because is CountersignatureEnd.NEW_COUNTERSIGNER
        assert find_waiting().person_id == iris.id
        former, named = db.session.scalars(select(Countersigner).order_by(Countersigner.id)).all()
        assert (former.ends_at is None, named.ends_at is None) == (False, True)
        with pytest.raises(NotFound):
            agree_with_assessment(find_waiting(), factories.make_actor(countersigned))
        db.session.rollback()
        assert answer_as(iris)
        assert recorded_acts().count("countersignature_asked") == 2

    @pytest.mark.usefixtures("countersigned")
    def test_the_naming_of_a_needed_countersigner_is_not_ended(self, world: World) -> None:
        named = db.session.scalars(select(Countersigner)).one()
        with pytest.raises(Refused, match="Bob Archer holds no assessor’s award today"):
            countersigners.end_countersigner(named, world.northgate, factories.make_actor(world.dan))
        with transaction():
            hold(world.bob, world.northgate, world.dan)
        with transaction():
            countersigners.end_countersigner(named, world.northgate, factories.make_actor(world.dan))
        assert named.ends_at


class TestWaiting:
    @pytest.mark.parametrize("returns", [False, True])
    def test_a_decision_waits_and_is_released_once_the_countersigner_agrees(
        self, world: World, countersigned: Person, recorded_acts: Callable[[], list[str]], *, returns: bool
    ) -> None:
        _, claims, assessment = decide(world, returns=returns)
        assert assessment.state is AssessmentState.AWAITING_COUNTERSIGNATURE
        assert assessment.needs_countersigner
        assert (assessment.release_after, assessment.released_at) == (None, None)
        assert live_decisions() == []
        assert find_waiting().person_id == countersigned.id
        assert "assessment_released" not in recorded_acts()
        assert answer_as(countersigned)
        db.session.refresh(assessment)
        assert (assessment.state, assessment.outcome) == (
            AssessmentState.RELEASED,
            AssessmentOutcome.RETURNED if returns else AssessmentOutcome.ACCEPTED,
        )
        assert {each.claim_id for each in live_decisions()} == (set() if returns else {each.id for each in claims})
        assert {each.decided_by_id for each in live_decisions()} <= {world.bob.id}
        assert recorded_acts()[-2:] == ["countersignature_answered", "assessment_released"]

    @pytest.mark.usefixtures("countersigned")
    def test_a_qualified_assessor_needs_no_countersigner(self, world: World) -> None:
        with transaction():
            hold(world.bob, world.northgate, world.dan)
        _, _, assessment = decide(world)
        assert (assessment.state, assessment.needs_countersigner) == (AssessmentState.RELEASED, False)

    def test_qualifying_changes_the_future_and_not_what_waits(self, world: World, countersigned: Person) -> None:
        _, _, assessment = decide(world)
        with transaction():
            hold(world.bob, world.northgate, world.dan)
        assert releasing.release_due_assessments() == 0
        db.session.refresh(assessment)
        assert assessment.state is AssessmentState.AWAITING_COUNTERSIGNATURE
        assert answer_as(countersigned)

    def test_the_countersigner_is_emailed_once_a_day_and_the_candidate_not_yet(
        self, world: World, countersigned: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tracker.background.emails.can_deliver", lambda: True)
        monkeypatch.setattr("tracker.background.emails.deliver_email", lambda _message: None)
        decide(world, returns=True)
        topics = {(each.person_id, each.topic) for each in db.session.scalars(select(Notification))}
        assert (countersigned.id, f"to_countersign:{world.bob.id}") in topics
        assert not any(person_id == world.alice.id for person_id, _ in topics)

    def test_without_anybody_who_can_countersign_nothing_is_decided(
        self, world: World, countersigned: Person
    ) -> None:
        with transaction():
            awards.remove_award(gwen_award(countersigned), countersigned, "Wrong.", factories.make_actor(world.dan))
        _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
        bob = factories.make_actor(world.bob)
        with transaction():
            assessments.save_draft(world.cfacc15, version, workflow.build_draft(dict.fromkeys(claims, MET)), bob)
        with pytest.raises(NoCountersigner, match="Gwen Hill holds no assessor’s award today"):
            assessments.accept_evidence(world.cfacc15, version, bob)

    def test_it_becomes_a_draft_if_nobody_can_countersign_ten_seconds_later(
        self, world: World, countersigned: Person
    ) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
        bob = factories.make_actor(world.bob)
        with transaction():
            assessments.save_draft(world.cfacc15, version, workflow.build_draft(dict.fromkeys(claims, MET)), bob)
            assessment = assessments.accept_evidence(world.cfacc15, version, bob)
        with transaction():
            awards.remove_award(gwen_award(countersigned), countersigned, "Wrong.", factories.make_actor(world.dan))
        workflow.release(assessment.id)
        db.session.refresh(assessment)
        assert (assessment.state, assessment.outcome, assessment.needs_countersigner) == (
            AssessmentState.DRAFT, None, None,
        )  # fmt: skip

    @pytest.mark.usefixtures("countersigned")
    def test_an_assessment_that_waits_is_neither_changed_nor_undone(self, world: World) -> None:
        version, claims, assessment = decide(world)
        bob, draft = factories.make_actor(world.bob), workflow.build_draft(dict.fromkeys(claims, Outcome.NOT_MET))
        for act in (
            lambda: assessments.save_draft(world.cfacc15, version, draft, bob),
            lambda: assessments.accept_evidence(world.cfacc15, version, bob),
            lambda: assessments.undo_assessment(world.cfacc15, assessment, bob),
        ):
            with pytest.raises(Refused, match="Gwen Hill has not countersigned"):
                act()
            db.session.rollback()

    def test_the_verifier_of_a_unit_does_not_countersign_in_it(self, world: World, countersigned: Person) -> None:
        with transaction():
            factories.grant(countersigned, world.northgate, Role.INTERNAL_VERIFIER)
            allocate(
                world.cfacc15, countersigned, Role.INTERNAL_VERIFIER, "Carol left.", factories.make_actor(world.dan)
            )
        with pytest.raises(NoCountersigner, match="Gwen Hill verifies this unit"):
            decide(world)

    @pytest.mark.parametrize("answered", [False, True])
    def test_who_countersigned_or_is_asked_to_never_verifies_the_unit(
        self, world: World, countersigned: Person, *, answered: bool
    ) -> None:
        decide(world)
        if answered:
            answer_as(countersigned)
        with transaction():
            factories.grant(countersigned, world.northgate, Role.INTERNAL_VERIFIER)
        with pytest.raises(Refused, match="assessed or countersigned"):
            allocate(
                world.cfacc15, countersigned, Role.INTERNAL_VERIFIER, "Carol left.", factories.make_actor(world.dan)
            )


class TestDisagreeing:
    def test_the_reason_is_erased_with_the_candidates_records(
        self, world: World, countersigned: Person, freeze_clock: Callable[[datetime], None]
    ) -> None:
        decide(world)
        with transaction():
            disagree_with_assessment(find_waiting(), "Alice only watched.", factories.make_actor(countersigned))
        registration, dan = world.cfacc15.registration, world.dan
        with transaction():
            withdraw_candidate(registration, "Left the job.", factories.make_actor(dan))
        freeze_clock(clock.now() + timedelta(days=4 * 366))
        with transaction():
            erasure.erase_portfolio(registration, is_full=True, actor=factories.make_actor(dan))
        assert db.session.scalars(select(Countersignature.reason)).one() == ERASED_TEXT
        texts = dict(
            db.session.execute(select(EventText.field, EventText.salt).where(EventText.field == "reason")).all()
        )
        assert not any(texts.values()), "the ledger keeps no salt by which the reason could be guessed"

    def test_the_assessment_goes_back_as_a_draft_with_the_reason(self, world: World, countersigned: Person) -> None:
        version, claims, assessment = decide(world)
        with transaction():
            disagree_with_assessment(find_waiting(), "Criterion 2 is not shown.", factories.make_actor(countersigned))
        db.session.refresh(assessment)
        assert (assessment.state, assessment.outcome, assessment.needs_countersigner) == (
            AssessmentState.DRAFT, None, None,
        )  # fmt: skip
        assert assessment.draft_decisions[str(claims[0].id)]["outcome"] == "met"
        answered = db.session.scalars(select(Countersignature)).one()
        assert (answered.agrees, answered.reason) == (False, "Criterion 2 is not shown.")
        assert live_decisions() == []
        bob = factories.make_actor(world.bob)
        with transaction():
            again = assessments.accept_evidence(world.cfacc15, version, bob)
        workflow.release(again.id)
        assert again.id == assessment.id
        (open_one,) = list_open_in([world.cfacc15.id])
        with transaction():
            assert agree_with_assessment(open_one, factories.make_actor(countersigned))

    def test_a_reason_is_needed(self, world: World, countersigned: Person) -> None:
        decide(world)
        with pytest.raises(Invalid):
            disagree_with_assessment(find_waiting(), " ", factories.make_actor(countersigned))

    def test_it_is_answered_once(self, world: World, countersigned: Person) -> None:
        decide(world)
        answer_as(countersigned)
        with pytest.raises(Refused, match="was answered already"):
            disagree_with_assessment(find_waiting(), "Too late.", factories.make_actor(countersigned))

    @pytest.mark.parametrize("name", ["alice", "bob", "carol", "dan", "frank", "grace"])
    @pytest.mark.usefixtures("countersigned")
    def test_nobody_else_answers(self, world: World, name: str) -> None:
        decide(world)
        with pytest.raises(NotFound):
            agree_with_assessment(find_waiting(), factories.make_actor(getattr(world, name)))

    def test_after_the_award_has_ended_nobody_answers(self, world: World, countersigned: Person) -> None:
        decide(world)
        with transaction():
            awards.remove_award(gwen_award(countersigned), countersigned, "Wrong.", factories.make_actor(world.dan))
        with pytest.raises(Refused, match="holds no assessor’s award today"):
            agree_with_assessment(find_waiting(), factories.make_actor(countersigned))


class TestEnding:
    def check_ended(self, assessment: Assessment, because: CountersignatureEnd) -> None:
        db.session.refresh(assessment)
        (asked,) = db.session.scalars(select(Countersignature)).all()
        assert (asked.ended_because, asked.answered_at) == (because, None)
        assert (assessment.state, assessment.outcome) == (AssessmentState.DRAFT, None)
        assert assessment.draft_decisions

    @pytest.mark.usefixtures("countersigned")
    def test_a_new_version_ends_it(self, world: World) -> None:
        version, _, assessment = decide(world)
        with transaction():
            version.evidence.narrative = "And this is what happened next."
            submit_evidence(version.evidence, factories.make_actor(world.alice))
        self.check_ended(assessment, CountersignatureEnd.NEW_VERSION)

    @pytest.mark.usefixtures("countersigned")
    def test_a_version_of_another_item_does_not_end_it(self, world: World) -> None:
        _, _, assessment = decide(world)
        with transaction():
            other = factories.make_evidence(world.cfacc15, "Another call")
            factories.claim(world.cfacc15, other, "3")
        with transaction():
            submit_evidence(other, factories.make_actor(world.alice))
        db.session.refresh(assessment)
        assert assessment.state is AssessmentState.AWAITING_COUNTERSIGNATURE

    def test_another_assessor_ends_it(self, world: World, countersigned: Person) -> None:
        _, _, assessment = decide(world)
        with transaction():
            allocate(world.cfacc15, countersigned, Role.ASSESSOR, "Bob is ill.", factories.make_actor(world.dan))
        self.check_ended(assessment, CountersignatureEnd.ALLOCATION)

    @pytest.mark.usefixtures("countersigned")
    def test_another_verifier_does_not_end_it(self, world: World) -> None:
        _, _, assessment = decide(world)
        with transaction():
            iris = factories.make_person("Iris Bell", world.northgate, Role.INTERNAL_VERIFIER)
            allocate(world.cfacc15, iris, Role.INTERNAL_VERIFIER, "Carol is ill.", factories.make_actor(world.dan))
        db.session.refresh(assessment)
        assert assessment.state is AssessmentState.AWAITING_COUNTERSIGNATURE

    @pytest.mark.usefixtures("countersigned")
    def test_a_withdrawal_ends_it(self, world: World) -> None:
        _, _, assessment = decide(world)
        with transaction():
            withdraw_candidate(world.cfacc15.registration, "Left the job.", factories.make_actor(world.dan))
        self.check_ended(assessment, CountersignatureEnd.WITHDRAWAL)

    @pytest.mark.usefixtures("countersigned")
    def test_a_void_unit_ends_it(self, world: World) -> None:
        _, _, assessment = decide(world)
        with transaction():
            void_attempt(world.cfacc15, "Entered twice.", factories.make_actor(world.dan))
        self.check_ended(assessment, CountersignatureEnd.VOID)

    def test_an_assessment_that_cannot_be_released_any_more_goes_back(
        self, world: World, countersigned: Person
    ) -> None:
        _, _, assessment = decide(world)
        with transaction():
            world.bob.deactivated_at = clock.now()
            record("person_deactivated", world.bob, factories.make_actor(world.dan))
        assert not answer_as(countersigned)
        db.session.refresh(assessment)
        assert assessment.state is AssessmentState.DRAFT
