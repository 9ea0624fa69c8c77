"""Printing the forms of many candidates on a phone: the choice, the bar that moves by itself, and the file."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.browser.accessibility import bring_axe, find_violations
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tracker.background import jobs
from tracker.job_runs.running import run_job
from tracker.ledger.transactions import transaction
from tracker.recording_forms.cohort_printing import CohortPrinting
from tracker.vocabulary import Role

pytestmark = pytest.mark.browser


def test_an_administrator_prints_the_forms_of_a_cohort(
    live_server: LiveServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[int] = []
    monkeypatch.setattr(jobs.Jobs, "put", lambda _self, _job, run_id, **_options: queued.append(run_id))
    monkeypatch.setattr(CohortPrinting, "turn_seconds", 0.0)
    with live_server.open_world() as world, transaction():
        ana = factories.make_person("Ana Ferreira", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ana, world.northgate, world.dan), "CFACC15")
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    bring_axe(context)
    start_session(live_server, context, live_server.world.dan)
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{live_server.world.northgate.id}/registrations")
    page.get_by_role("link", name="Print recording forms").click()
    page.get_by_label("Ana Ferreira").check()
    expect(page.get_by_text("1 ticked")).to_be_visible()
    page.get_by_label("Alice Moran").check()
    page.get_by_label("Only this unit").fill("CFACC15")
    check(page)
    page.get_by_role("button", name="Print forms").click()
    expect(page.get_by_role("heading", name="2 recording forms of 2 candidates")).to_be_visible()
    expect(page.get_by_role("progressbar", name="0 of 2 forms, waiting for other jobs")).to_be_visible()
    check(page)
    take_turn(live_server, queued)
    expect(page.get_by_role("progressbar", name="1 of 2 forms", exact=True)).to_be_visible()
    take_turn(live_server, queued)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    assert download.value.suggested_filename.startswith("recording-forms-")
    check(page)
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("link", name="2 recording forms of 2 candidates")).to_be_visible()
    check(page)
    context.close()


def take_turn(live_server: LiveServer, queued: list[int]) -> None:
    """Take one step of the job that was queued last, as a worker does."""
    with live_server.app.app_context():
        run_job(queued.pop())


def check(page: Page) -> None:
    assert list(find_violations(page)) == []
