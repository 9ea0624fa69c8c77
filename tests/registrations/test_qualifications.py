"""Progress towards a qualification: units that count, units missing, and units still to choose."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.qualifications import find_qualification, read_qualification
from tracker.library.services.qualifications import publish_qualification
from tracker.models import Person, Qualification, Registration, Unit, UnitAttempt
from tracker.registrations.progress import QualificationProgress, find_objection, find_progress
from tracker.registrations.services import choose_qualification, register_candidate, void_attempt
from tracker.vocabulary import AttemptState

Browser = Callable[[Person], FlaskClient]


def get_svq() -> Qualification:
    qualification = find_qualification("ex-svq3-cc", [])
    assert qualification
    return qualification


@pytest.fixture
def svq_registration(world: World) -> Registration:
    """Alice's registration for the example SVQ: four mandatory units and two of a group."""
    with transaction():
        choose_qualification(world.registration, get_svq(), factories.make_actor(world.dan))
    return world.registration


def get_progress(registration: Registration) -> QualificationProgress:
    qualification_progress = find_progress(registration)
    assert qualification_progress
    return qualification_progress


def make_state(attempt: UnitAttempt, state: AttemptState) -> None:
    with transaction():
        attempt.state = state


class TestProgress:
    def test_unit_counts_once_it_is_verified(self, world: World, svq_registration: Registration) -> None:
        for state in (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED):
            make_state(world.cfacc15, state)
            assert get_progress(svq_registration).result.counted == {}
        for state in (AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED):
            make_state(world.cfacc15, state)
            assert get_progress(svq_registration).result.counted == {"CFACC15": "Mandatory"}

    def test_chosen_unit_is_not_asked_for_again(self, svq_registration: Registration) -> None:
        progress = get_progress(svq_registration)
        assert progress.chosen == {"CFACC15", "INSCC004"}
        assert "Choose 1 more from Group B." in progress.result.to_choose

    def test_void_attempt_does_not_count_as_chosen(self, world: World, svq_registration: Registration) -> None:
        with transaction():
            void_attempt(world.inscc004, "The wrong unit.", factories.make_actor(world.dan))
        assert get_progress(svq_registration).chosen == {"CFACC15"}

    def test_qualification_is_incomplete_while_units_are_missing_from_the_library(
        self, svq_registration: Registration
    ) -> None:
        """Two mandatory ones are placeholders, which nobody can achieve."""
        with transaction():
            for code in ("DELIVERCC", "CFAM&LFD3"):
                factories.make_attempt(svq_registration, code)
        for attempt in db.session.scalars(
            select(UnitAttempt).where(UnitAttempt.registration_id == svq_registration.id)
        ):
            make_state(attempt, AttemptState.VERIFIED)
        result = get_progress(svq_registration).result
        assert not result.complete
        assert len(result.counted) == 4
        assert [each.split(",")[0] for each in result.missing] == ["Achieve EX-HS1", "Achieve EX-TEAM2"]

    @pytest.mark.usefixtures("svq_registration")
    def test_unit_of_an_earlier_registration_counts(self, world: World) -> None:
        make_state(world.cfacc15, AttemptState.VERIFIED)
        with transaction():
            second_registration = register_candidate(
                world.alice, world.northgate, "C-2", "AB-2", factories.LONG_AGO.date(), [], factories.make_actor(world.dan),
                qualification=get_svq(),
            )  # fmt: skip
        assert get_progress(second_registration).achieved == {"CFACC15"}

    def test_registration_for_single_units_has_no_progress(self, world: World) -> None:
        assert find_progress(world.registration) is None


class TestObjection:
    def test_unit_outside_the_qualification_is_objected_to(self, svq_registration: Registration) -> None:
        assert "is not part of" in (find_objection(get_progress(svq_registration), "LOCAL7") or "")

    def test_unit_beyond_a_groups_maximum_is_objected_to(self, svq_registration: Registration) -> None:
        with transaction():
            factories.make_attempt(svq_registration, "CFAM&LFD3")
        assert "Group B is full" in (find_objection(get_progress(svq_registration), "EX-DATA3") or "")

    def test_unit_still_needed_is_not_objected_to(self, svq_registration: Registration) -> None:
        assert find_objection(get_progress(svq_registration), "DELIVERCC") is None


class TestChoosing:
    def test_change_of_qualification_is_recorded(
        self, svq_registration: Registration, recorded_acts: Callable[[], list[str]]
    ) -> None:
        assert recorded_acts()[-1] == "qualification_chosen"
        assert svq_registration.qualification_id == get_svq().id

    def test_same_qualification_again_is_refused(self, world: World, svq_registration: Registration) -> None:
        with pytest.raises(Refused, match="already has this choice"):
            choose_qualification(svq_registration, get_svq(), factories.make_actor(world.dan))

    @pytest.mark.usefixtures("svq_registration")
    def test_qualification_of_another_centre_is_not_found(self, world: World) -> None:
        document = replace(read_qualification(get_svq()), code="SB-AWARD", slug="sb-award")
        with transaction():
            other_qualification = publish_qualification(document, world.southbank, factories.make_actor(world.heidi))
        with pytest.raises(NotFound):
            choose_qualification(world.registration, other_qualification, factories.make_actor(world.dan))

    def test_qualification_cannot_change_after_withdrawal(self, world: World, svq_registration: Registration) -> None:
        with transaction():
            svq_registration.withdrawn_at, svq_registration.withdrawn_reason = factories.LONG_AGO, "Left."
        with pytest.raises(Refused, match="withdrawn"):
            choose_qualification(svq_registration, None, factories.make_actor(world.dan))


class TestPages:
    def test_registration_page_lists_what_is_missing(
        self, world: World, svq_registration: Registration, client: Browser
    ) -> None:
        page = client(world.dan).get(f"/registrations/{svq_registration.id}").text
        assert "<h3>Still to achieve</h3>" in page
        assert "Achieve DELIVERCC" in page
        assert "Choose 1 more from Group B." in page
        assert "Add DELIVERCC" in page
        assert "not in the unit library" in page
        assert "All requirements met" not in page

    def test_candidate_sees_progress_and_cannot_add_units(
        self, world: World, svq_registration: Registration, client: Browser
    ) -> None:
        page = client(world.alice).get(f"/registrations/{svq_registration.id}").text
        assert "<h3>Still to achieve</h3>" in page
        assert "Add DELIVERCC" not in page

    @pytest.mark.usefixtures("svq_registration")
    def test_home_page_shows_progress_in_one_line(self, world: World, client: Browser) -> None:
        make_state(world.cfacc15, AttemptState.VERIFIED)
        page = client(world.alice).get("/").text
        assert "SVQ 3 in contact centre operations: 1 unit achieved, more units to choose." in page

    def test_needed_unit_is_added_with_one_button(
        self, world: World, svq_registration: Registration, client: Browser
    ) -> None:
        delivercc = db.session.scalars(select(Unit).where(Unit.code == "DELIVERCC")).one()
        answer = client(world.dan).post(f"/registrations/{svq_registration.id}/units", data={"unit": delivercc.id})
        assert answer.status_code == 303
        assert "DELIVERCC" in get_progress(svq_registration).chosen

    def test_unit_that_would_not_count_needs_confirmation(
        self, world: World, svq_registration: Registration, client: Browser
    ) -> None:
        dan, address = client(world.dan), f"/registrations/{svq_registration.id}/units"
        centre_unit = publish_centre_unit(world.northgate)
        question_page = dan.post(address, data={"unit": centre_unit.id})
        assert question_page.status_code == 200
        assert "is not part of" in question_page.text
        assert centre_unit.code not in get_progress(svq_registration).chosen
        assert dan.post(address, data={"unit": centre_unit.id, "even_so": "yes"}).status_code == 303
        assert centre_unit.code in get_progress(svq_registration).chosen

    def test_qualification_is_set_changed_and_removed(self, world: World, client: Browser) -> None:
        dan, address = client(world.dan), f"/registrations/{world.registration.id}/qualification"
        assert dan.post(address, data={"qualification": get_svq().id}).status_code == 303
        assert dan.post(address, data={"qualification": get_svq().id}).status_code == 422
        assert dan.post(address, data={"qualification": 0}).status_code == 303
        assert dan.post(address, data={"qualification": 999}).status_code == 422
        db.session.expire_all()
        assert world.registration.qualification_id is None

    def test_candidate_is_registered_for_a_qualification_without_units(self, world: World, client: Browser) -> None:
        answer = client(world.dan).post(
            f"/centres/{world.northgate.id}/registrations/new",
            data={
                "candidate": 0, "name": "Ivy Roe", "email": "ivy@example.org", "candidate_number": "C-9",
                "awarding_body_number": "AB-9", "awarding_body_date": "2026-11-02", "qualification": get_svq().id,
                "assessor": 0, "internal_verifier": 0,
            },
        )  # fmt: skip
        assert answer.status_code == 303
        registration = db.session.scalars(select(Registration).where(Registration.candidate_number == "C-9")).one()
        assert registration.qualification_id == get_svq().id
        assert registration.attempts == []
