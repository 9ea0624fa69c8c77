"""Links between two units as a file of `standards/links`."""

from collections.abc import Iterator, Sequence

from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.formats.files import ExchangedLink
from tracker.units.formats.unit_yaml import format_scalar, quote
from tracker.vocabulary import CriterionKind, LinkKind

Place = tuple[int, int]
"""The positions of two criteria, one in each unit."""


def can_be_written(link: ExchangedLink, first: UnitDocument, second: UnitDocument) -> bool:
    """Return whether a file can hold the link: same in substance, between two assessable criteria of one kind."""
    kinds = [
        {each.position: each.kind for each in unit.assessable}.get(position)
        for unit, position in ((first, link.position), (second, link.other_position))
    ]
    return link.kind is LinkKind.SAME and kinds[0] is not None and kinds[0] is kinds[1]


def format_links_yaml(first: UnitDocument, second: UnitDocument, places: Sequence[Place]) -> str:
    """Return the text of the file; read back with the two units it gives the same places."""
    return "".join(f"{line}\n" for line in _lines(first, second, places))


def describe_link(first: UnitDocument, second: UnitDocument, place: Place) -> str:
    """Return the link in words, such as: Knowledge 4 of LOCAL7 is the same as b of LOCAL8."""
    one, other = (unit.criteria[position - 1] for unit, position in zip((first, second), place, strict=True))
    return f"{one.kind.label} {one.label} of {first.code} is the same as {other.label} of {second.code}."


def _lines(first: UnitDocument, second: UnitDocument, places: Sequence[Place]) -> Iterator[str]:
    yield f"units: [{format_scalar(first.slug)}, {format_scalar(second.slug)}]"
    for kind in CriterionKind:
        of_kind = [place for place in sorted(places) if first.criteria[place[0] - 1].kind is kind]
        if of_kind:
            yield f"{kind}:"
        for position, other in of_kind:
            one, two = quote(_name_criterion(first, position)), quote(_name_criterion(second, other))
            yield f"  - {{first: {one}, second: {two}}}"


def _name_criterion(unit: UnitDocument, position: int) -> str:
    """Return the label of a criterion, or its position where the label is not unique."""
    named = unit.criteria[position - 1]
    same = [
        each
        for each in unit.assessable
        if each.kind is named.kind and named.label in {each.label, _format_position(each)}
    ]
    return named.label if len(same) == 1 else _format_position(named)


def _format_position(criterion: CriterionDocument) -> str:
    return f"#{criterion.position}"
