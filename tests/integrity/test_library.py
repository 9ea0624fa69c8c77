"""Changes of units, qualifications and guidance that bypass the product, and of the mark of a demonstration."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, update

from tests.integrity.tampering import list_violations, tampering_transaction
from tests.integrity.test_permitted_writes import act_as, find_first
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.transactions import transaction
from tracker.library.services.guidance import attach_guidance, detach_guidance
from tracker.models import (
    Centre,
    Criterion,
    Guidance,
    GuidanceUnit,
    Installation,
    Qualification,
    Registration,
    Unit,
    UnitCode,
)
from tracker.units.qualification_documents import qualification_from_json
from tracker.vocabulary import Role


@pytest.fixture(autouse=True)
def centres_guidance(demonstration: Flask) -> Iterator[None]:
    """The demonstration, after Dan attached a page of guidance to one unit, and to another one and withdrew that."""
    with transaction():
        page, centre, dan = find_first(Guidance), find_first(Centre), act_as(Role.ADMINISTRATOR)
        attach_guidance(page, "CFAM&LFD3", "It speaks of calls only.", centre.id, dan)
        for _ in range(2):  # the second row may have the number of the first, which is gone
            detach_guidance(attach_guidance(page, "CFACC16", "", centre.id, dan), dan)
        attach_guidance(page, "CFACC18", "", centre.id, dan)
    assert list_violations() == []
    with tampering_transaction():
        yield


def change(model: Any, *conditions: Any, **values: Any) -> list[str]:
    """Change the first row of a table, and return what `flask verify` names."""
    key = next(iter(model.__table__.primary_key))
    first = select(key).where(*conditions).order_by(key).limit(1)
    db.session.execute(update(model.__table__).where(key == first.scalar_subquery()).values(values))
    return list_violations()


def test_a_unit_that_a_search_finds_by_another_code_is_named() -> None:
    assert change(UnitCode, value="OTHER") == ["15: unit 1 (CFACC15) has other codes than its text"]


def test_other_words_for_the_search_are_named() -> None:
    assert change(Unit, search_text="fraud") == ["15: unit 1 (CFACC15) differs from its text in search text"]


def test_a_unit_given_to_a_centre_is_named() -> None:
    [fault, *_] = change(Unit, owner_centre_id=1)
    assert fault.endswith("belongs to another centre than the one that published it")


def test_two_criteria_that_changed_places_are_named() -> None:
    """The claims name a criterion by its number, so each claim would be of the other criterion."""
    first, second = db.session.scalars(
        select(Criterion.id).where(Criterion.unit_id == 1).order_by(Criterion.id)
    ).all()[:2]
    for before, after in ((first, -1), (second, first), (-1, second)):
        db.session.execute(update(Criterion.__table__).where(Criterion.id == before).values(id=after))
    assert any("has another number than it was stored with" in each for each in list_violations())


def test_a_qualification_changed_together_with_its_hash_is_named_where_candidates_are_registered_for_it() -> None:
    chosen = db.session.scalars(
        select(Qualification).join(Registration, Registration.qualification_id == Qualification.id)
    ).first()
    assert chosen
    document = {**json.loads(chosen.document), "minimum_units": 1}
    content_hash = qualification_from_json(document).content_hash
    faults = change(
        Qualification,
        Qualification.id == chosen.id,
        document=canonical_json(document).decode(),
        content_hash=content_hash,
    )
    assert any("its qualification is not the one that event" in each for each in faults)


def test_guidance_shown_with_another_unit_is_named() -> None:
    [fault] = change(GuidanceUnit, GuidanceUnit.centre_id.is_(None), unit_code="OTHER")
    assert fault.endswith("is attached to other units than its text says")


def test_another_warning_of_a_centre_is_named() -> None:
    [fault] = change(GuidanceUnit, GuidanceUnit.centre_id.is_not(None), warning="Nothing.")
    assert fault.endswith("(guidance_attached) attached: warning")


def test_guidance_that_a_centre_withdrew_and_that_is_shown_again_is_named() -> None:
    row = find_first(GuidanceUnit, GuidanceUnit.centre_id.is_not(None))
    values = {column.name: getattr(row, column.name) for column in GuidanceUnit.__table__.columns}
    db.session.execute(insert(GuidanceUnit.__table__).values(values | {"id": row.id + 50, "unit_code": "CFACC17"}))
    assert any("is in no event that attached it" in each for each in list_violations())


def test_a_demonstration_without_its_mark_is_named() -> None:
    db.session.execute(delete(Installation))
    assert list_violations() == ["31: events are of the demonstration, but the database is not marked as one"]
