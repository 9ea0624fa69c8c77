"""Files of a record that is being written: photographs and others of an observation, recordings of a discussion."""

from tracker.errors import Invalid
from tracker.ledger.transactions import lock_rows
from tracker.models import Attachment, Evidence, PartialUpload
from tracker.portfolio.file_types import shorten_name
from tracker.portfolio.services.files import CheckedFile, attach_file, move_file, remove_file
from tracker.portfolio.services.partial_uploads import end_upload
from tracker.records.services.discussions import check_no_times_from
from tracker.records.services.drafts import check_can_write
from tracker.vocabulary import RecordKind


def attach_to_record(record: Evidence, file: CheckedFile) -> Attachment:
    """Attach a stored file to the draft of a record. Raises `Invalid` as `attach_file`, `Refused` as a save does.

    Raises `Invalid` for what is no recording, where the record is a discussion.
    """
    check_can_write(record)
    is_discussion = record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION
    if is_discussion and not file.media_type.startswith(("audio/", "video/")):
        raise Invalid(f"“{shorten_name(file.name)}” is no recording and was not added. Add sound or video.", "files")
    return attach_file(record, file)


def attach_recording(record: Evidence, upload: PartialUpload, file: CheckedFile) -> Attachment:
    """Attach a recording that was uploaded in parts, and end its upload. Raises as `attach_to_record`.

    Raises `Invalid` where the upload has ended meanwhile.
    """
    lock_rows(PartialUpload, [upload.id])
    if upload.ended_at:
        raise Invalid("This upload was finished or stopped in another window. Load the page again.", "files")
    end_upload(upload)  # its parts no longer count beside the whole
    attachment = attach_to_record(record, file)
    upload.attachment_id = attachment.id
    return attachment


def remove_from_record(record: Evidence, attachment: Attachment) -> None:
    """Remove a file from the draft of a record; its finished versions keep it.

    Raises `Refused` as a save does, and `Invalid` where times of a discussion name the recording or a later one.
    """
    check_can_write(record)
    check_no_times_from(record, attachment.id)
    remove_file(record, attachment)


def move_in_record(record: Evidence, attachment: Attachment, *, is_up: bool) -> None:
    """Exchange a file of the draft with its neighbour. Raises as `remove_from_record`."""
    check_can_write(record)
    check_no_times_from(record, attachment.id)
    move_file(record, attachment, is_up=is_up)
