"""A unit read from its PDF: corrected where doubtful, published, a candidate registered on it, its form printed."""

import io
import re
from pathlib import Path

import pytest
import weasyprint
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from tests.browser.conftest import LiveServer
from tests.browser.test_whole_life import LAPTOP, PHONE, Walker, at_browser
from tests.factories import PASSWORD, make_app
from tracker.ledger.transactions import transaction

pytestmark = [pytest.mark.slow, pytest.mark.browser]

MISPRINTED = "Tell the writer who will answer."
UNIT = f"""
<title>Answer letters from the public</title>
<style>body {{ font: 11pt sans-serif }} h1 {{ font-size: 18pt }} h2 {{ font-size: 14pt }}</style>
<h1>Answer letters from the public</h1><p>URN: XLTR204</p>
<h2>Overview</h2><p>This standard is about answering the letters that members of the public write.</p>
<h2>Performance criteria</h2><p>You must be able to:</p>
<p>1. Open each letter on the day on which it comes.</p>
<p>2. Find out what the writer wants.</p>
<p>3. Pass on the letters that are not yours to answer.</p>
<p>3. {MISPRINTED}</p>
<p>5. Answer every question that the writer asks.</p>
<h2>Knowledge and understanding</h2><p>You need to know and understand:</p>
<p>1. The matters that your organisation deals with.</p>
<p>2. How long an answer may take.</p>
<h2>Evidence requirements</h2><p>1. Your evidence must come from your own work.</p>
"""


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(PHONE, False), (LAPTOP, False), (PHONE, True), (LAPTOP, True)],
    ids=[
        "390 px without JavaScript",
        "1280 px without JavaScript",
        "390 px with JavaScript",
        "1280 px with JavaScript",
    ],
)
def test_a_unit_from_its_pdf_to_its_blank_form(
    live_server: LiveServer, browser: Browser, size: dict[str, int], scripts: bool, tmp_path: Path
) -> None:
    document = tmp_path / "letters.pdf"
    weasyprint.HTML(string=UNIT).write_pdf(document)
    with at_browser(live_server, browser, size, scripts=scripts) as dan:
        with live_server.app.app_context(), transaction():
            make_app(live_server.world.dan)
        dan.sign_in(live_server.world.dan)
        read_document(dan, document)
        correct_the_doubt(dan)
        publish_draft(dan)
        register_alice(dan)
        print_blank_form(dan)


def read_document(dan: Walker, document: Path) -> None:
    dan.follow("Units")
    dan.follow("Add a unit")
    dan.page.get_by_label("Document", exact=True).set_input_files(document)
    dan.press("Read the document")
    expect(dan.page.get_by_role("heading", level=1)).to_contain_text("Check Answer letters from the public")
    expect(dan.page.locator(".source-line", has_text="Tell the writer")).to_have_count(1)


def correct_the_doubt(dan: Walker) -> None:
    """Correct the label 3, which the source prints twice, to 4; it is shown as assigned."""
    statement = dan.page.locator("li.review-statement", has_text=MISPRINTED)
    expect(statement.locator(".review-warning").first).to_contain_text("printed twice")
    expect(dan.page.locator("#faults")).to_contain_text("have the label 3 twice")
    dan.leave_by(statement.get_by_role("link", name="Change"))
    dan.page.get_by_label("Label", exact=True).fill("4")
    dan.page.get_by_label("Origin of the label").select_option("Assigned by position")
    dan.press("Save")
    expect(dan.page.locator("#faults")).to_have_count(0)
    dan.leave_by(statement.get_by_role("button", name="Mark as checked").first)
    expect(dan.page.locator(".review-warning.is-resolved")).to_have_count(1)


def publish_draft(dan: Walker) -> None:
    dan.follow("Continue to publish")
    for tick in dan.page.get_by_role("checkbox").all():
        tick.check()
    dan.page.get_by_label("Your password", exact=True).fill(PASSWORD)
    dan.press("Publish")
    expect(dan.page.get_by_text("XLTR204 is published.")).to_be_visible()


def register_alice(dan: Walker) -> None:
    dan.go(f"/registrations/{dan.live_server.world.registration.id}")
    dan.page.get_by_label("Unit", exact=True).select_option(label="XLTR204 Answer letters from the public")
    dan.press("Add")
    dan.leave_by(dan.page.get_by_role("link", name=re.compile("XLTR204 Answer letters")).first)
    expect(dan.page.get_by_text("Answer every question that the writer asks.").first).to_be_visible()


def print_blank_form(dan: Walker) -> None:
    dan.go("/units/xltr204")
    address = dan.page.get_by_role("link", name="Blank recording form").get_attribute("href")
    answer = dan.page.request.get(f"{dan.live_server.address}{address}")
    text = PdfReader(io.BytesIO(answer.body())).pages[0].extract_text()
    assert "XLTR204" in text
    assert "Performance Criteria" in text
