"""Rows that triggers derive from others for lists: comparison with these, and deriving them again.

Triggers of the database keep them, in the transaction that changes what they are derived from
(`0035_derived_rows.py`). So they follow whatever writes: this release, the one before during an upgrade, and the
operator's own SQL. Only a transaction without triggers changes things without them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    collate,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    union,
    union_all,
)
from sqlalchemy.dialects import postgresql

from tracker.extensions import db
from tracker.models import (
    Allocation,
    Erasure,
    Person,
    PersonWord,
    Registration,
    RegistrationRetention,
    RegistrationWord,
    RetentionHold,
    Signature,
    UnallocatedAttempt,
    UnitAttempt,
)
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, Role, SignatureRole

DERIVED = [
    db.metadata.tables[model.__tablename__]
    for model in (UnallocatedAttempt, RegistrationRetention, PersonWord, RegistrationWord)
]
"""The derived tables. The first column of each names what its rows are derived from."""
SEPARATORS = "-'’.,/_()\"“”"
"""The marks at which the words of a name or number are divided too, so that Smith-Jones is found as Jones.

More would be too many for SQLite, whose parser nests a call for each.
"""


def list_differences(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each attempt, registration or person whose derived rows are not what they should be."""
    for table in DERIVED:
        key = _get_key(table)
        wrong = _select_wrong_keys(table, connection.dialect.name)
        for (value,) in connection.execute(wrong.order_by(wrong.selected_columns[0])):
            yield f"{table.name}: the rows of {key.name} {value} differ from what they are derived from"


def derive_again(connection: Connection, table: Table) -> int:
    """Derive the rows of a table again where they differ. Return of how many attempts, registrations or people.

    The caller commits before the next table: on PostgreSQL nobody can change what the rows of this one are derived
    from until then, and an act that writes to several tables could meet a command that holds more than one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))  # triggers write to it
    key, wrong = _get_key(table), _select_wrong_keys(table, connection.dialect.name)
    keys = list(connection.scalars(wrong))
    if keys:
        connection.execute(table.delete().where(key.in_(wrong)))
        rows = select(_select_rows(table, connection.dialect.name)).except_(select(table))
        connection.execute(insert(table).from_select([column.name for column in table.columns], rows))
    return len(keys)


def _get_key(table: Table) -> Column[Any]:
    return next(iter(table.primary_key))


def _select_wrong_keys(table: Table, dialect: str) -> Select[int]:
    """Select the keys of rows that are missing, or that nothing explains."""
    rows = _select_rows(table, dialect)
    missing, added = select(rows).except_(select(table)).subquery(), select(table).except_(select(rows)).subquery()
    name = _get_key(table).name
    return select(union(select(missing.c[name]), select(added.c[name])).subquery().c[name])


def _select_rows(table: Table, dialect: str) -> Subquery:
    """Select all rows that a table should have, in the order of its columns."""
    if table.name == UnallocatedAttempt.__tablename__:
        return union_all(
            _select_unallocated(Role.ASSESSOR, UnitAttempt.state == AttemptState.IN_PROGRESS),
            _select_unallocated(Role.INTERNAL_VERIFIER, UnitAttempt.state.in_(OPEN_ATTEMPT_STATES)),
        ).subquery()
    if table.name == RegistrationRetention.__tablename__:
        return _select_retention().subquery()
    if table.name == PersonWord.__tablename__:
        word = _split(Person.name, dialect, Person.email)
        words: Select[*tuple[Any, ...]] = select(Person.id.label("person_id"), word.label("word"))
    else:
        numbers = Registration.candidate_number + " " + func.coalesce(Registration.awarding_body_number, "")
        word = _split(numbers, dialect)
        words = select(Registration.id.label("registration_id"), word.label("word"), Registration.centre_id)
    return words.where(word != "").distinct().subquery()


def _select_unallocated(role: Role, is_needed: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    allocation = exists().where(
        Allocation.attempt_id == UnitAttempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    needed = literal(role, UnallocatedAttempt.role.type).label("role")
    return select(UnitAttempt.id.label("attempt_id"), needed, UnitAttempt.centre_id).where(is_needed, ~allocation)


def _select_retention() -> Select[*tuple[Any, ...]]:
    is_open = exists().where(
        UnitAttempt.registration_id == Registration.id, UnitAttempt.state.in_(OPEN_ATTEMPT_STATES)
    )
    verified_at = (
        select(func.max(Signature.signed_at))
        .join(UnitAttempt, UnitAttempt.id == Signature.attempt_id)
        .where(
            UnitAttempt.registration_id == Registration.id,
            UnitAttempt.state != AttemptState.VOID,
            Signature.role == SignatureRole.INTERNAL_VERIFIER,
            Signature.superseded_at.is_(None),
        )
        .scalar_subquery()
    )
    is_erased = exists().where(Erasure.registration_id == Registration.id)
    return select(
        Registration.id.label("registration_id"),
        Registration.centre_id,
        func.coalesce(Registration.withdrawn_at, case((~is_open, verified_at))).label("ended_at"),
        exists()
        .where(RetentionHold.registration_id == Registration.id, RetentionHold.lifted_at.is_(None))
        .label("is_on_hold"),
        is_erased.label("is_evidence_erased"),
        is_erased.where(Erasure.is_full).label("is_fully_erased"),
        and_(Registration.qualification_id.is_not(None), Registration.withdrawn_at.is_(None)).label(
            "ends_with_qualification"
        ),
    )


def _split(divided: Any, dialect: str, whole: Any = None) -> ColumnElement[str]:
    """Return in SQL the words of a text: between spaces, and between `SEPARATORS`; and another text as one word."""
    lower = func.lower(divided)
    spaced, pieces = func.replace(lower, "’", "'"), lower
    if dialect == "postgresql":
        pieces = func.translate(lower, SEPARATORS, " " * len(SEPARATORS))
        words = func.string_to_array(spaced, " ").op("||")(func.string_to_array(pieces, " "))
        if whole is not None:
            words = words.op("||")(cast(postgresql.array([whole]), ARRAY(Text)))
        listed = func.unnest(words).table_valued("value", joins_implicitly=True).render_derived(name="word")
        return collate(listed.c.value, "C")
    for mark in SEPARATORS:
        pieces = func.replace(pieces, mark, " ")
    lists = [func.replace(func.json_quote(each), " ", '","') for each in (spaced, pieces)]
    lists += [func.json_quote(whole)] if whole is not None else []
    joined: Any = literal("[").op("||")(lists[0])
    for each in lists[1:]:
        joined = joined.op("||")(",").op("||")(each)
    return func.json_each(joined.op("||")("]")).table_valued("value", joins_implicitly=True).c.value
