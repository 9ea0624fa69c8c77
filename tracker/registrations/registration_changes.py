"""Changes of a registration's numbers: the candidate number, and the awarding body's number and date."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Erasure, Registration, RegistrationChange
from tracker.web.text_direction import isolate


@dataclass(frozen=True)
class RegistrationNumbers:
    """A candidate's number at the centre, and the number and date of the registration with the awarding body.

    The last two are None until the awarding body has registered the candidate.
    """

    candidate_number: str
    awarding_body_number: str | None = None
    awarding_body_date: date | None = None


def check_numbers(centre: Centre, numbers: RegistrationNumbers, registration: Registration | None = None) -> None:
    """Raise `Invalid` unless a registration may have these numbers (docs/rules.md, Things, rules 7 and 17).

    Args:
        centre: the centre of the registration.
        numbers: the numbers and the date.
        registration: the registration that is changed, whose own number is not in use by another.
    """
    if numbers.awarding_body_number and not numbers.awarding_body_date:
        raise Invalid("Enter the registration date too, or leave the number empty for now.", "awarding_body_date")
    if numbers.awarding_body_date and not numbers.awarding_body_number:
        raise Invalid("Enter the registration number too, or leave the date empty for now.", "awarding_body_number")
    if numbers.awarding_body_date and numbers.awarding_body_date > today():
        raise Invalid("Enter a registration date that is not in the future.", "awarding_body_date")
    same_number = select(Registration.id).where(
        Registration.centre_id == centre.id, Registration.candidate_number == numbers.candidate_number
    )
    if db.session.scalar(same_number) not in {None, registration.id if registration else None}:
        raise Invalid(
            f"Another candidate at this centre has the number {isolate(numbers.candidate_number)}. "
            "Enter a different one.",
            "candidate_number",
        )


def change_registration(
    registration: Registration, numbers: RegistrationNumbers, actor: Actor, *, changes_seen: int | None
) -> bool:
    """Change a registration's numbers or date and keep the earlier ones; return whether anything changed.

    Args:
        registration: the registration, of a withdrawn candidate too.
        numbers: the new numbers and date.
        actor: the administrator.
        changes_seen: how many changes the page showed on which the new values were typed; None if it did not say.

    Raises:
        Invalid: numbers that the registration may not have.
        Conflict: somebody else changed them since the page was read.
        Refused: the registration was erased.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator changes a registration, never the operator
    lock_rows(Registration, [registration.id])
    if is_erased(registration):
        raise Refused("This candidate’s records have been erased. Nothing was changed.")
    if len(list_changes(registration)) != changes_seen:
        raise Conflict
    before = get_numbers(registration)
    if numbers == before:
        return False
    check_numbers(registration.centre, numbers, registration)
    change = RegistrationChange(
        registration_id=registration.id,
        candidate_number=before.candidate_number,
        awarding_body_number=before.awarding_body_number,
        awarding_body_date=before.awarding_body_date,
        changed_at=now(),
        changed_by_id=actor.person_id,
    )
    db.session.add(change)
    registration.candidate_number = numbers.candidate_number
    registration.awarding_body_number = numbers.awarding_body_number
    registration.awarding_body_date = numbers.awarding_body_date
    db.session.flush()
    values = {"before": before, "after": numbers}
    record(
        "registration_changed", change, actor, rows=[registration],
        texts={f"{name}_{when}": text for when, each in values.items() for name, text in _list_numbers(each)},
        registration=registration.id, centre=registration.centre_id,
        **{f"date_{when}": str(each.awarding_body_date or "") for when, each in values.items()},
    )  # fmt: skip
    return True


def get_numbers(row: Registration | RegistrationChange) -> RegistrationNumbers:
    """Return the numbers and the date of a registration now, or before one of its changes."""
    return RegistrationNumbers(row.candidate_number, row.awarding_body_number, row.awarding_body_date)


def list_changes(registration: Registration) -> list[RegistrationChange]:
    """List the changes of a registration's numbers and date, the newest first."""
    query = (
        select(RegistrationChange)
        .where(RegistrationChange.registration_id == registration.id)
        .options(joinedload(RegistrationChange.changed_by))
        .order_by(RegistrationChange.id.desc())
    )
    return list(db.session.scalars(query))


def is_erased(registration: Registration) -> bool:
    """Return whether the records of a registration have been erased."""
    query = select(Erasure.id).where(Erasure.registration_id == registration.id, Erasure.is_full)
    return db.session.scalar(query.limit(1)) is not None


def _list_numbers(numbers: RegistrationNumbers) -> list[tuple[str, str]]:
    """List the numbers with their names, without those that are missing."""
    names = ("candidate_number", "awarding_body_number")
    return [(name, number) for name in names if (number := getattr(numbers, name))]
