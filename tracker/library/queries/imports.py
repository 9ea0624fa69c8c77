"""Units of an imported file compared with a centre's library, and the state of imports."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.library.queries.units import is_unit_visible_at
from tracker.models import ImportRun, Unit
from tracker.units import formats
from tracker.units.documents import UnitDocument, unit_from_json
from tracker.units.formats import differences
from tracker.vocabulary import ImportOutcome

UNITS_PER_QUERY = 200
"""Units asked for in one SQL statement."""
MAX_DIFFERENCES = 30
MAX_CRITERIA = 1000
MAX_FIELD_LENGTH = {"code": 60, "version": 20, "title": 200, "full_code": 120}
NOT_CONTENT = frozenset({"slug", "revision", "provenance", "dates"})
"""Keys that say where a unit comes from, not what it states."""


@dataclass(frozen=True)
class ImportEntry:
    """The result of comparing one unit of a file with the library; stored with the import."""

    code: str
    title: str
    version: str
    revision: int
    outcome: ImportOutcome
    content_hash: str = ""
    """The hash of its content. The file must read the same when the unit is imported."""
    reason: str = ""
    differences: tuple[str, ...] = ()
    more_differences: int = 0
    """The number of differences that are not listed."""
    is_selected: bool = False
    """Whether it is to be imported."""
    links: int = 0
    """The number of new links to other units; for a changed unit, those imported only together with it."""

    @property
    def importable_links(self) -> int:
        """Return the number of its new links that are imported under the present choice."""
        is_here = self.outcome is ImportOutcome.UNCHANGED
        return self.links if self.is_selected or is_here else 0

    def as_row(self) -> dict[str, Any]:
        """Return the entry as stored, without empty values."""
        return {key: value for key, value in asdict(self).items() if value not in ("", (), 0, False)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ImportEntry":
        """Return the entry from its stored form."""
        return cls(
            **{**row, "outcome": ImportOutcome(row["outcome"]), "differences": tuple(row.get("differences", ()))}
        )


@dataclass(frozen=True)
class LibraryVersion:
    """One version of a unit that a centre can see."""

    revision: int
    document: dict[str, Any]

    @property
    def content_hash(self) -> str:
        """Return the hash of this version's content."""
        return hash_content(self.document)


def hash_content(document: Mapping[str, Any]) -> str:
    """Return the hash of what a unit states, wherever it comes from: equal hashes mean the same content."""
    content = {key: value for key, value in document.items() if key not in NOT_CONTENT}
    return sha256("tracker.unit-words.v1", canonical_json(content))


def list_import_entries(documents: Sequence[UnitDocument], format_name: str, centre_id: int) -> Iterator[ImportEntry]:
    """Yield for each unit of a file what importing it means for the centre's library, in the order of the file."""
    seen_keys: set[tuple[str, str]] = set()
    for start in range(0, len(documents), UNITS_PER_QUERY):
        batch = documents[start : start + UNITS_PER_QUERY]
        existing = list_library_versions(batch, centre_id)
        for document in batch:
            key = (document.code, document.version)
            if key in seen_keys:
                yield refuse_unit(document, "It appears twice in the file.")
            else:
                yield classify_unit(complete_from_library(document, existing[key], format_name), existing[key])
            seen_keys.add(key)


def list_library_versions(
    documents: Iterable[UnitDocument], centre_id: int
) -> dict[tuple[str, str], list[LibraryVersion]]:
    """Return the revisions of these units that the centre can see, by code and version, the oldest first."""
    query = select(Unit.code, Unit.version, Unit.revision, Unit.document).where(
        Unit.code.in_({document.code for document in documents}), is_unit_visible_at([centre_id])
    )
    result: dict[tuple[str, str], list[LibraryVersion]] = defaultdict(list)
    for code, version, revision, document in db.session.execute(query.order_by(Unit.revision, Unit.id)):
        result[code, version].append(LibraryVersion(revision, json.loads(document)))
    return result


def find_unit_with_same_content(document: UnitDocument, format_name: str, centre_id: int) -> Unit | None:
    """Find the unit at a centre with the same content: its own before the installation's, the newest first."""
    return find_units_with_same_content([document], format_name, centre_id).get(document.slug)


def find_units_with_same_content(
    documents: Sequence[UnitDocument], format_name: str, centre_id: int
) -> dict[str, Unit]:
    """Find the same for many units, by their slugs in the file; units without a match are left out."""
    result: dict[str, Unit] = {}
    for start in range(0, len(documents), UNITS_PER_QUERY):
        batch = documents[start : start + UNITS_PER_QUERY]
        query = select(Unit).where(
            Unit.code.in_({document.code for document in batch}), is_unit_visible_at([centre_id])
        )
        units: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        for unit in db.session.scalars(query.order_by(Unit.revision, Unit.id)):
            units[unit.code, unit.version].append(unit)
        for document in batch:
            if same := _filter_same_content(document, units[document.code, document.version], format_name):
                result[document.slug] = max(same, key=lambda unit: (unit.owner_centre_id is not None, unit.revision))
    return result


def _filter_same_content(document: UnitDocument, units: Sequence[Unit], format_name: str) -> list[Unit]:
    existing = [LibraryVersion(unit.revision, json.loads(unit.document)) for unit in units]
    content_hash = hash_content(complete_from_library(document, existing, format_name).as_json())
    return [unit for unit, version in zip(units, existing, strict=True) if version.content_hash == content_hash]


def classify_unit(document: UnitDocument, existing: Sequence[LibraryVersion]) -> ImportEntry:
    """Return whether a unit is new, unchanged, changed or refused. A changed unit always becomes a new revision."""
    if reason := find_refusal_reason(document):
        return refuse_unit(document, reason)
    content_hash = hash_content(document.as_json())
    same = next((version for version in existing if version.content_hash == content_hash), None)
    if same:
        return _make_entry(document, ImportOutcome.UNCHANGED, revision=same.revision)
    if not existing:
        return _make_entry(document, ImportOutcome.NEW, content_hash=content_hash, is_selected=True)
    result = list_differences(unit_from_json(existing[-1].document), document)
    return _make_entry(
        document,
        ImportOutcome.CHANGED,
        revision=max(existing[-1].revision + 1, document.revision),
        content_hash=content_hash,
        differences=tuple(result[:MAX_DIFFERENCES]),
        more_differences=max(0, len(result) - MAX_DIFFERENCES),
    )


def complete_from_library(
    document: UnitDocument, existing: Sequence[LibraryVersion], format_name: str
) -> UnitDocument:
    """Return a unit with what its format cannot hold taken from the newest revision in the library."""
    before = unit_from_json(existing[-1].document) if existing else None
    return formats.complete_unit(format_name, before, document)


def list_differences(before: UnitDocument, document: UnitDocument) -> list[str]:
    """List the differences in content, one sentence each; source and revision do not count."""
    comparable = replace(before, slug=document.slug, revision=document.revision, provenance=document.provenance)
    return differences.describe_differences(comparable, document)


def refuse_unit(document: UnitDocument, reason: str) -> ImportEntry:
    """Return the entry of a unit that cannot be imported."""
    return _make_entry(document, ImportOutcome.REFUSED, reason=reason)


def find_refusal_reason(document: UnitDocument) -> str:
    """Return why a unit cannot be stored; an empty string if it can."""
    for name, largest in MAX_FIELD_LENGTH.items():
        if len(getattr(document, name)) > largest:
            return f"Its {name.replace('_', ' ')} is longer than {largest} characters."
    if not document.criteria:
        return "It has no criteria."
    if len(document.criteria) > MAX_CRITERIA:
        return f"It has more than {MAX_CRITERIA:,} criteria."
    too_long = next((criterion for criterion in document.criteria if len(criterion.label) > 20), None)
    if too_long:
        return f"The label {too_long.label[:40]} is longer than 20 characters."
    if b"\\u0000" in canonical_json(document.as_json()):
        return "It contains a character that cannot be stored (NUL)."
    return ""


def find_import(run_id: int, *, lock: bool = False) -> ImportRun | None:
    """Find an import in its present state, locked against its job where it is to be changed."""
    query = select(ImportRun).where(ImportRun.id == run_id).options(joinedload(ImportRun.started_by))
    if lock:
        query = query.with_for_update(of=ImportRun)
    return db.session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def _make_entry(document: UnitDocument, outcome: ImportOutcome, **facts: Any) -> ImportEntry:
    fields = {"revision": document.revision, **facts}
    return ImportEntry(document.code[:60], document.title[:200], document.version[:20], outcome=outcome, **fields)
