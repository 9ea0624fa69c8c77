"""Units as YAML, as the standards folder holds them; several units in one file are separated by `---`."""

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
from tracker.units.evidence_rules import EvidenceRule
from tracker.units.formats.files import ExchangedLink, FileContents, WrittenFile, decode_text, describe_omitted_links
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import StandardsFileError, describe_yaml_error, format_errors, parse_document
from tracker.vocabulary import CriterionKind, LabelOrigin

LIST_KEYS = (
    "assessor_rules",
    "skills",
    "values",
    "behaviours",
    "glossary",
    "links",
    "external_links",
    "empty_headings",
)
PLAIN_SCALAR = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z][A-Za-z0-9_-]*)*")
RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


def read(body: bytes) -> FileContents:
    """Read the units of a file.

    Raises:
        Invalid: The file has faults; the message lists them, one per line.
    """
    units: list[UnitDocument] = []
    faults: list[str] = []
    texts = [text for text in SEPARATOR.split(decode_text(body)) if text.strip()]
    for number, text in enumerate(texts, start=1):
        where = f"unit {number}: " if len(texts) > 1 else ""
        try:
            units.append(parse_document(text, UnitSchema()))
        except StandardsFileError as fault:
            faults.append(f"{where}{fault}")
        except yaml.YAMLError as error:
            faults.append(f"{where}{describe_yaml_error(error)}")
        except ValidationError as error:
            faults.extend(f"{where}{line}" for line in format_errors(error.messages))
        except RecursionError:
            faults.append(f"{where}it is nested too deeply; use fewer levels")
    if faults:
        raise Invalid("\n".join(faults[:50]), "file")
    return FileContents(tuple(units))


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write units as YAML, separated by `---`."""
    body = "---\n".join(map(format_unit_yaml, units)).encode()
    return WrittenFile(body, describe_omitted_links(links))


def format_unit_yaml(unit: UnitDocument) -> str:
    """Return a unit as a file of `standards/units`, without empty keys. Read back, it is the same unit."""
    return "".join(f"{line}\n" for line in _list_lines(unit))


def _list_lines(unit: UnitDocument) -> Iterator[str]:
    yield f"code: {format_scalar(unit.code)}"
    yield f"slug: {format_scalar(unit.slug)}"
    yield f"title: {quote(unit.title)}"
    yield f"document_type: {unit.document_type}"
    yield f"version: {quote(unit.version)}"
    yield f"revision: {unit.revision}"
    if unit.identifiers:
        yield "identifiers:"
        for each in unit.identifiers:
            yield f"  - scheme: {format_scalar(each.scheme)}"
            yield f"    value: {format_scalar(each.value)}"
    yield f"simulation: {unit.simulation}"
    stated = {key: value for key, value in unit.metadata.items() if value}
    if stated:
        yield "metadata:"
        yield from (f"  {key}: {quote(value)}" for key, value in stated.items())
    yield from _format_paragraphs("overview", unit.overview)
    yield from _format_paragraphs("scope", unit.scope)
    for kind in CriterionKind:
        yield from _format_criteria(kind, [each for each in unit.criteria if each.kind is kind])
    if unit.evidence_requirements_introduction:
        yield f"evidence_requirements_introduction: {quote(unit.evidence_requirements_introduction)}"
    if unit.evidence_requirements:
        yield "evidence_requirements:"
        for requirement in unit.evidence_requirements:
            yield f"  - label: {quote(requirement.label)}"
            yield f"    text: {quote(requirement.text)}"
            yield from _format_list("points", requirement.points, "    ")
    for key in LIST_KEYS:
        yield from _format_list(key, getattr(unit, key), "")
    yield from _format_evidence_guidance(unit.evidence_guidance)
    yield "provenance:"
    yield f"  source: {quote(unit.provenance.source)}"
    yield f"  read: {quote(unit.provenance.read)}"
    yield from _format_list("notes", unit.notes, "")


def _format_evidence_guidance(rules: Sequence[EvidenceRule]) -> Iterator[str]:
    if rules:
        yield "evidence_guidance:"
    for rule in rules:
        yield from _format_list_entry(_format_rule(rule), "  ")


def _format_rule(rule: EvidenceRule) -> list[str]:
    lines = [f"kind: {rule.kind}"]
    lines += [
        f"{key}: {value}"
        for key, value in (("at_least", rule.at_least), ("at_most", rule.at_most), ("part", rule.part))
        if value is not None
    ]
    if rule.methods:
        lines.append(f"methods: [{', '.join(rule.methods)}]")
    if rule.criteria:
        lines.append(f"criteria: [{', '.join(map(quote, rule.criteria))}]")
    lines += [
        f"{key}: {quote(value)}"
        for key, value in (("heading", rule.heading), ("requirement", rule.requirement), ("text", rule.text))
        if value is not None
    ]
    return [*lines, *(["each_criterion: true"] if rule.each_criterion else [])]


def _format_paragraphs(key: str, paragraphs: Sequence[Paragraph]) -> Iterator[str]:
    if paragraphs:
        yield f"{key}:"
    for each in paragraphs:
        if not each.heading and not each.points:
            yield f"  - {quote(each.text)}"
            continue
        lines = [f"heading: {quote(each.heading)}"] if each.heading else []
        lines += [f"text: {quote(each.text)}", *_format_list("points", each.points, "")]
        yield from _format_list_entry(lines, "  ")


def _format_criteria(kind: CriterionKind, criteria: Sequence[CriterionDocument]) -> Iterator[str]:
    if criteria:
        yield f"{kind}:"
    outermost = [each for each in criteria if each.parent is None]
    inside: dict[int, list[CriterionDocument]] = defaultdict(list)
    for each in criteria:
        inside[each.parent or 0].append(each)
    for heading, group in groupby(outermost, key=lambda each: each.heading):
        lines = [f"heading: {quote(heading)}"] if heading else []
        lines.append("items:")
        for each in group:
            lines.extend(_format_list_entry(_format_item(each, inside), "  "))
        yield from _format_list_entry(lines, "  ")


def _format_item(criterion: CriterionDocument, inside: Mapping[int, list[CriterionDocument]]) -> list[str]:
    inner = inside.get(criterion.position, [])
    lines = [f"label: {quote(criterion.label)}"]
    if criterion.label_origin is not LabelOrigin.PUBLISHED:
        lines.append(f"label_origin: {criterion.label_origin}")
    lines.append(f"text: {quote(criterion.text)}")
    if criterion.assessable == bool(inner):
        lines.append(f"assessable: {'true' if criterion.assessable else 'false'}")
    lines.extend(_format_list("points", criterion.points, ""))
    if criterion.selection:
        lines.append(f"selection: {quote(criterion.selection)}")
    if criterion.simulation_allowed is not None:
        lines.append(f"simulation_allowed: {'true' if criterion.simulation_allowed else 'false'}")
    if criterion.note:
        lines.append(f"note: {quote(criterion.note)}")
    if inner:
        lines.append("items:")
        for each in inner:
            lines.extend(_format_list_entry(_format_item(each, inside), "  "))
    return lines


def _format_list(key: str, entries: Sequence[str], indent: str) -> Iterator[str]:
    if entries:
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {quote(each)}" for each in entries)


def _format_list_entry(lines: Sequence[str], indent: str) -> Iterator[str]:
    """Yield lines as one entry of a list."""
    for number, line in enumerate(lines):
        yield f"{indent}{'  ' if number else '- '}{line}"


def format_scalar(text: str) -> str:
    """Return a plain word as it is and any other text in quotes."""
    return text if PLAIN_SCALAR.fullmatch(text) and text.casefold() not in RESERVED else quote(text)


def quote(text: Any) -> str:
    """Return a text in double quotes, as JSON writes it, which is valid YAML."""
    written = json.dumps(text, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda result: f"\\u{ord(result[0]):04x}", written)
