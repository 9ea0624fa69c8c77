"""Samples: the decisions sampled, and whether the verifier agrees."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.extensions import db
from tracker.models import Person, Sample, SampleItem

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], dict[str, list[str]]]


def samples() -> list[Sample]:
    db.session.rollback()
    return list(db.session.scalars(select(Sample)))


def test_verifier_samples_decisions(
    confirmed: World, client: Browser, read: Read, recorded_acts: Callable[[], list[str]]
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    decisions = read(carol, attempt)["decision"][:3]
    answer = carol.post(
        f"/attempts/{attempt}/sample", data={"decision": decisions, "comment": "Chosen for their methods."}
    )
    assert answer.status_code == 303
    [sample] = samples()
    assert (sample.verifier_id, sample.is_interim, sample.comment) == (
        confirmed.carol.id,
        False,
        "Chosen for their methods.",
    )
    assert len(sample.items) == 3
    assert recorded_acts()[-1] == "sample_drawn"


def test_sample_of_an_unconfirmed_unit_is_interim(world: World, client: Browser, read: Read) -> None:
    workflow.meet_everything(world, world.cfacc15)
    carol = client(world.carol)
    decisions = read(carol, world.cfacc15.id)["decision"][:1]
    assert carol.post(f"/attempts/{world.cfacc15.id}/sample", data={"decision": decisions}).status_code == 303
    assert samples()[0].is_interim


def test_disagreement_needs_a_comment_and_keeps_what_was_typed(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    [decision] = read(carol, attempt)["decision"][:1]
    data = {"decision": decision, f"agree-{decision}": "no", "comment": "I listened to the call."}
    refused = carol.post(f"/attempts/{attempt}/sample", data=data)
    assert refused.status_code == 422
    assert "Enter the reason for each decision that you disagree with" in refused.text
    assert "I listened to the call." in refused.text
    assert samples() == []
    carol.post(f"/attempts/{attempt}/sample", data={**data, f"comment-{decision}": "The page does not show it."})
    [item] = db.session.scalars(select(SampleItem))
    assert (item.agrees, item.comment) == (False, "The page does not show it.")


def test_sample_needs_a_decision(confirmed: World, client: Browser) -> None:
    answer = client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/sample", data={"comment": "All fine."})
    assert answer.status_code == 422
    assert "at least one decision" in answer.text


def test_decision_of_another_unit_cannot_be_sampled(confirmed: World, client: Browser) -> None:
    foreign = factories.criterion(confirmed.inscc004, "3").id
    answer = client(confirmed.carol).post(
        f"/attempts/{confirmed.cfacc15.id}/sample", data={"decision": f"1-{foreign}"}
    )
    assert answer.status_code == 404
    assert samples() == []


def test_sample_form_sent_twice_is_one_sample(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    page = read(carol, attempt)
    data = {"decision": page["decision"][:1], "idempotency_key": page["idempotency_key"][0]}
    for _ in range(2):
        assert carol.post(f"/attempts/{attempt}/sample", data=data).status_code == 303
    assert len(samples()) == 1


def test_id_too_large_for_the_database_names_no_decision(confirmed: World, client: Browser) -> None:
    data = {"decision": [f"{'9' * 5000}-1"]}
    assert client(confirmed.carol).post(f"/attempts/{confirmed.cfacc15.id}/sample", data=data).status_code == 404
    assert not samples()
