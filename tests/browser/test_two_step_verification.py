"""Bob's first sign-in: he sets up an app and a passkey, made by a real browser, and signs in again with each."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.accounts.authenticators import code_now
from tests.browser.conftest import LiveServer
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
def named_site(live_server: LiveServer) -> LiveServer:
    """The served app under a domain name, which passkeys need."""
    live_server.address = live_server.address.replace("127.0.0.1", "localhost")
    live_server.app.config["SETTINGS"] = replace(live_server.app.config["SETTINGS"], base_url=live_server.address)
    return live_server


def give_password(walker: Walker) -> None:
    walker.page.get_by_label("Your password", exact=True).fill(PASSWORD)


def sign_in_again(walker: Walker) -> None:
    walker.press("Sign out")
    walker.page.get_by_label("Email").fill(walker.live_server.world.bob.email)
    walker.page.get_by_label("Password", exact=True).fill(PASSWORD)
    walker.press("Sign in")
    expect(walker.page.get_by_role("heading", level=1)).to_have_text("Confirm it’s you")


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["390 px", "1280 px"])
def test_bob_sets_up_an_app_and_a_passkey_and_signs_in_with_them(
    named_site: LiveServer, browser: Browser, size: dict[str, int]
) -> None:
    with at_browser(named_site, browser, size, scripts=True) as bob:
        page = bob.page
        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

        bob.go("/sign-in?next=/candidates")
        page.get_by_label("Email").fill(named_site.world.bob.email)
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
        assert page.url == f"{named_site.address}/candidates"

        bob.go("/account/two-step-verification/passkey")
        page.get_by_label("Name of this passkey").fill("Bob’s laptop")
        give_password(bob)
        bob.press("Create the passkey")
        expect(page.get_by_text("Bob’s laptop, a passkey")).to_be_visible()
        bob.follow("Authenticator app")
        bob.go("/account")

        sign_in_again(bob)
        bob.press("Use a passkey")
        bob.go("/account")
        expect(page.get_by_text("last used")).to_be_visible()

        sign_in_again(bob)
        bob.follow("Use a recovery code")
        page.get_by_label("Code", exact=True).fill(codes[0].upper())
        bob.press("Continue")
        bob.go("/account")
        expect(page.get_by_text("9 left")).to_be_visible()


def test_an_app_can_be_set_up_without_javascript(named_site: LiveServer, browser: Browser) -> None:
    with at_browser(named_site, browser, PHONE, scripts=False) as bob:
        page = bob.page
        bob.sign_in(named_site.world.bob)
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
