"""Earlier names of people, and the name that somebody had at a moment."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from tracker.extensions import db
from tracker.models import AccountChange, EarlierName, Person


def build_name_at(moment: Any) -> ColumnElement[str]:
    """Return as SQL the name that a person of the query had at a moment, so that a signature keeps its name.

    docs/rules.md, Signing, rule 14.

    Args:
        moment: the column with the moment.
    """
    earlier = (
        select(EarlierName.name)
        .where(EarlierName.person_id == Person.id, EarlierName.changed_at > moment)
        .order_by(EarlierName.changed_at, EarlierName.id)
        .limit(1)
        .correlate_except(EarlierName)
        .scalar_subquery()
    )
    return func.coalesce(earlier, Person.name)


def find_name_at(person: Person, moment: datetime) -> str:
    """Return the name that a person had at a moment, as `build_name_at` finds it. One statement."""
    return db.session.scalars(select(build_name_at(moment)).where(Person.id == person.id)).one()


def find_names_at(acts: Iterable[tuple[Person, datetime]]) -> dict[tuple[int, datetime], str]:
    """Return the name that each person had at a moment, by their id and the moment. One statement for all of them."""
    pairs = list(acts)
    query = (
        select(EarlierName.person_id, EarlierName.changed_at, EarlierName.name)
        .where(EarlierName.person_id.in_({person.id for person, _ in pairs}))
        .order_by(EarlierName.changed_at, EarlierName.id)
    )
    earlier: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for person_id, changed_at, name in db.session.execute(query):
        earlier[person_id].append((changed_at, name))
    return {
        (person.id, moment): next(
            (name for changed_at, name in earlier[person.id] if changed_at > moment), person.name
        )
        for person, moment in pairs
    }


def list_earlier_names(person_id: int) -> list[EarlierName]:
    """List a person's earlier names, the last one first."""
    query = select(EarlierName).where(EarlierName.person_id == person_id)
    return list(db.session.scalars(query.order_by(EarlierName.changed_at.desc(), EarlierName.id.desc())))


def list_earlier_labels(person_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Return the names and the addresses that these people had, by person: each a pair, of which one is empty."""
    names = select(EarlierName.person_id, EarlierName.name).where(EarlierName.person_id.in_(person_ids))
    addresses = select(AccountChange.person_id, AccountChange.old_email).where(
        AccountChange.person_id.in_(person_ids)
    )
    labels: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for person_id, name in db.session.execute(names):
        labels[person_id].append((name, ""))
    for person_id, address in db.session.execute(addresses):
        labels[person_id].append(("", address))
    return labels
