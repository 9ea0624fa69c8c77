"""A qualification as YAML: a file of `standards/qualifications`, and the text that is typed on screen."""

from collections.abc import Iterable, Iterator

from tracker.units.formats.unit_yaml import format_scalar, quote
from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit


def format_qualification_yaml(document: QualificationDocument) -> str:
    """Return a qualification as YAML without empty keys and comments. Read back, it is the same document."""
    return "".join(f"{line}\n" for line in _list_lines(document))


def _list_lines(document: QualificationDocument) -> Iterator[str]:
    yield f"code: {format_scalar(document.code)}"
    yield f"slug: {format_scalar(document.slug)}"
    yield f"title: {quote(document.title)}"
    yield f"version: {quote(document.version)}"
    yield f"revision: {document.revision}"
    yield from _format_texts(awarding_body=document.awarding_body, level=document.level)
    if document.identifiers:
        yield "identifiers:"
    for each in document.identifiers:
        yield from _format_list_entry(
            [f"scheme: {format_scalar(each.scheme)}", f"value: {format_scalar(each.value)}"]
        )
    yield "units:"
    for unit in document.units:
        yield from _format_list_entry(_list_unit_lines(unit))
    if document.mandatory:
        yield f"mandatory: {_format_codes(document.mandatory)}"
    if document.groups:
        yield "groups:"
    for group in document.groups:
        yield from _format_list_entry(_list_group_lines(group))
    yield from _format_counts(
        minimum_units=document.minimum_units or None,
        minimum_credits=document.minimum_credits or None,
        credits_at_level=document.credits_at_level or None,
        at_level=document.at_level,
    )
    if document.barred:
        yield "barred:"
        yield from (f"  - {_format_codes(pair)}" for pair in document.barred)
    yield "provenance:"
    yield f"  source: {quote(document.provenance.source)}"
    yield f"  read: {quote(document.provenance.read)}"
    if document.notes:
        yield "notes:"
        yield from (f"  - {quote(note)}" for note in document.notes)


def _list_unit_lines(unit: QualificationUnit) -> Iterator[str]:
    yield f"code: {format_scalar(unit.code)}"
    yield f"title: {quote(unit.title)}"
    yield from _format_counts(credit=unit.credit, level=unit.level)
    yield from _format_texts(version=unit.version)


def _list_group_lines(group: QualificationGroup) -> Iterator[str]:
    yield f"name: {format_scalar(group.name)}"
    yield from _format_texts(title=group.title)
    yield from _format_counts(
        minimum=group.minimum or None,
        maximum=group.maximum,
        minimum_credits=group.minimum_credits or None,
        maximum_credits=group.maximum_credits,
    )
    yield f"units: {_format_codes(group.units)}"


def _format_texts(**stated: str | None) -> Iterator[str]:
    yield from (f"{key}: {quote(text)}" for key, text in stated.items() if text is not None)


def _format_counts(**stated: int | None) -> Iterator[str]:
    yield from (f"{key}: {number}" for key, number in stated.items() if number is not None)


def _format_codes(codes: Iterable[str]) -> str:
    return f"[{', '.join(map(format_scalar, codes))}]"


def _format_list_entry(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as one entry of a list."""
    for number, line in enumerate(lines):
        yield f"  {'  ' if number else '- '}{line}"
