"""Export of staff registers: a person's own record, and what an administrator entered in the records of others."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import select

from tracker.accounts.earlier_names import list_earlier_labels
from tracker.extensions import db
from tracker.models import (
    Centre,
    Countersigner,
    CpdEntry,
    InterestDeclaration,
    Person,
    StaffAward,
    StaffCompetence,
    StaffErasure,
)
from tracker.privacy.anonymisation import NameReplacer, read_columns

SOURCES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "awards": (
        StaffAward,
        (
            "kind", "title", "target_on", "awarding_body", "certificate_number", "awarded_on", "ends_on",
            "recorded_at", "confirmed_at", "removed_at", "removed_reason",
        ),
    ),
    "competence": (
        StaffCompetence,
        ("unit_code", "sector", "basis", "recorded_at", "removed_at", "removed_reason"),
    ),
    "cpd": (
        CpdEntry,
        (
            "happened_on", "minutes", "title", "learning", "evidence", "recorded_at", "removed_at", "removed_reason",
        ),
    ),
    "declarations": (
        InterestDeclaration,
        ("interest", "declared_at", "answer", "answered_at", "ended_at", "ended_reason"),
    ),
    "erasures": (StaffErasure, ("erased_at",)),
    "countersigns_for_an_assessor": (Countersigner, ("starts_at", "ends_at")),
}  # fmt: skip
"""The model and the columns of each part of a staff record."""
ADMINISTRATOR = "an administrator of the centre"
TEXTS_OF_OTHERS = {
    StaffAward: (("removed_reason",), ("recorded_by_id", "confirmed_by_id", "removed_by_id")),
    StaffCompetence: (("basis", "removed_reason"), ("recorded_by_id", "removed_by_id")),
    InterestDeclaration: (("answer",), ("answered_by_id",)),
}
"""The columns of texts that administrators wrote, and those that say which administrators."""
MEMBER = "the assessor or verifier"
WRITTEN: dict[str, tuple[Any, str, tuple[str, ...], tuple[str, ...]]] = {
    "awards_recorded": (StaffAward, "recorded_by_id", ("kind", "recorded_at"), ()),
    "awards_confirmed": (StaffAward, "confirmed_by_id", ("kind", "confirmed_at"), ()),
    "awards_removed": (StaffAward, "removed_by_id", ("kind", "removed_at"), ("removed_reason",)),
    "competence_recorded": (StaffCompetence, "recorded_by_id", ("unit_code", "sector", "recorded_at"), ("basis",)),
    "competence_removed": (StaffCompetence, "removed_by_id", ("removed_at",), ("removed_reason",)),
    "declarations_answered": (InterestDeclaration, "answered_by_id", ("answered_at",), ("answer",)),
    "countersigners_named": (Countersigner, "named_by_id", ("starts_at", "ends_at"), ()),
    "records_erased": (StaffErasure, "erased_by_id", ("erased_at",), ()),
}
"""What an administrator enters: the model, the column with the administrator, its plain columns and its texts."""


def read_staff_records(person: Person) -> dict[str, list[dict[str, Any]]]:
    """Return everything in the staff registers about a person, entries that were removed included.

    In texts that administrators wrote, these are called by their role.
    """
    entries = {name: _list_entries(person, model, columns) for name, (model, columns) in SOURCES.items()}
    return {**entries, "countersigned_by_another": _list_countersigners(person)}


def _list_countersigners(person: Person) -> list[dict[str, Any]]:
    """Return when another person was named to countersign what this one decides."""
    query = (
        select(Countersigner, Centre.name)
        .join(Centre, Centre.id == Countersigner.centre_id)
        .where(Countersigner.assessor_id == person.id)
        .order_by(Countersigner.id)
    )
    return [
        {"centre": centre, **read_columns(row, "starts_at", "ends_at")} for row, centre in db.session.execute(query)
    ]


def _list_entries(person: Person, model: Any, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    query = (
        select(model, Centre.name)
        .join(Centre, Centre.id == model.centre_id)
        .where(model.person_id == person.id)
        .order_by(model.id)
    )
    rows = db.session.execute(query).all()
    texts, authors = TEXTS_OF_OTHERS.get(model, ((), ()))
    author_ids = {getattr(row, author) for row, _ in rows for author in authors} - {None}
    labels = _list_labels(author_ids)
    return [
        {"centre": centre, **read_columns(row, *columns), **_read_texts(row, texts, labels, ADMINISTRATOR)}
        for row, centre in rows
    ]


def read_staff_register_work(person: Person) -> dict[str, list[dict[str, Any]]]:
    """Return what an administrator entered in the staff records of others, who are called by their role."""
    return {name: _list_written(person, *source) for name, source in WRITTEN.items()}


def _list_written(
    person: Person, model: Any, author: str, columns: tuple[str, ...], texts: tuple[str, ...]
) -> list[dict[str, Any]]:
    query = (
        select(model, Centre.name, Person)
        .join(Centre, Centre.id == model.centre_id)
        .join(Person, Person.id == model.person_id)
        .where(getattr(model, author) == person.id)
        .order_by(model.id)
    )
    rows = db.session.execute(query).all()
    earlier = list_earlier_labels({member.id for _, _, member in rows})
    return [
        {
            "centre": centre,
            **read_columns(row, *columns),
            **_read_texts(row, texts, [(member.name, member.email), *earlier.get(member.id, [])], MEMBER),
        }
        for row, centre, member in rows
    ]


def _read_texts(
    row: Any, texts: Iterable[str], labels: Iterable[tuple[str, str]], word: str
) -> dict[str, str | None]:
    people = NameReplacer(dict.fromkeys(labels, word))
    return {name: people.replace_names(getattr(row, name)) for name in texts}


def _list_labels(person_ids: Collection[int]) -> list[tuple[str, str]]:
    """Return the names and addresses that people have or had."""
    people = db.session.execute(select(Person.name, Person.email).where(Person.id.in_(person_ids)))
    earlier = list_earlier_labels(person_ids)
    return [*((name, email) for name, email in people), *(label for each in earlier.values() for label in each)]
