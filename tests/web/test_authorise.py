"""Who may open an object, in which role: each getter of `tracker.web.authorise` by itself, to the microsecond."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, g

from tests import factories
from tests.factories import World
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.errors import Forbidden, NotFound
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person, Registration, UnitAttempt, Visit, VisitAttempt
from tracker.vocabulary import PortfolioPart, Role
from tracker.web import authorise
from tracker.web.current_user import me
from tracker.web.permissions import Act

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
EVERYBODY = ("alice", "bob", "carol", "dan", "eve", "frank", "grace", "heidi")

Acting = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def acting(app: Flask, world: World, freeze_clock: Callable[[datetime], None]) -> Acting:
    """`with acting("alice"):` runs the block in a request of hers at noon; `method` is the request's."""
    freeze_clock(NOON)

    @contextmanager
    def act_as(person: str | Person, method: str = "GET") -> Iterator[None]:
        with transaction():
            signed_in = getattr(world, person) if isinstance(person, str) else person
            token = start_session(signed_in, "127.0.0.1", "Chrome on Windows", proven=True)
        headers = {"Cookie": f"{COOKIE_NAME}={token}"}
        # The context of the test itself has another `g`, and another session of the database.
        with app.app_context(), app.test_request_context("/", method=method, headers=headers):
            yield

    return act_as


def list_allowed(acting: Acting, getter: Callable[[], Any]) -> dict[str, Role | None]:
    """Return each person whom a getter answers, with the role that is noted for the portfolio access log."""
    allowed = {}
    for name in EVERYBODY:
        with acting(name):
            try:
                getter()
            except NotFound:
                continue
            allowed[name] = g.opened[0].role if "opened" in g else None
    return allowed


def open_visit(world: World, attempt: UnitAttempt, verifier: Person, starts_at: datetime, ends_at: datetime) -> None:
    """Make a visit of one attempt."""
    with transaction():
        visit = factories.add_and_flush(
            Visit(
                centre_id=attempt.centre_id,
                person_id=verifier.id,
                starts_at=starts_at,
                ends_at=ends_at,
                opened_at=starts_at,
                opened_by_id=world.dan.id,
            )
        )
        factories.add_and_flush(VisitAttempt(visit_id=visit.id, attempt_id=attempt.id))


def end_role(person: Person, role: Role) -> None:
    """End a person's roles of this kind at once."""
    with transaction():
        for grant in person.grants:
            if grant.role is role:
                grant.ends_at = NOON
        factories.leave_unsealed()


def make_candidate(world: World, name: str) -> Registration:
    with transaction():
        person = factories.make_person(name, world.northgate, Role.CANDIDATE)
        return factories.make_registration(person, world.northgate, world.dan)


class TestAttempt:
    def test_its_people_read_it_each_in_their_role(self, world: World, acting: Acting) -> None:
        attempt_id = world.cfacc15.id
        assert list_allowed(acting, lambda: authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)) == {
            "alice": Role.CANDIDATE,
            "bob": Role.ASSESSOR,
            "carol": Role.INTERNAL_VERIFIER,
            "dan": Role.ADMINISTRATOR,
        }

    def test_the_actor_names_the_grant_and_the_session(self, world: World, acting: Acting) -> None:
        attempt_id, bob_id, grant_id = world.cfacc15.id, world.bob.id, world.bob.grants[0].id
        with acting("bob"):
            attempt, actor = authorise.get_attempt(attempt_id, Act.READ_EVIDENCE)
            assert attempt.id == attempt_id
            assert (actor.person_id, actor.grant_id, actor.session_ref) == (bob_id, grant_id, me().session_ref)
            assert (g.opened[0].candidate_id, g.opened[0].centre_id) == (attempt.candidate_id, attempt.centre_id)
            assert g.opened[0].part is PortfolioPart.EVIDENCE

    def test_who_may_read_it_may_not_do_everything(self, world: World, acting: Acting) -> None:
        attempt_id = world.cfacc15.id
        with acting("alice"):
            with pytest.raises(Forbidden):
                authorise.get_attempt(attempt_id, Act.SIGN_UNIT)
            assert "opened" not in g
            attempt, _ = authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)
            assert g.opened[0].part is PortfolioPart.UNITS
            assert authorise.is_allowed(attempt, Act.CONFIRM_UNIT)
            assert not authorise.is_allowed(attempt, Act.SIGN_UNIT)

    def test_one_that_does_not_exist_is_not_found(self, acting: Acting) -> None:
        with acting("dan"), pytest.raises(NotFound):
            authorise.get_attempt(4711, Act.READ_ATTEMPT)

    def test_another_candidate_of_the_centre_does_not_find_it(self, world: World, acting: Acting) -> None:
        attempt_id, anna = world.cfacc15.id, make_candidate(world, "Anna Another").candidate
        with acting(anna), pytest.raises(NotFound):
            authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)

    @pytest.mark.parametrize(
        ("name", "role"), [("alice", Role.CANDIDATE), ("bob", Role.ASSESSOR), ("dan", Role.ADMINISTRATOR)]
    )
    def test_without_the_role_at_the_centre_it_is_not_found(
        self, world: World, acting: Acting, name: str, role: Role
    ) -> None:
        attempt_id, person = world.cfacc15.id, getattr(world, name)
        end_role(person, role)
        with transaction():
            factories.grant(person, world.southbank, role)
        with acting(name), pytest.raises(NotFound):
            authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)

    def test_an_allocation_counts_until_it_ends_and_for_its_attempt_only(self, world: World, acting: Acting) -> None:
        ended, other = world.cfacc15.id, world.inscc004.id
        with transaction():
            factories.end_allocation(world.cfacc15, Role.ASSESSOR)
            factories.leave_unsealed()
        with acting("bob"):
            assert authorise.get_attempt(other, Act.SIGN_UNIT)
            with pytest.raises(NotFound):
                authorise.get_attempt(ended, Act.READ_ATTEMPT)

    def test_an_allocation_of_a_colleague_does_not_count(self, world: World, acting: Acting) -> None:
        attempt_id, registration_id = world.cfacc15.id, world.registration.id
        with transaction():
            bart = factories.make_person("Bart Unallocated", world.northgate, Role.ASSESSOR)
        with acting(bart):
            with pytest.raises(NotFound):
                authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)
            with pytest.raises(NotFound):
                authorise.get_index_of_evidence(registration_id)

    @pytest.mark.parametrize(
        ("starts_at", "ends_at", "is_open"),
        [
            (NOON, NOON + INSTANT, True),
            (NOON + INSTANT, NOON + timedelta(days=1), False),
            (NOON - timedelta(days=1), NOON, False),
        ],
    )
    def test_an_external_verifier_reads_it_from_the_visits_start_until_its_end(
        self, world: World, acting: Acting, starts_at: datetime, ends_at: datetime, is_open: bool
    ) -> None:
        attempt_id, registration_id = world.cfacc15.id, world.registration.id
        open_visit(world, world.cfacc15, world.eve, starts_at, ends_at)
        readers = list_allowed(acting, lambda: authorise.get_attempt(attempt_id, Act.READ_ATTEMPT))
        assert readers.get("eve") == (Role.EXTERNAL_VERIFIER if is_open else None)
        readers = list_allowed(acting, lambda: authorise.get_index_of_evidence(registration_id))
        assert readers.get("eve") == (Role.EXTERNAL_VERIFIER if is_open else None)

    def test_a_visit_is_open_to_its_own_verifier_and_for_its_own_units_only(
        self, world: World, acting: Acting
    ) -> None:
        tomorrow, named, other = NOON + timedelta(days=1), world.cfacc15.id, world.inscc004.id
        open_visit(world, world.cfacc15, world.eve, NOON, tomorrow)
        with transaction():
            olga = factories.make_person("Olga Visitor", world.northgate, Role.EXTERNAL_VERIFIER)
        with acting("eve"):
            assert authorise.get_attempt(named, Act.READ_ATTEMPT)
            with pytest.raises(NotFound):
                authorise.get_attempt(other, Act.READ_ATTEMPT)
        with acting(olga), pytest.raises(NotFound):
            authorise.get_attempt(named, Act.READ_ATTEMPT)

    def test_a_visit_without_the_role_shows_nothing(self, world: World, acting: Acting) -> None:
        attempt_id, registration_id = world.cfacc15.id, world.registration.id
        open_visit(world, world.cfacc15, world.eve, NOON, NOON + timedelta(days=1))
        end_role(world.eve, Role.EXTERNAL_VERIFIER)
        with acting("eve"):
            with pytest.raises(NotFound):
                authorise.get_attempt(attempt_id, Act.READ_ATTEMPT)
            with pytest.raises(NotFound):
                authorise.get_index_of_evidence(registration_id)

    @pytest.mark.parametrize(("method", "is_locked"), [("GET", False), ("HEAD", False), ("POST", True)])
    def test_only_a_request_that_may_write_locks_it(
        self, world: World, acting: Acting, monkeypatch: pytest.MonkeyPatch, method: str, is_locked: bool
    ) -> None:
        first, second = world.cfacc15.id, world.inscc004.id
        locked: list[list[int]] = []
        monkeypatch.setattr(authorise, "lock_rows", lambda model, ids: locked.append([model, *ids]))
        with acting("bob", method):
            authorise.get_attempt(first, Act.READ_ATTEMPT)
            assert locked == ([[UnitAttempt, first]] if is_locked else [])
            locked.clear()
            authorise.get_attempts([second, first, second], Act.READ_ATTEMPT)
            assert locked[:1] == ([[UnitAttempt, second, first]] if is_locked else [])

    def test_several_are_returned_once_each_in_the_order_asked_for(self, world: World, acting: Acting) -> None:
        first, second, franks = world.cfacc15.id, world.inscc004.id, world.franks_attempt.id
        grant_id = world.bob.grants[0].id
        with acting("bob"):
            attempts, actor = authorise.get_attempts([second, first, second], Act.SIGN_UNIT)
            assert [each.id for each in attempts] == [second, first]
            assert actor.grant_id == grant_id
            assert authorise.get_attempts([first], Act.SIGN_UNIT)[1] == actor
            with pytest.raises(NotFound):
                authorise.get_attempts([first, franks], Act.SIGN_UNIT)


class TestRegistration:
    def test_its_candidate_and_the_administrators_of_its_centre_open_it(self, world: World, acting: Acting) -> None:
        registration_id = world.registration.id
        assert list_allowed(
            acting, lambda: authorise.get_registration(registration_id, Act.READ_REGISTRATION)
        ) == {"alice": Role.CANDIDATE, "dan": Role.ADMINISTRATOR}  # fmt: skip
        with acting("alice"), pytest.raises(Forbidden):
            authorise.get_registration(registration_id, Act.ALLOCATE)
        with acting("dan"), pytest.raises(NotFound):
            authorise.get_registration(4711, Act.READ_REGISTRATION)

    def test_another_candidate_or_a_former_one_does_not_find_it(self, world: World, acting: Acting) -> None:
        registration_id, anna = world.registration.id, make_candidate(world, "Anna Another").candidate
        end_role(world.alice, Role.CANDIDATE)
        for person in (anna, "alice"):
            with acting(person), pytest.raises(NotFound):
                authorise.get_registration(registration_id, Act.READ_REGISTRATION)


class TestIndexOfEvidence:
    def test_candidates_and_administrators_read_it_whole_and_others_their_attempts(
        self, world: World, acting: Acting
    ) -> None:
        registration_id, attempt_ids = world.registration.id, frozenset({world.cfacc15.id, world.inscc004.id})
        read = {}
        for name in EVERYBODY:
            with acting(name):
                try:
                    registration, read[name] = authorise.get_index_of_evidence(registration_id)
                except NotFound:
                    continue
                assert registration.id == registration_id
        assert read == {"alice": None, "bob": attempt_ids, "carol": attempt_ids, "dan": None}

    def test_it_lists_nothing_of_ended_allocations_or_of_other_candidates(self, world: World, acting: Acting) -> None:
        registration_id, current = world.registration.id, world.inscc004.id
        annas = make_candidate(world, "Anna Another")
        with transaction():
            factories.end_allocation(world.cfacc15, Role.ASSESSOR)
            factories.leave_unsealed()
            factories.allocate(factories.make_attempt(annas, "CFACC15"), world.bob, Role.ASSESSOR, world.dan)
            bart = factories.make_person("Bart Unallocated", world.northgate, Role.ASSESSOR)
            factories.allocate(world.cfacc15, bart, Role.ASSESSOR, world.dan)
        with acting("bob"):
            assert authorise.get_index_of_evidence(registration_id)[1] == {current}

    def test_it_lists_nothing_of_the_same_candidate_at_another_centre(self, world: World, acting: Acting) -> None:
        registration_id, own = world.registration.id, frozenset({world.cfacc15.id, world.inscc004.id})
        with transaction():
            factories.grant(world.alice, world.southbank, Role.CANDIDATE)
            elsewhere = factories.make_registration(world.alice, world.southbank, world.heidi)
            factories.grant(world.bob, world.southbank, Role.ASSESSOR)
            factories.allocate(factories.make_attempt(elsewhere, "CFACC15"), world.bob, Role.ASSESSOR, world.heidi)
        with acting("bob"):
            assert authorise.get_index_of_evidence(registration_id)[1] == own

    def test_an_allocation_without_the_role_at_the_centre_shows_nothing(self, world: World, acting: Acting) -> None:
        registration_id = world.registration.id
        end_role(world.bob, Role.ASSESSOR)
        with acting("bob"), pytest.raises(NotFound):
            authorise.get_index_of_evidence(registration_id)

    def test_a_visit_shows_its_own_verifier_its_own_units(self, world: World, acting: Acting) -> None:
        registration_id, named = world.registration.id, world.cfacc15.id
        annas = make_candidate(world, "Anna Another")
        with transaction():
            annas_attempt = factories.make_attempt(annas, "CFACC15")
            olga = factories.make_person("Olga Visitor", world.northgate, Role.EXTERNAL_VERIFIER)
        for attempt in (world.cfacc15, annas_attempt):
            open_visit(world, attempt, world.eve, NOON, NOON + timedelta(days=1))
        with acting("eve"):
            assert authorise.get_index_of_evidence(registration_id)[1] == {named}
            assert (g.opened[0].part, g.opened[0].role) == (PortfolioPart.EVIDENCE, Role.EXTERNAL_VERIFIER)
        with acting(olga), pytest.raises(NotFound):
            authorise.get_index_of_evidence(registration_id)


class TestOwnEvidence:
    @pytest.fixture
    def evidence(self, world: World, acting: Acting) -> Evidence:  # noqa: ARG002 - the clock is frozen
        with transaction():
            return factories.make_evidence(world.cfacc15, "Call of 5 October")

    def test_only_its_candidate_opens_it(self, world: World, acting: Acting, evidence: Evidence) -> None:
        evidence_id, grant_id = evidence.id, world.alice.grants[0].id
        anna = make_candidate(world, "Anna Another").candidate
        assert set(list_allowed(acting, lambda: authorise.get_own_evidence(evidence_id))) == {"alice"}
        with acting(anna), pytest.raises(NotFound):
            authorise.get_own_evidence(evidence_id)
        with acting("alice"):
            assert authorise.get_own_evidence(evidence_id)[1].grant_id == grant_id
            with pytest.raises(NotFound):
                authorise.get_own_evidence(4711)

    def test_what_was_discarded_is_not_found(self, acting: Acting, evidence: Evidence) -> None:
        evidence_id = evidence.id
        with transaction():
            evidence.discarded_at = NOON
            factories.leave_unsealed()
        with acting("alice"), pytest.raises(NotFound):
            authorise.get_own_evidence(evidence_id)

    def test_who_is_a_candidate_at_another_centre_only_does_not_find_it(
        self, world: World, acting: Acting, evidence: Evidence
    ) -> None:
        evidence_id = evidence.id
        end_role(world.alice, Role.CANDIDATE)
        with transaction():
            factories.grant(world.alice, world.southbank, Role.CANDIDATE)
        with acting("alice"), pytest.raises(NotFound):
            authorise.get_own_evidence(evidence_id)


class TestCentre:
    def test_only_people_whose_role_there_may_do_the_act_open_it(self, world: World, acting: Acting) -> None:
        centre_id = world.northgate.id
        assert set(list_allowed(acting, lambda: authorise.get_centre(centre_id))) == {"dan"}
        readers = list_allowed(acting, lambda: authorise.get_centre(centre_id, Act.READ_UNIT_DRAFT))
        assert set(readers) == {"bob", "dan"}

    def test_the_actor_acts_under_the_grant_there(self, world: World, acting: Acting) -> None:
        centre_id = world.northgate.id
        with transaction():
            factories.grant(world.heidi, world.northgate, Role.ADMINISTRATOR)
        grant_id = next(each.id for each in world.heidi.grants if each.centre_id == centre_id)
        with acting("heidi"):
            centre, actor = authorise.get_centre(centre_id)
            assert (centre.id, actor.grant_id) == (centre_id, grant_id)
            with pytest.raises(NotFound):
                authorise.get_centre(4711)
