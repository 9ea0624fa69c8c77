"""Records of assessment in people's own data, and their erasure."""

from datetime import timedelta

from flask import Flask

from tests import factories
from tests.factories import World
from tests.privacy.database_dump import dump_database
from tests.records.observations import begin, decide, finish, object_to, observe, withdraw
from tests.records.question_sets import answer, set_for, submit_saved, take_back_set
from tests.records.test_files import attach
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Registration
from tracker.privacy.erasure import erase_portfolio
from tracker.privacy.export_portfolio import read_portfolio
from tracker.privacy.export_staff_work import read_work
from tracker.registrations.services import withdraw_candidate

WORDS = (
    "MOUNTAIN",
    "RIVER",
    "VALLEY",
    "FOREST",
    "MEADOW",
    "GLACIER",
    "ISLAND",
    "HARBOUR",
    "CANYON",
    "DESERT",
    "LAGOON",
)


def write_record(world: World) -> None:
    """Write a record with a word of its own in each text, to which Alice objects, which Carol dismisses."""
    record = begin(world.cfacc15, world.bob, "MOUNTAIN of Alice Moran [10:09 5]", place="RIVER", feedback="VALLEY")
    finish(record)
    object_to(record, "FOREST")
    decide(record, world.carol, is_upheld=False, reason="MEADOW")


def withdraw_record(world: World) -> None:
    """Write a record that Bob withdraws with a word of its own."""
    withdraw(observe(world.cfacc15, world.bob), "GLACIER, Alice Moran has left.")


def set_and_answer(world: World) -> None:
    """Set Alice questions with a word of its own in each text; one set is submitted, the other taken back."""
    asked = set_for(world.cfacc15, world.bob, "HARBOUR, Alice Moran", typed=(("ISLAND?", "h"),), from_bank=False)
    answer(asked, "CANYON", help_used="DESERT")
    submit_saved(asked)
    ended = set_for(world.cfacc15, world.bob, typed=(("ISLAND again?", "g"),), from_bank=False)
    answer(ended, "CANYON again")
    take_back_set(ended, world.bob, "LAGOON")


def test_set_questions_are_in_the_data_of_both_without_each_others_names(world: World) -> None:
    set_and_answer(world)
    portfolio, work = read_portfolio(world.alice, {}), read_work(world.bob)
    for word in ("ISLAND?", "HARBOUR", "CANYON", "CANYON again", "DESERT", "LAGOON"):
        assert word in str(portfolio), word
    assert [each["note"] for each in work["questions_set"]] == ["HARBOUR, the candidate", ""]
    assert work["questions_taken_back"][0]["taken_back_reason"] == "LAGOON"
    assert "CANYON" not in str(work)


def test_the_candidate_and_the_author_get_the_reason_of_a_withdrawal(world: World) -> None:
    withdraw_record(world)
    version = read_portfolio(world.alice, {})["evidence"][0]["versions"][0]
    assert version["withdrawn_because"] == "GLACIER, Alice Moran has left."
    assert version["withdrawn_at"]
    withdrawal = read_work(world.bob)["records"][0]["versions"][0]["withdrawal"]
    assert withdrawal["reason"] == "GLACIER, the candidate has left."


def test_the_candidate_gets_the_record_with_its_answers_and_without_names(world: World) -> None:
    write_record(world)
    begin(world.cfacc15, world.bob, "A draft about Alice.")
    evidence = read_portfolio(world.alice, {})["evidence"]
    assert len(evidence) == 1
    version = evidence[0]["versions"][0]
    assert version["written_by"] == "your assessor"
    assert version["content"]["place"] == "RIVER"
    assert [(each["by"], each["answer"], each["reason"]) for each in version["answers"]] == [
        ("you", "Objected", "FOREST"),
        ("your internal verifier", "Objection dismissed", "MEADOW"),
    ]
    assert "narrative" not in evidence[0]


def test_the_author_gets_what_they_wrote_without_the_candidate(world: World) -> None:
    write_record(world)
    begin(world.cfacc15, world.bob, "A draft about Alice Moran.")
    records = read_work(world.bob)["records"]
    assert [len(each["versions"]) for each in records] == [1, 0]
    assert records[1]["draft"]["narrative"] == "A draft about the candidate."
    assert records[0]["versions"][0]["narrative"] == "MOUNTAIN of the candidate [10:09 5]"


def test_the_author_gets_the_names_of_the_files_of_their_draft_and_the_candidate_does_not(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    photo = attach(record, "Alice Moran at work.jpg")
    files = read_work(world.bob)["records"][0]["draft"]["files"]
    assert [(each["name"], each["size"]) for each in files] == [("the candidate at work.jpg", photo.size)]
    assert "at work.jpg" not in str(read_portfolio(world.alice, {}))


def test_the_verifier_gets_their_decision_on_the_objection(world: World) -> None:
    write_record(world)
    assert [(each["answer"], each["reason"]) for each in read_work(world.carol)["acknowledgements"]] == [
        ("Objection dismissed", "MEADOW")
    ]
    observe(world.cfacc15, world.bob)
    assert read_work(world.alice)["acknowledgements"] == []


def test_erasure_leaves_no_word_of_a_record_and_of_a_draft(world: World, app: Flask) -> None:
    write_record(world)
    withdraw_record(world)
    set_and_answer(world)
    begin(world.cfacc15, world.bob, "A draft, MOUNTAIN.", place="RIVER")
    with transaction():
        withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
    with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
        registration = db.session.get_one(Registration, world.registration.id)
        erase_portfolio(registration, is_full=True, actor=factories.make_actor(world.dan))
    dump = dump_database()
    assert [word for word in WORDS if word in dump] == []
