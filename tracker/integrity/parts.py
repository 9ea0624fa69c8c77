"""Division of the record into parts to be checked one by one: people by ranges of ids, and what is shared."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import func, select

from tracker.extensions import db
from tracker.integrity.event_names import Name, list_names
from tracker.integrity.ledger_events import EventPass, LedgerEvent
from tracker.integrity.owners import OWNED, People, find_owners, is_id
from tracker.ledger.row_seals import SEALED_TABLES
from tracker.models import Evidence, Person

PART_SIZE = 500
"""The approximate number of people and items of evidence in one part; a person is never divided."""
EVENTS_AT_ONCE = 1_000
"""The number of events for which owners are looked up at a time."""
SHARED = -1
"""The index of the shared part, with what belongs to nobody: the last."""
NOBODY = 0
"""Stands in place of a person's id for what has no owner."""


@dataclass
class Parts:
    """The parts of a record: the last id of each range of people but the last, and the events of each part."""

    limits: list[int]
    new_after: int | None = None
    """The number of the event up to which the record was checked before; None if it was not."""
    named: set[int] = field(default_factory=set)
    """The people who own a row that an event after that names."""
    _seqs: "list[array[int]]" = field(init=False)
    """The numbers of the events that name something of each part; the shared part is the last."""
    _owners: "list[array[int]]" = field(init=False)
    """For each of these numbers, the owner for whom the event was noted."""

    def __post_init__(self) -> None:
        count = len(self.limits) + 2
        self._seqs, self._owners = [array("Q") for _ in range(count)], [array("Q") for _ in range(count)]

    def list_people(self) -> list[People]:
        """Return the range of people of each part but the shared one."""
        limits = [None, *self.limits, None]
        return [People(after, until) for after, until in pairwise(limits)]

    def list_seqs(self, place: int, people: People | None) -> list[int]:
        """Return the numbers of the events that name something of a part, or of those people in it that are named."""
        pairs = zip(self._seqs[place], self._owners[place], strict=True)
        named = set(people.named) if people and people.named is not None else None
        return list(dict.fromkeys(seq for seq, owner in pairs if named is None or owner in named))

    def divide_events(self, event_pass: EventPass) -> None:
        """Read all events, in order, and note each for the parts of the rows that it names."""
        waiting: list[tuple[LedgerEvent, set[Name]]] = []
        for event in event_pass.read():
            waiting.append((event, _list_names(event)))
            if len(waiting) == EVENTS_AT_ONCE:
                self._note(waiting)
                waiting.clear()
        self._note(waiting)

    def _note(self, named: list[tuple[LedgerEvent, set[Name]]]) -> None:
        owners = _find_all_owners({name for _, names in named for name in names})
        for event, names in named:
            people = set(_list_people(event, names, owners))
            for person in people:
                place = SHARED if person == NOBODY else self.find_place(person)
                self._seqs[place].append(event.seq)
                self._owners[place].append(person)
            if self.new_after is not None and event.seq > self.new_after:
                self.named |= people

    def find_place(self, person: int) -> int:
        """Return the place of the part that a person belongs to."""
        return bisect_left(self.limits, person)


def plan_parts(size: int) -> Parts:
    """Divide the people into ranges of about the same size.

    Args:
        size: people and items of evidence in one part.
    """
    items = select(Evidence.candidate_id, func.count().label("number")).group_by(Evidence.candidate_id).subquery()
    query = (
        select(Person.id, func.coalesce(items.c.number, 0))
        .outerjoin(items, items.c.candidate_id == Person.id)
        .order_by(Person.id)
    )
    limits, count, last = [], 0, 0
    for person, number in db.session.execute(query, execution_options={"yield_per": 2_000}):
        if count and count + number + 1 > size:
            limits.append(last)
            count = 0
        count += number + 1
        last = person
    return Parts(limits)


def _list_people(event: LedgerEvent, names: set[Name], owners: dict[Name, int]) -> Iterator[int]:
    """Yield the owners of what an event names, and `NOBODY` for shared rows and for sealed rows that are missing.

    An event that names none of these is noted for its actor.
    """
    is_noted = False
    for name in names:
        if name in owners:
            yield owners[name]
        elif name[0] not in OWNED or name[0] in SEALED_TABLES:
            yield NOBODY
        else:
            continue
        is_noted = True
    if not is_noted:
        yield NOBODY if event.actor is None or not is_id(event.actor) else event.actor


def _list_names(event: LedgerEvent) -> set[Name]:
    """Return the rows that an event names; a damaged one is read with the shared part too."""
    names: set[Name] = set()
    try:
        names.update(list_names(event))
    except (LookupError, TypeError, ValueError, AttributeError):
        names.add(("event", event.seq))
    return names


def _find_all_owners(names: set[Name]) -> dict[Name, int]:
    """Return the owners of rows; rows that are shared or missing are left out."""
    by_table: dict[str, list[int]] = {}
    for table, key in names:
        if table in OWNED:
            by_table.setdefault(table, []).append(key)
    return {
        (table, key): person
        for table, keys in by_table.items()
        for key, person in find_owners(table, sorted(keys))
        if is_id(person)  # SQLite may have anything there
    }
