"""The candidate's confirmation of a unit, over exactly what the assessor signed."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import PASSWORD, World
from tracker import clock
from tracker.assessment.services import signing
from tracker.errors import Conflict, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.models import Signature
from tracker.recording_forms.form_content import STATEMENT_OF_COMPETENCE
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import AttemptState, SignatureRole

ClientFor = Callable[..., FlaskClient]


def form_of(page: str, **fields: str) -> dict[str, str]:
    hidden_fields = dict(re.findall(r'<input type="hidden" name="(snapshot_hash|version)" value="(\w+)">', page))
    return {**hidden_fields, "password": PASSWORD, **fields}


def test_candidate_signs_the_snapshot_that_the_assessor_signed(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    assert world.cfacc15.state is AttemptState.CONFIRMED
    bob, alice = db.session.scalars(select(Signature).order_by(Signature.id)).all()
    assert (alice.role, alice.person_id) == (SignatureRole.CANDIDATE, world.alice.id)
    assert alice.snapshot_hash == bob.snapshot_hash
    assert alice.statement == STATEMENT_OF_COMPETENCE
    assert recorded_acts()[-1] == "unit_confirmed"


def test_evidence_submitted_after_sign_off_is_not_on_the_form(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    snapshot_hash = take_snapshot(world.cfacc15).hash
    clock.frozen = clock.now() + workflow.timedelta(minutes=1)
    workflow.submit_item(world.cfacc15, "Later", "1")
    assert take_snapshot(world.cfacc15).hash == snapshot_hash


def test_what_changed_in_between_is_not_signed(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    alice = factories.make_actor(world.alice)
    with pytest.raises(Conflict, match="changed while you were reading"):
        signing.confirm_unit(world.cfacc15, "0" * 64, alice, clock.now())
    snapshot_hash = take_snapshot(world.cfacc15).hash
    with pytest.raises(Conflict):
        signing.confirm_unit(world.cfacc15, snapshot_hash, alice, clock.now(), seen_version=world.cfacc15.version + 1)
    rollback()


def test_unit_cannot_be_confirmed_before_sign_off(world: World, client: ClientFor) -> None:
    with pytest.raises(Refused, match="the assessor signs it next"):
        workflow.confirm(world.cfacc15)
    page = client(world.alice).get(f"/attempts/{world.cfacc15.id}/confirm").text
    assert "There is nothing to confirm." in page


def test_unit_cannot_be_confirmed_twice(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with pytest.raises(Refused, match="the internal verifier verifies it next"):
        workflow.confirm(world.cfacc15)


def test_only_the_candidate_confirms(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    snapshot_hash = take_snapshot(world.cfacc15).hash
    for person in (world.bob, world.frank):
        with pytest.raises(NotFound):
            signing.confirm_unit(world.cfacc15, snapshot_hash, factories.make_actor(person), clock.now())
    rollback()
    address = f"/attempts/{world.cfacc15.id}/confirm"
    for person in (world.bob, world.carol, world.dan, world.eve, world.frank, world.grace, world.heidi):
        assert client(person).get(address).status_code == 404, person.name
        response = client(person).post(address, data={"snapshot_hash": snapshot_hash, "password": PASSWORD})
        assert response.status_code == 404, person.name


def test_candidate_signs_the_statement_of_competence(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15, comment="Well done.")
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/confirm"
    page = alice.get(address).text
    assert STATEMENT_OF_COMPETENCE in page
    assert "Well done." in page
    response = alice.post(address, data=form_of(page))
    assert response.status_code == 303
    assert "The internal verifier verifies it next" in alice.get(response.location).text


def test_a_wrong_password_signs_nothing(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/confirm"
    response = alice.post(address, data=form_of(alice.get(address).text, password="wrong"))
    assert response.status_code == 422
    assert "That is not your password. Nothing was signed." in response.text
    assert world.cfacc15.state is AttemptState.ASSESSED


def test_outdated_confirmation_page_is_refused(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/confirm"
    form = form_of(alice.get(address).text)
    with transaction():
        signing.retract_signature(world.cfacc15, "Too early", factories.make_actor(world.bob))
    response = alice.post(address, data=form)
    assert response.status_code == 409
    assert "the assessor signs it next" in response.text


def test_the_same_form_sent_twice_signs_once(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/confirm"
    page = alice.get(address).text
    key = re.findall(r'name="idempotency_key" value="([^"]+)"', page)[0]
    form = form_of(page, idempotency_key=key)
    assert [alice.post(address, data=form).status_code // 100 for _ in range(2)] == [3, 3]
    query = select(Signature).where(Signature.role == SignatureRole.CANDIDATE)
    assert len(db.session.scalars(query).all()) == 1
