"""How long what has ended is kept: two clocks an awarding body, one for evidence and one for decision records.

Both start when a registration ends: its candidate is withdrawn, or its last unit is verified (and its qualification
complete). A hold, for an appeal or a complaint, stops erasure until it is lifted (records paper).
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import joinedload

from tracker.clock import day_of, now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Erasure, Registration, RetentionHold, RetentionRule, Signature, UnitAttempt
from tracker.registrations.progress import load_progress
from tracker.vocabulary import AttemptState, SignatureRole

PAGE = 50
MAX_LENGTH = 600
OPEN = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED)


@dataclass(frozen=True)
class Months:
    """How long evidence, and how long decision records are kept."""

    evidence: int
    records: int


DEFAULT = Months(evidence=12, records=36)
"""Until a centre says otherwise."""


@dataclass(frozen=True)
class RetentionStatus:
    """A registration that has ended or is held, and until when what belongs to it is kept."""

    registration: Registration
    awarding_body: str
    ended_on: date | None
    why: str
    evidence_until: date | None
    records_until: date | None
    hold: RetentionHold | None
    is_evidence_erased: bool
    is_wholly_erased: bool

    def is_due(self, until: date | None, today: date) -> bool:
        """Whether the days of keeping are over and nothing holds it."""
        return until is not None and until < today and self.hold is None

    def needs_erasing(self, today: date) -> bool:
        """Whether something is due that is still there."""
        evidence = self.is_due(self.evidence_until, today) and not self.is_evidence_erased
        return evidence or (self.is_due(self.records_until, today) and not self.is_wholly_erased)


def list_retention_statuses(centre_id: int, page: int) -> tuple[list[RetentionStatus], bool]:
    """What has ended at a centre, and what is held, what ended first before the others; and whether there is more."""
    rows = _ended_or_held(centre_id, PAGE + 1, PAGE * (page - 1))
    return list(_as_kept(centre_id, rows[:PAGE])), len(rows) > PAGE


def list_due(centre_id: int, today: date) -> list[RetentionStatus]:
    """What a centre still keeps that is due for erasure."""
    kept = _as_kept(centre_id, _ended_or_held(centre_id, None, 0))
    return [each for each in kept if each.needs_erasing(today)]


def list_candidate_retention(registration: Registration) -> list[RetentionStatus]:
    """Every registration of its candidate at its centre: what they did there is one portfolio."""
    query = (
        select(Registration, verified_at())
        .where(
            Registration.candidate_id == registration.candidate_id, Registration.centre_id == registration.centre_id
        )
        .order_by(Registration.id)
    )
    rows: list[tuple[Registration, datetime | None]] = [(each, last) for each, last in db.session.execute(query)]
    return list(_as_kept(registration.centre_id, rows))


def list_rules(centre_id: int) -> list[RetentionRule]:
    query = select(RetentionRule).where(RetentionRule.centre_id == centre_id).order_by(RetentionRule.awarding_body)
    return list(db.session.scalars(query))


def set_rule(centre: Centre, awarding_body: str, evidence_months: int, record_months: int, actor: Actor) -> None:
    """Say how long a centre keeps what belongs to one awarding body; an empty name is every other."""
    assert actor.person_id is not None  # noqa: S101 - an administrator sets it, never the operator
    if not 1 <= evidence_months <= record_months <= MAX_LENGTH:
        raise Invalid(
            "Decisions are kept at least as long as the evidence they rest on, and neither longer than 600 months. "
            "Nothing was changed.",
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


def find_hold(registration: Registration) -> RetentionHold | None:
    """The hold that a registration is under."""
    query = select(RetentionHold).where(
        RetentionHold.registration_id == registration.id, RetentionHold.lifted_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def hold(registration: Registration, reason: str, actor: Actor) -> RetentionHold:
    """Keep everything of a registration until the hold is lifted, whatever the clocks say."""
    assert actor.person_id is not None  # noqa: S101 - an administrator holds it, never the operator
    lock_rows(Registration, [registration.id])  # whoever erases meanwhile is before it or after it
    if find_hold(registration):
        raise Refused("It is held already. Nothing was changed.")
    found = RetentionHold(
        registration_id=registration.id, reason=_checked(reason), set_at=now(), set_by_id=actor.person_id
    )
    db.session.add(found)
    db.session.flush()
    record("retention_hold_set", found, actor, texts={"reason": found.reason}, registration=registration.id)
    return found


def lift_hold(found: RetentionHold, reason: str, actor: Actor) -> None:
    """The clocks count again."""
    if found.lifted_at:
        raise Refused("This hold was lifted already. Nothing was changed.")
    found.lifted_reason = _checked(reason)
    found.lifted_at, found.lifted_by_id = now(), actor.person_id
    record(
        "retention_hold_lifted",
        found,
        actor,
        texts={"reason": found.lifted_reason},
        registration=found.registration_id,
    )


def add_months(months: int, day: date) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


def _checked(reason: str) -> str:
    if not reason.strip() or len(reason) > 2000:
        raise Invalid("Say why, in at most 2,000 characters. Nothing was changed.", "reason")
    return reason.strip()


def verified_at() -> ColumnElement[datetime]:
    """SQL: when the last unit of a registration was verified."""
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


def _ended_or_held(centre_id: int, most: int | None, skipped: int) -> list[tuple[Registration, datetime | None]]:
    verified = verified_at()
    ended_at = func.coalesce(Registration.withdrawn_at, verified)
    query = (
        select(Registration, verified)
        .where(Registration.centre_id == centre_id, or_(_has_ended(verified), _is_held()))
        .options(joinedload(Registration.candidate), joinedload(Registration.qualification))
        .order_by(ended_at.is_(None), ended_at, Registration.id)
        .limit(most)
        .offset(skipped)
    )
    return [(registration, last) for registration, last in db.session.execute(query)]


def _has_ended(verified: ColumnElement[datetime]) -> ColumnElement[bool]:
    still_open = exists().where(UnitAttempt.registration_id == Registration.id, UnitAttempt.state.in_(OPEN))
    return or_(Registration.withdrawn_at.is_not(None), and_(~still_open, verified.is_not(None)))


def _is_held() -> ColumnElement[bool]:
    return exists().where(RetentionHold.registration_id == Registration.id, RetentionHold.lifted_at.is_(None))


def _as_kept(centre_id: int, rows: list[tuple[Registration, datetime | None]]) -> Iterator[RetentionStatus]:
    rules = {rule.awarding_body: Months(rule.evidence_months, rule.record_months) for rule in list_rules(centre_id)}
    holds = _holds_of([registration.id for registration, _ in rows])
    standings = load_progress([each.id for each, _ in rows if each.qualification_id and not each.withdrawn_at])
    evidence, whole = _erased([registration.id for registration, _ in rows])
    still_open = _still_open([registration.id for registration, _ in rows])
    for registration, verified in rows:
        standing = standings.get(registration.id)
        is_complete = registration.id not in still_open and (standing is None or standing.standing.complete)
        verified_on = day_of(verified) if verified and is_complete else None
        ended_on = day_of(registration.withdrawn_at) if registration.withdrawn_at else verified_on
        body = _awarding_body(registration)
        months = rules.get(body) or rules.get("") or DEFAULT
        yield RetentionStatus(
            registration,
            body,
            ended_on,
            "withdrawn" if registration.withdrawn_at else "verified" if ended_on else "not ended",
            add_months(months.evidence, ended_on) if ended_on else None,
            add_months(months.records, ended_on) if ended_on else None,
            holds.get(registration.id),
            registration.id in evidence,
            registration.id in whole,
        )


def _erased(ids: Collection[int]) -> tuple[set[int], set[int]]:
    """Of which registrations the evidence was erased, and of which everything."""
    query = select(Erasure.registration_id, Erasure.is_whole).where(Erasure.registration_id.in_(ids))
    found = db.session.execute(query).all()
    return {each for each, _ in found}, {each for each, is_whole in found if is_whole}


def _holds_of(ids: Collection[int]) -> dict[int, RetentionHold]:
    query = select(RetentionHold).where(RetentionHold.registration_id.in_(ids), RetentionHold.lifted_at.is_(None))
    return {each.registration_id: each for each in db.session.scalars(query)}


def _still_open(ids: Collection[int]) -> set[int]:
    query = select(UnitAttempt.registration_id).where(
        UnitAttempt.registration_id.in_(ids), UnitAttempt.state.in_(OPEN)
    )
    return set(db.session.scalars(query))


def _awarding_body(registration: Registration) -> str:
    if registration.qualification is None:
        return ""
    return str(json.loads(registration.qualification.document).get("awarding_body") or "")
