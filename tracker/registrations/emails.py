"""Texts of the emails about allocations and visits. Each function returns the subject and the body."""

from datetime import date

from tracker.vocabulary import Role

VERBS = {Role.ASSESSOR: "assess", Role.INTERNAL_VERIFIER: "verify"}


def build_allocation_made_email(role: Role, code: str, title: str, candidate: str, url: str) -> tuple[str, str]:
    """Return the email to the person to whom a unit has been allocated."""
    return (
        f"{code}: {candidate} has been allocated to you",
        f"You have been allocated {code}, {title}, of {candidate}, to {VERBS[role]}: {url}",
    )


def build_allocation_ended_email(role: Role, code: str, title: str, candidate: str, url: str) -> tuple[str, str]:
    """Return the email to the person whose allocation has been given to somebody else."""
    return (
        f"{code}: {candidate} has been allocated to somebody else",
        (
            f"{code}, {title}, of {candidate} is no longer allocated to you to {VERBS[role]}. It is now allocated to "
            f"somebody else. Your signatures stay on record: {url}"
        ),
    )


def build_assessor_allocated_email(assessor: str, code: str, title: str, url: str) -> tuple[str, str]:
    """Return the email to a candidate whose unit has a new assessor."""
    return f"Your assessor for {code}", f"{assessor} is now your assessor for {code}, {title}: {url}"


def build_visit_opened_email(centre: str, first: date, last: date, url: str) -> tuple[str, str]:
    """Return the email to an external verifier for whom a visit has been opened."""
    return (
        f"Your visit to {centre}",
        (
            f"You can read the units in scope of your visit to {centre} from {first.day} {first:%B %Y} until the end "
            f"of {last.day} {last:%B %Y}: {url}"
        ),
    )
