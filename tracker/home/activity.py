"""Recent activity at a centre, from the events of the ledger."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from tracker.extensions import db
from tracker.models import Event, Grant, Person, Unit, UnitAttempt
from tracker.statements import fetch_rows, ids
from tracker.web.text_direction import isolate

MAX_SHOWN = 8
MAX_SEARCHED = 5_000
"""Only so many of the installation's latest events are searched for those of a centre."""
ONE_ACT = timedelta(minutes=10)
"""Acts of one kind by one person within this time are one line: an import makes hundreds in one moment."""
ACT_PHRASES = {
    "evidence_submitted": ("submitted evidence", "submitted {} items of evidence"),
    "record_finished": ("finished a record", "finished {} records"),
    "record_acknowledged": ("answered a record", "answered {} records"),
    "questions_set": ("set questions", "set {} sets of questions"),
    "questions_taken_back": ("took questions back", "took {} sets of questions back"),
    "record_withdrawn": ("withdrew a record", "withdrew {} records"),
    "testimony_requested": ("asked a witness", "asked {} witnesses"),
    "testimony_withdrawn": ("withdrew a request to a witness", "withdrew {} requests to witnesses"),
    "testimony_authenticated": ("authenticated a testimony", "authenticated {} testimonies"),
    "testimony_refused": ("refused a testimony", "refused {} testimonies"),
    "objection_decided": ("decided an objection", "decided {} objections"),
    "assessment_released": ("assessed evidence", "assessed {} items of evidence"),
    "unit_signed": ("signed a unit off", "signed {} units off"),
    "unit_confirmed": ("confirmed a unit", "confirmed {} units"),
    "unit_disputed": ("disputed a unit", "disputed {} units"),
    "unit_verified": ("verified a unit", "verified {} units"),
    "sample_drawn": ("sampled a unit", "sampled {} times"),
    "action_point_raised": ("raised an action point", "raised {} action points"),
    "action_point_answered": ("answered an action point", "answered {} action points"),
    "action_point_closed": ("closed an action point", "closed {} action points"),
    "candidate_registered": ("registered a candidate", "registered {} candidates"),
    "candidate_withdrawn": ("withdrew a candidate", "withdrew {} candidates"),
    "registration_changed": ("changed a registration", "changed {} registrations"),
    "allocation_made": ("allocated a unit", "made {} allocations"),
    "attempt_voided": ("voided a unit", "voided {} units"),
    "form_issued": ("issued a form", "issued {} forms"),
    "grant_given": ("gave a role", "gave {} roles"),
    "grant_ended": ("ended a role", "ended {} roles"),
    "visit_opened": ("opened a visit", "opened {} visits"),
    "unit_published": ("published a unit", "published {} units"),
}
"""The acts that are shown, each with the phrase that follows the person's name, for one act and for several."""


FIRST_READ = 200
"""Events that are read to begin with; most centres need no more for the lines that are shown."""
MAX_SEQ = 2**31 - 1
"""Larger than the seq of any event."""
LAST_SEQ = select(func.coalesce(func.max(Event.seq), 0)).scalar_subquery()
EVENTS = (
    select(Event.at, Person.id, Person.name, Event.act, Event.seq)
    .join(Grant, Grant.id == Event.grant_id)
    .join(Person, Person.id == Event.actor_id)
    .where(
        Grant.centre_id == bindparam("centre_id"),
        Event.act.in_(ids("acts")),
        Event.seq > LAST_SEQ - MAX_SEARCHED,
        Event.seq < bindparam("before"),
    )
    .order_by(Event.seq.desc())
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a person did at a centre, once or several times; for one act, the unit or person that it was about."""

    occurred_at: datetime
    person_id: int
    person_name: str
    act: str
    seq: int
    """Of the event, the newest of several."""
    count: int = 1
    subject: str = ""

    @property
    def phrase(self) -> str:
        """Return what follows the person's name."""
        one, several = ACT_PHRASES[self.act]
        return one if self.count == 1 else several.format(f"{self.count:,}")


def list_recent_activity(centre_id: int) -> list[Activity]:
    """List the latest acts under roles at a centre, newest first, in at most five statements."""
    shown = _group_acts(_iterate_events(centre_id))
    subjects = _describe_subjects([each.seq for each in shown if each.count == 1])
    return [replace(each, subject=subjects.get(each.seq, "")) for each in shown]


def _iterate_events(centre_id: int) -> Iterator[Row[Any]]:
    """Yield the latest events of a centre, newest first: a few, and the others only if they are asked for."""
    before = MAX_SEQ
    for limit in (FIRST_READ, MAX_SEARCHED):
        rows = fetch_rows(EVENTS, centre_id=centre_id, acts=list(ACT_PHRASES), before=before, limit=limit)
        yield from rows
        if len(rows) < limit:
            return
        before = rows[-1].seq


def _group_acts(rows: Iterable[Row[Any]]) -> list[Activity]:
    """Return a line for each act, newest first; acts of one kind by one person soon after each other are one.

    Reads on until no later row can belong to one of the lines.
    """
    lines: list[Activity] = []
    counts: list[int] = []
    open_lines: dict[tuple[int, str], int] = {}
    authenticated = 0
    for row in rows:
        if row.act == "testimony_authenticated":
            authenticated = row.seq
        elif row.act == "record_finished" and row.seq == authenticated - 1:
            continue  # the testimony that the act after it authenticated, not an observation
        if len(lines) >= MAX_SHOWN and lines[MAX_SHOWN - 1].occurred_at - row.at > ONE_ACT:
            break
        index = open_lines.get((row.id, row.act))
        if index is not None and lines[index].occurred_at - row.at <= ONE_ACT:
            counts[index] += 1
        else:
            open_lines[row.id, row.act] = len(lines)
            lines.append(Activity(row.at, row.id, row.name, row.act, row.seq))
            counts.append(1)
    return [replace(line, count=count) for line, count in zip(lines, counts, strict=True)][:MAX_SHOWN]


def _describe_subjects(seqs: list[int]) -> dict[int, str]:
    """Return what these events were about, by their seq: a unit of a candidate, or else a person."""
    if not seqs:
        return {}
    query = select(Event.seq, Event.object_type, Event.object_id, Event.body).where(Event.seq.in_(seqs))
    data = {row.seq: (row, json.loads(row.body).get("data", {})) for row in db.session.execute(query)}
    attempts = {seq: _find_id(facts, "attempt") for seq, (_, facts) in data.items()}
    attempts |= {seq: row.object_id for seq, (row, _) in data.items() if row.object_type == "unit_attempt"}
    people = {
        seq: _find_id(facts, "person") or _find_id(facts, "candidate")
        for seq, (_, facts) in data.items()
        if not attempts[seq]
    }
    units = _describe_units({each for each in attempts.values() if each})
    names = _load_names({each for each in people.values() if each})
    return {seq: units.get(attempts[seq] or 0, "") or names.get(people.get(seq) or 0, "") for seq in data}


def _find_id(facts: dict[str, Any], name: str) -> int | None:
    value = facts.get(name)
    return value if isinstance(value, int) else None


def _describe_units(attempt_ids: set[int]) -> dict[int, str]:
    query = (
        select(UnitAttempt.id, Unit.code, Person.name)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(UnitAttempt.id.in_(attempt_ids))
    )
    return {row[0]: f"{row[1]} of {isolate(row[2])}" for row in db.session.execute(query)} if attempt_ids else {}


def _load_names(person_ids: set[int]) -> dict[int, str]:
    query = select(Person.id, Person.name).where(Person.id.in_(person_ids))
    return {row[0]: row[1] for row in db.session.execute(query)} if person_ids else {}
