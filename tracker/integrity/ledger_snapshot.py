"""Snapshot of the database for the integrity checks: parsed events, and the rows of each table, read once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Table, select

from tracker.extensions import db
from tracker.ledger import checkpoint_following, checkpoints, events
from tracker.ledger.canonical_json import parse_canonical
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.row_seals import RowSalts
from tracker.ledger.trust_anchor import KeyCheck, TrustAnchor, check_keys, load_anchor
from tracker.models import Event, EventText, RowSalt, SigningKey

Row = Mapping[str, Any]
OutsideCheckpoint = tuple[str, Checkpoint | None]
"""How a fault names a checkpoint kept outside the installation, and the checkpoint; None if it cannot be read."""


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


class LedgerSnapshot:
    """The database as it is in the open transaction; tables are read when a check first needs them."""

    def __init__(self, anchor: TrustAnchor | None = None, outside: Sequence[OutsideCheckpoint] = ()) -> None:
        self.anchor = anchor or load_anchor()
        """The keys that are trusted, from outside the database."""
        self.outside_checkpoints = outside
        """Checkpoints kept outside the installation, with their names."""
        checkpoint_following.follow()
        with checkpoints.locked_for_reading():
            events.get_head()  # the first read, which begins what this transaction sees
            self.checkpoints = list(checkpoints.read_checkpoints())
            """Each line's number in the file of checkpoints, with its checkpoint, or None if it is not one."""
        self._rows: dict[str, dict[Any, Row]] = {}
        self._indices: dict[tuple[str, str], defaultdict[Any, list[Row]]] = {}
        self.chain_faults: list[str] = []
        """A sentence for each fault of the chain, filled when `events` is first read."""

    @cached_property
    def events(self) -> list[LedgerEvent]:
        """Every event that can be read, in order; faults of the others are in `chain_faults`."""
        parsed: list[LedgerEvent] = []
        seq, prev = 0, events.GENESIS
        for row in self._stored_events():
            seq += 1
            if row.seq != seq:
                self.chain_faults.append(f"event {seq} is missing: {row.seq} comes after {seq - 1}")
                seq = row.seq
            if row.prev != prev:
                self.chain_faults.append(f"event {seq} does not follow from the one before it")
            prev = row.hash
            if events.hash_body(row.body) != row.hash:
                self.chain_faults.append(f"event {seq} was changed: its text does not match the stored hash")
            if event := self._parse(row):
                if parsed and event.format < parsed[-1].format:
                    self.chain_faults.append(f"event {seq} has an older format than the event before it")
                parsed.append(event)
        return parsed

    @cached_property
    def hashes(self) -> list[str]:
        """The stored hash of each event, in order."""
        return list(db.session.scalars(select(Event.hash).order_by(Event.seq)))

    @cached_property
    def key_checks(self) -> list[KeyCheck]:
        """The check of each signing key, the oldest first."""
        statements = {event.object_id: event.data for event in self.list_events("key_made")}
        rows = (SigningKey(**row) for row in self.rows("signing_key").values())
        return list(check_keys(rows, statements, self.anchor))

    @cached_property
    def trusted_keys(self) -> dict[str, SigningKey]:
        """The signing keys that something outside the database vouches for, by name."""
        return {check.key.name: check.key for check in self.key_checks if check.is_trusted}

    @cached_property
    def salts(self) -> dict[int, dict[str, str]]:
        """The salts that were not erased, by event number and field."""
        salts: dict[int, dict[str, str]] = {}
        for seq, field, salt in db.session.execute(select(EventText.event_seq, EventText.field, EventText.salt)):
            salts.setdefault(seq, {})[field] = salt
        return salts

    @cached_property
    def row_salts(self) -> dict[str, RowSalts]:
        """The salts of every sealed row, by the row's key."""
        query = select(RowSalt.row_key, RowSalt.salt, RowSalt.column_salts)
        return {key: RowSalts(salt, columns) for key, salt, columns in db.session.execute(query)}

    @cached_property
    def by_act(self) -> dict[str, list[LedgerEvent]]:
        """Return the events by act."""
        by_act: dict[str, list[LedgerEvent]] = {}
        for event in self.events:
            by_act.setdefault(event.act, []).append(event)
        return by_act

    def list_events(self, *acts: str) -> Iterator[LedgerEvent]:
        """Yield the events of these acts, act by act and in order."""
        for act in acts:
            yield from self.by_act.get(act, ())

    @cached_property
    def signatures_by_round(self) -> Mapping[tuple[int, int], list[Row]]:
        """The signatures of each round, by attempt and number of the round."""
        rounds = defaultdict[tuple[int, int], list[Row]](list)
        for row in self.rows("signature").values():
            rounds[row["attempt_id"], row["round"]].append(row)
        return rounds

    def list_erased_ids(self, key: str) -> set[int]:
        """Return the ids that erasure events list under a name: `versions`, `attachments` or `forms`."""
        return {row_id for event in self.list_events("portfolio_erased") for row_id in event.data[key]}

    def rows(self, name: str) -> dict[Any, Row]:
        """Return a table's rows by primary key; a key of several columns is a tuple."""
        if name not in self._rows:
            table = self.table(name)
            keys = [column.name for column in table.primary_key]
            result = db.session.execute(select(table).order_by(*table.primary_key)).mappings()
            self._rows[name] = {
                row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys): dict(row) for row in result
            }
        return self._rows[name]

    def find_row(self, name: str, key: Any) -> Row | None:
        """Return the row with a primary key, or None."""
        return self.rows(name).get(key)

    def group_rows(self, name: str, column: str) -> Mapping[Any, list[Row]]:
        """Return a table's rows grouped by the value of a column."""
        if (name, column) not in self._indices:
            index = self._indices[name, column] = defaultdict(list)
            for row in self.rows(name).values():
                index[row[column]].append(row)
        return self._indices[name, column]

    def table(self, name: str) -> Table:
        """Return the table with this name."""
        return db.metadata.tables[name]

    def _stored_events(self) -> Iterator[Any]:
        columns = (Event.seq, Event.at, Event.actor_id, Event.grant_id, Event.act, Event.object_type, Event.object_id)
        query = select(*columns, Event.body, Event.prev, Event.hash).order_by(Event.seq)
        yield from db.session.execute(query, execution_options={"yield_per": 2_000})

    def _parse(self, row: Any) -> LedgerEvent | None:
        try:
            body, is_canonical = parse_canonical(row.body)
            if not is_canonical:
                self.chain_faults.append(f"event {row.seq} is not written canonically")
            subject = body["object"]
            event = LedgerEvent(
                body["seq"], datetime.fromisoformat(body["at"]), body["actor"], body["grant"], body["session_ref"],
                body["act"], subject["type"], subject["id"], body["data"], body["v"],
            )  # fmt: skip
            prev = body["prev"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self.chain_faults.append(f"event {row.seq} cannot be read")
            return None
        columns = (row.seq, row.at, row.actor_id, row.grant_id, row.act, row.object_type, row.object_id, row.prev)
        stated = (
            event.seq, event.at, event.actor, event.grant, event.act, event.object_type, event.object_id, prev,
        )  # fmt: skip
        if columns != stated:
            self.chain_faults.append(f"event {row.seq}: its columns differ from its text")
        return event
