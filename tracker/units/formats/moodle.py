"""Moodle's competency framework as CSV, in Moodle's column order: a framework with units, headings and criteria."""

import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument, parse_version
from tracker.units.formats.files import MAX_DEPTH, ExchangedLink, FileContents, WrittenFile, decode_text, parse_csv
from tracker.units.formats.frameworks import (
    UNIT_SENTENCE,
    Framework,
    Node,
    build_units,
    find_label,
    format_unit_sentence,
    is_from_this_program,
    list_omissions,
)
from tracker.units.plurals import format_count
from tracker.vocabulary import CriterionKind, LinkKind
from tracker.web.csv_files import escape_formula, format_csv, unescape_formula

REFERENCES_COLUMN = "Cross-referenced competency ID numbers"
COLUMNS = [
    "Parent ID number",
    "ID number",
    "Short name",
    "Description",
    "Description format",
    "Scale values",
    "Scale configuration",
    "Rule type (optional)",
    "Rule outcome (optional)",
    "Rule config (optional)",
    REFERENCES_COLUMN,
    "Exported ID (optional)",
    "Is framework",
    "Taxonomy",
]
SCALE = "Not yet met,Met"
CONFIGURATION = json.dumps(
    [
        {"scaleid": "1"},
        {"id": 1, "scaledefault": 1, "proficient": 0},
        {"id": 2, "scaledefault": 0, "proficient": 1},
    ],
    separators=(",", ":"),
)
"""The first value is the default, the second is proficient: Moodle requires at least one of each."""
HTML_FORMAT = "1"
MAX_NAME_LENGTH = 100
MAX_ID_LENGTH = 100
TAGS = re.compile(r"<[^>]{0,500}>")
POINTS = re.compile(r"<ul>.*?</ul>", re.DOTALL)
POINT = re.compile(r"<li>(.*?)</li>", re.DOTALL)


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write one framework with all the units."""
    versions = {unit.slug: (unit.code, unit.version) for unit in units}
    written_links = [link for link in links if versions.get(link.slug) != versions.get(link.other_slug)]
    rows = _Framework(units, written_links).list_rows()
    text = format_csv([COLUMNS, *([row.get(column, "") for column in COLUMNS] for row in rows)])
    ignored_count = len(links) - len(written_links)  # revisions of one version come back as separate units
    sentences = [f"{format_count(ignored_count, 'link')} between revisions of one version."] if ignored_count else []
    return WrittenFile(text.encode(), (*list_omissions("Moodle", units), *sentences))


class _Framework:
    def __init__(self, units: Sequence[UnitDocument], links: Sequence[ExchangedLink]) -> None:
        self.units = units
        self.taken: set[str] = set()
        self.ids: dict[tuple[str, int], str] = {}
        self.related: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for link in links:
            self.related.setdefault((link.slug, link.position), []).append((link.other_slug, link.other_position))

    def list_rows(self) -> Iterator[dict[str, str]]:
        only = self.units[0] if len(self.units) == 1 else None
        name = only.title if only else f"{len(self.units)} units"
        framework = self._make_id_unique("units-" + "-".join(unit.slug for unit in self.units))
        yield {
            "ID number": framework,
            "Short name": _shorten(name),
            "Description": _escape_html(", ".join(unit.full_code for unit in self.units)),
            "Description format": HTML_FORMAT,
            "Scale values": SCALE,
            "Scale configuration": CONFIGURATION,
            "Is framework": "1",
            "Taxonomy": "competency,competency,indicator,indicator",
        }
        rows = [row for unit in self.units for row in self._list_unit_rows(unit)]
        for row, key in rows:
            others = [self.ids[other] for other in self.related.get(key, []) if other in self.ids] if key else []
            yield row | {REFERENCES_COLUMN: ",".join(map(_escape_reference, others))}

    def _list_unit_rows(self, unit: UnitDocument) -> Iterator[tuple[dict[str, str], tuple[str, int] | None]]:
        top = self._make_id_unique(f"{unit.slug}-v{unit.version}")
        description = "".join(
            f"<p>{_escape_html(text)}</p>"
            for text in (format_unit_sentence(unit), *(each.text for each in unit.overview))
        )
        yield _make_row("", top, f"{unit.code} {unit.title}", description), None
        group: str | None = None
        last: tuple[CriterionKind, str | None] | None = None
        for each in unit.criteria:
            if group is None or (each.parent is None and (each.kind, each.heading) != last):
                last = (each.kind, each.heading)
                group = self._make_id_unique(f"{top}-{each.kind.value[0]}-{each.position}g")
                name = each.heading or each.kind.label
                full_name = "" if _shorten(name) == name else f": {name}"
                yield _make_row(top, group, name, _escape_html(f"{each.kind.label}{full_name}")), None
            own = self._make_id_unique(f"{top}-{each.kind.value[0]}-{each.label}")
            self.ids[unit.slug, each.position] = own
            parent = self.ids[unit.slug, each.parent] if each.parent else group
            points = "".join(f"<li>{_escape_html(point)}</li>" for point in each.points)
            words = f"<p>{_escape_html(each.text)}</p>" + (f"<ul>{points}</ul>" if points else "")
            yield _make_row(parent, own, f"{each.label} {each.text}", words), (unit.slug, each.position)

    def _make_id_unique(self, wanted: str) -> str:
        """Return an ID number that is not taken, of at most 100 characters.

        Compared without case, because some databases treat `A` and `a` as the same.
        """
        wanted = " ".join(wanted.split())
        unique_id, number = wanted[:MAX_ID_LENGTH].rstrip(), 1
        while _escape_reference(unique_id).casefold() in self.taken:
            number += 1
            unique_id = f"{wanted[: MAX_ID_LENGTH - 6]}~{number}"
        self.taken.add(_escape_reference(unique_id).casefold())
        return unique_id


def _escape_reference(own: str) -> str:
    """Return an ID number as it is written in a list of ID numbers, with its commas escaped."""
    return own.replace(",", "%2C")


def _make_row(parent: str, own: str, name: str, description: str) -> dict[str, str]:
    return {
        "Parent ID number": parent,
        "ID number": own,
        "Short name": _shorten(name),
        "Description": description,
        "Description format": HTML_FORMAT,
    }


def _shorten(name: str) -> str:
    """Return a name within Moodle's limit, leaving room for the apostrophe that escapes a formula."""
    name, max_length = " ".join(name.split()), MAX_NAME_LENGTH - (escape_formula(name) != name)
    return name if len(name) <= max_length else f"{name[: max_length - 1].rstrip()}…"


def _escape_html(text: str) -> str:
    return html.escape(text, quote=False)


# --- import -----------------------------------------------------------------------------------------------


@dataclass
class _Entry:
    number: int
    row: Mapping[str, str]
    children: list["_Entry"] = field(default_factory=list)


def read(body: bytes) -> FileContents:
    """Read the units of an exported framework, and the links between units that this program exported.

    Raises:
        Invalid: The file is not a usable framework; the message names the row.
    """
    rows = _read_rows(decode_text(body))
    result = [build_units(framework) for framework in _build_frameworks(rows)]
    units = [unit for each in result for unit in each.units]
    remarks = [remark for each in result for remark in each.remarks]
    if not all(map(is_from_this_program, units)):
        remarks.append(
            "Moodle files have no labels, kinds or versions: these are worked out from names, headings and order."
        )
    links, ignored_count = _read_links(
        rows, units, {key: place for each in result for key, place in each.places.items()}
    )
    if ignored_count:
        count = format_count(ignored_count, "cross-reference")
        remarks.append(f"Not imported: {count} that do not link two units of this program.")
    return FileContents(tuple(units), tuple(links), tuple(remarks))


def _read_links(
    rows: Sequence[tuple[int, dict[str, str]]], units: Sequence[UnitDocument], places: Mapping[str, tuple[str, int]]
) -> tuple[list[ExchangedLink], int]:
    """Return the links that the cross-references stand for, and the number of cross-references that are ignored.

    In frameworks of other programs a cross-reference means that two competencies are related, not that they are the
    same.
    """
    slugs = Counter(unit.slug for unit in units)  # two frameworks in one file may share a slug
    own_units = {unit.slug: unit for unit in units if is_from_this_program(unit) and slugs[unit.slug] == 1}
    places_by_reference = {_escape_reference(key): place for key, place in places.items() if place[0] in own_units}
    result: dict[frozenset[tuple[str, int]], ExchangedLink] = {}
    ignored_count = 0
    for _, row in rows:
        one = places_by_reference.get(_escape_reference(row.get("ID number", "")))
        for reference in filter(None, map(str.strip, row.get(REFERENCES_COLUMN, "").split(","))):
            other = places_by_reference.get(reference)
            if one and other and one[0] != other[0]:  # Moodle writes each link from both sides
                result.setdefault(frozenset({one, other}), _make_link(one, other, own_units))
            else:
                ignored_count += 1
    return list(result.values()), ignored_count


def _make_link(one: tuple[str, int], other: tuple[str, int], units: Mapping[str, UnitDocument]) -> ExchangedLink:
    first, second = units[one[0]], units[other[0]]
    if first.code != second.code:
        return ExchangedLink(LinkKind.SAME, *one, *other)
    older, newer = (one, other) if parse_version(first.version) <= parse_version(second.version) else (other, one)
    return ExchangedLink(LinkKind.REPLACED_BY, *older, *newer)


def _read_rows(text: str) -> list[tuple[int, dict[str, str]]]:
    rows = parse_csv(text)
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    if len(names) < len(COLUMNS) - 1 or "id number" not in names:
        raise Invalid("The first row is not that of a Moodle competency framework. Nothing was read.", "file")
    return [
        (number, {column: unescape_formula(cell).strip() for column, cell in zip(COLUMNS, row, strict=False)})
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


def _build_frameworks(rows: Sequence[tuple[int, dict[str, str]]]) -> list[Framework]:
    """Build each framework with its entries. Some files name the framework as the parent of its top entries."""
    entries: dict[str, _Entry] = {}
    tops: list[_Entry] = []
    framework_by_key: dict[str, _Entry] = {}
    for number, row in rows:
        key = row.get("ID number", "")
        if row.get("Is framework", "") not in {"", "0"}:
            tops.append(_Entry(number, row))
            continue
        if not key or key in entries:
            raise Invalid(
                f"Row {number}: the ID number “{key}” is missing or appears twice. Nothing was read.", "file"
            )
        if not tops:
            raise Invalid(f"Row {number} comes before the framework's own row. Nothing was read.", "file")
        entries[key], framework_by_key[key] = _Entry(number, row), tops[-1]
    framework_keys = {top.row.get("ID number", "") for top in tops}
    for key, entry in entries.items():
        parent = entry.row.get("Parent ID number", "")
        if parent and parent not in entries and parent not in framework_keys:
            raise Invalid(
                f"Row {entry.number}: there is no entry with the ID number “{parent}”. Nothing was read.", "file"
            )
        _check_parents(entry, entries)
        entries.get(parent, framework_by_key[key]).children.append(entry)
    return [_build_framework(top) for top in tops]


def _check_parents(entry: _Entry, entries: Mapping[str, _Entry]) -> None:
    above, steps = entries.get(entry.row.get("Parent ID number", "")), 0
    while above and steps <= MAX_DEPTH:
        above, steps = entries.get(above.row.get("Parent ID number", "")), steps + 1
    if above:
        raise Invalid(
            f"Row {entry.number}: its parents form a circle, or it is more than {MAX_DEPTH} levels deep. "
            "Nothing was read.",
            "file",
        )


def _build_framework(top: _Entry) -> Framework:
    name = top.row.get("Short name", "") or "Framework"
    source = f"Moodle competency framework “{name}”"
    description = _strip_html(top.row.get("Description", ""))
    return Framework(
        top.row.get("ID number", ""), name, description, "Moodle", source, tuple(map(_build_node, top.children))
    )


def _build_node(entry: _Entry) -> Node:
    name, written = entry.row.get("Short name", ""), entry.row.get("Description", "")
    description, points = _strip_html(POINTS.sub("", written)), tuple(map(_strip_html, POINT.findall(written)))
    children = [_build_node(child) for child in entry.children]
    if UNIT_SENTENCE.match(description):
        return Node("", "", name, "Unit", description, children=children)
    key = entry.row.get("ID number", "")
    for kind in (each.label for each in CriterionKind):
        full_text = description.removeprefix(f"{kind}: ")
        if description == kind or (full_text != description and (name.endswith("…") or full_text == name)):
            return Node(key, "", full_text if name.endswith("…") else name, kind, children=children)
    if own := find_label(name, description):
        return Node(key, own, description, "", "", points, children)
    match = re.match(r"([A-Z]{0,3}\d{1,3}(?:\.\d{1,2})*[a-z]?|[a-z])\s+(\S.*)", name)
    label, short = (match[1], match[2]) if match else ("", name)
    is_whole = description.startswith(short.rstrip("…"))
    if is_whole or (description and not children):
        return Node(key, label, description, "", "" if is_whole else short, points, children)
    return Node(key, label, short, "", description, points, children)


def _strip_html(description: str) -> str:
    return " ".join(html.unescape(TAGS.sub(" ", description)).split())
