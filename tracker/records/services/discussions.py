"""Drafts of professional discussions: saved while they are typed, and stamped at times of a recording."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from tracker.accounts.person_names import remove_invisible_characters
from tracker.errors import Invalid, NotFound
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.models import Evidence
from tracker.portfolio.record_content import (
    MAX_LINE,
    MAX_TEXT,
    MAX_TRANSCRIPT,
    DiscussionContent,
    dump_content,
    load_as,
)
from tracker.portfolio.recording_times import RecordingTime, list_recordings, read_areas, read_time
from tracker.portfolio.services.evidence import MAX_LENGTH, save_draft
from tracker.records.services.drafts import check_can_write, list_markable
from tracker.records.stamped_times import add_stamp_line
from tracker.records.stamps import MarkedCriterion
from tracker.vocabulary import RecordKind

CONTENT_FIELDS = ("place", "starts", "ends", "areas", "stamped_times", "transcript")
LIMITS = {
    "narrative": MAX_LENGTH["narrative"],
    "place": MAX_LINE,
    "areas": MAX_TEXT,
    "stamped_times": MAX_TEXT,
    "transcript": MAX_TRANSCRIPT,
}
LABELS = {
    "narrative": "Summary",
    "place": "Place or medium",
    "areas": "Areas agreed",
    "stamped_times": "Times of the criteria",
    "transcript": "Transcript",
}


def read_discussion(record: Evidence) -> DiscussionContent:
    """Return the content of the draft of a professional discussion; an empty one where it was erased."""
    return load_as(DiscussionContent, record.record_kind, record.content) or DiscussionContent()


def save_discussion(record: Evidence, fields: Mapping[str, Any], seen_version: int | None) -> dict[str, str]:
    """Save the fields that can be saved, and return the problem of each that cannot, by its name.

    Args:
        record: the draft.
        fields: any of `narrative`, `happened_from`, `agreed_on` and the fields of the content.
        seen_version: the draft's version as it was shown; None is not compared.

    Raises:
        Conflict: the draft was saved elsewhere since it was shown; then nothing is saved.
        Refused: no unit of the candidate can be stamped any more, or the text was erased; then nothing is saved.
    """
    lock_rows(Evidence, [record.id])
    check_can_write(record)
    problems = {
        name: f"“{LABELS[name]}” can have at most {limit:,} characters; yours has {len(fields[name]):,}. Shorten it."
        for name, limit in LIMITS.items()
        if len(fields.get(name, "")) > limit
    }
    fields = {name: value for name, value in fields.items() if name not in problems}
    changed: dict[str, Any] = {name: fields[name] for name in CONTENT_FIELDS if name in fields}
    if "place" in changed:
        changed["place"] = remove_invisible_characters(changed["place"])
    if "agreed_on" in fields:
        agreed_on: date | None = fields["agreed_on"]
        changed["agreed_on"] = agreed_on.isoformat() if agreed_on else ""
    before = replace(read_discussion(record), stamps=())
    dumped = dump_content(RecordKind.PROFESSIONAL_DISCUSSION, replace(before, **changed))
    saved: dict[str, Any] = {name: fields[name] for name in ("narrative", "happened_from") if name in fields}
    if dumped != dump_content(RecordKind.PROFESSIONAL_DISCUSSION, before):
        saved["content"] = dumped
    return {**problems, **save_draft(record, saved, seen_version)}


def stamp_time(record: Evidence, key: tuple[int, int], typed: str, actor: Actor) -> MarkedCriterion:
    """Add a line that stamps a criterion at a time of a recording.

    Args:
        record: the draft.
        key: the attempt and the criterion.
        typed: the time that was typed.
        actor: its author.

    Raises:
        Invalid: the time cannot be read, or there would be too many lines.
        NotFound: the criterion is of no open unit of the candidate that is allocated to the author.
    """
    criterion = next((each for each in list_markable(record, actor) if each.key == key), None)
    if criterion is None:
        raise NotFound
    at = read_time(typed)
    if at is None:
        raise Invalid(
            "Enter the time of the recording, such as 12:31, then press Stamp again. The criterion was not stamped; "
            "everything else was saved.",
            "stamp_at",
        )
    lines = add_stamp_line(read_discussion(record).stamped_times, criterion, at)
    if problem := save_discussion(record, {"stamped_times": lines}, None).get("stamped_times"):
        raise Invalid(f"{problem} The criterion was not stamped.", "stamped_times")
    return criterion


def check_no_times_from(record: Evidence, attachment_id: int) -> None:
    """Raise `Invalid` where times of a discussion name this recording or a later one, whose number would change."""
    if record.record_kind is not RecordKind.PROFESSIONAL_DISCUSSION:
        return
    recordings = [each.id for each in list_recordings(record.attachments)]
    if attachment_id not in recordings:
        return
    number = recordings.index(attachment_id) + 1
    if any(each.recording >= number for each in _list_times(read_discussion(record))):
        raise Invalid(
            "Times name this recording or a later one. Remove them from “Times of the criteria” and “Areas agreed”, "
            "then remove the recording. Nothing was removed.",
            "files",
        )


def _list_times(content: DiscussionContent) -> list[RecordingTime]:
    """List the times that a draft names, in the lines of criteria and of areas."""
    firsts = (line.split()[0] for line in content.stamped_times.splitlines() if line.strip())
    stamped = [at for at in map(read_time, firsts) if at]
    return stamped + [area.at for area in read_areas(content.areas) if area.at]
