"""Checks of countersigning: what needed a countersigner was countersigned by somebody who might."""

from collections.abc import Iterator
from datetime import date

from tracker.clock import day_of
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.models import StaffAward
from tracker.staff.award_standing import find_award_standing
from tracker.vocabulary import AssessmentState, AwardKind, Role


@invariant(39, "what needed a countersigner was released only once somebody qualified, who was named, had agreed")
def find_faulty_countersignatures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each countersignature by the wrong person. docs/integrity.md, invariant 39."""
    for key, row in ledger.rows("countersignature").items():
        assessor = _find_assessor(ledger, row)
        attempt = ledger.rows("unit_attempt").get(row["attempt_id"])
        if assessor is None or attempt is None:
            yield f"countersignature {key} is of nothing in its unit"
            continue
        if row["person_id"] in {assessor, attempt["candidate_id"]}:
            yield f"countersignature {key} was asked of the assessor or the candidate"
        if not _was_named(ledger, attempt["centre_id"], assessor, row):
            yield f"countersignature {key} was asked of somebody who was not named as countersigner then"
        if row["answered_at"] is not None and not _was_qualified(
            ledger, row["person_id"], attempt["centre_id"], day_of(row["answered_at"])
        ):
            yield f"countersignature {key} was answered by somebody who held no assessor's award that day"


@invariant(39, "each assessment is still to be countersigned or was released as it was agreed")
def find_assessments_without_countersignature(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each assessment whose state does not fit its countersignatures. docs/integrity.md, invariant 39."""
    by_assessment = ledger.group_rows("countersignature", "assessment_id")
    for key, row in ledger.rows("assessment").items():
        asked = by_assessment.get(key, ())
        agreed = [each for each in asked if each["agrees"]]
        is_open = sum(each["answered_at"] is None and each["ended_at"] is None for each in asked)
        if (row["state"] == AssessmentState.AWAITING_COUNTERSIGNATURE) != bool(is_open):
            yield f"assessment {key} is {row['state']}, and {is_open} countersignatures of it wait"
        if row["state"] == AssessmentState.RELEASED:
            if bool(row["needs_countersigner"]) != (len(agreed) == 1):
                yield f"assessment {key} was released with {len(agreed)} countersignatures"
            elif agreed and agreed[0]["answered_at"] > row["released_at"]:
                yield f"assessment {key} was released before it was countersigned"
        elif agreed:
            yield f"assessment {key} was countersigned, and is {row['state']}"


def _find_assessor(ledger: LedgerSnapshot, row: Row) -> int | None:
    """Return who assessed or signed what a countersignature is of, in its own unit; None for nothing there."""
    source, column = ("assessment", "assessor_id") if row["assessment_id"] is not None else ("signature", "person_id")
    of = ledger.find_row(source, row[f"{source}_id"])
    return of[column] if of is not None and of["attempt_id"] == row["attempt_id"] else None


def _was_named(ledger: LedgerSnapshot, centre_id: int, assessor_id: int, row: Row) -> bool:
    return any(
        (named["centre_id"], named["person_id"]) == (centre_id, row["person_id"])
        and named["starts_at"] <= row["asked_at"]
        and (named["ends_at"] is None or row["asked_at"] <= named["ends_at"])
        for named in ledger.group_rows("countersigner", "assessor_id").get(assessor_id, ())
    )


def _was_qualified(ledger: LedgerSnapshot, person_id: int, centre_id: int, day: date) -> bool:
    """Return whether the staff register held an assessor's award of a person on a day."""
    awards = [
        StaffAward(**{**row, "kind": AwardKind(row["kind"])})
        for row in ledger.group_rows("staff_award", "person_id").get(person_id, ())
        if row["centre_id"] == centre_id
    ]
    return find_award_standing(awards, Role.ASSESSOR, day).is_qualified
