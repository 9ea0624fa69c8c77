"""What is loaded in bulk: as much as its size says, with references that exist and a chain of events that holds."""

import json

from flask import Flask
from sqlalchemy import func, select

from tests.bulk.loading import load_in_bulk
from tests.bulk.rows import COLUMNS
from tests.bulk.sizes import Size
from tracker.extensions import db
from tracker.ledger.events import GENESIS, hash_body
from tracker.ledger.transactions import transaction
from tracker.models import Centre, CentreStorage, Claim, Event, Evidence, Person, Registration
from tracker.portfolio.storage_counters import list_differences

SMALL = Size(candidates=60, items=10, claims=5, events=25, centres=2)


def test_candidates_are_loaded_in_bulk(bulk_app: Flask) -> None:
    url = bulk_app.config["SQLALCHEMY_DATABASE_URI"]
    load_in_bulk(url, SMALL)
    load_in_bulk(url, SMALL, seed=2)
    with bulk_app.app_context():
        counts = {
            model: db.session.scalar(select(func.count()).select_from(model))
            for model in (Centre, Registration, Evidence, Claim)
        }
        assert counts == {Centre: 4, Registration: 120, Evidence: 1_200, Claim: 6_000}
        assert _list_missing_references() == []
        assert list(list_differences(db.session.connection())) == []
        sizes = db.session.scalars(select(CentreStorage.size)).all()
        assert len(sizes) == 4
        assert min(sizes) > 0
        events = db.session.execute(
            select(Event.seq, Event.at, Event.body, Event.prev, Event.hash).order_by(Event.seq)
        ).all()
        assert [row.seq for row in events] == list(range(1, len(events) + 1))
        assert [row.prev for row in events] == [GENESIS, *(row.hash for row in events[:-1])]
        assert all(row.hash == hash_body(row.body) and json.loads(row.body)["seq"] == row.seq for row in events)
        with transaction():  # the next id is free
            person = Person(name="Alice Moran", email="alice@example.org", created_at=events[-1].at)
            db.session.add(person)
        db.session.remove()


def _list_missing_references() -> list[str]:
    missing = []
    for name in COLUMNS:
        for key in db.metadata.tables[name].foreign_keys:
            target = key.column.table.alias()
            query = (
                select(func.count())
                .select_from(key.parent.table)
                .where(
                    key.parent.is_not(None),
                    ~select(target.c[key.column.name]).where(target.c[key.column.name] == key.parent).exists(),
                )
            )
            if db.session.scalar(query):
                missing.append(f"{name}.{key.parent.name}")
    return missing
