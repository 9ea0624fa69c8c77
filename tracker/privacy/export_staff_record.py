"""Export of a person's entries in the staff registers of their centres."""

from typing import Any

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import Centre, CpdEntry, InterestDeclaration, Person, StaffAward, StaffCompetence, StaffErasure
from tracker.privacy.anonymisation import read_columns

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
}  # fmt: skip
"""The model and the columns of each part of a staff record."""


def read_staff_records(person: Person) -> dict[str, list[dict[str, Any]]]:
    """Return everything in the staff registers about a person, entries that were removed included."""
    return {name: _list_entries(person, model, columns) for name, (model, columns) in SOURCES.items()}


def _list_entries(person: Person, model: Any, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    query = (
        select(model, Centre.name)
        .join(Centre, Centre.id == model.centre_id)
        .where(model.person_id == person.id)
        .order_by(model.id)
    )
    return [{"centre": centre, **read_columns(row, *columns)} for row, centre in db.session.execute(query)]
