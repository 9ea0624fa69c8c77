"""An open erasure lets the texts of its own candidate at its own centre be erased, and nobody else's."""

from datetime import date

import pytest
from sqlalchemy import ColumnElement, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import transaction
from tracker.models import (
    Acknowledgement,
    Attachment,
    Erasure,
    Evidence,
    EvidenceVersion,
    RecordWithdrawal,
    Registration,
    Reopening,
    Sample,
    SampleItem,
    Signature,
    UnitAttempt,
    VersionMove,
)
from tracker.vocabulary import AcknowledgementAnswer, Outcome, ReopeningKind, Role, SignatureRole

TEXTS = {
    "acknowledgement": "reason",
    "attachment": "name",
    "record_withdrawal": "reason",
    "evidence_version": "narrative",
    "version_move": "reason",
    "decision": "comment",
    "reopening": "reason",
    "sample": "comment",
    "sample_item": "comment",
    "signature": "comment",
}
"""A text of each append-only table that an erasure may erase."""


def make_portfolio(attempt: UnitAttempt, world: World) -> None:
    """Make a row of each table in `TEXTS`."""
    evidence = factories.make_evidence(attempt, "Call of 5 October")
    moment, bob, carol = clock.now(), world.bob.id, world.carol.id
    factories.add_and_flush(
        Attachment(
            evidence_id=evidence.id, name="call.txt", media_type="text/plain", size=1, sha256="0" * 64, uploaded_at=moment,
        )
    )  # fmt: skip
    (claim,) = factories.claim(attempt, evidence, "1")
    version = factories.submit(evidence)
    factories.accept(attempt, version, world.bob, {claim: Outcome.MET})
    factories.add_and_flush(
        Acknowledgement(
            evidence_version_id=version.id, role=Role.CANDIDATE, answer=AcknowledgementAnswer.OBJECTED,
            statement="I object.", reason="It was another day.", acknowledged_at=moment,
            acknowledged_by_id=world.alice.id,
        )
    )  # fmt: skip
    factories.add_and_flush(
        RecordWithdrawal(
            evidence_version_id=version.id, reason="It was another day.", withdrawn_at=moment, withdrawn_by_id=bob,
        )
    )  # fmt: skip
    factories.add_and_flush(
        VersionMove(
            attempt_id=attempt.id, from_unit_id=attempt.unit_id, to_unit_id=factories.unit("INSCC004").id,
            reason="A new version.", not_carried_over=[], moved_at=moment, moved_by_id=world.dan.id,
        )
    )  # fmt: skip
    factories.add_and_flush(
        Reopening(
            attempt_id=attempt.id, round=1, kind=ReopeningKind.DISPUTE, reason="Too early.", reopened_at=moment,
            reopened_by_id=bob,
        )
    )  # fmt: skip
    sample = factories.add_and_flush(
        Sample(
            attempt_id=attempt.id, round=1, verifier_id=carol, sampled_at=moment, is_interim=True, comment="Well done.",
        )
    )  # fmt: skip
    factories.add_and_flush(
        SampleItem(
            sample_id=sample.id, evidence_version_id=version.id, criterion_id=claim.criterion_id, agrees=True,
            comment="I agree.",
        )
    )  # fmt: skip
    factories.add_and_flush(
        Signature(
            attempt_id=attempt.id, round=1, role=SignatureRole.ASSESSOR, person_id=bob, signed_at=moment,
            statement="Competent.", comment="Well done.", snapshot="{}", snapshot_hash="0" * 64,
            reauthenticated_at=moment, session_ref="test-session", date_sampled=date(2026, 11, 1),
        )
    )  # fmt: skip


@pytest.fixture
def registrations(world: World) -> dict[str, Registration]:
    """Alice's at Northgate, under an open erasure; Ben's at Northgate and Alice's at Southbank. All have every text."""
    with transaction():
        ben = factories.make_person("Ben Okafor", world.northgate, Role.CANDIDATE)
        made = {
            "own": world.registration,
            "another candidate": factories.make_registration(ben, world.northgate, world.dan),
            "another centre": factories.make_registration(world.alice, world.southbank, world.heidi, "SB-1"),
        }
        make_portfolio(world.cfacc15, world)
        for registration in (made["another candidate"], made["another centre"]):
            make_portfolio(factories.make_attempt(registration, "CFACC15"), world)
        factories.add_and_flush(
            Erasure(
                registration_id=world.registration.id, is_full=False, erased_at=clock.now(), erased_by_id=world.dan.id,
                is_open=True,
            )
        )  # fmt: skip
    return made


def belongs_to(table: Table, registration: Registration) -> ColumnElement[bool]:
    """Return the condition for the rows of a registration."""
    if "evidence_id" in table.c:
        owned = select(Evidence.id).where(
            Evidence.candidate_id == registration.candidate_id, Evidence.centre_id == registration.centre_id
        )
        return table.c.evidence_id.in_(owned)
    attempts = select(UnitAttempt.id).where(UnitAttempt.registration_id == registration.id)
    if table.name in {"acknowledgement", "record_withdrawal"}:
        versions = (
            select(EvidenceVersion.id)
            .join(Evidence)
            .where(Evidence.candidate_id == registration.candidate_id, Evidence.centre_id == registration.centre_id)
        )
        return table.c.evidence_version_id.in_(versions)
    if "sample_id" in table.c:
        return table.c.sample_id.in_(select(Sample.id).where(Sample.attempt_id.in_(attempts)))
    return table.c.attempt_id.in_(attempts)


def erase(table: str, registration: Registration) -> int:
    """Erase a text of the registration's rows in a table, and return how many rows hold it then."""
    rows, column = db.metadata.tables[table], TEXTS[table]
    condition = belongs_to(rows, registration)
    assert db.session.scalar(select(func.count()).select_from(rows).where(condition)), "there is something to erase"
    with transactions.writing():
        db.session.execute(rows.update().where(condition).values({column: "Erased"}))
        erased = db.session.scalar(
            select(func.count()).select_from(rows).where(condition, rows.c[column] == "Erased")
        )
        transactions.rollback()
    return erased or 0


@pytest.mark.parametrize("table", TEXTS)
class TestOpenErasure:
    def test_its_candidates_texts_are_erased(self, table: str, registrations: dict[str, Registration]) -> None:
        assert erase(table, registrations["own"]) == 1

    @pytest.mark.parametrize("whose", ["another candidate", "another centre"])
    def test_the_texts_of_another_candidate_or_centre_are_refused(
        self, table: str, whose: str, registrations: dict[str, Registration]
    ) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            erase(table, registrations[whose])
        db.session.rollback()


@pytest.mark.usefixtures("app")
def test_every_table_whose_trigger_lets_an_erasure_pass_has_its_cases() -> None:
    if db.engine.dialect.name == "postgresql":
        query = (
            "SELECT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE proname = 'refuse_unless_erased'"
        )
    else:
        query = (
            "SELECT tbl_name FROM sqlite_master"
            " WHERE type = 'trigger' AND sql LIKE '%FROM erasure%' AND sql LIKE '%RAISE(%'"
        )
    assert set(db.session.scalars(text(query))) == set(TEXTS)
