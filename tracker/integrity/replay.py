"""The life of every attempt, told again from its events alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from tracker.assessment.reopening import ACTIONS_THAT_REOPEN
from tracker.assessment.transitions import TRANSITIONS, AttemptAction
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.vocabulary import AttemptState, ReopeningKind

MOVED_BY = {
    "unit_signed": AttemptAction.SIGN,
    "unit_confirmed": AttemptAction.CONFIRM,
    "unit_verified": AttemptAction.VERIFY,
}
VOIDED = "attempt_voided"
REOPENED = "attempt_reopened"
LIVES = ("attempt_started", *MOVED_BY, REOPENED, "attempt_moved", VOIDED)


@dataclass
class Life:
    """An attempt as its events leave it."""

    state: AttemptState
    round: int
    unit: str
    """The hash of the unit it is pinned to."""


@invariant(
    4,
    "replaying the events gives the stored state of every unit attempt",
    {"unit_attempt": ("state", "round", "unit_id")},
)
def replay_gives_what_is_stored(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attempt whose stored state differs from its events. docs/integrity.md, invariant 4."""
    lives, _ = told_again(ledger)
    for key, row in ledger.rows("unit_attempt").items():
        life, unit = lives.get(key), ledger.rows("unit").get(row["unit_id"])
        if life is None:
            yield f"attempt {key} has no event that starts it"
        elif (life.state, life.round) != (row["state"], row["round"]):
            yield (
                f"attempt {key} is stored as {row['state']} in round {row['round']}; its events lead to "
                f"{life.state} in round {life.round}"
            )
        elif unit is None or unit["content_hash"] != life.unit:
            yield f"attempt {key} is not pinned to the unit that its events name"


@invariant(5, "every change of a unit attempt's state is an allowed one")
def moves_are_allowed(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each change of state that the rules do not allow. docs/integrity.md, invariant 5."""
    _, faults = told_again(ledger)
    yield from faults


def told_again(ledger: LedgerSnapshot) -> tuple[dict[int, Life], list[str]]:
    """By attempt how its events leave it, and what among them the design does not allow."""
    lives: dict[int, Life] = {}
    faults: list[str] = []
    for event in sorted(ledger.list_events(*LIVES), key=lambda each: each.seq):
        attempt = event.data["attempt"] if event.act in MOVED_BY else event.object_id
        if event.act == "attempt_started":
            if attempt in lives:
                faults.append(f"{event.name}: attempt {attempt} was started before")
            lives[attempt] = Life(AttemptState.IN_PROGRESS, 1, event.data["unit"])
        elif attempt not in lives:
            faults.append(f"{event.name}: attempt {attempt} was never started")
        else:
            faults.extend(f"{event.name}: {fault}" for fault in _live(lives[attempt], event))
    return lives, faults


def _live(life: Life, event: LedgerEvent) -> Iterator[str]:
    if event.act == "attempt_moved":
        if life.state is not AttemptState.IN_PROGRESS or event.data["before"] != life.unit:
            yield "an attempt moves to another version while it is in progress, from the version it is on"
        life.unit = event.data["after"]
        return
    if (transition := TRANSITIONS.get((life.state, _move_of(event)))) is None:
        yield f"an attempt that is {life.state} does not do this"
        return
    if event.act in MOVED_BY and event.data["round"] != life.round:
        yield f"it names round {event.data['round']}; the attempt is in round {life.round}"
    life.state = transition.to
    if event.act == REOPENED:
        life.round += 1
        if (event.data["round"], event.data["ended_round"]) != (life.round, life.round - 1):
            yield f"it names round {event.data['round']}; the attempt is in round {life.round}"


def _move_of(event: LedgerEvent) -> AttemptAction:
    if event.act == REOPENED:
        return ACTIONS_THAT_REOPEN[ReopeningKind(event.data["kind"])]
    return AttemptAction.VOID if event.act == VOIDED else MOVED_BY[event.act]
