"""Unit states: the table of allowed actions, and the function that changes a state (docs/rules.md, Unit states)."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.errors import Refused
from tracker.models import UnitAttempt
from tracker.vocabulary import AttemptState, Role


class AttemptAction(StrEnum):
    """An action that changes the state of an attempt."""

    SIGN = "sign"
    RETRACT = "retract"
    REFUSE = "refuse"
    """The countersigner does not countersign the assessor's signature."""
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    VERIFY = "verify"
    RETURN = "return"
    REOPEN = "reopen"
    DISAGREE = "disagree"
    VOID = "void"


@dataclass(frozen=True)
class Transition:
    """Who does an action, and the state after it."""

    role: Role
    new_state: AttemptState


S = AttemptState
TRANSITIONS: dict[tuple[AttemptState, AttemptAction], Transition] = {
    (S.IN_PROGRESS, AttemptAction.SIGN): Transition(Role.ASSESSOR, S.ASSESSED),
    (S.ASSESSED, AttemptAction.RETRACT): Transition(Role.ASSESSOR, S.IN_PROGRESS),
    (S.ASSESSED, AttemptAction.REFUSE): Transition(Role.ASSESSOR, S.IN_PROGRESS),
    (S.ASSESSED, AttemptAction.CONFIRM): Transition(Role.CANDIDATE, S.CONFIRMED),
    (S.ASSESSED, AttemptAction.DISPUTE): Transition(Role.CANDIDATE, S.IN_PROGRESS),
    (S.CONFIRMED, AttemptAction.VERIFY): Transition(Role.INTERNAL_VERIFIER, S.VERIFIED),
    (S.CONFIRMED, AttemptAction.RETURN): Transition(Role.INTERNAL_VERIFIER, S.IN_PROGRESS),
    (S.VERIFIED, AttemptAction.REOPEN): Transition(Role.INTERNAL_VERIFIER, S.IN_PROGRESS),
    **{
        (state, AttemptAction.DISAGREE): Transition(Role.INTERNAL_VERIFIER, S.IN_PROGRESS)
        for state in (S.ASSESSED, S.CONFIRMED, S.VERIFIED)
    },
    **{
        (state, AttemptAction.VOID): Transition(Role.ADMINISTRATOR, S.VOID)
        for state in (S.IN_PROGRESS, S.ASSESSED, S.CONFIRMED, S.VERIFIED)
    },
}

STATE_AND_NEXT_STEP = {
    S.IN_PROGRESS: "is in progress; the assessor signs it next",
    S.ASSESSED: "is signed by its assessor; the candidate confirms it next",
    S.CONFIRMED: "is confirmed by the candidate; the internal verifier verifies it next",
    S.VERIFIED: "is verified",
    S.CERTIFICATE_CLAIMED: "has a certificate claimed from the awarding body; "
    "a second person must agree before it is reopened",
    S.VOID: "is void",
}


def check_action_allowed(attempt: UnitAttempt, action: AttemptAction) -> Transition:
    """Return the transition, or raise `Refused` with a sentence that says the state and who acts next."""
    transition = TRANSITIONS.get((attempt.state, action))
    if transition is None:
        raise Refused(f"{attempt.unit.code} {STATE_AND_NEXT_STEP[attempt.state]}. Nothing was changed.")
    return transition


def change_attempt_state(attempt: UnitAttempt, action: AttemptAction) -> None:
    """Change the state of an attempt, or raise `Refused` if its state does not allow the action.

    The caller has locked the row and records the event.
    """
    attempt.state = check_action_allowed(attempt, action).new_state
