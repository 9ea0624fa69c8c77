"""Erasure: only what is due and not on hold, all of it, and the ledger stays intact."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.factories import PASSWORD, PASSWORD_HASH, make_app
from tests.integrity.tampering import list_violations, tampering_transaction
from tests.privacy.database_dump import dump_database, list_violations_except_overdue
from tests.stored_files import stored_path
from tracker import clock
from tracker.accounts.services.account_changes import apply_due_changes, request_email_change
from tracker.accounts.services.names import change_name
from tracker.background import emails
from tracker.errors import Refused
from tracker.extensions import db
from tracker.integrity.erasures import find_late_erasures
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import row_seals, transactions
from tracker.ledger.events import Actor, hash_text, record
from tracker.ledger.transactions import transaction
from tracker.models import (
    Allocation,
    Assessment,
    Attachment,
    Centre,
    Claim,
    Decision,
    Erasure,
    Event,
    EventText,
    Evidence,
    EvidenceVersion,
    Grant,
    IssuedForm,
    JobStep,
    Person,
    Registration,
    Sample,
    Signature,
    UnitAttempt,
)
from tracker.portfolio.services.evidence import save_draft
from tracker.portfolio.services.submissions import submit_evidence
from tracker.privacy import erasure, retention
from tracker.recording_forms.cohort_choice import CohortChoice
from tracker.recording_forms.cohort_printing import start_printing
from tracker.registrations.registration_changes import RegistrationNumbers, change_registration
from tracker.registrations.services import withdraw_candidate
from tracker.storage import file_store
from tracker.storage.file_references import remove_erased_files
from tracker.storage.reconciliation import list_missing_files
from tracker.vocabulary import Role

Browser = Callable[[Person], FlaskClient]
A_DAY, A_YEAR = timedelta(days=1), timedelta(days=366)


@pytest.fixture
def withdrawn_demonstration(demonstration: Flask) -> Iterator[Flask]:
    """The demonstration, after Alice answered a return and Dan withdrew her today; Chloe has a verified unit and its form."""
    with transaction():
        returned = db.session.scalars(select(Evidence).where(Evidence.title.startswith("Monitoring plan"))).one()
        save_draft(returned, {"response": "ANSWERED-FEEDBACK"}, None)
        submit_evidence(returned, actor("Alice", Role.CANDIDATE))
        withdraw_candidate(registration("Alice"), "WITHDRAWN-WHY", dan())
    yield demonstration
    clock.frozen = None


def person(name: str) -> Person:
    return db.session.scalars(select(Person).where(Person.name.startswith(name))).one()


def registration(name: str) -> Registration:
    return db.session.scalars(select(Registration).where(Registration.candidate_id == person(name).id)).one()


def actor(name: str, role: Role) -> Actor:
    query = select(Grant.id).where(Grant.person_id == person(name).id, Grant.role == role)
    return Actor(person(name).id, db.session.scalar(query), "test-session")


def dan() -> Actor:
    return actor("Dan", Role.ADMINISTRATOR)


def wait(time: timedelta) -> None:
    clock.frozen = clock.now() + time


def erase(registration: Registration, *, is_full: bool) -> None:
    with transaction():
        erasure.erase_portfolio(registration, is_full, dan())


def texts_written() -> set[str]:
    """Return every text in the database."""
    db.session.rollback()
    return {
        value
        for table in db.metadata.sorted_tables
        for row in db.session.execute(select(table))
        for value in row
        if isinstance(value, str)
    }


def confirmed_texts(guesses: set[str] | None = None) -> set[str]:
    """Return the guesses, or else all texts in the database, that hash to a text in the ledger with a salt left."""
    guesses = texts_written() if guesses is None else guesses
    query = select(Event.body, EventText.field, EventText.salt).join(EventText, EventText.event_seq == Event.seq)
    return {
        guess
        for body, field, salt in db.session.execute(query.where(EventText.field.not_like("%:%")))
        for guess in guesses
        if hash_text(salt, guess) == json.loads(body)["data"]["texts"][field]
    }


def list_overdue_violations() -> list[str]:
    db.session.rollback()
    return [
        each for each in find_late_erasures(LedgerSnapshot()) if f"registration {registration('Alice').id} " in each
    ]


@pytest.mark.usefixtures("withdrawn_demonstration")
class TestEvidence:
    def words(self) -> list[str]:
        alices = person("Alice").id
        items = db.session.scalars(select(Evidence).where(Evidence.candidate_id == alices)).all()
        texts = [
            text for item in items for text in (item.title, item.narrative, item.occasion) if len(text or "") > 12
        ]
        names = db.session.scalars(
            select(Attachment.name).join(Evidence).where(Evidence.candidate_id == alices)
        ).all()
        assert len(texts) > 5
        assert names
        return [*texts, *names]

    @pytest.mark.quick_on_postgresql
    def test_erased_texts_and_files_are_gone_and_integrity_checks_pass(
        self, recorded_acts: Callable[[], list[str]]
    ) -> None:
        words, alice = [*self.words(), "ANSWERED-FEEDBACK"], registration("Alice")
        query = select(Attachment.sha256).join(Evidence).where(Evidence.candidate_id == alice.candidate_id)
        files = db.session.scalars(query).all()
        wait(A_YEAR)
        erase(alice, is_full=False)
        dump = dump_database()
        other_titles = {
            each.title
            for each in db.session.scalars(select(Evidence).where(Evidence.candidate_id != alice.candidate_id))
        }
        assert [each for each in words if each in dump and each not in other_titles] == []
        assert [each for each in files if list(stored_path(each).parent.glob(f"{each}*"))] == []
        assert recorded_acts()[-1] == "portfolio_erased"
        assert list_violations_except_overdue() == []
        assert list(list_missing_files()) == []

    def test_file_with_the_forms_of_many_candidates_is_deleted(self) -> None:
        alice = registration("Alice")
        with transaction():
            others = select(UnitAttempt.id).where(UnitAttempt.candidate_id == person("Ben").id).limit(1)
            run = start_printing(alice.centre, CohortChoice((db.session.scalars(others).one(),), 1), dan())
            alices = db.session.scalars(select(UnitAttempt).where(UnitAttempt.registration_id == alice.id)).first()
            assert alices
        # as it is where the form was printed before she was withdrawn
        step = db.session.scalars(select(JobStep).where(JobStep.run_id == run.id)).one()
        with transaction():
            step.candidate_id, step.attempt_id = alice.candidate_id, alices.id
        db.session.refresh(run)
        result = run.result_sha256
        assert result
        assert stored_path(result).exists()
        wait(A_YEAR)
        erase(alice, is_full=False)
        assert not stored_path(result).exists()
        assert db.session.query(JobStep).count() == 0
        assert list_violations_except_overdue() == []

    def test_decisions_and_name_stay_until_their_retention_period_ends(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        assert person("Alice").email == "alice@example.org"
        assert db.session.query(Decision).join(Assessment).filter(Assessment.feedback != "Erased").count() > 3

    def test_other_candidates_evidence_is_kept(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        bens = db.session.scalars(select(Evidence).where(Evidence.candidate_id == person("Ben").id)).all()
        assert bens
        assert not any(each.title == "Erased" for each in bens)

    def test_file_that_another_candidate_has_too_is_kept(self) -> None:
        alices = select(Evidence.id).where(Evidence.candidate_id == person("Alice").id)
        attachment = db.session.scalars(select(Attachment).where(Attachment.evidence_id.in_(alices))).first()
        assert attachment
        with transaction():
            bens = db.session.scalars(select(Evidence).where(Evidence.candidate_id == person("Ben").id)).first()
            assert bens
            db.session.add(
                Attachment(
                    evidence_id=bens.id, name="mine.txt", media_type="text/plain", size=attachment.size,
                    sha256=attachment.sha256, uploaded_at=clock.now(),
                )
            )  # fmt: skip
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        assert stored_path(attachment.sha256).exists()
        assert list_violations_except_overdue() == []

    def test_tampering_beside_an_erasure_is_detected(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        versions = select(EvidenceVersion.id).join(Evidence).where(Evidence.candidate_id == person("Alice").id)
        version = db.session.scalar(versions.limit(1))
        with tampering_transaction():
            db.session.execute(
                text("UPDATE evidence_version SET narrative = 'Other words' WHERE id = :id"), {"id": version}
            )
            assert any(each.startswith("14: evidence version") for each in list_violations())

    def test_texts_erased_without_an_erasure_are_detected(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE evidence_version SET narrative = 'Erased' WHERE number = 1"))
            assert any(each.startswith("14: evidence version") for each in list_violations())

    def test_salts_of_erased_texts_are_replaced_and_those_of_other_columns_kept(self) -> None:
        versions = (
            select(EvidenceVersion.id)
            .join(Evidence)
            .where(Evidence.candidate_id == person("Alice").id, EvidenceVersion.narrative != "")
        )
        keys = {f"evidence_version:{each}" for each in db.session.scalars(versions)}
        before = row_seals.find_salts(keys)
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        after = row_seals.find_salts(keys)
        assert before.keys() == after.keys() == keys
        for key in keys:
            assert after[key].salt == ""
            assert before[key].get("narrative") != after[key].get("narrative")
            assert before[key].get("sealed_at") == after[key].get("sealed_at")


@pytest.mark.usefixtures("withdrawn_demonstration")
class TestEverything:
    def test_full_erasure_leaves_nothing_that_identifies_the_candidate(self) -> None:
        chloe = registration("Chloe")
        number, candidate = chloe.candidate_number, chloe.candidate_id
        forms = db.session.scalars(select(IssuedForm.sha256)).all()
        assert forms
        assert all(stored_path(each).exists() for each in forms)
        with transaction():
            make_app(chloe.candidate).name = "Chloe’s phone"
        wait(4 * A_YEAR)
        erase(chloe, is_full=True)
        dump = dump_database()
        for canary in ("Chloe", "chloe@", number):
            assert canary not in dump, canary
        person = db.session.get_one(Person, candidate)
        assert (person.name, person.password_hash) == ("Erased", None)
        assert not any(stored_path(each).exists() for each in forms)
        assert list_violations_except_overdue() == []
        assert list(list_missing_files()) == []

    def test_earlier_names_addresses_and_numbers_are_erased_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(emails, "can_deliver", lambda: True)
        chloe = registration("Chloe")
        candidate, centre = chloe.candidate, chloe.centre
        earlier = candidate.name, candidate.email, chloe.candidate_number
        with transaction():
            change_name(candidate, centre, "Later Hart", dan())
            request_email_change(candidate, centre, "later@example.org", dan())
            change_registration(chloe, RegistrationNumbers("C-LATER"), dan(), changes_seen=0)
        wait(A_DAY)
        assert apply_due_changes() == 1
        with transaction():
            request_email_change(candidate, centre, "third@example.org", dan())
        wait(4 * A_YEAR)
        erase(chloe, is_full=True)
        dump = dump_database()
        for text_written in (*earlier, "Later Hart", "later@example.org", "third@example.org", "C-LATER"):
            assert text_written not in dump, text_written
        assert confirmed_texts({*earlier, "Later Hart", "later@example.org", "third@example.org", "C-LATER"}) == set()
        assert apply_due_changes() == 1  # the one that waited is cancelled, since the account is closed
        assert list_violations_except_overdue() == []

    def test_no_erased_text_can_be_confirmed_by_a_guess(self) -> None:
        """A text hashes to what the ledger holds only with its salt, which is erased with it."""
        chloe = registration("Chloe")
        before, could_be_confirmed = texts_written(), confirmed_texts()
        wait(4 * A_YEAR)
        erase(chloe, is_full=True)
        erased = before - texts_written()
        assert erased & could_be_confirmed, "before the erasure a guess could be confirmed"
        assert confirmed_texts(erased) == set()

    @pytest.mark.parametrize("model", [UnitAttempt, Signature, Allocation, Sample, Claim])
    def test_text_recorded_about_a_row_without_a_text_of_its_own_cannot_be_confirmed(self, model: Any) -> None:
        """The reason of a version move, for one, is in an event about the attempt and in no column of it."""
        chloe = registration("Chloe")
        attempts = select(UnitAttempt.id).where(UnitAttempt.registration_id == chloe.id)
        belongs = (UnitAttempt.id if model is UnitAttempt else model.attempt_id).in_(attempts)
        with transaction():
            for row in db.session.scalars(select(model).where(belongs)):
                if model is UnitAttempt:
                    row.closing_comment = ""
                record("attempt_moved", row, dan(), texts={"reason": "MOVED-WHY"})
        assert confirmed_texts({"MOVED-WHY"}) == {"MOVED-WHY"}
        wait(4 * A_YEAR)
        erase(chloe, is_full=True)
        assert confirmed_texts({"MOVED-WHY"}) == set()

    def test_person_with_another_role_keeps_their_name(self) -> None:
        with transaction():
            alice = person("Alice")
            db.session.add(
                Grant(
                    person_id=alice.id, centre_id=registration("Alice").centre_id, role=Role.ASSESSOR,
                    starts_at=clock.now(), granted_at=clock.now(),
                )
            )  # fmt: skip
        wait(4 * A_YEAR)
        erase(registration("Alice"), is_full=True)
        assert person("Alice").deactivated_at is None
        assert "WITHDRAWN-WHY" not in dump_database()


@pytest.mark.usefixtures("withdrawn_demonstration")
class TestRefused:
    def test_erasure_before_the_retention_period_ends_is_refused(self) -> None:
        with pytest.raises(Refused, match="not due for erasure"):
            erase(registration("Alice"), is_full=False)
        wait(A_YEAR)
        with pytest.raises(Refused, match="not due for erasure"):
            erase(registration("Alice"), is_full=True)

    def test_erasure_on_retention_hold_is_refused(self) -> None:
        with transaction():
            hold = retention.place_retention_hold(registration("Alice"), "An appeal.", dan())
        wait(4 * A_YEAR)
        assert erasure.find_due_scope(registration("Alice")) is None
        with pytest.raises(Refused, match="is on retention hold"):
            erase(registration("Alice"), is_full=True)
        with transaction():
            retention.lift_retention_hold(hold, "Decided.", dan())
        erase(registration("Alice"), is_full=True)

    def test_erasure_twice_is_refused(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        with pytest.raises(Refused, match="erased already"):
            erase(registration("Alice"), is_full=False)

    def test_erasure_of_an_open_registration_is_refused(self) -> None:
        wait(9 * A_YEAR)
        assert erasure.find_due_scope(registration("Ben")) is None


@pytest.mark.quick_on_postgresql
@pytest.mark.usefixtures("withdrawn_demonstration")
class TestTriggers:
    def refuse(self, statement: str) -> None:
        with pytest.raises(DBAPIError, match="append-only"), transaction():
            db.session.execute(text(statement))
        db.session.rollback()

    def test_triggers_refuse_erasure_without_an_open_erasure(self) -> None:
        self.refuse("UPDATE evidence_version SET narrative = 'Erased'")
        self.refuse("UPDATE decision SET comment = 'Erased'")

    @pytest.mark.parametrize(
        "change",
        [
            "evidence_version SET narrative = 'Other'", "evidence_version SET number = 9", "decision SET outcome = 'met'",
            "decision SET comment = 'So'", "signature SET comment = 'So'", "signature SET snapshot = 'Erased'",
            "attachment SET sha256 = 'Erased'", "attachment SET name = 'x'", "sample SET round = 7",
        ],
    )  # fmt: skip
    def test_triggers_refuse_other_changes_during_an_erasure(self, change: str) -> None:
        with transactions.writing():
            db.session.add(
                Erasure(
                    registration_id=registration("Alice").id, is_full=False, erased_at=clock.now(),
                    erased_by_id=person("Dan").id, is_open=True,
                )
            )  # fmt: skip
            db.session.flush()
            with pytest.raises(DBAPIError, match="append-only"):
                db.session.execute(text(f"UPDATE {change}"))
            transactions.rollback()


@pytest.mark.usefixtures("withdrawn_demonstration")
class TestInvariant27:
    def test_erasure_on_retention_hold_is_detected(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        with tampering_transaction():
            db.session.execute(
                text(
                    "INSERT INTO retention_hold (registration_id, reason, set_at, set_by_id) "
                    "SELECT registration_id, 'x', erased_at, erased_by_id FROM erasure"
                )
            )
            assert any(each.startswith("27: ") and "under retention hold" in each for each in list_violations())

    def test_erasure_left_open_is_detected(self) -> None:
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        with tampering_transaction():
            db.session.execute(db.metadata.tables["erasure"].update().values(is_open=True))
            assert any("left open" in each for each in list_violations())

    def test_erased_file_that_came_back_is_detected(self) -> None:
        sha256 = db.session.scalars(
            select(Attachment.sha256).join(Evidence).where(Evidence.candidate_id == person("Alice").id)
        ).first()
        assert sha256
        content = file_store.read(sha256)
        wait(A_YEAR)
        erase(registration("Alice"), is_full=False)
        stored_path(sha256).write_bytes(content)
        assert any(each.startswith("27: ") and "still there" in each for each in list_violations())
        remove_erased_files()
        assert not stored_path(sha256).exists()

    def test_erasure_overdue_by_thirty_days_is_reported(self) -> None:
        wait(A_YEAR + 29 * A_DAY)
        assert list_overdue_violations() == []
        wait(5 * A_DAY)
        assert list_overdue_violations() == [
            f"registration {registration('Alice').id} was due for erasure more than 30 days ago"
        ]
        assert any(each.startswith("27: ") and "30 days" in each for each in list_violations())
        erase(registration("Alice"), is_full=False)
        assert list_overdue_violations() == []

    def test_lifted_hold_restarts_the_thirty_days(self) -> None:
        with transaction():
            hold = retention.place_retention_hold(registration("Alice"), "An appeal.", dan())
        wait(2 * A_YEAR)
        with transaction():
            retention.lift_retention_hold(hold, "Decided.", dan())
        assert list_overdue_violations() == []
        wait(32 * A_DAY)
        assert len(list_overdue_violations()) == 1

    def test_new_retention_rule_restarts_the_thirty_days(self) -> None:
        wait(A_YEAR - 40 * A_DAY)
        with transaction():
            centre = db.session.get_one(Centre, registration("Alice").centre_id)
            retention.set_rule(centre, "", 1, 2, dan())
        assert list_overdue_violations() == []
        wait(32 * A_DAY)
        assert len(list_overdue_violations()) == 1

    def test_registration_on_hold_is_never_overdue(self) -> None:
        for name in ("Alice", "Chloe"):
            with transaction():
                retention.place_retention_hold(registration(name), "An appeal.", dan())
        wait(9 * A_YEAR)
        assert not any("30 days" in each for each in list_violations())


class TestPage:
    @pytest.fixture(autouse=True)
    def _demonstration(self, withdrawn_demonstration: Flask) -> None:
        withdrawn_demonstration.config["DEMO"] = True

    def test_administrator_erases_with_their_password(
        self, client: Browser, recorded_acts: Callable[[], list[str]]
    ) -> None:
        wait(A_YEAR)
        browser, alice = client(person("Dan")), registration("Alice")
        centre = db.session.scalars(select(Centre.id)).one()
        address = f"/registrations/{alice.id}/erase"
        assert address in browser.get(f"/centres/{centre}/retention").text
        assert "Erase the evidence" in browser.get(address).text
        slip = browser.post(address, data={"what": "evidence", "password": "wrong horse battery"})
        assert slip.status_code == 422
        assert "portfolio_erased" not in recorded_acts()
        with transaction():
            person("Dan").password_hash = PASSWORD_HASH
        assert browser.post(address, data={"what": "evidence", "password": PASSWORD}).status_code == 303
        assert recorded_acts()[-1] == "portfolio_erased"
        assert "Nothing is due" in browser.get(address).text
        assert browser.get(f"/registrations/{alice.id}").status_code == 200

    def test_pages_of_erased_registrations_still_open(self, client: Browser) -> None:
        wait(4 * A_YEAR)
        chloe, alice = registration("Chloe"), registration("Alice")
        erase(chloe, is_full=True)
        erase(alice, is_full=True)
        browser = client(person("Dan"))
        for each in (chloe, alice):
            assert browser.get(f"/registrations/{each.id}").status_code == 200
            assert browser.get(f"/registrations/{each.id}/index").status_code == 200
            for attempt in each.attempts:
                assert browser.get(f"/attempts/{attempt.id}").status_code == 200
                assert browser.get(f"/attempts/{attempt.id}/form").status_code == 200
        form = db.session.scalars(select(IssuedForm)).first()
        assert form
        answer = browser.get(f"/attempts/{form.attempt_id}/forms/{form.id}.pdf")
        assert answer.status_code == 404
