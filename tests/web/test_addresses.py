"""Numbers in addresses: one that no database could hold leads nowhere."""

import pytest

from tests.factories import World
from tests.portfolio.conftest import ClientFor


@pytest.mark.parametrize("number", [10**30, 2**63, 2**31, 0])
@pytest.mark.parametrize("place", ["evidence", "attempts", "registrations"])
def test_an_absurd_number_is_simply_not_there(world: World, client: ClientFor, place: str, number: int) -> None:
    for person in (world.alice, world.dan):
        assert client(person).get(f"/{place}/{number}").status_code == 404
