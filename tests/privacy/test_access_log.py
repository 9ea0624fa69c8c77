"""Portfolio access log: one row for each reader, part and day; own accesses are left out."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.assessment import workflow
from tests.factories import World
from tests.list_pages import walk
from tracker.clock import LONDON
from tracker.extensions import db
from tracker.ledger import read_only
from tracker.ledger.transactions import transaction
from tracker.models import Person, PortfolioAccess
from tracker.vocabulary import PortfolioPart, Role

Browser = Callable[[Person], FlaskClient]
MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=LONDON)


def list_accesses() -> list[tuple[int, PortfolioPart, Role]]:
    db.session.rollback()
    query = select(PortfolioAccess).order_by(
        PortfolioAccess.first_at, PortfolioAccess.person_id, PortfolioAccess.part
    )
    return [(each.person_id, each.part, each.role) for each in db.session.scalars(query)]


def test_opening_a_unit_is_recorded(world: World, client: Browser, recorded_acts: Callable[[], list[str]]) -> None:
    before = recorded_acts()
    assert client(world.bob).get(f"/attempts/{world.cfacc15.id}").status_code == 200
    assert list_accesses() == [(world.bob.id, PortfolioPart.UNITS, Role.ASSESSOR)]
    assert recorded_acts() == before, "the ledger tells of acts, not of looks"


def test_opening_evidence_is_recorded_as_evidence(world: World, client: Browser) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "5")
    client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess")
    client(world.carol).get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}")
    assert list_accesses() == [
        (world.bob.id, PortfolioPart.EVIDENCE, Role.ASSESSOR),
        (world.carol.id, PortfolioPart.EVIDENCE, Role.INTERNAL_VERIFIER),
    ]


def test_administrators_access_is_recorded(world: World, client: Browser) -> None:
    client(world.dan).get(f"/registrations/{world.registration.id}")
    assert list_accesses() == [(world.dan.id, PortfolioPart.UNITS, Role.ADMINISTRATOR)]


def test_own_access_is_not_recorded(world: World, client: Browser) -> None:
    alice = client(world.alice)
    alice.get(f"/attempts/{world.cfacc15.id}")
    alice.get(f"/registrations/{world.registration.id}")
    assert list_accesses() == []


def test_refused_access_is_not_recorded(world: World, client: Browser) -> None:
    for person in (world.frank, world.grace, world.heidi, world.eve):
        assert client(person).get(f"/attempts/{world.cfacc15.id}").status_code == 404
    assert client(world.dan).get(f"/attempts/{world.cfacc15.id}/sign").status_code == 404
    assert list_accesses() == []


def test_accesses_of_a_day_are_one_row_with_first_and_last_time(
    world: World, client: Browser, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(MORNING)
    bob = client(world.bob)
    for minutes in (0, 20, 45, 70, 90):
        freeze_clock(MORNING + timedelta(minutes=minutes))
        bob.get(f"/attempts/{world.cfacc15.id}")
        bob.get(f"/attempts/{world.inscc004.id}")
    row = db.session.scalars(select(PortfolioAccess)).one()
    assert (row.first_at, row.last_at) == (MORNING, MORNING + timedelta(minutes=70))
    freeze_clock(MORNING + timedelta(days=1))
    client(world.bob).get(f"/attempts/{world.cfacc15.id}")
    assert len(list_accesses()) == 2


def test_candidate_sees_the_access_log(world: World, client: Browser) -> None:
    alice = client(world.alice)
    assert "Nobody has opened this portfolio yet" in alice.get("/account/access-log").text
    client(world.bob).get(f"/attempts/{world.cfacc15.id}")
    page = alice.get("/account/access-log").text
    assert "Bob Archer" in page
    assert "Units and forms" in page
    assert "/account/access-log" in alice.get("/account").text


def test_administrator_sees_the_access_log_of_their_centre(world: World, client: Browser) -> None:
    client(world.bob).get(f"/attempts/{world.cfacc15.id}")
    dan = client(world.dan)
    address = f"/registrations/{world.registration.id}/access-log"
    assert address in dan.get(f"/registrations/{world.registration.id}").text
    assert "Bob Archer" in dan.get(address).text
    assert client(world.heidi).get(address).status_code == 404
    assert client(world.alice).get(address).status_code == 404


def test_nobody_else_sees_the_access_log(world: World, client: Browser) -> None:
    client(world.bob).get(f"/attempts/{world.cfacc15.id}")
    assert "Bob Archer" not in client(world.frank).get("/account/access-log").text
    assert client(world.bob).get("/account/access-log").status_code == 404
    assert "/account/access-log" not in client(world.bob).get("/account").text


def test_access_log_is_read_a_page_at_a_time_newest_first(world: World, client: Browser) -> None:
    make_accesses(world, 101)
    alice = client(world.alice)
    page, *_, last = walk(alice, "/account/access-log?size=25")
    assert "1–25 of 101" in page
    assert page.index("23 November 2026") < page.index("22 November 2026")
    assert last.count("Bob Archer") == 1


def test_access_log_is_searched_filtered_and_downloaded(world: World, client: Browser) -> None:
    make_accesses(world, 2)
    client(world.carol).get(f"/attempts/{world.cfacc15.id}")
    alice = client(world.alice)
    assert "1–1 of 1" in alice.get("/account/access-log?q=carol").text
    assert "1–1 of 1" in alice.get("/account/access-log?role=internal_verifier").text
    assert "1–3 of 3" in alice.get("/account/access-log?opened=units").text
    heads, *rows = alice.get("/account/access-log?role=assessor&format=csv").data.decode("utf-8-sig").splitlines()
    assert heads == "Person,Role,Opened,Date,Time"
    assert rows[0] == "Bob Archer,Assessor,Units and forms,2026-11-23,09:00"
    assert len(rows) == 2


def make_accesses(world: World, days: int) -> None:
    """Record that Bob opened Alice's units on each of these days, the last one `MORNING`'s."""
    with transaction():
        db.session.add_all(
            PortfolioAccess(
                candidate_id=world.alice.id, centre_id=world.northgate.id, person_id=world.bob.id, role=Role.ASSESSOR,
                part=PortfolioPart.UNITS, day=(MORNING - timedelta(days=day)).date(), first_at=MORNING, last_at=MORNING,
            )
            for day in range(days)
        )  # fmt: skip


def test_nothing_is_recorded_while_the_database_is_read_only(
    world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = client(world.bob)
    monkeypatch.setattr(read_only, "is_read_only", lambda: True)
    assert bob.get(f"/attempts/{world.cfacc15.id}").status_code == 200
    assert list_accesses() == []
