"""Links between two units as a file of `standards/links` holds them."""

from collections.abc import Iterator, Sequence

from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.formats.exchanged import ExchangedLink
from tracker.units.formats.own import quoted, scalar
from tracker.vocabulary import CriterionKind, LinkKind

Place = tuple[int, int]
"""The positions of two statements, one in each unit."""


def has_place(link: ExchangedLink, first: UnitDocument, second: UnitDocument) -> bool:
    """Whether a file can hold it: the same in substance, two criteria of one kind."""
    kinds = [
        {each.position: each.kind for each in unit.assessable}.get(position)
        for unit, position in ((first, link.position), (second, link.other_position))
    ]
    return link.kind is LinkKind.SAME and kinds[0] is not None and kinds[0] is kinds[1]


def write_links(first: UnitDocument, second: UnitDocument, places: Sequence[Place]) -> str:
    """The file; read back beside the two units it holds the same places."""
    return "".join(f"{line}\n" for line in _lines(first, second, places))


def sentence_of(first: UnitDocument, second: UnitDocument, place: Place) -> str:
    """A link in words, such as: Knowledge 4 of LOCAL7 is the same as b of LOCAL8."""
    one, other = (unit.criteria[position - 1] for unit, position in zip((first, second), place, strict=True))
    return f"{one.kind.label} {one.label} of {first.code} is the same as {other.label} of {second.code}."


def _lines(first: UnitDocument, second: UnitDocument, places: Sequence[Place]) -> Iterator[str]:
    yield f"units: [{scalar(first.slug)}, {scalar(second.slug)}]"
    for kind in CriterionKind:
        of_kind = [place for place in sorted(places) if first.criteria[place[0] - 1].kind is kind]
        if of_kind:
            yield f"{kind}:"
        for position, other in of_kind:
            yield f"  - {{first: {quoted(_name(first, position))}, second: {quoted(_name(second, other))}}}"


def _name(unit: UnitDocument, position: int) -> str:
    """Its label, or its position where the label stands more than once."""
    named = unit.criteria[position - 1]
    same = [
        each for each in unit.assessable if each.kind is named.kind and named.label in {each.label, _number(each)}
    ]
    return named.label if len(same) == 1 else _number(named)


def _number(criterion: CriterionDocument) -> str:
    return f"#{criterion.position}"
