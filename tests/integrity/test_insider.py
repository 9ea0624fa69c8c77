"""Forged events by an insider, who appends to the ledger by its own rules: the chain is valid and every row sealed anew.

Each case is what somebody with the database, or with code in the server, might enter. `flask verify` reports each.
Nothing of it is committed.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

import tracker
from tests.integrity.tampering import divide_without_rules, find_other_value, list_violations, tampering_transaction
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.actors import OPERATOR_ACTS, OWN_ACCOUNT_ACTS, ROLES_OF_ACT
from tracker.ledger import events, row_seals, sealing
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.models import (
    ActionPoint,
    Allocation,
    Assessment,
    Attachment,
    Base,
    Centre,
    Claim,
    Decision,
    Event,
    Evidence,
    EvidenceVersion,
    Grant,
    IssuedForm,
    Person,
    Reopening,
    RequirementConfirmation,
    Sample,
    SampleItem,
    Signature,
    SigningKey,
    Submission,
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.vocabulary import AssessmentOutcome, AttemptState, Outcome, ReopeningKind, Role, SignatureRole

pytestmark = pytest.mark.usefixtures("demonstration")


def find_first(model: Any, *conditions: Any) -> Any:
    return db.session.scalars(select(model).where(*conditions).order_by(*model.__table__.primary_key)).first()


def find_person(name: str) -> Person:
    row: Person = find_first(Person, Person.name.startswith(name))
    return row


def make_actor(name: str, role: Role | None = None, grant: int | None = None) -> Actor:
    """Return a person as an actor under one of their roles."""
    actor = find_person(name)
    grant_row = find_first(Grant, Grant.person_id == actor.id, Grant.role == role) if role else None
    return Actor(actor.id, grant_row.id if grant_row else grant, "demonstration")


def get_chloes_attempt() -> UnitAttempt:
    attempt: UnitAttempt = find_first(UnitAttempt, UnitAttempt.candidate_id == find_person("Chloe").id)
    return attempt


def get_signature(role: SignatureRole) -> Signature:
    row: Signature = find_first(Signature, Signature.attempt_id == get_chloes_attempt().id, Signature.role == role)
    return row


def record_forged_event(act: str, row: Base, actor: Actor | None = None, **facts: Any) -> None:
    """Append an event by the ledger's rules, which seals every changed row, also those that the act may not write."""
    db.session.flush()
    record(act, row, actor or make_actor("Bob", Role.ASSESSOR), **facts)
    db.session.flush()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sealing, "_divide", divide_without_rules)
        events.append_queued()


def event_recorded_twice() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    record_forged_event("unit_signed", row, attempt=row.attempt_id, round=1, snapshot=row.snapshot_hash)


def state_without_its_event() -> None:
    attempt = find_first(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
    attempt.state = AttemptState.VOID
    record_forged_event("claims_changed", attempt, make_actor("Alice", Role.CANDIDATE), attempt=attempt.id)


def transition_that_is_not_allowed() -> None:
    attempt = find_first(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
    record_forged_event(
        "attempt_voided", attempt, make_actor("Dan", Role.ADMINISTRATOR), before="in_progress", state="void"
    )
    record_forged_event(
        "attempt_voided", attempt, make_actor("Dan", Role.ADMINISTRATOR), before="in_progress", state="void"
    )
    attempt.state = AttemptState.VOID


def action_point_raised_by_an_assessor() -> None:
    record_forged_event(
        "action_point_raised",
        make_action_point("Bob"),
        make_actor("Bob", Role.ASSESSOR),
        attempt=get_chloes_attempt().id,
    )


def make_action_point(by_whom: str) -> ActionPoint:
    action_point = ActionPoint(
        attempt_id=get_chloes_attempt().id, round=1, raised_by_id=find_person(by_whom).id, raised_at=now(), action="Look",
        due_on=now().date(), response="Done", responded_by_id=find_person("Bob").id, responded_at=now(),
    )  # fmt: skip
    db.session.add(action_point)
    return action_point


def role_given_by_a_candidate() -> None:
    """Enter that Alice, under her role as candidate, makes Ben an assessor."""
    grant = Grant(
        person_id=find_person("Ben").id, centre_id=get_chloes_attempt().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=find_person("Alice").id,
    )  # fmt: skip
    db.session.add(grant)
    alice = make_actor("Alice", Role.CANDIDATE)
    record_forged_event("grant_given", grant, alice, person=grant.person_id, centre=grant.centre_id, role="assessor")


def role_given_without_a_role() -> None:
    grant = Grant(
        person_id=find_person("Ben").id, centre_id=get_chloes_attempt().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=find_person("Alice").id,
    )  # fmt: skip
    db.session.add(grant)
    record_forged_event(
        "grant_given", grant, make_actor("Alice"), person=grant.person_id, centre=grant.centre_id, role="assessor"
    )


def role_given_to_oneself() -> None:
    """Enter that Dan makes himself an assessor, in Carol's name."""
    grant = Grant(
        person_id=find_person("Dan").id, centre_id=get_chloes_attempt().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=find_person("Carol").id,
    )  # fmt: skip
    db.session.add(grant)
    dan = make_actor("Dan", Role.ADMINISTRATOR)
    record_forged_event("grant_given", grant, dan, person=grant.person_id, centre=grant.centre_id, role="assessor")


def unit_published_by_a_candidate() -> None:
    record_forged_event(
        "unit_published", find_first(Unit), make_actor("Alice"), content=find_first(Unit).content_hash
    )


def signature_without_an_allocation() -> None:
    """Enter that Gwen, an assessor of the centre, signs a unit allocated to Bob."""
    attempt = get_chloes_attempt()
    for allocation in db.session.scalars(select(Allocation).where(Allocation.person_id == find_person("Gwen").id)):
        assert allocation.attempt_id != attempt.id
    row = get_signature(SignatureRole.ASSESSOR)
    row.person_id = find_person("Gwen").id
    forge_event(row, make_actor("Gwen", Role.ASSESSOR))


def confirmation_by_another_candidate() -> None:
    row = get_signature(SignatureRole.CANDIDATE)
    row.person_id = find_person("Ben").id
    forge_event(row, make_actor("Ben", Role.CANDIDATE))


def forge_event(row: Signature, actor: Actor) -> None:
    """Rewrite the event of a signature as another person's, and chain all later events anew."""
    db.session.flush()
    key, prev = f"signature:{row.id}", ""
    for event in db.session.execute(
        select(Event.seq, Event.body, Event.object_type, Event.object_id).order_by(Event.seq)
    ).all():
        body_fields = json.loads(event.body) | ({"prev": prev} if prev else {})
        if (event.object_type, event.object_id) == ("signature", row.id):
            hashes = row_seals.hash_columns(
                row_seals.find_salts([key])[key], row_seals.get_table(row), row_seals.get_values(row)
            )
            sealed = row_seals.seal_row("signature", hashes)
            body_fields |= {"actor": actor.person_id, "grant": actor.grant_id}
            body_fields["data"]["rows"][key] = sealed
        body = canonical_json(body_fields)
        values = {
            "body": body, "hash": events.hash_body(body), "prev": body_fields["prev"], "actor_id": body_fields["actor"],
            "grant_id": body_fields["grant"],
        }  # fmt: skip
        db.session.execute(update(Event.__table__).where(Event.seq == event.seq).values(values))
        prev = values["hash"]


def reopening_by_the_assessor() -> None:
    reopening = Reopening(
        attempt_id=get_chloes_attempt().id, round=1, kind=ReopeningKind.REOPENING, reason="x", reopened_at=now(),
        reopened_by_id=find_person("Bob").id,
    )  # fmt: skip
    db.session.add(reopening)
    record_forged_event("attempt_reopened", reopening, make_actor("Bob", Role.ASSESSOR), kind="reopening")


def action_point_closed_by_the_assessor() -> None:
    action_point = make_action_point("Carol")
    action_point.closed_by_id, action_point.closed_at = find_person("Bob").id, now()
    record_forged_event(
        "action_point_raised",
        action_point,
        make_actor("Carol", Role.INTERNAL_VERIFIER),
        attempt=get_chloes_attempt().id,
    )


def decision_by_the_verifier() -> None:
    row = find_first(Decision, Decision.attempt_id == get_chloes_attempt().id)
    row.decided_by_id = find_person("Carol").id
    record_forged_event("assessment_released", row)


def live_signature_of_an_ended_round() -> None:
    """Enter that Carol reopens the unit, and leave its signatures as they are."""
    attempt = get_chloes_attempt()
    reopening = Reopening(
        attempt_id=attempt.id, round=1, kind=ReopeningKind.REOPENING, reason="x", reopened_at=now(),
        reopened_by_id=find_person("Carol").id,
    )  # fmt: skip
    db.session.add(reopening)
    db.session.flush()
    attempt.round, attempt.state, attempt.assessed_at = 2, AttemptState.IN_PROGRESS, None
    db.session.execute(update(IssuedForm).values(superseded_at=now()))
    facts = {"kind": "reopening", "reopening": reopening.id, "round": 2, "ended_round": 1, "decisions": []}
    record_forged_event("attempt_reopened", attempt, make_actor("Carol", Role.INTERNAL_VERIFIER), **facts)


def two_live_signatures() -> None:
    db.session.execute(text("DROP INDEX uq_signature_live"))
    row = get_signature(SignatureRole.ASSESSOR)
    values = {each.name: getattr(row, each.name) for each in Signature.__table__.columns if each.name != "id"}
    copied = Signature(**values)
    db.session.add(copied)
    record_forged_event("unit_signed", copied, attempt=row.attempt_id, round=1, snapshot=row.snapshot_hash)


def signatures_in_another_order() -> None:
    row = get_signature(SignatureRole.CANDIDATE)
    row.signed_at -= timedelta(days=100)
    row.reauthenticated_at -= timedelta(days=100)
    record_forged_event("unit_confirmed", row, make_actor("Chloe", Role.CANDIDATE))


def signature_with_a_criterion_not_met() -> None:
    for row in db.session.scalars(select(Decision).where(Decision.attempt_id == get_chloes_attempt().id).limit(1)):
        row.outcome = Outcome.NEEDS_MORE
        record_forged_event("assessment_released", row)


def signature_with_a_requirement_not_confirmed() -> None:
    row = find_first(RequirementConfirmation, RequirementConfirmation.attempt_id == get_chloes_attempt().id)
    row.removed_at = now()
    record_forged_event("requirement_unconfirmed", row, attempt=get_chloes_attempt().id)


def decision_of_a_returned_assessment() -> None:
    row = find_first(Assessment, Assessment.attempt_id == get_chloes_attempt().id)
    row.outcome = AssessmentOutcome.RETURNED
    record_forged_event("assessment_released", row, attempt=get_chloes_attempt().id)


def another_locator() -> None:
    row = find_first(Claim, Claim.attempt_id == get_chloes_attempt().id)
    row.locator = "page 99"
    record_forged_event("claims_changed", row, make_actor("Chloe", Role.CANDIDATE), attempt=get_chloes_attempt().id)


def claim_with_anothers_evidence() -> None:
    row = find_first(Claim, Claim.attempt_id == get_chloes_attempt().id)
    row.evidence_id = find_first(Evidence, Evidence.candidate_id == find_person("Alice").id).id
    record_forged_event("claims_changed", row, make_actor("Chloe", Role.CANDIDATE), attempt=get_chloes_attempt().id)


def another_comment_on_a_decision() -> None:
    row = find_first(Decision, Decision.attempt_id == get_chloes_attempt().id)
    row.comment = "Otherwise"
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def another_comment_on_a_signature() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.comment = "Otherwise"
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def another_comment_on_a_sample() -> None:
    row = find_first(Sample, Sample.attempt_id == get_chloes_attempt().id)
    row.comment = "Otherwise"
    record_forged_event(
        "claims_changed", row, make_actor("Carol", Role.INTERNAL_VERIFIER), attempt=get_chloes_attempt().id
    )


def another_statement_of_a_signature() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.statement = "Otherwise"
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def signature_at_another_time() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.signed_at -= timedelta(hours=3)
    row.reauthenticated_at -= timedelta(hours=3)
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def signature_in_another_session() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.session_ref = "another"
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def signature_long_after_the_password() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.reauthenticated_at -= timedelta(minutes=6)
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def another_title_of_a_unit() -> None:
    db.session.execute(
        update(Unit.__table__).where(Unit.id == get_chloes_attempt().unit_id).values(title="Otherwise")
    )


def another_full_code_of_a_unit() -> None:
    db.session.execute(
        update(Unit.__table__).where(Unit.id == get_chloes_attempt().unit_id).values(full_code="Otherwise")
    )


def another_version_of_a_unit() -> None:
    db.session.execute(update(Unit.__table__).where(Unit.id == get_chloes_attempt().unit_id).values(version="99"))


def another_simulation_of_a_unit() -> None:
    db.session.execute(
        update(Unit.__table__)
        .where(Unit.id == get_chloes_attempt().unit_id)
        .values(
            simulation=find_other_value(
                Unit.__table__.c.simulation, find_first(Unit, Unit.id == get_chloes_attempt().unit_id).simulation
            )
        )
    )


def another_file_of_a_version() -> None:
    version = find_first(EvidenceVersion)
    attached = find_first(VersionAttachment, VersionAttachment.version_id == version.id)
    other_attachment = find_first(Attachment, Attachment.id != (attached.attachment_id if attached else 0))
    added = VersionAttachment(version_id=version.id, attachment_id=other_attachment.id)
    db.session.add(added)
    record_forged_event("claims_changed", version, make_actor("Chloe", Role.CANDIDATE))


def another_narrative_of_a_version() -> None:
    version = find_first(EvidenceVersion)
    version.narrative = "Otherwise"
    record_forged_event("claims_changed", version, make_actor("Chloe", Role.CANDIDATE))


def another_day_of_sampling() -> None:
    row = get_signature(SignatureRole.INTERNAL_VERIFIER)
    row.date_sampled = row.signed_at.date() - timedelta(days=30)
    record_forged_event(
        "claims_changed", row, make_actor("Carol", Role.INTERNAL_VERIFIER), attempt=get_chloes_attempt().id
    )


def disagreement_without_effect() -> None:
    item = find_first(SampleItem)
    item.agrees = False
    record_forged_event(
        "sample_drawn", item, make_actor("Carol", Role.INTERNAL_VERIFIER), attempt=get_chloes_attempt().id
    )


def disagreement_turned_into_agreement() -> None:
    item = find_first(SampleItem)
    action_point = make_action_point("Carol")
    action_point.sample_item_id = item.id
    record_forged_event(
        "action_point_raised",
        action_point,
        make_actor("Carol", Role.INTERNAL_VERIFIER),
        attempt=get_chloes_attempt().id,
    )


def action_point_left_open() -> None:
    action_point = make_action_point("Carol")
    record_forged_event(
        "action_point_raised",
        action_point,
        make_actor("Carol", Role.INTERNAL_VERIFIER),
        attempt=get_chloes_attempt().id,
    )


def action_point_without_a_response() -> None:
    action_point = make_action_point("Carol")
    action_point.response = action_point.responded_by_id = action_point.responded_at = None
    record_forged_event(
        "action_point_raised",
        action_point,
        make_actor("Carol", Role.INTERNAL_VERIFIER),
        attempt=get_chloes_attempt().id,
    )


def certificate_claimed_without_a_form() -> None:
    get_chloes_attempt().state = AttemptState.CERTIFICATE_CLAIMED
    db.session.execute(delete(IssuedForm))
    record_forged_event("claims_changed", get_chloes_attempt(), attempt=get_chloes_attempt().id)


def form_of_another_snapshot() -> None:
    form = find_first(IssuedForm)
    form.snapshot_hash = "0" * 64
    record_forged_event("form_issued", form, attempt=get_chloes_attempt().id)


def form_with_another_ledger_head() -> None:
    form = find_first(IssuedForm)
    form.ledger_head = "0" * 64
    record_forged_event("claims_changed", form, attempt=get_chloes_attempt().id)


def superseded_form_as_current() -> None:
    attempt = get_chloes_attempt()
    attempt.round, attempt.state = 2, AttemptState.IN_PROGRESS
    record_forged_event("attempt_reopened", attempt, make_actor("Carol", Role.INTERNAL_VERIFIER), kind="reopening")


def key_made_by_the_forger() -> None:
    key = SigningKey(name="0" * 16, public_key="0" * 64, certificate="x", made_at=now())
    db.session.add(key)
    record_forged_event("key_made", key, events.OPERATOR, key=key.name, follows=None, signed="00", vouched=None)


def act_after_deactivation() -> None:
    find_person("Bob").deactivated_at = now() - timedelta(days=100)
    record_forged_event("person_deactivated", find_person("Bob"), events.OPERATOR)


def evidence_at_another_centre() -> None:
    other_centre = Centre(name="Other", number="O", created_at=now())
    db.session.add(other_centre)
    db.session.flush()
    row = find_first(Evidence, Evidence.candidate_id == find_person("Alice").id, Evidence.number.is_not(None))
    row.centre_id = other_centre.id
    record_forged_event("centre_created", other_centre, events.OPERATOR)


def allocation_without_a_role() -> None:
    row = find_first(Allocation)
    row.person_id = find_person("Ben").id
    record_forged_event("allocation_made", row, make_actor("Dan", Role.ADMINISTRATOR))


def allocation_after_the_role_ended() -> None:
    """Enter an allocation of Gwen, whose role as a verifier has ended."""
    grant = find_first(Grant, Grant.person_id == find_person("Gwen").id, Grant.role == Role.INTERNAL_VERIFIER)
    grant.ends_at = now() - timedelta(days=150)
    allocation = Allocation(
        attempt_id=get_chloes_attempt().id, person_id=find_person("Gwen").id, role=Role.INTERNAL_VERIFIER, starts_at=now(),
        ends_at=now(), reason="x", allocated_by_id=find_person("Dan").id,
    )  # fmt: skip
    db.session.add(allocation)
    record_forged_event("allocation_made", allocation, make_actor("Dan", Role.ADMINISTRATOR))


def address_confirmed_without_an_emailed_link() -> None:
    """Enter that Bob confirmed his address, with a link that was shown to the administrator."""
    bob, purpose = find_person("Bob"), "confirm_address"
    bob.email_confirmed_at = now()
    dan = make_actor("Dan", Role.ADMINISTRATOR)
    record_forged_event("link_issued", bob, dan, purpose=purpose, emailed=False, shown_to_administrator=True)
    confirmed_at = bob.email_confirmed_at.isoformat(timespec="microseconds")
    record_forged_event("email_confirmed", bob, make_actor("Bob"), purpose=purpose, confirmed_at=confirmed_at)


def address_confirmed_by_somebody_else() -> None:
    bob = find_person("Bob")
    record_forged_event(
        "email_confirmed",
        bob,
        make_actor("Dan"),
        purpose="invitation",
        confirmed_at="2026-11-01T10:00:00.000000+00:00",
    )


def signature_that_denies_a_confirmed_address() -> None:
    row = get_signature(SignatureRole.ASSESSOR)
    row.address_confirmed = False
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


def submission_that_denies_a_confirmed_address() -> None:
    row = find_first(Submission)
    row.address_confirmed = False
    record_forged_event("claims_changed", row, attempt=get_chloes_attempt().id)


CASES: list[tuple[Callable[[], None], int]] = [
    (key_made_by_the_forger, 2),
    (event_recorded_twice, 3),
    (state_without_its_event, 4),
    (transition_that_is_not_allowed, 5),
    (action_point_raised_by_an_assessor, 6),
    (role_given_by_a_candidate, 6),
    (role_given_without_a_role, 6),
    (unit_published_by_a_candidate, 6),
    (signature_without_an_allocation, 6),
    (confirmation_by_another_candidate, 6),
    (reopening_by_the_assessor, 7),
    (action_point_closed_by_the_assessor, 7),
    (decision_by_the_verifier, 7),
    (two_live_signatures, 8),
    (signatures_in_another_order, 9),
    (live_signature_of_an_ended_round, 9),
    (signature_with_a_criterion_not_met, 10),
    (signature_with_a_requirement_not_confirmed, 10),
    (decision_of_a_returned_assessment, 11),
    (claim_with_anothers_evidence, 12),
    (another_locator, 13),
    (another_comment_on_a_decision, 14),
    (another_comment_on_a_signature, 14),
    (another_comment_on_a_sample, 14),
    (another_statement_of_a_signature, 14),
    (another_title_of_a_unit, 15),
    (another_full_code_of_a_unit, 15),
    (another_version_of_a_unit, 15),
    (another_simulation_of_a_unit, 15),
    (another_file_of_a_version, 18),
    (another_narrative_of_a_version, 18),
    (another_day_of_sampling, 19),
    (action_point_without_a_response, 19),
    (disagreement_without_effect, 19),
    (disagreement_turned_into_agreement, 19),
    (action_point_left_open, 19),
    (certificate_claimed_without_a_form, 20),
    (form_of_another_snapshot, 21),
    (form_with_another_ledger_head, 21),
    (superseded_form_as_current, 22),
    (signature_in_another_session, 24),
    (signature_long_after_the_password, 24),
    (signature_at_another_time, 24),
    (act_after_deactivation, 25),
    (role_given_to_oneself, 25),
    (evidence_at_another_centre, 26),
    (allocation_without_a_role, 26),
    (allocation_after_the_role_ended, 26),
    (address_confirmed_without_an_emailed_link, 30),
    (address_confirmed_by_somebody_else, 6),
    (signature_that_denies_a_confirmed_address, 30),
    (submission_that_denies_a_confirmed_address, 30),
]
"""The forgeries, and the number of the invariant that has to report each."""


@pytest.mark.slow
@pytest.mark.parametrize(("tamper", "number"), CASES, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_forged_event_is_reported(tamper: Callable[[], None], number: int) -> None:
    with tampering_transaction():
        tamper()
        db.session.flush()
        violations = list_violations()
        events.discard_queued()
    assert [each for each in violations if each.startswith(f"{number}: ")], violations


TRIGGER_WITHOUT_EFFECT = {
    "sqlite": (
        "DROP TRIGGER event_no_update",
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT 1; END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
}
ADDED_TRIGGER = {
    "sqlite": (
        "CREATE TRIGGER more AFTER INSERT ON decision BEGIN UPDATE claim SET locator = 'x' WHERE id = NEW.claim_id; END",
    ),
    "postgresql": ("CREATE TRIGGER more BEFORE INSERT ON decision FOR EACH ROW EXECUTE FUNCTION refuse_change()",),
}
RULE_INSTEAD = {"sqlite": (), "postgresql": ("CREATE RULE more AS ON UPDATE TO claim DO INSTEAD NOTHING",)}


@pytest.mark.quick_on_postgresql
@pytest.mark.parametrize(
    "statements_by_dialect",
    [TRIGGER_WITHOUT_EFFECT, ADDED_TRIGGER, RULE_INSTEAD],
    ids=["trigger without effect", "added trigger", "rule instead"],
)
def test_a_changed_or_added_trigger_is_reported(statements_by_dialect: dict[str, tuple[str, ...]]) -> None:
    """A trigger of the same name may refuse nothing."""
    db.session.rollback()
    statements = statements_by_dialect[db.session.get_bind().dialect.name]
    for statement in statements:
        db.session.execute(text(statement))
    violations = [each for each in list_violations(ignore_triggers=False) if each.startswith("28: ")]
    db.session.rollback()
    assert bool(violations) == bool(statements)
    assert list_violations(ignore_triggers=False) == []


def test_every_recorded_act_is_in_the_tables_of_roles() -> None:
    """An act that is in none of these tables would be reported as unauthorised."""
    listed_acts = {*ROLES_OF_ACT, *OPERATOR_ACTS, *OWN_ACCOUNT_ACTS}
    recorded_acts = set()
    for path in Path(tracker.__file__).parent.rglob("*.py"):
        recorded_acts |= set(re.findall(r'(?<!\w)record\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert len(recorded_acts) > 50
    assert recorded_acts - listed_acts == set()
