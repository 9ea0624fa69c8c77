"""Cleaning of typed text: control characters and characters that change its direction reach no table."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person, RequirementConfirmation
from tracker.web.requests import Parameters
from tracker.web.typed_text import clean_typed_text

pytestmark = pytest.mark.one_database

ClientFor = Callable[[Person], FlaskClient]
CONTROLS = "".join(chr(each) for each in (*range(0x20), *range(0x7F, 0xA0)) if chr(each) not in "\t\n\r\v\f\x85")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (f"first{CONTROLS}second", "firstsecond"),
        ("one\vtwo\fthree\x85four\u2028five\u2029six", "one\ntwo\nthree\nfour\nfive\nsix"),
        ("a tab\tand a line\r\nbreak", "a tab\tand a line\r\nbreak"),
        ("gpj\u202efdp.exe \u2066x\u2069", "gpjfdp.exe x"),
        ("क्\u200dष سارة 你好 👍🏽", "क्\u200dष سارة 你好 👍🏽"),
    ],
)
def test_control_characters_are_removed_and_line_breaks_are_kept(typed: str, kept: str) -> None:
    assert clean_typed_text(typed) == kept


def test_every_parameter_of_a_request_is_cleaned() -> None:
    parameters = Parameters([("comment", "one\x00\x07two\vthree"), ("na\x00me", "x")])
    assert list(parameters.items(multi=True)) == [("comment", "onetwo\nthree"), ("name", "x")]


def test_passwords_are_checked_as_they_were_typed() -> None:
    typed = [("password", "seven\u2066 quiet\x07 otters"), ("current", "one\x0btwo")]
    assert list(Parameters(typed).items(multi=True)) == typed


def test_names_from_a_file_lose_control_characters() -> None:
    assert clean_name("Alice\x07\vMoran\x9b") == "Alice Moran"
    assert remove_invisible_characters("A\x07\u200b call") == "A call"


def test_a_note_is_kept_without_control_characters(world: World, client: ClientFor) -> None:
    page = f"/attempts/{world.cfacc15.id}/sign"
    bob = client(world.bob)
    assert bob.get(page).status_code == 200
    requirement = world.cfacc15.unit_id
    first = db.session.execute(
        select(db.metadata.tables["evidence_requirement"].c.id).filter_by(unit_id=requirement).limit(1)
    ).scalar_one()
    bob.post(page, data={"act": "save", "requirement": first, f"note-{first}": "Three\x07 shifts\vin\fOctober\u202e"})
    db.session.rollback()
    notes = db.session.scalars(select(RequirementConfirmation.note)).all()
    assert notes == ["Three shifts\nin\nOctober"]


def test_a_title_is_kept_on_one_line(world: World, client: ClientFor) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call")
    address = f"/evidence/{evidence.id}/edit"
    alice = client(world.alice)
    data = {"version": evidence.version, "title": "A\vcall\flog\x1b", "method": "work_product", "narrative": "a\vb"}
    alice.post(address, data=data)
    db.session.rollback()
    saved = db.session.get_one(Evidence, evidence.id)
    assert (saved.title, saved.narrative) == ("A call log", "a\nb")
