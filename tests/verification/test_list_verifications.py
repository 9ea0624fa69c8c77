"""The internal verifier's home: units to verify, open action points, and the sampling grid."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from flask.testing import FlaskClient

from tests.factories import World
from tracker.models import Person

Browser = Callable[[Person], FlaskClient]


def test_confirmed_units_are_listed_to_verify_and_others_as_allocated(confirmed: World, client: Browser) -> None:
    page = client(confirmed.carol).get("/verification").text
    assert (
        page.index("Units to verify")
        < page.index("CFACC15")
        < page.index("Other units allocated to you")
        < page.rindex("INSCC004")
    )
    assert "not sampled" in page


def test_verifiers_home_takes_at_most_twelve_statements(
    confirmed: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    carol = client(confirmed.carol)
    carol.get("/verification")
    for path in ("/verification", "/action-points", f"/attempts/{confirmed.cfacc15.id}/verify"):
        with count_statements() as statements:
            carol.get(path)
        assert len(statements) <= 12, (path, len(statements), statements)
