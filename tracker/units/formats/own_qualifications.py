"""A qualification as a file of `standards/qualifications` holds it, and as it is typed on screen."""

from collections.abc import Iterable, Iterator

from tracker.units.formats.own import quoted, scalar
from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit


def write_qualification(document: QualificationDocument) -> str:
    """What is empty is left out, and so are remarks of the file it came from. Read back it is the same document."""
    return "".join(f"{line}\n" for line in _qualification(document))


def _qualification(document: QualificationDocument) -> Iterator[str]:
    yield f"code: {scalar(document.code)}"
    yield f"slug: {scalar(document.slug)}"
    yield f"title: {quoted(document.title)}"
    yield f"version: {quoted(document.version)}"
    yield f"revision: {document.revision}"
    yield from _texts(awarding_body=document.awarding_body, level=document.level)
    if document.identifiers:
        yield "identifiers:"
    for each in document.identifiers:
        yield from _entry([f"scheme: {scalar(each.scheme)}", f"value: {scalar(each.value)}"])
    yield "units:"
    for unit in document.units:
        yield from _entry(_unit(unit))
    if document.mandatory:
        yield f"mandatory: {_codes(document.mandatory)}"
    if document.groups:
        yield "groups:"
    for group in document.groups:
        yield from _entry(_group(group))
    yield from _counts(
        minimum_units=document.minimum_units or None,
        minimum_credits=document.minimum_credits or None,
        credits_at_level=document.credits_at_level or None,
        at_level=document.at_level,
    )
    if document.barred:
        yield "barred:"
        yield from (f"  - {_codes(pair)}" for pair in document.barred)
    yield "provenance:"
    yield f"  source: {quoted(document.provenance.source)}"
    yield f"  read: {quoted(document.provenance.read)}"
    if document.notes:
        yield "notes:"
        yield from (f"  - {quoted(note)}" for note in document.notes)


def _unit(unit: QualificationUnit) -> Iterator[str]:
    yield f"code: {scalar(unit.code)}"
    yield f"title: {quoted(unit.title)}"
    yield from _counts(credit=unit.credit, level=unit.level)
    yield from _texts(version=unit.version)


def _group(group: QualificationGroup) -> Iterator[str]:
    yield f"name: {scalar(group.name)}"
    yield from _texts(title=group.title)
    yield from _counts(
        minimum=group.minimum or None,
        maximum=group.maximum,
        minimum_credits=group.minimum_credits or None,
        maximum_credits=group.maximum_credits,
    )
    yield f"units: {_codes(group.units)}"


def _texts(**stated: str | None) -> Iterator[str]:
    yield from (f"{key}: {quoted(text)}" for key, text in stated.items() if text is not None)


def _counts(**stated: int | None) -> Iterator[str]:
    yield from (f"{key}: {number}" for key, number in stated.items() if number is not None)


def _codes(codes: Iterable[str]) -> str:
    return f"[{', '.join(map(scalar, codes))}]"


def _entry(lines: Iterable[str]) -> Iterator[str]:
    """Lines as one entry of a list."""
    for number, line in enumerate(lines):
        yield f"  {'  ' if number else '- '}{line}"
