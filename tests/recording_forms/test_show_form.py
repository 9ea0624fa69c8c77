"""The form on screen, as it will print."""

from collections.abc import Callable

import html5lib
import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet
from tracker.ledger.transactions import transaction
from tracker.models import Person, UnitAttempt

pytestmark = pytest.mark.one_database

Client = Callable[[Person], FlaskClient]


def test_the_page_shows_the_table_that_will_be_printed(client: Client, world: World, assessed: UnitAttempt) -> None:
    page = client(world.alice).get(f"/attempts/{assessed.id}/form").text
    table = html5lib.parse(page, namespaceHTMLElements=False).find(".//table")
    heads, labels, *rows = [[("".join(cell.itertext())).strip() for cell in row] for row in table.iter("tr")]
    assert heads == ["", "Performance Criteria", "Knowledge and Understanding"]
    assert labels[:4] == ["Ref", "Description of Evidence", "1", "2"]
    assert [row[:5] for row in rows] == [
        ["1", rows[0][1], "✓", "◐", ""],
        ["2", rows[1][1], "", "○", ""],
    ]
    assert rows[1][1].startswith("Escalation log <b>weeks</b> 10–14")


def test_missing_signatures_are_shown_as_not_signed_yet(client: Client, world: World, assessed: UnitAttempt) -> None:
    page = client(world.carol).get(f"/attempts/{assessed.id}/form").text
    assert page.count("Not signed yet") == 3
    assert "I confirm that all evidence (including Knowledge and Understanding)" in page


def test_without_evidence_there_is_no_empty_table(client: Client, world: World) -> None:
    page = client(world.alice).get(f"/attempts/{world.inscc004.id}/form").text
    assert "No evidence yet. Submitted evidence for this unit appears here." in page
    assert "<table" not in page


def test_the_page_is_not_found_for_another_centre(client: Client, world: World, assessed: UnitAttempt) -> None:
    assert client(world.grace).get(f"/attempts/{assessed.id}/form").status_code == 404


def test_the_verification_page_says_what_the_seal_proves_and_what_it_does_not(client: Client, world: World) -> None:
    page = " ".join(client(world.alice).get("/verify").text.split())
    assert "issued by this installation, and nothing in it has changed since" in page
    assert "What the seal does not prove" in page
    assert "That a decision was right, or that the evidence is genuine" in page


def test_assigned_labels_are_marked_with_a_footnote(client: Client, world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.inscc004, "Call")
        factories.claim(world.inscc004, evidence, "1")
        factories.submit(evidence)
    browser = client(world.alice)
    page = browser.get(f"/attempts/{world.inscc004.id}/form").text
    paper = Sheet(browser.get(f"/attempts/{world.inscc004.id}/form.pdf").data)
    for text in (page, paper.text):
        text = " ".join(text.split())  # noqa: PLW2901 - the lines of the page joined
        assert "* label assigned; the source prints none" in text
    labels = [cell.text.replace(" ", "") for cell in paper.tables[0][1]]
    assert "6a*" in labels
    assert "6*" not in labels
