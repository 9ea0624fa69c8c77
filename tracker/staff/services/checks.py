"""Checks of what is entered in the staff register."""

from datetime import date

from tracker.clock import today
from tracker.errors import Invalid, Refused
from tracker.ledger.events import Actor
from tracker.models import Person

MAX_TEXT = 5_000
MAX_LINE = 200
FIRST_DAY = date(1950, 1, 1)


def check_another_person(person: Person, actor: Actor) -> int:
    """Return the id of the administrator who acts; raise Refused if the record is their own.

    docs/rules.md, Staff register, rule 2.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator acts, never the operator
    if actor.person_id == person.id:
        raise Refused(
            "This is your own staff record. Another administrator of the centre records awards and competence in it, "
            "and erases it. Nothing was changed."
        )
    return actor.person_id


def check_own(person: Person, actor: Actor) -> None:
    """Raise Refused if the record is somebody else's. docs/rules.md, Staff register, rule 2."""
    if actor.person_id != person.id:
        raise Refused("Only the person themselves writes this in their staff record. Nothing was changed.")


def clean_line(text: str, missing: str, field: str, limit: int = MAX_LINE) -> str:
    """Return a line without spaces at its ends; raise Invalid where it is too long, or empty and may not be.

    Args:
        text: what was typed.
        missing: the error where it is empty; empty if it may be.
        field: its form field.
        limit: the most characters.
    """
    return _clean(" ".join(text.split()), missing, field, limit)


def clean_text(text: str, missing: str, field: str, limit: int = MAX_TEXT) -> str:
    """Return a text of several lines in the same way."""
    return _clean(text.replace("\r\n", "\n").strip(), missing, field, limit)


def check_reason(reason: str) -> str:
    """Return the reason for which something is removed or ends; raise Invalid without one."""
    return clean_text(reason, "Enter the reason. Nothing was changed.", "reason", 2_000)


def check_past_day(day: date | None, missing: str, field: str) -> date:
    """Return a day; raise Invalid if there is none, or it lies in the future or before 1950."""
    if day is None:
        raise Invalid(missing, field)
    if not FIRST_DAY <= day <= today():
        raise Invalid("Enter a date from 1 January 1950 to today.", field)
    return day


def _clean(text: str, missing: str, field: str, limit: int) -> str:
    if missing and not text:
        raise Invalid(missing, field)
    if len(text) > limit:
        raise Invalid(f"Use at most {limit:,} characters.", field)
    return text
