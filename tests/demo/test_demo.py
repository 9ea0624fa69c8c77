"""The demonstration: filled once, marked for good, never mixed with real people."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from tests.factories import World
from tracker.demo import guard
from tracker.extensions import db
from tracker.matrix import load_matrix
from tracker.models import Event, Evidence, Installation, IssuedForm, Person, UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import AttemptState, CriterionState

pytestmark = pytest.mark.one_database


@pytest.fixture
def demo(app: Flask, tmp_path: Path) -> Iterator[Flask]:
    """The app in demo mode, over a database without people."""
    paths = {f"{name.upper()}_PATH": tmp_path / name for name in ("attachments", "outbox", "keys", "checkpoints")}
    app.config.update(DEMO=True, **paths)
    app.extensions.pop("demo_checked", None)
    yield app
    app.extensions.pop("demo_checked", None)


@pytest.fixture
def filled_demo(demonstration: Flask) -> Iterator[Flask]:
    """The app in demo mode, over the demonstration."""
    demonstration.config["DEMO"] = True
    demonstration.extensions.pop("demo_checked", None)
    yield demonstration
    demonstration.extensions.pop("demo_checked", None)


def attempt_of(name: str) -> UnitAttempt:
    query = select(UnitAttempt).join(Person, Person.id == UnitAttempt.candidate_id).where(Person.name == name)
    return next(each for each in db.session.scalars(query) if each.unit.code == "CFACC15")


def test_the_demonstration_has_a_candidate_at_every_stage(filled_demo: Flask) -> None:
    names = set(db.session.scalars(select(Person.name)))
    assert {"Alice Moran", "Bob Archer", "Carol Hughes", "Dan Price", "Eve Lindqvist"} <= names
    alice = load_matrix(attempt_of("Alice Moran"))
    assert 0 < alice.met < alice.total
    assert alice.count(CriterionState.NEEDS_MORE)
    assert alice.count(CriterionState.NOTHING_YET)
    assert load_matrix(attempt_of("Ben Okafor")).claimed == 0
    chloe = attempt_of("Chloe Hart")
    assert chloe.state is AttemptState.VERIFIED
    content = build_form_content(chloe)
    assert content.internal_verifier
    assert content.internal_verifier.name == "Carol Hughes"
    assert content.date_sampled


def test_every_submission_of_the_demonstration_is_in_the_ledger(filled_demo: Flask) -> None:
    acts = ("evidence_submitted", "record_finished")
    count = db.session.scalar(select(func.count()).where(Event.act.in_(acts)))
    numbered = db.session.scalar(select(func.count()).where(Evidence.number.is_not(None)))
    assert count == numbered
    assert list(db.session.scalars(select(Event.seq).order_by(Event.seq))) == list(
        range(1, (db.session.scalar(select(func.max(Event.seq))) or 0) + 1)
    )


def test_the_command_needs_demo_mode(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 1
    assert "DEMO=1" in result.output
    assert db.session.scalar(select(Person.id)) is None


@pytest.mark.slow
def test_the_commands_of_the_script_succeed_in_their_order(demo: Flask) -> None:
    """The demonstration's events are of the past, so nothing may be written into the ledger before them."""
    script = (Path(__file__).parents[2] / "scripts" / "run").read_text()
    commands = re.findall(r'^(?!if ).*"\$VENV/bin/flask" ((?:standards|keys|demo) .*)$', script, re.MULTILINE)
    assert sorted(commands) == ["demo --if-empty", "keys make", "standards load"]
    for command in commands:
        result = demo.test_cli_runner().invoke(args=command.split())
        assert result.exit_code == 0, (command, result.output, result.exception)


def test_a_database_of_an_older_version_is_refused_before_the_upgrade(demo: Flask) -> None:
    assert demo.test_cli_runner().invoke(args=["demo", "--check-version"]).exit_code == 0
    with db.engine.begin() as connection:
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
    result = demo.test_cli_runner().invoke(args=["demo", "--check-version"])
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :current"), {"current": current})
    assert result.exit_code == 1
    assert "made by an older version" in result.output


def test_the_command_refuses_a_database_with_people(demo: Flask, world: World) -> None:
    result = demo.test_cli_runner().invoke(args=["demo", "--if-empty"])
    assert result.exit_code == 1
    assert "people in this database already" in result.output
    assert db.session.scalar(select(Installation.id)) is None


def test_the_key_is_made_before_the_first_event_of_the_demonstration(demo: Flask) -> None:
    result = demo.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 0, result.output
    assert db.session.scalars(select(Event.act).order_by(Event.seq).limit(1)).one() == "key_made"
    assert db.session.scalars(select(IssuedForm)).one()


def test_the_command_refuses_a_ledger_with_later_events(app_with_signing_key: Flask) -> None:
    app_with_signing_key.config["DEMO"] = True
    result = app_with_signing_key.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 1
    assert "entries already" in result.output
    assert db.session.scalar(select(Installation.id)) is None


def test_a_marked_database_is_not_served_in_production(filled_demo: Flask) -> None:
    filled_demo.config["DEMO"] = False
    filled_demo.extensions.pop("demo_checked", None)
    answer = filled_demo.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "without DEMO=1" in answer.text


def test_real_people_are_not_served_in_demo_mode(demo: Flask, world: World) -> None:
    answer = demo.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "real people" in answer.text
    assert guard.find_mismatch() == guard.REAL_DATABASE_IN_DEMO


def test_the_demonstration_answers_its_own_machine_only(filled_demo: Flask) -> None:
    answer = filled_demo.test_client().get("/sign-in", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 403
    assert filled_demo.test_client().get("/sign-in").status_code == 200


def test_one_click_signs_in_as_any_of_the_people(filled_demo: Flask) -> None:
    page = filled_demo.test_client().get("/sign-in").text
    for name in ("Alice Moran", "Bob Archer", "Carol Hughes", "Dan Price", "Eve Lindqvist"):
        assert name in page
