"""A claim on one criterion claims what is the same elsewhere: by script in the list and in the matrix."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from tests import factories
from tests.browser.conftest import Live
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Claim

pytestmark = pytest.mark.browser


class Story:
    """Alice's item, and the two criteria that are the same: CFACC15 1 and DELIVERCC 12."""

    def __init__(self, live: Live, page: Page) -> None:
        self.live, self.page = live, page
        with live.app.app_context(), transactions.transaction():
            world = live.world
            other = factories.make_attempt(db.session.merge(world.registration), "DELIVERCC")
            attempt = db.session.merge(world.cfacc15)
            self.item = factories.make_evidence(attempt, "Complaint CH-2231").id
            self.attempt = attempt.id
            self.criterion = factories.criterion(attempt, "1").id
            self.one, self.twelve = (
                f"{attempt.id}-{self.criterion}",
                f"{other.id}-{factories.criterion(other, '12').id}",
            )
            self.token = start_session(db.session.merge(world.alice), "127.0.0.1", "Chrome", proven=True)

    def claimed(self) -> set[str]:
        with self.live.app.app_context():
            rows = db.session.scalars(select(Claim).where(Claim.removed_at.is_(None)))
            return {f"{each.attempt_id}-{each.criterion_id}" for each in rows}


@pytest.fixture
def story(live: Live, browser: Browser) -> Iterator[Story]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    found = Story(live, page)
    context.add_cookies([{"name": COOKIE_NAME, "value": found.token, "url": live.address}])
    yield found
    context.close()


def test_the_offer_appears_with_the_tick_and_both_rows_show_what_is_saved(story: Story) -> None:
    page = story.page
    page.goto(f"{story.live.address}/evidence/{story.item}/criteria")
    offer = page.locator(f"#c-{story.one}-too-{story.twelve}")
    expect(offer).to_be_hidden()
    page.locator(f"#c-{story.one}").check()
    expect(offer).to_be_visible()
    expect(page.locator(".tick-summary .saved")).to_contain_text("Saved")
    assert story.claimed() == {story.one}, "not taken unasked"
    offer.check()
    expect(page.locator(f"#c-{story.twelve}")).to_be_checked()
    expect(page.locator(".tick-summary")).to_contain_text("2 criteria chosen")
    assert story.claimed() == {story.one, story.twelve}
    offer.uncheck()
    expect(page.locator(f"#c-{story.twelve}")).not_to_be_checked()
    expect(page.locator(".tick-summary .saved")).to_contain_text("Saved")
    page.wait_for_load_state("networkidle")
    assert story.claimed() == {story.one}


def test_in_the_matrix_a_standing_offer_claims_both(story: Story) -> None:
    page = story.page
    page.goto(f"{story.live.address}/attempts/{story.attempt}?view=matrix")
    page.get_by_text("Claim the same in your other units too").click()
    page.locator(f"#also-{story.criterion}-{story.twelve}").check()
    page.locator(f'input[value="{story.item}-{story.criterion}"]').check()
    expect(page.locator(".matrix-status")).to_contain_text("Saved")
    assert story.claimed() == {story.one, story.twelve}
