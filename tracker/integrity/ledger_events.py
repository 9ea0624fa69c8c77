"""Reading and parsing of events for the integrity checks, and one pass over all of them to check the chain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.canonical_json import parse_canonical
from tracker.models import Event
from tracker.models.people import DEMONSTRATION_SESSION

MAX_COUNTED = 1_000
"""The number of faults after which a check stops."""
AT_ONCE = 2_000
"""The number of events that are read from the database at a time."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What parsing a damaged event raises."""


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """An event with the values of its hashed body."""

    seq: int
    at: datetime
    actor: int | None
    grant: int | None
    session_ref: str | None
    act: str
    object_type: str
    object_id: int
    data: Mapping[str, Any]
    format: int
    """1, or 2 for events that name the columns they changed (tracker/ledger/row_seals.py)."""

    @property
    def name(self) -> str:
        """Return how a fault names this event."""
        return f"event {self.seq} ({self.act})"


def select_events() -> Select[*tuple[Any, ...]]:
    """Select what `parse_event` needs of all events."""
    columns = (Event.seq, Event.at, Event.actor_id, Event.grant_id, Event.act, Event.object_type, Event.object_id)
    return select(*columns, Event.body, Event.prev, Event.hash)


def read_events(query: Select[*tuple[Any, ...]]) -> Iterator[LedgerEvent]:
    """Yield the events that a query selects, without those that cannot be read: the chain's check names them."""
    for row in db.session.execute(query):
        try:
            event, *_ = parse_event(row)
        except UNREADABLE:
            continue
        yield event


def parse_event(row: Any) -> tuple[LedgerEvent, str, bool]:
    """Return an event, the hash that its body gives for the event before, and whether the body is canonical.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, RecursionError: the body is damaged.
    """
    body, is_canonical = parse_canonical(row.body)
    subject = body["object"]
    event = LedgerEvent(
        body["seq"], datetime.fromisoformat(body["at"]), body["actor"], body["grant"], body["session_ref"],
        body["act"], subject["type"], subject["id"], body["data"], body["v"],
    )  # fmt: skip
    if type(event.seq) is not int or event.seq < 0 or type(event.format) is not int or event.at.tzinfo is None:
        raise ValueError("an event has no number, no format or no time zone")
    return event, body["prev"], is_canonical


@dataclass
class ClockPeriod:
    """The events from an acceptance of the clock, or from the first event, to the next acceptance."""

    acceptance: LedgerEvent | None = None
    is_older: bool = False
    """Whether the acceptance is older than the event before it."""
    last_of_future: LedgerEvent | None = None


@dataclass
class EventPass:
    """What one pass over all events, in order, finds out; it keeps no events but the acceptances of the clock."""

    size: int = 0
    """The number of events."""
    faults: list[str] = field(default_factory=list)
    """The first faults of the chain."""
    out_of_time: list[str] = field(default_factory=list)
    """The first events that are older than the one before them."""
    periods: list[ClockPeriod] = field(default_factory=lambda: [ClockPeriod()])
    first_session: str | None = None
    """The first session that an event names."""
    has_demonstration: bool = False
    """Whether an event names the session of a demonstration."""
    _seq: int = 0
    _prev: str = events.GENESIS
    _before: LedgerEvent | None = None

    def read(self) -> Iterator[LedgerEvent]:
        """Yield every event that can be read, in order."""
        query = select_events().order_by(Event.seq)
        rows = iter(db.session.execute(query, execution_options={"yield_per": AT_ONCE}))
        while row := self._read_next(rows):
            self.size += 1
            self._follow(row)
            if event := self._parse(row):
                self._note(event)
                self._before = event
                yield event

    def _read_next(self, rows: Iterator[Any]) -> Any:
        """Return the next row, or None after the last and where SQLite has a value that its column cannot have."""
        try:
            return next(rows, None)
        except (ValueError, TypeError) as error:
            self._add_fault(f"an event after {self._seq} cannot be read: {error}")
            return None

    def _follow(self, row: Any) -> None:
        """Check the place of an event in the chain."""
        self._seq += 1
        if row.seq != self._seq:
            self._add_fault(f"event {self._seq} is missing: {row.seq} comes after {self._seq - 1}")
            self._seq = row.seq
        if row.prev != self._prev:
            self._add_fault(f"event {self._seq} does not follow from the one before it")
        self._prev = row.hash
        if not isinstance(row.body, bytes) or events.hash_body(row.body) != row.hash:
            self._add_fault(f"event {self._seq} was changed: its text does not match the stored hash")

    def _parse(self, row: Any) -> LedgerEvent | None:
        try:
            event, prev, is_canonical = parse_event(row)
        except UNREADABLE:
            self._add_fault(f"event {row.seq} cannot be read")
            return None
        if not is_canonical:
            self._add_fault(f"event {row.seq} is not written canonically")
        columns = (row.seq, row.at, row.actor_id, row.grant_id, row.act, row.object_type, row.object_id, row.prev)
        stated = (
            event.seq, event.at, event.actor, event.grant, event.act, event.object_type, event.object_id, prev,
        )  # fmt: skip
        if columns != stated:
            self._add_fault(f"event {row.seq}: its columns differ from its text")
        if self._before and event.format < self._before.format:
            self._add_fault(f"event {row.seq} has an older format than the event before it")
        return event

    def _note(self, event: LedgerEvent) -> None:
        """Note the time and the session of an event."""
        is_older = self._before is not None and self._before.at - event.at > events.MAX_CLOCK_DIFFERENCE
        if event.act == events.CLOCK_ACCEPTED:
            self.periods.append(ClockPeriod(event, is_older))
        elif is_older and len(self.out_of_time) < MAX_COUNTED:
            self.out_of_time.append(f"{event.name} is older than the event before it")
        if event.at - now() > events.MAX_CLOCK_DIFFERENCE:
            self.periods[-1].last_of_future = event
        if event.session_ref is not None:
            self.first_session = self.first_session or event.session_ref
            self.has_demonstration = self.has_demonstration or event.session_ref == DEMONSTRATION_SESSION

    def _add_fault(self, fault: str) -> None:
        if len(self.faults) < MAX_COUNTED:
            self.faults.append(fault)
