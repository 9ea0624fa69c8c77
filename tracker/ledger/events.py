"""The ledger of events: services queue them with `record`, and `transactions` appends them just before the commit.

The exact bytes of an event's body are stored, and those bytes are hashed (docs/integrity.md, The ledger).
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
from tracker.ledger import changed_rows
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.ledger.sealing import EventSeals, seal_rows
from tracker.models import Base, Event, EventText
from tracker.security_log import LOGGED_ACTS

DOMAIN = "tracker.event.v1"
FORMAT = 2
"""The format of the events that are written: `v` in their body. Those of format 1 seal rows in another way."""
GENESIS = "0" * 64
ADVISORY_LOCK = 0x7261636B
"""The id of the advisory lock that lets one transaction at a time append on PostgreSQL."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""How much older an event may be than the one before it: requests overlap, and clocks are adjusted."""
CLOCK_DOMAIN = b"tracker.clock.v1\0"
CLOCK_ACCEPTED = "clock_accepted"
"""The act by which the operator confirms that the clock is right now and was wrong for earlier events."""


@dataclass(frozen=True)
class Actor:
    """The person who acts, the grant they act under, and their session."""

    person_id: int | None
    grant_id: int | None = None
    session_ref: str | None = None


OPERATOR = Actor(None)
"""The installation's operator, at the command line."""


@dataclass(frozen=True)
class QueuedEvent:
    """An event that is appended to the ledger at the end of the transaction."""

    act: str
    subject: Base
    actor: Actor
    at: datetime
    facts: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)
    rows: Collection[Base] = ()


def record(
    act: str,
    subject: Base,
    actor: Actor,
    *,
    texts: Mapping[str, str] | None = None,
    rows: Collection[Base] = (),
    **facts: Any,
) -> None:
    """Queue an event about a row; it is appended just before the commit.

    Args:
        act: the name of the event in the past tense, such as `evidence_submitted`.
        subject: the row that the event is about.
        actor: who acts.
        texts: what people wrote, by name; the ledger holds a salted hash of each.
        rows: further rows to seal. Rows that the transaction makes or changes are sealed without being named here
            (see `tracker.ledger.row_seals`).
        facts: ids, fixed words, numbers and hashes. Never names, free text or secrets.
    """
    _get_queue().append(QueuedEvent(act, subject, actor, now(), facts, texts or {}, rows))


def append_queued() -> tuple[int, int]:
    """Append the queued events to the chain, in order, and return the ledger's length before and after.

    The caller has flushed, and commits next. Returns 0 and 0 if nothing was queued.

    Raises:
        ClockBehind: the server's clock is behind the last event.
        UnpermittedWrite: the transaction wrote a row that none of its acts may write.
    """
    queue = _get_queue()
    if not queue:
        changed_rows.discard_changed_rows()
        return 0, 0
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    last = _find_last_event()
    seq, prev = (last.seq, last.hash) if last else (0, GENESIS)
    _check_clock(queue, last.at if last else None)
    before, events, texts = seq, [], []
    for queued, sealed in zip(queue, seal_rows(queue), strict=True):
        seq += 1
        event, salts = _build_event(queued, sealed, seq, prev)
        prev = event.hash
        events.append(event)
        if queued.act in LOGGED_ACTS:
            db.session.info.setdefault("to_log", []).append(event)
        texts += [EventText(event_seq=seq, field=name, salt=salt) for name, salt in salts.items()]
    queue.clear()
    db.session.add_all([*events, *texts])
    db.session.flush()
    return before, seq


def has_queued() -> bool:
    """Return whether this transaction has queued an event."""
    return bool(_get_queue())


def discard_queued() -> None:
    """Drop the events of a transaction that failed."""
    _get_queue().clear()
    db.session.info.pop("to_log", None)
    changed_rows.discard_changed_rows()


def pop_logged() -> list[dict[str, Any]]:
    """Return what the security log says of the events that were appended, and forget it."""
    return [
        {"event": each.act, "number": each.seq, "by": each.actor_id, "about": f"{each.object_type} {each.object_id}"}
        for each in db.session.info.pop("to_log", [])
    ]


def get_head() -> tuple[int, str]:
    """Return the number and the hash of the last event; 0 and the genesis hash if there is none."""
    last = _find_last_event()
    return (last.seq, last.hash) if last else (0, GENESIS)


def find_last_time() -> datetime | None:
    """Return the time of the last event, or None if there is none."""
    last = _find_last_event()
    return last.at if last else None


def _find_last_event() -> Any:
    """Return the number, hash and time of the last event, or None."""
    newest = select(func.max(Event.seq)).scalar_subquery()
    return db.session.execute(select(Event.seq, Event.hash, Event.at).where(Event.seq == newest)).one_or_none()


def _check_clock(queue: list[QueuedEvent], last: datetime | None) -> None:
    """Raise `ClockBehind` if an event is more than `MAX_CLOCK_DIFFERENCE` older than the last one in the ledger."""
    for queued in queue:
        if last and queued.act != CLOCK_ACCEPTED and last - queued.at > MAX_CLOCK_DIFFERENCE:
            raise ClockBehind


def build_clock_statement(head: str, accepted_at: datetime) -> bytes:
    """Return the statement that the installation's key signs when the operator accepts the clock.

    Because it is signed, somebody who has only the database cannot excuse with it events of another time.

    Args:
        head: the hash of the last event before.
        accepted_at: the time on the clock.
    """
    return CLOCK_DOMAIN + canonical_json({"head": head, "accepted_at": format_time(accepted_at)})


def format_time(moment: datetime) -> str:
    """Return a moment as the bodies of events write it: in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def hash_body(body: bytes) -> str:
    """Return the hash of an event's body."""
    return sha256(DOMAIN, body)


def hash_text(salt: str, text: str) -> str:
    """Return the salted hash of a text, which is what the ledger stores; without the salt it reveals nothing."""
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def _build_event(queued: QueuedEvent, sealed: EventSeals, seq: int, prev: str) -> tuple[Event, dict[str, str]]:
    """Return the event as it is stored, and the salts of its texts by name."""
    salts = {name: secrets.token_hex(16) for name in queued.texts}
    hashes = {name: hash_text(salts[name], text) for name, text in queued.texts.items()}
    object_id: int = queued.subject.id  # type: ignore[attr-defined]  # every model an event is about has one
    body = canonical_json(
        {
            "v": FORMAT,
            "seq": seq,
            "at": format_time(queued.at),
            "actor": queued.actor.person_id,
            "grant": queued.actor.grant_id,
            "session_ref": queued.actor.session_ref,
            "act": queued.act,
            "object": {"type": queued.subject.__tablename__, "id": object_id},
            "data": {
                **queued.facts,
                **({"texts": hashes} if hashes else {}),
                **({"rows": sealed.seals} if sealed.seals else {}),
                **({"former": sealed.former} if sealed.former else {}),
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
        object_type=queued.subject.__tablename__,
        object_id=object_id,
        body=body,
        prev=prev,
        hash=hash_body(body),
    )
    return event, salts


def _get_queue() -> list[QueuedEvent]:
    queue: list[QueuedEvent] = db.session.info.setdefault("events", [])
    return queue
