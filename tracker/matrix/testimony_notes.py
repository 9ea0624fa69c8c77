"""What every reader of a testimony is told besides who gave it.

docs/rules.md, Witness testimonies, rules 10 and 20.
"""

import json

from tracker.models import EvidenceVersion
from tracker.vocabulary import RecordKind

IN_PERSON = "signed in person, address not confirmed"
SAME_ASSESSOR = "asked for and authenticated by the same assessor"
ASKED_BY_MYSELF = (
    "I asked for this testimony myself, and nobody else has put the witness on the centre’s witness list."
)
"""What an assessor declares besides of such a testimony; the sealed declaration says so."""


def list_testimony_notes(content: str | None, statement: str | None) -> list[str]:
    """Return what is said of a testimony, from its sealed content and the declaration under which it was used.

    Args:
        content: the content of the version; None or erased says nothing.
        statement: the declaration of the assessor who authenticated it; None before.
    """
    notes = []
    if content and content.startswith("{") and not json.loads(content).get("address_confirmed", True):
        notes.append(IN_PERSON)
    if statement and statement.endswith(ASKED_BY_MYSELF):
        notes.append(SAME_ASSESSOR)
    return notes


def find_testimony_notes(version: EvidenceVersion) -> list[str]:
    """Return what is said of a version of a testimony; nothing of other evidence."""
    if version.record_kind is not RecordKind.WITNESS_TESTIMONY:
        return []
    answer = version.acknowledgements[-1] if version.acknowledgements else None
    return list_testimony_notes(version.content, answer.statement if answer else None)
