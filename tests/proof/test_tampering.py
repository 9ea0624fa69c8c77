"""Forty ways to change the record behind the product's back: each is named. Twenty untouched records: no alarm."""

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
from tracker import clock
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.canonical_json import canonical_json
from tracker.models import Attachment, Event, IssuedForm
from tracker.recording_forms.form_verification import FormVerdict, check_file, load_known_keys
from tracker.storage import file_store

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
    "issued_form.superseded_at",
]
"""A column of the first row of a table, given another value."""


@pytest.fixture
def at_length(demonstration: Flask) -> Flask:
    """The demonstration with so many events that checkpoints are due."""
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


def repeat(name: str) -> None:
    table = db.metadata.tables[name]
    row = db.session.execute(select(table).order_by(table.c.id.desc()).limit(1)).mappings().one()
    ended = {"superseded_at": row["signed_at"]} if "signed_at" in row else {}
    db.session.execute(table.insert().values({**row, "id": row["id"] + 1, **ended}))


def rewrite(seq: int, *, rehash: bool) -> None:
    """Another act in an event's body, with the hash that belongs to it or without."""
    body = json.loads(db.session.scalars(select(Event.body).where(Event.seq == seq)).one())
    written = canonical_json({**body, "act": "unit_verified"})
    changed: dict[str, Any] = {"body": written} | ({"hash": events.hash_body(written)} if rehash else {})
    db.session.execute(update(Event.__table__).where(Event.seq == seq).values(changed))


def rechain() -> None:
    """Everything from event 9 on written anew, each with the hash it then has: a chain that holds."""
    prev = db.session.scalars(select(Event.hash).where(Event.seq == 8)).one()
    rows = db.session.execute(select(Event.seq, Event.body).where(Event.seq >= 9).order_by(Event.seq)).all()
    for seq, body in rows:
        said = {**json.loads(body), "prev": prev} | ({"act": "unit_voided"} if seq == 9 else {})
        written = canonical_json(said)
        changed = {"body": written, "prev": prev, "hash": events.hash_body(written), "act": said["act"]}
        db.session.execute(update(Event.__table__).where(Event.seq == seq).values(changed))
        prev = changed["hash"]


def cut_short() -> None:
    last = db.session.scalar(select(func.max(Event.seq)))
    db.session.execute(delete(Event.__table__).where(Event.seq > last - 3))


IN_THE_DATABASE: dict[str, Callable[[], None]] = {
    **{f"another {name}": lambda name=name: change_column(name) for name in COLUMNS},
    "a decision taken out": lambda: delete_last_row("decision"),
    "a signature put in": lambda: repeat("signature"),
    "an event's words changed": lambda: rewrite(9, rehash=False),
    "an event changed with its hash": lambda: rewrite(9, rehash=True),
    "an event taken out": lambda: db.session.execute(text("DELETE FROM event WHERE seq = 9")) and None,
    "the ledger cut short": cut_short,
    "the ledger written anew from the ninth event": rechain,
}


@contextmanager
def spoilt(path: Path, change: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """A file that is changed, or gone, and then as it was."""
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    after = change(before)
    path.unlink() if after is None else path.write_bytes(after)
    try:
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


def attached() -> Path:
    return file_store.get_path(db.session.scalars(select(Attachment.sha256).order_by(Attachment.id)).first() or "")


def printed() -> Path:
    return file_store.get_path(db.session.scalars(select(IssuedForm.sha256)).one())


def kept_checkpoints() -> Path:
    return checkpoints.get_path()


def flip(content: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


BESIDE_IT: dict[str, tuple[Callable[[], Path], Callable[[bytes], bytes | None]]] = {
    "one bit of an attachment": (attached, flip),
    "an attachment gone": (attached, lambda _: None),
    "an attachment cut": (attached, lambda content: content[:-1]),
    "one bit of an issued form": (printed, flip),
    "bytes behind an issued form": (printed, lambda content: content + b"\n% more"),
    "the checkpoints gone": (kept_checkpoints, lambda _: None),
    "a checkpoint's size": (kept_checkpoints, lambda content: content.replace(b'"size":', b'"size": 1', 1)),
}


def test_every_change_is_named(at_length: Flask) -> None:
    assert len(IN_THE_DATABASE) + len(BESIDE_IT) == 40
    named, missed = 0, []
    for name, change in IN_THE_DATABASE.items():
        with tampering_transaction():
            change()
            (named := named + 1) if list_violations() else missed.append(name)
    for name, (find, spoil) in BESIDE_IT.items():
        # an hour later, when a checkpoint that is gone is late
        with spoilt(find(), spoil), clock.frozen_at(clock.now() + timedelta(hours=1)):
            (named := named + 1) if list_violations() else missed.append(name)
    assert missed == []
    assert list_violations(ignore_triggers=False) == []
    record_figures(mutations=40, named=named)


def verdict_of(content: bytes) -> FormVerdict | None:
    """None where it is refused as no PDF."""
    try:
        return check_file(content, load_known_keys()).verdict
    except Invalid:
        return None


def test_a_form_that_was_changed_anywhere_is_not_verified(at_length: Flask) -> None:
    """One bit at places all over the file."""
    content = printed().read_bytes()
    places = range(0, len(content), max(1, len(content) // choose_size(5, 40)))
    assert check_file(content, load_known_keys()).verdict is FormVerdict.CURRENT
    for place in places:
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert verdict_of(changed) in {None, FormVerdict.CHANGED, FormVerdict.NOT_ISSUED_HERE}, place
    record_figures(forms=len(places))


def test_a_record_that_nobody_touched_raises_no_alarm(at_length: Flask) -> None:
    copies = choose_size(3, 20)
    for number in range(copies):
        submit_sample_evidence(f"Item {number}")
        checkpoints.write_due(at_once=True)
        assert list_violations(ignore_triggers=False) == []
    record_figures(clean_copies=copies, false_alarms=0)
