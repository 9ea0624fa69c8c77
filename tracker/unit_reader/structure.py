"""Documents that name no part: what kind of statements they hold is told by the markers alone."""

from collections.abc import Sequence

from tracker.unit_reader.markers import Marker, read_markers
from tracker.unit_reader.rows import Row
from tracker.unit_reader.sections import Section
from tracker.unit_reader.words import Part

MINIMUM = 3
CODED = {
    "P1": Part.PERFORMANCE,
    "PC1": Part.PERFORMANCE,
    "K1": Part.KNOWLEDGE,
    "KU1": Part.KNOWLEDGE,
    "K&U1": Part.KNOWLEDGE,
}


def sections_by_markers(rows: Sequence[Row]) -> list[Section]:
    """Sections of a document without headings: `P1`, `K1`, or `1.1` under numbered outcomes; else none."""
    firsts = [_first(row) for row in rows]
    if sum(_codes_in(row, marker) for row, marker in zip(rows, firsts, strict=True)) >= MINIMUM:
        return _coded(rows, firsts)
    if sum(marker is not None and marker.family == "1.1a" for marker in firsts) >= MINIMUM:
        return _from(rows, next(at for at, marker in enumerate(firsts) if marker and marker.family == "1.1"))
    dotted = [marker for marker in firsts if marker and marker.family == "1.1"]
    if len(dotted) >= MINIMUM and dotted[0].numbers[-1] == 1 and _has_outcomes(firsts, dotted):
        return _from(rows, _first_outcome(firsts, dotted[0]))
    return []


def _first(row: Row) -> Marker | None:
    found = read_markers(row.text)
    return found[0][0] if found else None


def _codes_in(row: Row, marker: Marker | None) -> int:
    """How many codes of the row's own kind stand in it, the first at its begin."""
    return row.text.count(f" {marker.family[:-1]}") + 1 if marker and marker.family in CODED else 0


def _coded(rows: Sequence[Row], firsts: Sequence[Marker | None]) -> list[Section]:
    sections = [Section(None)]
    for row, marker in zip(rows, firsts, strict=True):
        part = CODED.get(marker.family) if marker else None
        if part and sections[-1].part is not part:
            above = sections[-1].rows
            heading = [above.pop()] if above and above[-1].heading else []
            sections.append(Section(part, None, heading))
        sections[-1].rows.append(row)
    return sections


def _has_outcomes(firsts: Sequence[Marker | None], dotted: Sequence[Marker]) -> bool:
    numbers = {marker.numbers for marker in firsts if marker and len(marker.numbers) == 1}
    return all((marker.numbers[0],) in numbers for marker in dotted)


def _first_outcome(firsts: Sequence[Marker | None], criterion: Marker) -> int:
    """Where the outcome of the first criterion stands: the last `1` above `1.1`, since other lists come before."""
    below = next(at for at, marker in enumerate(firsts) if marker is criterion)
    above = [at for at, marker in enumerate(firsts[:below]) if marker and marker.numbers == criterion.numbers[:1]]
    return above[-1] if above else below


def _from(rows: Sequence[Row], start: int) -> list[Section]:
    return [Section(None, None, list(rows[:start])), Section(Part.OUTCOMES, None, list(rows[start:]))]
