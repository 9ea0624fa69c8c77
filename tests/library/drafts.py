"""Drafts of units as read from a document, made without reading one."""

from io import BytesIO
from typing import Any

from tests import factories
from tests.library.sample_standards import UNIT
from tests.units.drafting.copies import reading_of
from tracker.library.services.publishing import ReadDocument, start_draft
from tracker.models import Centre, Person, UnitDraft
from tracker.storage import file_store

DOUBTS = [
    {"lines": [20], "what": "Its label is printed twice.", "assumed": "It is read as 2."},
    {"lines": [1], "what": "No version is printed.", "assumed": "1 is assumed."},
]
PASSAGES = [{"lines": [4, 5], "text": "Some words that belong nowhere."}]


def make_read_document(text: str = UNIT, *, body: bytes = b"the document itself", **fields: Any) -> ReadDocument:
    """Return a document as read: a unit from lines 10, 20, …, with two doubts and a passage of text not used."""
    reading = reading_of(text, **{"warnings": DOUBTS, "unparsed": PASSAGES, **fields})
    texts = {each["position"] * 10: each["text"] for each in reading["criteria"]}
    lines = [
        {"number": n, "text": texts.get(n, f"line {n} of the source"), "page": 1 + n // 40} for n in range(1, 81)
    ]
    return ReadDocument("calls.pdf", "pdf", file_store.save(BytesIO(body)).sha256, lines, reading)


def make_draft(centre: Centre, person: Person, text: str = UNIT, **fields: Any) -> UnitDraft:
    """Make a draft of a unit; call this within a transaction."""
    return start_draft(make_read_document(text, **fields), centre.id, factories.make_actor(person))
