"""The password before signatures and sensitive changes: checked once, counted for the session alone."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask, g
from wtforms import ValidationError

from tests import factories
from tests.factories import PASSWORD, World
from tracker import security_log
from tracker.accounts import password_confirmation
from tracker.accounts.password_confirmation import WRONG, find_password_error, requires_password
from tracker.accounts.services.attempt_limits import PASSWORD_CONFIRMATION

FEW = PASSWORD_CONFIRMATION.free_attempts


@pytest.fixture(autouse=True)
def bob(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the signed-in person be Bob."""
    person = SimpleNamespace(person_id=world.bob.id, session_id=3, password_hash=factories.PASSWORD_HASH)
    monkeypatch.setattr(password_confirmation, "me", lambda: person)


def test_the_right_password_has_no_error_and_any_other_has_one() -> None:
    assert find_password_error(PASSWORD) == ""
    assert find_password_error("wrong horse battery") == WRONG
    assert find_password_error("") == WRONG


def test_only_a_wrong_password_is_in_the_security_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(security_log, "write", lines.append)
    for password in (PASSWORD, "", "wrong horse battery"):
        find_password_error(password)
    assert lines == ["password_confirmation_failed"]


def test_guesses_are_limited_and_the_right_password_starts_the_count_again() -> None:
    for _ in range(FEW - 1):
        find_password_error("wrong horse battery")
    assert find_password_error(PASSWORD) == ""
    for _ in range(FEW):
        assert find_password_error("wrong horse battery") == WRONG
    refused = find_password_error(PASSWORD)
    assert refused not in {"", WRONG}
    assert refused.endswith(" {}")


def test_an_empty_password_is_no_guess() -> None:
    for _ in range(FEW + 1):
        assert find_password_error("") == WRONG
    assert find_password_error(PASSWORD) == ""


@pytest.mark.parametrize(("method", "error"), [("POST", WRONG), ("GET", None)])
def test_a_view_knows_the_error_of_a_form_that_was_sent(app: Flask, method: str, error: str | None) -> None:
    @requires_password
    def view(number: int) -> tuple[int, str | None]:
        return number, g.get("password_error")

    with app.app_context(), app.test_request_context("/", method=method, data={"password": "wrong"}):
        assert view(7) == (7, error)


@pytest.mark.parametrize("error", [WRONG, None])
def test_a_form_is_refused_unless_the_password_was_right(app: Flask, error: str | None) -> None:
    with app.app_context():
        if error is not None:
            g.password_error = error
        validate: Callable[..., None]
        for validate, outcome in (
            (password_confirmation.password_confirmed, "Nothing was signed."),
            (password_confirmation.password_confirmed_to_change, "Nothing was changed."),
        ):
            with pytest.raises(ValidationError, match=outcome):
                validate(None, None)
        g.password_error = ""
        password_confirmation.password_confirmed(None, None)
