"""Criteria built from statements, each with its label, kind, position and parent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import Doubt, SectionStatements, Statement
from tracker.units.documents import CriterionDocument
from tracker.vocabulary import CriterionKind, LabelOrigin

MAX_LABEL_LENGTH = 20


@dataclass
class NumberedCriteria:
    """Criteria of a unit, the line numbers behind each position, and the doubts."""

    criteria: list[CriterionDocument] = field(default_factory=list)
    places: dict[int, tuple[int, ...]] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Codes of other units that are printed as knowledge and are nothing else."""


def build_criteria(kinds: Sequence[tuple[CriterionKind, Sequence[SectionStatements]]]) -> NumberedCriteria:
    """Return the criteria of the whole unit, performance first, with positions from 1."""
    result = NumberedCriteria()
    for kind, splits in kinds:
        statements = [each for split in splits for each in _convert_stems_to_headings(split)]
        _apply_ranges([criteria_range for split in splits for criteria_range in split.ranges], statements)
        statements = _remove_unit_codes(statements, kind, result)
        _CriteriaBuilder(kind, statements, result).build()
    return result


def _convert_stems_to_headings(split: SectionStatements) -> list[Statement]:
    """Convert statements to headings if they only group others.

    Units print `1 Prepare the site` above `1.1`, `1.2` throughout, or `A. Prepare` above `P1`, `P2`.
    """
    top = split.top_level
    if (
        len(top) < 2
        or not all(each.children for each in top)
        or not (_are_all_dotted(top) or _are_numbered_consecutively(top))
    ):
        return split.statements
    statements = []
    for stem in top:
        for child in stem.children:
            child.heading, child.parent = stem.text, None
            statements.append(child)
            statements.extend(child.children)
    split.statements = statements
    return statements


def _are_all_dotted(stems: Sequence[Statement]) -> bool:
    """Return whether each stem is a heading over dotted numbers: `1.1` below `1 Prepare the site`.

    `P1.1` below a statement P1 is a sub-item, and so is `1.1` below a statement that ends in a colon.
    """
    if all(stem.is_open for stem in stems) or any(stem.marker and stem.marker.is_coded for stem in stems):
        return False
    return all(_is_dotted(child) for stem in stems for child in stem.children)


def _are_numbered_consecutively(stems: Sequence[Statement]) -> bool:
    """Return whether the items below the stems are one sequence, or have codes that the stems lack."""
    if any(stem.is_open or not stem.marker or stem.marker.is_coded for stem in stems):
        return False
    markers = [child.marker for stem in stems for child in stem.children if child.marker]
    if not all(child.marker and child.marker.label for stem in stems for child in stem.children):
        return False
    return all(each.is_coded for each in markers) or all(after.follows(before) for before, after in pairwise(markers))


def _is_dotted(statement: Statement) -> bool:
    return bool(statement.marker) and len(statement.marker.numbers if statement.marker else ()) > 1


def _apply_ranges(ranges: Sequence[tuple[str, str, str]], statements: Sequence[Statement]) -> None:
    """Set the headings that are given for ranges of criteria, as in `criteria 1–9: …`."""
    for first, last, heading in ranges:
        low, high = _sort_key(first), _sort_key(last)
        for statement in statements:
            outermost = statement
            while outermost.parent:
                outermost = outermost.parent
            if outermost.marker and low <= _sort_key(outermost.marker.label) <= high:
                statement.heading = heading


def _sort_key(label: str) -> tuple[str, int]:
    """Return a key by which labels of one kind compare."""
    digits = "".join(each for each in label if each.isdigit())
    letters = "".join(each for each in label if each.isalpha()).upper()
    return ("", int(digits)) if digits else (letters, 0)


def _remove_unit_codes(statements: list[Statement], kind: CriterionKind, result: NumberedCriteria) -> list[Statement]:
    """Remove knowledge that is only codes of other units; they become links."""
    if kind is not CriterionKind.KNOWLEDGE:
        return statements
    kept = []
    for each in statements:
        if not each.children and phrases.CODES_ONLY.fullmatch(each.text):
            result.links.extend(match[0] for match in phrases.CODE.finditer(each.text))
            result.doubts.append(
                Doubt(
                    tuple(each.line_numbers),
                    f"“{each.text}” is the code of another unit",
                    "it was read as a link, not as knowledge",
                )
            )
        else:
            kept.append(each)
    return kept


class _CriteriaBuilder:
    """Criteria of one kind, built from statements."""

    def __init__(self, kind: CriterionKind, statements: list[Statement], result: NumberedCriteria) -> None:
        self.kind = kind
        self.statements = statements
        self.result = result
        top = [each for each in statements if each.parent is None and each.marker and not each.is_unlabelled]
        first_markers = [each for each in top if each.marker and each.marker.numbers == (1,)]
        self.is_constant = len(first_markers) * 3 >= len(top) * 2 and self._repeats_one(top)
        self.positions: dict[int, int] = {}
        self.count = 0

    def build(self) -> None:
        """Add a criterion for each statement, and a doubt if labels were assigned."""
        assigned: list[int] = []
        for statement in self.statements:
            label, origin = self._choose_label(statement)
            if origin is LabelOrigin.ASSIGNED and not statement.is_unlabelled:
                assigned.extend(statement.line_numbers)
            self._add_criterion(statement, label, origin)
        if assigned:
            reason = (
                "every statement prints the same number"
                if self.is_constant
                else "statements are printed without numbers"
            )
            self.result.doubts.append(
                Doubt(tuple(assigned), f"{self.kind.label}: {reason}", "labels are assigned by position")
            )

    def _repeats_one(self, top: Sequence[Statement]) -> bool:
        """Return whether 1 follows 1 below one heading.

        Groups that each start at 1 do not count: their labels are kept.
        """
        return any(
            upper.heading == lower.heading
            and all(each.marker and each.marker.numbers == (1,) for each in (upper, lower))
            for upper, lower in pairwise(top)
        )

    def _choose_label(self, statement: Statement) -> tuple[str, LabelOrigin]:
        """Return a statement's label, and whether it is published or assigned by position."""
        if statement.parent is None:
            self.count += 1
        marker = statement.marker
        if statement.is_unlabelled and marker and marker.label and not self.is_constant:
            self.count -= 1
            self._doubt_unlabelled(statement)
            return self._find_free_label(f"{marker.label}a", statement), LabelOrigin.ASSIGNED
        if marker is None or marker.is_bullet or (self.is_constant and statement.parent is None):
            return str(self.count), LabelOrigin.ASSIGNED
        return marker.label[:MAX_LABEL_LENGTH], LabelOrigin.PUBLISHED

    def _find_free_label(self, label: str, statement: Statement) -> str:
        """Return the label with the next free letter: 6a, then 6b if two unnumbered lines are below 6."""
        taken = {
            each.label
            for each in self.result.criteria
            if each.kind is self.kind and each.heading == statement.heading
        }
        while label in taken:
            label = label[:-1] + chr(ord(label[-1]) + 1)
        return label

    def _doubt_unlabelled(self, statement: Statement) -> None:
        statement.note = statement.note or "Printed without a number among numbered statements."
        self.result.doubts.append(
            Doubt(
                tuple(statement.line_numbers),
                "a line without a number is among numbered statements",
                "it is a separate statement, with an assigned label",
            )
        )

    def _add_criterion(self, statement: Statement, label: str, origin: LabelOrigin) -> None:
        position = len(self.result.criteria) + 1
        self.positions[id(statement)] = position
        selection = phrases.SELECTION.search(statement.text)
        self.result.places[position] = tuple(dict.fromkeys(statement.line_numbers))
        self.result.criteria.append(
            CriterionDocument(
                position=position,
                kind=self.kind,
                label=label,
                label_origin=origin,
                heading=statement.heading,
                parent=self.positions.get(id(statement.parent)) if statement.parent else None,
                text=statement.text,
                assessable=not statement.children,
                points=tuple(statement.points),
                selection=selection[0] if selection else None,
                note=statement.note,
            )
        )
