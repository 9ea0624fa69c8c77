"""Whether the unit of a draft is in the library already, and what publishing the draft would make of it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.library.queries.units import is_seen_at, version_order
from tracker.models import Unit, UnitCode, UnitDraft
from tracker.units.documents import order_of
from tracker.units.drafting.working import Working
from tracker.units.standards_folder import squashed


@dataclass(frozen=True)
class AlreadyHere:
    """A unit of the library that has a draft's code, and what would come of publishing."""

    unit: Unit
    then: str


def find_already_here(draft: UnitDraft, working: Working) -> AlreadyHere | None:
    """The unit that goes by one of a draft's codes, whatever its scheme, case and spaces; its newest revision.

    None where there is none, and for a correction or a new edition, which was begun from the unit that is there.
    """
    seen = _list_called(working, draft.centre_id)
    if not seen:
        return None
    same = [unit for unit in seen if unit.code == working["code"]]
    if same and _is_taken(working, same):
        of_version = [unit for unit in same if unit.version == working["version"]]
        return AlreadyHere(max(of_version, key=_newest_first), _refused(working))
    if draft.replaces_unit_id is not None:
        return None
    newest = max(same or seen, key=_newest_first)
    return AlreadyHere(newest, _beside(working, newest, same) if same else _apart(working, newest))


def _list_called(working: Working, centre_id: int) -> list[Unit]:
    stated = (working["code"] or "", *(each["value"] for each in working["identifiers"]))
    codes = {squashed(each) for each in stated} - {""}
    called = select(UnitCode.unit_id).where(UnitCode.squashed.in_(codes), UnitCode.scheme != "slug")
    query = select(Unit).where(Unit.id.in_(called), is_seen_at([centre_id]))
    return list(db.session.scalars(query.options(defer(Unit.document), defer(Unit.words)).order_by(Unit.id)))


def _newest_first(unit: Unit) -> tuple[object, bool]:
    return version_order(unit), unit.owner_centre_id is not None


def _is_taken(working: Working, same: list[Unit]) -> bool:
    """Whether the centre holds this very version and revision, which is never published twice."""
    key = (working["version"], working["revision"])
    return any((unit.version, unit.revision) == key for unit in same if unit.owner_centre_id is not None)


def _refused(working: Working) -> str:
    return (
        f"Version {working['version']}, revision {working['revision']}, cannot be published a second time. Is this "
        "another edition? Then change its version here. Is a slip to be mended? Then discard this draft, and press "
        "“Correct our transcription” on the unit’s page: that makes the next revision."
    )


def _apart(working: Working, unit: Unit) -> str:
    return (
        f"Publishing makes {working['code']} a unit of its own, and no version of {unit.code}. Are they the same? "
        f"Then change the code here to {unit.code}."
    )


def _beside(working: Working, newest: Unit, same: list[Unit]) -> str:
    """Another version or revision of a code: whether new candidates get it."""
    version, revision = working["version"], working["revision"]
    is_newest = (order_of(version), revision) >= version_order(newest)
    there = f"version {newest.version}, revision {newest.revision}"
    if any(unit.version == version for unit in same):
        made = f"Publishing makes your centre’s own copy of version {version}, as revision {revision}."
    else:
        made = f"Publishing makes a version of it: version {version}, beside {there}."
    who = "it" if is_newest else f"{there}, which is newer"
    mend = " To mend a slip, press “Correct our transcription” on its page instead." if newest.owner_centre_id else ""
    still = "" if is_newest else "still "
    return f"{made} New candidates are {still}registered for {who}; those who have the unit keep theirs.{mend}"
