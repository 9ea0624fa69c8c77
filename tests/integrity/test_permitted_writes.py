"""What an event may write: a transaction that writes more is refused, and `flask verify` names an event that did."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, delete, insert, select, update

from tests import factories
from tests.factories import World
from tests.integrity.tampering import divide_without_rules, list_violations, tampering_transaction
from tests.stored_files import stored_path
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.actors import OPERATOR_ACTS, OWN_ACCOUNT_ACTS, ROLES_OF_ACT, WITNESS_ACTS
from tracker.integrity.sealed_rows import FIXED_TABLES
from tracker.ledger import events, permitted_writes, row_seals, sealing
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.ledger.permitted_writes import WRITES
from tracker.ledger.sealing import UnpermittedWrite
from tracker.ledger.transactions import transaction
from tracker.models import (
    Allocation,
    Assessment,
    Base,
    Decision,
    Erasure,
    Event,
    EventText,
    Evidence,
    EvidenceVersion,
    Grant,
    IssuedForm,
    Person,
    Registration,
    RowSalt,
    UnitAttempt,
    Visit,
)
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import AttemptState, Role


def find_first(model: Any, *conditions: Any) -> Any:
    return db.session.scalars(select(model).where(*conditions).order_by(*model.__table__.primary_key)).first()


def act_as(role: Role) -> Actor:
    """Return the first person who has a role, as an actor under it."""
    grant = find_first(Grant, Grant.role == role, Grant.ends_at.is_(None))
    return Actor(grant.person_id, grant.id, "demonstration")


def append_event(act: str, subject: Base, actor: Actor, **facts: Any) -> None:
    """Append an event by the ledger's rules, which seals what was changed even if its act may not write it."""
    record(act, subject, actor, **facts)
    db.session.flush()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sealing, "_divide", divide_without_rules)
        events.append_queued()


def list_faults_of_rows() -> list[str]:
    """Return the first fault of invariant 14, if there is one."""
    return [each.removeprefix("14: ") for each in list_violations() if each.startswith("14: ")]


def record_withdrawal(world: World) -> None:
    with transaction():
        record("candidate_withdrawn", world.registration, factories.make_actor(world.dan))


@pytest.mark.usefixtures("app")
class TestTable:
    def test_every_act_is_known_to_the_check_of_actors(self) -> None:
        assert set(WRITES) <= {*ROLES_OF_ACT, *OPERATOR_ACTS, *OWN_ACCOUNT_ACTS, *WITNESS_ACTS}

    def test_every_table_and_column_is_sealed(self) -> None:
        for act, writes in WRITES.items():
            assert writes.adds <= set(row_seals.SEALED_TABLES), act
            for table, columns in writes.changes.items():
                sealed = row_seals.SEALED_TABLES[table].columns(db.metadata.tables[table])
                assert columns <= set(sealed), (act, table)

    def test_every_sealed_table_has_an_act_that_adds_its_rows(self) -> None:
        assert set().union(*(writes.adds for writes in WRITES.values())) == set(row_seals.SEALED_TABLES)

    def test_every_row_belongs_to_something_of_the_act(self) -> None:
        """Each table that an act writes reaches one of the act's scopes through `PARENTS`."""
        for act, writes in WRITES.items():
            for table in (*writes.adds, *writes.changes):
                reached = list_reachable(table)
                assert not writes.scopes or reached & set(writes.scopes), (act, table)


def list_reachable(table: str) -> set[str]:
    reached = {table}
    if table in permitted_writes.PORTFOLIO_TABLES:
        reached |= {permitted_writes.PORTFOLIO, "person"}
    if table in permitted_writes.STAFF_TABLES:
        reached.add(permitted_writes.STAFF_RECORD)
    if table == "bank_question":
        reached.add(permitted_writes.QUESTION_BANK)
    if table == "centre_evidence_rule":
        reached.add(permitted_writes.EVIDENCE_GUIDANCE)
    for parent in permitted_writes.PARENTS.get(table, {}).values():
        reached |= list_reachable(parent)
    return reached


class TestRefused:
    """The product refuses to commit what no act of the transaction may write."""

    def test_a_column_that_the_act_does_not_change(self, world: World) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
        world.registration.candidate_number = "C-9999"
        with pytest.raises(UnpermittedWrite, match="candidate_withdrawn changed candidate_number"):
            record_withdrawal(world)
        db.session.expire_all()
        assert world.registration.candidate_number != "C-9999"

    def test_a_row_that_the_act_does_not_add(self, world: World) -> None:
        role = Grant(
            person_id=world.alice.id, centre_id=world.northgate.id, role=Role.ASSESSOR, starts_at=now(), granted_at=now(),
            granted_by_id=world.dan.id,
        )  # fmt: skip
        db.session.add(role)
        with pytest.raises(UnpermittedWrite, match="candidate_withdrawn made grant"):
            record_withdrawal(world)

    def test_a_row_of_somebody_else(self, world: World) -> None:
        ben = factories.make_person("Ben Okafor", world.northgate, Role.CANDIDATE)
        factories.make_registration(ben, world.northgate, world.dan).withdrawn_at = now()
        with pytest.raises(UnpermittedWrite, match="withdrawn_at"):
            record_withdrawal(world)

    def test_a_row_of_the_same_person_is_sealed(self, world: World) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
        [event] = db.session.scalars(select(Event))
        assert list(json.loads(event.body)["data"]["rows"]) == [f"registration:{world.registration.id}"]


class TestVerify:
    """Events that were appended by the ledger's own rules, each in a transaction that is rolled back."""

    @pytest.fixture(autouse=True)
    def tampering(self, demonstration: Flask) -> Iterator[None]:  # noqa: ARG002 - the record to tamper with
        with tampering_transaction():
            yield

    def test_a_changed_column_that_the_act_may_not_change_is_named(self) -> None:
        registration = find_first(Registration)
        registration.candidate_number = "C-9999"
        append_event("data_exported", find_first(Person), Actor(1), files=0)
        [fault] = list_faults_of_rows()
        assert fault.startswith("registration 1 was changed by event ")
        assert fault.endswith("(data_exported), which may not change candidate_number")

    def test_a_changed_end_of_a_visit_is_named(self) -> None:
        visit = find_first(Visit)
        visit.starts_at = now()
        append_event("candidate_withdrawn", find_first(Registration), act_as(Role.ADMINISTRATOR))
        assert "which may not change starts_at" in list_faults_of_rows()[0]

    def test_ones_own_role_begun_earlier_is_named(self) -> None:
        grant = find_first(Grant, Grant.role == Role.ASSESSOR)
        grant.starts_at = factories.LONG_AGO
        append_event("grant_ended", grant, act_as(Role.ADMINISTRATOR), person=grant.person_id, role="assessor")
        assert "(grant_ended), which may not change starts_at" in list_faults_of_rows()[0]

    def test_a_permitted_column_of_another_row_is_named(self) -> None:
        first = find_first(Allocation)
        other = find_first(Allocation, Allocation.attempt_id != first.attempt_id)
        other.ends_at = now()
        append_event("allocation_ended", first, act_as(Role.ADMINISTRATOR), attempt=first.attempt_id)
        assert list_faults_of_rows()[0].endswith("(allocation_ended), which is about another allocation")

    def test_a_row_first_sealed_by_an_act_that_adds_none_is_named(self) -> None:
        row = find_first(Grant)
        values = {
            **row_seals.get_values(row),
            "id": 9_999,
            "person_id": find_first(Person, Person.id != row.person_id).id,
        }
        db.session.add(Grant(**values))
        append_event("data_exported", find_first(Person), Actor(1), files=0)
        assert "grant 9999 was first sealed by event" in " ".join(list_faults_of_rows())

    def test_a_column_entered_once_and_entered_again_is_named(self) -> None:
        allocation = find_first(Allocation)
        for _ in range(2):
            allocation.ends_at = now()
            append_event("allocation_ended", allocation, act_as(Role.ADMINISTRATOR), attempt=allocation.attempt_id)
        assert list_faults_of_rows()[0].endswith("ends_at was entered before")

    def test_a_change_that_a_later_permitted_event_reseals_is_named(self) -> None:
        """The later event names the column that it changed; the seal before it shows that another one changed too."""
        registration = find_first(Registration)
        db.session.execute(
            update(Registration.__table__).where(Registration.id == registration.id).values(candidate_number="C-9999")
        )
        db.session.expire_all()
        registration.withdrawn_at, registration.withdrawn_reason = now(), "Moved away."
        append_event("candidate_withdrawn", registration, act_as(Role.ADMINISTRATOR))
        assert list_faults_of_rows()[0].startswith(
            "registration 1 was changed, which a later event hides, after event"
        )

    def test_a_row_without_salts_is_named(self) -> None:
        db.session.execute(delete(RowSalt).where(RowSalt.row_key == "registration:1"))
        assert list_faults_of_rows()[0].startswith("registration 1 has no salts, but event")

    def test_an_event_of_the_older_format_after_a_newer_one_is_named(self) -> None:
        with older_format():
            append_event("data_exported", find_first(Person), Actor(1), files=0)
        assert any(each.startswith("1: ") and "has an older format than" in each for each in list_violations())


class TestErasures:
    """An erasure's event hides nothing but what an erasure writes, of its own candidate, when it was due."""

    @pytest.fixture(autouse=True)
    def tampering(self, demonstration: Flask) -> Iterator[None]:  # noqa: ARG002 - the record to tamper with
        with tampering_transaction():
            yield

    def forge_erasure(self, registration: Registration | None = None, **lists: list[Any]) -> None:
        registration = registration or find_first(Registration)
        administrator = act_as(Role.ADMINISTRATOR)
        erasure = Erasure(
            registration_id=registration.id, is_full=True, erased_at=now(), erased_by_id=administrator.person_id, is_open=False,
        )  # fmt: skip
        db.session.add(erasure)
        db.session.flush()
        facts = {"attempts": [], "versions": [], "files": [], "attachments": [], "forms": [], **lists}
        append_event(
            "portfolio_erased",
            erasure,
            administrator,
            registration=registration.id,
            full=True,
            until="2020-01-01",
            **facts,
        )

    def test_an_erasure_before_it_was_due_is_named_whatever_its_event_says(self) -> None:
        self.forge_erasure()
        assert any("registration 1 was erased by event" in each for each in list_violations())
        assert any("and had to be kept until" in each for each in list_violations())

    def test_an_erasure_of_a_registration_that_had_not_ended_is_named(self) -> None:
        open_attempt = find_first(UnitAttempt, UnitAttempt.state == AttemptState.IN_PROGRESS)
        self.forge_erasure(db.session.get_one(Registration, open_attempt.registration_id))
        assert any("had not ended when event" in each for each in list_violations())

    def test_a_narrative_changed_under_an_erasure_is_named(self) -> None:
        version = find_first(EvidenceVersion)
        version.narrative = "Somebody else did it."
        self.forge_erasure(versions=[version.id])
        assert any("its narrative was not erased by event" in each for each in list_violations())

    def test_a_column_that_no_erasure_writes_is_named(self) -> None:
        version = find_first(EvidenceVersion)
        version.content_hash = "0" * 64
        self.forge_erasure(versions=[version.id])
        assert "(portfolio_erased), which may not change content_hash" in list_faults_of_rows()[0]

    def test_an_erased_row_of_another_candidate_is_named(self) -> None:
        registration = find_first(Registration)
        others = select(EvidenceVersion).join(Evidence).where(Evidence.candidate_id != registration.candidate_id)
        version = db.session.scalars(others.order_by(EvidenceVersion.id)).first()
        assert version
        version.narrative = "Erased"
        self.forge_erasure(versions=[version.id])
        violations = list_violations()
        assert any("which is not of its candidate" in each for each in violations)
        assert any("which is about another candidate" in each for each in violations)

    def test_a_missing_form_is_named_although_an_erasure_names_it(self) -> None:
        """Whether the form is of the erasure's candidate or of another."""
        form = find_first(IssuedForm)
        attempt = db.session.get_one(UnitAttempt, form.attempt_id)
        registration = db.session.get_one(Registration, attempt.registration_id)
        stored_path(form.sha256).unlink()
        self.forge_erasure(registration, forms=[form.id], files=[form.sha256])
        assert any(f"registration {registration.id} was erased by event" in each for each in list_violations())
        other = find_first(Registration, Registration.candidate_id != registration.candidate_id)
        self.forge_erasure(other, forms=[form.id], files=[form.sha256])
        assert any(
            f"erased issued form {form.id}, which is not of its candidate" in each for each in list_violations()
        )

    def test_a_file_of_no_erased_row_is_named(self) -> None:
        self.forge_erasure(files=["0" * 64])
        assert any("which is of none of the rows that it names" in each for each in list_violations())


@contextmanager
def older_format() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(events, "FORMAT", 1)
        yield


class TestOlderFormat:
    """A ledger whose events an earlier release wrote is still checked, and goes on in the new format."""

    @pytest.fixture(autouse=True)
    def older_ledger(self, demonstration: Flask) -> Iterator[None]:  # noqa: ARG002 - the record to rewrite
        with tampering_transaction():
            rewrite_in_format_1()
            yield

    def test_it_has_no_violation(self) -> None:
        assert list_faults_of_rows() == []
        assert not any(each.startswith("1: ") for each in list_violations())

    def test_a_changed_row_is_named(self) -> None:
        db.session.execute(update(Person.__table__).where(Person.id == 1).values(name="Mallory"))
        assert list_faults_of_rows()[0].startswith("person 1 was changed after event")

    def test_its_rows_may_change_by_new_events(self) -> None:
        registration = find_first(Registration)
        registration.withdrawn_at, registration.withdrawn_reason = now(), "Moved away."
        append_event("candidate_withdrawn", registration, act_as(Role.ADMINISTRATOR))
        assert list_faults_of_rows() == []

    def test_a_new_event_that_seals_a_changed_row_and_names_no_column_is_named(self) -> None:
        """What earlier releases sealed is compared with their seal until an event says that it changed."""
        registration = find_first(Registration)
        changed = update(Registration.__table__).where(Registration.id == registration.id)
        db.session.execute(changed.values(candidate_number="C-9999"))
        db.session.expire_all()
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(sealing, "_divide", lambda *_, **__: {0: []})
            record("candidate_withdrawn", registration, act_as(Role.ADMINISTRATOR), rows=[registration])
            events.append_queued()
        assert list_faults_of_rows()[0].startswith("registration 1 was changed after event")

    def test_a_new_event_that_changes_what_its_act_may_not_is_named(self) -> None:
        registration = find_first(Registration)
        registration.candidate_number = "C-9999"
        append_event("candidate_withdrawn", registration, act_as(Role.ADMINISTRATOR))
        assert "which may not change candidate_number" in list_faults_of_rows()[0]

    def test_what_was_entered_once_is_compared_with_its_first_seal(self) -> None:
        decision = find_first(Decision)
        decision.comment = "Otherwise"
        assessment = db.session.get_one(Assessment, decision.assessment_id)
        append_event("assessment_released", assessment, act_as(Role.ASSESSOR), attempt=decision.attempt_id)
        assert any("decision 1 was changed" in each for each in list_faults_of_rows())


def rewrite_in_format_1() -> None:
    """Write every event and seal of the ledger as the release before did."""
    rows: dict[str, tuple[Table, dict[str, Any]]] = {}
    for name in row_seals.SEALED_TABLES:
        table = db.metadata.tables[name]
        for stored_row in db.session.execute(select(table)).mappings():
            rows[row_seals.get_row_key(table, stored_row)] = (table, dict(stored_row))
    stored = [
        (seq, json.loads(body)) for seq, body in db.session.execute(select(Event.seq, Event.body).order_by(Event.seq))
    ]
    last_seals = {key: seq for seq, body in stored for key in body["data"].get("rows", ())}
    prev = events.GENESIS
    for seq, body in stored:
        body |= {"v": 1, "prev": prev}
        body["data"].pop("former", None)
        for key in body["data"].get("rows", ()):
            table, row = rows[key]
            if last_seals[key] != seq:  # it was sealed before what is entered later
                row = row | dict.fromkeys(FIXED_TABLES.get(table.name, ()))
            salt = f"{seq:032x}"
            body["data"]["rows"][key] = row_seals.seal_row_in_format_1(salt, table, row)
            db.session.execute(insert(EventText.__table__).values(event_seq=seq, field=key, salt=salt))
        written = canonical_json(body)
        written_hash = events.hash_body(written)
        statement = update(Event.__table__).where(Event.seq == seq)
        db.session.execute(statement.values(body=written, prev=prev, hash=written_hash))
        prev = written_hash
    db.session.execute(delete(RowSalt))
    db.session.expire_all()
