"""`flask verify`: no violation in an unchanged record, and a report of every change that bypassed the product."""

import json
import os
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from tests.integrity.tampering import change_value, first_row, list_violations, tampering_transaction
from tests.proof import sample_evidence
from tests.stored_files import stored_path
from tracker.extensions import db
from tracker.integrity.coverage import list_covered_columns
from tracker.integrity.invariants import CHECKS
from tracker.ledger import events, row_seals
from tracker.ledger.canonical_json import canonical_json
from tracker.models import Attachment, Claim, Event, Unit
from tracker.portfolio.page_images import MAX_PAGES
from tracker.recording_forms import snapshot
from tracker.storage.reconciliation import list_orphan_files

pytestmark = pytest.mark.usefixtures("demonstration")


@pytest.mark.quick_on_postgresql
def test_every_check_passes_on_an_unchanged_record(demonstration: Flask) -> None:
    result = demonstration.test_cli_runner().invoke(args=["verify"])
    assert result.output.splitlines()[-1].endswith("checks: all passed.")
    assert result.exit_code == 0
    result = demonstration.test_cli_runner().invoke(args=["verify", "--json"])
    report = json.loads(result.output)
    assert report["clean"] is True
    assert {each["invariant"] for each in report["checks"]} == {each.number for each in CHECKS}


def test_a_claim_removed_from_a_draft_is_recorded_when_the_item_is_submitted() -> None:
    sample_evidence.submit_sample_evidence("Complaint", removed_claims=1)
    assert db.session.scalars(select(Claim).where(Claim.removed_at.is_not(None))).all()
    assert list_violations() == []


@pytest.mark.slow
def test_a_change_of_any_protected_column_is_detected() -> None:
    """Change each protected column of a row of each table; one of the checks that cover it must detect it."""
    unnoticed, count = [], 0
    for name, columns in list_covered_columns(CHECKS).items():
        table = db.metadata.tables[name]
        row = first_row(table)
        if row is None:
            continue
        for column in columns:
            with tampering_transaction():
                try:
                    is_changed = change_value(table, row, table.c[column])
                except IntegrityError:
                    continue  # the database refuses this change
                if is_changed:
                    count += 1
                    if not list_violations(checks=[each for each in CHECKS if column in each.covers.get(name, ())]):
                        unnoticed.append(f"{name}.{column}")
    assert unnoticed == []
    assert count > 150


@pytest.mark.slow
def test_a_deleted_row_is_detected() -> None:
    unnoticed = []
    for name in row_seals.SEALED_TABLES:
        table = db.metadata.tables[name]
        row = first_row(table)
        if row is None:
            continue
        with tampering_transaction():
            db.session.execute(table.delete().where(*(each == row[each.name] for each in table.primary_key)))
            if not list_violations():
                unnoticed.append(name)
    assert unnoticed == []


def test_an_inserted_row_is_detected() -> None:
    """Insert a decision, a signature, a role and so on, as if they had been given."""
    unnoticed = []
    for name in ("decision", "signature", "grant", "allocation", "sample", "reopening", "submission", "assessment"):
        table = db.metadata.tables[name]
        row = db.session.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().first()
        if row is None:
            continue
        copied = {**row, "id": row["id"] + 1}
        if "superseded_at" in copied:
            copied["superseded_at"] = copied.get("signed_at", copied.get("decided_at"))
        if "ends_at" in copied:
            copied["ends_at"] = copied["starts_at"]
        if name == "submission":
            copied["evidence_version_id"] = -1
        with tampering_transaction():
            db.session.execute(table.insert().values(**copied))
            if not list_violations():
                unnoticed.append(name)
    assert unnoticed == []


class TestLedger:
    def test_a_changed_event_is_detected(self) -> None:
        body = db.session.scalars(select(Event.body).where(Event.seq == 9)).one()
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body WHERE seq = 9"), {"body": body.replace(b'"v":2', b'"v":3')}
            )
            assert "1: event 9 was changed: its text does not match the stored hash" in list_violations()

    def test_an_event_changed_with_its_hash_breaks_the_chain(self) -> None:
        body = db.session.scalars(select(Event.body).where(Event.seq == 9)).one().replace(b'"v":2', b'"v":3')
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body, hash = :hash WHERE seq = 9"),
                {"body": body, "hash": events.hash_body(body)},
            )
            assert "1: event 10 does not follow from the one before it" in list_violations()

    def test_an_event_that_is_not_canonical_json_is_detected_despite_its_valid_hash(self) -> None:
        seq, _ = events.get_head()
        body = db.session.scalars(select(Event.body).where(Event.seq == seq)).one().replace(b'"v":2', b'"v": 2')
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body, hash = :hash WHERE seq = :seq"),
                {"body": body, "hash": events.hash_body(body), "seq": seq},
            )
            assert f"1: event {seq} is not written canonically" in list_violations()

    def test_a_deleted_event_is_detected(self) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM event WHERE seq = 9"))
            assert "1: event 9 is missing: 10 comes after 8" in list_violations()

    def test_an_event_that_is_not_text_is_detected(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE event SET body = :body WHERE seq = 9"), {"body": b"\xff{"})
            assert any("event 9" in each for each in list_violations())

    def test_a_forged_last_event_is_detected(self) -> None:
        """Its hashes are valid, as made by somebody who knows the rules."""
        seq, prev = events.get_head()
        last = json.loads(db.session.scalars(select(Event.body).where(Event.seq == seq)).one())
        body = {
            **last,
            "seq": seq + 1,
            "prev": prev,
            "act": "unit_verified",
            "object": {"type": "signature", "id": 999},
        }
        body["data"] = {"attempt": 1, "round": 1, "snapshot": "0" * 64, "state": "verified"}
        canonical_body = canonical_json(body)
        with tampering_transaction():
            row = db.session.execute(select(Event.__table__).where(Event.seq == seq)).mappings().one()
            forged_values = {"seq": seq + 1, "act": "unit_verified", "object_type": "signature", "object_id": 999}
            forged_values |= {"body": canonical_body, "prev": prev, "hash": events.hash_body(canonical_body)}
            db.session.execute(insert(Event.__table__).values({**row, **forged_values}))
            assert any(each.startswith("3: ") for each in list_violations())


class TestFiles:
    def path(self) -> Path:
        return stored_path(db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or "")

    def test_a_missing_file_is_detected(self) -> None:
        self.path().unlink()
        assert any("16: attachment" in each and "is gone" in each for each in list_violations())

    def test_a_changed_file_is_detected(self) -> None:
        content = self.path().read_bytes()
        self.path().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert any("16: attachment" in each and "was changed" in each for each in list_violations())

    @pytest.mark.parametrize("ending", [".exe", ".page-0.jpg", ".page-100.jpg", ".preview.jpg.sh", "0"])
    def test_an_unknown_file_beside_a_stored_one_is_an_orphan(self, ending: str) -> None:
        path = self.path()
        orphan = path.with_name(path.name + ending)
        orphan.write_bytes(b"unknown")
        os.utime(orphan, (time.time() - 90_000,) * 2)
        assert list_violations() == [f"17: {orphan.name} is not referred to by any row"]
        assert [each.name for each in list_orphan_files()] == [orphan.name]

    def test_a_file_of_a_known_name_in_another_folder_is_an_orphan(self) -> None:
        orphan = self.path().parent.parent / "elsewhere" / self.path().name
        orphan.parent.mkdir()
        orphan.write_bytes(b"not there")
        os.utime(orphan, (time.time() - 90_000,) * 2)
        assert [each.key for each in list_orphan_files()] == [f"elsewhere/{orphan.name}"]

    @pytest.mark.parametrize(
        "ending", [".pages", ".details", ".preview.txt", ".preview.pdf", ".preview.jpg", f".page-{MAX_PAGES}.jpg"]
    )
    def test_a_file_derived_from_a_stored_one_is_no_orphan(self, ending: str) -> None:
        derived = self.path().with_name(self.path().name + ending)
        derived.write_bytes(b"1")
        os.utime(derived, (time.time() - 90_000,) * 2)
        assert not list(list_orphan_files())
        assert not list_violations()


def test_a_dropped_trigger_is_detected() -> None:
    with tampering_transaction():
        if db.session.get_bind().dialect.name == "postgresql":
            db.session.execute(text("ALTER TABLE decision DISABLE TRIGGER decision_no_update"))
        assert any("the trigger that refuses" in each for each in list_violations(ignore_triggers=False))


def test_a_unit_changed_together_with_its_hash_is_detected() -> None:
    """The events of its attempts hold the hash of the unit."""
    unit = db.session.scalars(select(Unit).where(Unit.code == "CFACC15")).one()
    with tampering_transaction():
        db.session.execute(
            text("UPDATE unit SET content_hash = :hash WHERE id = :id"), {"hash": "0" * 64, "id": unit.id}
        )
        assert any(each.startswith("4: ") for each in list_violations())


def test_a_later_wording_of_the_statement_is_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each signature is compared with the statement that was signed, not with that of today's code."""
    monkeypatch.setattr(snapshot, "STATEMENT_OF_COMPETENCE", "I confirm that I am competent in this unit.")
    monkeypatch.setattr(snapshot.take_snapshot, "__defaults__", (None, snapshot.STATEMENT_OF_COMPETENCE))
    assert not list_violations()


def test_the_first_violation_is_printed() -> None:
    with tampering_transaction():
        db.session.execute(db.metadata.tables["person"].update().values(name="Mallory"))
        assert list_violations()[0].startswith("14: person 1 was changed after event ")


def test_verify_exits_with_1_after_a_violation(demonstration: Flask) -> None:
    """Change the file of an attachment, as a transaction would roll back a change of the database."""
    stored_path(db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or "").unlink()
    db.session.rollback()
    result = demonstration.test_cli_runner().invoke(args=["verify"])
    assert result.exit_code == 1
    assert "✗ 16 every attachment has its file" in result.output
    assert result.output.splitlines()[-1].endswith("checks: 1 failed.")
