"""Questions of a bank, asked in person: written, chosen and finished on a phone, a tablet and a laptop."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.accessibility import bring_axe
from tests.browser.conftest import LiveServer
from tests.browser.test_observation import PHONE, TABLET, check_page, open_context
from tests.browser.test_unsaved_text import start_session
from tests.records.questions import GUIDANCE, QUESTION, write
from tracker.extensions import db
from tracker.models import Claim, Evidence

pytestmark = pytest.mark.browser
LAPTOP = (1280, 800)
SAVED = re.compile("^Saved")


@pytest.fixture(params=[TABLET, PHONE, LAPTOP], ids=["tablet", "phone", "laptop"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = open_context(browser, request.param)
    bring_axe(context)
    yield context
    context.close()


def add_to_bank(live_server: LiveServer) -> None:
    with live_server.app.app_context():
        world = live_server.world
        write(db.session.merge(world.cfacc15), db.session.merge(world.bob), marks=("g", "h"))
        db.session.remove()


def begin(live_server: LiveServer, context: BrowserContext) -> Page:
    """Let Bob begin to ask Alice questions on the page of her unit."""
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{live_server.world.cfacc15.id}")
    page.click("summary:has-text('Discussion, questions, blank records')")
    page.click("button:has-text('Ask questions')")
    page.wait_for_url("**/records/*/edit")
    return page


def read_width(page: Page) -> int:
    assert page.viewport_size
    return page.viewport_size["width"]


def choose(page: Page) -> None:
    """Go to the bank, tick its question and come back."""
    page.click("button:has-text('Choose from the question bank')")
    page.wait_for_url("**/records/*/questions")
    page.check("input[name=question]")
    page.click("button:has-text('Add the ticked questions')")
    page.wait_for_url("**/records/*/edit*")


def list_claims(live_server: LiveServer) -> dict[str, str]:
    with live_server.app.app_context():
        claims = (
            db.session.query(Claim).join(Evidence).filter(Evidence.number.is_not(None), Claim.removed_at.is_(None))
        )
        return {claim.criterion.label: claim.locator for claim in claims}


def finish(page: Page) -> None:
    page.click("button:has-text('Finish and send to Alice')")
    page.wait_for_url("**/records/*/finish")
    page.check("[name=declared]")
    page.click("button:has-text('Finish and send to Alice')")
    page.wait_for_url(re.compile(r"/records/\d+$"))


def test_questions_are_chosen_answered_and_sent_to_the_candidate(
    live_server: LiveServer, context: BrowserContext
) -> None:
    add_to_bank(live_server)
    page = begin(live_server, context)
    width = read_width(page)
    check_page(page, width)
    page.click("button:has-text('Choose from the question bank')")
    page.wait_for_url("**/records/*/questions")
    check_page(page, width)
    page.focus("input[name=question]")
    page.keyboard.press("Space")
    page.click("button:has-text('Add the ticked questions')")
    page.wait_for_url("**/records/*/edit*")
    expect(page.locator("[name=question-0]")).to_have_value(QUESTION)
    page.fill("[name=answer-0]", "“Above £50.”")
    expect(page.get_by_role("button", name="Finish and send to Alice")).to_be_in_viewport()
    expect(page.locator("[data-autosave-status]").first).to_have_text(SAVED)
    check_page(page, width)
    finish(page)
    check_page(page, width)
    assert list_claims(live_server) == {"g": "question 1", "h": "question 1"}
    assert GUIDANCE not in page.content()


def test_an_answer_is_there_after_the_tab_was_closed(live_server: LiveServer, context: BrowserContext) -> None:
    add_to_bank(live_server)
    page = begin(live_server, context)
    choose(page)
    address = page.url
    with page.expect_response(re.compile("/draft$")):
        page.fill("[name=answer-0]", "“I ask the duty manager.”")
    page.close()
    page = context.new_page()
    page.goto(address)
    expect(page.locator("[name=answer-0]")).to_have_value("“I ask the duty manager.”")


def test_questions_are_asked_without_scripts(live_server: LiveServer, browser: Browser) -> None:
    context = open_context(browser, PHONE, has_scripts=False)
    add_to_bank(live_server)
    page = begin(live_server, context)
    page.fill("[name=question-0]", "Whom do you tell about a fault?")
    page.fill("[name=answer-0]", "“The duty manager.”")
    page.fill("[name=mark-0]", "h")
    choose(page)
    page.fill("[name=answer-1]", "“Above £50.”")
    finish(page)
    assert list_claims(live_server) == {"g": "question 2", "h": "question 1, question 2"}
    context.close()


def test_the_bank_is_kept_on_every_screen(live_server: LiveServer, context: BrowserContext) -> None:
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    width = read_width(page)
    page.goto(f"{live_server.address}/questions")
    check_page(page, width)
    page.click("a:has-text('Add a question')")
    page.fill("[name=unit]", "CFACC15")
    page.click("button:has-text('Continue')")
    page.fill("[name=text]", QUESTION)
    page.check("input[name=marks][value=g]")
    page.fill("[name=guidance]", GUIDANCE)
    check_page(page, width)
    page.click("button:has-text('Add to the bank')")
    page.click(f"a:has-text('{QUESTION}')")
    check_page(page, width)
    page.click("summary:has-text('Retire this question')")
    page.click("button:has-text('Retire it')")
    expect(page.locator("body")).to_contain_text("The question is retired.")
