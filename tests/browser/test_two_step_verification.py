"""Bob's first sign-in: he sets up an app, then a passkey that a real browser makes, and comes back by either."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.accounts.authenticators import code_now
from tests.browser.conftest import Live
from tests.browser.test_whole_life import LAPTOP, PHONE, Walker, at_browser
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def named(live: Live) -> Live:
    """Reached by a name, as passkeys need it."""
    live.address = live.address.replace("127.0.0.1", "localhost")
    live.app.config["SETTINGS"] = replace(live.app.config["SETTINGS"], base_url=live.address)
    return live


def give_password(walker: Walker) -> None:
    walker.page.get_by_label("Your password", exact=True).fill(PASSWORD)


def come_back(walker: Walker) -> None:
    walker.press("Sign out")
    walker.page.get_by_label("Email").fill(walker.live.world.bob.email)
    walker.page.get_by_label("Password", exact=True).fill(PASSWORD)
    walker.press("Sign in")
    expect(walker.page.get_by_role("heading", level=1)).to_have_text("Confirm it’s you")


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["390 px", "1280 px"])
def test_an_app_and_a_passkey(named: Live, browser: Browser, size: dict[str, int]) -> None:
    with at_browser(named, browser, size, scripts=True) as bob:
        page = bob.page
        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

        bob.go("/sign-in?next=/candidates")
        page.get_by_label("Email").fill(named.world.bob.email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        bob.press("Sign in")
        bob.follow("Set up an app")
        key = page.locator(".typed-key").inner_text().replace(" ", "")
        page.get_by_label("Code", exact=True).fill(code_now(key))
        give_password(bob)
        bob.press("Set up this app")
        codes = page.locator(".codes code").all_inner_texts()
        assert len(codes) == 10
        page.get_by_label("I have saved these codes").check()
        bob.press("Continue")
        assert page.url == f"{named.address}/candidates"

        bob.go("/account/two-step-verification/passkey")
        page.get_by_label("Name of this passkey").fill("Bob’s laptop")
        give_password(bob)
        bob.press("Create the passkey")
        expect(page.get_by_text("Bob’s laptop, a passkey")).to_be_visible()
        bob.follow("Remove Authenticator app")
        bob.go("/account")

        come_back(bob)
        bob.press("Use a passkey")
        bob.go("/account")
        expect(page.get_by_text("last used")).to_be_visible()

        come_back(bob)
        bob.follow("Use a recovery code")
        page.get_by_label("Code", exact=True).fill(codes[0].upper())
        bob.press("Continue")
        bob.go("/account")
        expect(page.get_by_text("9 left")).to_be_visible()


def test_without_javascript_the_app_s_way_stays_open(named: Live, browser: Browser) -> None:
    with at_browser(named, browser, PHONE, scripts=False) as bob:
        page = bob.page
        bob.sign_in(named.world.bob)
        expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
        expect(page.get_by_role("link", name="Set up a passkey")).to_be_hidden()
        bob.follow("Set up an app")
        key = page.locator(".typed-key").inner_text().replace(" ", "")
        page.get_by_label("Code", exact=True).fill(code_now(key))
        give_password(bob)
        bob.press("Set up this app")
        page.get_by_label("I have saved these codes").check()
        bob.press("Continue")
        expect(page.get_by_role("heading", level=1)).to_have_text("Queue")
