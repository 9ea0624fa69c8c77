"""Owners of rows: the person to whom a row belongs, directly or through its parents, as SQL.

What belongs to one person is checked together, so that the checks never need all rows at once (docs/integrity.md, How
the checks read). The other tables, such as centres, units and visits, are shared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, FromClause, Select, Table, and_, select

from tracker.extensions import db

PERSON_COLUMNS = {
    "person": "id",
    "account_change": "person_id",
    "cpd_entry": "person_id",
    "countersigner": "assessor_id",
    "earlier_name": "person_id",
    "grant": "person_id",
    "idempotency_key": "person_id",
    "interest_declaration": "person_id",
    "recovery_code": "person_id",
    "second_factor": "person_id",
    "staff_award": "person_id",
    "staff_competence": "person_id",
    "staff_erasure": "person_id",
    "user_session": "person_id",
    "evidence": "candidate_id",
    "registration": "candidate_id",
    "unit_attempt": "candidate_id",
}
"""The column with the id of a row's owner, by table."""
PARENT_COLUMNS = {
    "acknowledgement": "evidence_version_id",
    "action_point": "attempt_id",
    "action_point_criterion": "action_point_id",
    "allocation": "attempt_id",
    "assessment": "attempt_id",
    "attachment": "evidence_id",
    "carried_over_claim": "claim_id",
    "claim": "attempt_id",
    "countersignature": "attempt_id",
    "decision": "attempt_id",
    "erasure": "registration_id",
    "evidence_version": "evidence_id",
    "feedback_answer": "remark_id",
    "feedback_remark": "assessment_id",
    "issued_form": "attempt_id",
    "question_set": "attempt_id",
    "record_withdrawal": "evidence_version_id",
    "registration_change": "registration_id",
    "reopening": "attempt_id",
    "requirement_confirmation": "attempt_id",
    "retention_hold": "registration_id",
    "sample": "attempt_id",
    "sample_item": "sample_id",
    "signature": "attempt_id",
    "submission": "evidence_version_id",
    "version_attachment": "version_id",
    "version_move": "attempt_id",
    "witness_testimony": "attempt_id",
}
"""The column that refers to the row's parent, by table. In a key of several columns it is the first."""
OWNED = PERSON_COLUMNS.keys() | PARENT_COLUMNS.keys()
"""The tables whose rows belong to people."""
MAX_ID = 2**31 - 1
"""The largest id that PostgreSQL can store."""
T = TypeVar("T")
CHUNK_SIZE = 500
"""The most values in one SQL statement."""


@dataclass(frozen=True)
class People:
    """People with ids above `after` and up to `until` (None is no limit); if `named` is given, only those of them."""

    after: int | None = None
    until: int | None = None
    named: tuple[int, ...] | None = None

    def select_own(self, owner: ColumnElement[int]) -> ColumnElement[bool]:
        """Return the SQL condition that the owner is one of these people."""
        limits: list[ColumnElement[bool]] = [owner.is_not(None)]
        if self.after is not None:
            limits.append(owner > self.after)
        if self.until is not None:
            limits.append(owner <= self.until)
        if self.named is not None:
            limits.append(owner.in_(self.named))
        return and_(*limits)


def join_owner(table: Table, *, is_outer: bool = False) -> tuple[FromClause, Column[int]]:
    """Return a table joined with its parents, and the column that holds the owner's id."""
    source: FromClause = table
    while table.name not in PERSON_COLUMNS:
        column = table.c[PARENT_COLUMNS[table.name]]
        key = get_target(column)
        source = source.join(key.table, column == key, isouter=is_outer)
        table = key.table
    return source, table.c[PERSON_COLUMNS[table.name]]


def get_target(column: Column[Any]) -> Column[Any]:
    """Return the column that a foreign key refers to."""
    return next(iter(column.foreign_keys)).column


def select_rows(table: Table, people: People) -> Select[Any]:
    """Select the rows of a table that belong to these people."""
    source, owner = join_owner(table)
    return select(table).select_from(source).where(people.select_own(owner))


def select_ownerless(table: Table) -> Select[Any]:
    """Select the rows of a table whose owner cannot be found, because a row between them is missing."""
    source, owner = join_owner(table, is_outer=True)
    return select(table).select_from(source).where(owner.is_(None))


def select_referring(column: Column[Any], people: People) -> Select[Any]:
    """Select the rows that refer by a column to a row of these people, whoever owns them."""
    target = get_target(column)
    source, owner = join_owner(target.table)
    is_own = select(target).select_from(source).where(people.select_own(owner))
    return select(column.table).where(column.in_(is_own))


def find_owners(name: str, keys: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield key and owner of the rows of a table with these keys; one that is missing or has no owner is left out."""
    table = db.metadata.tables[name]
    source, owner = join_owner(table)
    for chunk in divide(keys):
        query = select(table.c.id, owner).select_from(source).where(table.c.id.in_(chunk))
        yield from ((key, person) for key, person in db.session.execute(query))


def is_id(value: Any) -> bool:
    """Return whether a value can be the id of a row: what a damaged event names may be anything."""
    return isinstance(value, int) and 0 <= value <= MAX_ID


def divide(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values in lists of at most `CHUNK_SIZE`."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK_SIZE)):
        yield chunk
