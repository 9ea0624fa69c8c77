"""Forty-four changes of the record that bypass the product: each is detected. Twenty unchanged records: no violation."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update

from tests.integrity.tampering import find_other_value, first_row, list_violations, tampering_transaction
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.sample_evidence import submit_sample_evidence
from tests.stored_files import stored_path
from tracker import clock
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.canonical_json import canonical_json
from tracker.models import Attachment, Event, IssuedForm
from tracker.recording_forms.form_verification import FormVerdict, check_file, load_known_keys

COLUMNS = [
    "decision.outcome",
    "decision.comment",
    "decision.decided_by_id",
    "decision.superseded_at",
    "decision.evidence_version_id",
    "signature.person_id",
    "signature.signed_at",
    "signature.statement",
    "signature.snapshot",
    "signature.superseded_at",
    "signature.reauthenticated_at",
    "evidence_version.narrative",
    "evidence_version.happened_from",
    "attachment.name",
    "attachment.sha256",
    "criterion.text",
    "criterion.assessable",
    "submission.submitted_at",
    "claim.removed_reason",
    "assessment.feedback",
    "grant.role",
    "allocation.person_id",
    "person.name",
    "unit_attempt.state",
    "sample.sampled_at",
    "acknowledgement.answer",
    "acknowledgement.acknowledged_by_id",
    "evidence_version.content",
    "evidence_version.author_id",
    "issued_form.superseded_at",
]
"""Columns whose value is changed in the first row of their table."""


@pytest.fixture
def long_demonstration(demonstration: Flask) -> Flask:
    """The demonstration with enough events for checkpoints."""
    while events.get_head()[0] < checkpoints.EVENTS_PER_CHECKPOINT:
        submit_sample_evidence("One more")
    checkpoints.write_due(at_once=True)
    return demonstration


def change_column(name: str) -> None:
    table_name, column_name = name.split(".")
    table = db.metadata.tables[table_name]
    row = first_row(table)
    assert row, name
    value = find_other_value(table.c[column_name], row[column_name])
    assert value is not None, name
    key = [each == row[each.name] for each in table.primary_key]
    db.session.execute(table.update().where(*key).values({column_name: value}))


def delete_last_row(name: str) -> None:
    table = db.metadata.tables[name]
    row = db.session.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().one()
    db.session.execute(table.delete().where(table.c.id == row["id"]))


def repeat_row(name: str) -> None:
    table = db.metadata.tables[name]
    row = db.session.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().one()
    values = {"superseded_at": row["signed_at"]} if "signed_at" in row else {}
    db.session.execute(table.insert().values({**row, "id": row["id"] + 1, **values}))


def rewrite_event(seq: int, *, rehash: bool) -> None:
    """Write another act into an event's body, with or without its new hash."""
    body = json.loads(db.session.scalars(select(Event.body).where(Event.seq == seq)).one())
    canonical_body = canonical_json({**body, "act": "unit_verified"})
    values: dict[str, Any] = {"body": canonical_body} | ({"hash": events.hash_body(canonical_body)} if rehash else {})
    db.session.execute(update(Event.__table__).where(Event.seq == seq).values(values))


def rewrite_and_rechain() -> None:
    """Rewrite the ledger from event 9 on with valid hashes, so that the chain is valid."""
    prev = db.session.scalars(select(Event.hash).where(Event.seq == 8)).one()
    rows = db.session.execute(select(Event.seq, Event.body).where(Event.seq >= 9).order_by(Event.seq)).all()
    for seq, body in rows:
        new_body = {**json.loads(body), "prev": prev} | ({"act": "unit_voided"} if seq == 9 else {})
        canonical_body = canonical_json(new_body)
        values = {
            "body": canonical_body,
            "prev": prev,
            "hash": events.hash_body(canonical_body),
            "act": new_body["act"],
        }
        db.session.execute(update(Event.__table__).where(Event.seq == seq).values(values))
        prev = values["hash"]


def delete_last_event() -> None:
    last = db.session.scalar(select(func.max(Event.seq)))
    db.session.execute(delete(Event.__table__).where(Event.seq > last - 3))


IN_THE_DATABASE: dict[str, Callable[[], None]] = {
    **{f"another {name}": lambda name=name: change_column(name) for name in COLUMNS},
    "a decision taken out": lambda: delete_last_row("decision"),
    "a signature put in": lambda: repeat_row("signature"),
    "an event's words changed": lambda: rewrite_event(9, rehash=False),
    "an event changed with its hash": lambda: rewrite_event(9, rehash=True),
    "an event taken out": lambda: db.session.execute(text("DELETE FROM event WHERE seq = 9")) and None,
    "the ledger cut short": delete_last_event,
    "the ledger written anew from the ninth event": rewrite_and_rechain,
}


@contextmanager
def change_file(path: Path, change: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """Change or delete a file during the block, and restore it afterwards."""
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    after = change(before)
    path.unlink() if after is None else path.write_bytes(after)
    try:
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


def find_attachment_file() -> Path:
    return stored_path(db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or "")


def find_form_file() -> Path:
    return stored_path(db.session.scalars(select(IssuedForm.sha256)).one())


def find_checkpoints_file() -> Path:
    return checkpoints.get_path()


def flip_bit(content: bytes) -> bytes:
    """Flip one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


IN_THE_FILES: dict[str, tuple[Callable[[], Path], Callable[[bytes], bytes | None]]] = {
    "one bit of an attachment": (find_attachment_file, flip_bit),
    "an attachment gone": (find_attachment_file, lambda _: None),
    "an attachment cut": (find_attachment_file, lambda content: content[:-1]),
    "one bit of an issued form": (find_form_file, flip_bit),
    "bytes behind an issued form": (find_form_file, lambda content: content + b"\n% more"),
    "the checkpoints gone": (find_checkpoints_file, lambda _: None),
    "a checkpoint's size": (find_checkpoints_file, lambda content: content.replace(b'"size":', b'"size": 1', 1)),
}


def test_every_change_is_detected(long_demonstration: Flask) -> None:
    assert len(IN_THE_DATABASE) + len(IN_THE_FILES) == 44
    count, unnoticed = 0, []
    for name, change in IN_THE_DATABASE.items():
        with tampering_transaction():
            change()
            (count := count + 1) if list_violations() else unnoticed.append(name)
    for name, (find, change_content) in IN_THE_FILES.items():
        # an hour later, when a missing checkpoint is overdue
        with change_file(find(), change_content), clock.frozen_at(clock.now() + timedelta(hours=1)):
            (count := count + 1) if list_violations() else unnoticed.append(name)
    assert unnoticed == []
    assert list_violations(ignore_triggers=False) == []
    record_figures(mutations=44, named=count)


def get_verdict(content: bytes) -> FormVerdict | None:
    """Return the verdict, or None for a file that is refused as no PDF."""
    try:
        return check_file(content, load_known_keys()).verdict
    except Invalid:
        return None


def test_a_form_changed_anywhere_is_not_verified(long_demonstration: Flask) -> None:
    """Flip one bit at places all over the file."""
    content = find_form_file().read_bytes()
    places = range(0, len(content), max(1, len(content) // choose_size(5, 40)))
    assert check_file(content, load_known_keys()).verdict is FormVerdict.CURRENT
    for place in places:
        changed_content = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert get_verdict(changed_content) in {None, FormVerdict.CHANGED, FormVerdict.NOT_ISSUED_HERE}, place
    record_figures(forms=len(places))


def test_an_unchanged_record_has_no_violation(long_demonstration: Flask) -> None:
    copies = choose_size(3, 20)
    for number in range(copies):
        submit_sample_evidence(f"Item {number}")
        checkpoints.write_due(at_once=True)
        assert list_violations(ignore_triggers=False) == []
    record_figures(clean_copies=copies, false_alarms=0)
