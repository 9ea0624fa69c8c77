"""What finds a unit in a search: its codes, and the text that is searched."""

from tracker.units.documents import UnitDocument


def list_codes(document: UnitDocument) -> list[tuple[str, str]]:
    """Return scheme and value of each code that finds a unit: its own, its slug, and those it is published under."""
    own = [("code", document.code), ("slug", document.slug)]
    return list(dict.fromkeys([*own, *((each.scheme, each.value) for each in document.identifiers)]))


def build_search_text(document: UnitDocument) -> str:
    """Return the text that a search looks through, in lower case."""
    details = (document.title, document.metadata["suites"], document.metadata["keywords"])
    texts = (*details, *(criterion.text for criterion in document.criteria))
    return "\n".join(text for text in texts if text).casefold()
