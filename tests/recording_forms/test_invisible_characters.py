"""Invisible characters in names and titles, which could reorder the form's own words."""

import pytest

from tests import factories
from tests.factories import World
from tracker.accounts.person_names import clean_name, is_name
from tracker.ledger.transactions import transaction
from tracker.models import UnitAttempt
from tracker.portfolio.services.evidence import save_draft
from tracker.recording_forms.queries import build_form_content

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Evil\u202eNAME", "EvilNAME"), ("Bob\u200b Archer", "Bob Archer"), ("क्\u200dष", "क्\u200dष")],
)
def test_names_lose_invisible_characters_and_keep_joiners(name: str, expected: str) -> None:
    assert clean_name(name) == expected


def test_a_name_needs_a_visible_letter() -> None:
    assert not is_name(clean_name("\u200b\u200b"))


def test_a_title_is_saved_without_characters_that_change_its_direction(world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call")
        save_draft(evidence, {"title": "A\u202e call\u2066 log"}, None)
    assert evidence.title == "A call log"


def test_a_form_prints_stored_names_and_titles_without_such_characters(world: World, assessed: UnitAttempt) -> None:
    with transaction():
        world.alice.name = "Alice\u202e Moran"
    content = build_form_content(assessed)
    assert content.candidate_name == "Alice Moran"
