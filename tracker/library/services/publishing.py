"""A unit from a document to a published version: read, checked on screen, looked at as a draft, published."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

from sqlalchemy import or_, select

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import Actor, record
from tracker.library.services.loading import write_unit
from tracker.models import Unit, UnitDraft
from tracker.storage import file_store, virus_scan
from tracker.units.documents import UnitDocument
from tracker.units.drafting.units import doubt_sentence, open_doubts, slug_for
from tracker.units.drafting.working import Working, as_reading, as_unit, begin
from tracker.vocabulary import DraftState
from tracker.web.formatting import day

MAX_LINES = 20_000
"""Of a source, kept beside its draft; the document itself is kept whole."""
OPEN = (DraftState.BEING_CHECKED, DraftState.DRAFT)
"""In which a working copy may change."""


@dataclass(frozen=True)
class ReadIn:
    """A document that was read, its bytes safe in the store; nothing of it is in the database yet."""

    name: str
    kind: str
    sha256: str
    lines: list[dict[str, Any]]
    reading: dict[str, Any]


def read_in(name: str, body: bytes) -> ReadIn:
    """Read a document and keep its bytes. Call it with no transaction open: it may take seconds.

    Raises `Unreadable` or `NoUnit`, each with its sentence, or `Invalid` from the scanner; then nothing is kept.
    """
    from tracker.unit_reader.sandboxed_reader import read_document  # slow to import

    virus_scan.check_clean(body, name, "document")
    document = read_document(name, body)
    source, reading = document.source, document.reading
    kept = file_store.save(BytesIO(body))
    places = {str(position): list(lines) for position, lines in reading.places.items()}
    lines = [
        _storable({key: each for key, each in asdict(line).items() if each}) for line in source.lines[:MAX_LINES]
    ]
    return ReadIn(name, source.kind, kept.sha256, lines, {**reading.as_json(), "places": places})


def start_draft(found: ReadIn, centre_id: int, actor: Actor) -> UnitDraft:
    """What was read, to be checked on screen."""
    draft = _new_draft(found, begin(found.reading), centre_id, actor)
    record("unit_read", draft, actor, centre=centre_id, source=found.sha256)
    return draft


def start_correction(unit: Unit, actor: Actor, *, new_edition: bool = False) -> UnitDraft:
    """A working copy of a published unit: its next revision, or a new edition with a version of its own."""
    if unit.owner_centre_id is None:
        raise Refused(
            f"{unit.code} is the installation's, and comes from a file in standards/units. Whoever runs the "
            "installation changes it there. Nothing was changed."
        )
    earlier = _draft_of(unit)
    reading = _as_published(unit, earlier)
    if new_edition:
        _count_on(reading)
    else:
        reading["revision"] = unit.revision + 1
    found = ReadIn(
        name=earlier.source_name if earlier else f"{unit.code} as published",
        kind=earlier.source_kind if earlier else "unit",
        sha256=(earlier.source_sha256 if earlier else None) or "",
        lines=earlier.source_lines if earlier and not new_edition else [],
        reading=reading,
    )
    draft = _new_draft(found, begin(reading), unit.owner_centre_id, actor)
    draft.replaces_unit_id = unit.id
    record("unit_correction_started", draft, actor, unit=unit.content_hash, new_edition=new_edition)
    return draft


def change_draft(draft: UnitDraft, seen_version: int, change: Callable[[Working], Working]) -> None:
    """Change the working copy. Raises `Invalid` from the change, `Conflict` where somebody else was quicker."""
    check_open(draft)
    check_page_is_current(draft, seen_version)
    _write(draft, change(read_working(draft)))


def restart_draft(draft: UnitDraft, seen_version: int) -> None:
    """Start again from the reading: every change is undone, and assessors no longer see it."""
    change_draft(draft, seen_version, lambda _: begin(read_reading(draft)))
    draft.state = DraftState.BEING_CHECKED


def share_draft(draft: UnitDraft, seen_version: int, actor: Actor) -> None:
    """Let the centre's assessors look at it in the library, marked as a draft."""
    check_open(draft)
    check_page_is_current(draft, seen_version)
    unit = as_unit(read_working(draft))
    draft.state, draft.updated_at = DraftState.DRAFT, now()
    record("unit_drafted", draft, actor, content=unit.content_hash)


def discard_draft(draft: UnitDraft, actor: Actor) -> None:
    """Put it away for good. Its source and its reading stay on record."""
    check_open(draft)
    draft.state, draft.ended_at = DraftState.DISCARDED, now()
    record("unit_draft_discarded", draft, actor, centre=draft.centre_id)


def publish_unit(draft: UnitDraft, seen_version: int, accepted: Collection[int], actor: Actor) -> Unit:
    """Make it a version of the centre's library, which never changes from then on.

    Raises `Invalid` while a doubt is open that is not among the accepted, or the unit does not stand by itself.
    """
    check_open(draft)
    check_page_is_current(draft, seen_version)
    working = read_working(draft)
    if set(open_doubts(working)) - set(accepted):
        raise Invalid(
            "Tick every doubt that is still open, or go back and settle it. Nothing was published.", "doubts"
        )
    document = as_published(working, taken_slugs(working["code"]))
    _check_free(document, draft.centre_id)
    unit = Unit(code=document.code, version=document.version, revision=document.revision)
    unit.owner_centre_id = draft.centre_id
    write_unit(unit, document)
    draft.state, draft.unit_id, draft.ended_at = DraftState.PUBLISHED, unit.id, now()
    record(
        "unit_published",
        unit,
        actor,
        centre=draft.centre_id,
        draft=draft.id,
        content=unit.content_hash,
        source=draft.source_sha256,
        doubts_accepted=len(open_doubts(working)),
    )
    return unit


def as_published(working: Working, taken: set[str]) -> UnitDocument:
    """The unit as it will be published: with its address, how it was read, and the doubts that were accepted."""
    doubts = [working["warnings"][number] for number in open_doubts(working)]
    read = working["provenance"]["read"].rstrip()
    return as_unit(
        {
            **working,
            "slug": slug_for(working["code"], working["version"], working["revision"], taken),
            "provenance": {**working["provenance"], "read": f"{read} Checked and published on {day(today())}."},
            "notes": [*working["notes"], *(f"Accepted as read. {doubt_sentence(each)}" for each in doubts)],
        }
    )


def taken_slugs(code: str) -> set[str]:
    """The addresses that begin as this code's would: a new one must be none of them."""
    stem = slug_for(code, "", 1, set())
    return set(db.session.scalars(select(Unit.slug).where(or_(Unit.slug == stem, Unit.slug.startswith(f"{stem}-")))))


def check_open(draft: UnitDraft) -> None:
    if draft.state not in OPEN:
        raise Refused(f"This unit is {draft.state.label.lower()}. Nothing was changed.")


def check_page_is_current(draft: UnitDraft, seen_version: int) -> None:
    """Raise `Conflict` where the page was made from an earlier copy."""
    if draft.version != seen_version:
        raise Conflict(
            "Somebody changed this unit since you opened the page. What you typed is kept below. Look at what "
            "changed, then press the button again."
        )


def read_working(draft: UnitDraft) -> Working:
    working: Working = json.loads(draft.document)
    return working


def read_reading(draft: UnitDraft) -> dict[str, Any]:
    reading: dict[str, Any] = json.loads(draft.reading)
    return reading


def _new_draft(found: ReadIn, working: Working, centre_id: int, actor: Actor) -> UnitDraft:
    assert actor.person_id is not None  # noqa: S101 - an administrator reads in, never the operator
    draft = UnitDraft(
        centre_id=centre_id,
        state=DraftState.BEING_CHECKED,
        source_name=found.name[:200],
        source_kind=found.kind,
        source_sha256=found.sha256 or None,
        source_lines=found.lines,
        reading=_json(found.reading),
        made_by_id=actor.person_id,
        created_at=now(),
    )
    _write(draft, working)
    db.session.add(draft)
    db.session.flush()
    return draft


def _write(draft: UnitDraft, working: Working) -> None:
    draft.document, draft.updated_at = _json(working), now()
    draft.title = _storable(working["title"] or "")[:200]


def _json(value: Mapping[str, Any]) -> str:
    return canonical_json(_storable(value)).decode("ascii")


def _storable(value: Any) -> Any:
    """Without the sign NUL, which PostgreSQL keeps in no text."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {key: _storable(each) for key, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value


def _draft_of(unit: Unit) -> UnitDraft | None:
    return db.session.scalars(select(UnitDraft).where(UnitDraft.unit_id == unit.id)).first()


def _as_published(unit: Unit, earlier: UnitDraft | None) -> dict[str, Any]:
    """The unit as a reading; beside the source it was read from, where that is kept."""
    document: dict[str, Any] = json.loads(unit.document)
    places = as_reading(read_working(earlier))["places"] if earlier else {}
    return {**document, "warnings": [], "unparsed": [], "places": places}


def _count_on(reading: dict[str, Any]) -> None:
    """The next version number, as a doubt: only the print knows it."""
    before = reading["version"]
    reading["version"] = str(int(before) + 1) if before.isdecimal() else f"{before}-2"
    reading["revision"], reading["places"] = 1, {}
    what = "The version of the new edition is not read from a source."
    assumed = f"{reading['version']} is assumed, since the edition before is {before}."
    reading["warnings"] = [{"lines": [], "what": what, "assumed": assumed}]


def _check_free(document: UnitDocument, centre_id: int) -> None:
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
