"""A spreadsheet: one row a statement, with the unit's own columns on each, so that a person can edit and sort it.

Whatever else a unit says has rows of its own kind below its criteria: nothing is lost by working on the file.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from tracker.errors import Invalid
from tracker.units.documents import Provenance, UnitDocument, slug_of
from tracker.units.formats.exchanged import ExchangedLink, Read, Written, decoded, left_links, rows_of
from tracker.units.schema import ItemSchema, MetadataSchema, UnitSchema
from tracker.units.standards_folder import fault_lines
from tracker.vocabulary import CriterionKind, LabelOrigin

Row = tuple[int, Mapping[str, str]]
"""Its number, as a spreadsheet counts, and its cells by their columns' names."""

METADATA = list(MetadataSchema().fields)
OF_UNIT = ["unit", "slug", "title", "document_type", "version", "revision", "identifiers", "simulation", *METADATA]
OF_UNIT += ["source", "read"]
OF_STATEMENT = ["kind", "heading", "position", "inside", "label", "label_origin", "text", "points", "assessable"]
OF_STATEMENT += ["selection", "simulation_allowed", "note"]
COLUMNS = OF_UNIT + OF_STATEMENT
NEEDED = ("unit", "title", "kind", "label", "text")
PARAGRAPHS = {"overview": "overview", "scope": "scope"}
"""By the word in the column `kind`, the key of our own format."""
REQUIREMENT, INTRODUCTION = "requirement", "requirements introduction"
LISTS = {
    "assessor rule": "assessor_rules",
    "skill": "skills",
    "value": "values",
    "behaviour": "behaviours",
    "glossary": "glossary",
    "link": "links",
    "external link": "external_links",
    "empty heading": "empty_headings",
    "unit note": "notes",
}
NO_SOURCE = Provenance("a spreadsheet", "Imported from a spreadsheet, a row a statement.")
OPTIONAL: Mapping[str, Any] = {
    **dict.fromkeys((*PARAGRAPHS.values(), *LISTS.values(), "identifiers", "evidence_requirements"), ()),
    "metadata": dict.fromkeys(METADATA),
    "evidence_requirements_introduction": None,
    "provenance": NO_SOURCE,
}
"""What a file need not speak of, and how a unit looks of which it does not."""
WORDS = (*CriterionKind, REQUIREMENT, INTRODUCTION, *PARAGRAPHS, *LISTS)
LIVE = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet would take for a formula at the beginning of a cell; some take the full-width signs too."""
MAX_OF_A_UNIT = 5_000


# --- out ---------------------------------------------------------------------------------------------------


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    """A file that spreadsheets open as it is: UTF-8 with its mark, commas, no live cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for unit in units:
        about = _about(unit)
        for position, row in enumerate(_rows_of(unit), 1):
            cells = {**about, "position": position, **row}
            writer.writerow([inert(str(cells.get(column, ""))) for column in COLUMNS])
    return Written(b"\xef\xbb\xbf" + out.getvalue().encode(), tuple(_left_behind(units, links)))


def _left_behind(units: Sequence[UnitDocument], links: Sequence[ExchangedLink]) -> Iterator[str]:
    for unit in units:
        for each in unit.identifiers:
            if not _has_line(each.scheme, each.value):
                yield f"{unit.code}: the identifier {each.value}; its scheme holds a colon, or it a line break."
        if any("\n" in point or "\r" in point for point in _points_of(unit)):
            yield f"{unit.code}: line breaks inside points; they become spaces."
    yield from left_links(links)


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; what already begins with the sign gets one more."""
    return f"'{cell}" if cell.startswith((*LIVE, "'")) else cell


def live(cell: str) -> str:
    """The text behind the sign that kept it inert."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*LIVE, "'")) else cell


def _about(unit: UnitDocument) -> dict[str, Any]:
    lines = [f"{each.scheme}: {each.value}" for each in unit.identifiers if _has_line(each.scheme, each.value)]
    return {
        "unit": unit.code,
        "slug": unit.slug,
        "title": unit.title,
        "document_type": unit.document_type,
        "version": unit.version,
        "revision": unit.revision,
        "identifiers": "\n".join(lines),
        "simulation": unit.simulation,
        **{key: value or "" for key, value in unit.metadata.items()},
        "source": unit.provenance.source,
        "read": unit.provenance.read,
    }


def _has_line(scheme: str, value: str) -> bool:
    """Whether an identifier can stand as `scheme: value` on a line of its own."""
    return ":" not in scheme and not {"\n", "\r"} & {*scheme, *value}


def _rows_of(unit: UnitDocument) -> Iterator[dict[str, Any]]:
    for each in unit.criteria:
        yield {
            "kind": each.kind,
            "heading": each.heading or "",
            "position": each.position,
            "inside": each.parent or "",
            "label": each.label,
            "label_origin": each.label_origin,
            "text": each.text,
            "points": _lines(each.points),
            "assessable": _yes(each.assessable),
            "selection": each.selection or "",
            "simulation_allowed": "" if each.simulation_allowed is None else _yes(each.simulation_allowed),
            "note": each.note or "",
        }
    for word, key in PARAGRAPHS.items():
        for paragraph in getattr(unit, key):
            heading, points = paragraph.heading or "", _lines(paragraph.points)
            yield {"kind": word, "heading": heading, "text": paragraph.text, "points": points}
    if unit.evidence_requirements_introduction:
        yield {"kind": INTRODUCTION, "text": unit.evidence_requirements_introduction}
    for required in unit.evidence_requirements:
        points = _lines(required.points)
        yield {"kind": REQUIREMENT, "label": required.label, "text": required.text, "points": points}
    for word, key in LISTS.items():
        yield from ({"kind": word, "text": text} for text in getattr(unit, key))


def _points_of(unit: UnitDocument) -> Iterator[str]:
    for listed in (unit.criteria, unit.overview, unit.scope, unit.evidence_requirements):
        yield from (point for each in listed for point in each.points)


def _lines(points: Sequence[str]) -> str:
    return "\n".join(point.replace("\r\n", " ").replace("\n", " ").replace("\r", " ") for point in points)


def _yes(value: object) -> str:
    return "yes" if value else "no"


# --- in ----------------------------------------------------------------------------------------------------


def read(body: bytes) -> Read:
    """The units of a spreadsheet. Raises `Invalid` with every row that cannot be used."""
    found: list[UnitDocument] = []
    faults: list[str] = []
    for rows in _by_unit(rows_by_name(decoded(body), NEEDED, "unit,title,kind,label,text")):
        try:
            found.append(_unit(rows))
        except _Faults as error:
            faults.extend(error.args[0])
    if faults:
        raise Invalid("\n".join(faults[:50]), "file")
    return Read(tuple(found))


def rows_by_name(text: str, needed: Sequence[str], example: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by the names in its first row, whichever of , ; and tab it is divided by."""
    rows = rows_of(text)
    names = [name.strip().casefold().replace("_", " ") for name in rows[0]] if rows else []
    missing = [name for name in needed if name.casefold().replace("_", " ") not in names]
    if missing:
        raise Invalid(
            f"The first row lacks the columns {', '.join(missing)}. Nothing was read. It begins like this: {example}",
            "file",
        )
    return [
        (number, {name: live(cell).strip() for name, cell in zip(names, row, strict=False) if name})
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


class _Faults(Exception):
    """Every row of a unit that cannot be used, a line each."""


def _by_unit(rows: Sequence[tuple[int, dict[str, str]]]) -> list[list[Row]]:
    """The rows of each unit. A row that says nothing of its unit belongs to that of the row above."""
    units: dict[tuple[str, str, str], list[Row]] = {}
    key = ("", "1", "1")
    for number, spaced in rows:
        row = {name.replace(" ", "_"): cell for name, cell in spaced.items()}
        if row.get("unit"):
            key = (row["unit"], row.get("version") or "1", row.get("revision") or "1")
        units.setdefault(key, []).append((number, row))
    return list(units.values())


def _unit(rows: Sequence[Row]) -> UnitDocument:
    number, _ = rows[0]
    if len(rows) > MAX_OF_A_UNIT:
        raise _Faults([f"row {number}: unit: has more than {MAX_OF_A_UNIT:,} rows; give each unit its own code"])
    if faults := [*_unknown_kinds(rows)] or [*_positions(rows)]:
        raise _Faults(faults)
    try:
        unit: UnitDocument = UnitSchema().load(_document(rows))
    except ValidationError as error:
        in_rows = [fault for each in rows for fault in _row_faults(each)]
        others = {
            key: said for key, said in error.messages_dict.items() if not isinstance(said, dict) or key == "metadata"
        }
        rest = fault_lines(others if in_rows or others else error.messages_dict)
        raise _Faults([*in_rows, *(f"row {number}: {fault}" for fault in rest)]) from error
    if faults := list(_disagreeing(rows)):
        raise _Faults(faults)
    return unit


def _disagreeing(rows: Sequence[Row]) -> Iterator[str]:
    """The first row of each column that says another thing of the unit than its first row."""
    first, about = rows[0]
    for column in OF_UNIT:
        other = next((n for n, row in rows[1:] if row.get(column) and row[column] != about.get(column, "")), None)
        if other and column not in {"version", "revision"}:
            yield f"row {other}: {column}: is not the one of row {first}; write the same in each row of the unit"


def _unknown_kinds(rows: Sequence[Row]) -> Iterator[str]:
    for number, row in rows:
        if _kind(row) not in WORDS:
            yield f"row {number}: kind: write performance or knowledge; or {', '.join(WORDS[2:])}"


def _kind(row: Mapping[str, str]) -> str:
    return row.get("kind", "").casefold()


def _positions(rows: Sequence[Row]) -> Iterator[str]:
    """Positions that are no numbers or stand twice; statements inside one that is not there, or in a circle."""
    inside: dict[str, tuple[int, str, str]] = {}
    for number, row in rows:
        position = row.get("position", "")
        if position and not (position.isascii() and position.isdigit() and len(position) < 9):
            yield f"row {number}: position: write a whole number, such as 1, or leave it empty"
        elif position in inside:
            yield f"row {number}: position: {position} stands in row {inside[position][0]} already; give each its own"
        elif position:
            inside[position] = (number, row.get("inside", ""), _kind(row))
    for number, row in rows:
        above, steps = row.get("inside", ""), 0
        if above and above not in inside:
            yield f"row {number}: inside: there is no statement at position {above}; write the position of another"
            continue
        if above and inside[above][2] != _kind(row):
            yield f"row {number}: inside: the statement at position {above} is of another kind"
        while above and steps <= 50:
            above, steps = inside[above][1] if above in inside else "", steps + 1
        if above:
            yield f"row {number}: inside: these statements stand in each other; write which is the outer one"


def _row_faults(row: Row) -> Iterator[str]:
    number, cells = row
    try:
        given = _item(cells, number)
        if _kind(cells) not in {*CriterionKind, REQUIREMENT}:
            given["label"] = "1"
        ItemSchema().load(given)
    except ValidationError as error:
        yield from (f"row {number}: {fault}" for fault in fault_lines(error.messages))
    except _Faults as error:
        yield from error.args[0]


def _document(rows: Sequence[Row]) -> dict[str, Any]:
    """The unit as our own file would say it."""
    number, about = rows[0]
    of_kind: dict[str, list[Row]] = {word: [] for word in WORDS}
    for each in _in_order(rows):
        of_kind[_kind(each[1])].append(each)
    document: dict[str, Any] = {
        "code": about.get("unit", ""),
        "slug": about.get("slug") or slug_of(about.get("unit", "")),
        "title": about.get("title", ""),
        "document_type": about.get("document_type") or "nos",
        "version": about.get("version") or "1",
        "revision": about.get("revision") or "1",
        "identifiers": [
            _identifier(line, number) for line in about.get("identifiers", "").split("\n") if line.strip()
        ],
        "simulation": about.get("simulation") or "unstated",
        "metadata": {key: about[key] for key in METADATA if about.get(key)},
        "provenance": {
            "source": about.get("source") or NO_SOURCE.source,
            "read": about.get("read") or NO_SOURCE.read,
        },
        "evidence_requirements": [
            {"label": row.get("label", ""), "text": row.get("text", ""), "points": _points(row)}
            for _, row in of_kind[REQUIREMENT]
        ],
        **{key: [_paragraph(row) for _, row in of_kind[word]] for word, key in PARAGRAPHS.items()},
        **{key: [row.get("text", "") for _, row in of_kind[word]] for word, key in LISTS.items()},
        **{kind.value: _groups(of_kind[kind]) for kind in CriterionKind},
    }
    if of_kind[INTRODUCTION]:
        document["evidence_requirements_introduction"] = "\n".join(row["text"] for _, row in of_kind[INTRODUCTION])
    return document


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """By position; a row without one stays behind the row above it."""
    keyed, last = [], 0
    for number, row in rows:
        last = int(row["position"]) if row.get("position") else last
        keyed.append((last, number, (number, row)))
    return [row for _, _, row in sorted(keyed, key=lambda each: each[:2])]


def _identifier(line: str, number: int) -> dict[str, str]:
    scheme, colon, value = line.partition(":")
    if not colon:
        raise _Faults(
            [f"row {number}: identifiers: write each as scheme: value, such as URN: INSCC004, on its own line"]
        )
    return {"scheme": scheme.strip(), "value": value.strip()}


def _paragraph(row: Mapping[str, str]) -> dict[str, Any]:
    return {"heading": row.get("heading", ""), "text": row.get("text", ""), "points": _points(row)}


def _groups(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Statements under their headings; those inside another go with it."""
    groups: list[dict[str, Any]] = []
    made = [(row, _item(row, number)) for number, row in rows]
    by_position = {row["position"]: item for row, item in made if row.get("position")}
    for row, item in made:
        if row.get("inside"):
            by_position[row["inside"]].setdefault("items", []).append(item)
        elif groups and groups[-1]["heading"] == row.get("heading", ""):
            groups[-1]["items"].append(item)
        else:
            groups.append({"heading": row.get("heading", ""), "items": [item]})
    return groups


def _item(row: Mapping[str, str], number: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "label": row.get("label", ""),
        "label_origin": row.get("label_origin") or LabelOrigin.PUBLISHED.value,
        "text": row.get("text", ""),
        "points": _points(row),
    }
    for name in ("assessable", "simulation_allowed"):
        if row.get(name):
            item[name] = _truth(row[name], name, number)
    return item | {name: row[name] for name in ("selection", "note") if row.get(name)}


def _points(row: Mapping[str, str]) -> list[str]:
    return [line.strip() for line in row.get("points", "").split("\n") if line.strip()]


def _truth(written: str, name: str, number: int) -> bool:
    if written.casefold() in {"yes", "true", "1", "y"}:
        return True
    if written.casefold() in {"no", "false", "0", "n"}:
        return False
    raise _Faults([f"row {number}: {name}: write yes or no"])
