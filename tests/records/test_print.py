"""The printed observation record: which version is printed, for whom, and what it says."""

from datetime import timedelta
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import agree, begin, decide, finish, object_to, observe, withdraw
from tests.records.test_pages import Browser
from tests.records.test_readers import sign, write_again
from tracker import clock
from tracker.accounts.services.names import change_name
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person, Unit, VersionMove
from tracker.portfolio.record_content import Question
from tracker.recording_forms.observation_content import ObservationRecord
from tracker.records.printing import build_blank_record, build_record
from tracker.records.queries.named_criteria import list_named_units
from tracker.records.queries.reading import find_shown_version
from tracker.records.services.drafts import save_observation
from tracker.vocabulary import Outcome, RecordKind, RecordStanding, Role
from tracker.web.authorise import RolesInRecord


def read_pdf(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path, buffered=True)
    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages).split())


def name_criteria(record: Evidence, number: int = 0) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return unit, mark and places of each criterion that a version names."""
    units = list_named_units(record.versions[number])
    return [(unit.unit.code, each.marked.mark, each.places) for unit in units for each in unit.criteria]


def build(record: Evidence, person: Person) -> ObservationRecord:
    reader = RolesInRecord(())
    printed = build_record(record, find_shown_version(record, reader, person.id, None))
    assert isinstance(printed, ObservationRecord)
    return printed


def test_a_record_is_printed_with_its_answers(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    bob, path = client(world.bob), f"/records/{record.id}/record.pdf"
    assert f'href="{path}"' in bob.get(f"/records/{record.id}").text
    words = read_pdf(bob, path)
    for expected in ("Alice Moran", "Bob Archer, declared electronically", "Leeds, floor 2", "Not yet answered."):
        assert expected in words
    agree(record)
    words = read_pdf(client(world.alice), path)
    assert "Alice Moran, answered electronically" in words
    assert "Not yet answered" not in words


def test_a_record_is_printed_for_its_readers_only(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    draft = begin(world.cfacc15, world.bob)
    for person in (world.dan, world.frank, world.grace):
        assert client(person).get(f"/records/{record.id}/record.pdf").status_code == 404
    assert client(world.bob).get(f"/records/{draft.id}/record.pdf").status_code == 404


def test_the_version_in_the_address_is_printed(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    write_again(record, "She said why. [10:11 g]")
    alice, path = client(world.alice), f"/records/{record.id}/record.pdf"
    first = read_pdf(alice, f"{path}?version=1")
    assert "She hung up." in first
    assert "Version 2 has replaced it." in first
    assert "She said why." in read_pdf(alice, path)
    assert alice.get(f"{path}?version=3").status_code == 404
    assert alice.get(f"{path}?version=one").status_code == 404


def test_a_reader_of_a_signed_unit_prints_the_version_that_it_was_signed_on(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    agree(record)
    sign(world)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        write_again(record, "She said why. [10:12 INSCC004 1]")
    with transaction():
        factories.end_allocation(world.inscc004, Role.INTERNAL_VERIFIER)
    words = read_pdf(client(world.carol), f"/records/{record.id}/record.pdf")
    assert "She hung up." in words
    assert "has replaced it" not in words


def test_a_version_that_can_no_longer_be_answered_is_printed_as_not_answered(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    write_again(record, "She said why. [10:11 g]")
    words = read_pdf(client(world.alice), f"/records/{record.id}/record.pdf?version=1")
    assert "Not answered by the candidate. This version does not count. Version 2 has replaced it." in words
    assert "Not yet answered" not in words


def test_each_act_is_printed_under_the_name_of_its_time(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    object_to(record)
    withdraw(record)
    with clock.frozen_at(clock.now() + timedelta(days=1)), transaction():
        for person, name in ((world.bob, "Robert Archer"), (world.alice, "Alice Novak")):
            change_name(person, world.northgate, name, factories.make_actor(world.dan))
    printed = build(record, world.bob)
    acts = (printed.declaration, printed.answer, printed.withdrawal)
    assert [each.name for each in acts if each] == ["Bob Archer", "Alice Moran", "Bob Archer"]
    assert (printed.assessor_name, printed.candidate_name) == ("Bob Archer", "Alice Novak")


def test_an_objection_and_its_decision_are_printed(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    printed = build(record, world.bob)
    assert (printed.standing, printed.decision) == (RecordStanding.OBJECTED, None)
    assert printed.answer.reason == ("I was at lunch then.",)
    decide(record, world.carol, is_upheld=True)
    printed = build(record, world.bob)
    assert (printed.standing, printed.decision.name) == (RecordStanding.UPHELD, "Carol Hughes")


def test_criteria_are_named_by_stamps_and_beside_questions(world: World) -> None:
    record = begin(world.cfacc15, world.bob, "She took the call. [10:09 5] [10:12 INSCC004 1]")
    with transaction():
        asked = (Question("Why £50?", "It is my limit.", "g", Outcome.MET), Question("And?", "", "5", None))
        save_observation(record, {"questions": asked}, None)
    finish(record)
    assert name_criteria(record) == [
        ("CFACC15", "5", ("10:09", "question 2")),
        ("CFACC15", "g", ("question 1",)),
        ("INSCC004", "INSCC004 1", ("10:12",)),
    ]
    printed = build(record, world.bob)
    assert [each.mark for unit in printed.units for each in unit.criteria] == ["5", "g", "INSCC004 1"]
    assert [(each.mark, each.outcome) for each in printed.questions] == [("g", "Met"), ("5", "")]


def test_an_earlier_version_names_what_it_named_whatever_is_claimed_now(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    write_again(record, "She said why. [10:11 g]")
    db.session.expire_all()
    assert name_criteria(record, 0) == [("CFACC15", "5", ("10:09",))]
    assert name_criteria(record, 1) == [("CFACC15", "g", ("10:11",))]


def test_a_version_names_criteria_of_the_unit_that_its_attempt_was_on(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    before = world.cfacc15.unit_id
    other = select(Unit.id).where(Unit.id.not_in([before, world.inscc004.unit_id])).order_by(Unit.id)
    after = db.session.scalars(other.limit(1)).one()
    with clock.frozen_at(clock.now() + timedelta(days=1)), transaction():
        factories.add_and_flush(
            VersionMove(
                attempt_id=world.cfacc15.id,
                from_unit_id=before,
                to_unit_id=after,
                reason="A new version.",
                not_carried_over=[],
                moved_at=clock.now(),
                moved_by_id=world.dan.id,
            )
        )
        world.cfacc15.unit_id = after
        factories.leave_unsealed()
    db.session.expire_all()
    assert name_criteria(record) == [("CFACC15", "5", ("10:09",))]


def test_an_assessor_prints_a_blank_record_where_they_begin(world: World, client: Browser) -> None:
    bob, path = client(world.bob), f"/attempts/{world.cfacc15.id}/records/observation.pdf"
    assert f'href="{path}"' in bob.get(f"/attempts/{world.cfacc15.id}").text
    words = read_pdf(bob, path)
    for expected in ("Alice Moran", "Bob Archer", "CFACC15", "Candidate’s signature", "Assessor’s signature"):
        assert expected in words
    blank = build_blank_record(world.cfacc15, world.bob, RecordKind.OBSERVATION)
    assert len(blank.units[0].criteria) == 24
    assert blank.is_blank


@pytest.mark.parametrize("name", ["alice", "carol", "dan"])
def test_only_assessors_print_a_blank_record(world: World, client: Browser, name: str) -> None:
    answer = client(getattr(world, name)).get(f"/attempts/{world.cfacc15.id}/records/observation.pdf")
    assert answer.status_code == 404
