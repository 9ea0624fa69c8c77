"""The whole way of a countersigned decision in a browser: switched on, decided, waiting, sent back, agreed, released."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.assessment import workflow
from tests.assessment.countersigning import make_qualified
from tests.browser.accessibility import bring_axe, find_violations
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tracker.extensions import db
from tracker.models import Person

pytestmark = pytest.mark.browser
WIDTHS = (390, 1024, 1280)


def open_page(live_server: LiveServer, browser: Browser, person: Person, width: int) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport={"width": width, "height": 800}, locale="en-GB")
    context.set_default_timeout(30_000)
    bring_axe(context)
    start_session(live_server, context, person)
    return context, context.new_page()


def check_page(page: Page, width: int) -> None:
    assert list(find_violations(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_decision_goes_back_and_is_countersigned(live_server: LiveServer, browser: Browser, width: int) -> None:
    with live_server.open_world() as world:
        gwen = make_qualified(world)
        workflow.submit_item(world.cfacc15, "Complaint of 5 October", "1", "2")
        db.session.refresh(gwen)
        db.session.expunge_all()
    people = {"dan": live_server.world.dan, "bob": live_server.world.bob, "alice": live_server.world.alice}
    opened = {
        name: open_page(live_server, browser, person, width) for name, person in (people | {"gwen": gwen}).items()
    }
    pages = {name: page for name, (_, page) in opened.items()}
    switch_on(pages["dan"], live_server, width)
    decide(pages["bob"], live_server.address)
    read_that_it_waits(pages, live_server.address, width)
    disagree(pages["gwen"], live_server.address, width)
    accept_again(pages["bob"], live_server.address, width)
    agree(pages["gwen"], live_server.address)
    pages["alice"].reload()
    expect(pages["alice"].locator("body")).not_to_contain_text("countersigns it")
    expect(pages["alice"].locator("body")).to_contain_text("Met")
    for context, _ in opened.values():
        context.close()


def switch_on(page: Page, live_server: LiveServer, width: int) -> None:
    """Name Gwen as Bob's countersigner and switch countersigning on, as Dan."""
    with live_server.open_world() as world:
        centre = world.northgate.id
    page.goto(f"{live_server.address}/centres/{centre}/countersigning")
    page.click("a:has-text('Bob Archer')")
    check_page(page, width)
    page.select_option("[name=person]", label="Gwen Hill")
    page.click("button:has-text('Name countersigner')")
    expect(page.locator("body")).to_contain_text("Gwen Hill countersigns for Bob Archer from now on")
    page.check("[name=is_on]")
    page.click("main button:has-text('Save')")
    expect(page.locator("body")).to_contain_text("Countersigning is switched on")
    check_page(page, width)


def read_that_it_waits(pages: dict[str, Page], address: str, width: int) -> None:
    """Read with whom it waits, as Bob and Alice."""
    pages["bob"].goto(f"{address}/countersigning?show=own")
    expect(pages["bob"].locator("body")).to_contain_text("Complaint of 5 October")
    check_page(pages["bob"], width)
    pages["alice"].goto(f"{address}/evidence")
    pages["alice"].click("a:has-text('Complaint of 5 October')")
    expect(pages["alice"].locator("body")).to_contain_text("Gwen Hill countersigns it before you see it")
    check_page(pages["alice"], width)


def disagree(page: Page, address: str, width: int) -> None:
    """Open what waits from the queue, and send it back."""
    page.goto(f"{address}/queue")
    page.click("a:has-text('to countersign')")
    check_page(page, width)
    page.click("a:has-text('Complaint of 5 October')")
    expect(page.locator("h1")).to_contain_text("Countersign evidence")
    check_page(page, width)
    page.click("summary:has-text('Disagree')")
    page.fill("[name=reason]", "Criterion 2 is not shown.")
    check_page(page, width)
    page.click("button:has-text('Send back')")
    expect(page.locator("body")).to_contain_text("Sent back to the assessor")


def accept_again(page: Page, address: str, width: int) -> None:
    """Read the reason and accept the item again."""
    page.goto(f"{address}/queue")
    page.click("a:has-text('Complaint of 5 October')")
    expect(page.locator("body")).to_contain_text("Criterion 2 is not shown.")
    check_page(page, width)
    page.click("button:has-text('Accept')")
    page.wait_for_url("**/queue**")


def agree(page: Page, address: str) -> None:
    page.goto(f"{address}/countersigning")
    page.click("a:has-text('Complaint of 5 October')")
    page.click("button:has-text('Agree and countersign')")
    expect(page.locator("body")).to_contain_text("Alice Moran sees the assessment now")


def decide(page: Page, address: str) -> None:
    """Accept the item with every criterion met."""
    page.goto(f"{address}/queue")
    page.click("a:has-text('Complaint of 5 October')")
    for choice in page.locator("input[type=radio][value=met]").all():
        choice.check()
    for name in ("valid", "authentic", "current"):
        page.check(f"[name={name}]")
    if page.locator("[name=warnings_reason]").count():
        page.fill("[name=warnings_reason]", workflow.WARNINGS_REASON)
    page.click("button:has-text('Accept')")
    page.wait_for_url("**/queue**")
