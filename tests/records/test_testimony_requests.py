"""Requests to witnesses that meet something else: a version move, a retention hold, a refused address, other askers."""

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import MailServer, emails_to, mail_server  # noqa: F401 - fixtures
from tests.assessment.second_version import move_to_second_version, publish_second_version
from tests.factories import World
from tests.records.testimonies import (
    HERE,
    MARGARET,
    ask,
    authenticate,
    find_token,
    list_ids,
    sign,
    sign_in_person,
    type_testimony,
)
from tracker import clock
from tracker.background import outbox
from tracker.background.delivery_failures import find_failure, record_failure
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Criterion, Registration, UnitAttempt, WitnessTestimony
from tracker.privacy.erasure import erase_portfolio
from tracker.privacy.retention import lift_retention_hold, place_retention_hold
from tracker.records.services.testifying import request_code
from tracker.records.services.testimony_erasure import erase_ended_requests
from tracker.records.services.testimony_reminders import follow_up_requests
from tracker.records.services.testimony_requests import MAX_A_DAY_TO_MAILBOX, NOT_TODAY
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import Role

Browser = Callable[..., FlaskClient]
Inbox = Callable[[Any], list[str]]
REFUSED = smtplib.SMTPRecipientsRefused({MARGARET: (550, b"No such user")})


@pytest.fixture
def server(mail_server: MailServer) -> MailServer:  # noqa: F811 - the fixture
    return mail_server


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


def reload(testimony: WitnessTestimony) -> WitnessTestimony:
    db.session.rollback()
    return db.session.get_one(WitnessTestimony, testimony.id)


class TestVersionMoves:
    def test_an_open_request_proposes_the_criteria_of_the_newer_version(
        self, world: World, anonymous: FlaskClient, inbox: Inbox
    ) -> None:
        """Criterion 2 is reworded in version 2, and 3 is gone."""
        asked = ask(world.cfacc15, world.alice, criterion_ids=list_ids(world.cfacc15, "2", "3", "5"))
        move_to_second_version(world, publish_second_version(world))
        page = anonymous.get(f"/witness/{find_token(inbox)}").text
        assert "complex customer contacts that colleagues without appropriate authority" in page
        assert page.count('name="criterion"') == 2
        assert "CFACC15 moved to another version of the standards since you were asked" in " ".join(page.split())
        with transaction():
            attempt = db.session.get_one(UnitAttempt, world.cfacc15.id)
            testimony = sign(reload(asked), inbox, criterion_ids=list_ids(attempt, "2", "5"))
        version = authenticate(testimony, world.bob)
        claimed = select(Criterion.label).join(Claim, Claim.criterion_id == Criterion.id)
        assert set(db.session.scalars(claimed.where(Claim.evidence_id == version.evidence_id))) == {"2", "5"}

    def test_a_request_without_any_criterion_of_the_newer_version_says_so(
        self, world: World, anonymous: FlaskClient, client: Browser, inbox: Inbox
    ) -> None:
        asked = ask(world.cfacc15, world.alice, criterion_ids=list_ids(world.cfacc15, "3"))
        move_to_second_version(world, publish_second_version(world))
        page = " ".join(anonymous.get(f"/witness/{find_token(inbox)}").text.split())
        assert "so you cannot sign this testimony. Alice Moran can ask you again. You were asked about:" in page
        with pytest.raises(Invalid, match="has none of what you were asked about"), transaction():
            request_code(find_token(inbox), type_testimony(reload(asked)), HERE)
        listed = client(world.alice).get(f"/attempts/{world.cfacc15.id}/testimonies").text
        assert "The unit moved to another version, which has none of what this witness was asked about" in listed

    @pytest.mark.usefixtures("inbox")
    def test_a_request_of_another_unit_is_left_alone(self, world: World) -> None:
        other = ask(world.inscc004, world.alice, criterion_ids=list_ids(world.inscc004, "1"))
        before = other.criterion_ids
        move_to_second_version(world, publish_second_version(world))
        assert reload(other).criterion_ids == before


class TestRetentionHolds:
    @pytest.mark.usefixtures("inbox")
    def test_a_hold_stops_the_erasure_of_a_request_until_it_is_lifted(self, world: World) -> None:
        asked = ask(world.cfacc15, world.alice)
        with transaction():
            hold = place_retention_hold(world.registration, "An appeal.", factories.make_actor(world.dan))
        with clock.frozen_at(clock.now() + timedelta(days=61)):
            erase_ended_requests()
            assert reload(asked).witness_name == "Margaret Ellis"
            with transaction():
                lift_retention_hold(db.session.merge(hold), "Decided.", factories.make_actor(world.dan))
            erase_ended_requests()
        assert reload(asked).witness_name == "Erased"

    @pytest.mark.usefixtures("inbox")
    def test_a_hold_on_another_candidate_stops_nothing(self, world: World) -> None:
        asked = ask(world.cfacc15, world.alice)
        with transaction():
            ivy = factories.make_person("Ivy Jones", world.northgate, Role.CANDIDATE)
            other = factories.make_registration(ivy, world.northgate, world.dan)
            place_retention_hold(other, "An appeal.", factories.make_actor(world.dan))
        with clock.frozen_at(clock.now() + timedelta(days=61)):
            erase_ended_requests()
        assert reload(asked).witness_name == "Erased"


class TestRefusedAddresses:
    def test_the_asker_is_told_once_that_the_email_did_not_arrive(
        self, world: World, client: Browser, server: MailServer, inbox: Inbox
    ) -> None:
        server.error = REFUSED
        asked = ask(world.cfacc15, world.alice)
        outbox.executor.submit(int).result()
        server.error = None
        for _ in range(2):
            follow_up_requests()
        told = [each for each in inbox(world.alice) if "could not be delivered" in each]
        assert len(told) == 1
        assert "The email to Margaret Ellis could not be delivered" in told[0]
        listed = client(world.alice).get(f"/attempts/{world.cfacc15.id}/testimonies").text
        assert "The email could not be delivered on" in listed
        assert reload(asked).asker_told_at

    def test_a_witness_whose_first_email_failed_is_reminded_all_the_same(
        self, world: World, server: MailServer, inbox: Inbox
    ) -> None:
        server.error = REFUSED
        asked = ask(world.cfacc15, world.alice)
        outbox.executor.submit(int).result()
        server.error = None
        follow_up_requests()
        assert inbox(MARGARET) == []
        for day in (11, 12):
            with clock.frozen_at(clock.now() + timedelta(days=day)):
                follow_up_requests()
        assert len([each for each in inbox(MARGARET) if "/witness/" in each]) == 1
        assert reload(asked).reminded_at
        for day in (19, 20):
            with clock.frozen_at(clock.now() + timedelta(days=day)):
                follow_up_requests()
        told = [" ".join(each.split()) for each in inbox(world.alice)]
        assert len([each for each in told if "could not be delivered" in each]) == 1
        assert len([each for each in told if "has not answered" in each]) == 1

    def test_a_failure_before_the_request_is_not_about_it(self, world: World, inbox: Inbox) -> None:
        with clock.frozen_at(clock.now() - timedelta(days=1)):
            record_failure(MARGARET, 550, given_up=True)
        ask(world.cfacc15, world.alice)
        outbox.executor.submit(int).result()
        record_failure("somebody.else@corvell.example", 550, given_up=True)
        follow_up_requests()
        assert [each for each in inbox(world.alice) if "could not be delivered" in each] == []

    @pytest.mark.usefixtures("inbox")
    def test_the_address_is_forgotten_with_the_request(self, world: World) -> None:
        ask(world.cfacc15, world.alice)
        ask(world.cfacc15, world.alice, email=world.carol.email)
        later = ask(world.inscc004, world.alice, criterion_ids=list_ids(world.inscc004, "1"))
        outbox.executor.submit(int).result()
        for address in (MARGARET, world.carol.email):
            record_failure(address, 550, given_up=True)
        with transaction():
            db.session.get_one(WitnessTestimony, later.id).expires_at += timedelta(days=2)
        with clock.frozen_at(clock.now() + timedelta(days=61)):
            erase_ended_requests()
            assert find_failure(MARGARET), "another request needs it"
        with clock.frozen_at(clock.now() + timedelta(days=63)):
            erase_ended_requests()
            assert find_failure(MARGARET) is None
            assert find_failure(world.carol.email), "it is the address of somebody's account"

    @pytest.mark.usefixtures("inbox")
    def test_the_address_is_forgotten_with_the_portfolio(self, world: World) -> None:
        ask(world.cfacc15, world.alice)
        outbox.executor.submit(int).result()
        record_failure(MARGARET, 550, given_up=True)
        with transaction():
            withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
        with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
            registration = db.session.get_one(Registration, world.registration.id)
            erase_portfolio(registration, is_full=True, actor=factories.make_actor(world.dan))
        assert find_failure(MARGARET) is None


class TestTheLimitOfAMailbox:
    def test_a_mailbox_is_asked_six_times_a_day_whoever_asks(self, world: World, inbox: Inbox) -> None:
        with transaction():
            askers = [world.alice, world.bob, factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)]
        first = list_ids(world.inscc004, "1")
        for number in range(MAX_A_DAY_TO_MAILBOX):
            ask(world.inscc004, askers[number % 2], criterion_ids=first, email=f"m.ellis+{number}@corvell.example")
        with pytest.raises(Refused) as refusal:
            ask(world.inscc004, askers[2], criterion_ids=first)
        assert str(refusal.value) == NOT_TODAY
        ask(world.inscc004, askers[2], criterion_ids=first, email="other@corvell.example")
        assert len(inbox("other@corvell.example")) == 1
        with clock.frozen_at(clock.now() + timedelta(days=1, minutes=1)):
            ask(world.inscc004, askers[2], criterion_ids=first)

    def test_notices_to_an_address_given_in_person_count_too(self, world: World, inbox: Inbox) -> None:
        for number in range(MAX_A_DAY_TO_MAILBOX):
            ask(world.cfacc15, (world.alice, world.bob)[number % 2])
        before = len(inbox(MARGARET))
        with transaction():
            third = factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)
        with pytest.raises(Refused):
            ask(world.cfacc15, third)
        sign_in_person(world.cfacc15, third, contact=MARGARET)
        assert len(inbox(MARGARET)) == before
