"""Sections that hold no criteria: paragraphs, lists, and the evidence requirements."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Section
from tracker.unit_reader.line_wrapping import continues, run_on
from tracker.unit_reader.markers import read_markers
from tracker.unit_reader.separate_labels import join_lone_labels
from tracker.unit_reader.statements import split_items, split_statements
from tracker.units.documents import Paragraph, RequirementDocument

GENERIC = {"overview", "scope", "scope/range", "range", "unit overview", "summary", "unit summary"}


def read_paragraphs(section: Section, width: int) -> list[Paragraph]:
    """The paragraphs of an overview or a scope; a list belongs to the paragraph above it."""
    heading = section.heading.text if section.heading else None
    heading = None if heading is None or heading.rstrip(" :").casefold() in GENERIC else heading
    found: list[Paragraph] = []
    before: CleanLine | None = None
    for row in section.rows:
        last = found[-1] if found else None
        marked = read_markers(row.text)
        if last and marked and not marked[0][0].weak:
            text = marked[0][1] if marked[0][0].is_bullet else row.text
            found[-1] = replace(last, points=(*last.points, text))
        elif last and before and continues(before, row, width):
            found[-1] = _longer(last, row.text)
        elif row.heading:
            heading = row.text
        else:
            found.append(Paragraph(row.text, heading))
            heading = None
        before = row
    return found


def _longer(paragraph: Paragraph, text: str) -> Paragraph:
    if paragraph.points:
        return replace(paragraph, points=(*paragraph.points[:-1], f"{paragraph.points[-1]} {text}"))
    return replace(paragraph, text=run_on(paragraph.text, text))


def read_list(section: Section, width: int) -> list[str]:
    """Skills, values, links …: each entry, with what belongs to it behind it."""
    found = split_statements(section.rows, width)
    entries = [" ".join([each.text, *each.points]) for each in found.statements]
    return [*(text for _, text in found.unparsed), *entries]


def read_lines(section: Section, width: int) -> list[str]:
    """Rules for the assessor: each line with what was wrapped, its labels kept since they name criteria."""
    found: list[str] = []
    before: CleanLine | None = None
    for row in section.rows:
        options = read_markers(row.text)
        text = options[-1][1] if options and options[-1][0].is_bullet else row.text
        if before and found and not options and continues(before, row, width):
            found[-1] = f"{found[-1]} {text}"
        else:
            found.append(text)
        before = row
    return found


def read_requirements(section: Section, width: int) -> tuple[str | None, list[RequirementDocument]]:
    """The words before the first requirement, and the requirements."""
    first = next((at for at, row in enumerate(section.rows) if read_markers(row.text)), 0)
    opening = [paragraph.text for paragraph in read_paragraphs(Section(None, None, section.rows[:first]), width)]
    found = split_items(join_lone_labels(section.rows[first:]), width)
    requirements: list[RequirementDocument] = []
    for statement in found.top:
        children = [f"{child.marker.label}) {child.text}" for child in statement.children if child.marker]
        label = statement.marker.label if statement.marker else ""
        position = len(requirements) + 1
        points = (*statement.points, *children)
        requirements.append(RequirementDocument(position, label or str(position), statement.text, points))
    return " ".join(opening) or None, _distinct(requirements)


def _distinct(requirements: Sequence[RequirementDocument]) -> list[RequirementDocument]:
    """Labels that repeat say nothing: they are numbered by position instead."""
    labels = [each.label for each in requirements]
    if len(set(labels)) == len(labels):
        return list(requirements)
    return [replace(each, label=str(each.position)) for each in requirements]


def simulation_allowed_for(texts: Iterable[str], labels: Collection[str]) -> frozenset[str] | None:
    """The labels of the criteria for which simulation is said to be allowed; None where nothing names any."""
    found = {
        label
        for text in texts
        for match in phrases.SIMULATION_FOR_SOME.finditer(text)
        for label in re.findall(r"[A-Za-z]{0,3}\d{1,3}(?:\.\d{1,2})*|\b[a-z]\b", match[1])
        if label in labels
    }
    return frozenset(found) or None


def forbids_simulation(texts: Sequence[str]) -> bool:
    return any(phrases.SIMULATION_FORBIDDEN.search(text) for text in texts)
