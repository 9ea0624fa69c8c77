"""`flask verify`: silent on a whole record, and naming whatever was changed behind its back."""

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
from tracker.extensions import db
from tracker.integrity.invariants import CHECKS, list_covered_columns
from tracker.ledger import events, row_seals
from tracker.ledger.canonical_json import canonical_json
from tracker.models import Attachment, Claim, Event, Unit
from tracker.portfolio.pages import MAX_PAGES
from tracker.recording_forms import snapshot
from tracker.storage import file_store
from tracker.storage.reconciliation import list_orphan_files

pytestmark = pytest.mark.usefixtures("demonstration")


def test_every_check_passes_on_what_the_product_itself_wrote(demonstration: Flask) -> None:
    result = demonstration.test_cli_runner().invoke(args=["verify"])
    assert result.output.splitlines()[-1].endswith("checks: all passed.")
    assert result.exit_code == 0
    result = demonstration.test_cli_runner().invoke(args=["verify", "--json"])
    said = json.loads(result.output)
    assert said["clean"] is True
    assert {each["invariant"] for each in said["checks"]} == {each.number for each in CHECKS}


def test_a_claim_removed_from_a_draft_is_recorded_when_the_item_is_submitted() -> None:
    sample_evidence.submit_sample_evidence("Complaint", removed_claims=1)
    assert db.session.scalars(select(Claim).where(Claim.removed_at.is_not(None))).all()
    assert list_violations() == []


def test_it_says_which_columns_it_protects(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["verify", "--covered", "--json"])
    protected = json.loads(result.output)
    for table in ("decision", "signature", "event", "evidence_version"):
        assert set(protected[table]) == {column.name for column in db.metadata.tables[table].columns}, table
    assert {"name", "size", "sha256", "media_type"} <= set(protected["attachment"])
    assert {"text", "label", "kind", "heading", "assessable", "parent"} <= set(protected["criterion"])


def test_whatever_is_changed_in_a_row_is_named() -> None:
    """Each column that it says it protects, of a row of each table, by those checks that say so."""
    missed, tried = [], 0
    for name, columns in list_covered_columns(CHECKS).items():
        table = db.metadata.tables[name]
        row = first_row(table)
        if row is None:
            continue
        for column in columns:
            with tampering_transaction():
                try:
                    changed = change_value(table, row, table.c[column])
                except IntegrityError:
                    continue  # the database itself does not let it happen
                if changed:
                    tried += 1
                    if not list_violations(checks=[each for each in CHECKS if column in each.covers.get(name, ())]):
                        missed.append(f"{name}.{column}")
    assert missed == []
    assert tried > 150


def test_a_row_taken_out_is_named() -> None:
    missed = []
    for name in row_seals.SEALED_TABLES:
        table = db.metadata.tables[name]
        row = first_row(table)
        if row is None:
            continue
        with tampering_transaction():
            db.session.execute(table.delete().where(*(each == row[each.name] for each in table.primary_key)))
            if not list_violations():
                missed.append(name)
    assert missed == []


def test_a_row_put_in_is_named() -> None:
    """A decision, a signature, a role: as if they had been given."""
    missed = []
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
                missed.append(name)
    assert missed == []


class TestLedger:
    def test_a_changed_event_is_named(self) -> None:
        body = db.session.scalars(select(Event.body).where(Event.seq == 9)).one()
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body WHERE seq = 9"), {"body": body.replace(b'"v":1', b'"v":2')}
            )
            assert "1: event 9 was changed: its text does not match the stored hash" in list_violations()

    def test_an_event_changed_with_its_hash_breaks_the_chain(self) -> None:
        body = db.session.scalars(select(Event.body).where(Event.seq == 9)).one().replace(b'"v":1', b'"v":2')
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body, hash = :hash WHERE seq = 9"),
                {"body": body, "hash": events.hash_body(body)},
            )
            assert "1: event 10 does not follow from the one before it" in list_violations()

    def test_an_event_that_is_not_canonical_json_is_named_though_its_hash_fits(self) -> None:
        seq, _ = events.get_head()
        body = db.session.scalars(select(Event.body).where(Event.seq == seq)).one().replace(b'"v":1', b'"v": 1')
        with tampering_transaction():
            db.session.execute(
                text("UPDATE event SET body = :body, hash = :hash WHERE seq = :seq"),
                {"body": body, "hash": events.hash_body(body), "seq": seq},
            )
            assert f"1: event {seq} is not written canonically" in list_violations()

    def test_an_event_taken_out_is_named(self) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM event WHERE seq = 9"))
            assert "1: event 9 is missing: 10 comes after 8" in list_violations()

    def test_an_event_that_is_no_text_is_named(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE event SET body = :body WHERE seq = 9"), {"body": b"\xff{"})
            assert any("event 9" in each for each in list_violations())

    def test_an_event_put_last_for_what_never_happened_is_named(self) -> None:
        """With the right hashes, as somebody would who knows how they are made."""
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
        written = canonical_json(body)
        with tampering_transaction():
            row = db.session.execute(select(Event.__table__).where(Event.seq == seq)).mappings().one()
            forged = {"seq": seq + 1, "act": "unit_verified", "object_type": "signature", "object_id": 999}
            forged |= {"body": written, "prev": prev, "hash": events.hash_body(written)}
            db.session.execute(insert(Event.__table__).values({**row, **forged}))
            assert any(each.startswith("3: ") for each in list_violations())


class TestFiles:
    def path(self) -> Path:
        return file_store.get_path(
            db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or ""
        )

    def test_a_file_that_is_gone(self) -> None:
        self.path().unlink()
        assert any("16: attachment" in each and "is gone" in each for each in list_violations())

    def test_a_file_that_was_changed(self) -> None:
        content = self.path().read_bytes()
        self.path().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert any("16: attachment" in each and "was changed" in each for each in list_violations())

    @pytest.mark.parametrize("ending", [".exe", ".page-0.jpg", ".page-100.jpg", ".preview.jpg.sh", "0"])
    def test_a_file_beside_a_known_one_is_left_over(self, ending: str) -> None:
        path = self.path()
        stray = path.with_name(path.name + ending)
        stray.write_bytes(b"nobody made this of it")
        os.utime(stray, (time.time() - 90_000,) * 2)
        assert list_violations() == [f"17: {stray.name} is not referred to by any row"]
        assert list(list_orphan_files()) == [stray]

    def test_a_known_name_in_anothers_place_is_left_over(self) -> None:
        stray = self.path().parent.parent / "elsewhere" / self.path().name
        stray.parent.mkdir()
        stray.write_bytes(b"not there")
        os.utime(stray, (time.time() - 90_000,) * 2)
        assert list(list_orphan_files()) == [stray]

    @pytest.mark.parametrize(
        "ending", [".pages", ".details", ".preview.txt", ".preview.jpg", f".page-{MAX_PAGES}.jpg"]
    )
    def test_what_the_product_makes_of_a_file_is_not(self, ending: str) -> None:
        made = self.path().with_name(self.path().name + ending)
        made.write_bytes(b"1")
        os.utime(made, (time.time() - 90_000,) * 2)
        assert not list(list_orphan_files())
        assert not list_violations()


def test_a_trigger_that_is_gone_is_named() -> None:
    with tampering_transaction():
        if db.session.get_bind().dialect.name == "postgresql":
            db.session.execute(text("ALTER TABLE decision DISABLE TRIGGER decision_no_update"))
        assert any("the trigger that refuses" in each for each in list_violations(ignore_triggers=False))


def test_a_unit_whose_wording_was_changed_with_its_hash_is_named() -> None:
    """Pinned by the events of every attempt on it."""
    unit = db.session.scalars(select(Unit).where(Unit.code == "CFACC15")).one()
    with tampering_transaction():
        db.session.execute(
            text("UPDATE unit SET content_hash = :hash WHERE id = :id"), {"hash": "0" * 64, "id": unit.id}
        )
        assert any(each.startswith("4: ") for each in list_violations())


def test_another_wording_of_the_statement_later_on_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each signature is held to the words that were signed with it, not to those of today's code."""
    monkeypatch.setattr(snapshot, "STATEMENT_OF_COMPETENCE", "I confirm that I am competent in this unit.")
    monkeypatch.setattr(snapshot.take_snapshot, "__defaults__", (None, snapshot.STATEMENT_OF_COMPETENCE))
    assert not list_violations()


def test_the_first_offender_is_named() -> None:
    with tampering_transaction():
        db.session.execute(db.metadata.tables["person"].update().values(name="Mallory"))
        assert list_violations()[0].startswith("14: person 1 was changed after event ")


def test_a_violated_record_exits_1(demonstration: Flask) -> None:
    """The file of an attachment is beside the database, where no transaction takes the change back."""
    file_store.get_path(db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or "").unlink()
    db.session.rollback()
    result = demonstration.test_cli_runner().invoke(args=["verify"])
    assert result.exit_code == 1
    assert "✗ 16 every attachment has its file" in result.output
    assert result.output.splitlines()[-1].endswith("checks: 1 failed.")
