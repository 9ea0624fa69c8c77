"""The ledger: every consequential act records its event here; `transactions` appends the queue last.

The rules are in docs/integrity.md, The ledger. The exact bytes of a body are stored and those are hashed.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from tracker.clock import now
from tracker.errors import ClockBehind
from tracker.extensions import db
from tracker.ledger import row_seals
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.models import Base, Event, EventText

DOMAIN = "tracker.event.v1"
GENESIS = "0" * 64
LOCK = 0x7261636B
"""The advisory lock under which PostgreSQL appends, one at a time."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""So far back may an event lie behind the one before it: acts overlap, and clocks are set."""


CLOCK_ACCEPTED = "clock_accepted"
"""By the operator: the clock is right, and what came before it was entered under a wrong one."""


@dataclass(frozen=True)
class Actor:
    """Who acts: the person, the grant it is done under, and the session it is done in."""

    person_id: int | None
    grant_id: int | None = None
    session_ref: str | None = None


OPERATOR = Actor(None)
"""The installation's operator, at the command line."""


@dataclass(frozen=True)
class QueuedEvent:
    act: str
    thing: Base
    actor: Actor
    at: datetime
    facts: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    rows: Collection[Base] = ()


def record(
    act: str,
    thing: Base,
    actor: Actor,
    *,
    texts: Mapping[str, str] | None = None,
    rows: Collection[Base] = (),
    **facts: Any,
) -> None:
    """Queue an event about `thing`, to be appended just before the commit.

    `act` is past tense (`evidence_submitted`). `facts` hold ids, words, numbers and hashes only: no names,
    no free text, no secrets. What a person wrote goes into `texts` and appears as a salted hash. Every sealed row
    that the transaction makes or changes is sealed with it (see `sealing`); `rows` are those it only rests on.
    """
    _queue().append(QueuedEvent(act, thing, actor, now(), facts, texts or {}, rows))


def append_queued() -> tuple[int, int]:
    """Append the queued events to the chain, in order. The caller flushed before and commits after.

    How long the ledger was, and is then; 0 and 0 when nothing was queued. Raises `ClockBehind` where it would not
    be in order.
    """
    queue = _queue()
    if not queue:
        row_seals.forget_touched()
        return 0, 0
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    last = _last()
    seq, prev = (last.seq, last.hash) if last else (0, GENESIS)
    _check_clock(queue, last.at if last else None)
    before = seq
    for queued, rows in _with_rows(queue):
        seq += 1
        prev = _append(queued, rows, seq, prev)
    queue.clear()
    db.session.flush()
    return before, seq


def has_queued() -> bool:
    """Whether this transaction tells of anything."""
    return bool(_queue())


def forget_queued() -> None:
    """Drop what a failed request had queued."""
    _queue().clear()
    row_seals.forget_touched()


def head() -> tuple[int, str]:
    """The last event's number and hash; 0 and the genesis hash for an empty ledger."""
    last = _last()
    return (last.seq, last.hash) if last else (0, GENESIS)


def last_at() -> datetime | None:
    """When the last event happened."""
    last = _last()
    return last.at if last else None


def _last() -> Any:
    """The number, hash and time of the last event."""
    return db.session.execute(select(Event.seq, Event.hash, Event.at).order_by(Event.seq.desc()).limit(1)).first()


def _check_clock(queue: list[QueuedEvent], last: datetime | None) -> None:
    """Raise `ClockBehind` when an event is more than `CLOCKS_DIFFER` older than the last: times order acts."""
    for queued in queue:
        if last and queued.act != CLOCK_ACCEPTED and last - queued.at > CLOCKS_DIFFER:
            raise ClockBehind


def hash_of(body: bytes) -> str:
    return sha256(DOMAIN, body)


def salted(salt: str, text: str) -> str:
    """What the ledger shows of a text: a hash that means nothing once the salt is erased."""
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def _with_rows(queue: list[QueuedEvent]) -> list[tuple[QueuedEvent, dict[str, Base]]]:
    """Each event with the rows sealed by it: the row it is about; the last one takes all that are left."""
    touched = row_seals.take_touched()
    found = []
    for number, queued in enumerate(queue, 1):
        rows = {row_seals.key_of(row_seals.table_of(each), row_seals.values_of(each)): each for each in queued.rows}
        own = row_seals.key_of(row_seals.table_of(queued.thing), row_seals.values_of(queued.thing))
        if own in touched:
            rows[own] = touched.pop(own)
        if number == len(queue):
            rows |= touched
        found.append((queued, rows))
    return found


def _append(queued: QueuedEvent, rows: Mapping[str, Base], seq: int, prev: str) -> str:
    salts = {name: secrets.token_hex(16) for name in (*queued.texts, *rows)}
    hashes = {name: salted(salts[name], text) for name, text in queued.texts.items()}
    seals = {
        key: row_seals.row_hash(salts[key], row_seals.table_of(row), row_seals.values_of(row))
        for key, row in rows.items()
    }
    object_id: int = queued.thing.id  # type: ignore[attr-defined]  # every model an event is about has one
    body = canonical_json(
        {
            "v": 1,
            "seq": seq,
            "at": queued.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": queued.actor.person_id,
            "grant": queued.actor.grant_id,
            "session_ref": queued.actor.session_ref,
            "act": queued.act,
            "object": {"type": queued.thing.__tablename__, "id": object_id},
            "data": {
                **queued.facts,
                **({"texts": hashes} if hashes else {}),
                **({"rows": seals} if seals else {}),
            },
            "prev": prev,
        }
    )
    event = Event(
        seq=seq,
        at=queued.at,
        actor_id=queued.actor.person_id,
        grant_id=queued.actor.grant_id,
        act=queued.act,
        object_type=queued.thing.__tablename__,
        object_id=object_id,
        body=body,
        prev=prev,
        hash=hash_of(body),
    )
    db.session.add(event)
    db.session.flush()
    db.session.add_all(EventText(event_seq=seq, field=name, salt=salt) for name, salt in salts.items())
    return event.hash


def _queue() -> list[QueuedEvent]:
    queue: list[QueuedEvent] = db.session.info.setdefault("events", [])
    return queue
