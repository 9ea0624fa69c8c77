"""Drafts of units: read a document, change, share, discard and publish."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from typing import Any

from sqlalchemy import or_, select

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.library.services.loading import store_unit
from tracker.models import Unit, UnitDraft
from tracker.storage import file_store, virus_scan
from tracker.units.documents import UnitDocument
from tracker.units.drafting.problems import build_unit
from tracker.units.drafting.units import describe_doubt, list_open_doubts, make_free_slug
from tracker.units.drafting.working_copy import (
    WorkingCopy,
    convert_to_reading,
    start_working_copy,
    working_copy_from_json,
)
from tracker.vocabulary import DraftState
from tracker.web.formatting import day

MAX_SOURCE_LINES = 20_000
"""Source lines stored with a draft; the document itself is stored in full."""
OPEN_STATES = (DraftState.BEING_CHECKED, DraftState.DRAFT)
"""States in which a draft may change."""


@dataclass(frozen=True)
class ReadDocument:
    """A document that was read: its bytes are in the file store, and no row in the database refers to them yet."""

    name: str
    kind: str
    sha256: str
    lines: list[dict[str, Any]]
    reading: dict[str, Any]


def read_uploaded_document(name: str, body: bytes) -> ReadDocument:
    """Read a document and store its bytes. Call it with no transaction open: it may take seconds.

    Raises:
        Unreadable: The document cannot be read.
        NoUnit: The document contains no unit.
        Invalid: The virus scanner refused the document.
    """
    from tracker.unit_reader.sandboxed_reader import read_document  # slow to import

    virus_scan.check_clean(body, name, "document")
    document = read_document(name, body)
    source, reading = document.source, document.reading
    stored = file_store.save(BytesIO(body))
    places = {str(position): list(lines) for position, lines in reading.places.items()}
    lines = [
        _drop_nul({key: value for key, value in asdict(line).items() if value})
        for line in source.lines[:MAX_SOURCE_LINES]
    ]
    return ReadDocument(name, source.file_format, stored.sha256, lines, {**reading.as_json(), "places": places})


def start_draft(document: ReadDocument, centre_id: int, actor: Actor) -> UnitDraft:
    """Start a draft from a document that was read."""
    draft = _make_draft(document, start_working_copy(document.reading), centre_id, actor)
    record("unit_document_read", draft, actor, centre=centre_id, source=document.sha256)
    return draft


def start_correction(unit: Unit, actor: Actor, *, new_edition: bool = False) -> UnitDraft:
    """Start a draft from a published unit: its next revision, or a new edition with a version of its own."""
    if unit.owner_centre_id is None:
        raise Refused(
            f"{unit.code} belongs to the installation and comes from a file in standards/units. The "
            "system operator corrects it there. Nothing was changed."
        )
    earlier = _find_source_draft(unit)
    reading = _load_as_reading(unit, earlier)
    if new_edition:
        _prepare_new_edition(reading)
    else:
        reading["revision"] = unit.revision + 1
    document = ReadDocument(
        name=earlier.source_name if earlier else f"{unit.code} as published",
        kind=earlier.source_kind if earlier else "unit",
        sha256=(earlier.source_sha256 if earlier else None) or "",
        lines=earlier.source_lines if earlier and not new_edition else [],
        reading=reading,
    )
    draft = _make_draft(document, start_working_copy(reading), unit.owner_centre_id, actor)
    draft.replaces_unit_id = unit.id
    record("unit_correction_started", draft, actor, unit=unit.content_hash, new_edition=new_edition)
    return draft


def change_draft(draft: UnitDraft, seen_version: int, change: Callable[[WorkingCopy], WorkingCopy]) -> None:
    """Change the working copy.

    Raises:
        Invalid: The change is not possible.
        Conflict: Somebody else changed the draft since the page was loaded.
    """
    check_draft_open(draft)
    check_page_is_current(draft, seen_version)
    _store_working_copy(draft, change(load_working_copy(draft)))


def restart_draft(draft: UnitDraft, seen_version: int) -> None:
    """Start again from the reading. All changes are lost, and the draft is no longer shared with assessors."""
    change_draft(draft, seen_version, lambda _: start_working_copy(load_reading(draft)))
    draft.state = DraftState.BEING_CHECKED


def share_draft(draft: UnitDraft, seen_version: int, actor: Actor) -> None:
    """Show the draft to the centre's assessors."""
    check_draft_open(draft)
    check_page_is_current(draft, seen_version)
    unit = build_unit(load_working_copy(draft))
    draft.state, draft.updated_at = DraftState.DRAFT, now()
    record("unit_draft_shared", draft, actor, content=unit.content_hash)


def discard_unit_draft(draft: UnitDraft, actor: Actor) -> None:
    """Discard the draft. Its source and its reading stay on record."""
    check_draft_open(draft)
    draft.state, draft.ended_at = DraftState.DISCARDED, now()
    record("unit_draft_discarded", draft, actor, centre=draft.centre_id)


def publish_unit(draft: UnitDraft, seen_version: int, accepted: Collection[int], actor: Actor) -> Unit:
    """Publish the draft as a version of the centre's library, which never changes from then on.

    Raises:
        Invalid: A doubt is open and not accepted, or the draft has a problem.
    """
    check_draft_open(draft)
    check_page_is_current(draft, seen_version)
    working = load_working_copy(draft)
    if set(list_open_doubts(working)) - set(accepted):
        raise Invalid(
            "Tick every point that you accept as read, or go back and check it. Nothing was published.", "doubts"
        )
    document = build_published_unit(working, list_taken_slugs(working.code))
    _check_not_published(document, draft.centre_id)
    unit = Unit(code=document.code, version=document.version, revision=document.revision)
    unit.owner_centre_id = draft.centre_id
    store_unit(unit, document)
    draft.state, draft.unit_id, draft.ended_at = DraftState.PUBLISHED, unit.id, now()
    record(
        "unit_published",
        unit,
        actor,
        centre=draft.centre_id,
        draft=draft.id,
        content=unit.content_hash,
        source=draft.source_sha256,
        doubts_accepted=len(list_open_doubts(working)),
    )
    return unit


def build_published_unit(working: WorkingCopy, taken_slugs: set[str]) -> UnitDocument:
    """Return the unit as it will be published, with its address, its provenance and the accepted doubts."""
    doubts = [working.warnings[number] for number in list_open_doubts(working)]
    read = working.provenance.read.rstrip()
    return build_unit(
        replace(
            working,
            slug=make_free_slug(working.code, working.version, working.revision, taken_slugs),
            provenance=replace(working.provenance, read=f"{read} Checked and published on {day(today())}."),
            notes=[*working.notes, *(f"Accepted as read. {describe_doubt(doubt)}" for doubt in doubts)],
        )
    )


def list_taken_slugs(code: str) -> set[str]:
    """Return the slugs that begin with this code's slug; a new one must differ from all of them."""
    stem = make_free_slug(code, "", 1, set())
    return set(db.session.scalars(select(Unit.slug).where(or_(Unit.slug == stem, Unit.slug.startswith(f"{stem}-")))))


def check_draft_open(draft: UnitDraft) -> None:
    """Raise `Refused` if the draft is published or discarded."""
    if draft.state not in OPEN_STATES:
        raise Refused(f"This unit is {draft.state.label.lower()}. Nothing was changed.")


def check_page_is_current(draft: UnitDraft, seen_version: int) -> None:
    """Raise `Conflict` if the page was made from an earlier version of the draft."""
    if draft.version != seen_version:
        raise Conflict(
            "Somebody changed this unit since you opened the page. What you typed is kept below. Look at what "
            "changed, then press the button again."
        )


def load_working_copy(draft: UnitDraft) -> WorkingCopy:
    """Return the working copy of a draft."""
    return working_copy_from_json(json.loads(draft.document))


def load_reading(draft: UnitDraft) -> dict[str, Any]:
    """Return the reading that a draft started from."""
    reading: dict[str, Any] = json.loads(draft.reading)
    return reading


def _make_draft(document: ReadDocument, working: WorkingCopy, centre_id: int, actor: Actor) -> UnitDraft:
    assert actor.person_id is not None  # noqa: S101 - an administrator starts drafts, never the operator
    draft = UnitDraft(
        centre_id=centre_id,
        state=DraftState.BEING_CHECKED,
        source_name=document.name[:200],
        source_kind=document.kind,
        source_sha256=document.sha256 or None,
        source_lines=document.lines,
        reading=_serialise(document.reading),
        made_by_id=actor.person_id,
        created_at=now(),
    )
    _store_working_copy(draft, working)
    db.session.add(draft)
    db.session.flush()
    return draft


def _store_working_copy(draft: UnitDraft, working: WorkingCopy) -> None:
    draft.document, draft.updated_at = _serialise(working.as_json()), now()
    draft.title = working.title.replace("\x00", "")[:200]


def _serialise(value: Mapping[str, Any]) -> str:
    return canonical_json(_drop_nul(value)).decode("ascii")


def _drop_nul(value: Any) -> Any:
    """Return the value without NUL characters, which PostgreSQL text cannot store."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {key: _drop_nul(member) for key, member in value.items()}
    return [_drop_nul(element) for element in value] if isinstance(value, list | tuple) else value


def _find_source_draft(unit: Unit) -> UnitDraft | None:
    return db.session.scalars(select(UnitDraft).where(UnitDraft.unit_id == unit.id)).first()


def _load_as_reading(unit: Unit, earlier: UnitDraft | None) -> dict[str, Any]:
    """Return the published unit as a reading, with the source lines of the draft it came from."""
    document: dict[str, Any] = json.loads(unit.document)
    places = convert_to_reading(load_working_copy(earlier))["places"] if earlier else {}
    return {**document, "warnings": [], "unparsed": [], "places": places}


def _prepare_new_edition(reading: dict[str, Any]) -> None:
    """Set the next version number and mark it as a doubt, because only the printed source states it."""
    before = reading["version"]
    reading["version"] = str(int(before) + 1) if before.isdecimal() else f"{before}-2"
    reading["revision"], reading["places"] = 1, {}
    doubt = "The version of the new edition is not read from a source."
    assumed = f"{reading['version']} is assumed, since the edition before is {before}."
    reading["warnings"] = [{"lines": [], "what": doubt, "assumed": assumed}]


def _check_not_published(document: UnitDocument, centre_id: int) -> None:
    query = select(Unit.id).where(
        Unit.owner_centre_id == centre_id,
        Unit.code == document.code,
        Unit.version == document.version,
        Unit.revision == document.revision,
    )
    if db.session.scalar(query):
        raise Invalid(
            f"{document.code} version {document.version}, revision {document.revision} is published already. Give "
            "this one another version. Nothing was published.",
            "version",
        )
