"""Changes to the unit fields of a working copy, and its typed texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.units.drafting.copies import copy_of
from tracker.errors import Invalid
from tracker.units.documents import Identifier, Paragraph
from tracker.units.drafting import units
from tracker.units.drafting.problems import build_unit
from tracker.units.drafting.working_copy import DraftDoubt

DOUBT = {"lines": [3], "what": "w", "assumed": "a"}


def test_title_code_and_version_change() -> None:
    after = units.change_unit(copy_of(), {"title": "Other", "code": "X 1", "version": "2.10"})
    assert build_unit(after).key == ("X 1", "2.10", 1)
    assert build_unit(after).title == "Other"


@pytest.mark.parametrize(("field", "value"), [("title", ""), ("code", "x" * 61), ("simulation", "perhaps")])
def test_change_that_the_format_refuses_is_refused(field: str, value: str) -> None:
    with pytest.raises(Invalid) as raised:
        units.change_unit(copy_of(), {field: value})
    assert raised.value.field == field


def test_emptied_metadata_is_none() -> None:
    after = units.change_metadata(copy_of(), {"level": " 4 ", "credit": " "})
    assert build_unit(after).metadata["level"] == "4"
    assert build_unit(after).metadata["credit"] is None


def test_requirements_are_changed_added_and_dropped() -> None:
    after = units.change_requirement(copy_of(), "q1", "1", "Do it thrice.", ["at work"])
    after = units.add_requirement(after, "", "And once more.")
    requirements = [(each.label, each.text, each.points) for each in build_unit(after).evidence_requirements]
    assert requirements == [("1", "Do it thrice.", ("at work",)), ("2", "And once more.", ())]


def test_requirement_without_text_is_not_added() -> None:
    with pytest.raises(Invalid, match="Write what the requirement says"):
        units.add_requirement(copy_of(), "2", " ")


def test_requirement_can_be_dropped() -> None:
    assert build_unit(units.drop_requirement(copy_of(), "q1")).evidence_requirements == ()


def test_doubt_can_be_resolved_and_reopened() -> None:
    after = units.resolve_doubt(copy_of(warnings=[DOUBT, DOUBT]), 0)
    assert units.list_open_doubts(after) == [1]
    assert units.list_open_doubts(units.resolve_doubt(after, 0, settled=False)) == [0, 1]
    with pytest.raises(Invalid, match="no longer exists"):
        units.resolve_doubt(after, 2)


@pytest.mark.parametrize(
    ("subject", "assumed", "sentence"),
    [
        ("No version is printed.", "1 is assumed.", "No version is printed. 1 is assumed."),
        ("the label is printed twice", "it is read as 2", "The label is printed twice: it is read as 2."),
    ],
)
def test_doubt_is_described_in_whole_sentences(subject: str, assumed: str, sentence: str) -> None:
    assert units.describe_doubt(DraftDoubt([], subject, assumed)) == sentence


def test_text_not_used_goes_to_the_overview_or_is_left_out() -> None:
    working = copy_of(unparsed=[{"lines": [4, 5], "text": "Some words."}])
    assert units.get_passage(working, 0) == ("Some words.", [4, 5])
    after = units.add_to_overview(working, 0)
    assert build_unit(after).overview[-1].text == "Some words."
    assert after.unparsed[0].placed
    assert units.mark_passage_handled(working, 0).unparsed[0].placed
    assert not working.unparsed[0].placed


WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ,.]{0,30}[A-Za-z0-9]", fullmatch=True).map(
    lambda text: " ".join(text.split())
)
PARAGRAPHS = st.lists(
    st.builds(Paragraph, text=WORDS, heading=st.none() | WORDS, points=st.lists(WORDS, max_size=3).map(tuple)),
    max_size=4,
)


@given(PARAGRAPHS)
def test_paragraphs_round_trip(paragraphs: list[Paragraph]) -> None:
    assert units.parse_typed_paragraphs(units.format_paragraphs(paragraphs)) == paragraphs


def test_points_alone_belong_to_the_previous_paragraph() -> None:
    paragraphs = units.parse_typed_paragraphs("They are:\r\n\r\n- rare\n- loud")
    assert paragraphs == [Paragraph("They are:", None, ("rare", "loud"))]


def test_identifiers_are_typed_one_per_line() -> None:
    text = "SQA: H128 04\n\nURN: a:b"
    identifiers = units.parse_identifiers(text)
    assert identifiers == [Identifier("SQA", "H128 04"), Identifier("URN", "a:b")]
    assert units.format_identifiers(identifiers) == text.replace("\n\n", "\n")
    with pytest.raises(Invalid, match="a colon and the value"):
        units.parse_identifiers("H128 04")


@pytest.mark.parametrize(
    ("code", "used_slugs", "slug"),
    [
        ("H128 04", set(), "h128-04"),
        ("CFAM&LFD3", set(), "cfamlfd3"),
        ("ÄÖ", set(), "unit"),
        ("CFACC15", {"cfacc15"}, "cfacc15-2-1-r3"),
        ("CFACC15", {"cfacc15", "cfacc15-2-1-r3"}, "cfacc15-2-1-r3-2"),
        ("x" * 200, set(), "x" * 90),
    ],
)
def test_slug_is_the_code_unless_it_is_taken(code: str, used_slugs: set[str], slug: str) -> None:
    assert units.make_free_slug(code, "2.1", 3, used_slugs) == slug
