"""Commands for the operator. None of them needs a SECRET_KEY."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.accounts.conftest import MailServer, find_link
from tests.factories import World
from tracker.accounts.services.people import find_person
from tracker.accounts.sessions import COOKIE_NAME
from tracker.background import outbox
from tracker.extensions import db
from tracker.models import Centre
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]
Run = Callable[..., Result]
NEW = "seven quiet otters"


@pytest.fixture
def run(app: Flask) -> Run:
    """`run("people", "reset-password", email)`, as an operator without a SECRET_KEY does."""
    app.config["SECRET_KEY"] = None

    def invoked(*arguments: str) -> Result:
        db.session.commit()
        return app.test_cli_runner().invoke(args=list(arguments))

    return invoked


def test_create_centre_prints_an_invitation_link_that_works(
    world: World, app: Flask, run: Run, recorded_acts: Callable[[], list[str]]
) -> None:
    result = run(
        "centres",
        "create",
        "Eastgate",
        "--number",
        "EG-300",
        "--admin",
        "Ada@Example.org",
        "--admin-name",
        "Ada Byrne",
    )
    assert result.exit_code == 0, result.output
    assert "Created Eastgate (EG-300)." in result.output
    assert "It works once, within 14 days" in result.output
    assert recorded_acts() == ["centre_created", "person_invited", "grant_given", "link_issued"]
    app.config["SECRET_KEY"] = "test"
    ada = app.test_client()
    ada.post(find_link(result.output), data={"name": "Ada Byrne", "password": NEW})
    assert "Set up two-step verification" in ada.get("/people", follow_redirects=True).text


def test_centre_number_can_be_used_once(world: World, run: Run) -> None:
    result = run(
        *("centres", "create", "Another", "--number", "NG-100"),
        *("--admin", "ada@example.org", "--admin-name", "Ada Byrne"),
    )
    assert result.exit_code == 1
    assert "There is already a centre with the number NG-100. Nothing was created." in result.output
    assert find_person("ada@example.org") is None


@pytest.mark.parametrize(
    ("name", "number", "email"),
    [("Eastgate", "EG-300", "ada"), ("E" * 201, "EG-300", "ada@example.org"), ("Eastgate", "", "ada@example.org")],
)
def test_invalid_arguments_create_no_centre(world: World, run: Run, name: str, number: str, email: str) -> None:
    result = run(*("centres", "create", name, "--number", number), *("--admin", email, "--admin-name", "Ada Byrne"))
    assert result.exit_code == 1
    assert "Nothing was created." in result.output
    assert len(db.session.scalars(select(Centre)).all()) == 2


def test_first_administrator_needs_a_name(world: World, run: Run) -> None:
    result = run("centres", "create", "Eastgate", "--number", "EG-300", "--admin", "ada@example.org")
    assert result.exit_code == 1
    assert "Give the administrator’s name with --admin-name. Nothing was created." in result.output
    assert find_person("ada@example.org") is None


def test_administrator_with_an_account_gets_no_link(world: World, run: Run) -> None:
    result = run("centres", "create", "Eastgate", "--number", "EG-300", "--admin", world.dan.email)
    assert "already has an account and is now its administrator" in result.output
    assert "/links/" not in result.output
    db.session.refresh(world.dan)
    assert {grant.role for grant in world.dan.grants} == {Role.ADMINISTRATOR}
    assert len(world.dan.grants) == 2


def test_reset_password_prints_a_one_time_link_and_emails_the_person(
    world: World,
    app: Flask,
    run: Run,
    client: ClientFor,
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    phone = client(world.alice)
    result = run("people", "reset-password", world.alice.email.upper())
    assert result.exit_code == 0, result.output
    assert "alice.moran@example.org only. It works once, within an hour" in result.output
    app.config["SECRET_KEY"] = "test"
    assert phone.get("/account").status_code == 200, "an unused link changes nothing"
    assert app.test_client().post(find_link(result.output), data={"password": NEW}).status_code == 303
    assert phone.get("/account").status_code == 302
    assert app.test_client().get(find_link(result.output)).status_code == 409
    assert recorded_acts() == ["link_issued", "password_reset"]
    notice, confirmation = emails_to(world.alice)
    assert "/links/" not in notice
    assert confirmation.startswith("Your password was changed")


def test_reset_password_for_an_unknown_address_fails(world: World, run: Run) -> None:
    result = run("people", "reset-password", "nobody@example.org")
    assert result.exit_code == 1
    assert "nobody@example.org has no open account here. Nothing was changed." in result.output


def test_deactivate_ends_sessions_at_once(
    world: World, app: Flask, run: Run, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    alice = client(world.alice)
    cookie = alice.get_cookie(COOKIE_NAME)
    assert cookie
    result = run("people", "deactivate", world.alice.email)
    assert result.exit_code == 0, result.output
    app.config["SECRET_KEY"] = "test"
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, cookie.value)
    assert [alice.get("/account").status_code, thief.get("/account").status_code] == [302, 302]
    assert recorded_acts() == ["person_deactivated"]
    repeated = run("people", "deactivate", world.alice.email)
    assert repeated.exit_code == 1
    assert "is already closed" in repeated.output
    assert "has no account here" in run("people", "deactivate", "nobody@example.org").output


def test_email_send_sends_what_failed_before(world: World, run: Run, mail_server: MailServer) -> None:
    mail_server.is_down = True
    run("people", "reset-password", world.alice.email)
    outbox.executor.submit(int).result()
    assert run("email", "send").output == "0 sent, 1 not sent.\n"
    mail_server.is_down = False
    assert run("email", "send").output == "1 sent, 0 not sent.\n"
    assert run("email", "send").output == "0 sent, 0 not sent.\n"
    assert [each["To"] for each in mail_server.messages] == [world.alice.email]


def test_email_send_fails_without_a_mail_server(app: Flask, run: Run, demo: None) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], mail_host="mail.example.org")
    result = run("email", "send")
    assert result.exit_code == 1
    assert "This installation sends no emails" in result.output, "the demonstration's people are invented"


def test_commands_have_help_texts(run: Run) -> None:
    for command in (
        ["centres", "create"],
        ["people", "reset-password"],
        ["people", "deactivate"],
        ["people", "reset-two-step-verification"],
        ["email", "send"],
    ):
        assert "Usage:" in run(*command, "--help").output


def test_no_email_is_written_where_none_can_be_delivered(world: World, app: Flask, run: Run, tmp_path: Path) -> None:
    app.config["OUTBOX_PATH"] = tmp_path / "outbox"
    run("people", "reset-password", world.alice.email)
    assert not (tmp_path / "outbox").exists()
