"""Sections that hold no criteria: paragraphs, lists, and the evidence requirements."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Section
from tracker.unit_reader.line_wrapping import continues, merge_texts
from tracker.unit_reader.markers import parse_markers
from tracker.unit_reader.separate_labels import merge_lone_labels
from tracker.unit_reader.statements import split_items, split_statements
from tracker.units.documents import Paragraph, RequirementDocument

GENERIC_HEADINGS = {"overview", "scope", "scope/range", "range", "unit overview", "summary", "unit summary"}


def parse_paragraphs(section: Section, width: int) -> list[Paragraph]:
    """Return the paragraphs of an overview or a scope; a list belongs to the paragraph above it."""
    heading = section.heading.text if section.heading else None
    heading = None if heading is None or heading.rstrip(" :").casefold() in GENERIC_HEADINGS else heading
    paragraphs: list[Paragraph] = []
    previous: CleanLine | None = None
    for line in section.lines:
        last = paragraphs[-1] if paragraphs else None
        markers = parse_markers(line.text)
        if last and markers and not markers[0][0].is_ambiguous:
            text = markers[0][1] if markers[0][0].is_bullet else line.text
            paragraphs[-1] = replace(last, points=(*last.points, text))
        elif last and previous and continues(previous, line, width):
            paragraphs[-1] = _extend(last, line.text)
        elif line.is_heading:
            heading = line.text
        else:
            paragraphs.append(Paragraph(line.text, heading))
            heading = None
        previous = line
    return paragraphs


def _extend(paragraph: Paragraph, text: str) -> Paragraph:
    if paragraph.points:
        return replace(paragraph, points=(*paragraph.points[:-1], f"{paragraph.points[-1]} {text}"))
    return replace(paragraph, text=merge_texts(paragraph.text, text))


def parse_list(section: Section, width: int) -> list[str]:
    """Return the entries of a list such as skills, values or links, each with its points."""
    result = split_statements(section.lines, width)
    entries = [" ".join([each.text, *each.points]) for each in result.statements]
    return [*(text for _, text in result.unparsed), *entries]


def parse_rules(section: Section, width: int) -> list[str]:
    """Return the rules for the assessor, with wrapped lines merged and labels kept, since they name criteria."""
    rules: list[str] = []
    previous: CleanLine | None = None
    for line in section.lines:
        options = parse_markers(line.text)
        text = options[-1][1] if options and options[-1][0].is_bullet else line.text
        if previous and rules and not options and continues(previous, line, width):
            rules[-1] = f"{rules[-1]} {text}"
        else:
            rules.append(text)
        previous = line
    return rules


def parse_requirements(section: Section, width: int) -> tuple[str | None, list[RequirementDocument]]:
    """Return the text before the first evidence requirement, and the requirements."""
    first = next((index for index, line in enumerate(section.lines) if parse_markers(line.text)), 0)
    opening = [paragraph.text for paragraph in parse_paragraphs(Section(None, None, section.lines[:first]), width)]
    result = split_items(merge_lone_labels(section.lines[first:]), width)
    requirements: list[RequirementDocument] = []
    for statement in result.top_level:
        children = [f"{child.marker.label}) {child.text}" for child in statement.children if child.marker]
        label = statement.marker.label if statement.marker else ""
        position = len(requirements) + 1
        points = (*statement.points, *children)
        requirements.append(RequirementDocument(position, label or str(position), statement.text, points))
    return " ".join(opening) or None, _make_labels_distinct(requirements)


def _make_labels_distinct(requirements: Sequence[RequirementDocument]) -> list[RequirementDocument]:
    """Return the requirements numbered by position if their labels repeat."""
    labels = [each.label for each in requirements]
    if len(set(labels)) == len(labels):
        return list(requirements)
    return [replace(each, label=str(each.position)) for each in requirements]


def find_simulation_labels(texts: Iterable[str], labels: Collection[str]) -> frozenset[str] | None:
    """Return the labels of the criteria for which simulation is allowed; None if no text names any."""
    named_labels = {
        label
        for text in texts
        for match in phrases.SIMULATION_FOR_SOME.finditer(text)
        for label in re.findall(r"[A-Za-z]{0,3}\d{1,3}(?:\.\d{1,2})*|\b[a-z]\b", match[1])
        if label in labels
    }
    return frozenset(named_labels) or None


def forbids_simulation(texts: Sequence[str]) -> bool:
    """Return whether any text forbids simulation."""
    return any(phrases.SIMULATION_FORBIDDEN.search(text) for text in texts)
