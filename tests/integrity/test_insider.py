"""Whoever can append to the ledger by its own rules: the chain holds, every row is sealed anew, and still each is named.

Each case is what somebody with the database, or with code in the server, might enter. Nothing of it is committed.
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
from tests.integrity.tampering import find_other_value, list_violations, tampering_transaction
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.actors import OPERATOR_ACTS, OWN_ACCOUNT_ACTS, ROLES_OF_ACT
from tracker.ledger import events, row_seals
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
    EventText,
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
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.vocabulary import AssessmentOutcome, AttemptState, Outcome, ReopeningKind, Role, SignatureRole

pytestmark = pytest.mark.usefixtures("demonstration")


def one(model: Any, *where: Any) -> Any:
    return db.session.scalars(select(model).where(*where).order_by(*model.__table__.primary_key)).first()


def person(name: str) -> Person:
    found: Person = one(Person, Person.name.startswith(name))
    return found


def by(name: str, role: Role | None = None, grant: int | None = None) -> Actor:
    """Somebody, under a role of theirs."""
    who = person(name)
    held = one(Grant, Grant.person_id == who.id, Grant.role == role) if role else None
    return Actor(who.id, held.id if held else grant, "demonstration")


def chloes() -> UnitAttempt:
    found: UnitAttempt = one(UnitAttempt, UnitAttempt.candidate_id == person("Chloe").id)
    return found


def signature(role: SignatureRole) -> Signature:
    found: Signature = one(Signature, Signature.attempt_id == chloes().id, Signature.role == role)
    return found


def enter(act: str, thing: Base, actor: Actor | None = None, **facts: Any) -> None:
    """Append an event as the product does; every row that was changed is sealed with it."""
    db.session.flush()
    record(act, thing, actor or by("Bob", Role.ASSESSOR), **facts)
    db.session.flush()
    events.append_queued()


def told_twice() -> None:
    row = signature(SignatureRole.ASSESSOR)
    enter("unit_signed", row, attempt=row.attempt_id, round=1, snapshot=row.snapshot_hash)


def another_state() -> None:
    attempt = one(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
    attempt.state = AttemptState.VOID
    enter("claims_changed", attempt, by("Alice", Role.CANDIDATE), attempt=attempt.id)


def moved_as_it_cannot() -> None:
    attempt = one(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
    enter("attempt_voided", attempt, by("Dan", Role.ADMINISTRATOR), before="in_progress", state="void")
    enter("attempt_voided", attempt, by("Dan", Role.ADMINISTRATOR), before="in_progress", state="void")
    attempt.state = AttemptState.VOID


def raised_by_an_assessor() -> None:
    enter("action_point_raised", make_action_point("Bob"), by("Bob", Role.ASSESSOR), attempt=chloes().id)


def make_action_point(by_whom: str) -> ActionPoint:
    action_point = ActionPoint(
        attempt_id=chloes().id, round=1, raised_by_id=person(by_whom).id, raised_at=now(), action="Look",
        due_on=now().date(), response="Done", responded_by_id=person("Bob").id, responded_at=now(),
    )  # fmt: skip
    db.session.add(action_point)
    return action_point


def roles_given_by_a_candidate() -> None:
    """Alice makes Ben an assessor, under her role as candidate."""
    made = Grant(
        person_id=person("Ben").id, centre_id=chloes().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=person("Alice").id,
    )  # fmt: skip
    db.session.add(made)
    alice = by("Alice", Role.CANDIDATE)
    enter("grant_given", made, alice, person=made.person_id, centre=made.centre_id, role="assessor")


def roles_given_by_somebody_under_none() -> None:
    made = Grant(
        person_id=person("Ben").id, centre_id=chloes().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=person("Alice").id,
    )  # fmt: skip
    db.session.add(made)
    enter("grant_given", made, by("Alice"), person=made.person_id, centre=made.centre_id, role="assessor")


def a_role_given_to_oneself() -> None:
    """Dan makes himself an assessor, and says that Carol did."""
    made = Grant(
        person_id=person("Dan").id, centre_id=chloes().centre_id, role=Role.ASSESSOR, starts_at=now(),
        granted_at=now(), granted_by_id=person("Carol").id,
    )  # fmt: skip
    db.session.add(made)
    dan = by("Dan", Role.ADMINISTRATOR)
    enter("grant_given", made, dan, person=made.person_id, centre=made.centre_id, role="assessor")


def published_by_a_candidate() -> None:
    enter("unit_published", one(Unit), by("Alice"), content=one(Unit).content_hash)


def assessed_without_allocation() -> None:
    """Gwen, an assessor of the centre, signs what is Bob's to sign."""
    attempt = chloes()
    for allocation in db.session.scalars(select(Allocation).where(Allocation.person_id == person("Gwen").id)):
        assert allocation.attempt_id != attempt.id
    row = signature(SignatureRole.ASSESSOR)
    row.person_id = person("Gwen").id
    forge_event(row, by("Gwen", Role.ASSESSOR))


def confirmed_by_another_candidate() -> None:
    row = signature(SignatureRole.CANDIDATE)
    row.person_id = person("Ben").id
    forge_event(row, by("Ben", Role.CANDIDATE))


def forge_event(row: Signature, actor: Actor) -> None:
    """The event of a signature as if it were another's, and all that follow it chained anew."""
    db.session.flush()
    key, prev = f"signature:{row.id}", ""
    for event in db.session.execute(
        select(Event.seq, Event.body, Event.object_type, Event.object_id).order_by(Event.seq)
    ).all():
        said = json.loads(event.body) | ({"prev": prev} if prev else {})
        if (event.object_type, event.object_id) == ("signature", row.id):
            salt = select(EventText.salt).where(EventText.event_seq == event.seq, EventText.field == key)
            sealed = row_seals.hash_row(db.session.scalar(salt), row_seals.get_table(row), row_seals.get_values(row))
            said |= {"actor": actor.person_id, "grant": actor.grant_id}
            said["data"]["rows"][key] = sealed
        body = canonical_json(said)
        changed = {
            "body": body, "hash": events.hash_body(body), "prev": said["prev"], "actor_id": said["actor"],
            "grant_id": said["grant"],
        }  # fmt: skip
        db.session.execute(update(Event.__table__).where(Event.seq == event.seq).values(changed))
        prev = changed["hash"]


def verified_by_assessor() -> None:
    reopening = Reopening(
        attempt_id=chloes().id, round=1, kind=ReopeningKind.REOPENING, reason="x", reopened_at=now(),
        reopened_by_id=person("Bob").id,
    )  # fmt: skip
    db.session.add(reopening)
    enter("attempt_reopened", reopening, by("Bob", Role.ASSESSOR), kind="reopening")


def closed_by_assessor() -> None:
    action_point = make_action_point("Carol")
    action_point.closed_by_id, action_point.closed_at = person("Bob").id, now()
    enter("action_point_raised", action_point, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def decided_by_who_verified() -> None:
    row = one(Decision, Decision.attempt_id == chloes().id)
    row.decided_by_id = person("Carol").id
    enter("assessment_released", row)


def two_live_signatures() -> None:
    db.session.execute(text("DROP INDEX uq_signature_live"))
    row = signature(SignatureRole.ASSESSOR)
    values = {each.name: getattr(row, each.name) for each in Signature.__table__.columns if each.name != "id"}
    copied = Signature(**values)
    db.session.add(copied)
    enter("unit_signed", copied, attempt=row.attempt_id, round=1, snapshot=row.snapshot_hash)


def signed_in_another_order() -> None:
    row = signature(SignatureRole.CANDIDATE)
    row.signed_at -= timedelta(days=100)
    row.reauthenticated_at -= timedelta(days=100)
    enter("unit_confirmed", row, by("Chloe", Role.CANDIDATE))


def no_longer_met() -> None:
    for row in db.session.scalars(select(Decision).where(Decision.attempt_id == chloes().id).limit(1)):
        row.outcome = Outcome.NEEDS_MORE
        enter("assessment_released", row)


def not_confirmed() -> None:
    row = one(RequirementConfirmation, RequirementConfirmation.attempt_id == chloes().id)
    row.removed_at = now()
    enter("requirement_unconfirmed", row, attempt=chloes().id)


def resting_on_what_was_returned() -> None:
    row = one(Assessment, Assessment.attempt_id == chloes().id)
    row.outcome = AssessmentOutcome.RETURNED
    enter("assessment_released", row, attempt=chloes().id)


def another_locator() -> None:
    row = one(Claim, Claim.attempt_id == chloes().id)
    row.locator = "page 99"
    enter("claims_changed", row, by("Chloe", Role.CANDIDATE), attempt=chloes().id)


def anothers_evidence() -> None:
    row = one(Claim, Claim.attempt_id == chloes().id)
    row.evidence_id = one(Evidence, Evidence.candidate_id == person("Alice").id).id
    enter("claims_changed", row, by("Chloe", Role.CANDIDATE), attempt=chloes().id)


def another_comment_on_a_decision() -> None:
    row = one(Decision, Decision.attempt_id == chloes().id)
    row.comment = "Otherwise"
    enter("claims_changed", row, attempt=chloes().id)


def another_comment_on_a_signature() -> None:
    row = signature(SignatureRole.ASSESSOR)
    row.comment = "Otherwise"
    enter("claims_changed", row, attempt=chloes().id)


def another_comment_on_a_sample() -> None:
    row = one(Sample, Sample.attempt_id == chloes().id)
    row.comment = "Otherwise"
    enter("claims_changed", row, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def another_statement() -> None:
    row = signature(SignatureRole.ASSESSOR)
    row.statement = "Otherwise"
    enter("claims_changed", row, attempt=chloes().id)


def signed_at_another_time() -> None:
    row = signature(SignatureRole.ASSESSOR)
    row.signed_at -= timedelta(hours=3)
    row.reauthenticated_at -= timedelta(hours=3)
    enter("claims_changed", row, attempt=chloes().id)


def in_another_session() -> None:
    row = signature(SignatureRole.ASSESSOR)
    row.session_ref = "another"
    enter("claims_changed", row, attempt=chloes().id)


def proven_too_long_before() -> None:
    row = signature(SignatureRole.ASSESSOR)
    row.reauthenticated_at -= timedelta(minutes=6)
    enter("claims_changed", row, attempt=chloes().id)


def another_title_of_a_unit() -> None:
    db.session.execute(update(Unit.__table__).where(Unit.id == chloes().unit_id).values(title="Otherwise"))


def another_full_code_of_a_unit() -> None:
    db.session.execute(update(Unit.__table__).where(Unit.id == chloes().unit_id).values(full_code="Otherwise"))


def another_version_of_a_unit() -> None:
    db.session.execute(update(Unit.__table__).where(Unit.id == chloes().unit_id).values(version="99"))


def another_simulation_of_a_unit() -> None:
    db.session.execute(
        update(Unit.__table__)
        .where(Unit.id == chloes().unit_id)
        .values(
            simulation=find_other_value(
                Unit.__table__.c.simulation, one(Unit, Unit.id == chloes().unit_id).simulation
            )
        )
    )


def more_with_a_version() -> None:
    version = one(EvidenceVersion)
    held = one(VersionAttachment, VersionAttachment.version_id == version.id)
    other = one(Attachment, Attachment.id != (held.attachment_id if held else 0))
    made = VersionAttachment(version_id=version.id, attachment_id=other.id)
    db.session.add(made)
    enter("claims_changed", version, by("Chloe", Role.CANDIDATE))


def another_narrative() -> None:
    version = one(EvidenceVersion)
    version.narrative = "Otherwise"
    enter("claims_changed", version, by("Chloe", Role.CANDIDATE))


def another_day_of_sampling() -> None:
    row = signature(SignatureRole.INTERNAL_VERIFIER)
    row.date_sampled = row.signed_at.date() - timedelta(days=30)
    enter("claims_changed", row, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def a_disagreement_without_effect() -> None:
    item = one(SampleItem)
    item.agrees = False
    enter("sample_drawn", item, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def a_disagreement_turned_into_agreement() -> None:
    item = one(SampleItem)
    action_point = make_action_point("Carol")
    action_point.sample_item_id = item.id
    enter("action_point_raised", action_point, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def an_action_point_left_open() -> None:
    action_point = make_action_point("Carol")
    enter("action_point_raised", action_point, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def a_finding_without_a_response() -> None:
    action_point = make_action_point("Carol")
    action_point.response = action_point.responded_by_id = action_point.responded_at = None
    enter("action_point_raised", action_point, by("Carol", Role.INTERNAL_VERIFIER), attempt=chloes().id)


def claimed_without_a_form() -> None:
    chloes().state = AttemptState.CERTIFICATE_CLAIMED
    db.session.execute(delete(IssuedForm))
    enter("claims_changed", chloes(), attempt=chloes().id)


def a_form_of_another_snapshot() -> None:
    form = one(IssuedForm)
    form.snapshot_hash = "0" * 64
    enter("form_issued", form, attempt=chloes().id)


def a_form_at_another_end_of_the_ledger() -> None:
    form = one(IssuedForm)
    form.ledger_head = "0" * 64
    enter("claims_changed", form, attempt=chloes().id)


def a_superseded_form_as_current() -> None:
    attempt = chloes()
    attempt.round, attempt.state = 2, AttemptState.IN_PROGRESS
    enter("attempt_reopened", attempt, by("Carol", Role.INTERNAL_VERIFIER), kind="reopening")


def a_key_of_ones_own() -> None:
    made = SigningKey(name="0" * 16, public_key="0" * 64, certificate="x", made_at=now())
    db.session.add(made)
    enter("key_made", made, events.OPERATOR, key=made.name, follows=None, signed="00", vouched=None)


def gone_before() -> None:
    person("Bob").deactivated_at = now() - timedelta(days=100)
    enter("person_deactivated", person("Bob"), events.OPERATOR)


def at_another_centre() -> None:
    other = Centre(name="Other", number="O", created_at=now())
    db.session.add(other)
    db.session.flush()
    row = one(Evidence, Evidence.candidate_id == person("Alice").id, Evidence.number.is_not(None))
    row.centre_id = other.id
    enter("centre_created", other, events.OPERATOR)


def allocated_without_a_role() -> None:
    row = one(Allocation)
    row.person_id = person("Ben").id
    enter("allocation_made", row, by("Dan", Role.ADMINISTRATOR))


def allocated_after_the_role_ended() -> None:
    """Gwen's role as a verifier ended long ago."""
    grant = one(Grant, Grant.person_id == person("Gwen").id, Grant.role == Role.INTERNAL_VERIFIER)
    grant.ends_at = now() - timedelta(days=150)
    made = Allocation(
        attempt_id=chloes().id, person_id=person("Gwen").id, role=Role.INTERNAL_VERIFIER, starts_at=now(),
        ends_at=now(), reason="x", allocated_by_id=person("Dan").id,
    )  # fmt: skip
    db.session.add(made)
    enter("allocation_made", made, by("Dan", Role.ADMINISTRATOR))


CASES: list[tuple[Callable[[], None], int]] = [
    (a_key_of_ones_own, 2),
    (told_twice, 3),
    (another_state, 4),
    (moved_as_it_cannot, 5),
    (raised_by_an_assessor, 6),
    (roles_given_by_a_candidate, 6),
    (roles_given_by_somebody_under_none, 6),
    (published_by_a_candidate, 6),
    (assessed_without_allocation, 6),
    (confirmed_by_another_candidate, 6),
    (verified_by_assessor, 7),
    (closed_by_assessor, 7),
    (decided_by_who_verified, 7),
    (two_live_signatures, 8),
    (signed_in_another_order, 9),
    (no_longer_met, 10),
    (not_confirmed, 10),
    (resting_on_what_was_returned, 11),
    (anothers_evidence, 12),
    (another_locator, 13),
    (another_comment_on_a_decision, 14),
    (another_comment_on_a_signature, 14),
    (another_comment_on_a_sample, 14),
    (another_statement, 14),
    (another_title_of_a_unit, 15),
    (another_full_code_of_a_unit, 15),
    (another_version_of_a_unit, 15),
    (another_simulation_of_a_unit, 15),
    (more_with_a_version, 18),
    (another_narrative, 18),
    (another_day_of_sampling, 19),
    (a_finding_without_a_response, 19),
    (a_disagreement_without_effect, 19),
    (a_disagreement_turned_into_agreement, 19),
    (an_action_point_left_open, 19),
    (claimed_without_a_form, 20),
    (a_form_of_another_snapshot, 21),
    (a_form_at_another_end_of_the_ledger, 21),
    (a_superseded_form_as_current, 22),
    (in_another_session, 24),
    (proven_too_long_before, 24),
    (signed_at_another_time, 24),
    (gone_before, 25),
    (a_role_given_to_oneself, 25),
    (at_another_centre, 26),
    (allocated_without_a_role, 26),
    (allocated_after_the_role_ended, 26),
]
"""What is entered, and the number of the invariant that has to name it."""


@pytest.mark.parametrize(("enter_it", "number"), CASES, ids=lambda each: getattr(each, "__name__", str(each)))
def test_it_is_named(enter_it: Callable[[], None], number: int) -> None:
    with tampering_transaction():
        enter_it()
        db.session.flush()
        found = list_violations()
        events.discard_queued()
    assert [each for each in found if each.startswith(f"{number}: ")], found


LET_PASS = {
    "sqlite": (
        "DROP TRIGGER event_no_update",
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT 1; END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
}
ONE_MORE = {
    "sqlite": (
        "CREATE TRIGGER more AFTER INSERT ON decision BEGIN UPDATE claim SET locator = 'x' WHERE id = NEW.claim_id; END",
    ),
    "postgresql": ("CREATE TRIGGER more BEFORE INSERT ON decision FOR EACH ROW EXECUTE FUNCTION refuse_change()",),
}
IN_ITS_STEAD = {"sqlite": (), "postgresql": ("CREATE RULE more AS ON UPDATE TO claim DO INSTEAD NOTHING",)}


@pytest.mark.parametrize("made", [LET_PASS, ONE_MORE, IN_ITS_STEAD], ids=["let pass", "one more", "in its stead"])
def test_a_trigger_that_is_not_as_it_was_made_is_named(made: dict[str, tuple[str, ...]]) -> None:
    """One of the same name may refuse nothing."""
    db.session.rollback()
    statements = made[db.session.get_bind().dialect.name]
    for statement in statements:
        db.session.execute(text(statement))
    found = [each for each in list_violations(ignore_triggers=False) if each.startswith("28: ")]
    db.session.rollback()
    assert bool(found) == bool(statements)
    assert list_violations(ignore_triggers=False) == []


def test_every_act_that_is_recorded_is_known() -> None:
    """Whatever is not in these tables is taken for an act of somebody else's."""
    known = {*ROLES_OF_ACT, *OPERATOR_ACTS, *OWN_ACCOUNT_ACTS}
    recorded = set()
    for path in Path(tracker.__file__).parent.rglob("*.py"):
        recorded |= set(re.findall(r'(?<!\w)record\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert len(recorded) > 50
    assert recorded - known == set()
