"""Acts on awards and occupational competence, which a centre's administrators record in the staff register."""

from dataclasses import dataclass
from datetime import date

from tracker.clock import now, today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Person, StaffAward, StaffCompetence
from tracker.staff.services.checks import check_another_person, check_past_day, check_reason, clean_line, clean_text
from tracker.vocabulary import AwardKind

MAX_CODE, MAX_CERTIFICATE = 40, 80


@dataclass(frozen=True)
class Certificate:
    """What the certificate of an award says, and whether the administrator has seen it."""

    awarding_body: str
    number: str
    awarded_on: date | None
    ends_on: date | None
    is_seen: bool


def record_held_award(
    person: Person, centre: Centre, kind: AwardKind, title: str, certificate: Certificate, actor: Actor
) -> StaffAward:
    """Record an award that a person holds, whose certificate the administrator has seen.

    docs/rules.md, Staff register, rules 1 and 2.

    Args:
        person: whose award it is.
        centre: the centre.
        kind: the award.
        title: what it is called, if it is another than those named.
        certificate: what the certificate says.
        actor: an administrator of the centre.

    Raises:
        Invalid: something is missing or cannot be.
        Refused: the administrator's own award.
    """
    award = _build_award(person, centre, kind, title, actor)
    _enter_certificate(award, certificate, actor)
    return _add_award(award, actor)


def record_planned_award(
    person: Person, centre: Centre, kind: AwardKind, title: str, target_on: date | None, actor: Actor
) -> StaffAward:
    """Record an award that a person works towards, with the day by which it is to be achieved.

    Raises:
        Invalid: no target date, or one in the past.
        Refused: the administrator's own award.
    """
    award = _build_award(person, centre, kind, title, actor)
    if target_on is None or target_on < today():
        raise Invalid("Enter the date by which the award is to be achieved, today or later.", "target_on")
    award.target_on = target_on
    return _add_award(award, actor)


def confirm_award(award: StaffAward, person: Person, certificate: Certificate, actor: Actor) -> None:
    """Confirm an award that was worked towards: it is held from now on.

    Raises:
        Invalid: something is missing or cannot be.
        Refused: it is held already or was removed, or it is the administrator's own.
    """
    lock_rows(StaffAward, [award.id])
    if award.is_held or award.removed_at:
        raise Refused("This award was confirmed or removed meanwhile. Nothing was changed.")
    check_another_person(person, actor)
    _enter_certificate(award, certificate, actor)
    db.session.flush()
    record("award_confirmed", award, actor, person=award.person_id, centre=award.centre_id, kind=award.kind.value)


def remove_award(award: StaffAward, person: Person, reason: str, actor: Actor) -> None:
    """Remove an award from the register: from now on it no longer counts. It stays in the record, with the reason.

    Raises:
        Invalid: no reason.
        Refused: it was removed already, or it is the administrator's own.
    """
    lock_rows(StaffAward, [award.id])
    _remove(award, person, reason, actor)
    record(
        "award_removed", award, actor, texts={"reason": award.removed_reason or ""},
        person=award.person_id, centre=award.centre_id,
    )  # fmt: skip


def record_competence(
    person: Person, centre: Centre, unit_code: str, sector: str, basis: str, actor: Actor
) -> StaffCompetence:
    """Record a person's occupational competence in one unit or sector.

    Args:
        person: whose competence it is.
        centre: the centre.
        unit_code: the code of a unit, which the caller has found in the centre's library; empty for a sector.
        sector: the sector; empty for a unit.
        basis: what the competence rests on.
        actor: an administrator of the centre.

    Raises:
        Invalid: neither unit nor sector or both, or no basis.
        Refused: the administrator's own competence.
    """
    recorded_by_id = check_another_person(person, actor)
    code, area = clean_line(unit_code, "", "unit_code", MAX_CODE), clean_line(sector, "", "sector")
    if bool(code) == bool(area):
        raise Invalid("Choose a unit or enter a sector, and not both.", "unit_code")
    competence = StaffCompetence(
        person_id=person.id, centre_id=centre.id, unit_code=code, sector=area,
        basis=clean_text(basis, "Enter what the competence rests on.", "basis"),
        recorded_at=now(), recorded_by_id=recorded_by_id,
    )  # fmt: skip
    db.session.add(competence)
    db.session.flush()
    record(
        "competence_recorded", competence, actor, texts={"basis": competence.basis, "sector": area},
        person=person.id, centre=centre.id,
    )  # fmt: skip
    return competence


def remove_competence(competence: StaffCompetence, person: Person, reason: str, actor: Actor) -> None:
    """Remove a competence from the register, with a reason; raise as `remove_award` does."""
    lock_rows(StaffCompetence, [competence.id])
    _remove(competence, person, reason, actor)
    record(
        "competence_removed", competence, actor, texts={"reason": competence.removed_reason or ""},
        person=competence.person_id, centre=competence.centre_id,
    )  # fmt: skip


def _build_award(person: Person, centre: Centre, kind: AwardKind, title: str, actor: Actor) -> StaffAward:
    name = clean_line(title, "Enter what the award is called." if kind.needs_title else "", "title")
    if name and not kind.needs_title:
        raise Invalid("Leave this empty: the award chosen above has its name.", "title")
    return StaffAward(
        person_id=person.id, centre_id=centre.id, kind=kind, title=name,
        recorded_at=now(), recorded_by_id=check_another_person(person, actor),
    )  # fmt: skip


def _enter_certificate(award: StaffAward, certificate: Certificate, actor: Actor) -> None:
    body = clean_line(certificate.awarding_body, "Enter the awarding body.", "awarding_body")
    number = clean_line(
        certificate.number, "Enter the number of the certificate.", "certificate_number", MAX_CERTIFICATE
    )
    awarded_on = check_past_day(certificate.awarded_on, "Enter the date of the award.", "awarded_on")
    if certificate.ends_on is not None and certificate.ends_on < awarded_on:
        raise Invalid("Enter the date of the award or a later one, or leave it empty.", "ends_on")
    if not certificate.is_seen:
        raise Invalid("Look at the certificate, then tick the box.", "is_seen")
    award.awarding_body, award.certificate_number = body, number
    award.awarded_on, award.ends_on = awarded_on, certificate.ends_on
    award.confirmed_at, award.confirmed_by_id = now(), actor.person_id


def _add_award(award: StaffAward, actor: Actor) -> StaffAward:
    db.session.add(award)
    db.session.flush()
    record(
        "award_recorded", award, actor, person=award.person_id, centre=award.centre_id, kind=award.kind.value,
        held=award.is_held,
    )  # fmt: skip
    return award


def _remove(entry: StaffAward | StaffCompetence, person: Person, reason: str, actor: Actor) -> None:
    removed_by_id = check_another_person(person, actor)
    if entry.removed_at:
        raise Refused("This entry was removed already. Nothing was changed.")
    entry.removed_reason = check_reason(reason)
    entry.removed_at, entry.removed_by_id = now(), removed_by_id
    db.session.flush()
