"""Questions that are set for a candidate: set, answered alone and marked, on a phone and a laptop."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.accessibility import bring_axe
from tests.browser.conftest import LiveServer
from tests.browser.test_observation import PHONE, check_page, open_context
from tests.browser.test_questions import LAPTOP, SAVED, add_to_bank, read_width
from tests.browser.test_unsaved_text import start_session
from tests.records.questions import QUESTION
from tracker.models import Person

pytestmark = pytest.mark.browser
OWN, MANAGER = "Whom do you tell about a fault in the telephone system?", "The duty manager."


@pytest.fixture(params=[PHONE, LAPTOP], ids=["phone", "laptop"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = open_context(browser, request.param)
    bring_axe(context)
    yield context
    context.close()


def open_as(live_server: LiveServer, context: BrowserContext, person: Person, path: str) -> Page:
    start_session(live_server, context, person)
    page = context.new_page()
    page.goto(f"{live_server.address}{path}")
    return page


def set_questions(live_server: LiveServer, context: BrowserContext) -> Page:
    """Let Bob set a question of the bank and one of his own on the page of Alice's unit."""
    page = open_as(live_server, context, live_server.world.bob, f"/attempts/{live_server.world.cfacc15.id}")
    page.click("summary:has-text('Discussion, questions, blank records')")
    page.click("a:has-text('Set questions to answer alone')")
    page.check("input[name=question]")
    page.fill("[name=question-1]", OWN)
    page.fill("[name=mark-1]", "h")
    page.fill("[name=note]", "In your own words, please.")
    return page


def look(page: Page, name: str) -> None:
    """Check the page, and keep a picture of it where the environment names a folder."""
    check_page(page, read_width(page))
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-{read_width(page)}.png", full_page=True)


def test_questions_are_set_answered_and_marked(live_server: LiveServer, context: BrowserContext) -> None:
    add_to_bank(live_server)
    page = set_questions(live_server, context)
    look(page, "set")
    page.click("button:has-text('Set for Alice')")
    page.wait_for_url(re.compile(r"/question-sets/\d+$"))
    look(page, "was-set")
    page = open_as(live_server, context, live_server.world.alice, "/")
    look(page, "home")
    page.click("a:has-text('questions on CFACC15')")
    with page.expect_response(re.compile("/draft$")):
        page.fill("[name=answer-1]", "Above fifty pounds I ask the duty manager, who can say yes or no.")
    expect(page.locator("[data-autosave-status]").first).to_have_text(SAVED)
    page.reload()
    expect(page.locator("[name=answer-1]")).to_have_value(re.compile("^Above fifty"))
    page.fill("[name=answer-2]", MANAGER)
    page.fill("[name=help_used]", "The refund handbook")
    look(page, "answer")
    page.check("[name=declared]")
    page.click("button:has-text('Submit')")
    page.wait_for_url(re.compile(r"/evidence/\d+$"))
    look(page, "handed-in")
    evidence_id = page.url.rsplit("/", 1)[-1]
    attempt_id = live_server.world.cfacc15.id
    page = open_as(
        live_server, context, live_server.world.bob, f"/attempts/{attempt_id}/evidence/{evidence_id}/assess"
    )
    expect(page.locator("legend", has_text=QUESTION)).to_be_visible()
    page.check("#answer-1-met")
    page.check("#answer-2-met")
    page.click("button:has-text('Fill in the decisions from the answers')")
    expect(page.get_by_text("Filled in from your opinion of the answers").first).to_be_visible()
    look(page, "marked")


def test_questions_are_answered_without_scripts(live_server: LiveServer, browser: Browser) -> None:
    context = open_context(browser, PHONE, has_scripts=False)
    add_to_bank(live_server)
    page = set_questions(live_server, context)
    page.click("button:has-text('Set for Alice')")
    page = open_as(live_server, context, live_server.world.alice, "/")
    page.click("a:has-text('questions on CFACC15')")
    page.fill("[name=answer-1]", MANAGER)
    page.click(".no-js-only button:has-text('Save')")
    expect(page.locator("[name=answer-1]")).to_have_value(MANAGER)
    page.fill("[name=answer-2]", MANAGER)
    page.check("[name=declared]")
    page.click("button:has-text('Submit')")
    expect(page.locator("body")).to_contain_text("Submitted as evidence")
    context.close()
