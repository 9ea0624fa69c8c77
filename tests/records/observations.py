"""Observations for tests: written, finished and answered by the services that the pages call."""

from tests import factories
from tracker.ledger.transactions import transaction
from tracker.models import Acknowledgement, Evidence, EvidenceVersion, Person, RecordWithdrawal, UnitAttempt
from tracker.records.services.acknowledging import acknowledge_record, decide_objection
from tracker.records.services.drafts import save_observation, start_record
from tracker.records.services.finishing import finish_record
from tracker.records.services.withdrawing import withdraw_record
from tracker.vocabulary import AcknowledgementAnswer, RecordKind

NARRATIVE = "Alice took a call about a late refund. [10:09 5] She said why. [10:11 g] [10:21 5]"


def begin(attempt: UnitAttempt, author: Person, narrative: str = NARRATIVE, **fields: str) -> Evidence:
    """Begin an observation that is complete enough to finish."""
    with transaction():
        record = start_record(attempt, RecordKind.OBSERVATION, factories.make_actor(author))
        values = {"narrative": narrative, "place": "Leeds, floor 2", "starts": "10:00", "ends": "11:00", **fields}
        assert not save_observation(record, values, None)
    return record


def finish(record: Evidence) -> EvidenceVersion:
    assert record.author
    with transaction():
        return finish_record(record, factories.make_actor(record.author))


def observe(attempt: UnitAttempt, author: Person, narrative: str = NARRATIVE) -> Evidence:
    """Begin and finish an observation."""
    record = begin(attempt, author, narrative)
    finish(record)
    return record


def answer(record: Evidence, answer: AcknowledgementAnswer, reason: str = "") -> Acknowledgement:
    """Let the candidate answer."""
    with transaction():
        actor = factories.make_actor(record.candidate)
        return acknowledge_record(record, answer, reason, actor, record.versions[-1].number)


def agree(record: Evidence) -> Acknowledgement:
    return answer(record, AcknowledgementAnswer.AGREED)


def object_to(record: Evidence, reason: str = "I was at lunch then.") -> Acknowledgement:
    return answer(record, AcknowledgementAnswer.OBJECTED, reason)


def withdraw(record: Evidence, reason: str = "Alice has left the team.") -> RecordWithdrawal:
    """Let the author withdraw the newest version."""
    assert record.author
    with transaction():
        return withdraw_record(record, reason, factories.make_actor(record.author), record.versions[-1].number)


def decide(
    record: Evidence, verifier: Person, *, is_upheld: bool, reason: str = "I read the rota."
) -> Acknowledgement:
    with transaction():
        return decide_objection(
            record,
            is_upheld=is_upheld,
            reason=reason,
            actor=factories.make_actor(verifier),
            seen_version=record.versions[-1].number,
        )
