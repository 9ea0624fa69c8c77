"""Reallocating the units of a page of the list, on a phone and on a laptop, with and without JavaScript."""

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from tests import factories
from tests.browser.conftest import LiveServer
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Allocation
from tracker.vocabulary import Role

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scripted"), [(390, True), (390, False), (1280, True)])
def test_units_of_an_assessor_who_leaves_go_to_another(
    width: int, scripted: bool, live_server: LiveServer, browser: Browser
) -> None:
    world = live_server.world
    with live_server.app.app_context(), transactions.transaction():
        gina = factories.make_person("Gina Holt", world.northgate, Role.ASSESSOR).id
        token = start_session(world.dan, "127.0.0.1", "Chromium", proven=True)
    context = browser.new_context(
        viewport={"width": width, "height": 844}, locale="en-GB", java_script_enabled=scripted
    )
    context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{world.northgate.id}/allocations")
    page.get_by_role("link", name="all on this page").click()
    assert ("2 ticked" in page.inner_text("main")) == scripted
    page.get_by_role("button", name="Allocate the ticked units").click()
    page.select_option("#assessor", str(gina))
    page.fill("#reason", "Bob leaves")
    page.get_by_role("button", name="Preview").click()
    assert page.inner_text("main").count("instead of Bob Archer") == 2
    page.get_by_role("button", name="Allocate 2 units").click()
    assert "2 units allocated to Gina Holt." in page.inner_text("body")
    context.close()
    with live_server.app.app_context():
        query = select(Allocation.person_id).where(Allocation.role == Role.ASSESSOR, Allocation.ends_at.is_(None))
        assert db.session.scalars(query.where(Allocation.person_id == gina)).all() == [gina, gina]


@pytest.mark.parametrize("scripted", [True, False])
def test_all_units_of_one_candidate_are_ticked_together(
    scripted: bool, live_server: LiveServer, browser: Browser
) -> None:
    world = live_server.world
    with live_server.open_world() as people, transactions.transaction():
        ivy = factories.make_person("Ivy Okafor", people.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ivy, people.northgate, people.dan), "CFACC15")
        token = start_session(people.dan, "127.0.0.1", "Chromium", proven=True)
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=scripted)
    context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{world.northgate.id}/allocations")
    page.get_by_role("link", name="Tick all 2 units of Alice Moran on this page").click()
    assert page.locator("input[name=attempt]:checked").count() == 2
    assert page.get_by_label("CFACC15 of Ivy Okafor").count() == (1 if scripted else 0)
    context.close()
