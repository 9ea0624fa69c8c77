"""Snapshots of a test database: what a test added, changed or deleted is as before once it is restored."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import factories
from tests.database_snapshot import DatabaseSnapshot
from tests.factories import World
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Base, Centre, GuidanceUnit, Person


def add_row() -> None:
    factories.make_person("Ana Ferreira")


def change_row() -> None:
    db.session.scalars(select(Centre)).first().name = "Northgate College"


def delete_row() -> None:
    db.session.delete(db.session.scalars(select(GuidanceUnit)).first())


def replace_row() -> None:
    row = db.session.scalars(select(GuidanceUnit)).first()
    values = {column.name: getattr(row, column.name) for column in GuidanceUnit.__table__.columns}
    db.session.delete(row)
    db.session.flush()
    db.session.add(GuidanceUnit(**values))


def list_rows() -> dict[str, list[str]]:
    transactions.rollback()
    return {
        name: sorted(str(row) for row in db.session.execute(select(table)))
        for name, table in Base.metadata.tables.items()
    }


@pytest.mark.parametrize("change", [add_row, change_row, delete_row, replace_row])
def test_what_a_test_wrote_is_as_before_after_restoring(
    app: Flask, world: World, snapshot_with_people: tuple[DatabaseSnapshot, Any], change: Callable[[], None]
) -> None:
    before = list_rows()
    for _ in range(2):
        change()
        factories.leave_unsealed()
        db.session.commit()
        if change is not replace_row:
            assert list_rows() != before
        snapshot_with_people[0].restore()
        assert list_rows() == before


def test_each_snapshot_restores_its_own_rows(
    app: Flask, empty_snapshot: DatabaseSnapshot, snapshot_with_people: tuple[DatabaseSnapshot, Any]
) -> None:
    for snapshot, count in ((snapshot_with_people[0], 8), (empty_snapshot, 0)) * 2:
        snapshot.restore()
        assert len(db.session.scalars(select(Person)).all()) == count


def test_new_rows_have_the_same_ids_after_restoring_although_others_were_rolled_back(
    app: Flask, empty_snapshot: DatabaseSnapshot
) -> None:
    ids = []
    for _ in range(2):
        ids.append(factories.make_person("Ana Ferreira").id)
        db.session.rollback()
        empty_snapshot.restore()
    assert ids[0] == ids[1]
