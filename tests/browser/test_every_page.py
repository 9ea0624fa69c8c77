"""Every page that test_whole_life.py does not open, on the demonstration's data, at both widths."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select, text

from tests.browser.conftest import LiveServer
from tests.library.drafts import make_draft
from tests.library.unit_versions import UNITS, make_revision, publish_version, reword_criteria
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.demo.scenario import fill_database
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Centre, Evidence, Person, Registration, UnitAttempt
from tracker.vocabulary import DraftState

LONG_WORD = "Contactcentre" * 6 + "XY"
LONG_TEXTS = {
    "person": ["name"],
    "centre": ["name"],
    "unit": ["title"],
    "qualification": ["title"],
    "criterion": ["heading", "text"],
    "evidence": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "evidence_version": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "attachment": ["name"],
    "assessment": ["feedback"],
    "claim": ["locator"],
    "decision": ["comment"],
    "action_point": ["action"],
}
"""Columns of text that people wrote, by table."""
WIDEST = """() => [...document.querySelectorAll("main *, header *")]
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(-3).map((each) => `${each.tagName.toLowerCase()}.${each.className}: ${each.textContent.trim().slice(0, 40)}`)
  .join(" | ")"""
"""What reaches beyond the right edge, the innermost last."""
GUIDANCE = "guidance-customer-service-procedures"
pytestmark = pytest.mark.browser


def list_addresses(live_server: LiveServer) -> dict[str, list[str]]:
    """Return the addresses to open by the first name of the person; the empty name is a visitor without an account."""
    live_server.app.config["DEMO"] = True
    with live_server.app.app_context():
        fill_database()
        centre = db.session.scalars(select(Centre.id).order_by(Centre.id.desc())).first()
        people = {each.name.split()[0]: each.id for each in db.session.scalars(select(Person).order_by(Person.id))}
        query = select(UnitAttempt.id, UnitAttempt.candidate_id).order_by(UnitAttempt.id.desc())
        attempts = {candidate: attempt for attempt, candidate in db.session.execute(query)}
        alices, chloes = attempts[people["Alice"]], attempts[people["Chloe"]]
        items = list(
            db.session.scalars(
                select(Evidence.id).where(Evidence.candidate_id == people["Alice"]).order_by(Evidence.id)
            )
        )
        registration = db.session.scalars(
            select(Registration.id).where(Registration.candidate_id == people["Alice"])
        ).one()
        with transactions.transaction():
            dan = db.session.get(Person, people["Dan"])
            northgate = db.session.get(Centre, centre)
            assert dan
            assert northgate
            draft, shared = make_draft(northgate, dan).id, make_draft(northgate, dan)
            shared.state = DraftState.DRAFT
        shared_id = shared.id
        later = publish_version(
            make_revision(reword_criteria(UNITS["CFACC15"], {"p:2": "Deal with contacts that colleagues refer."}))
        ).slug
        db.session.remove()
    at = f"/centres/{centre}"
    return {
        "": ["/sign-in", "/forgotten-password", "/outbox", "/verify", "/verify?code=none", "/links/no-such-link", "/nothing-here"],
        "Alice": [
            "/", "/account", "/account/data", "/account/access-log", "/units", "/units?q=complaint", "/units/inscc004", "/units/cfacc15", "/evidence", "/evidence/new",
            "/account/two-step-verification", "/account/two-step-verification/app", "/account/two-step-verification/passkey", "/account/two-step-verification/codes",
            f"/evidence/{items[7]}", f"/evidence/{items[7]}/edit", f"/evidence/{items[11]}/criteria", f"/evidence/{items[3]}",
            f"/attempts/{alices}", f"/attempts/{alices}?show=gaps", f"/attempts/{alices}?view=matrix", f"/attempts/{alices}/form",
        ],
        "Chloe": ["/", f"/attempts/{chloes}", f"/attempts/{chloes}/confirm"],
        "Ben": ["/", "/evidence"],
        "Bob": [
            "/queue", "/candidates", f"/attempts/{alices}/evidence/{items[8]}/assess", f"/attempts/{alices}/sign",
            f"/attempts/{chloes}/sign", f"/attempts/{alices}/evidence/{items[0]}", f"/unit-drafts/{shared_id}/unit", "/guidance",
        ],
        "Carol": ["/verification", "/action-points", "/verification/coverage", f"/attempts/{chloes}/verify", f"/attempts/{alices}/verify",
            "/verification/other-units", *(f"/attempts/{chloes}/verify/{part}" for part in ("requirements", "form", "history", "action-points")),
            f"/attempts/{chloes}/reopen",
        ],
        "Eve": ["/visit", f"/attempts/{chloes}/visit"],
        "Gwen": ["/account", "/queue"],
        "Dan": [
            "/", f"{at}/people", f"{at}/people/invite", f"{at}/people/{people['Bob']}", f"{at}/people/{people['Bob']}/name", f"{at}/people/{people['Bob']}/email", f"{at}/people/import", f"{at}/registrations",
            f"{at}/registrations/new", f"/registrations/{registration}", f"/registrations/{registration}/withdraw", f"/registrations/{registration}/access-log",
            f"{at}/retention", f"/registrations/{registration}/retention-hold", f"/registrations/{registration}/erase",
            f"/attempts/{alices}/allocate/assessor", f"/attempts/{alices}/void", f"{at}/allocations", f"{at}/allocations?tick=all",
            f"{at}/allocations/change?attempt={alices}&attempt={chloes}", "/integrity", f"{at}/visits",
            "/units", "/units?q=customer+complaint&type=nos", f"{at}/units/add", f"/unit-drafts/{draft}", f"/unit-drafts/{draft}/publish",
            *(f"/unit-drafts/{draft}?edit={part}" for part in ("r2", "unit", "metadata", "texts", "requirement-q1", "new")),
            f"{at}/links", f"{at}/links?one=cfacc15&other=inscc004", "/units/cfacc15/compare", f"/units/cfacc15/compare?with={later}",
            f"/attempts/{chloes}/form", f"/attempts/{alices}/move", f"/attempts/{alices}/move?to={later}", f"{at}/moves/cfacc15/{later}",
            "/guidance", f"{at}/guidance/new", f"/guidance/{GUIDANCE}", f"{at}/guidance/{GUIDANCE}/attach?unit=cfamlfd3",
            "/qualifications", "/qualifications/ex-svq3-cc", f"{at}/qualifications/new",
            f"/registrations/{registration}/qualification", f"/registrations/{registration}/numbers",
        ],
    }  # fmt: skip


def sign_in(live_server: LiveServer, browser: Browser, name: str, width: int) -> BrowserContext:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale="en-GB")
    if name:
        with live_server.app.app_context(), transactions.transaction():
            query = select(Person).where(Person.name.startswith(name), Person.email.startswith(f"{name.lower()}@"))
            token = start_session(db.session.scalars(query).one(), "127.0.0.1", "Chromium", proven=True)
        context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    return context


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_opens_fits_and_is_accessible(width: int, live_server: LiveServer, browser: Browser) -> None:
    problems: list[str] = []
    for name, paths in list_addresses(live_server).items():
        context = sign_in(live_server, browser, name, width)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
        )
        for path in paths:
            problems.extend(
                find_problems(page, live_server.address + path, f"{name or 'nobody'} at {width} px: {path}")
            )
        context.close()
    assert not problems, "\n\n".join(problems)


def find_problems(page: Page, address: str, description: str) -> Iterator[str]:
    answer = page.goto(address)
    if answer is None or answer.status >= 500:
        yield f"{description} answered {answer and answer.status}"
        return
    if not description.startswith("nobody") and page.url.endswith("/sign-in"):
        yield f"{description} asked to sign in"
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if beyond > 0:
        yield f"{description} scrolls sideways by {beyond} px"
    report = Axe().run(page)
    if report.violations_count:
        yield f"{description}\n{report.generate_report()}"


def lengthen_texts(live_server: LiveServer) -> None:
    """Add a word of 80 letters to what people wrote, past the triggers that keep sealed rows."""
    with live_server.app.app_context():
        triggers = db.session.scalars(text("select name from sqlite_master where type = 'trigger'")).all()
        for trigger in triggers:
            db.session.execute(text(f'drop trigger "{trigger}"'))
        for table, columns in LONG_TEXTS.items():
            for column in columns:
                update = f"update {table} set {column} = {column} || ' ' || :word where {column} is not null"
                db.session.execute(text(update), {"word": LONG_WORD})
        db.session.commit()


def test_long_words_never_widen_a_phone_page(live_server: LiveServer, browser: Browser) -> None:
    assert len(LONG_WORD) == 80
    addresses = list_addresses(live_server)
    lengthen_texts(live_server)
    problems: list[str] = []
    for name, paths in addresses.items():
        context = sign_in(live_server, browser, name, 390)
        page = context.new_page()
        for path in paths:
            page.goto(live_server.address + path)
            beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if beyond > 0:
                problems.append(
                    f"{name or 'nobody'}: {path} scrolls sideways by {beyond} px: {page.evaluate(WIDEST)}"
                )
        context.close()
    assert not problems, "\n\n".join(problems)
