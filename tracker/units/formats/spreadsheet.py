"""A spreadsheet (CSV): one row per criterion with the unit's columns on each, so that a person can edit and sort it.

Everything else that a unit states has rows of its own kind below the criteria, so that nothing is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from tracker.errors import Invalid
from tracker.units.documents import Provenance, UnitDocument, make_slug
from tracker.units.formats.files import (
    ExchangedLink,
    FileContents,
    WrittenFile,
    decode_text,
    describe_omitted_links,
    parse_csv,
)
from tracker.units.schema import ItemSchema, MetadataSchema, UnitSchema
from tracker.units.standards_folder import format_errors
from tracker.vocabulary import CriterionKind, LabelOrigin
from tracker.web.csv_files import unescape_formula, write_csv

Row = tuple[int, Mapping[str, str]]
"""The row's number as the spreadsheet shows it, and its cells by column name."""

METADATA = list(MetadataSchema().fields)
UNIT_COLUMNS = [
    "unit",
    "slug",
    "title",
    "document_type",
    "version",
    "revision",
    "identifiers",
    "simulation",
    *METADATA,
]
UNIT_COLUMNS += ["source", "read"]
CRITERION_COLUMNS = ["kind", "heading", "position", "inside", "label", "label_origin", "text", "points", "assessable"]
CRITERION_COLUMNS += ["selection", "simulation_allowed", "note"]
COLUMNS = UNIT_COLUMNS + CRITERION_COLUMNS
REQUIRED_COLUMNS = ("unit", "title", "kind", "label", "text")
PARAGRAPHS = {"overview": "overview", "scope": "scope"}
"""The key of our own format, by the word in the column `kind`."""
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
OPTIONAL_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys((*PARAGRAPHS.values(), *LISTS.values(), "identifiers", "evidence_requirements"), ()),
    "evidence_guidance": (),
    "metadata": dict.fromkeys(METADATA),
    "evidence_requirements_introduction": None,
    "provenance": NO_SOURCE,
}
"""Fields that a file may leave out, each with the value that then stands for it."""
ROW_KINDS = (*CriterionKind, REQUIREMENT, INTRODUCTION, *PARAGRAPHS, *LISTS)
MAX_ROWS_PER_UNIT = 5_000


# --- export -----------------------------------------------------------------------------------------------


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write a CSV file that spreadsheets open directly: UTF-8 with byte order mark, commas, formulas escaped."""
    rows: list[Sequence[object]] = [COLUMNS]
    for unit in units:
        about = _list_unit_cells(unit)
        for position, row in enumerate(_list_rows(unit), 1):
            cells = {**about, "position": position, **row}
            rows.append([cells.get(column, "") for column in COLUMNS])
    return WrittenFile(write_csv(rows), tuple(_list_omissions(units, links)))


def _list_omissions(units: Sequence[UnitDocument], links: Sequence[ExchangedLink]) -> Iterator[str]:
    for unit in units:
        for each in unit.identifiers:
            if not _fits_on_one_line(each.scheme, each.value):
                reason = "its scheme contains a colon, or it contains a line break"
                yield f"{unit.code}: the identifier {each.value}, because {reason}."
        if any("\n" in point or "\r" in point for point in _list_points(unit)):
            yield f"{unit.code}: line breaks inside points; they become spaces."
        if unit.evidence_guidance:
            yield f"{unit.code}: its evidence guidance."
    yield from describe_omitted_links(links)


def _list_unit_cells(unit: UnitDocument) -> dict[str, Any]:
    lines = [
        f"{each.scheme}: {each.value}" for each in unit.identifiers if _fits_on_one_line(each.scheme, each.value)
    ]
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


def _fits_on_one_line(scheme: str, value: str) -> bool:
    """Return whether an identifier can be written as `scheme: value` on one line."""
    return ":" not in scheme and not {"\n", "\r"} & {*scheme, *value}


def _list_rows(unit: UnitDocument) -> Iterator[dict[str, Any]]:
    for each in unit.criteria:
        yield {
            "kind": each.kind,
            "heading": each.heading or "",
            "position": each.position,
            "inside": each.parent or "",
            "label": each.label,
            "label_origin": each.label_origin,
            "text": each.text,
            "points": _join_points(each.points),
            "assessable": _format_boolean(each.assessable),
            "selection": each.selection or "",
            "simulation_allowed": "" if each.simulation_allowed is None else _format_boolean(each.simulation_allowed),
            "note": each.note or "",
        }
    for word, key in PARAGRAPHS.items():
        for paragraph in getattr(unit, key):
            heading, points = paragraph.heading or "", _join_points(paragraph.points)
            yield {"kind": word, "heading": heading, "text": paragraph.text, "points": points}
    if unit.evidence_requirements_introduction:
        yield {"kind": INTRODUCTION, "text": unit.evidence_requirements_introduction}
    for required in unit.evidence_requirements:
        points = _join_points(required.points)
        yield {"kind": REQUIREMENT, "label": required.label, "text": required.text, "points": points}
    for word, key in LISTS.items():
        yield from ({"kind": word, "text": text} for text in getattr(unit, key))


def _list_points(unit: UnitDocument) -> Iterator[str]:
    for listed in (unit.criteria, unit.overview, unit.scope, unit.evidence_requirements):
        yield from (point for each in listed for point in each.points)


def _join_points(points: Sequence[str]) -> str:
    return "\n".join(point.replace("\r\n", " ").replace("\n", " ").replace("\r", " ") for point in points)


def _format_boolean(value: object) -> str:
    return "yes" if value else "no"


# --- import -----------------------------------------------------------------------------------------------


def read(body: bytes) -> FileContents:
    """Read the units of a spreadsheet.

    Raises:
        Invalid: Rows cannot be used; the message lists them, one per line.
    """
    result: list[UnitDocument] = []
    faults: list[str] = []
    for rows in _group_by_unit(parse_rows_by_name(decode_text(body), REQUIRED_COLUMNS, "unit,title,kind,label,text")):
        try:
            result.append(_build_unit(rows))
        except _RowErrors as error:
            faults.extend(error.args[0])
    if faults:
        raise Invalid("\n".join(faults[:50]), "file")
    return FileContents(tuple(result))


def parse_rows_by_name(text: str, required: Sequence[str], example: str) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file as row number and cells by the column names of the first row.

    Raises:
        Invalid: A required column is missing, or the file is not CSV.
    """
    rows = parse_csv(text)
    names = [name.strip().casefold().replace("_", " ") for name in rows[0]] if rows else []
    missing = [name for name in required if name.casefold().replace("_", " ") not in names]
    if missing:
        raise Invalid(
            f"The first row lacks the columns {', '.join(missing)}. Nothing was read. It begins like this: {example}",
            "file",
        )
    return [
        (number, {name: unescape_formula(cell).strip() for name, cell in zip(names, row, strict=False) if name})
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


class _RowErrors(Exception):
    """Every row of a unit that cannot be used, one line each."""


def _group_by_unit(rows: Sequence[tuple[int, dict[str, str]]]) -> list[list[Row]]:
    """Return the rows of each unit. A row without a unit belongs to the unit of the row above."""
    units: dict[tuple[str, str, str], list[Row]] = {}
    key = ("", "1", "1")
    for number, spaced in rows:
        row = {name.replace(" ", "_"): cell for name, cell in spaced.items()}
        if row.get("unit"):
            key = (row["unit"], row.get("version") or "1", row.get("revision") or "1")
        units.setdefault(key, []).append((number, row))
    return list(units.values())


def _build_unit(rows: Sequence[Row]) -> UnitDocument:
    number, _ = rows[0]
    if len(rows) > MAX_ROWS_PER_UNIT:
        raise _RowErrors(
            [f"row {number}: unit: has more than {MAX_ROWS_PER_UNIT:,} rows; give each unit its own code"]
        )
    if faults := [*_list_unknown_kinds(rows)] or [*_check_positions(rows)]:
        raise _RowErrors(faults)
    try:
        unit: UnitDocument = UnitSchema().load(_build_document(rows))
    except ValidationError as error:
        in_rows = [fault for each in rows for fault in _list_row_errors(each)]
        others = {
            key: messages
            for key, messages in error.messages_dict.items()
            if not isinstance(messages, dict) or key == "metadata"
        }
        rest = format_errors(others if in_rows or others else error.messages_dict)
        raise _RowErrors([*in_rows, *(f"row {number}: {fault}" for fault in rest)]) from error
    if faults := list(_list_disagreements(rows)):
        raise _RowErrors(faults)
    return unit


def _list_disagreements(rows: Sequence[Row]) -> Iterator[str]:
    """Yield, for each column, the first row that states another value about the unit than its first row."""
    first, about = rows[0]
    for column in UNIT_COLUMNS:
        other = next((n for n, row in rows[1:] if row.get(column) and row[column] != about.get(column, "")), None)
        if other and column not in {"version", "revision"}:
            yield f"row {other}: {column}: differs from row {first}; write the same in each row of the unit"


def _list_unknown_kinds(rows: Sequence[Row]) -> Iterator[str]:
    for number, row in rows:
        if _get_kind(row) not in ROW_KINDS:
            yield f"row {number}: kind: write performance or knowledge; or {', '.join(ROW_KINDS[2:])}"


def _get_kind(row: Mapping[str, str]) -> str:
    return row.get("kind", "").casefold()


def _check_positions(rows: Sequence[Row]) -> Iterator[str]:
    """Yield positions that are not numbers or not unique, and parents that are missing or form a circle."""
    inside: dict[str, tuple[int, str, str]] = {}
    for number, row in rows:
        position = row.get("position", "")
        if position and not (position.isascii() and position.isdigit() and len(position) < 9):
            yield f"row {number}: position: write a whole number, such as 1, or leave it empty"
        elif position in inside:
            yield f"row {number}: position: {position} is used in row {inside[position][0]}; give each its own"
        elif position:
            inside[position] = (number, row.get("inside", ""), _get_kind(row))
    for number, row in rows:
        above, steps = row.get("inside", ""), 0
        if above and above not in inside:
            yield f"row {number}: inside: there is no statement at position {above}; write the position of another"
            continue
        if above and inside[above][2] != _get_kind(row):
            yield f"row {number}: inside: the statement at position {above} is of another kind"
        while above and steps <= 50:
            above, steps = inside[above][1] if above in inside else "", steps + 1
        if above:
            yield f"row {number}: inside: these statements are inside each other; write which is the outer one"


def _list_row_errors(row: Row) -> Iterator[str]:
    number, cells = row
    try:
        item = _build_item(cells, number)
        if _get_kind(cells) not in {*CriterionKind, REQUIREMENT}:
            item["label"] = "1"
        ItemSchema().load(item)
    except ValidationError as error:
        yield from (f"row {number}: {fault}" for fault in format_errors(error.messages))
    except _RowErrors as error:
        yield from error.args[0]


def _build_document(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the unit as a file of our own format would hold it."""
    number, about = rows[0]
    rows_by_kind: dict[str, list[Row]] = {word: [] for word in ROW_KINDS}
    for each in _sort_rows(rows):
        rows_by_kind[_get_kind(each[1])].append(each)
    document: dict[str, Any] = {
        "code": about.get("unit", ""),
        "slug": about.get("slug") or make_slug(about.get("unit", "")),
        "title": about.get("title", ""),
        "document_type": about.get("document_type") or "nos",
        "version": about.get("version") or "1",
        "revision": about.get("revision") or "1",
        "identifiers": [
            _parse_identifier(line, number) for line in about.get("identifiers", "").split("\n") if line.strip()
        ],
        "simulation": about.get("simulation") or "unstated",
        "metadata": {key: about[key] for key in METADATA if about.get(key)},
        "provenance": {
            "source": about.get("source") or NO_SOURCE.source,
            "read": about.get("read") or NO_SOURCE.read,
        },
        "evidence_requirements": [
            {"label": row.get("label", ""), "text": row.get("text", ""), "points": _split_points(row)}
            for _, row in rows_by_kind[REQUIREMENT]
        ],
        **{key: [_build_paragraph(row) for _, row in rows_by_kind[word]] for word, key in PARAGRAPHS.items()},
        **{key: [row.get("text", "") for _, row in rows_by_kind[word]] for word, key in LISTS.items()},
        **{kind.value: _build_groups(rows_by_kind[kind]) for kind in CriterionKind},
    }
    if rows_by_kind[INTRODUCTION]:
        document["evidence_requirements_introduction"] = "\n".join(
            row["text"] for _, row in rows_by_kind[INTRODUCTION]
        )
    return document


def _sort_rows(rows: Sequence[Row]) -> list[Row]:
    """Sort rows by position; a row without one follows the row above it."""
    sortable, last = [], 0
    for number, row in rows:
        last = int(row["position"]) if row.get("position") else last
        sortable.append((last, number, (number, row)))
    return [row for _, _, row in sorted(sortable, key=lambda each: each[:2])]


def _parse_identifier(line: str, number: int) -> dict[str, str]:
    scheme, colon, value = line.partition(":")
    if not colon:
        raise _RowErrors(
            [f"row {number}: identifiers: write each as scheme: value, such as URN: INSCC004, on its own line"]
        )
    return {"scheme": scheme.strip(), "value": value.strip()}


def _build_paragraph(row: Mapping[str, str]) -> dict[str, Any]:
    return {"heading": row.get("heading", ""), "text": row.get("text", ""), "points": _split_points(row)}


def _build_groups(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the criteria under their headings; nested ones are put into their parents."""
    groups: list[dict[str, Any]] = []
    items = [(row, _build_item(row, number)) for number, row in rows]
    by_position = {row["position"]: item for row, item in items if row.get("position")}
    for row, item in items:
        if row.get("inside"):
            by_position[row["inside"]].setdefault("items", []).append(item)
        elif groups and groups[-1]["heading"] == row.get("heading", ""):
            groups[-1]["items"].append(item)
        else:
            groups.append({"heading": row.get("heading", ""), "items": [item]})
    return groups


def _build_item(row: Mapping[str, str], number: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "label": row.get("label", ""),
        "label_origin": row.get("label_origin") or LabelOrigin.PUBLISHED.value,
        "text": row.get("text", ""),
        "points": _split_points(row),
    }
    for name in ("assessable", "simulation_allowed"):
        if row.get(name):
            item[name] = _parse_boolean(row[name], name, number)
    return item | {name: row[name] for name in ("selection", "note") if row.get(name)}


def _split_points(row: Mapping[str, str]) -> list[str]:
    return [line.strip() for line in row.get("points", "").split("\n") if line.strip()]


def _parse_boolean(written: str, name: str, number: int) -> bool:
    if written.casefold() in {"yes", "true", "1", "y"}:
        return True
    if written.casefold() in {"no", "false", "0", "n"}:
        return False
    raise _RowErrors([f"row {number}: {name}: write yes or no"])
