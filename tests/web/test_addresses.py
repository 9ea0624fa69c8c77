"""Numbers and characters in addresses that no database can store: the page is not found."""

import pytest

from tests.factories import World
from tests.portfolio.conftest import ClientFor

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("number", [10**30, 2**63, 2**31, 0])
@pytest.mark.parametrize("place", ["evidence", "attempts", "registrations"])
def test_a_number_beyond_the_range_of_ids_is_not_found(
    world: World, client: ClientFor, place: str, number: int
) -> None:
    for person in (world.alice, world.dan):
        assert client(person).get(f"/{place}/{number}").status_code == 404


@pytest.mark.parametrize("address", ["/units/x%00y", "/links/x%00y", "/guidance/%00", "/qualifications/x%00"])
def test_nul_character_in_an_address_is_not_found(world: World, client: ClientFor, address: str) -> None:
    assert client(world.dan).get(address).status_code == 404
