"""Retention: how long a centre keeps evidence and records after a registration has ended, and retention holds.

A centre sets two periods for each awarding body: one for evidence, one for decisions, signatures and forms. Both
start when the candidate is withdrawn, or when the last unit is verified and the qualification complete. A retention
hold, for an appeal or a complaint, prevents erasure until it is lifted (docs/rules.md, Retention and erasure).
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from tracker.clock import day_of, now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Erasure, Registration, RetentionHold, RetentionRule, Signature, UnitAttempt
from tracker.registrations.progress import load_progress
from tracker.registrations.retention_periods import DEFAULT_PERIODS, RetentionPeriods, add_months, list_rules
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, SignatureRole

MAX_MONTHS = 600
REGISTRATIONS_AT_ONCE = 500
"""The number of registrations in memory at a time where those of a whole centre are read."""


@dataclass(frozen=True)
class RetentionSchedule:
    """The periods that a centre has set, by awarding body; those of the empty name are for all others."""

    by_body: dict[str, RetentionPeriods]

    def get_periods(self, awarding_body: str) -> RetentionPeriods:
        """Return the periods of an awarding body."""
        return self.by_body.get(awarding_body) or self.by_body.get("") or DEFAULT_PERIODS

    @property
    def names_bodies(self) -> bool:
        """Return whether any awarding body has periods of its own."""
        return any(self.by_body)


@dataclass(frozen=True, slots=True)
class EndedRegistration:
    """A registration with what its retention is worked out from."""

    registration: Registration
    ended_at: datetime | None
    """When it was withdrawn, or its last unit verified while none is open; the qualification may be incomplete."""
    is_evidence_erased: bool
    is_fully_erased: bool
    hold: RetentionHold | None


@dataclass(frozen=True)
class RetentionStatus:
    """A registration that has ended or is on hold, and until when its evidence and records are kept."""

    registration: Registration
    awarding_body: str
    ended_on: date | None
    ended_by: str
    """`withdrawn`, `verified` or `not ended`."""
    evidence_until: date | None
    records_until: date | None
    hold: RetentionHold | None
    is_evidence_erased: bool
    is_fully_erased: bool

    def is_due(self, until: date | None, today: date) -> bool:
        """Return whether a retention period is over and there is no retention hold."""
        return until is not None and until < today and self.hold is None

    def needs_erasing(self, today: date) -> bool:
        """Return whether something is due for erasure and has not been erased."""
        evidence = self.is_due(self.evidence_until, today) and not self.is_evidence_erased
        return evidence or (self.is_due(self.records_until, today) and not self.is_fully_erased)


def list_due(centre_id: int, today: date) -> list[RetentionStatus]:
    """List the registrations of a centre with something due for erasure."""
    rows = db.session.execute(select_ended_or_on_hold(centre_id).order_by(ended_at(), Registration.id))
    statuses = build_statuses(centre_id, [(registration, verified) for registration, verified in rows])
    return [each for each in statuses if each.needs_erasing(today)]


def iterate_due(centre_id: int, today: date) -> Iterator[RetentionStatus]:
    """Yield the registrations of a centre with something due for erasure, by id; few at a time are in memory."""
    query = select_ended_or_on_hold(centre_id).order_by(Registration.id).limit(REGISTRATIONS_AT_ONCE)
    last = 0
    while rows := [(each, verified) for each, verified in db.session.execute(query.where(Registration.id > last))]:
        yield from (each for each in build_statuses(centre_id, rows) if each.needs_erasing(today))
        last = rows[-1][0].id


def list_candidate_retention(registration: Registration) -> list[RetentionStatus]:
    """List every registration of this one's candidate at its centre: together they are one portfolio."""
    query = (
        select(Registration, verified_at())
        .where(
            Registration.candidate_id == registration.candidate_id, Registration.centre_id == registration.centre_id
        )
        .order_by(Registration.id)
    )
    rows: list[tuple[Registration, datetime | None]] = [(each, last) for each, last in db.session.execute(query)]
    return list(build_statuses(registration.centre_id, rows))


def set_rule(centre: Centre, awarding_body: str, evidence_months: int, record_months: int, actor: Actor) -> None:
    """Set how long a centre keeps evidence and records for one awarding body; an empty name is every other.

    Raises:
        Invalid: periods outside 1 to 600 months, or records kept for less time than evidence.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator sets it, never the operator
    if not 1 <= evidence_months <= record_months <= MAX_MONTHS:
        raise Invalid(
            "Keep decisions at least as long as evidence, and neither for more than 600 months. Nothing was changed.",
            "record_months",
        )
    name = " ".join(awarding_body.split())
    query = select(RetentionRule).where(RetentionRule.centre_id == centre.id, RetentionRule.awarding_body == name)
    rule = db.session.scalars(query).one_or_none() or RetentionRule(centre_id=centre.id, awarding_body=name)
    rule.evidence_months, rule.record_months = evidence_months, record_months
    rule.set_at, rule.set_by_id = now(), actor.person_id
    db.session.add(rule)
    db.session.flush()
    record("retention_rule_set", rule, actor, centre=centre.id, evidence=evidence_months, records=record_months)


def find_retention_hold(registration: Registration) -> RetentionHold | None:
    """Return the retention hold that a registration is on, or None."""
    query = select(RetentionHold).where(
        RetentionHold.registration_id == registration.id, RetentionHold.lifted_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def place_retention_hold(registration: Registration, reason: str, actor: Actor) -> RetentionHold:
    """Put a registration on retention hold: nothing is erased until it is lifted, even after the retention periods.

    Raises:
        Refused: the registration is on hold already.
        Invalid: no reason.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator places it, never the operator
    lock_rows(Registration, [registration.id])  # an erasure meanwhile comes wholly before or after this
    if find_retention_hold(registration):
        raise Refused("This registration is already on retention hold. Nothing was changed.")
    hold = RetentionHold(
        registration_id=registration.id, reason=_check_reason(reason), set_at=now(), set_by_id=actor.person_id
    )
    db.session.add(hold)
    db.session.flush()
    record("retention_hold_set", hold, actor, texts={"reason": hold.reason}, registration=registration.id)
    return hold


def lift_retention_hold(hold: RetentionHold, reason: str, actor: Actor) -> None:
    """Lift a retention hold, so that the retention periods count again.

    Raises:
        Refused: the hold was lifted already.
        Invalid: no reason.
    """
    if hold.lifted_at:
        raise Refused("This retention hold has already been lifted. Nothing was changed.")
    hold.lifted_reason = _check_reason(reason)
    hold.lifted_at, hold.lifted_by_id = now(), actor.person_id
    texts = {"reason": hold.lifted_reason}
    record("retention_hold_lifted", hold, actor, texts=texts, registration=hold.registration_id)


def find_last_day_due(months: int, today: date) -> date:
    """Return the last day such that what ended on it has been kept for so many months, and is due."""
    day = add_months(-months, today) + timedelta(days=4)  # as many days as months differ by, and one
    while add_months(months, day) >= today:
        day -= timedelta(days=1)
    return day


def _check_reason(reason: str) -> str:
    if not reason.strip() or len(reason) > 2000:
        raise Invalid("Enter the reason in at most 2,000 characters. Nothing was changed.", "reason")
    return reason.strip()


def verified_at() -> ColumnElement[datetime]:
    """Return as SQL when the last unit of a registration was verified."""
    return (
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


def ended_at() -> ColumnElement[datetime]:
    """Return as SQL when a registration ended: its withdrawal, or the verification of its last unit."""
    return func.coalesce(Registration.withdrawn_at, verified_at())


def select_ended_or_on_hold(centre_id: int) -> Select[Registration, datetime]:
    """Select the registrations that have ended or are on hold, each with when its last unit was verified.

    It looks at every registration of the centre, for the worker and for checks. Pages read `RegistrationRetention`.
    """
    return (
        select(Registration, verified_at())
        .join(Registration.candidate)
        .where(Registration.centre_id == centre_id, or_(_has_ended(verified_at()), is_on_hold()))
        .options(contains_eager(Registration.candidate), joinedload(Registration.qualification))
    )


def _has_ended(verified: ColumnElement[datetime]) -> ColumnElement[bool]:
    still_open = exists().where(
        UnitAttempt.registration_id == Registration.id, UnitAttempt.state.in_(OPEN_ATTEMPT_STATES)
    )
    return or_(Registration.withdrawn_at.is_not(None), and_(~still_open, verified.is_not(None)))


def is_on_hold() -> ColumnElement[bool]:
    """Return as SQL whether a registration is on retention hold."""
    return exists().where(RetentionHold.registration_id == Registration.id, RetentionHold.lifted_at.is_(None))


def build_statuses(centre_id: int, rows: Sequence[tuple[Registration, datetime | None]]) -> Iterator[RetentionStatus]:
    """Yield the retention of registrations, given with when their last unit was verified. Runs a few statements."""
    ids = [registration.id for registration, _ in rows]
    holds, still_open = _load_holds(ids), _list_still_open(ids)
    evidence_erased, fully_erased = _list_erased(ids)
    yield from describe_retention(
        load_schedule(centre_id),
        [
            EndedRegistration(
                each,
                each.withdrawn_at or (None if each.id in still_open else verified),
                each.id in evidence_erased,
                each.id in fully_erased,
                holds.get(each.id),
            )
            for each, verified in rows
        ],
    )


def describe_retention(
    schedule: RetentionSchedule, registrations: Sequence[EndedRegistration]
) -> Iterator[RetentionStatus]:
    """Yield until when registrations of a centre are kept. Runs one statement if any is for a qualification."""
    for_qualification = [
        each.registration.id
        for each in registrations
        if each.registration.qualification_id and not each.registration.withdrawn_at
    ]
    progress = load_progress(for_qualification) if for_qualification else {}
    for each in registrations:
        registration, own = each.registration, progress.get(each.registration.id)
        ended_on = day_of(each.ended_at) if each.ended_at and (own is None or own.result.complete) else None
        body = read_awarding_body(registration.qualification.document if registration.qualification else None)
        periods = schedule.get_periods(body)
        yield RetentionStatus(
            registration,
            body,
            ended_on,
            "withdrawn" if registration.withdrawn_at else "verified" if ended_on else "not ended",
            add_months(periods.evidence, ended_on) if ended_on else None,
            add_months(periods.records, ended_on) if ended_on else None,
            each.hold,
            each.is_evidence_erased,
            each.is_fully_erased,
        )


def load_schedule(centre_id: int) -> RetentionSchedule:
    """Load the periods that a centre has set."""
    rules = list_rules(centre_id)
    return RetentionSchedule(
        {rule.awarding_body: RetentionPeriods(rule.evidence_months, rule.record_months) for rule in rules}
    )


def _list_erased(ids: Collection[int]) -> tuple[set[int], set[int]]:
    """Return the registrations whose evidence has been erased, and those of which everything has."""
    query = select(Erasure.registration_id, Erasure.is_full).where(Erasure.registration_id.in_(ids))
    rows = db.session.execute(query).all()
    return {each for each, _ in rows}, {each for each, is_full in rows if is_full}


def _load_holds(ids: Collection[int]) -> dict[int, RetentionHold]:
    query = select(RetentionHold).where(RetentionHold.registration_id.in_(ids), RetentionHold.lifted_at.is_(None))
    return {each.registration_id: each for each in db.session.scalars(query)}


def _list_still_open(ids: Collection[int]) -> set[int]:
    query = select(UnitAttempt.registration_id).where(
        UnitAttempt.registration_id.in_(ids), UnitAttempt.state.in_(OPEN_ATTEMPT_STATES)
    )
    return set(db.session.scalars(query))


def read_awarding_body(document: str | None) -> str:
    """Return the awarding body that a qualification's document names; empty for none."""
    return str(json.loads(document).get("awarding_body") or "") if document else ""
