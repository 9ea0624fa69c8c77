"""Typed text from right to left: isolated on every page, on paper and in emails, so that it cannot reorder our own words."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup
from sqlalchemy import select, text, update

from tests.every_page import list_addresses
from tests.factories import World
from tracker import clock
from tracker.assessment.emails import build_unit_disputed_email, build_unit_signed_email
from tracker.background import emails, outbox
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import (
    ActionPoint,
    Allocation,
    Assessment,
    Attachment,
    BankQuestion,
    Base,
    Centre,
    Claim,
    Countersignature,
    CpdEntry,
    Decision,
    Evidence,
    EvidenceVersion,
    FeedbackAnswer,
    FeedbackRemark,
    Guidance,
    InterestDeclaration,
    ListedWitness,
    Person,
    Qualification,
    QuestionSet,
    Registration,
    Reopening,
    RequirementConfirmation,
    RetentionHold,
    Sample,
    SampleItem,
    SecondFactor,
    Signature,
    StaffAward,
    StaffCompetence,
    Unit,
    UnitAttempt,
    UnitDraft,
    VersionMove,
)
from tracker.portfolio.printing import build_blank_review, build_evidence_sheet, build_feedback_sheet
from tracker.portfolio.queries.index import find_registration, list_submitted_index
from tracker.portfolio.queries.item_records import load_item_record
from tracker.portfolio.queries.printed_feedback import load_feedback
from tracker.portfolio.views.index import build_index_row
from tracker.privacy.erasure import EVIDENCE_TEXTS
from tracker.recording_forms import rendering
from tracker.recording_forms.index_content import IndexContent
from tracker.recording_forms.queries import build_form_content
from tracker.staff.members import find_staff_member
from tracker.staff.queries.staff_record import load_staff_record
from tracker.staff.views.printing import build_content as build_staff_content
from tracker.web import text_direction
from tracker.web.formatting import paragraphs
from tracker.web.text_direction import (
    FIRST_STRONG_ISOLATE,
    POP_DIRECTIONAL_ISOLATE,
    is_right_to_left,
    isolate,
    isolate_output,
    isolate_runs,
    remove_direction_controls,
)
from tracker.witness_list.queries import list_printed
from tracker.witness_list.views.printing import build_content as build_witness_list

pytestmark = pytest.mark.one_database

ARABIC = "سارة"
TYPED: dict[type[Base], tuple[str, ...]] = {
    ActionPoint: ("action", "response"),
    Allocation: ("reason",),
    Assessment: ("feedback", "warnings_reason"),
    Attachment: ("name",),
    BankQuestion: ("text", "guidance"),
    QuestionSet: ("note", "taken_back_reason"),
    Centre: ("name",),
    Countersignature: ("reason",),
    CpdEntry: ("title", "learning", "evidence"),
    Claim: ("locator", "added_reason", "removed_reason"),
    Decision: ("comment",),
    Evidence: EVIDENCE_TEXTS,
    EvidenceVersion: EVIDENCE_TEXTS,
    FeedbackAnswer: ("text",),
    FeedbackRemark: ("text",),
    Guidance: ("title",),
    InterestDeclaration: ("interest", "answer", "ended_reason"),
    Person: ("name",),
    Qualification: ("title",),
    Registration: ("candidate_number", "awarding_body_number", "withdrawn_reason"),
    Reopening: ("reason",),
    RequirementConfirmation: ("note",),
    RetentionHold: ("reason", "lifted_reason"),
    Sample: ("comment",),
    SampleItem: ("comment",),
    SecondFactor: ("name",),
    Signature: ("comment", "unsampled_reason"),
    ListedWitness: ("name", "relationship", "cv"),
    StaffAward: ("title", "awarding_body", "certificate_number"),
    StaffCompetence: ("sector", "basis"),
    Unit: ("title",),
    UnitAttempt: ("closing_comment", "void_reason"),
    UnitDraft: ("title", "source_name"),
    VersionMove: ("reason",),
}
"""What people type, by the table that keeps it."""


@pytest.fixture
def demo(app: Flask, tmp_path: Path) -> Iterator[Flask]:
    """The app in demo mode, over a database without people."""
    paths = {f"{name.upper()}_PATH": tmp_path / name for name in ("attachments", "outbox", "keys", "checkpoints")}
    app.config.update(DEMO=True, **paths)
    app.extensions.pop("demo_checked", None)
    yield app
    app.extensions.pop("demo_checked", None)


def write_in_arabic() -> set[str]:
    """Begin everything that people typed with a right-to-left override and an Arabic word; return how it is shown."""
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        for name in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    shown = set()
    for model, names in TYPED.items():
        table = model.__table__
        for row in db.session.execute(select(table)).mappings().all():
            values = {name: f"\u202e{ARABIC} {row[name]}" for name in names if row[name]}
            if values:
                key = [column == row[column.name] for column in table.primary_key]
                db.session.execute(update(model).where(*key).values(**values))
            shown |= {remove_direction_controls(value) for value in values.values()}
    db.session.commit()
    return shown


def find_unisolated(page: str, shown: set[str]) -> list[str]:
    """Return the texts and attributes of a page in which typed Arabic is not isolated from our words."""
    root = html5lib.parse(page, namespaceHTMLElements=False)
    return [f"<{tag}> {value.strip()[:200]!r}" for tag, value in list_texts(root) if not is_isolated(value, shown)]


def list_texts(element: Element) -> Iterator[tuple[str, str]]:
    """Yield each text and attribute that is shown and cannot be typed in, with the tag of its element."""
    is_field = element.tag in {"input", "textarea"}
    yield from ((element.tag, value) for name, value in element.attrib.items() if not (is_field and name == "value"))
    if not is_field and element.get("dir") != "auto":
        yield element.tag, element.text or ""
        for child in element:
            yield from list_texts(child)
    for child in element:
        yield element.tag, child.tail or "" if element.get("dir") != "auto" else ""


def is_isolated(value: str, shown: set[str]) -> bool:
    """Return whether each typed text, or the beginning of one, is isolated alone."""
    isolated = re.findall(f"{FIRST_STRONG_ISOLATE}([^{POP_DIRECTIONAL_ISOLATE}]*){POP_DIRECTIONAL_ISOLATE}", value)
    return not is_right_to_left(text_direction.ISOLATED.sub("", value)) and all(
        any(each.startswith(typed.strip().removesuffix("…").strip()) for each in shown)
        for typed in isolated
        if is_right_to_left(typed)
    )


@pytest.mark.slow
def test_no_page_lets_typed_text_reorder_its_words(demo: Flask, client: Callable[[Person], FlaskClient]) -> None:
    pages = list_addresses(demo)
    people = {person.name.split()[0]: person for person in db.session.scalars(select(Person).order_by(Person.id))}
    browsers = {name: client(people[name]) if name else demo.test_client() for name in pages}
    shown = write_in_arabic()
    faults, with_arabic = [], 0
    for name, paths in pages.items():
        for path in paths:
            page = browsers[name].get(path).text
            with_arabic += ARABIC in page
            faults += [f"{name or 'nobody'} {path}: {each}" for each in find_unisolated(page, shown)]
    assert not faults, "\n".join(faults)
    assert with_arabic > 90


@pytest.mark.slow
def test_no_sheet_lets_typed_text_reorder_its_words(demo: Flask) -> None:
    list_addresses(demo)
    shown = write_in_arabic()
    attempts = list(db.session.scalars(select(UnitAttempt)))
    sheets = [
        rendering.environment()
        .get_template("recording_forms/recording_form.html")
        .render(form_content=build_form_content(attempt), blank_rows=0)
        for attempt in attempts
    ]
    for registration in db.session.scalars(select(Registration)):
        lines = list_submitted_index(registration.candidate_id, registration.centre_id, None)
        content = IndexContent(
            candidate_name=registration.candidate.name,
            candidate_number=registration.candidate_number,
            centre_name=registration.centre.name,
            printed_for=clock.today(),
            rows=tuple(build_index_row(line) for line in lines),
        )
        template = rendering.environment().get_template("recording_forms/index_of_evidence.html")
        sheets.append(template.render(form_content=content))
    for name in ("Bob", "Carol", "Gwen"):
        person = db.session.scalars(select(Person).where(Person.email == f"{name.lower()}@example.org")).one()
        member = find_staff_member(person.grants[0].centre_id, person.id)
        assert member
        template = rendering.environment().get_template("recording_forms/staff_record.html")
        sheets.append(template.render(form_content=build_staff_content(load_staff_record(member))))
    centre = db.session.scalars(select(Centre)).one()
    template = rendering.environment().get_template("recording_forms/witness_list.html")
    sheets.append(template.render(form_content=build_witness_list(centre, list_printed(centre.id))))
    sheets += list_sectioned_sheets()
    assert len(sheets) > 20
    assert all(ARABIC in sheet for sheet in sheets)
    assert [fault for sheet in sheets for fault in find_unisolated(sheet, shown)] == []


def list_sectioned_sheets() -> list[str]:
    """Return every printed item of a candidate with the feedback on it, and a blank sheet for each unit."""
    contents = []
    for version in db.session.scalars(select(EvidenceVersion).where(EvidenceVersion.author_id.is_(None))):
        evidence = version.evidence
        registration = find_registration(evidence.candidate_id, evidence.centre_id)
        assert registration
        feedback = load_feedback(evidence.id)
        claims = load_item_record(evidence.id).claims
        contents.append(build_evidence_sheet(version, registration, claims, feedback))
        contents.append(build_feedback_sheet(evidence.versions, registration, feedback))
    contents += [build_blank_review(attempt) for attempt in db.session.scalars(select(UnitAttempt))]
    template = rendering.environment().get_template("recording_forms/sectioned_sheet.html")
    return [template.render(form_content=each) for each in contents]


def test_no_email_lets_typed_text_reorder_its_words(demo: Flask, world: World) -> None:
    with transactions.transaction():
        world.alice.name = f"{ARABIC} علي 2"
    with transactions.transaction():
        emails.notify(world.bob, "unit_disputed:1", *build_unit_disputed_email(world.cfacc15))
        emails.notify(world.alice, "unit_signed:1", *build_unit_signed_email(world.cfacc15))
    to_alice, to_bob = outbox.load_outbox()
    assert to_bob["Subject"] == f"\u2068{ARABIC} علي\u2069 2 disputes CFACC15"
    assert f"\n\u2068{ARABIC} علي\u2069 2 disagrees with your decision" in to_bob.get_content()
    assert to_alice.get_content().startswith(f"Hello \u2068{ARABIC} علي\u2069 2,")
    page = demo.test_client().get("/outbox").text
    assert find_unisolated(page, {f"{ARABIC} علي"}) == []


def test_each_run_from_right_to_left_is_isolated_on_its_line() -> None:
    assert isolate_runs("“سارة علي (1)” of Bob, سارة\nسارة") == (
        "“\u2068سارة علي\u2069 (1)” of Bob, \u2068سارة\u2069\n\u2068سارة\u2069"
    )
    assert isolate_runs("Alice Moran\u202e claims 3") == "Alice Moran claims 3"
    assert isolate_runs("سا\u202eرة") == "\u2068سارة\u2069"


def test_what_is_isolated_already_is_not_isolated_again() -> None:
    sentence = f"{isolate('سارة Ali')} has answered."
    assert isolate_runs(sentence) == sentence


def test_every_name_in_a_message_is_isolated() -> None:
    name = re.compile(r"\{[\w.]*\b(?:person|candidate|centre|factor|attachment)\.name\}")
    sources = [path for part in ("views", "services") for path in Path("tracker").glob(f"*/{part}*/**/*.py")]
    sources += [path for part in ("views", "services") for path in Path("tracker").glob(f"*/{part}.py")]
    assert len(sources) > 80
    assert [f"{path}: {found}" for path in sources for found in name.findall(path.read_text())] == []


def test_a_text_with_right_to_left_letters_is_isolated() -> None:
    assert isolate("سارة علي") == "\u2068سارة علي\u2069"
    assert isolate("Alice Moran") == "Alice Moran"


def test_characters_that_override_a_direction_are_not_shown() -> None:
    assert isolate("exe\u202efdp.txt") == "\u2068exefdp.txt\u2069"
    assert isolate("a\u2069b\u2067c") == "\u2068abc\u2069"


def test_a_sentence_with_isolated_names_is_left_as_it_is() -> None:
    sentence = f"{isolate('سارة علي')} has the role of assessor here."
    assert isolate(sentence) == sentence


def test_markup_and_numbers_are_left_as_they_are() -> None:
    markup = Markup("<b>سارة</b>")
    assert isolate_output(markup) is markup
    assert isolate_output(7) == 7


def test_a_paragraph_with_right_to_left_letters_has_its_own_direction() -> None:
    assert paragraphs("سارة\u202e one\n\ntwo") == '<p dir="auto">سارة one</p>\n<p>two</p>'


def test_every_character_that_can_change_the_order_of_words_is_known() -> None:
    directions = {"R", "AL", "AN", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    characters = map(chr, range(0x110000))
    assert [c for c in characters if unicodedata.bidirectional(c) in directions and not is_right_to_left(c)] == []
