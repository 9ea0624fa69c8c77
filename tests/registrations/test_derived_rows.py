"""Rows that triggers derive for lists: right after every change, whoever makes it."""

import pytest
from flask import Flask
from sqlalchemy import Table, delete, insert, select, text, update

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tests.pausing import run_while_paused
from tracker import clock
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import lock_rows, transaction
from tracker.models import (
    Allocation,
    Erasure,
    Person,
    PersonWord,
    Registration,
    RegistrationRetention,
    RegistrationWord,
    RetentionHold,
    UnallocatedAttempt,
    UnitAttempt,
)
from tracker.privacy.retention import lift_retention_hold, place_retention_hold
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations import derived_rows
from tracker.registrations.derived_rows import DERIVED, derive_again, list_differences
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AttemptState, Role
from tracker.web.word_search import select_found


def differences() -> list[str]:
    found = list(list_differences(db.session.connection()))
    db.session.rollback()
    return found


def find_missing_roles(attempt: UnitAttempt) -> set[Role]:
    query = select(UnallocatedAttempt.role).where(UnallocatedAttempt.attempt_id == attempt.id)
    return set(db.session.scalars(query))


def find_retention(registration: Registration) -> RegistrationRetention:
    db.session.expire_all()
    return db.session.get_one(RegistrationRetention, registration.id)


def list_words(person: Person) -> set[str]:
    return set(db.session.scalars(select(PersonWord.word).where(PersonWord.person_id == person.id)))


@pytest.fixture(autouse=True)
def _nothing_differs(world: World) -> None:
    assert differences() == []


@pytest.fixture
def free(world: World) -> UnitAttempt:
    """A unit of Alice's that is allocated to nobody."""
    with transaction():
        return factories.make_attempt(world.registration, "DELIVERCC")


class TestUnallocatedAttempts:
    def test_a_new_unit_lacks_an_assessor_and_a_verifier(self, world: World, free: UnitAttempt) -> None:
        assert find_missing_roles(free) == {Role.ASSESSOR, Role.INTERNAL_VERIFIER}
        assert find_missing_roles(world.cfacc15) == set()
        assert find_missing_roles(world.franks_attempt) == {Role.INTERNAL_VERIFIER}

    def test_an_allocation_and_its_end_are_followed(self, world: World, free: UnitAttempt) -> None:
        with transaction():
            factories.allocate(free, world.bob, Role.ASSESSOR, world.dan)
        assert find_missing_roles(free) == {Role.INTERNAL_VERIFIER}
        with transaction():
            factories.end_allocation(free, Role.ASSESSOR)
        assert find_missing_roles(free) == {Role.ASSESSOR, Role.INTERNAL_VERIFIER}
        assert differences() == []

    @pytest.mark.parametrize(
        ("state", "missing"),
        [
            (AttemptState.ASSESSED, {Role.INTERNAL_VERIFIER}),
            (AttemptState.CONFIRMED, {Role.INTERNAL_VERIFIER}),
            (AttemptState.VERIFIED, set()),
            (AttemptState.VOID, set()),
        ],
    )
    def test_a_unit_lacks_whom_its_state_needs(
        self, free: UnitAttempt, state: AttemptState, missing: set[Role]
    ) -> None:
        for each, expected in ((state, missing), (AttemptState.IN_PROGRESS, {Role.ASSESSOR, Role.INTERNAL_VERIFIER})):
            with transaction():
                db.session.execute(update(UnitAttempt).where(UnitAttempt.id == free.id).values(state=each))
            assert find_missing_roles(free) == expected
            assert differences() == []

    def test_nothing_changes_if_the_act_is_undone(self, world: World) -> None:
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
        assert find_missing_roles(world.cfacc15) == {Role.ASSESSOR}
        db.session.rollback()
        assert find_missing_roles(world.cfacc15) == set()

    def test_a_unit_allocated_while_its_state_changes_is_missed_by_neither(
        self, app: Flask, world: World, free: UnitAttempt
    ) -> None:
        attempt_id, ids = free.id, (world.carol.id, world.dan.id)
        paused = Pause()

        def change_state() -> None:
            with transaction():
                db.session.execute(
                    update(UnitAttempt).where(UnitAttempt.id == attempt_id).values(state=AttemptState.ASSESSED)
                )
                paused.wait()

        def allocate() -> None:
            attempt = db.session.get_one(UnitAttempt, attempt_id)
            carol, dan = (db.session.get_one(Person, each) for each in ids)
            db.session.rollback()
            with transaction():
                factories.allocate(attempt, carol, Role.INTERNAL_VERIFIER, dan)

        run_while_paused(app, (paused, "wait"), change_state, allocate)
        assert find_missing_roles(free) == set()
        assert differences() == []


class Pause:
    """Something to wait at."""

    def wait(self) -> None:
        """Wait for nothing."""


class TestRetention:
    def test_an_open_registration_has_not_ended(self, world: World) -> None:
        assert find_retention(world.registration).ended_at is None

    def test_a_withdrawn_one_has(self, world: World) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Left.", factories.make_actor(world.dan))
        assert find_retention(world.registration).ended_at == world.registration.withdrawn_at
        assert differences() == []

    def test_it_ends_when_its_last_unit_is_verified_and_no_longer_when_one_is_added(self, world: World) -> None:
        workflow.sign(world, world.cfacc15)
        workflow.confirm(world.cfacc15)
        with transaction():
            snapshot_hash = take_snapshot(world.cfacc15).hash
            signature = sign_verification(
                world.cfacc15,
                snapshot_hash,
                factories.make_actor(world.carol),
                clock.now(),
                unsampled_reason="Not in this quarter's plan.",
            )
        assert find_retention(world.registration).ended_at is None, "INSCC004 is open"
        with transaction():
            void_attempt(world.inscc004, "Not needed.", factories.make_actor(world.dan))
        assert find_retention(world.registration).ended_at == signature.signed_at
        with transaction():
            factories.make_attempt(world.registration, "DELIVERCC")
        assert find_retention(world.registration).ended_at is None
        assert differences() == []

    def test_a_hold_and_its_lifting_are_followed(self, world: World) -> None:
        with transaction():
            hold = place_retention_hold(world.registration, "An appeal.", factories.make_actor(world.dan))
        assert find_retention(world.registration).is_on_hold
        with transaction():
            lift_retention_hold(
                db.session.get_one(RetentionHold, hold.id), "Decided.", factories.make_actor(world.dan)
            )
        assert not find_retention(world.registration).is_on_hold
        assert differences() == []

    @pytest.mark.parametrize("is_full", [False, True])
    def test_an_erasure_is_followed(self, world: World, is_full: bool) -> None:
        db.session.add(
            Erasure(
                registration_id=world.registration.id,
                is_full=is_full,
                erased_at=clock.now(),
                erased_by_id=world.dan.id,
                is_open=False,
            )
        )
        db.session.flush()
        found = find_retention(world.registration)
        assert (found.is_evidence_erased, found.is_fully_erased) == (True, is_full)
        assert list(list_differences(db.session.connection())) == []
        db.session.rollback()

    def test_two_units_that_end_at_once_end_the_registration(self, app: Flask, world: World) -> None:
        """Each transaction sees the other's unit still open, unless one waits for the other."""
        ids, paused = (world.cfacc15.id, world.inscc004.id), Pause()

        def void(number: int) -> None:
            with transaction():
                lock_rows(UnitAttempt, [ids[number]])
                db.session.execute(
                    update(UnitAttempt).where(UnitAttempt.id == ids[number]).values(state=AttemptState.VERIFIED)
                )
                if number == 0:
                    paused.wait()

        workflow.sign(world, world.cfacc15)
        workflow.confirm(world.cfacc15)
        with transaction():
            sign_verification(
                world.cfacc15,
                take_snapshot(world.cfacc15).hash,
                factories.make_actor(world.carol),
                clock.now(),
                unsampled_reason="Not in this quarter's plan.",
            )
        with transaction():
            db.session.execute(
                update(UnitAttempt).where(UnitAttempt.id == ids[0]).values(state=AttemptState.CONFIRMED)
            )
        run_while_paused(app, (paused, "wait"), lambda: void(0), lambda: void(1))
        assert find_retention(world.registration).ended_at is not None
        assert differences() == []


class TestWords:
    def test_words_are_in_lower_case_and_divided_at_marks_too(self, world: World) -> None:
        with transaction():
            ann = factories.make_person("Mary-Ann O’Neill", world.northgate, Role.CANDIDATE)
            ann.email = "ann@example.org"
        assert list_words(ann) == {"mary-ann", "mary", "ann", "o'neill", "o", "neill", "ann@example.org"}
        assert differences() == []

    def test_a_new_name_or_address_replaces_the_words(self, world: World) -> None:
        with transaction():
            world.alice.name, world.alice.email = "Alice Brown", "alice@example.org"
        assert list_words(world.alice) == {"alice", "brown", "alice@example.org"}
        assert differences() == []

    @pytest.mark.parametrize("name", ['Ivy "Ace" Okafor', "Ivy \\ Okafor", "Ivy  Okafor", "Ivy [1], {2}"])
    def test_any_mark_may_be_in_a_name(self, world: World, name: str) -> None:
        with transaction():
            world.alice.name = name
        assert {"ivy", "alice.moran@example.org"} <= list_words(world.alice)
        assert differences() == []

    @pytest.mark.parametrize(
        "name", ["Elizabeth (Liz) Smith", "Elizabeth “Liz” Smith", "Ann-Liz Smith", 'Elizabeth "Liz" Smith']
    )
    def test_a_name_in_brackets_or_quotation_marks_is_a_word(self, world: World, name: str) -> None:
        with transaction():
            world.alice.name = name
        assert {"liz", "smith"} <= list_words(world.alice)
        assert differences() == []

    @pytest.mark.parametrize("typed", ["élodie", "Élod", "ÉLODIE", "иван"])
    def test_letters_outside_ascii_are_found_in_either_case(self, world: World, typed: str) -> None:
        with transaction():
            world.alice.name = "Élodie Иван"
        assert list(db.session.scalars(select_found(PersonWord.person_id, typed))) == [world.alice.id]

    def test_numbers_of_a_registration_are_words_of_it(self, world: World) -> None:
        with transaction():
            world.registration.candidate_number = "NG/2024-017"
            world.registration.awarding_body_number = None
            world.registration.awarding_body_date = None
        query = select(RegistrationWord.word).where(RegistrationWord.registration_id == world.registration.id)
        assert set(db.session.scalars(query)) == {"ng/2024-017", "ng", "2024", "017"}
        assert differences() == []


class TestChecking:
    def test_wrong_rows_are_named_and_corrected(self, app: Flask, world: World) -> None:
        alice, attempt, registration = world.alice.id, world.franks_attempt.id, world.registration.id
        with transaction():
            db.session.execute(delete(UnallocatedAttempt))
            db.session.execute(update(RegistrationRetention).values(is_on_hold=True))
            db.session.execute(insert(PersonWord).values(person_id=alice, word="ivy"))
        named = differences()
        assert (
            f"unallocated_attempt: the rows of attempt_id {attempt} differ from what they are derived from" in named
        )
        assert f"person_word: the rows of person_id {alice} differ from what they are derived from" in named
        assert any(f"registration_retention: the rows of registration_id {registration} " in each for each in named)
        runner = app.test_cli_runner()
        assert runner.invoke(args=["derive"]).output == f"{len(named)} records corrected.\n"
        assert differences() == []
        assert runner.invoke(args=["derive"]).output == "Every derived row is right.\n"

    def test_each_table_is_derived_in_a_transaction_of_its_own(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So the command never waits for a lock while it holds another, as an act might that writes to both tables."""
        steps: list[str] = []

        def derive(_connection: object, table: Table) -> int:
            steps.append(table.name)
            return 0

        monkeypatch.setattr(derived_rows, "derive_again", derive)
        monkeypatch.setattr(transactions, "commit", lambda: steps.append("commit"))
        app.test_cli_runner().invoke(args=["derive"])
        assert [steps[n : n + 2] for n in range(0, len(steps), 2)] == [[each.name, "commit"] for each in DERIVED]

    def test_what_no_trigger_saw_is_derived_again(self) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM person_word"))
            db.session.execute(text("DELETE FROM registration_word"))
            assert sum(derive_again(db.session.connection(), table) for table in DERIVED) == 10
            assert list(list_differences(db.session.connection())) == []

    def test_what_the_previous_release_writes_is_followed(self, world: World, free: UnitAttempt) -> None:
        """It knows no derived rows: it changes allocations and names only."""
        with transaction():
            db.session.execute(
                insert(Allocation).values(
                    attempt_id=free.id, person_id=world.bob.id, role=Role.ASSESSOR, starts_at=clock.now(), reason="New",
                    allocated_by_id=world.dan.id,
                )
            )  # fmt: skip
            db.session.execute(update(Person).values(name="Sam"))
        assert find_missing_roles(free) == {Role.INTERNAL_VERIFIER}
        assert "sam" in list_words(world.alice)
        assert differences() == []
