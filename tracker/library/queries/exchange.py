"""A file of units beside the library: what each of them is to what is there, and how far an import has come."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.library.queries.links import holds_in
from tracker.library.queries.units import is_seen_at, list_newest_revisions, version_order
from tracker.models import CriterionLink, ImportRun, Unit
from tracker.units import formats
from tracker.units.documents import UnitDocument, unit_from_json
from tracker.units.formats import differences
from tracker.units.formats.exchanged import ExchangedLink
from tracker.vocabulary import ImportOutcome, ImportState

AT_ONCE = 200
"""Units asked for in one statement."""
MAX_DIFFERENCES = 30
MAX_CRITERIA = 1000
MAX_SIZE = {"code": 60, "version": 20, "title": 200, "full_code": 120}
NOT_THE_WORDS = frozenset({"slug", "revision", "provenance", "dates"})
"""What says where a unit came from and where it stands, and not what it says."""


@dataclass(frozen=True)
class Entry:
    """What one unit of a file will come to; kept with the run."""

    code: str
    title: str
    version: str
    revision: int
    outcome: ImportOutcome
    words: str = ""
    """The hash of what it says: the file must read the same when the unit is taken in."""
    reason: str = ""
    differences: tuple[str, ...] = ()
    more: int = 0
    """Differences that are not listed."""
    taken: bool = False
    """Whether it is to be taken in."""
    links: int = 0
    """New links of its criteria to those of other units; of a changed unit, those that come only with it."""

    @property
    def links_to_come(self) -> int:
        """Those of its new links that come, or came, as things stand."""
        is_here = self.outcome is ImportOutcome.UNCHANGED
        return self.links if self.taken or is_here else 0

    def as_row(self) -> dict[str, Any]:
        """As it is kept, without what is empty."""
        return {key: value for key, value in asdict(self).items() if value not in ("", (), 0, False)}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Entry":
        return cls(
            **{**row, "outcome": ImportOutcome(row["outcome"]), "differences": tuple(row.get("differences", ()))}
        )


@dataclass(frozen=True)
class Held:
    """One version of a unit that a centre sees."""

    revision: int
    document: dict[str, Any]

    @property
    def words(self) -> str:
        return words_of(self.document)


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    state: ImportState
    done: int
    total: int
    """Steps: units, and then the links between them."""
    units: int
    is_waiting: bool
    """Nobody works at it just now."""

    @property
    def words(self) -> str:
        if self.state is ImportState.RUNNING and self.is_waiting:
            return "Waiting for the worker"
        if self.done > self.units:
            return f"{self.done - self.units:,} of {self.total - self.units:,} links between units"
        return f"{self.done:,} of {self.units:,} units"


def words_of(document: Mapping[str, Any]) -> str:
    """The hash of what a unit says, wherever it came from: two files with the same words hold the same unit."""
    stated = {key: value for key, value in document.items() if key not in NOT_THE_WORDS}
    return sha256("tracker.unit-words.v1", canonical_json(stated))


def list_entries(documents: Sequence[UnitDocument], format_name: str, centre_id: int) -> Iterator[Entry]:
    """What each unit of a file is to the library of a centre, in the order of the file."""
    seen: set[tuple[str, str]] = set()
    for start in range(0, len(documents), AT_ONCE):
        some = documents[start : start + AT_ONCE]
        held = find_held(some, centre_id)
        for document in some:
            key = (document.code, document.version)
            if key in seen:
                yield refused(document, "It stands twice in the file.")
            else:
                yield judge(complete(document, held[key], format_name), held[key])
            seen.add(key)


def find_held(documents: Iterable[UnitDocument], centre_id: int) -> dict[tuple[str, str], list[Held]]:
    """What a centre sees of these units' codes and versions: its own and the installation's, the oldest first."""
    query = select(Unit.code, Unit.version, Unit.revision, Unit.document).where(
        Unit.code.in_({each.code for each in documents}), is_seen_at([centre_id])
    )
    found: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for code, version, revision, document in db.session.execute(query.order_by(Unit.revision, Unit.id)):
        found[code, version].append(Held(revision, json.loads(document)))
    return found


def find_same(document: UnitDocument, format_name: str, centre_id: int) -> Unit | None:
    """The unit at a centre that says what this one says: its own before the installation's, the newest of them."""
    return find_same_units([document], format_name, centre_id).get(document.slug)


def find_same_units(documents: Sequence[UnitDocument], format_name: str, centre_id: int) -> dict[str, Unit]:
    """The same for many, by the slug of each in its file; those that are not here are left out."""
    found: dict[str, Unit] = {}
    for start in range(0, len(documents), AT_ONCE):
        some = documents[start : start + AT_ONCE]
        query = select(Unit).where(Unit.code.in_({each.code for each in some}), is_seen_at([centre_id]))
        units: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        for unit in db.session.scalars(query.order_by(Unit.revision, Unit.id)):
            units[unit.code, unit.version].append(unit)
        for document in some:
            if same := _same_of(document, units[document.code, document.version], format_name):
                found[document.slug] = max(same, key=lambda unit: (unit.owner_centre_id is not None, unit.revision))
    return found


def _same_of(document: UnitDocument, units: Sequence[Unit], format_name: str) -> list[Unit]:
    held = [Held(each.revision, json.loads(each.document)) for each in units]
    words = words_of(complete(document, held, format_name).as_json())
    return [unit for unit, each in zip(units, held, strict=True) if each.words == words]


def judge(document: UnitDocument, held: Sequence[Held]) -> Entry:
    """New, unchanged or changed, or refused with the reason. A change always becomes a revision of its own."""
    if reason := unfit(document):
        return refused(document, reason)
    words = words_of(document.as_json())
    same = next((each for each in held if each.words == words), None)
    if same:
        return _entry(document, ImportOutcome.UNCHANGED, revision=same.revision)
    if not held:
        return _entry(document, ImportOutcome.NEW, words=words, taken=True)
    found = list_differences(unit_from_json(held[-1].document), document)
    return _entry(
        document,
        ImportOutcome.CHANGED,
        revision=max(held[-1].revision + 1, document.revision),
        words=words,
        differences=tuple(found[:MAX_DIFFERENCES]),
        more=max(0, len(found) - MAX_DIFFERENCES),
    )


def complete(document: UnitDocument, held: Sequence[Held], format_name: str) -> UnitDocument:
    """A unit with what its file is silent about, as the library has it: a spreadsheet takes no overview away."""
    before = unit_from_json(held[-1].document) if held else None
    return formats.completed(format_name, before, document)


def list_differences(before: UnitDocument, document: UnitDocument) -> list[str]:
    """What the unit of a file says otherwise, a sentence each; where it came from is no difference."""
    placed = replace(before, slug=document.slug, revision=document.revision, provenance=document.provenance)
    return differences.compare(placed, document)


def refused(document: UnitDocument, reason: str) -> Entry:
    return _entry(document, ImportOutcome.REFUSED, reason=reason)


def unfit(document: UnitDocument) -> str:
    """Why a unit cannot be kept as it is; empty when it can."""
    for name, largest in MAX_SIZE.items():
        if len(getattr(document, name)) > largest:
            return f"Its {name.replace('_', ' ')} is longer than {largest} characters."
    if not document.criteria:
        return "It holds no criteria."
    if len(document.criteria) > MAX_CRITERIA:
        return f"It holds more than {MAX_CRITERIA:,} criteria."
    long = next((each for each in document.criteria if len(each.label) > 20), None)
    if long:
        return f"The label {long.label[:40]} is longer than 20 characters."
    if b"\\u0000" in canonical_json(document.as_json()):
        return "It holds a sign that cannot be kept (NUL)."
    return ""


def find_run(run_id: int, *, lock: bool = False) -> ImportRun | None:
    """The run as it is now; locked against the slices of its job, where it is to be changed."""
    query = select(ImportRun).where(ImportRun.id == run_id).options(joinedload(ImportRun.started_by))
    if lock:
        query = query.with_for_update(of=ImportRun)
    return db.session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def list_runs(centre_id: int) -> list[ImportRun]:
    """The latest imports of a centre, the newest first."""
    query = select(ImportRun).where(ImportRun.centre_id == centre_id).order_by(ImportRun.id.desc()).limit(20)
    return list(db.session.scalars(query.options(joinedload(ImportRun.started_by))))


def list_unit_choices(centre_id: int) -> list[Unit]:
    """Every version of a unit that a centre sees, in its newest revision, to be chosen for a file."""
    return list_newest_revisions([centre_id])


def list_links(units: Sequence[Unit], centre_id: int) -> list[ExchangedLink]:
    """The links between statements of these units that hold at a centre: its own word goes before the others'."""
    slugs = {unit.id: unit.slug for unit in units}
    query = (
        select(CriterionLink)
        .where(CriterionLink.is_confirmed | (CriterionLink.centre_id == centre_id), holds_in([centre_id]))
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    held = {
        (each.kind, each.unit_id, each.position, each.other_unit_id, each.other_position): each.is_confirmed
        for each in db.session.scalars(query)
        if each.unit_id in slugs and each.other_unit_id in slugs
    }
    return [
        ExchangedLink(kind, slugs[one], position, slugs[other], other_position)
        for (kind, one, position, other, other_position), is_confirmed in held.items()
        if is_confirmed
    ]


def list_documents(unit_ids: Collection[int], centre_ids: Collection[int]) -> list[tuple[Unit, UnitDocument]]:
    """These units, as far as these centres see them, each with all that it holds; by code and version."""
    wanted = sorted(unit_ids)
    found: list[Unit] = []
    for start in range(0, len(wanted), AT_ONCE):
        some = Unit.id.in_(wanted[start : start + AT_ONCE])
        found += db.session.scalars(select(Unit).where(some, is_seen_at(centre_ids)))
    ordered = sorted(found, key=lambda unit: (unit.code, version_order(unit)))
    return [(unit, unit_from_json(json.loads(unit.document))) for unit in ordered]


def _entry(document: UnitDocument, outcome: ImportOutcome, **facts: Any) -> Entry:
    given = {"revision": document.revision, **facts}
    return Entry(document.code[:60], document.title[:200], document.version[:20], outcome=outcome, **given)
