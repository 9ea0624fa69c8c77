"""Forged statements about the record as a whole: that the clock was right, that it is invented, that a form is current."""

import json
from datetime import datetime

import pytest
from sqlalchemy import select, update

from tests.integrity.tampering import list_violations, tampering_transaction
from tests.integrity.test_forged_acts import LONG, append_event
from tests.integrity.test_insider import find_first, find_person, get_chloes_attempt, make_actor
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import events, keys
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR
from tracker.models import Event, Installation, IssuedForm, SigningKey
from tracker.recording_forms.form_verification import is_current
from tracker.vocabulary import Role

pytestmark = pytest.mark.usefixtures("demonstration")


def accept_clock(at: datetime, head: str | None = None, signed_at: datetime | None = None) -> None:
    """Append the event by which the operator accepts the clock, signed as the command does."""
    key = find_first(SigningKey)
    statement = events.build_clock_statement(head or events.get_head()[1], signed_at or at)
    facts = {
        "key": key.name,
        "accepted_at": events.format_time(signed_at or at),
        "signed": keys.sign(key.name, statement),
    }
    append_event("clock_accepted", key, OPERATOR, at=at, **facts)


def test_an_earlier_time_is_no_fault_after_the_operator_accepted_the_clock() -> None:
    """The clock was ahead: events have a time that is still to come, until the operator sets it right."""
    with tampering_transaction():
        append_event("data_exported", find_person("Bob"), make_actor("Bob"), at=now() + LONG)
        accept_clock(now())
        append_event("data_exported", find_person("Bob"), make_actor("Bob"))
        violations = list_violations()
        events.discard_queued()
    assert violations == []


@pytest.mark.parametrize("lie", ["unsigned", "of another place", "of another time"])
def test_an_acceptance_of_the_clock_counts_only_with_its_own_signature(lie: str) -> None:
    """Otherwise whoever owns the database could append events of any earlier time."""
    with tampering_transaction():
        earlier = now() - LONG
        if lie == "unsigned":
            append_event("clock_accepted", find_first(SigningKey), OPERATOR, at=earlier)
        else:
            accept_clock(earlier, *(("0" * 64,) if lie == "of another place" else (None, now())))
        append_event("data_exported", find_person("Bob"), make_actor("Bob"), at=earlier)
        violations = list_violations()
        events.discard_queued()
    assert [each for each in violations if "(clock_accepted) is older than the event before it" in each]


def test_a_real_record_cannot_be_marked_as_a_demonstration_by_one_event() -> None:
    """A demonstration may be emptied and filled again by a command. The mark and one event do not make one."""
    with tampering_transaction():
        for event in db.session.scalars(select(Event)).all():
            body = json.loads(event.body)
            if body["session_ref"] is not None and event.seq < 90:
                body["session_ref"] = "a browser"
            changed = canonical_json(body)
            values = {"body": changed, "hash": events.hash_body(changed)}
            db.session.execute(update(Event).where(Event.seq == event.seq).values(values))
        violations = list_violations()
        assert [each for each in violations if "its first acts are not of one" in each], violations
        db.session.execute(update(Installation).values(is_demo=False))
        assert [each for each in list_violations() if "but the first acts are not" in each]


def test_a_form_is_not_current_after_an_event_that_ended_its_round() -> None:
    """`/verify` reads the events too: the row alone could say that a superseded form is current."""
    with tampering_transaction():
        form = find_first(IssuedForm, IssuedForm.attempt_id == get_chloes_attempt().id)
        assert is_current(form)
        append_event("attempt_reopened", form.attempt, make_actor("Carol", Role.INTERNAL_VERIFIER), kind="reopening")
        assert form.superseded_at is None
        assert not is_current(form)
        events.discard_queued()
