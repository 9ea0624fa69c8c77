"""Every page that test_whole_life.py does not open, on the demonstration's data, at both widths."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select, text

from tests.browser.conftest import LiveServer
from tests.every_page import list_addresses
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Person

LONG_WORD = "Contactcentre" * 6 + "XY"
LONG_TEXTS = {
    "person": ["name"],
    "centre": ["name"],
    "unit": ["title"],
    "qualification": ["title"],
    "criterion": ["heading", "text"],
    "evidence": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "evidence_version": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "attachment": ["name"],
    "assessment": ["feedback"],
    "claim": ["locator"],
    "decision": ["comment"],
    "action_point": ["action"],
}
"""Columns of text that people wrote, by table."""
WIDEST = """() => [...document.querySelectorAll("main *, header *")]
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(-3).map((each) => `${each.tagName.toLowerCase()}.${each.className}: ${each.textContent.trim().slice(0, 40)}`)
  .join(" | ")"""
"""What reaches beyond the right edge, the innermost last."""
pytestmark = pytest.mark.browser


def sign_in(live_server: LiveServer, browser: Browser, name: str, width: int) -> BrowserContext:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale="en-GB")
    if name:
        with live_server.app.app_context(), transactions.transaction():
            query = select(Person).where(Person.name.startswith(name), Person.email.startswith(f"{name.lower()}@"))
            token = start_session(db.session.scalars(query).one(), "127.0.0.1", "Chromium", proven=True)
        context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    return context


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_opens_fits_and_is_accessible(width: int, live_server: LiveServer, browser: Browser) -> None:
    problems: list[str] = []
    for name, paths in list_addresses(live_server.app).items():
        context = sign_in(live_server, browser, name, width)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
        )
        for path in paths:
            problems.extend(
                find_problems(page, live_server.address + path, f"{name or 'nobody'} at {width} px: {path}")
            )
        context.close()
    assert not problems, "\n\n".join(problems)


def find_problems(page: Page, address: str, description: str) -> Iterator[str]:
    answer = page.goto(address)
    if answer is None or answer.status >= 500:
        yield f"{description} answered {answer and answer.status}"
        return
    if not description.startswith("nobody") and page.url.endswith("/sign-in"):
        yield f"{description} asked to sign in"
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if beyond > 0:
        yield f"{description} scrolls sideways by {beyond} px"
    report = Axe().run(page)
    if report.violations_count:
        yield f"{description}\n{report.generate_report()}"


def lengthen_texts(live_server: LiveServer) -> None:
    """Add a word of 80 letters to what people wrote, past the triggers that keep sealed rows."""
    with live_server.app.app_context():
        triggers = db.session.scalars(text("select name from sqlite_master where type = 'trigger'")).all()
        for trigger in triggers:
            db.session.execute(text(f'drop trigger "{trigger}"'))
        for table, columns in LONG_TEXTS.items():
            for column in columns:
                update = f"update {table} set {column} = {column} || ' ' || :word where {column} is not null"
                db.session.execute(text(update), {"word": LONG_WORD})
        db.session.commit()


def test_long_words_never_widen_a_phone_page(live_server: LiveServer, browser: Browser) -> None:
    assert len(LONG_WORD) == 80
    addresses = list_addresses(live_server.app)
    lengthen_texts(live_server)
    problems: list[str] = []
    for name, paths in addresses.items():
        context = sign_in(live_server, browser, name, 390)
        page = context.new_page()
        for path in paths:
            page.goto(live_server.address + path)
            beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if beyond > 0:
                problems.append(
                    f"{name or 'nobody'}: {path} scrolls sideways by {beyond} px: {page.evaluate(WIDEST)}"
                )
        context.close()
    assert not problems, "\n\n".join(problems)
