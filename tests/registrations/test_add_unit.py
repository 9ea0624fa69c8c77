"""Adding units to a registration: a second attempt at a unit needs the first one void."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.library.unit_versions import UNITS, make_revision
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Unit, UnitAttempt
from tracker.registrations.services import start_attempt
from tracker.vocabulary import AttemptState

ClientFor = Callable[..., FlaskClient]


def address(world: World) -> str:
    return f"/registrations/{world.registration.id}/units"


def list_attempted_codes(world: World) -> list[str]:
    query = select(UnitAttempt).where(UnitAttempt.candidate_id == world.alice.id).order_by(UnitAttempt.id)
    return [f"{each.unit.code} {each.state.value}" for each in db.session.scalars(query)]


def test_administrator_adds_a_unit(world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]) -> None:
    dan = client(world.dan)
    response = dan.post(address(world), data={"unit": str(factories.unit("DELIVERCC").id)})
    assert response.status_code == 303
    assert "DELIVERCC is added. Allocate its assessor and internal verifier." in dan.get(response.location).text
    assert list_attempted_codes(world)[-1] == "DELIVERCC in_progress"
    assert recorded_acts() == ["attempt_started"]


def test_only_units_the_candidate_does_not_have_are_offered(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(f"/registrations/{world.registration.id}").text
    codes = re.findall(r'<option value="\d+">(\S+)', page)
    assert codes == ["CFAM&amp;LFD3", "DELIVERCC"]


def test_unit_can_be_attempted_once(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data={"unit": str(world.cfacc15.unit_id)})
    assert response.status_code == 409
    assert "The candidate already has CFACC15. Nothing was changed." in response.text
    assert "Void" not in response.text, "it would lose evidence"
    assert list_attempted_codes(world) == ["CFACC15 in_progress", "INSCC004 in_progress"]


def test_newest_of_two_versions_is_offered(world: World, client: ClientFor) -> None:
    newer = make_revision(UNITS["DELIVERCC"], 1, version="2")
    publish_centre_unit(world.northgate, newer)
    page = client(world.dan).get(f"/centres/{world.northgate.id}/registrations/new").text
    assert page.count("DELIVERCC Deliver customer service") == 1
    publish_centre_unit(world.northgate, make_revision(UNITS["CFACC15"], 1, version="2"))
    page = client(world.dan).get(f"/registrations/{world.registration.id}").text
    assert re.findall(r'<option value="\d+">(\S+)', page) == ["CFAM&amp;LFD3", "DELIVERCC"]


def test_another_version_counts_as_the_same_unit(world: World, client: ClientFor) -> None:
    newer = publish_centre_unit(world.northgate, make_revision(UNITS["CFACC15"], 1, version="2"))
    response = client(world.dan).post(address(world), data={"unit": str(newer.id)})
    assert response.status_code == 409
    assert (
        "The candidate already has CFACC15, in version 1, revision 1. Nothing was changed. Move that unit"
        in response.text
    )
    assert list_attempted_codes(world) == ["CFACC15 in_progress", "INSCC004 in_progress"]


def test_new_attempt_can_follow_a_void_one(world: World, client: ClientFor) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.VOID
    assert client(world.dan).post(address(world), data={"unit": str(world.cfacc15.unit_id)}).status_code == 303
    assert list_attempted_codes(world) == ["CFACC15 void", "INSCC004 in_progress", "CFACC15 in_progress"]


def test_withdrawn_candidate_gets_no_more_units(world: World) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    with pytest.raises(Refused, match="withdrawn"), transaction():
        start_attempt(world.registration, factories.unit("DELIVERCC"), factories.make_actor(world.dan))


def test_person_without_the_role_of_candidate_gets_no_units(world: World) -> None:
    with transaction():
        world.alice.grants[0].ends_at = clock.now()
    with pytest.raises(Refused, match="does not have the role of candidate"), transaction():
        start_attempt(world.registration, factories.unit("DELIVERCC"), factories.make_actor(world.dan))


@pytest.mark.parametrize("unit", ["", "0", "999999", "CFACC15", "9" * 30])
def test_unknown_unit_is_not_found(world: World, client: ClientFor, unit: str) -> None:
    assert client(world.dan).post(address(world), data={"unit": unit}).status_code == 404


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_add_units(world: World, client: ClientFor, name: str) -> None:
    data = {"unit": str(factories.unit("DELIVERCC").id)}
    assert client(getattr(world, name)).post(address(world), data=data).status_code == 404
    assert len(list_attempted_codes(world)) == 2


DUE = "Review was due 1 March 2026"


def make_lapsed(world: World) -> Unit:
    document = read_unit()
    return publish_centre_unit(
        world.northgate, replace(document, metadata={**document.metadata, "last_registration_on": "31 Jul 2025"})
    )


def test_pages_warn_of_lapsed_units_and_units_due_for_review(world: World, client: ClientFor) -> None:
    make_lapsed(world)
    lapsed = "Lapsed for new registrations since 31 July 2025"
    dan = client(world.dan)
    page = dan.get(f"/centres/{world.northgate.id}/registrations/new").text
    assert page.count(f"{DUE}. The unit can still be used") == 2
    assert f"{lapsed}. Candidates who are registered for it continue." in page
    page = dan.get(f"/registrations/{world.registration.id}").text
    assert f"CFAM&amp;LFD3 ({DUE}) Manage" in page
    assert f"LOCAL7 ({lapsed})" in page
    assert "DELIVERCC Deliver" in page


def test_unit_due_for_review_is_added_with_a_warning(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    response = dan.post(address(world), data={"unit": str(factories.unit("CFAM&LFD3").id)})
    assert f"CFAM&amp;LFD3 is added. {DUE}." in dan.get(response.location).text
    assert list_attempted_codes(world)[-1] == "CFAM&LFD3 in_progress"


def test_lapsed_unit_is_refused_with_the_reason(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data={"unit": str(make_lapsed(world).id)})
    assert response.status_code == 409
    assert "LOCAL7 lapsed for new registrations since 31 July 2025." in response.text
