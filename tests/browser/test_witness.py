"""A witness on a phone, without an account: by a link, with and without scripts."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.browser.accessibility import bring_axe, find_violations
from tests.browser.conftest import LiveServer
from tests.records.testimonies import MARGARET, NARRATIVE, list_ids
from tracker.clock import today
from tracker.ledger.transactions import transaction
from tracker.records.services.testimony_requests import AskedTestimony, ask_witness

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


def find(emails: list[tuple[str, str]], pattern: str) -> str:
    found = re.findall(pattern, "".join(text for address, text in emails if address == MARGARET))
    assert found
    return str(found[-1])


def ask(live_server: LiveServer) -> None:
    """Ask Margaret as Alice."""
    with live_server.open_world() as world, transaction():
        asked = AskedTestimony(
            "Margaret Ellis", MARGARET, "Late refund, case CH-2231", today(), "Billing floor, Leeds",
            list_ids(world.cfacc15, "4", "5", "6", "7"),
        )  # fmt: skip
        ask_witness(world.cfacc15, asked, factories.make_actor(world.alice))


def type_all(page: Page) -> None:
    page.get_by_label("Your job").fill("Operations manager")
    page.get_by_label("How you know the candidate").fill("Her line manager since March 2025")
    page.get_by_label("I know these standards from my work").check()
    page.get_by_label("I am not a relative or partner").check()
    page.get_by_label("What did the candidate do?").fill(NARRATIVE)
    page.get_by_label(re.compile(r"^5 ")).check()


def check(page: Page, *, has_scripts: bool = True) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if has_scripts:
        assert list(find_violations(page)) == []


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_witness_signs_on_a_phone(
    live_server: LiveServer, browser: Browser, emailing: list[tuple[str, str]], has_scripts: bool
) -> None:
    ask(live_server)
    context = browser.new_context(viewport=PHONE, locale="en-GB", java_script_enabled=has_scripts)
    if has_scripts:
        bring_axe(context)
    page = context.new_page()
    path = find(emailing, r"(/witness/[\w-]+)")
    page.goto(f"{live_server.address}{path}")
    expect(page.get_by_role("heading", name="Witness testimony for Alice Moran")).to_be_visible()
    check(page, has_scripts=has_scripts)
    type_all(page)
    if has_scripts:
        page.reload()  # what was typed is kept in this browser
        expect(page.get_by_label("What did the candidate do?")).to_have_value(NARRATIVE)
    page.get_by_role("button", name="Email me a code").last.click()
    expect(page.get_by_label("Code")).to_be_visible()
    check(page, has_scripts=has_scripts)
    page.get_by_label("Code").fill(find(emailing, r"Your code is (\d{6})"))
    page.get_by_label("Type your full name to sign").fill("Margaret Ellis")
    if has_scripts:
        kept = page.evaluate("Object.values(localStorage).join()")
        assert NARRATIVE in kept
        assert find(emailing, r"Your code is (\d{6})") not in kept
        assert "signed_name" not in kept
    page.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_text("You have signed this testimony")).to_be_visible()
    check(page, has_scripts=has_scripts)
    if has_scripts:
        assert page.evaluate("Object.keys(localStorage).length") == 0
    context.close()


def test_the_browser_keeps_nothing_after_a_witness_declined(
    live_server: LiveServer, browser: Browser, emailing: list[tuple[str, str]]
) -> None:
    ask(live_server)
    context = browser.new_context(viewport=PHONE, locale="en-GB")
    page = context.new_page()
    page.goto(live_server.address + find(emailing, r"(/witness/[\w-]+)"))
    type_all(page)
    assert NARRATIVE in page.evaluate("Object.values(localStorage).join()")
    page.get_by_text("I cannot confirm this", exact=True).click()
    page.get_by_role("button", name="Say that I cannot confirm this").click()
    expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).length") == 0
    context.close()
