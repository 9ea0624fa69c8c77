"""Emails about records of assessment: each version has its own, also on the same day."""

from collections.abc import Callable
from typing import Any

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.records.observations import agree, decide, finish, object_to, observe, withdraw
from tests.records.test_readers import write_again
from tracker.ledger.transactions import transaction
from tracker.records.services.drafts import save_observation
from tracker.vocabulary import Role

Inbox = Callable[[Any], list[str]]


def list_subjects(emails: list[str]) -> list[str]:
    return [each.partition("\n")[0] for each in emails]


def test_the_second_version_of_a_day_and_its_answers_are_emailed_too(
    world: World,
    emails_to: Inbox,  # noqa: F811 - the fixture
) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    with transaction():
        save_observation(record, {"narrative": "She said why. [10:11 g]"}, None)
    finish(record)
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    written, decided = "Bob Archer has written an observation of you", "The objection to evidence 1 was decided"
    objects = "Alice Moran objects to evidence 1"
    assert list_subjects(emails_to(world.alice)) == [written, decided, written, decided]
    assert list_subjects(emails_to(world.carol)) == [objects, objects]
    assert list_subjects(emails_to(world.bob)) == [objects, decided, objects, decided]


def test_the_assessor_to_whom_the_unit_was_reallocated_is_emailed_the_answer(
    world: World,
    emails_to: Inbox,  # noqa: F811 - the fixture
) -> None:
    record = observe(world.cfacc15, world.bob)
    with transaction():
        jo = factories.make_person("Jo Reid", world.northgate, Role.ASSESSOR)
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
        factories.allocate(world.cfacc15, jo, Role.ASSESSOR, world.dan)
    agree(record)
    assert list_subjects(emails_to(jo)) == ["Alice Moran has agreed to evidence 1"]
    assert emails_to(world.bob) == []


def test_the_candidate_is_emailed_that_a_record_is_withdrawn(
    world: World,
    emails_to: Inbox,  # noqa: F811 - the fixture
) -> None:
    withdraw(observe(world.cfacc15, world.bob))
    email = emails_to(world.alice)[-1]
    assert list_subjects([email]) == ["Bob Archer has withdrawn an observation of you"]
    assert "is withdrawn. You need not answer it. Read the reason:" in " ".join(email.split())
    assert emails_to(world.carol) == []


def test_the_email_about_a_withdrawn_version_says_what_counts_and_asks_no_answer_that_was_given(
    world: World,
    emails_to: Inbox,  # noqa: F811 - the fixture
) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    object_to(record)
    withdraw(record)
    email = emails_to(world.alice)[-1]
    assert list_subjects([email]) == ["Bob Archer has withdrawn version 2 of an observation of you"]
    assert "Version 1 still counts." in email
    assert "need not answer" not in email
