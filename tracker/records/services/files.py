"""Photographs and other files of an observation that is being written."""

from tracker.models import Attachment, Evidence
from tracker.portfolio.services.files import CheckedFile, attach_file, move_file, remove_file
from tracker.records.services.drafts import check_can_write


def attach_to_record(record: Evidence, file: CheckedFile) -> Attachment:
    """Attach a stored file to the draft of a record. Raises `Invalid` as `attach_file`, `Refused` as a save does."""
    check_can_write(record)
    return attach_file(record, file)


def remove_from_record(record: Evidence, attachment: Attachment) -> None:
    """Remove a file from the draft of a record; its finished versions keep it. Raises `Refused` as a save does."""
    check_can_write(record)
    remove_file(record, attachment)


def move_in_record(record: Evidence, attachment: Attachment, *, is_up: bool) -> None:
    """Exchange a file of the draft with its neighbour. Raises `Refused` as a save does."""
    check_can_write(record)
    move_file(record, attachment, is_up=is_up)
