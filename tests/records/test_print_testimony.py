"""The printed witness testimony: as it was signed and authenticated, and blank for the pen."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet
from tests.records.testimonies import Inbox, ask, authenticate, sign, sign_in_person
from tracker.models import Evidence, Person
from tracker.recording_forms.rendering import render_sectioned_sheet
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.records.queries.reading import find_shown_version
from tracker.records.testimony_printing import build_blank_testimony, build_testimony
from tracker.vocabulary import WitnessStatus
from tracker.web.authorise import RolesInRecord

Browser = Callable[..., FlaskClient]


def build(record: Evidence, reader: Person) -> SectionedSheet:
    return build_testimony(record, find_shown_version(record, RolesInRecord(()), reader.id, None))


def read(sheet: SectionedSheet) -> str:
    return " ".join(Sheet(render_sectioned_sheet(sheet)).text.split())


def test_a_testimony_is_printed_as_it_was_signed_and_authenticated(
    world: World, client: Browser, emails_to: Inbox  # noqa: F811 - the fixture
) -> None:  # fmt: skip
    record = authenticate(sign(ask(world.cfacc15, world.alice), emails_to), world.bob).evidence
    words = read(build(record, world.bob))
    for expected in (
        "Margaret Ellis, signed electronically", "Operations manager", "Her line manager since March 2025",
        "Alice took the call", "confirmed with a code", "I am not a relative or partner of Alice Moran.",
        "Bob Archer, authenticated electronically", "Authenticated by the assessor.", "Billing floor, Leeds",
    ):  # fmt: skip
        assert expected in words
    path = f"/records/{record.id}/record.pdf"
    for person in (world.alice, world.bob):
        browser = client(person)
        assert f'href="{path}"' in browser.get(f"/records/{record.id}").text
        assert browser.get(path, buffered=True).mimetype == "application/pdf"
    assert client(world.frank).get(path).status_code == 404


def test_a_testimony_signed_in_person_says_that_the_address_is_not_confirmed(world: World) -> None:
    record = authenticate(sign_in_person(world.cfacc15, world.alice), world.bob).evidence
    words = read(build(record, world.bob))
    assert "Signed in person, address not confirmed." in words
    assert "Margaret Ellis, signed in person, address not confirmed" in words
    assert "confirmed with a code" not in words


def test_a_blank_testimony_has_the_statuses_the_criteria_and_lines_to_sign_on(world: World) -> None:
    sheet = Sheet(render_sectioned_sheet(build_blank_testimony(world.cfacc15)))
    words = " ".join(sheet.text.split())
    for each in WitnessStatus:
        assert each.described in words
    for expected in ("Alice Moran", "Witness’s signature", "Assessor’s signature", "on the date above", "blank"):
        assert expected in words
    heads: list[Any] = [cell.text for cell in sheet.tables[0][0]]
    assert heads == ["Criterion", "Wording", "Seen"]


def test_candidate_and_assessor_print_the_blank_testimony(world: World, client: Browser) -> None:
    path = f"/attempts/{world.cfacc15.id}/testimony.pdf"
    assert client(world.alice).get(path, buffered=True).mimetype == "application/pdf"
    assert f'href="{path}"' in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text
    assert client(world.carol).get(path).status_code == 404
