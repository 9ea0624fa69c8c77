"""A unit formatted for reading in a terminal."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from tracker.units.documents import CriterionDocument, Paragraph, UnitDocument
from tracker.units.evidence_rules import describe_rule, label_criteria

MIN_WIDTH, MAX_WIDTH = 40, 110


def format_unit(unit: UnitDocument) -> str:
    """Return all the content of the unit, wrapped to the width of the terminal."""
    return "\n".join(_format_lines(unit))


def _format_lines(unit: UnitDocument) -> Iterator[str]:
    yield from _format_identity(unit)
    yield from _format_paragraphs("Overview", unit.overview)
    yield from _format_paragraphs("Scope", unit.scope)
    yield from _format_criteria(unit)
    yield from _format_requirements(unit)
    yield from _format_evidence_guidance(unit)
    for name, entries in _get_lists(unit):
        if entries:
            yield from ("", name)
            yield from _wrap_entries(entries, "  ")


def _format_identity(unit: UnitDocument) -> Iterator[str]:
    yield from _wrap(f"{unit.full_code}  {unit.title}")
    yield f"{unit.document_type.label}, version {unit.version}, revision {unit.revision}"
    identifiers = ", ".join(f"{each.scheme} {each.value}" for each in unit.identifiers)
    yield from _wrap(f"Identifiers: {identifiers or 'the source prints none'}")
    yield f"{unit.simulation.label}."
    for key, printed in unit.metadata.items():
        if printed:
            yield from _wrap(f"{key.replace('_', ' ').capitalize()}: {printed}")


def _format_criteria(unit: UnitDocument) -> Iterator[str]:
    for kind, statements in groupby(unit.criteria, key=lambda each: each.kind):
        yield from ("", kind.label)
        for heading, group in groupby(statements, key=lambda each: each.heading):
            yield from _wrap(heading or "", "  ")
            for each in group:
                yield from _format_criterion(each)


def _format_requirements(unit: UnitDocument) -> Iterator[str]:
    if unit.evidence_requirements:
        yield from ("", "Evidence requirements")
        yield from _wrap(unit.evidence_requirements_introduction or "", "  ")
    for each in unit.evidence_requirements:
        yield from _wrap_labelled(each.label, each.text)
        yield from _wrap_entries(each.points, "          ")


def _format_evidence_guidance(unit: UnitDocument) -> Iterator[str]:
    if unit.evidence_guidance:
        yield from ("", "Evidence guidance (our reading)")
    labels = label_criteria(unit.assessable)
    for rule in unit.evidence_guidance:
        checked = f"{rule.kind.label}: " if rule.is_assessor_check else ""
        source = f" (evidence requirement {rule.requirement})" if rule.requirement else ""
        yield from _wrap_entries([f"{checked}{describe_rule(rule, labels)}{source}"], "  ")


def _get_lists(unit: UnitDocument) -> tuple[tuple[str, Sequence[str]], ...]:
    return (
        ("Rules for the assessor", unit.assessor_rules),
        ("Skills", unit.skills),
        ("Values", unit.values),
        ("Behaviours", unit.behaviours),
        ("Glossary", unit.glossary),
        ("Links to other units", unit.links),
        ("External links", unit.external_links),
        ("Empty headings", unit.empty_headings),
        ("Notes", unit.notes),
        ("Provenance", (unit.provenance.source, unit.provenance.read)),
    )


def _format_paragraphs(name: str, paragraphs: Sequence[Paragraph]) -> Iterator[str]:
    if paragraphs:
        yield from ("", name)
    for each in paragraphs:
        yield from _wrap(each.heading or "", "  ")
        yield from _wrap(each.text, "  ")
        yield from _wrap_entries(each.points, "    ")


def _format_criterion(each: CriterionDocument) -> Iterator[str]:
    indent = "  " if each.parent else ""
    yield from _wrap_labelled(indent + each.label, each.text)
    yield from _wrap_entries(each.points, "          ")
    simulation = {True: "Simulation is allowed.", False: "Simulation is not allowed.", None: None}
    for remark in (each.selection, simulation[each.simulation_allowed], each.note):
        yield from _wrap(f"({remark})" if remark else "", "          ")


def _wrap_labelled(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, _get_width(), initial_indent=f"  {label:>4}  ", subsequent_indent="        ")


def _wrap_entries(entries: Sequence[str], indent: str) -> Iterator[str]:
    for entry in entries:
        yield from textwrap.wrap(entry, _get_width(), initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  ")


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _get_width(), initial_indent=indent, subsequent_indent=indent)


def _get_width() -> int:
    return min(MAX_WIDTH, max(MIN_WIDTH, shutil.get_terminal_size((MAX_WIDTH, 24)).columns))
