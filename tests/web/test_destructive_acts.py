"""Acts that end, remove or undo something: apart from the ordinary acts, the same everywhere, and asked once."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

from tests.every_page import list_addresses
from tracker.extensions import db
from tracker.models import Person

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

DESTRUCTIVE = {
    "accounts.cancel_account_change",
    "accounts.cancel_own_account_change",
    "accounts.delete_unsaved_text",
    "accounts.end_own_session",
    "accounts.end_sessions",
    "accounts.end_role",
    "accounts.end_roles",
    "accounts.remove_second_factor",
    "accounts.reset_two_step_verification",
    "assessment.disagree",
    "assessment.dispute",
    "assessment.end_countersigner",
    "assessment.retract",
    "assessment.take_back",
    "job_runs.cancel_job",
    "library.detach_guidance",
    "library.discard_draft",
    "library.end_evidence_rule",
    "library.restart_draft",
    "portfolio.discard_evidence",
    "portfolio.remove_own",
    "portfolio.withdraw_evidence",
    "privacy.erase_listed_witness",
    "privacy.erase_portfolio",
    "privacy.erase_staff_record",
    "records.retire_question",
    "registrations.end_visit",
    "registrations.void_attempt",
    "registrations.withdraw_candidate",
    "staff.end_interest",
    "staff.remove_award",
    "staff.remove_competence",
    "staff.remove_cpd",
    "witness_list.remove_witness",
    "verification.release_unsampled",
    "verification.reopen_unit",
    "verification.return_unit",
}
"""The endpoints of these acts."""
TEMPLATES = Path(__file__).parents[2] / "templates"
RED_BUTTON = re.compile(r"btn-outline-danger|, \"refuse\"[,)]|kind=\"refuse\"")


def test_every_destructive_act_is_an_endpoint(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= DESTRUCTIVE


def test_red_buttons_are_drawn_in_one_place() -> None:
    drawn = [path for path in TEMPLATES.rglob("*.html") if RED_BUTTON.search(path.read_text())]
    assert {path.relative_to(TEMPLATES).as_posix() for path in drawn} == {
        "components/destructive.html",
        "components/forms.html",
    }


def test_every_destructive_act_stands_apart_and_asks_once(
    app: Flask, client: Callable[[Person], FlaskClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "ATTACHMENTS_PATH", tmp_path / "attachments")
    pages = list_addresses(app)
    people = {person.name.split()[0]: person for person in db.session.scalars(select(Person).order_by(Person.id))}
    faults, found = [], set()
    for name, paths in pages.items():
        browser = client(people[name]) if name else app.test_client()
        for path in paths:
            root = html5lib.parse(browser.get(path).text, namespaceHTMLElements=False)
            for endpoint, is_apart in list_acts(app, root, path):
                found.add(endpoint)
                faults += [f"{path}: {endpoint}"] if not is_apart else []
    app.extensions.pop("demo_checked", None)
    assert faults == []
    assert {
        "accounts.end_role",
        "portfolio.remove_own",
        "registrations.void_attempt",
        "verification.reopen_unit",
    } <= found


def list_acts(app: Flask, root: Element, path: str) -> Iterator[tuple[str, bool]]:
    """Yield the endpoint of each destructive act of a page, and whether it is drawn as one.

    A button must be inside `.destructive`, which unfolds it or is the last step of a page of its own. A link must be
    a `.destructive` itself or stand in an unfolded one.
    """
    urls = app.url_map.bind("127.0.0.1")
    parents = {child: parent for parent in root.iter() for child in parent}
    for element, address, method in list_links_and_buttons(next(root.iter("main"), root), path):
        with suppress(HTTPException):
            endpoint = str(urls.match(re.split("[?#]", address)[0], method)[0])
            if endpoint in DESTRUCTIVE:
                yield endpoint, is_in_component(element, parents)


def list_links_and_buttons(main: Element, path: str) -> Iterator[tuple[Element, str, str]]:
    """Yield each link, and each button of a form that is posted, with the address it leads to and the method."""
    for link in main.iter("a"):
        yield link, link.get("href", ""), "GET"
    for form in main.iter("form"):
        for button in form.iter("button") if form.get("method") == "post" else ():
            if "visually-hidden" not in button.get("class", ""):  # what the key Enter presses
                yield button, button.get("formaction") or form.get("action") or path, "POST"


def is_in_component(element: Element | None, parents: Mapping[Element, Element]) -> bool:
    """Return whether an element is a `.destructive` or inside one."""
    while element is not None and "destructive" not in element.get("class", "").split():
        element = parents.get(element)
    return element is not None
