"""How an attempt moves: one table, and the only function that changes its state (design, section 3)."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.errors import Refused
from tracker.models import UnitAttempt
from tracker.vocabulary import AttemptState, Role


class Move(StrEnum):
    SIGN = "sign"
    RETRACT = "retract"
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    VERIFY = "verify"
    RETURN = "return"
    REOPEN = "reopen"
    VOID = "void"


@dataclass(frozen=True)
class Transition:
    role: Role
    to: AttemptState


S = AttemptState
TRANSITIONS: dict[tuple[AttemptState, Move], Transition] = {
    (S.IN_PROGRESS, Move.SIGN): Transition(Role.ASSESSOR, S.ASSESSED),
    (S.ASSESSED, Move.RETRACT): Transition(Role.ASSESSOR, S.IN_PROGRESS),
    (S.ASSESSED, Move.CONFIRM): Transition(Role.CANDIDATE, S.CONFIRMED),
    (S.ASSESSED, Move.DISPUTE): Transition(Role.CANDIDATE, S.IN_PROGRESS),
    (S.CONFIRMED, Move.VERIFY): Transition(Role.INTERNAL_VERIFIER, S.VERIFIED),
    (S.CONFIRMED, Move.RETURN): Transition(Role.INTERNAL_VERIFIER, S.IN_PROGRESS),
    (S.VERIFIED, Move.REOPEN): Transition(Role.INTERNAL_VERIFIER, S.IN_PROGRESS),
    **{
        (state, Move.VOID): Transition(Role.ADMINISTRATOR, S.VOID)
        for state in (S.IN_PROGRESS, S.ASSESSED, S.CONFIRMED, S.VERIFIED)
    },
}

NOW_AND_NEXT = {
    S.IN_PROGRESS: "is still being worked on; its assessor signs first",
    S.ASSESSED: "is signed by its assessor; the candidate confirms next",
    S.CONFIRMED: "is confirmed by the candidate; the internal verifier acts next",
    S.VERIFIED: "is verified",
    S.CERTIFICATE_CLAIMED: "is claimed from the awarding body; it reopens only with a second person",
    S.VOID: "is void",
}


def check_move(attempt: UnitAttempt, move: Move) -> Transition:
    """The transition, or `Refused` with a sentence that says where the unit stands and who acts next."""
    transition = TRANSITIONS.get((attempt.state, move))
    if transition is None:
        raise Refused(f"{attempt.unit.code} {NOW_AND_NEXT[attempt.state]}. Nothing was changed.")
    return transition


def move_attempt(attempt: UnitAttempt, move: Move) -> None:
    """Change the state; the caller has locked the row and records the event."""
    attempt.state = check_move(attempt, move).to
