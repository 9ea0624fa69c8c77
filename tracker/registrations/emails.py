"""Texts of the emails about allocations and visits. Each function returns the subject and the body."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker.vocabulary import Role

VERBS = {Role.ASSESSOR: "assess", Role.INTERNAL_VERIFIER: "verify"}


@dataclass(frozen=True)
class AllocatedUnit:
    """A unit of a candidate, as the emails about its allocation name it."""

    code: str
    title: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.code}, {self.title}, of {self.candidate}"


def build_allocation_made_email(role: Role, units: Sequence[AllocatedUnit], url: str) -> tuple[str, str]:
    """Return the email to the person to whom units have been allocated."""
    first = units[0]
    if len(units) == 1:
        subject = f"{first.code}: {first.candidate} has been allocated to you"
        return subject, f"You have been allocated {first}, to {VERBS[role]}: {url}"
    return (
        f"{len(units)} units have been allocated to you",
        f"You have been allocated these {len(units)} units, to {VERBS[role]}:\n\n{_list(units)}\n\n{url}",
    )


def build_allocation_ended_email(role: Role, units: Sequence[AllocatedUnit], url: str) -> tuple[str, str]:
    """Return the email to the person whose units have been allocated to somebody else."""
    first = units[0]
    if len(units) == 1:
        return (
            f"{first.code}: {first.candidate} has been allocated to somebody else",
            (
                f"{first} is no longer allocated to you to {VERBS[role]}. It is now allocated to somebody else. "
                f"Your signatures stay on record: {url}"
            ),
        )
    return (
        f"{len(units)} units have been allocated to somebody else",
        (
            f"These {len(units)} units are no longer allocated to you to {VERBS[role]}. They are now allocated to "
            f"somebody else. Your signatures stay on record: {url}\n\n{_list(units)}"
        ),
    )


def build_assessor_allocated_email(assessor: str, units: Sequence[AllocatedUnit], url: str) -> tuple[str, str]:
    """Return the email to a candidate whose units have a new assessor."""
    first = units[0]
    if len(units) == 1:
        subject = f"Your assessor for {first.code}"
        return subject, f"{assessor} is now your assessor for {first.code}, {first.title}: {url}"
    names = "\n".join(f"- {unit.code}, {unit.title}" for unit in units)
    return f"Your assessor for {len(units)} units", f"{assessor} is now your assessor for:\n\n{names}\n\n{url}"


def build_visit_opened_email(centre: str, first: date, last: date, url: str) -> tuple[str, str]:
    """Return the email to an external verifier for whom a visit has been opened."""
    return (
        f"Your visit to {centre}",
        (
            f"You can read the units in scope of your visit to {centre} from {first.day} {first:%B %Y} until the end "
            f"of {last.day} {last:%B %Y}: {url}"
        ),
    )


def _list(units: Sequence[AllocatedUnit]) -> str:
    return "\n".join(f"- {unit}" for unit in units)
