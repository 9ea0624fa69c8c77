"""What the signed-in person's roles say: which steps of signing in are missing, and under which grant they act."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from tracker.vocabulary import CentreTerms, Role, use_terms
from tracker.web import current_user
from tracker.web.current_user import CurrentGrant, SignedIn, SignInStep, in_terms


def grant(number: int, role: Role, centre_id: int = 1, **details: bool) -> CurrentGrant:
    return CurrentGrant(
        number, role, centre_id, "Northgate Skills", CentreTerms.ENGLAND, None, details.get("two_step"), None
    )


def sign_in(*grants: CurrentGrant, chosen: CurrentGrant | None = None, **details: bool) -> SignedIn:
    return SignedIn(
        person_id=7,
        name="Bob Archer",
        email="bob.archer@example.org",
        password_hash="",
        session_id=3,
        session_ref="0f0f0f0f0f0f0f0f",
        grants=grants,
        chosen=chosen,
        has_second_factor=details.get("has_second_factor", False),
        is_proven=details.get("is_proven", False),
    )


CANDIDATE, ASSESSOR = grant(1, Role.CANDIDATE), grant(2, Role.ASSESSOR)
ELSEWHERE = grant(3, Role.ASSESSOR, 2)


class TestTwoStepVerification:
    @pytest.mark.parametrize("role", list(Role))
    def test_every_role_but_the_candidates_needs_it(self, role: Role) -> None:
        assert grant(1, role).needs_second_factor is (role is not Role.CANDIDATE)

    def test_candidates_need_it_where_their_centre_asks_for_it(self) -> None:
        assert grant(1, Role.CANDIDATE, two_step=True).needs_second_factor is True
        assert grant(1, Role.CANDIDATE, two_step=False).needs_second_factor is False

    def test_one_role_that_needs_it_is_enough_except_in_the_demonstration(self, app: Flask) -> None:
        assert not sign_in(CANDIDATE).needs_second_factor
        assert sign_in(CANDIDATE, ASSESSOR).needs_second_factor
        app.config["DEMO"] = True
        assert not sign_in(CANDIDATE, ASSESSOR).needs_second_factor

    def test_the_missing_step_is_to_set_it_up_or_to_prove_it(self, app: Flask) -> None:  # noqa: ARG002 - its settings
        steps = {
            sign_in(CANDIDATE): None,
            sign_in(ASSESSOR): SignInStep.SET_UP_SECOND_FACTOR,
            sign_in(ASSESSOR, has_second_factor=True): SignInStep.PROVE_SECOND_FACTOR,
            sign_in(CANDIDATE, has_second_factor=True): SignInStep.PROVE_SECOND_FACTOR,
            sign_in(ASSESSOR, has_second_factor=True, is_proven=True): None,
        }
        for person, step in steps.items():
            assert person.missing_step is step
            assert person.is_authenticated is (step is None)


class TestGrants:
    def test_a_grant_is_found_by_role_and_centre_the_chosen_one_first(self) -> None:
        person = sign_in(CANDIDATE, ASSESSOR, ELSEWHERE)
        assert person.find_grant(Role.ASSESSOR) is ASSESSOR
        assert person.find_grant(Role.ASSESSOR, 2) is ELSEWHERE
        assert person.find_grant(Role.CANDIDATE, 2) is None
        assert person.find_grant(Role.ADMINISTRATOR) is None
        chosen = replace(person, chosen=ELSEWHERE)
        assert chosen.find_grant(Role.ASSESSOR) is ELSEWHERE
        assert chosen.find_grant(Role.ASSESSOR, 1) is ASSESSOR

    def test_each_centre_is_listed_once(self) -> None:
        assert sign_in(CANDIDATE, ELSEWHERE, ASSESSOR).centre_ids == (1, 2)

    def test_events_name_the_person_the_grant_and_the_session(self) -> None:
        person = sign_in(ASSESSOR)
        assert person.get_id() == "3"
        actor = person.as_actor(ASSESSOR)
        assert (actor.person_id, actor.grant_id, actor.session_ref) == (7, 2, "0f0f0f0f0f0f0f0f")
        assert person.as_actor(None).grant_id is None


class TestTerms:
    TEXT = "Internal verifier"

    @pytest.fixture
    def signed_in_as(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
        return lambda person: monkeypatch.setattr(current_user, "current_user", person)

    def test_they_are_those_of_the_chosen_roles_centre(self, signed_in_as: Callable[[object], None]) -> None:
        signed_in_as(sign_in(ASSESSOR, chosen=ASSESSOR))
        assert in_terms(self.TEXT) == use_terms(self.TEXT, CentreTerms.ENGLAND) != self.TEXT

    def test_they_are_those_of_the_centre_that_is_given(self, signed_in_as: Callable[[object], None]) -> None:
        signed_in_as(sign_in(ASSESSOR, chosen=ASSESSOR))
        assert in_terms(self.TEXT, CentreTerms.SCOTLAND) == self.TEXT

    def test_they_are_scotlands_for_anybody_else(self, signed_in_as: Callable[[object], None]) -> None:
        for person in (sign_in(), object()):
            signed_in_as(person)
            assert in_terms(self.TEXT) == self.TEXT
