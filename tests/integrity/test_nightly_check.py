"""The record is checked every night by the worker; an administrator reads what was found."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import World
from tracker.clock import LONDON
from tracker.demo.scenario import fill_database
from tracker.integrity.nightly_check import check_nightly, find_last_check
from tracker.models import IntegrityCheckRun, Person

Browser = Callable[[Person], FlaskClient]
EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=LONDON)


def found() -> IntegrityCheckRun:
    last = find_last_check()
    assert last
    return last


@pytest.mark.usefixtures("app")
class TestWhen:
    def test_once_a_night(self, freeze_clock: Callable[..., None]) -> None:
        freeze_clock(EVENING)
        assert check_nightly()  # there was none before
        for hours, due in ((1, False), (7, False), (8.1, True), (8.2, False), (16, False), (32.2, True)):
            freeze_clock(EVENING + timedelta(hours=hours))
            assert bool(check_nightly()) is due, hours

    def test_by_day_where_the_worker_was_away(self, freeze_clock: Callable[..., None]) -> None:
        freeze_clock(EVENING)
        check_nightly()
        freeze_clock(EVENING + timedelta(hours=25))
        assert check_nightly() is None
        freeze_clock(EVENING + timedelta(hours=27))
        assert check_nightly()


class TestWhat:
    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_whole_record(self) -> None:
        fill_database()
        check_nightly()
        assert found().violated == 0
        assert found().events > 50
        assert all(each["offences"] == 0 for each in found().results)

    def test_a_changed_record_is_shown_to_an_administrator(self, world: World, client: Browser) -> None:
        """The factories tell the ledger nothing, so that there is much to name."""
        check_nightly()
        page = client(world.dan).get("/integrity").text
        assert "checks failed" in page
        assert "found.</b>" in page
        assert "is in no event" not in page, "which row it is, is for whoever runs the installation"
        assert "flask verify" in page

    def test_before_the_first_check(self, world: World, client: Browser) -> None:
        assert "No check has run yet." in client(world.dan).get("/integrity").text

    def test_settings_lead_there(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert 'href="/settings"' in dan.get("/").text
        assert 'href="/integrity"' in dan.get("/settings", follow_redirects=True).text
