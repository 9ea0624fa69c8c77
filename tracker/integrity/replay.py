"""Replay of events: the state of every unit attempt as its events alone give it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tracker.assessment.reopening import ACTION_BY_KIND
from tracker.assessment.transitions import TRANSITIONS, AttemptAction
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
from tracker.ledger import permitted_writes
from tracker.vocabulary import AttemptState, ReopeningKind

ACTION_OF_EVENT = {
    "unit_signed": AttemptAction.SIGN,
    "unit_confirmed": AttemptAction.CONFIRM,
    "unit_verified": AttemptAction.VERIFY,
}
VOIDED = "attempt_voided"
REOPENED = "attempt_reopened"
LIFECYCLE_EVENTS = ("attempt_started", *ACTION_OF_EVENT, REOPENED, "attempt_moved", VOIDED)
OPEN_ACTS = (
    "assessment_released",
    "claim_added",
    "claim_removed",
    "claims_changed",
    "objection_decided",
    "record_finished",
    "record_withdrawn",
    "requirement_confirmed",
    "requirement_unconfirmed",
    "testimony_authenticated",
)
"""Acts on a unit that is in progress; nothing of a signed round may change under them."""


@dataclass
class ReplayedAttempt:
    """The state of an attempt after its events."""

    state: AttemptState
    round: int
    unit: str
    """The hash of the unit it is pinned to."""


@invariant(
    4,
    "replaying the events gives the stored state of every unit attempt",
    {"unit_attempt": ("state", "round", "unit_id")},
)
def find_replay_differences(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attempt whose stored state differs from its events. docs/integrity.md, invariant 4."""
    attempts, _ = replay_events(ledger)
    for key, row in ledger.rows("unit_attempt").items():
        replayed, unit = attempts.get(key), ledger.rows("unit").get(row["unit_id"])
        if replayed is None:
            yield f"attempt {key} has no event that starts it"
        elif (replayed.state, replayed.round) != (row["state"], row["round"]):
            yield (
                f"attempt {key} is stored as {row['state']} in round {row['round']}; its events lead to "
                f"{replayed.state} in round {replayed.round}"
            )
        elif unit is None or unit["content_hash"] != replayed.unit:
            yield f"attempt {key} is not pinned to the unit that its events name"


@invariant(5, "every change of a unit attempt's state is an allowed one")
def find_illegal_transitions(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each change of state that the rules do not allow. docs/integrity.md, invariant 5."""
    _, faults = replay_events(ledger)
    yield from faults


@invariant(5, "no one assessed, claimed or confirmed anything in a unit attempt that was not in progress")
def find_acts_on_closed_attempts(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each act on an attempt that was signed or void at the time. docs/integrity.md, invariant 5."""
    closed: set[int] = set()
    for event in sorted(ledger.list_events(*LIFECYCLE_EVENTS, *OPEN_ACTS), key=lambda event: event.seq):
        if event.act in OPEN_ACTS:
            for attempt in sorted(_list_written_attempts(ledger, event) & closed):
                if not ledger.is_own("unit_attempt", attempt):
                    continue
                yield f"{event.name} wrote to attempt {attempt}, which was not in progress"
        elif event.act in (*ACTION_OF_EVENT, VOIDED):
            closed.add(event.data["attempt"] if event.act in ACTION_OF_EVENT else event.object_id)
        elif event.act == REOPENED:
            closed.discard(event.object_id)


def _list_written_attempts(ledger: LedgerSnapshot, event: LedgerEvent) -> set[int]:
    """Return the attempts of the rows that an event sealed."""
    attempts = set[int]()
    for key in event.data.get("rows", ()):
        table, _, number = key.partition(":")
        row = ledger.rows(table).get(int(number)) if number.isdecimal() else None
        if attempt := permitted_writes.find_owners(ledger.find_row, table, row).get("unit_attempt"):
            attempts.add(attempt)
    return attempts


def replay_events(ledger: LedgerSnapshot) -> tuple[dict[int, ReplayedAttempt], list[str]]:
    """Replay the events of all attempts; return each attempt's state, and the changes that are not allowed."""
    attempts: dict[int, ReplayedAttempt] = {}
    faults: list[str] = []
    for event in sorted(ledger.list_events(*LIFECYCLE_EVENTS), key=lambda event: event.seq):
        attempt = event.data["attempt"] if event.act in ACTION_OF_EVENT else event.object_id
        if not ledger.is_own("unit_attempt", attempt):
            continue
        if event.act == "attempt_started":
            if attempt in attempts:
                faults.append(f"{event.name}: attempt {attempt} was started before")
            attempts[attempt] = ReplayedAttempt(AttemptState.IN_PROGRESS, 1, event.data["unit"])
        elif attempt not in attempts:
            faults.append(f"{event.name}: attempt {attempt} was never started")
        else:
            faults.extend(f"{event.name}: {fault}" for fault in _replay_event(attempts[attempt], event))
    return attempts, faults


def _replay_event(replayed: ReplayedAttempt, event: LedgerEvent) -> Iterator[str]:
    if event.act == "attempt_moved":
        if replayed.state is not AttemptState.IN_PROGRESS or event.data["before"] != replayed.unit:
            yield "an attempt moves to another version while it is in progress, from the version it is on"
        replayed.unit = event.data["after"]
        return
    if (transition := TRANSITIONS.get((replayed.state, _get_action(event)))) is None:
        yield f"this event is not allowed for an attempt that is {replayed.state}"
        return
    if event.act in ACTION_OF_EVENT and event.data["round"] != replayed.round:
        yield f"it names round {event.data['round']}; the attempt is in round {replayed.round}"
    replayed.state = transition.new_state
    if event.act == REOPENED:
        replayed.round += 1
        if (event.data["round"], event.data["ended_round"]) != (replayed.round, replayed.round - 1):
            yield f"it names round {event.data['round']}; the attempt is in round {replayed.round}"


def _get_action(event: LedgerEvent) -> AttemptAction:
    if event.act == REOPENED:
        return ACTION_BY_KIND[ReopeningKind(event.data["kind"])]
    return AttemptAction.VOID if event.act == VOIDED else ACTION_OF_EVENT[event.act]
