"""The review screen: marks on both sides, plain forms, no lost text, one version at a time."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.library.drafts import make_draft
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import list_newest_units
from tracker.library.services.publishing import publish_unit
from tracker.models import Unit, UnitDraft

ClientFor = Callable[..., FlaskClient]
FIELDS = {
    "kind": "performance", "label": "1", "label_origin": "published", "heading": "Before the call", "parent": "",
    "text": "find out what was promised last time", "points": "", "selection": "", "simulation_allowed": "yes", "note": "",
}  # fmt: skip
"""What the form of r1 sends when nothing is changed."""


@pytest.fixture
def draft_id(world: World) -> int:
    with transaction():
        return make_draft(world.northgate, world.dan).id


@pytest.fixture
def dan(world: World, client: ClientFor) -> FlaskClient:
    return client(world.dan)


def draft_of(draft_id: int) -> UnitDraft:
    db.session.rollback()
    db.session.expire_all()
    draft = db.session.get(UnitDraft, draft_id)
    assert draft
    return draft


def working(draft_id: int) -> dict[str, Any]:
    return json.loads(draft_of(draft_id).document)


def texts(draft_id: int) -> list[str]:
    return [each["text"] for each in working(draft_id)["criteria"]]


def send(browser: FlaskClient, draft_id: int, path: str, **fields: Any) -> TestResponse:
    version = fields.pop("seen", draft_of(draft_id).version)
    return browser.post(f"/unit-drafts/{draft_id}/{path}", data={"seen": version, **fields})


def criterion(browser: FlaskClient, draft_id: int, key: str = "r1", **fields: Any) -> TestResponse:
    return send(browser, draft_id, f"criteria/{key}", **{**FIELDS, **fields})


# --- a unit that is here already -------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["LOCAL7", "local 7"])
def test_existing_unit_with_the_same_code_is_shown(world: World, dan: FlaskClient, draft_id: int, code: str) -> None:
    assert "Already in the library" not in dan.get(f"/unit-drafts/{draft_id}").text
    publish_centre_unit(world.northgate, read_unit(code=code, slug="there"))
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert "Already in the library" in page
    assert f'<a href="/units/there"><b>{code}</b>' in page


def test_existing_unit_is_found_by_any_identifier(world: World, dan: FlaskClient, draft_id: int) -> None:
    send(dan, draft_id, "unit", title="Calls", code="NEW1", version="1", identifiers="SQA: h128-04",
         document_type="nos", simulation="unstated")  # fmt: skip
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert '<a href="/units/cfacc15"><b>CFACC15</b>' in page
    assert "Publishing makes NEW1 a separate unit, not a version of CFACC15." in page


def test_existing_version_is_announced_as_refused(world: World, dan: FlaskClient, draft_id: int) -> None:
    publish_centre_unit(world.northgate, read_unit())
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert "Version 1, revision 1, cannot be published a second time." in page
    assert "“Correct our transcription”" in page
    with pytest.raises(Invalid, match="is published already"):
        publish(draft_id, world)


@pytest.mark.parametrize(
    ("owned", "existing_fields", "message", "is_newest"),
    [
        (True, {"version": "0"}, ("Publishing makes a version of it: version 1, beside version 0, revision 1. "
         "New candidates are registered for it;"), True),
        (True, {"version": "3"}, "New candidates are still registered for version 3, revision 1, which is newer;", False),
        (False, {}, ("Publishing makes your centre’s own copy of version 1, as revision 1. "
         "New candidates are registered for it;"), True),
        (False, {"revision": 2}, "New candidates are still registered for version 1, revision 2, which is newer;", False),
        (True, {"code": "Local 7"}, "Publishing makes LOCAL7 a separate unit, not a version of Local 7.", True),
    ],
)  # fmt: skip
def test_announced_result_of_publishing_is_what_happens(
    world: World,
    dan: FlaskClient,
    draft_id: int,
    owned: bool,
    existing_fields: dict[str, Any],
    message: str,
    is_newest: bool,
) -> None:
    publish_centre_unit(world.northgate if owned else None, read_unit(**{"slug": "there", **existing_fields}))
    assert message in dan.get(f"/unit-drafts/{draft_id}").text
    unit = publish(draft_id, world)
    assert (unit in list_newest_units([world.northgate.id])) is is_newest


def test_correction_does_not_announce_its_own_unit(world: World, dan: FlaskClient) -> None:
    unit = publish_centre_unit(world.northgate, read_unit())
    for edition in ({}, {"edition": "y"}):
        address = dan.post(f"/units/{unit.slug}/correct", data=edition).location
        assert "Already in the library" not in dan.get(address).text


def test_unit_of_another_centre_is_not_announced(world: World, dan: FlaskClient, draft_id: int) -> None:
    publish_centre_unit(world.southbank, read_unit())
    assert "Already in the library" not in dan.get(f"/unit-drafts/{draft_id}").text


def publish(draft_id: int, world: World) -> Unit:
    draft = draft_of(draft_id)
    with transaction():
        return publish_unit(draft, draft.version, {0, 1}, factories.make_actor(world.dan))


# --- what it shows ---------------------------------------------------------------------------------------


def test_each_doubt_is_marked_on_both_sides_with_links(dan: FlaskClient, draft_id: int) -> None:
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert "2 points to check</a>" in page
    assert 'href="#point-1"' in page
    assert re.search(r'id="line-20"\s+class="source-line doubtful"', page)
    assert re.search(
        r'id="point-1">\s*<p>\s*<b>Point 1:</b> Its label is printed twice. It is read as 2.\s+'
        r'<a class="line-link" href="#line-20"',
        page,
    )
    assert '<a href="#point-2">Next point to check</a>' in page


def test_text_not_used_is_marked_in_the_source(dan: FlaskClient, draft_id: int) -> None:
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert page.count('class="line-unused"') == 2
    assert "Some words that belong nowhere." in page


def test_source_shows_lines_and_pages(dan: FlaskClient, draft_id: int) -> None:
    page = dan.get(f"/unit-drafts/{draft_id}").text
    assert page.count('class="source-page"') == 3
    assert '<span class="line-number">80</span>' in page


def test_each_change_link_opens_its_form(dan: FlaskClient, draft_id: int) -> None:
    for part, words in (
        ("r1", "Change to evidence requirement"), ("unit", "Identifiers"), ("metadata", "Guided learning hours"),
        ("texts", "Glossary"), ("requirement-q1", "Change to knowledge item"), ("requirement-new", "Add"), ("new", "Source lines"),
    ):  # fmt: skip
        page = dan.get(f"/unit-drafts/{draft_id}?edit={part}").text
        assert page.count('class="review-form"') == 1, part
        assert words in page, part
    assert 'class="review-form"' not in dan.get(f"/unit-drafts/{draft_id}?edit=r99").text


def test_doubt_about_several_statements_is_above_them(world: World, dan: FlaskClient) -> None:
    doubt = {
        "lines": [10, 20, 30],
        "what": "every statement prints the same number",
        "assumed": "labels are assigned",
    }
    with transaction():
        draft = make_draft(world.northgate, world.dan, warnings=[doubt])
    page = dan.get(f"/unit-drafts/{draft.id}").text
    assert page.index("Performance criteria <span") < page.index('id="point-1"') < page.index('id="r1"')
    assert page.count('class="source-line doubtful"') == 3
    assert page.count('href="#point-1"') == 2  # at the top, and where it begins in the source


def test_only_the_first_lines_of_a_long_source_are_shown(world: World, dan: FlaskClient) -> None:
    doubt = {"lines": [9_000], "what": "w", "assumed": "a"}
    with transaction():
        draft = make_draft(world.northgate, world.dan, warnings=[doubt])
        draft.source_lines = [{"number": n, "text": "x"} for n in range(1, 9_001)]
    page = dan.get(f"/unit-drafts/{draft.id}").text
    assert "5,000 more lines in the document." in page
    assert "#line-9000" not in page


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi", "grace"])
def test_nobody_else_sees_the_draft(world: World, client: ClientFor, draft_id: int, name: str) -> None:
    assert client(getattr(world, name)).get(f"/unit-drafts/{draft_id}").status_code == 404


# --- acts on a statement ---------------------------------------------------------------------------------


def test_saving_returns_to_the_statement(dan: FlaskClient, draft_id: int) -> None:
    answer = criterion(dan, draft_id, text="find out\nwhat was  promised", label="1a", label_origin="assigned")
    assert answer.location == f"/unit-drafts/{draft_id}#r1"
    first = working(draft_id)["criteria"][0]
    assert (first["text"], first["label"], first["label_origin"]) == ("find out what was promised", "1a", "assigned")


@pytest.mark.parametrize(
    ("act", "key", "fields", "expected"),
    [
        ("split", "r1", {"text": "find out\nask"}, ["find out", "ask", "agree with a colleague:"]),
        ("down", "r1", {}, ["agree with a colleague:", "who may be told", "who must not", "find out what was promised last time"]),
        ("join", "r5", {"label": "3", "text": "write down:"}, ["find out what was promised last time", "agree with a colleague:", "who may be told", "who must not write down:"]),
        ("drop", "r1", {}, ["agree with a colleague:"]),
        ("requirement", "r1", {}, ["agree with a colleague:"]),
    ],
)  # fmt: skip
def test_buttons_move_join_and_convert_statements(
    dan: FlaskClient, draft_id: int, act: str, key: str, fields: dict[str, str], expected: list[str]
) -> None:
    assert criterion(dan, draft_id, key, act=act, **fields).status_code == 303
    assert texts(draft_id)[: len(expected)] == expected


def test_typed_text_is_saved_by_every_button(dan: FlaskClient, draft_id: int) -> None:
    criterion(dan, draft_id, act="down", text="ask what was promised")
    assert "ask what was promised" in texts(draft_id)


def test_removed_statement_is_listed_and_can_be_restored(dan: FlaskClient, draft_id: int) -> None:
    before = texts(draft_id)
    criterion(dan, draft_id, act="drop")
    assert "Removed" in dan.get(f"/unit-drafts/{draft_id}").text
    assert send(dan, draft_id, "criteria/r1", act="restore").status_code == 303
    assert texts(draft_id) == before


def test_duplicate_label_is_refused_and_typed_text_stays(dan: FlaskClient, draft_id: int) -> None:
    answer = criterion(dan, draft_id, label="2", text="words typed with care")
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert "have the label 2 twice under “Before the call”: give each its own." in page
    assert 'id="label-error"' in page
    assert "words typed with care</textarea>" in page
    assert texts(draft_id)[0] == FIELDS["text"]


def test_own_item_cannot_become_the_parent(dan: FlaskClient, draft_id: int) -> None:
    answer = criterion(dan, draft_id, "r2", label="2", text="agree", parent="r3")
    assert answer.status_code == 422
    assert 'id="parent-error"' in answer.text


def test_outdated_window_is_refused_and_keeps_typed_text(dan: FlaskClient, draft_id: int) -> None:
    version = draft_of(draft_id).version
    criterion(dan, draft_id, text="first")
    answer = criterion(dan, draft_id, text="second, typed with care", seen=version)
    assert answer.status_code == 409
    assert "second, typed with care</textarea>" in answer.text
    assert "Somebody changed this unit since you opened the page." in answer.text
    assert texts(draft_id)[0] == "first"


def test_statement_is_added_from_source_lines(dan: FlaskClient, draft_id: int) -> None:
    assert send(dan, draft_id, "criteria", kind="performance", text="", lines="12–13").status_code == 303
    assert "line 12 of the source line 13 of the source" in texts(draft_id)
    answer = send(dan, draft_id, "criteria", kind="performance", text="x", lines="twelve")
    assert answer.status_code == 422
    assert "Write the lines as 14 or as 14–16" in answer.text


# --- acts on the rest ------------------------------------------------------------------------------------


def test_identity_metadata_and_texts_are_saved(dan: FlaskClient, draft_id: int) -> None:
    identity = {
        "title": "Calls",
        "code": "C 9",
        "version": "3",
        "identifiers": "SQA: H1 23",
        "document_type": "sqa_unit",
        "simulation": "forbidden",
    }
    assert send(dan, draft_id, "unit", **identity).status_code == 303
    assert send(dan, draft_id, "metadata", level="4", review_on="March 2027").status_code == 303
    assert (
        send(dan, draft_id, "texts", overview="# About\nOne.\n\nTwo:\n- a", skills="listen\ntalk").status_code == 303
    )
    copy = working(draft_id)
    assert (copy["title"], copy["code"], copy["slug"], copy["identifiers"]) == (
        "Calls",
        "C 9",
        "c-9",
        [{"scheme": "SQA", "value": "H1 23"}],
    )
    assert (copy["metadata"]["level"], copy["metadata"]["credit"]) == ("4", None)
    assert [each["heading"] for each in copy["overview"]] == ["About", None]
    assert copy["skills"] == ["listen", "talk"]
    assert draft_of(draft_id).title == "Calls"


def test_identifier_without_scheme_is_refused_at_its_field(dan: FlaskClient, draft_id: int) -> None:
    identity = {
        "title": "Calls",
        "code": "C 9",
        "version": "3",
        "identifiers": "H1 23",
        "document_type": "nos",
        "simulation": "unstated",
    }
    answer = send(dan, draft_id, "unit", **identity)
    assert answer.status_code == 422
    assert 'id="identifiers-error"' in answer.text
    assert 'value="C 9"' in answer.text


def test_requirements_are_changed_and_converted_to_criteria(dan: FlaskClient, draft_id: int) -> None:
    send(dan, draft_id, "requirements/new", label="", text="At work.")
    send(dan, draft_id, "requirements/q1", label="1", text="Do it thrice.", points="a\nb", act="save")
    assert [each["text"] for each in working(draft_id)["evidence_requirements"]] == ["Do it thrice.", "At work."]
    send(dan, draft_id, "requirements/q1", label="1", text="Do it thrice.", points="", act="knowledge")
    assert texts(draft_id)[-1] == "Do it thrice."
    send(dan, draft_id, "requirements/n1", label="2", text="At work.", points="", act="drop")
    assert working(draft_id)["evidence_requirements"] == []


def test_resolving_a_doubt_leads_to_the_next(dan: FlaskClient, draft_id: int) -> None:
    assert send(dan, draft_id, "doubts/1").location.endswith("#point-2")
    assert "1 point to check" in dan.get(f"/unit-drafts/{draft_id}").text
    assert send(dan, draft_id, "doubts/2").location.endswith("#point-2")
    assert "nothing left to check" in dan.get(f"/unit-drafts/{draft_id}").text
    send(dan, draft_id, "doubts/1", open="y")
    assert "1 point to check" in dan.get(f"/unit-drafts/{draft_id}").text


@pytest.mark.parametrize("act", ["performance", "knowledge", "requirement", "overview", "aside"])
def test_passage_is_used_in_the_unit(dan: FlaskClient, draft_id: int, act: str) -> None:
    assert send(dan, draft_id, "passages/1", act=act).status_code == 303
    copy = working(draft_id)
    statements = [*copy["criteria"], *copy["evidence_requirements"], *copy["overview"]]
    assert ("Some words that belong nowhere." in [each["text"] for each in statements]) is (act != "aside")
    assert copy["unparsed"][0]["placed"]
    assert "nowhere</span>" not in dan.get(f"/unit-drafts/{draft_id}").text


def test_restart_restores_the_reading(dan: FlaskClient, draft_id: int) -> None:
    before = working(draft_id)
    criterion(dan, draft_id, act="drop")
    assert send(dan, draft_id, "restart").status_code == 303
    assert working(draft_id) == before


def test_problems_are_listed_with_links_to_their_fields(world: World, dan: FlaskClient) -> None:
    with transaction():
        draft = make_draft(world.northgate, world.dan, title="")
    page = dan.get(f"/unit-drafts/{draft.id}").text
    assert "Before you can publish" in page
    assert "The title is empty: write the text." in page


def test_markup_in_text_is_escaped(dan: FlaskClient, draft_id: int) -> None:
    criterion(dan, draft_id, text="<script>alert(1)</script> {{ 7 * 7 }}", heading='"><img src=x>')
    page = dan.get(f"/unit-drafts/{draft_id}?edit=r1").text
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
