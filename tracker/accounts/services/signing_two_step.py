"""Two-step verification before a signature: when it is needed, and what the event says of it."""

from datetime import timedelta

from tracker.accounts.services.two_step_verification import list_factors
from tracker.clock import now
from tracker.errors import Invalid
from tracker.models import Centre
from tracker.vocabulary import Role, SigningTwoStep
from tracker.web.current_user import SecondStep

LIFETIME = timedelta(minutes=5)
"""How long before a signature the second step may have been done."""
NEEDED = (
    "Signing needs two-step verification, at most five minutes before. Nothing was signed. What you typed is kept. "
    "Send the form again: you are asked for it first."
)


def is_asked(asked: SigningTwoStep | None, role: Role) -> bool:
    """Return whether a centre asks people who sign in this role for two-step verification (None: not chosen)."""
    return {SigningTwoStep.EVERYBODY: True, SigningTwoStep.NOBODY: False}.get(
        asked or SigningTwoStep.STAFF, role is not Role.CANDIDATE
    )


def is_recent(second_step: SecondStep | None) -> bool:
    """Return whether the second step was done in the last five minutes."""
    return second_step is not None and now() - second_step.at <= LIFETIME


def check_second_step(
    centre: Centre, role: Role, person_id: int, second_step: SecondStep | None
) -> dict[str, str] | None:
    """Return what the event of a signature says of the second step: `method` and `at`; None if it was not done.

    Args:
        centre: the centre of the unit.
        role: the role in which the person signs.
        person_id: who signs.
        second_step: when and how the second step was last done in their session.

    Raises:
        Invalid: the centre asks for it, the person has set it up, and it was not done in the last five minutes
            (docs/rules.md, Signing, rule 16).
    """
    if second_step and is_recent(second_step):
        return {"method": second_step.method.value, "at": second_step.at.isoformat()}
    if is_asked(centre.signing_two_step, role) and list_factors(person_id):
        raise Invalid(NEEDED)
    return None
