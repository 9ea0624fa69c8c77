"""The issue of a form without rendering it: what is recorded, and what must not have changed since it was read."""

import json
from datetime import timedelta

import pytest
import segno
from flask import Flask
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event, IssuedForm, UnitAttempt
from tracker.recording_forms import issuing
from tracker.recording_forms.issuing import RenderedIssue
from tracker.storage.stores import StoredFile
from tracker.vocabulary import AttemptState


@pytest.fixture
def verified(app_with_signing_key: Flask, world: World) -> UnitAttempt:
    """Alice's CFACC15, set to verified."""
    with transaction():
        world.cfacc15.state = AttemptState.VERIFIED
        factories.leave_unsealed()
    return world.cfacc15


def render(attempt: UnitAttempt) -> RenderedIssue:
    """Return a planned issue as if its file were stored."""
    return RenderedIssue(issuing.plan_issue(attempt), StoredFile("0a" * 32, 4711))


def record_issue(world: World, rendered: RenderedIssue) -> IssuedForm:
    with transaction():
        return issuing.record_issue(world.cfacc15, rendered, factories.make_actor(world.dan))


def add_form(attempt: UnitAttempt, number: str, **values: object) -> IssuedForm:
    """Add an issued form that no event records."""
    with transaction():
        form = IssuedForm(
            number=number,
            attempt_id=attempt.id,
            round=1,
            issued_at=clock.now(),
            issued_by_id=attempt.candidate_id,
            sha256="0a" * 32,
            size=7,
            snapshot_hash="0b" * 32,
            ledger_size=1,
            ledger_head="0c" * 32,
            key="0d" * 8,
            **values,
        )
        db.session.add(form)
        factories.leave_unsealed()
    return form


def test_the_form_and_its_event_say_what_was_issued(world: World, verified: UnitAttempt) -> None:
    rendered = render(verified)
    form = record_issue(world, rendered)
    code = rendered.plan.code
    assert (form.attempt_id, form.round, form.issued_by_id) == (verified.id, 1, world.dan.id)
    assert (form.number, form.sha256, form.size, form.key) == (code.number, "0a" * 32, 4711, code.key)
    assert rendered.plan.content.issue
    assert form.issued_at == rendered.plan.content.issue.issued_at
    body = db.session.scalars(select(Event.body).where(Event.act == "form_issued")).one()
    facts = {name: value for name, value in json.loads(body)["data"].items() if name != "rows"}
    assert facts == {
        "attempt": verified.id,
        "round": 1,
        "number": code.number,
        "sha256": "0a" * 32,
        "snapshot": code.snapshot_hash,
        "size": code.ledger_size,
        "head": code.ledger_head,
        "key": code.key,
    }
    assert record_issue(world, render(verified)) == form, "the form that was issued meanwhile"


def test_a_form_with_other_words_than_the_record_has_now_is_not_issued(world: World, verified: UnitAttempt) -> None:
    rendered = render(verified)
    with transaction():
        world.alice.name = "Alice Newname"
        factories.leave_unsealed()
    with pytest.raises(Conflict, match="Nothing was issued"):
        record_issue(world, rendered)


def test_the_form_of_a_unit_that_is_void_by_now_is_not_issued(world: World, verified: UnitAttempt) -> None:
    rendered = render(verified)
    with transaction():
        verified.state, verified.void_reason = AttemptState.VOID, "Entered twice."
        factories.leave_unsealed()
    with pytest.raises(Conflict, match="Nothing was issued"):
        record_issue(world, rendered)


def test_the_current_form_is_that_of_the_attempt(world: World, verified: UnitAttempt) -> None:
    add_form(world.inscc004, "1" * 32)
    assert issuing.find_current_form(verified) is None
    add_form(verified, "2" * 32, superseded_at=clock.now())
    assert issuing.find_current_form(verified) is None
    form = add_form(verified, "3" * 32)
    assert issuing.find_current_form(verified) == form


def test_only_the_current_form_of_the_attempt_is_superseded(world: World, verified: UnitAttempt) -> None:
    earlier = clock.now() - timedelta(days=1)
    former, current = add_form(verified, "1" * 32, superseded_at=earlier), add_form(verified, "2" * 32)
    other = add_form(world.inscc004, "3" * 32)
    with transaction():
        issuing.supersede_forms(verified)
        factories.leave_unsealed()
    assert (former.superseded_at, other.superseded_at) == (earlier, None)
    assert current.superseded_at


def test_the_qr_code_is_of_medium_error_correction_with_a_border() -> None:
    address = "https://tracker.example/verify?code=" + "x" * 200
    width, height = segno.make(address, error="m", micro=False).symbol_size(scale=4, border=2)
    png = issuing._make_qr_code(address)
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (width, height)
