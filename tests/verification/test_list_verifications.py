"""The internal verifier's home: units to verify, open action points, and the sampling grid."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Person, UnitAttempt
from tracker.verification.queries import allocated as queries
from tracker.vocabulary import AttemptState, Role

Browser = Callable[[Person], FlaskClient]


def test_confirmed_units_are_listed_to_verify_and_others_as_allocated(confirmed: World, client: Browser) -> None:
    carol = client(confirmed.carol)
    page = carol.get("/verification").text
    assert page.index("Units to verify") < page.index("CFACC15")
    assert "not sampled" in page
    assert "<b>1</b> other" in page
    other_units = carol.get("/verification/other-units").text
    assert "INSCC004" in other_units
    assert "CFACC15" not in other_units


def test_units_to_verify_are_listed_however_many_verified_ones_there_are(
    confirmed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list was cut at 500 rows, and units verified earlier came first."""
    carol = confirmed.carol.id
    monkeypatch.setattr(queries, "PAGE_LENGTH", 2)
    for number in range(3):
        make_confirmed_attempt(confirmed, number, AttemptState.VERIFIED)
    for number in range(3, 6):
        make_confirmed_attempt(confirmed, number, AttemptState.CONFIRMED)
    pages = [queries.list_attempts_to_verify(carol, number) for number in (1, 2)]
    assert [attempt.state for attempts, _ in pages for attempt in attempts] == [AttemptState.CONFIRMED] * 4
    assert [has_next for _, has_next in pages] == [True, False]
    assert queries.count_attempts_to_verify(carol) == 4
    assert queries.count_other_attempts(carol) == 4  # three verified, and INSCC004 in progress


def test_action_points_that_the_assessor_has_answered_come_first(confirmed: World, client: Browser) -> None:
    with transaction():
        unanswered, answered = (make_action_point(confirmed, action) for action in ("Not answered.", "Answered."))
        answered.response, answered.responded_at = "Done.", clock.now()
    page = client(confirmed.carol).get("/action-points").text
    assert page.index(answered.action) < page.index(unanswered.action)
    assert "to close or ask again" in page


def make_confirmed_attempt(world: World, number: int, state: AttemptState) -> UnitAttempt:
    with transaction():
        candidate = factories.make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
        registration = factories.make_registration(candidate, world.northgate, world.dan)
        attempt = factories.make_attempt(registration, "CFACC15")
        factories.allocate(attempt, world.carol, Role.INTERNAL_VERIFIER, world.dan)
        attempt.state = state
    return attempt


def make_action_point(world: World, action: str) -> ActionPoint:
    return factories.add_and_flush(
        ActionPoint(
            attempt_id=world.cfacc15.id,
            round=world.cfacc15.round,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action=action,
            due_on=clock.today(),
        )
    )


def test_verifiers_pages_take_few_statements(
    confirmed: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    carol = client(confirmed.carol)
    carol.get("/verification")
    for path, max_statements in (
        ("/verification", 12),
        ("/action-points", 8),
        (f"/attempts/{confirmed.cfacc15.id}/verify", 20),
    ):
        with count_statements() as statements:
            carol.get(path)
        assert len(statements) <= max_statements, (path, len(statements), statements)
