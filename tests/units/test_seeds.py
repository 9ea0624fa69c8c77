"""The four units and the guidance of the standards folder."""

from itertools import groupby

import pytest

from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

LIBRARY = read_standards()
ONE_TO_18 = [str(number) for number in range(1, 19)]


def unit(code: str) -> UnitDocument:
    return LIBRARY.find_unit(code)


def criteria(code: str, kind: CriterionKind) -> list[CriterionDocument]:
    return [each for each in unit(code).criteria if each.kind is kind]


def performance(code: str) -> list[CriterionDocument]:
    return criteria(code, CriterionKind.PERFORMANCE)


def knowledge(code: str) -> list[CriterionDocument]:
    return criteria(code, CriterionKind.KNOWLEDGE)


def labels(statements: list[CriterionDocument]) -> list[str]:
    return [each.label for each in statements]


def origins(statements: list[CriterionDocument]) -> set[LabelOrigin]:
    return {each.label_origin for each in statements}


def group_sizes(statements: list[CriterionDocument]) -> list[int]:
    return [len(list(group)) for _, group in groupby(statements, key=lambda each: each.heading)]


def identifiers(code: str) -> list[tuple[str, str]]:
    return [(each.scheme, each.value) for each in unit(code).identifiers]


def test_seed_folder_has_no_faults() -> None:
    assert LIBRARY.faults == ()
    assert sorted(each.code for each in LIBRARY.units) == ["CFACC15", "CFAM&LFD3", "DELIVERCC", "INSCC004"]
    assert [each.slug for each in LIBRARY.guidance] == ["guidance-customer-service-procedures"]


@pytest.mark.parametrize(
    ("code", "slug", "title", "document_type"),
    [
        ("INSCC004", "inscc004", "Manage customer service in a contact centre", DocumentType.NOS),
        (
            "CFACC15",
            "cfacc15",
            "Supervise customer service activities in a contact centre team",
            DocumentType.SQA_UNIT,
        ),
        ("CFAM&LFD3", "cfamlfd3", "Manage customer service", DocumentType.NOS),
        ("DELIVERCC", "delivercc", "Deliver customer service in a contact centre", DocumentType.NOS),
    ],
)
def test_each_seed_has_its_identity(code: str, slug: str, title: str, document_type: DocumentType) -> None:
    seed = unit(code)
    assert (seed.slug, seed.title, seed.document_type) == (slug, title, document_type)
    assert (seed.version, seed.revision) == ("1", 1)


@pytest.mark.parametrize("code", ["INSCC004", "CFACC15", "CFAM&LFD3", "DELIVERCC"])
def test_positions_run_from_1_over_the_unit(code: str) -> None:
    statements = unit(code).criteria
    assert [each.position for each in statements] == list(range(1, len(statements) + 1))
    assert [each.kind for each in statements] == [each.kind for each in performance(code) + knowledge(code)]


@pytest.mark.parametrize("code", ["INSCC004", "CFACC15", "CFAM&LFD3", "DELIVERCC"])
def test_seed_criteria_are_assessable_and_not_nested(code: str) -> None:
    assert {(each.assessable, each.parent) for each in unit(code).criteria} == {(True, None)}


@pytest.mark.parametrize("code", ["INSCC004", "CFACC15", "CFAM&LFD3", "DELIVERCC"])
def test_each_seed_names_its_source(code: str) -> None:
    assert unit(code).provenance.source
    assert unit(code).provenance.read


class TestInscc004:
    def test_18_performance_criteria_in_two_groups(self) -> None:
        assert labels(performance("INSCC004")) == ONE_TO_18
        assert group_sizes(performance("INSCC004")) == [12, 6]
        assert origins(performance("INSCC004")) == {LabelOrigin.PUBLISHED}

    def test_19_knowledge_items_keep_their_numbers_beside_the_unnumbered_line(self) -> None:
        assert labels(knowledge("INSCC004")) == [*ONE_TO_18[:6], "6a", *ONE_TO_18[6:], "19"]

    def test_the_unnumbered_line_is_an_item_of_its_own(self) -> None:
        (item,) = [each for each in unit("INSCC004").criteria if each.label_origin is LabelOrigin.ASSIGNED]
        assert item.label == "6a"
        assert item.text == "how to manage monitoring of customer service performance and feedback"
        assert item.assessable
        assert item.note
        assert "criterion 7" in item.note

    def test_codes_and_identifiers(self) -> None:
        assert identifiers("INSCC004") == [("URN", "INSCC004"), ("Original URN", "CfA CC16")]

    def test_nine_headings_are_empty(self) -> None:
        seed = unit("INSCC004")
        assert len(seed.empty_headings) == 9
        assert {"Scope/range", "Scope Performance", "Glossary", "External Links"} < set(seed.empty_headings)
        assert (seed.skills, seed.values, seed.glossary) == ((), (), ())

    def test_version_number_is_not_a_criterion(self) -> None:
        assert "1" not in [each.text for each in unit("INSCC004").criteria]

    def test_review_date_is_read(self) -> None:
        seed = unit("INSCC004")
        review = seed.dates["review"]
        assert review
        assert (review.text, review.date, review.precision) == ("01 Mar 2026", "2026-03-01", "day")
        assert seed.metadata["validity"] == "Current"

    def test_simulation_is_unstated(self) -> None:
        assert unit("INSCC004").simulation is Simulation.UNSTATED


class TestCfacc15:
    def test_13_performance_criteria_in_two_groups(self) -> None:
        assert labels(performance("CFACC15")) == ONE_TO_18[:13]
        assert group_sizes(performance("CFACC15")) == [7, 6]

    def test_knowledge_is_lettered_without_brackets(self) -> None:
        assert labels(knowledge("CFACC15")) == list("abcdefghijk")
        assert origins(knowledge("CFACC15")) == {LabelOrigin.PUBLISHED}

    def test_codes_and_full_code(self) -> None:
        assert identifiers("CFACC15") == [("SQA", "H128 04"), ("NOS", "CFACC15")]
        assert unit("CFACC15").full_code == "H128 04 (CFACC15)"

    def test_evidence_requirements_are_not_criteria(self) -> None:
        requirements = unit("CFACC15").evidence_requirements
        assert [(each.label, len(each.points)) for each in requirements] == [
            ("1", 0),
            ("2", 0),
            ("3", 0),
            ("4", 3),
            ("5", 2),
        ]
        assert not {each.text for each in requirements} & {each.text for each in unit("CFACC15").criteria}

    def test_simulation_is_forbidden(self) -> None:
        assert unit("CFACC15").simulation is Simulation.FORBIDDEN

    def test_running_title_is_not_a_heading(self) -> None:
        assert not any("H128" in (each.heading or "") for each in unit("CFACC15").criteria)


class TestCfamlfd3:
    def test_16_performance_criteria_with_assigned_labels(self) -> None:
        assert labels(performance("CFAM&LFD3")) == ONE_TO_18[:16]
        assert origins(performance("CFAM&LFD3")) == {LabelOrigin.ASSIGNED}
        assert group_sizes(performance("CFAM&LFD3")) == [16]

    def test_18_knowledge_items_in_three_groups(self) -> None:
        assert labels(knowledge("CFAM&LFD3")) == ONE_TO_18
        assert group_sizes(knowledge("CFAM&LFD3")) == [11, 2, 5]

    def test_13_skills_are_not_criteria(self) -> None:
        seed = unit("CFAM&LFD3")
        assert len(seed.skills) == 13
        assert not set(seed.skills) & {each.text for each in seed.criteria}

    def test_title_and_code_are_noted_as_not_read_from_the_heading(self) -> None:
        notes = " ".join(unit("CFAM&LFD3").notes)
        assert notes.count("not read from the heading") == 2
        assert "INSML052" in notes

    def test_identifiers_are_those_printed(self) -> None:
        assert identifiers("CFAM&LFD3") == [("Original URN", "CFAM&LFD3")]

    def test_stray_image_name_is_left_out(self) -> None:
        assert ".png" not in str(unit("CFAM&LFD3").as_json())


class TestDelivercc:
    def test_27_performance_criteria_in_four_groups(self) -> None:
        assert labels(performance("DELIVERCC")) == [*ONE_TO_18, *(str(number) for number in range(19, 28))]
        assert group_sizes(performance("DELIVERCC")) == [9, 7, 5, 6]
        assert origins(performance("DELIVERCC")) == {LabelOrigin.PUBLISHED}

    def test_26_bullets_of_knowledge_with_assigned_labels(self) -> None:
        assert labels(knowledge("DELIVERCC")) == [str(number) for number in range(1, 27)]
        assert origins(knowledge("DELIVERCC")) == {LabelOrigin.ASSIGNED}

    def test_no_urn_is_guessed(self) -> None:
        assert unit("DELIVERCC").identifiers == ()
        assert set(unit("DELIVERCC").metadata.values()) == {None}


class TestGuidance:
    def test_guidance_is_not_a_unit(self) -> None:
        (guidance,) = LIBRARY.guidance
        assert guidance.slug not in {each.slug for each in LIBRARY.units}
        counts = (guidance.key_concepts, guidance.tips, guidance.misconceptions, guidance.marking_points)
        assert [len(each) for each in counts] == [5, 3, 3, 3]

    def test_tip_on_simulated_data_has_a_warning_for_cfacc15_only(self) -> None:
        (guidance,) = LIBRARY.guidance
        warnings = {each.code: each.warning for each in guidance.units}
        assert any("simulated" in tip for tip in guidance.tips)
        assert "evidence requirement 1" in (warnings.pop("CFACC15") or "")
        assert set(warnings.values()) == {None}
