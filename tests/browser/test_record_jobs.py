"""Records of assessment, made from each person's home page to the end: the taps that each task takes."""

import re
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Browser, expect

from tests.assessment import countersigning
from tests.browser.conftest import LiveServer
from tests.browser.test_witness import find
from tests.browser.walker import PHONE, Walker, at_browser
from tests.factories import make_app
from tests.records.questions import write
from tests.records.testimonies import MARGARET
from tracker.clock import today
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABLET = {"width": 1024, "height": 768}
QUESTIONS = ("When do you refer a refund?", "Whom do you tell about a fault?")
MAX_ACTIONS = {
    "Observe, three criteria stamped": 12,
    "Agree to the observation": 3,
    "Ask a witness by email": 12,
    "Sign a testimony from the email": 11,
    "Authenticate the testimony": 3,
    "Ask two questions of the bank": 13,
    "Countersign an assessment": 3,
}
"""Taps or keys by task. A field that is filled in counts as one. docs/records.md has these figures."""
Emails = list[tuple[str, str]]


def test_records_are_made_from_the_home_page_in_few_taps(
    live_server: LiveServer, browser: Browser, emailing: Emails
) -> None:
    gwen = prepare_people(live_server)
    world = live_server.world

    def open_browser(size: dict[str, int]) -> AbstractContextManager[Walker]:
        return at_browser(live_server, browser, size, scripts=True)

    with open_browser(TABLET) as bob, open_browser(PHONE) as alice, open_browser(PHONE) as margaret:
        bob.sign_in(world.bob)
        observe(bob)
        alice.sign_in(world.alice)
        agree_to_observation(alice)
        bob.go("/")
        ask_witness(bob)
        sign_testimony(margaret, emailing)
        bob.go("/")
        authenticate(bob)
        bob.go("/")
        ask_questions(bob)
    add_decision_to_countersign(live_server, gwen)
    with open_browser(TABLET) as countersigner:
        countersigner.sign_in(gwen)
        countersign(countersigner)


def prepare_people(live_server: LiveServer) -> Person:
    """Give the assessors an app, add two questions to the bank, and return Gwen, who may countersign."""
    with live_server.open_world() as world:
        gwen = countersigning.make_qualified(world)
        with transaction():
            make_app(world.bob)
            make_app(gwen)
        for text, mark in zip(QUESTIONS, "gh", strict=True):
            write(world.cfacc15, world.bob, text=text, marks=(mark,))
        db.session.refresh(gwen)
        db.session.expunge_all()
    return gwen


def add_decision_to_countersign(live_server: LiveServer, gwen: Person) -> None:
    """Let Bob accept an item of Alice that Gwen has to countersign."""
    with live_server.open_world() as world:
        countersigning.switch_on(world, db.session.merge(gwen))
        countersigning.decide(world, "Complaint of 5 October")


def limit(walker: Walker, name: str) -> AbstractContextManager[None]:
    """Count and print what a task takes, and check that it takes no more taps than before."""
    return walker.task(name, at_most=MAX_ACTIONS[name])


def open_unit(bob: Walker) -> None:
    bob.follow("Candidates")
    bob.follow("CFACC15")


def stamp(bob: Walker, label: str) -> None:
    bob.tap(bob.page.locator(f"button[data-mark='{label}']").first)


def observe(bob: Walker) -> None:
    page = bob.page
    with limit(bob, "Observe, three criteria stamped"):
        open_unit(bob)
        bob.press("Write an observation")
        bob.type_in(page.get_by_label("Place"), "Billing floor, Leeds")
        bob.type_in(page.get_by_label("Narrative"), "She took the call.")
        for label in ("4", "5", "6"):
            stamp(bob, label)
        bob.type_in(page.get_by_label("Ends"), "23:59")
        bob.press("Finish and send to Alice")
        bob.tap(page.locator("[name=declared]"))
        bob.press("Finish and send to Alice")
    expect(page.locator("body")).to_contain_text("Finished as evidence")


def agree_to_observation(alice: Walker) -> None:
    page = alice.page
    with limit(alice, "Agree to the observation"):
        alice.follow("Agree or object: Bob Archer observed you")
        alice.tap(page.get_by_label("Yes, this is what happened"))
        alice.press("Send my answer")
    expect(page.locator("body")).to_contain_text("You have agreed to this record")


def ask_witness(bob: Walker) -> None:
    page = bob.page
    with limit(bob, "Ask a witness by email"):
        open_unit(bob)
        bob.follow("Witness testimonies")
        bob.follow("Ask a witness")
        bob.type_in(page.get_by_label("Name of the witness"), "Margaret Ellis")
        bob.type_in(page.get_by_label("Email address of the witness"), MARGARET)
        bob.type_in(page.get_by_label("What they saw"), "Late refund, case CH-2231")
        bob.type_in(page.get_by_label("Date", exact=True), today().isoformat())
        bob.type_in(page.get_by_label("Place"), "Billing floor, Leeds")
        for label in ("5", "6"):
            bob.tap(page.get_by_label(re.compile(rf"^{label} ")).first)
        bob.press("Email the witness")
    expect(page.locator("main")).to_contain_text("asked by Bob Archer")


def sign_testimony(margaret: Walker, emails: Emails) -> None:
    page = margaret.page
    with limit(margaret, "Sign a testimony from the email"):
        margaret.go(find(emails, r"(/witness/[\w-]+)"))
        margaret.tally.actions += 1  # the link in the email
        margaret.type_in(page.get_by_label("Your job"), "Operations manager")
        margaret.type_in(page.get_by_label("How you know the candidate"), "Her line manager")
        margaret.tap(page.get_by_label("I know these standards from my work"))
        margaret.tap(page.get_by_label("I am not a relative or partner"))
        margaret.type_in(page.get_by_label("What did the candidate do?"), "She had the refund paid the same day.")
        margaret.tap(page.get_by_label(re.compile(r"^5 ")))
        margaret.leave_by(page.get_by_role("button", name="Email me a code").last)
        margaret.type_in(page.get_by_label("Code"), find(emails, r"Your code is (\d{6})"))
        margaret.type_in(page.get_by_label("Type your full name to sign"), "Margaret Ellis")
        margaret.press("Sign and send")
    expect(page.get_by_text("You have signed this testimony")).to_be_visible()


def authenticate(bob: Walker) -> None:
    page = bob.page
    with limit(bob, "Authenticate the testimony"):
        bob.follow("Margaret Ellis")
        bob.tap(page.get_by_label("Yes, use it as evidence"))
        bob.press("Save my answer")
    expect(page.locator("body")).to_contain_text("Authenticated as evidence 2")


def ask_questions(bob: Walker) -> None:
    page = bob.page
    with limit(bob, "Ask two questions of the bank"):
        open_unit(bob)
        bob.tap(page.get_by_text("Discussion, questions, blank records"))
        bob.press("Ask questions")
        bob.press("Choose from the question bank")
        for box in page.locator("input[name=question]").all():
            bob.tap(box)
        bob.press("Add the ticked questions")
        for place, answer in enumerate(("“Above £50.”", "“The duty manager.”")):
            bob.type_in(page.locator(f"[name=answer-{place}]"), answer)
        bob.press("Finish and send to Alice")
        bob.tap(page.locator("[name=declared]"))
        bob.press("Finish and send to Alice")
    expect(page.locator("body")).to_contain_text("Finished as evidence")


def countersign(gwen: Walker) -> None:
    page = gwen.page
    with limit(gwen, "Countersign an assessment"):
        gwen.follow("1 to countersign")
        gwen.follow("Complaint of 5 October")
        gwen.press("Agree and countersign")
    expect(page.locator("body")).to_contain_text("Alice Moran sees the assessment now")
