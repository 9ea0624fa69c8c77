"""The nightly check of the record by the worker, and the page on which an administrator reads its results."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, text

from tests.factories import World
from tracker.clock import LONDON
from tracker.demo.scenario import fill_database
from tracker.extensions import db
from tracker.integrity import nightly_check
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


class TestPlantedRuns:
    """Rows that somebody planted in the database neither delay a check nor show its result."""

    @pytest.fixture
    def night(self, app_with_signing_key: Flask, freeze_clock: Callable[..., None]) -> datetime:
        """The night after a check that found nothing, when the next one is due."""
        assert list(app_with_signing_key.config["KEYS_PATH"].glob("*.key"))
        freeze_clock(EVENING)
        assert check_nightly()
        freeze_clock(EVENING + timedelta(hours=8.1))
        return EVENING + timedelta(hours=8.1)

    def plant(self, **values: Any) -> None:
        """Plant a copy of the last run with other values."""
        table = IntegrityCheckRun.__table__
        row = dict(db.session.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().one())
        del row["id"]
        db.session.execute(insert(IntegrityCheckRun).values(**row | values))
        db.session.commit()

    @pytest.mark.parametrize(
        "signature",
        [
            pytest.param({}, id="that of another run"),
            pytest.param({"signature": None}, id="none"),
            pytest.param({"signature": "../keys/0:00"}, id="of no key"),
        ],
    )
    @pytest.mark.parametrize("days", [0, 1, 4000])
    def test_a_planted_run_delays_no_check(self, night: datetime, days: int, signature: dict[str, Any]) -> None:
        self.plant(checked_at=night + timedelta(days=days), **signature)
        assert check_nightly()

    @pytest.mark.usefixtures("night")
    def test_a_run_of_the_future_delays_no_check_where_no_host_has_a_key(self, app: Flask) -> None:
        app.config["KEYS_PATH"] = app.config["KEYS_PATH"] / "none"
        self.plant(checked_at=EVENING + timedelta(days=4000))
        assert check_nightly()

    def test_a_planted_run_does_not_count_as_one_of_everything(
        self, night: datetime, freeze_clock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nightly_check, "SMALL_LEDGER", 0)
        freeze_clock(night + timedelta(days=7))
        self.plant(checked_at=night + timedelta(days=6))
        run = check_nightly()
        assert run
        assert {each["since"] for each in run.results} == {None}

    @pytest.mark.parametrize("results", [[], [{"offences": 0.5}], {"a": 1}, "none"])
    def test_a_planted_result_is_not_shown(self, night: datetime, results: Any) -> None:
        self.plant(checked_at=night, violated=0, results=results, signature=get_last_check().signature)
        assert get_last_check().checked_at == EVENING

    @pytest.mark.one_database
    @pytest.mark.usefixtures("night")
    def test_a_run_that_cannot_be_read_is_passed_over(self) -> None:
        self.plant()
        last = "SELECT max(id) FROM integrity_check_run"
        statement = f"UPDATE integrity_check_run SET checked_at = 'never' WHERE id = ({last})"
        db.session.execute(text(statement))
        db.session.commit()
        assert check_nightly()

    @pytest.mark.usefixtures("night")
    def test_a_check_counts_once_it_ran(self) -> None:
        assert check_nightly()
        assert check_nightly() is None


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
