"""The nightly check of the record by the worker, and the page on which an administrator reads its results."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import World
from tracker.clock import LONDON
from tracker.demo.scenario import fill_database
from tracker.integrity.nightly_check import GROUPS, check_nightly, find_last_check
from tracker.integrity.verify import CHECKS
from tracker.models import IntegrityCheckRun, Person

pytestmark = pytest.mark.slow

Browser = Callable[[Person], FlaskClient]
EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=LONDON)


def get_last_check() -> IntegrityCheckRun:
    last = find_last_check()
    assert last
    return last


@pytest.mark.usefixtures("app")
class TestSchedule:
    def test_the_check_runs_once_a_night(self, freeze_clock: Callable[..., None]) -> None:
        freeze_clock(EVENING)
        assert check_nightly()  # no check has run before
        for hours, due in ((1, False), (7, False), (8.1, True), (8.2, False), (16, False), (32.2, True)):
            freeze_clock(EVENING + timedelta(hours=hours))
            assert bool(check_nightly()) is due, hours

    def test_the_check_runs_by_day_where_the_worker_was_stopped_at_night(
        self, freeze_clock: Callable[..., None]
    ) -> None:
        freeze_clock(EVENING)
        check_nightly()
        freeze_clock(EVENING + timedelta(hours=25))
        assert check_nightly() is None
        freeze_clock(EVENING + timedelta(hours=27))
        assert check_nightly()


class TestResults:
    @pytest.mark.usefixtures("app_with_signing_key")
    def test_an_unchanged_record_has_no_violations(self) -> None:
        fill_database()
        check_nightly()
        assert get_last_check().violated == 0
        assert get_last_check().events > 50
        assert all(each["offences"] == 0 for each in get_last_check().results)

    def test_every_check_stands_under_a_heading(self) -> None:
        shown = [number for numbers in GROUPS.values() for number in numbers]
        assert sorted(shown) == sorted({check.number for check in CHECKS})

    def test_a_changed_record_is_shown_to_an_administrator(self, world: World, client: Browser) -> None:
        """The factories record no events, so that the check finds violations."""
        check_nightly()
        page = client(world.dan).get("/integrity").text
        assert "checks failed" in page
        assert "found.</b>" in page
        assert "is in no event" not in page, "only the operator sees which row it is"
        assert "flask verify" in page

    def test_page_says_so_before_the_first_check(self, world: World, client: Browser) -> None:
        assert "No check has run yet." in client(world.dan).get("/integrity").text

    def test_settings_link_to_the_page(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert 'href="/settings"' in dan.get("/").text
        assert 'href="/integrity"' in dan.get("/settings", follow_redirects=True).text
