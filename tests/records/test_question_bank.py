"""Question banks: written, changed by a new version and retired by a centre's assessors and administrators."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests import factories
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tests.records.hidden_fields import read_fields
from tests.records.questions import GUIDANCE, QUESTION, change, write
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.question_banks import find_changed_questions
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.ledger.sealing import UnpermittedWrite
from tracker.ledger.transactions import rollback, transaction
from tracker.models import BankQuestion, Person
from tracker.records.services import question_bank as bank
from tracker.records.services.question_bank import retire_question
from tracker.records.services.shared_questions import load_shared_questions, retire_shared_question

Browser = Callable[..., Any]
SHARED = """
unit: CFACC15
questions:
  - question: How do you keep adviser schedules fair?
    criteria: [g, h]
    guidance: Names the rules of the organisation.
"""


def list_faults() -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    faults = [*find_changed_questions(ledger), *find_changed_rows(ledger)]
    return [each for each in faults if each.startswith("bank question")]


def list_current(centre_id: int | None) -> list[str]:
    query = select(BankQuestion.text).where(BankQuestion.centre_id == centre_id, BankQuestion.ended_at.is_(None))
    return list(db.session.scalars(query.order_by(BankQuestion.id)))


def test_an_assessor_adds_changes_and_retires_a_question(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    first = write(world.cfacc15, world.bob)
    assert (first.number, first.marks, first.replaces_id) == (1, ["g"], None)
    second = change(first, world.dan, "When do you refer a refund to your manager?", ("5", "g"))
    assert (second.number, second.marks, second.replaces_id) == (2, ["5", "g"], first.id)
    assert first.text == QUESTION
    assert first.ended_at is not None
    with transaction():
        retire_question(second, factories.make_actor(world.bob))
    assert list_current(world.northgate.id) == []
    assert recorded_acts() == ["bank_question_written", "bank_question_changed", "bank_question_retired"]
    assert list_faults() == []


def test_a_version_that_was_replaced_or_retired_is_not_changed_again(world: World) -> None:
    first = write(world.cfacc15, world.bob)
    second = change(first, world.bob, "What is your limit?")
    with pytest.raises(Conflict, match="changed or retired since"):
        change(first, world.dan, "What may you refund?")
    with transaction():
        retire_question(second, factories.make_actor(world.bob))
    with pytest.raises(Conflict, match="changed or retired since"), transaction():
        retire_question(second, factories.make_actor(world.dan))
    assert list_current(world.northgate.id) == []


@pytest.mark.parametrize(
    ("text", "marks", "guidance", "field"),
    [
        (" ", ("g",), "", "text"),
        ("x" * 2_001, ("g",), "", "text"),
        (QUESTION, (), "", "marks"),
        (QUESTION, ("99",), "", "marks"),
        (QUESTION, ("g",), "x" * 5_001, "guidance"),
    ],
)
def test_a_question_needs_words_and_a_criterion_of_its_unit(
    world: World, text: str, marks: tuple[str, ...], guidance: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        write(world.cfacc15, world.bob, text, marks, guidance=guidance)
    assert refusal.value.field == field


def test_a_bank_has_a_question_once_for_a_unit(world: World) -> None:
    write(world.cfacc15, world.bob)
    with pytest.raises(Invalid, match="already"):
        write(world.cfacc15, world.dan)
    write(world.cfacc15, world.heidi, centre=world.southbank)
    assert list_current(world.northgate.id) == list_current(world.southbank.id) == [QUESTION]


def test_a_change_changes_something(world: World) -> None:
    first = write(world.cfacc15, world.bob)
    with pytest.raises(Invalid, match="Nothing is changed yet"):
        change(first, world.bob, QUESTION)


def test_a_bank_is_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "MAX_IN_BANK", 1)
    write(world.cfacc15, world.bob)
    with pytest.raises(Refused, match="maximum"):
        write(world.cfacc15, world.bob, "Another?")


def test_the_operator_keeps_the_shared_bank_by_command(world: World, app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "shared.yaml"
    file.write_text(SHARED)
    run = app.test_cli_runner().invoke
    assert run(args=["questions", "load", str(file)]).output == "1 added, 0 known already.\n"
    assert run(args=["questions", "load", str(file)]).output == "0 added, 1 known already.\n"
    assert list_current(None) == ["How do you keep adviser schedules fair?"]
    number = str(db.session.scalars(select(BankQuestion.id)).one())
    db.session.rollback()
    assert run(args=["questions", "retire", number]).output == "Retired.\n"
    refused = run(args=["questions", "retire", number])
    assert refused.exit_code == 1
    assert "changed or retired" in refused.output
    assert list_current(None) == []
    assert list_faults() == []


@pytest.mark.parametrize(
    "text", ["unit: [", "unit: CFACC15", SHARED.replace("CFACC15", "NONE"), SHARED.replace("[g, h]", "[99]")]
)
def test_a_file_with_a_fault_adds_nothing(world: World, text: str) -> None:
    with pytest.raises(Invalid), transaction():
        load_shared_questions(text)
    rollback()
    assert list_current(None) == []


def test_the_operator_does_not_retire_a_centres_question(world: World) -> None:
    own = write(world.cfacc15, world.bob)
    with pytest.raises(Invalid, match="no shared question"), transaction():
        retire_shared_question(own.id)


def test_an_assessor_adds_a_question_on_the_page(world: World, client: Browser) -> None:
    bob, address = client(world.bob), f"/centres/{world.northgate.id}/questions/new"
    assert "Unit code" in bob.get(address).text
    assert "no unit with the code “XX”" in bob.get(f"{address}?unit=XX").text
    address = f"{address}?unit=cfacc15"
    fields = read_fields(bob.get(address).text)
    refused = bob.post(address, data={**fields, "text": "When?", "guidance": "Soon."})
    assert refused.status_code == 422
    assert "Choose at least one criterion" in refused.text
    assert "Soon." in refused.text
    listed = bob.post(
        address, data={**read_fields(refused.text), "text": "When?", "marks": ["5", "g"]}, follow_redirects=True
    )
    assert "The question is in the bank." in listed.text
    assert "5, g" in listed.text


def test_what_was_typed_stays_where_another_changed_the_question(world: World, client: Browser) -> None:
    question = write(world.cfacc15, world.bob)
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/questions/{question.id}/edit"
    fields = read_fields(dan.get(address).text)
    newer = change(db.session.get_one(BankQuestion, question.id), world.bob, "What is your limit?")
    refused = dan.post(address, data={**fields, "text": "How much may you refund?", "marks": ["g"]})
    assert refused.status_code == 422
    assert "How much may you refund?" in refused.text
    assert "changed or retired since you opened" in refused.text
    shown = dan.get(f"/centres/{world.northgate.id}/questions/{question.id}").text
    assert "This is an earlier version." in shown
    assert f"/questions/{newer.id}" in shown


def test_a_shared_question_is_read_by_every_centre_and_changed_by_none(world: World, client: Browser) -> None:
    with transaction():
        load_shared_questions(SHARED)
    shared = db.session.scalars(select(BankQuestion.id)).one()
    for person, centre in ((world.bob, world.northgate), (world.heidi, world.southbank)):
        browser, address = client(person), f"/centres/{centre.id}/questions/{shared}"
        page = browser.get(address).text
        assert "Names the rules of the organisation." in page
        assert "Change this question" not in page
        assert browser.get(f"{address}/edit").status_code == 403
        assert browser.post(f"{address}/retire").status_code == 403


def test_a_question_of_another_centre_is_not_found(world: World, client: Browser) -> None:
    question = write(world.cfacc15, world.heidi, centre=world.southbank)
    bob = client(world.bob)
    assert bob.get(f"/centres/{world.northgate.id}/questions/{question.id}").status_code == 404
    assert bob.get(f"/centres/{world.southbank.id}/questions/{question.id}").status_code == 404
    assert QUESTION not in bob.get(f"/centres/{world.northgate.id}/questions").text


def test_a_candidate_never_reads_the_bank(world: World, client: Browser) -> None:
    question = write(world.cfacc15, world.bob)
    alice = client(world.alice)
    for path in ("/questions", f"/centres/{world.northgate.id}/questions/{question.id}"):
        answer = alice.get(path)
        assert answer.status_code == 404
        assert GUIDANCE not in answer.text


def test_the_list_is_narrowed_by_unit_bank_words_and_state(world: World, client: Browser) -> None:
    with transaction():
        load_shared_questions(SHARED)
    retired = write(world.cfacc15, world.bob, "What is out of date?")
    with transaction():
        retire_question(retired, factories.make_actor(world.bob))
    write(world.cfacc15, world.bob)
    bob, address = client(world.bob), f"/centres/{world.northgate.id}/questions"
    everything = bob.get(address).text
    assert QUESTION in everything
    assert "adviser schedules" in everything
    assert "out of date" not in everything
    assert "adviser schedules" not in bob.get(f"{address}?bank=own").text
    assert QUESTION not in bob.get(f"{address}?bank=shared").text
    assert QUESTION in bob.get(f"{address}?unit=cfacc15&q=limit").text
    assert "adviser schedules" not in bob.get(f"{address}?q=limit").text
    assert "out of date" in bob.get(f"{address}?state=retired").text
    assert bob.get("/questions").location.endswith(address)


def test_pages_of_the_bank_stay_within_their_statements(
    world: World, client: Browser, count_statements: Callable[[], Any]
) -> None:
    for number in range(30):
        question = write(world.cfacc15, world.bob, f"Question {number}?")
    bob, address = client(world.bob), f"/centres/{world.northgate.id}/questions"
    for path in (address, f"{address}/{question.id}", f"{address}/new?unit=cfacc15", f"{address}/{question.id}/edit"):
        bob.get(path)
        with count_statements() as statements:
            assert bob.get(path).status_code == 200
        assert len(statements) <= 12, path


def reword_while_retiring(question: BankQuestion, person: Person) -> None:
    with transaction():
        retire_question(question, factories.make_actor(person))
        question.text = "Another?"


class TestIntegrity:
    @pytest.mark.parametrize(
        ("column", "value"), [("text", "Another?"), ("marks", ["h"]), ("guidance", "None."), ("centre_id", None)]
    )
    def test_changed_words_are_found(self, world: World, column: str, value: object) -> None:
        write(world.cfacc15, world.bob)
        with tampering_transaction():
            db.session.execute(update(BankQuestion.__table__).values({column: value}))
            assert any("was changed" in each for each in list_faults())

    def test_an_end_without_an_event_is_found(self, world: World) -> None:
        question = write(world.cfacc15, world.bob)
        with tampering_transaction():
            db.session.execute(update(BankQuestion.__table__).values(ended_at=question.written_at))
            assert any("did not end as its events say" in each for each in list_faults())

    def test_another_writer_is_found(self, world: World) -> None:
        write(world.cfacc15, world.bob)
        with tampering_transaction():
            db.session.execute(update(BankQuestion.__table__).values(written_by_id=world.carol.id))
            assert any("names another writer" in each for each in list_faults())

    def test_a_service_may_not_change_the_words(self, world: World) -> None:
        question = write(world.cfacc15, world.bob)
        with pytest.raises(UnpermittedWrite):
            reword_while_retiring(question, world.bob)
