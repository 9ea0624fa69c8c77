"""Our own YAML, as the standards folder holds it; several units stand one after another behind `---`."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import yaml
from marshmallow import ValidationError

from tracker.errors import Invalid
from tracker.units.documents import CriterionDocument, Paragraph, UnitDocument
from tracker.units.formats.exchanged import ExchangedLink, Read, Written, decoded, left_links
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import Fault, fault_lines, read_text, yaml_fault
from tracker.vocabulary import CriterionKind, LabelOrigin

LISTS = ("assessor_rules", "skills", "values", "behaviours", "glossary", "links", "external_links", "empty_headings")
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z][A-Za-z0-9_-]*)*")
RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


def read(body: bytes) -> Read:
    """The units of a file. Raises `Invalid` with every fault, a line each."""
    units: list[UnitDocument] = []
    faults: list[str] = []
    texts = [text for text in SEPARATOR.split(decoded(body)) if text.strip()]
    for number, text in enumerate(texts, start=1):
        where = f"unit {number}: " if len(texts) > 1 else ""
        try:
            units.append(read_text(text, UnitSchema()))
        except Fault as fault:
            faults.append(f"{where}{fault}")
        except yaml.YAMLError as error:
            faults.append(f"{where}{yaml_fault(error)}")
        except ValidationError as error:
            faults.extend(f"{where}{line}" for line in fault_lines(error.messages))
        except RecursionError:
            faults.append(f"{where}it is nested too deeply; write it flatter")
    if faults:
        raise Invalid("\n".join(faults[:50]), "file")
    return Read(tuple(units))


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    body = "---\n".join(map(write_unit, units)).encode()
    return Written(body, left_links(links))


def write_unit(unit: UnitDocument) -> str:
    """A unit as a file of `standards/units`; what is empty is left out. Read back it is the same unit."""
    return "".join(f"{line}\n" for line in _unit(unit))


def _unit(unit: UnitDocument) -> Iterator[str]:
    yield f"code: {scalar(unit.code)}"
    yield f"slug: {scalar(unit.slug)}"
    yield f"title: {quoted(unit.title)}"
    yield f"document_type: {unit.document_type}"
    yield f"version: {quoted(unit.version)}"
    yield f"revision: {unit.revision}"
    if unit.identifiers:
        yield "identifiers:"
        for each in unit.identifiers:
            yield f"  - scheme: {scalar(each.scheme)}"
            yield f"    value: {scalar(each.value)}"
    yield f"simulation: {unit.simulation}"
    stated = {key: value for key, value in unit.metadata.items() if value}
    if stated:
        yield "metadata:"
        yield from (f"  {key}: {quoted(value)}" for key, value in stated.items())
    yield from _paragraphs("overview", unit.overview)
    yield from _paragraphs("scope", unit.scope)
    for kind in CriterionKind:
        yield from _criteria(kind, [each for each in unit.criteria if each.kind is kind])
    if unit.evidence_requirements_introduction:
        yield f"evidence_requirements_introduction: {quoted(unit.evidence_requirements_introduction)}"
    if unit.evidence_requirements:
        yield "evidence_requirements:"
        for requirement in unit.evidence_requirements:
            yield f"  - label: {quoted(requirement.label)}"
            yield f"    text: {quoted(requirement.text)}"
            yield from _list("points", requirement.points, "    ")
    for key in LISTS:
        yield from _list(key, getattr(unit, key), "")
    yield "provenance:"
    yield f"  source: {quoted(unit.provenance.source)}"
    yield f"  read: {quoted(unit.provenance.read)}"
    yield from _list("notes", unit.notes, "")


def _paragraphs(key: str, paragraphs: Sequence[Paragraph]) -> Iterator[str]:
    if paragraphs:
        yield f"{key}:"
    for each in paragraphs:
        if not each.heading and not each.points:
            yield f"  - {quoted(each.text)}"
            continue
        lines = [f"heading: {quoted(each.heading)}"] if each.heading else []
        lines += [f"text: {quoted(each.text)}", *_list("points", each.points, "")]
        yield from _entry(lines, "  ")


def _criteria(kind: CriterionKind, criteria: Sequence[CriterionDocument]) -> Iterator[str]:
    if criteria:
        yield f"{kind}:"
    outermost = [each for each in criteria if each.parent is None]
    inside: dict[int, list[CriterionDocument]] = defaultdict(list)
    for each in criteria:
        inside[each.parent or 0].append(each)
    for heading, group in groupby(outermost, key=lambda each: each.heading):
        lines = [f"heading: {quoted(heading)}"] if heading else []
        lines.append("items:")
        for each in group:
            lines.extend(_entry(_item(each, inside), "  "))
        yield from _entry(lines, "  ")


def _item(criterion: CriterionDocument, inside: Mapping[int, list[CriterionDocument]]) -> list[str]:
    inner = inside.get(criterion.position, [])
    lines = [f"label: {quoted(criterion.label)}"]
    if criterion.label_origin is not LabelOrigin.PUBLISHED:
        lines.append(f"label_origin: {criterion.label_origin}")
    lines.append(f"text: {quoted(criterion.text)}")
    if criterion.assessable == bool(inner):
        lines.append(f"assessable: {'true' if criterion.assessable else 'false'}")
    lines.extend(_list("points", criterion.points, ""))
    if criterion.selection:
        lines.append(f"selection: {quoted(criterion.selection)}")
    if criterion.simulation_allowed is not None:
        lines.append(f"simulation_allowed: {'true' if criterion.simulation_allowed else 'false'}")
    if criterion.note:
        lines.append(f"note: {quoted(criterion.note)}")
    if inner:
        lines.append("items:")
        for each in inner:
            lines.extend(_entry(_item(each, inside), "  "))
    return lines


def _list(key: str, entries: Sequence[str], indent: str) -> Iterator[str]:
    if entries:
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {quoted(each)}" for each in entries)


def _entry(lines: Sequence[str], indent: str) -> Iterator[str]:
    """Lines as one entry of a list."""
    for number, line in enumerate(lines):
        yield f"{indent}{'  ' if number else '- '}{line}"


def scalar(text: str) -> str:
    """A word as it is, anything else in quotes."""
    return text if PLAIN.fullmatch(text) and text.casefold() not in RESERVED else quoted(text)


def quoted(text: Any) -> str:
    """A text in double quotes, as JSON writes it, which YAML reads."""
    written = json.dumps(text, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
