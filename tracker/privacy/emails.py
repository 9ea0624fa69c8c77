"""Texts of the emails about retention. Each function returns the subject and the body."""


def build_erasure_due_email(registrations: str, url: str) -> tuple[str, str]:
    """Return the reminder to administrators that registrations are due for erasure; `registrations` has the count."""
    return (
        "Registrations due for erasure",
        (
            f"The retention period has ended for evidence or records of {registrations}. Check each of them. "
            f"Put what is still needed on retention hold, and erase the rest: {url}"
        ),
    )
