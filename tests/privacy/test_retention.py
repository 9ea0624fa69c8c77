"""Retention: two periods for each awarding body, and retention holds."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.list_pages import NEXT
from tracker import clock
from tracker.clock import LONDON
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.library.queries.qualifications import find_qualification
from tracker.models import Erasure, Person, RetentionHold, RetentionRule
from tracker.privacy import retention
from tracker.privacy.retention_list import list_retention_statuses
from tracker.privacy.retention_reminders import send_retention_reminders
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations import retention_periods
from tracker.registrations.services import choose_qualification, void_attempt, withdraw_candidate
from tracker.verification.services.signing import sign_verification
from tracker.web.lists import ListQuery

Browser = Callable[[Person], FlaskClient]
Hold = Callable[[datetime], None]
WITHDRAWN = datetime(2025, 1, 31, 12, 0, tzinfo=LONDON)


@pytest.fixture
def withdrawn_world(world: World) -> World:
    """The people, after Dan withdrew Alice on 31 January 2025."""
    with clock.frozen_at(WITHDRAWN), transaction():
        withdraw_candidate(world.registration, "Left the company.", dan(world))
    return world


def dan(world: World) -> Actor:
    return factories.make_actor(world.dan)


def get_status(world: World) -> retention.RetentionStatus:
    (status,) = list_retention_statuses(world.northgate.id, ListQuery(sort="ended")).rows
    return status


def set_rule(world: World, body: str, evidence: int, records: int) -> None:
    with transaction():
        retention.set_rule(world.northgate, body, evidence, records, dan(world))


def hold(world: World, reason: str = "Alice has appealed.") -> RetentionHold:
    with transaction():
        return retention.place_retention_hold(world.registration, reason, dan(world))


def verify(world: World) -> None:
    """Sign CFACC15 as assessor, candidate and verifier, and void INSCC004."""
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with transaction():
        snapshot_hash = take_snapshot(world.cfacc15).hash
        sign_verification(
            world.cfacc15,
            snapshot_hash,
            factories.make_actor(world.carol),
            clock.now(),
            unsampled_reason="Not in this quarter's plan.",
        )
        void_attempt(world.inscc004, "Not needed.", dan(world))


class TestClocks:
    def test_open_registration_has_no_retention_dates(self, world: World) -> None:
        assert list_retention_statuses(world.northgate.id, ListQuery(sort="ended")).rows == []

    def test_both_periods_start_at_withdrawal(self, withdrawn_world: World) -> None:
        status = get_status(withdrawn_world)
        assert (status.ended_on, status.ended_by) == (date(2025, 1, 31), "withdrawn")
        assert (status.evidence_until, status.records_until) == (date(2026, 1, 31), date(2028, 1, 31))

    def test_confirmed_unit_does_not_end_the_registration(self, world: World) -> None:
        workflow.sign(world, world.cfacc15)
        workflow.confirm(world.cfacc15)
        assert list_retention_statuses(world.northgate.id, ListQuery(sort="ended")).rows == []

    def test_both_periods_start_when_the_last_unit_is_verified(self, world: World) -> None:
        verify(world)
        assert (get_status(world).ended_on, get_status(world).ended_by) == (clock.today(), "verified")

    def test_periods_do_not_start_before_the_qualification_is_complete(self, world: World) -> None:
        verify(world)
        with transaction():
            choose_qualification(
                world.registration, find_qualification("ex-svq3-cc", [world.northgate.id]), dan(world)
            )
        assert get_status(world).ended_on is None
        assert retention.list_due(world.northgate.id, date(2040, 1, 1)) == []

    def test_list_is_narrowed_to_what_is_due_or_on_hold(self, withdrawn_world: World, client: Browser) -> None:
        browser = client(withdrawn_world.dan)
        address = f"/centres/{withdrawn_world.northgate.id}/retention"
        assert "1–1 of 1" in browser.get(f"{address}?show=due&q=alice").text
        assert "No registration matches these filters." in browser.get(f"{address}?show=on-hold").text
        hold(withdrawn_world)
        assert "No registration matches these filters." in browser.get(f"{address}?show=due").text
        assert "1–1 of 1" in browser.get(f"{address}?show=on-hold&sort=-candidate").text

    def test_rule_for_all_others_applies(self, withdrawn_world: World) -> None:
        set_rule(withdrawn_world, "", 1, 2)
        assert (get_status(withdrawn_world).evidence_until, get_status(withdrawn_world).records_until) == (
            date(2025, 2, 28),
            date(2025, 3, 31),
        )

    def test_rule_for_the_awarding_body_takes_precedence(self, world: World) -> None:
        with clock.frozen_at(WITHDRAWN), transaction():
            choose_qualification(
                world.registration, find_qualification("ex-svq3-cc", [world.northgate.id]), dan(world)
            )
            withdraw_candidate(world.registration, "Left.", dan(world))
        set_rule(world, "", 1, 2)
        set_rule(world, " Example  awarding body ", 24, 72)
        assert get_status(world).awarding_body == "Example awarding body"
        assert (get_status(world).evidence_until, get_status(world).records_until) == (
            date(2027, 1, 31),
            date(2031, 1, 31),
        )

    def test_new_rule_replaces_the_earlier_one(
        self, withdrawn_world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        set_rule(withdrawn_world, "", 1, 2)
        set_rule(withdrawn_world, "", 3, 6)
        assert [(each.evidence_months, each.record_months) for each in db.session.scalars(select(RetentionRule))] == [
            (3, 6)
        ]
        assert recorded_acts()[-2:] == ["retention_rule_set", "retention_rule_set"]

    @pytest.mark.parametrize(("evidence", "records"), [(0, 6), (7, 6), (1, 601), (-1, -1)])
    def test_decisions_cannot_be_kept_for_less_time_than_evidence(
        self, world: World, evidence: int, records: int
    ) -> None:
        with pytest.raises(Invalid, match="Nothing was changed"):
            set_rule(world, "", evidence, records)

    @pytest.mark.parametrize(
        ("months", "day", "later"),
        [
            (1, date(2025, 1, 31), date(2025, 2, 28)),
            (12, date(2024, 2, 29), date(2025, 2, 28)),
            (11, date(2025, 1, 15), date(2025, 12, 15)),
            (24, date(2025, 12, 1), date(2027, 12, 1)),
        ],
    )
    def test_months_are_calendar_months(self, months: int, day: date, later: date) -> None:
        assert retention_periods.add_months(months, day) == later


class TestDue:
    def test_erasure_is_due_the_day_after_the_period(self, withdrawn_world: World) -> None:
        assert retention.list_due(withdrawn_world.northgate.id, date(2026, 1, 31)) == []
        assert [
            each.registration.id for each in retention.list_due(withdrawn_world.northgate.id, date(2026, 2, 1))
        ] == [withdrawn_world.registration.id]
        assert retention.list_due(withdrawn_world.southbank.id, date(2026, 2, 1)) == []

    def test_registration_on_hold_is_not_due(self, withdrawn_world: World) -> None:
        retention_hold = hold(withdrawn_world)
        assert retention.list_due(withdrawn_world.northgate.id, date(2030, 2, 1)) == []
        with transaction():
            retention.lift_retention_hold(retention_hold, "The appeal is decided.", dan(withdrawn_world))
        assert len(retention.list_due(withdrawn_world.northgate.id, date(2030, 2, 1))) == 1

    @pytest.mark.parametrize("months", [1, 11, 12, 36, 600])
    def test_the_last_day_of_which_the_period_is_over_is_found(self, months: int) -> None:
        for number in range(400):
            today = date(2024, 1, 1) + timedelta(days=number)
            last = retention.find_last_day_due(months, today)
            assert retention_periods.add_months(months, last) < today
            assert retention_periods.add_months(months, last + timedelta(days=1)) >= today

    @pytest.mark.parametrize("body", ["", "Example awarding body", "Another"])
    @pytest.mark.parametrize("for_qualification", [False, True])
    def test_the_list_of_what_is_due_is_that_of_the_reminder(
        self, world: World, body: str, for_qualification: bool, freeze_clock: Hold
    ) -> None:
        with clock.frozen_at(WITHDRAWN):
            set_rule(world, body, 2, 5)
        with clock.frozen_at(WITHDRAWN), transaction():
            if for_qualification:
                choose_qualification(
                    world.registration, find_qualification("ex-svq3-cc", [world.northgate.id]), dan(world)
                )
            withdraw_candidate(world.registration, "Left.", dan(world))
        counts = []
        for day in (date(2025, 3, 31), date(2025, 4, 1), date(2026, 1, 31), date(2026, 2, 1)):
            freeze_clock(datetime(day.year, day.month, day.day, 12, tzinfo=LONDON))
            due = list_retention_statuses(world.northgate.id, ListQuery(sort="ended", chosen={"show": "due"})).rows
            assert due == retention.list_due(world.northgate.id, day)
            counts.append(len(due))
        own = for_qualification and body == "Example awarding body"
        assert counts == ([0, 1, 1, 1] if own or not body else [0, 0, 0, 1])

    @pytest.mark.parametrize(
        ("is_full", "due"), [(False, [False, True]), (True, [False, False])], ids=["evidence", "everything"]
    )
    def test_what_is_erased_is_due_again_only_for_the_rest(
        self, withdrawn_world: World, is_full: bool, due: list[bool], freeze_clock: Hold
    ) -> None:
        db.session.add(
            Erasure(
                registration_id=withdrawn_world.registration.id,
                is_full=is_full,
                erased_at=clock.now(),
                erased_by_id=withdrawn_world.dan.id,
                is_open=False,
            )
        )
        db.session.flush()
        found = []
        for day in (date(2027, 1, 1), date(2028, 2, 1)):
            freeze_clock(datetime(day.year, day.month, day.day, 12, tzinfo=LONDON))
            rows = list_retention_statuses(
                withdrawn_world.northgate.id, ListQuery(sort="ended", chosen={"show": "due"})
            ).rows
            assert rows == retention.list_due(withdrawn_world.northgate.id, day)
            found.append(bool(rows))
        assert found == due
        db.session.rollback()

    def test_what_ends_with_its_qualification_is_not_due_before_that_is_complete(
        self, world: World, freeze_clock: Hold
    ) -> None:
        verify(world)
        with transaction():
            choose_qualification(
                world.registration, find_qualification("ex-svq3-cc", [world.northgate.id]), dan(world)
            )
        freeze_clock(datetime(2040, 1, 1, 12, tzinfo=LONDON))
        query = ListQuery(sort="ended", chosen={"show": "due"})
        assert list_retention_statuses(world.northgate.id, query).rows == []


class TestHold:
    def test_administrator_places_and_lifts_a_retention_hold(
        self, world: World, client: Browser, recorded_acts: Callable[[], list[str]]
    ) -> None:
        address, browser = f"/registrations/{world.registration.id}/retention-hold", client(world.dan)
        assert address in browser.get(f"/registrations/{world.registration.id}").text, "reached before it ended"
        assert address not in client(world.alice).get(f"/registrations/{world.registration.id}").text
        assert browser.post(address, data={"reason": "Alice has appealed."}).status_code == 303
        page = browser.get(f"/centres/{world.northgate.id}/retention").text
        assert "Alice has appealed." in page
        assert "Alice Moran" in page, "held before it ended"
        assert browser.post(address, data={"reason": "Decided."}).status_code == 303
        assert recorded_acts()[-2:] == ["retention_hold_set", "retention_hold_lifted"]
        assert "Alice Moran" not in browser.get(f"/centres/{world.northgate.id}/retention").text

    def test_second_hold_or_second_lifting_is_refused(self, world: World) -> None:
        retention_hold = hold(world)
        with pytest.raises(Refused, match="already on retention hold"):
            hold(world)
        with transaction():
            retention.lift_retention_hold(retention_hold, "Decided.", dan(world))
        with pytest.raises(Refused, match="already been lifted"):
            retention.lift_retention_hold(retention_hold, "Decided.", dan(world))

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
    def test_retention_hold_needs_a_reason(self, world: World, client: Browser, reason: str) -> None:
        answer = client(world.dan).post(
            f"/registrations/{world.registration.id}/retention-hold", data={"reason": reason}
        )
        assert answer.status_code == 422
        assert retention.find_retention_hold(world.registration) is None

    def test_only_an_administrator_of_the_centre_can_place_a_hold(self, world: World, client: Browser) -> None:
        for person in (world.alice, world.bob, world.carol, world.heidi):
            answer = client(person).post(
                f"/registrations/{world.registration.id}/retention-hold", data={"reason": "So."}
            )
            assert answer.status_code == 404
        assert retention.find_retention_hold(world.registration) is None


class TestPage:
    def test_retention_page_shows_what_is_due(
        self, withdrawn_world: World, client: Browser, freeze_clock: Hold
    ) -> None:
        freeze_clock(datetime(2026, 3, 1, 12, 0, tzinfo=LONDON))
        with transaction():
            for grant in withdrawn_world.dan.grants:
                grant.starts_at = WITHDRAWN
        page = client(withdrawn_world.dan).get(f"/centres/{withdrawn_world.northgate.id}/retention").text
        assert "due since 31 January 2026" in page
        assert "31 January 2028" in page

    def test_candidates_page_links_to_retention(self, world: World, client: Browser) -> None:
        address = f"/centres/{world.northgate.id}/retention"
        assert address in client(world.dan).get(f"/centres/{world.northgate.id}/registrations").text
        assert client(world.heidi).get(address).status_code == 404

    def test_administrator_sets_a_retention_rule(self, world: World, client: Browser) -> None:
        browser, address = client(world.dan), f"/centres/{world.northgate.id}/retention"
        fields = {"awarding_body": "SQA", "evidence_months": "12", "record_months": "60"}
        assert browser.post(address, data=fields).status_code == 303
        assert "SQA" in browser.get(address).text
        for slip in (
            {"evidence_months": "many"},
            {"record_months": "6"},
            {"record_months": ""},
            {"awarding_body": "x" * 201},
        ):
            answer = browser.post(address, data={**fields, **slip})
            assert answer.status_code == 422, slip
        page = browser.post(address, data={**fields, "evidence_months": "", "record_months": ""}).text
        assert "Months for evidence: enter a number" in page
        assert "Months for decisions, signatures and forms: enter a number" in page
        assert db.session.query(RetentionRule).count() == 1

    def test_page_takes_few_statements_however_many_have_ended(
        self, withdrawn_world: World, client: Browser, count_statements: Callable[..., Any]
    ) -> None:
        browser, counts = client(withdrawn_world.dan), []
        for _ in range(2):
            with count_statements() as statements:
                browser.get(f"/centres/{withdrawn_world.northgate.id}/retention")
            counts.append(len(statements))
            with transaction():
                for number in range(60):
                    person = factories.make_person(f"Ann {len(counts)} {number}")
                    factories.make_registration(
                        person, withdrawn_world.northgate, withdrawn_world.dan
                    ).withdrawn_at = WITHDRAWN
        assert counts[1] <= counts[0]
        assert NEXT in browser.get(f"/centres/{withdrawn_world.northgate.id}/retention").text


class TestReminder:
    @pytest.fixture(autouse=True)
    def _forgotten(self, app: Flask) -> None:
        app.extensions.pop("reminded_on", None)

    def test_administrator_is_reminded_once_a_week(
        self, withdrawn_world: World, emails_to: Callable[[Person], list[str]], freeze_clock: Hold
    ) -> None:
        night = datetime(2026, 11, 23, 4, 0, tzinfo=LONDON)
        for days, count in ((0, 1), (1, 1), (6, 1), (7, 2)):
            freeze_clock(night + timedelta(days=days))
            send_retention_reminders()
            send_retention_reminders()
            messages = emails_to(withdrawn_world.dan)
            assert len(messages) == count, days
        assert "1 registration" in messages[0]
        assert f"/centres/{withdrawn_world.northgate.id}/retention" in messages[0]
        assert "Alice" not in messages[0]
        assert emails_to(withdrawn_world.heidi) == []

    def test_no_reminder_for_registrations_on_hold_or_during_the_day(
        self, withdrawn_world: World, emails_to: Callable[[Person], list[str]], freeze_clock: Hold
    ) -> None:
        freeze_clock(datetime(2026, 11, 23, 2, 0, tzinfo=LONDON))
        send_retention_reminders()
        hold(withdrawn_world)
        freeze_clock(datetime(2026, 11, 23, 4, 0, tzinfo=LONDON))
        send_retention_reminders()
        assert emails_to(withdrawn_world.dan) == []
