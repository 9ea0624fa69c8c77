"""The units of the standards folder have every word of their sources, in order, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracker.units.documents import GuidanceDocument, UnitDocument
from tracker.units.standards_folder import read_standards

SEEDS = Path(__file__).parents[1] / "seeds"
LIBRARY = read_standards()
MARKERS = re.compile(r"[\s\-◆]*(?:\d{1,2}\.?|\([a-k]\))?\s*")

LEFT_OVER = {
    "INSCC004": [
        "Manage customer service in a contact centre",
        "URN: INSCC004",
        "Business Sectors (Suites): Contact Centre",
        "Developed by: Skills CFA",
        "Approved on: 05 Feb 2021",
        "Overview",
        "Performance criteria",
        "You must be able to:",
        "Knowledge and Understanding",
        "You need to know and understand:",
        "Scope/range",
        "Scope Performance",
        "Scope Knowledge",
        "Values",
        "Behaviours",
        "Skills",
        "Glossary",
        "Links To Other NOS",
        "External Links",
        "Version Number",
        "Indicative Review Date",
        "01 Mar 2026",
        "Validity",
        "Current",
        "Status",
        "Original",
        "Originating Organisation",
        "Instructus",
        "Original URN",
        "CfA CC16",
        "Relevant Occupations",
        "Adviser, Agent, Contact Centre Operator",
        "SOC Code",
        "7211",
        "Keywords",
        "Contact Centre, customer service, management, customer contact, communication, escalation processes, customer service performance, customer feedback, organisational requirements",
    ],
    "CFACC15": [
        "H128 04 (CFACC15) Supervise customer service activities in a contact centre team",
        "Overview",
        "Performance Criteria",
        "You must be able to:",
        "H128 04 (CFACC15) Supervise customer service activities in a contact centre team",
        "Knowledge and Understanding",
        "You need to know and understand:",
        "H128 04 (CFACC15) Supervise customer service activities in a contact centre team",
        "Evidence Requirements",
        "H128 04 (CFACC15) Supervise customer service activities in a contact centre team",
    ],
    "CFAM&LFD3": [
        "Overview",
        "Performance criteria",
        "You must be able to:",
        "Knowledge and understanding",
        "You need to know and understand:",
        "Skills",
        "Developed by",
        "Skills CFA",
        "Version Number",
        "Date Approved",
        "12 Feb 2021",
        "Indicative Review Date",
        "01 Mar 2026",
        "Validity",
        "Current",
        "Status",
        "Original",
        "Originating Organisation",
        "Instructus",
        "Original URN",
        "CFAM&LFD3",
        "Relevant Occupations",
        "Managers and Senior Officials",
        "Suite",
        "Management and Leadership",
        "Keywords",
        "Management & leadership; manage; customer service",
        "1333e814-f772-494c-bfba-c038fa5019fc.png",
    ],
    "DELIVERCC": [
        "Deliver customer service in a contact centre",
        "Overview",
        "Performance criteria",
        "You must be able to:",
        "Knowledge and Understanding",
        "You need to know and understand:",
    ],
    "guidance": [
        (
            "This subtopic equips learners with the skills to design and implement effective customer service procedures "
            "tailored to contact centre environments, ensuri"
        ),
        "Topic Synopsis",
        "Key Concepts & Core Principles",
        "Exam Tips & Revision Strategies",
        "Common Misconceptions & Mistakes to Avoid",
        "Examiner Marking Points",
    ],
}
"""The words of the sources besides the texts: titles, headings, metadata and noise."""

SOURCES = {
    "INSCC004": "INSCC004.txt",
    "CFACC15": "CFACC15.txt",
    "CFAM&LFD3": "CFAMLFD3.txt",
    "DELIVERCC": "deliver-customer-service.txt",
}


def without_texts(source: str, texts: Iterator[str]) -> list[str]:
    """Return what remains of the source after removing each text; fail on the first that does not come next."""
    remainders, end = [], 0
    for text in texts:
        position = source.find(text, end)
        assert position >= 0, f"not in the source, or not in this place: {text}"
        remainders.append(source[end:position])
        end = position + len(text)
    lines = "\n".join([*remainders, source[end:]]).splitlines()
    return [line.strip() for line in lines if not MARKERS.fullmatch(line)]


def texts_of(unit: UnitDocument) -> Iterator[str]:
    for paragraph in unit.overview:
        yield from filter(None, (paragraph.heading, paragraph.text))
    heading = None
    for each in unit.criteria:
        if each.heading and each.heading != heading:
            yield each.heading
        heading = each.heading
        yield each.text
    yield from filter(None, [unit.evidence_requirements_introduction])
    for required in unit.evidence_requirements:
        yield from (required.text, *required.points)
    yield from unit.skills


def texts_of_guidance(guidance: GuidanceDocument) -> Iterator[str]:
    yield guidance.synopsis
    for points in (guidance.key_concepts, guidance.tips, guidance.misconceptions, guidance.marking_points):
        yield from points


@pytest.mark.parametrize("code", SOURCES)
def test_unit_has_exactly_the_words_of_its_source(code: str) -> None:
    source = (SEEDS / SOURCES[code]).read_text(encoding="utf-8").partition("Candidate Recording Form")[0]
    assert without_texts(source, texts_of(LIBRARY.find_unit(code))) == LEFT_OVER[code]


@pytest.mark.parametrize("code", SOURCES)
def test_unit_has_the_metadata_of_its_source(code: str) -> None:
    source = (SEEDS / SOURCES[code]).read_text(encoding="utf-8")
    values = [value for value in LIBRARY.find_unit(code).metadata.values() if value]
    assert [value for value in values if value not in source] == []
    assert len(values) == {"INSCC004": 10, "CFAM&LFD3": 9}.get(code, 0)


def test_guidance_has_exactly_the_words_of_its_source() -> None:
    (guidance,) = LIBRARY.guidance
    source = (SEEDS / "guidance-customer-service-procedures.txt").read_text(encoding="utf-8")
    head, _, body = source.partition("Topic Synopsis")  # the source begins with the synopsis cut short
    remainders = without_texts("Topic Synopsis" + body, texts_of_guidance(guidance))
    assert [head.strip(), *remainders] == LEFT_OVER["guidance"]


def test_changed_word_is_noticed() -> None:
    source = "1. deal with customers\n2. close the call\n"
    assert without_texts(source, iter(["deal with customers"])) == ["2. close the call"]
    with pytest.raises(AssertionError, match="close this call"):
        without_texts(source, iter(["deal with customers", "close this call"]))
