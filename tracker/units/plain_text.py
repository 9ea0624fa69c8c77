"""A unit formatted for reading in a terminal."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from tracker.units.documents import CriterionDocument, Paragraph, UnitDocument

MIN_WIDTH, MAX_WIDTH = 40, 110


def format_unit(unit: UnitDocument) -> str:
    """Return all the content of the unit, wrapped to the width of the terminal."""
    return "\n".join(_lines(unit))


def _lines(unit: UnitDocument) -> Iterator[str]:
    yield from _identity(unit)
    yield from _paragraphs("Overview", unit.overview)
    yield from _paragraphs("Scope", unit.scope)
    yield from _criteria(unit)
    yield from _requirements(unit)
    for name, entries in _lists(unit):
        if entries:
            yield from ("", name)
            yield from _listed(entries, "  ")


def _identity(unit: UnitDocument) -> Iterator[str]:
    yield from _wrapped(f"{unit.full_code}  {unit.title}")
    yield f"{unit.document_type.label}, version {unit.version}, revision {unit.revision}"
    identifiers = ", ".join(f"{each.scheme} {each.value}" for each in unit.identifiers)
    yield from _wrapped(f"Identifiers: {identifiers or 'the source prints none'}")
    yield f"{unit.simulation.label}."
    for key, printed in unit.metadata.items():
        if printed:
            yield from _wrapped(f"{key.replace('_', ' ').capitalize()}: {printed}")


def _criteria(unit: UnitDocument) -> Iterator[str]:
    for kind, statements in groupby(unit.criteria, key=lambda each: each.kind):
        yield from ("", kind.label)
        for heading, group in groupby(statements, key=lambda each: each.heading):
            yield from _wrapped(heading or "", "  ")
            for each in group:
                yield from _criterion(each)


def _requirements(unit: UnitDocument) -> Iterator[str]:
    if unit.evidence_requirements:
        yield from ("", "Evidence requirements")
        yield from _wrapped(unit.evidence_requirements_introduction or "", "  ")
    for each in unit.evidence_requirements:
        yield from _labelled(each.label, each.text)
        yield from _listed(each.points, "          ")


def _lists(unit: UnitDocument) -> tuple[tuple[str, Sequence[str]], ...]:
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


def _paragraphs(name: str, paragraphs: Sequence[Paragraph]) -> Iterator[str]:
    if paragraphs:
        yield from ("", name)
    for each in paragraphs:
        yield from _wrapped(each.heading or "", "  ")
        yield from _wrapped(each.text, "  ")
        yield from _listed(each.points, "    ")


def _criterion(each: CriterionDocument) -> Iterator[str]:
    inset = "  " if each.parent else ""
    yield from _labelled(inset + each.label, each.text)
    yield from _listed(each.points, "          ")
    simulation = {True: "Simulation is allowed.", False: "Simulation is not allowed.", None: None}
    for remark in (each.selection, simulation[each.simulation_allowed], each.note):
        yield from _wrapped(f"({remark})" if remark else "", "          ")


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, _width(), initial_indent=f"  {label:>4}  ", subsequent_indent="        ")


def _listed(entries: Sequence[str], inset: str) -> Iterator[str]:
    for entry in entries:
        yield from textwrap.wrap(entry, _width(), initial_indent=f"{inset}- ", subsequent_indent=f"{inset}  ")


def _wrapped(text: str, inset: str = "") -> list[str]:
    return textwrap.wrap(text, _width(), initial_indent=inset, subsequent_indent=inset)


def _width() -> int:
    return min(MAX_WIDTH, max(MIN_WIDTH, shutil.get_terminal_size((MAX_WIDTH, 24)).columns))
