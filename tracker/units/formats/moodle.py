"""Moodle's competency framework as CSV, in Moodle's own column order; a framework, its units, headings, criteria."""

import csv
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument, order_of
from tracker.units.formats.exchanged import MAX_DEPTH, ExchangedLink, Read, Written, decoded, rows_of
from tracker.units.formats.spreadsheet import inert, live
from tracker.units.formats.trees import (
    OF_UNIT,
    Framework,
    Node,
    is_told,
    label_before,
    left_behind,
    sentence_of,
    units_of,
)
from tracker.vocabulary import CriterionKind, LinkKind
from tracker.web.formatting import counted

REFERENCES = "Cross-referenced competency ID numbers"
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
    REFERENCES,
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
"""The first value is the default, the second the proficient one: Moodle asks for at least one of each."""
HTML_FORMAT = "1"
MAX_NAME_LENGTH = 100
MAX_ID_LENGTH = 100
TAGS = re.compile(r"<[^>]{0,500}>")
POINTS = re.compile(r"<ul>.*?</ul>", re.DOTALL)
POINT = re.compile(r"<li>(.*?)</li>", re.DOTALL)


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    """One framework of all the units."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # so that a lone carriage return inside a cell is quoted too
    writer.writerow(COLUMNS)
    versions = {unit.slug: (unit.code, unit.version) for unit in units}
    told = [link for link in links if versions.get(link.slug) != versions.get(link.other_slug)]
    for row in _Framework(units, told).rows():
        writer.writerow([inert(row.get(column, "")) for column in COLUMNS])
    left = len(links) - len(told)  # two revisions of one version come back as two units
    sentences = [f"{counted(left, 'link')} between revisions of one version."] if left else []
    return Written(out.getvalue().encode(), (*left_behind("Moodle", units), *sentences))


class _Framework:
    def __init__(self, units: Sequence[UnitDocument], links: Sequence[ExchangedLink]) -> None:
        self.units = units
        self.taken: set[str] = set()
        self.ids: dict[tuple[str, int], str] = {}
        self.related: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for link in links:
            self.related.setdefault((link.slug, link.position), []).append((link.other_slug, link.other_position))

    def rows(self) -> Iterator[dict[str, str]]:
        only = self.units[0] if len(self.units) == 1 else None
        name = only.title if only else f"{len(self.units)} units"
        framework = self._free("units-" + "-".join(unit.slug for unit in self.units))
        yield {
            "ID number": framework,
            "Short name": _short(name),
            "Description": _html(", ".join(unit.full_code for unit in self.units)),
            "Description format": HTML_FORMAT,
            "Scale values": SCALE,
            "Scale configuration": CONFIGURATION,
            "Is framework": "1",
            "Taxonomy": "competency,competency,indicator,indicator",
        }
        rows = [row for unit in self.units for row in self._unit(unit)]
        for row, key in rows:
            others = [self.ids[other] for other in self.related.get(key, []) if other in self.ids] if key else []
            yield row | {REFERENCES: ",".join(map(_referred, others))}

    def _unit(self, unit: UnitDocument) -> Iterator[tuple[dict[str, str], tuple[str, int] | None]]:
        top = self._free(f"{unit.slug}-v{unit.version}")
        about = "".join(
            f"<p>{_html(text)}</p>" for text in (sentence_of(unit), *(each.text for each in unit.overview))
        )
        yield _row("", top, f"{unit.code} {unit.title}", about), None
        group: str | None = None
        last: tuple[CriterionKind, str | None] | None = None
        for each in unit.criteria:
            if group is None or (each.parent is None and (each.kind, each.heading) != last):
                last = (each.kind, each.heading)
                group = self._free(f"{top}-{each.kind.value[0]}-{each.position}g")
                name = each.heading or each.kind.label
                cut = "" if _short(name) == name else f": {name}"
                yield _row(top, group, name, _html(f"{each.kind.label}{cut}")), None
            own = self._free(f"{top}-{each.kind.value[0]}-{each.label}")
            self.ids[unit.slug, each.position] = own
            parent = self.ids[unit.slug, each.parent] if each.parent else group
            points = "".join(f"<li>{_html(point)}</li>" for point in each.points)
            words = f"<p>{_html(each.text)}</p>" + (f"<ul>{points}</ul>" if points else "")
            yield _row(parent, own, f"{each.label} {each.text}", words), (unit.slug, each.position)

    def _free(self, wanted: str) -> str:
        """An ID number of its own, of 100 characters at most, also as others refer to it.

        Some databases take `A` and `a` for the same.
        """
        wanted = " ".join(wanted.split())
        free, number = wanted[:MAX_ID_LENGTH].rstrip(), 1
        while _referred(free).casefold() in self.taken:
            number += 1
            free = f"{wanted[: MAX_ID_LENGTH - 6]}~{number}"
        self.taken.add(_referred(free).casefold())
        return free


def _referred(own: str) -> str:
    """An ID number among others in one cell."""
    return own.replace(",", "%2C")


def _row(parent: str, own: str, name: str, description: str) -> dict[str, str]:
    return {
        "Parent ID number": parent,
        "ID number": own,
        "Short name": _short(name),
        "Description": description,
        "Description format": HTML_FORMAT,
    }


def _short(name: str) -> str:
    """A name that Moodle has room for, also with the sign before it that keeps it from being a formula."""
    name, room = " ".join(name.split()), MAX_NAME_LENGTH - (inert(name) != name)
    return name if len(name) <= room else f"{name[: room - 1].rstrip()}…"


def _html(text: str) -> str:
    return html.escape(text, quote=False)


# --- in ----------------------------------------------------------------------------------------------------


@dataclass
class _Entry:
    number: int
    row: Mapping[str, str]
    children: list["_Entry"] = field(default_factory=list)


def read(body: bytes) -> Read:
    """The units of an exported framework, ours or anybody's, and the links between those of ours.

    Raises `Invalid` with the row that cannot be used.
    """
    rows = _rows(decoded(body))
    found = [units_of(framework) for framework in _frameworks(rows)]
    units = [unit for each in found for unit in each.units]
    remarks = [remark for each in found for remark in each.remarks]
    if not all(map(is_told, units)):
        remarks.append("Moodle keeps no label, kind or version: they are taken from names, headings and order.")
    links, left = _links(rows, units, {key: place for each in found for key, place in each.places.items()})
    if left:
        remarks.append(f"Left out: {counted(left, 'cross-reference')} that link no two units of ours in this file.")
    return Read(tuple(units), tuple(links), tuple(remarks))


def _links(
    rows: Sequence[tuple[int, dict[str, str]]], units: Sequence[UnitDocument], places: Mapping[str, tuple[str, int]]
) -> tuple[list[ExchangedLink], int]:
    """The links that the cross-references stand for, and how many of these stand for none.

    In a framework of others they say that two competencies are related, which is not that they are the same.
    """
    slugs = Counter(unit.slug for unit in units)  # two frameworks in one file may use the same
    ours = {unit.slug: unit for unit in units if is_told(unit) and slugs[unit.slug] == 1}
    ends = {_referred(key): place for key, place in places.items() if place[0] in ours}
    found: dict[frozenset[tuple[str, int]], ExchangedLink] = {}
    left = 0
    for _, row in rows:
        one = ends.get(_referred(row.get("ID number", "")))
        for reference in filter(None, map(str.strip, row.get(REFERENCES, "").split(","))):
            other = ends.get(reference)
            if one and other and one[0] != other[0]:  # Moodle itself writes each from both sides
                found.setdefault(frozenset({one, other}), _link(one, other, ours))
            else:
                left += 1
    return list(found.values()), left


def _link(one: tuple[str, int], other: tuple[str, int], units: Mapping[str, UnitDocument]) -> ExchangedLink:
    first, second = units[one[0]], units[other[0]]
    if first.code != second.code:
        return ExchangedLink(LinkKind.SAME, *one, *other)
    older, newer = (one, other) if order_of(first.version) <= order_of(second.version) else (other, one)
    return ExchangedLink(LinkKind.REPLACED_BY, *older, *newer)


def _rows(text: str) -> list[tuple[int, dict[str, str]]]:
    rows = rows_of(text)
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    if len(names) < len(COLUMNS) - 1 or "id number" not in names:
        raise Invalid("The first row is not that of a Moodle competency framework. Nothing was read.", "file")
    return [
        (number, {column: live(cell).strip() for column, cell in zip(COLUMNS, row, strict=False)})
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


def _frameworks(rows: Sequence[tuple[int, dict[str, str]]]) -> list[Framework]:
    """Each framework with what hangs below it; some files name the framework itself as the parent of its topmost."""
    entries: dict[str, _Entry] = {}
    tops: list[_Entry] = []
    framework_of: dict[str, _Entry] = {}
    for number, row in rows:
        key = row.get("ID number", "")
        if row.get("Is framework", "") not in {"", "0"}:
            tops.append(_Entry(number, row))
            continue
        if not key or key in entries:
            raise Invalid(
                f"Row {number}: the ID number “{key}” is missing or stands twice. Nothing was read.", "file"
            )
        if not tops:
            raise Invalid(f"Row {number} stands before the framework's own row. Nothing was read.", "file")
        entries[key], framework_of[key] = _Entry(number, row), tops[-1]
    named = {top.row.get("ID number", "") for top in tops}
    for key, entry in entries.items():
        parent = entry.row.get("Parent ID number", "")
        if parent and parent not in entries and parent not in named:
            raise Invalid(
                f"Row {entry.number}: there is no entry with the ID number “{parent}”. Nothing was read.", "file"
            )
        _check_above(entry, entries)
        entries.get(parent, framework_of[key]).children.append(entry)
    return [_framework(top) for top in tops]


def _check_above(entry: _Entry, entries: Mapping[str, _Entry]) -> None:
    above, steps = entries.get(entry.row.get("Parent ID number", "")), 0
    while above and steps <= MAX_DEPTH:
        above, steps = entries.get(above.row.get("Parent ID number", "")), steps + 1
    if above:
        raise Invalid(
            f"Row {entry.number}: its parents go round in a circle, or it stands more than {MAX_DEPTH} deep. "
            "Nothing was read.",
            "file",
        )


def _framework(top: _Entry) -> Framework:
    name = top.row.get("Short name", "") or "Framework"
    source = f"Moodle competency framework “{name}”"
    description = _text(top.row.get("Description", ""))
    return Framework(
        top.row.get("ID number", ""), name, description, "Moodle", source, tuple(map(_node, top.children))
    )


def _node(entry: _Entry) -> Node:
    name, written = entry.row.get("Short name", ""), entry.row.get("Description", "")
    description, points = _text(POINTS.sub("", written)), tuple(map(_text, POINT.findall(written)))
    children = [_node(child) for child in entry.children]
    if OF_UNIT.match(description):
        return Node("", "", name, "Unit", description, children=children)
    key = entry.row.get("ID number", "")
    for kind in (each.label for each in CriterionKind):
        whole = description.removeprefix(f"{kind}: ")
        if description == kind or (whole != description and (name.endswith("…") or whole == name)):
            return Node(key, "", whole if name.endswith("…") else name, kind, children=children)
    if own := label_before(name, description):
        return Node(key, own, description, "", "", points, children)
    match = re.match(r"([A-Z]{0,3}\d{1,3}(?:\.\d{1,2})*[a-z]?|[a-z])\s+(\S.*)", name)
    label, short = (match[1], match[2]) if match else ("", name)
    is_whole = description.startswith(short.rstrip("…"))
    if is_whole or (description and not children):
        return Node(key, label, description, "", "" if is_whole else short, points, children)
    return Node(key, label, short, "", description, points, children)


def _text(description: str) -> str:
    return " ".join(html.unescape(TAGS.sub(" ", description)).split())
