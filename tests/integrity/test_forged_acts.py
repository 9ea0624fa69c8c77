"""Well-formed forged events: each act may write what it wrote, and the chain and every seal are right.

They lie about when something was done, by whom, on whose unit, or in which state of it. Nothing is committed.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.integrity.tampering import list_violations, tampering_transaction
from tests.integrity.test_insider import (
    find_first,
    find_person,
    get_chloes_attempt,
    get_signature,
    make_action_point,
    make_actor,
)
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.models import (
    Allocation,
    Assessment,
    Base,
    Decision,
    EarlierName,
    Event,
    Evidence,
    EvidenceVersion,
    Grant,
    Registration,
    RequirementConfirmation,
    RetentionRule,
    Sample,
    Submission,
)
from tracker.vocabulary import AssessmentState, Role, SignatureRole

pytestmark = pytest.mark.usefixtures("demonstration")
LONG = timedelta(days=200)


def append_event(act: str, row: Base, actor: Actor, *, at: datetime | None = None, **facts: Any) -> None:
    """Append an event as the product does, at another time if one is given."""
    db.session.flush()
    record(act, row, actor, **facts)
    db.session.flush()
    with pytest.MonkeyPatch.context() as monkeypatch:
        if at is not None:
            queue = events._get_queue()
            queue[-1] = replace(queue[-1], at=at)
            monkeypatch.setattr(events, "_check_clock", lambda *_: None)
        events.append_queued()


def copy_row(row: Any, **changes: Any) -> Any:
    """Add a copy of a row with another id."""
    values = {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name != "id"}
    copied = type(row)(**{**values, **changes})
    db.session.add(copied)
    db.session.flush()
    return copied


def get_released_assessment() -> Assessment:
    row: Assessment = find_first(
        Assessment, Assessment.state == AssessmentState.RELEASED, Assessment.attempt_id == get_chloes_attempt().id
    )
    return row


def event_of_last_year() -> None:
    append_event("data_exported", find_person("Bob"), make_actor("Bob"), at=now() - LONG)


def event_of_next_year() -> None:
    append_event("data_exported", find_person("Bob"), make_actor("Bob"), at=now() + LONG)


def role_given_for_the_past() -> None:
    """Enter today that Dan made Ben an assessor long ago."""
    grant = Grant(
        person_id=find_person("Ben").id, centre_id=get_chloes_attempt().centre_id, role=Role.ASSESSOR,
        starts_at=now() - LONG, granted_at=now() - LONG, granted_by_id=find_person("Dan").id,
    )  # fmt: skip
    db.session.add(grant)
    facts = {"person": grant.person_id, "centre": grant.centre_id, "role": "assessor"}
    append_event("grant_given", grant, make_actor("Dan", Role.ADMINISTRATOR), **facts)


def role_ended_in_the_past() -> None:
    grant = find_first(Grant, Grant.role == Role.EXTERNAL_VERIFIER)
    grant.ends_at = now() - LONG
    dan = make_actor("Dan", Role.ADMINISTRATOR)
    append_event("grant_ended", grant, dan, person=grant.person_id, role=grant.role.value)


def allocation_of_the_past() -> None:
    attempt = get_chloes_attempt()
    allocation = Allocation(
        attempt_id=attempt.id, person_id=find_person("Gwen").id, role=Role.ASSESSOR, starts_at=now() - LONG,
        ends_at=now() - LONG / 2, reason="Bob was ill", allocated_by_id=find_person("Dan").id,
    )  # fmt: skip
    db.session.add(allocation)
    append_event("allocation_made", allocation, make_actor("Dan", Role.ADMINISTRATOR), attempt=attempt.id)


def withdrawal_in_the_past() -> None:
    """Enter that Chloe left so long ago that her evidence is due for erasure."""
    registration = find_first(Registration, Registration.candidate_id == find_person("Chloe").id)
    registration.withdrawn_at, registration.withdrawn_reason = now() - timedelta(days=380), "She left"
    append_event("candidate_withdrawn", registration, make_actor("Dan", Role.ADMINISTRATOR))


def sample_before_the_signature() -> None:
    sample = find_first(Sample, Sample.attempt_id == get_chloes_attempt().id)
    copied = copy_row(sample, sampled_at=sample.sampled_at - timedelta(minutes=1), comment="I read everything.")
    carol = make_actor("Carol", Role.INTERNAL_VERIFIER)
    append_event("sample_drawn", copied, carol, attempt=copied.attempt_id)


def action_point_of_the_past() -> None:
    point = make_action_point("Carol")
    point.raised_at, point.response, point.responded_at, point.responded_by_id = now() - LONG, None, None, None
    carol, bob = make_actor("Carol", Role.INTERNAL_VERIFIER), make_actor("Bob", Role.ASSESSOR)
    append_event("action_point_raised", point, carol, attempt=point.attempt_id)
    point.response, point.responded_at, point.responded_by_id = "Done", now(), bob.person_id
    append_event("action_point_answered", point, bob, attempt=point.attempt_id)
    point.closed_at, point.closed_by_id = now(), carol.person_id
    append_event("action_point_closed", point, carol, attempt=point.attempt_id)


def version_submitted_in_the_past() -> None:
    version = find_first(EvidenceVersion)
    evidence = db.session.get_one(Evidence, version.evidence_id)
    grant = find_first(Grant, Grant.person_id == evidence.candidate_id, Grant.role == Role.CANDIDATE)
    copied = copy_row(version, number=99, sealed_at=now())
    db.session.add(
        Submission(
            evidence_version_id=copied.id, declaration="It is mine.", submitted_at=now() - LONG,
            submitted_by_id=evidence.candidate_id,
        )
    )  # fmt: skip
    facts = {"content": copied.content_hash, "version": 99, "number": evidence.number}
    append_event("evidence_submitted", copied, Actor(evidence.candidate_id, grant.id, "demonstration"), **facts)


def name_of_the_time_before_the_signature() -> None:
    """Enter that Bob had his name until before he signed, so that the signature would show another."""
    bob = find_person("Bob")
    earlier = EarlierName(person_id=bob.id, name=bob.name, changed_at=now() - timedelta(days=2_000))
    db.session.add(earlier)
    bob.name = "Victor Hale"
    append_event("name_changed", earlier, OPERATOR)


def assessment_in_the_name_of_another() -> None:
    copied = copy_row(get_released_assessment(), assessor_id=find_person("Gwen").id, released_at=now())
    append_event("assessment_released", copied, make_actor("Bob", Role.ASSESSOR), attempt=copied.attempt_id)


def decision_replaced_after_the_signatures() -> None:
    """Enter another comment on a decision of a verified unit, with the same outcome."""
    decision = find_first(Decision, Decision.attempt_id == get_chloes_attempt().id, Decision.superseded_at.is_(None))
    assessment = copy_row(db.session.get_one(Assessment, decision.assessment_id), released_at=now(), feedback="No.")
    decision.superseded_at = now()
    db.session.flush()
    new = copy_row(decision, assessment_id=assessment.id, comment="Otherwise", decided_at=now(), superseded_at=None)
    decisions = [{"decision": new.id, "claim": new.claim_id, "outcome": "met"}]
    bob = make_actor("Bob", Role.ASSESSOR)
    append_event("assessment_released", assessment, bob, attempt=new.attempt_id, decisions=decisions)


def assessment_without_a_unit() -> None:
    """Enter an assessment by Gwen, to whom the unit is not allocated, in an event that names no unit."""
    gwen = make_actor("Gwen", Role.ASSESSOR)
    append_event("assessment_released", copy_row(get_released_assessment(), assessor_id=gwen.person_id), gwen)


def assessment_that_names_another_unit() -> None:
    gwen = make_actor("Gwen", Role.ASSESSOR)
    row = copy_row(get_released_assessment(), assessor_id=gwen.person_id)
    other = db.session.scalar(select(Allocation.attempt_id).where(Allocation.attempt_id != row.attempt_id).limit(1))
    append_event("assessment_released", row, gwen, attempt=other)


def version_submitted_by_another_candidate() -> None:
    version = copy_row(find_first(EvidenceVersion), number=99, sealed_at=now())
    evidence = db.session.get_one(Evidence, version.evidence_id)
    ben = make_actor("Ben", Role.CANDIDATE)
    assert evidence.candidate_id != ben.person_id
    facts = {"content": version.content_hash, "version": 99, "number": evidence.number}
    append_event("evidence_submitted", version, ben, **facts)


def erasure_under_a_forged_rule() -> None:
    """Enter a rule that makes everything due at once; its row says what a rule may say."""
    dan = make_actor("Dan", Role.ADMINISTRATOR)
    rule = RetentionRule(
        centre_id=get_chloes_attempt().centre_id, awarding_body="", evidence_months=12, record_months=36, set_at=now(),
        set_by_id=dan.person_id,
    )  # fmt: skip
    db.session.add(rule)
    append_event("retention_rule_set", rule, dan, centre=rule.centre_id, evidence=-900, records=-900)


def rule_of_other_periods_than_its_event() -> None:
    dan = make_actor("Dan", Role.ADMINISTRATOR)
    rule = RetentionRule(
        centre_id=get_chloes_attempt().centre_id, awarding_body="", evidence_months=12, record_months=36, set_at=now(),
        set_by_id=dan.person_id,
    )  # fmt: skip
    db.session.add(rule)
    append_event("retention_rule_set", rule, dan, centre=rule.centre_id, evidence=1, records=1)


def note_added_to_a_requirement_signed_without_one() -> None:
    """Sign without a note, as far as the event says, and write one afterwards."""
    signature = get_signature(SignatureRole.ASSESSOR)
    requirement = find_first(RequirementConfirmation, RequirementConfirmation.attempt_id == signature.attempt_id)
    event = db.session.scalars(select(Event).where(Event.act == "unit_signed", Event.object_id == signature.id)).one()
    body = json.loads(event.body)
    body["data"]["texts"].pop(f"note-{requirement.requirement_id}")
    values = {"body": canonical_json(body), "hash": events.hash_body(canonical_json(body))}
    db.session.execute(update(Event).where(Event.seq == event.seq).values(values))


CASES: list[tuple[Callable[[], None], str]] = [
    (event_of_last_year, " is older than the event before it"),
    (event_of_next_year, " has a time in the future"),
    (role_given_for_the_past, "its granted_at is not the time of"),
    (role_ended_in_the_past, "its ends_at is not the time of"),
    (allocation_of_the_past, "its starts_at is not the time of"),
    (withdrawal_in_the_past, "its withdrawn_at is not the time of"),
    (sample_before_the_signature, "its sampled_at is not the time of"),
    (action_point_of_the_past, "its raised_at is not the time of"),
    (version_submitted_in_the_past, "its submitted_at is not the time of"),
    (name_of_the_time_before_the_signature, "its changed_at is not the time of"),
    (assessment_in_the_name_of_another, "its assessor_id is not the person of"),
    (decision_replaced_after_the_signatures, "which was not in progress"),
    (assessment_without_a_unit, "was done by somebody who was not assessor there"),
    (assessment_that_names_another_unit, "names another unit than the one that it is about"),
    (erasure_under_a_forged_rule, "sets periods that no rule may have"),
    (rule_of_other_periods_than_its_event, "has other periods than event"),
    (note_added_to_a_requirement_signed_without_one, "its note is not the one that was signed"),
    (version_submitted_by_another_candidate, "was done by somebody who was not candidate there"),
]
"""The forgeries, and what has to be reported of each."""


@pytest.mark.parametrize(("forge", "expected"), CASES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_forged_act_is_named(forge: Callable[[], None], expected: str) -> None:
    with tampering_transaction():
        forge()
        violations = list_violations()
        events.discard_queued()
    assert [each for each in violations if expected in each], violations


def test_the_demonstration_has_no_such_fault() -> None:
    assert get_signature(SignatureRole.ASSESSOR)
    assert list_violations() == []
