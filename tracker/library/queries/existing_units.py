"""Units in the library with the same code as a draft, and the consequence of publishing the draft."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import defer

from tracker.extensions import db
from tracker.library.queries.units import is_unit_visible_at, version_order
from tracker.models import Unit, UnitCode, UnitDraft
from tracker.units.documents import parse_version
from tracker.units.drafting.working_copy import WorkingCopy
from tracker.units.standards_folder import normalise_code


@dataclass(frozen=True)
class ExistingUnit:
    """A unit of the library with a draft's code, and a sentence on what publishing the draft would do."""

    unit: Unit
    consequence: str


def find_existing_unit(draft: UnitDraft, working: WorkingCopy) -> ExistingUnit | None:
    """Find the newest unit with one of the draft's codes, ignoring scheme, case and spaces.

    Returns None where there is none, and for a correction or new edition, which was started from the existing unit.
    """
    matching = _list_units_by_codes(working, draft.centre_id)
    if not matching:
        return None
    same = [unit for unit in matching if unit.code == working.code]
    if same and _is_version_taken(working, same):
        of_version = [unit for unit in same if unit.version == working.version]
        return ExistingUnit(max(of_version, key=_get_sort_key), _describe_refusal(working))
    if draft.replaces_unit_id is not None:
        return None
    newest = max(same or matching, key=_get_sort_key)
    return ExistingUnit(
        newest, _describe_new_version(working, newest, same) if same else _describe_new_unit(working, newest)
    )


def _list_units_by_codes(working: WorkingCopy, centre_id: int) -> list[Unit]:
    codes_as_written = (working.code, *(identifier.value for identifier in working.identifiers))
    codes = {normalise_code(code) for code in codes_as_written} - {""}
    unit_ids = select(UnitCode.unit_id).where(UnitCode.normalised.in_(codes), UnitCode.scheme != "slug")
    query = select(Unit).where(Unit.id.in_(unit_ids), is_unit_visible_at([centre_id]))
    return list(db.session.scalars(query.options(defer(Unit.document), defer(Unit.search_text)).order_by(Unit.id)))


def _get_sort_key(unit: Unit) -> tuple[object, bool]:
    return version_order(unit), unit.owner_centre_id is not None


def _is_version_taken(working: WorkingCopy, same: list[Unit]) -> bool:
    """Return whether the centre has published this version and revision already."""
    key = (working.version, working.revision)
    return any((unit.version, unit.revision) == key for unit in same if unit.owner_centre_id is not None)


def _describe_refusal(working: WorkingCopy) -> str:
    return (
        f"Version {working.version}, revision {working.revision}, cannot be published a second time. If this "
        "is another edition, change its version here. To correct a mistake instead, discard this draft and press "
        "“Correct our transcription” on the unit’s page: that makes the next revision."
    )


def _describe_new_unit(working: WorkingCopy, unit: Unit) -> str:
    return (
        f"Publishing makes {working.code} a separate unit, not a version of {unit.code}. If they are the same, "
        f"change the code here to {unit.code}."
    )


def _describe_new_version(working: WorkingCopy, newest: Unit, same: list[Unit]) -> str:
    """Return what publishing another version or revision does, and which version new candidates get."""
    version, revision = working.version, working.revision
    is_newest = (parse_version(version), revision) >= version_order(newest)
    present = f"version {newest.version}, revision {newest.revision}"
    if any(unit.version == version for unit in same):
        effect = f"Publishing makes your centre’s own copy of version {version}, as revision {revision}."
    else:
        effect = f"Publishing makes a version of it: version {version}, beside {present}."
    target = "it" if is_newest else f"{present}, which is newer"
    still = "" if is_newest else "still "
    sentence = (
        f"{effect} New candidates are {still}registered for {target}; registered candidates keep their version."
    )
    if newest.owner_centre_id:
        sentence += " To correct a mistake, press “Correct our transcription” on its page instead."
    return sentence
