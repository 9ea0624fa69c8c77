"""A claim on one criterion offers to claim the same criterion of another unit: in the list and in the matrix."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from tests import factories
from tests.browser.conftest import LiveServer
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Claim

pytestmark = pytest.mark.browser


class SharedCriteria:
    """Alice's item, and the two criteria that are the same: CFACC15 1 and DELIVERCC 12."""

    def __init__(self, live_server: LiveServer, page: Page) -> None:
        self.live_server, self.page = live_server, page
        with live_server.app.app_context(), transactions.transaction():
            world = live_server.world
            other_attempt = factories.make_attempt(db.session.merge(world.registration), "DELIVERCC")
            attempt = db.session.merge(world.cfacc15)
            self.item = factories.make_evidence(attempt, "Complaint CH-2231").id
            self.attempt = attempt.id
            self.criterion = factories.criterion(attempt, "1").id
            self.first, self.second = (
                f"{attempt.id}-{self.criterion}",
                f"{other_attempt.id}-{factories.criterion(other_attempt, '12').id}",
            )
            self.token = start_session(db.session.merge(world.alice), "127.0.0.1", "Chrome", proven=True)

    def list_claimed(self) -> set[str]:
        with self.live_server.app.app_context():
            rows = db.session.scalars(select(Claim).where(Claim.removed_at.is_(None)))
            return {f"{each.attempt_id}-{each.criterion_id}" for each in rows}


@pytest.fixture
def shared_criteria(live_server: LiveServer, browser: Browser) -> Iterator[SharedCriteria]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    criteria = SharedCriteria(live_server, page)
    context.add_cookies([{"name": COOKIE_NAME, "value": criteria.token, "url": live_server.address}])
    yield criteria
    context.close()


def test_the_offer_appears_with_the_tick_and_both_rows_show_what_is_saved(shared_criteria: SharedCriteria) -> None:
    page = shared_criteria.page
    page.goto(f"{shared_criteria.live_server.address}/evidence/{shared_criteria.item}/criteria")
    offer = page.locator(f"#c-{shared_criteria.first}-too-{shared_criteria.second}")
    expect(offer).to_be_hidden()
    page.locator(f"#c-{shared_criteria.first}").check()
    expect(offer).to_be_visible()
    expect(page.locator(".tick-summary .saved")).to_contain_text("Saved")
    assert shared_criteria.list_claimed() == {shared_criteria.first}, "the offer alone claims nothing"
    offer.check()
    expect(page.locator(f"#c-{shared_criteria.second}")).to_be_checked()
    expect(page.locator(".tick-summary")).to_contain_text("2 criteria chosen")
    assert shared_criteria.list_claimed() == {shared_criteria.first, shared_criteria.second}
    offer.uncheck()
    expect(page.locator(f"#c-{shared_criteria.second}")).not_to_be_checked()
    expect(page.locator(".tick-summary .saved")).to_contain_text("Saved")
    page.wait_for_load_state("networkidle")
    assert shared_criteria.list_claimed() == {shared_criteria.first}


def test_a_chosen_offer_in_the_matrix_claims_both(shared_criteria: SharedCriteria) -> None:
    page = shared_criteria.page
    page.goto(f"{shared_criteria.live_server.address}/attempts/{shared_criteria.attempt}?view=matrix&columns=all")
    page.get_by_text("Claim the same in your other units too").click()
    page.locator(f"#also-{shared_criteria.criterion}-{shared_criteria.second}").check()
    page.locator(f'input[value="{shared_criteria.item}-{shared_criteria.criterion}"]').check()
    expect(page.locator(".matrix-status")).to_contain_text("Saved")
    assert shared_criteria.list_claimed() == {shared_criteria.first, shared_criteria.second}


def test_search_button_does_not_break_its_word_on_a_phone(shared_criteria: SharedCriteria) -> None:
    page = shared_criteria.page
    page.goto(f"{shared_criteria.live_server.address}/evidence/{shared_criteria.item}/criteria")
    button = page.get_by_role("button", name="Search", exact=True).bounding_box()
    assert button
    assert button["height"] < 60
