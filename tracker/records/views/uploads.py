"""Views for recordings that are uploaded in parts, so that an upload continues after a cut.

Each answer says which part is the next one. A part that was received before, or is not the next one, changes nothing.
"""

import re
from io import SEEK_END

from flask import request
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading
from tracker.models import Evidence, PartialUpload
from tracker.portfolio.file_types import shorten_name
from tracker.portfolio.queries.evidence import find_own_attachment
from tracker.portfolio.services.files import store_file
from tracker.portfolio.services.partial_uploads import (
    MAX_RECORDING,
    add_part,
    end_upload,
    find_upload,
    is_next_part,
    list_parts,
    put_together,
    save_part,
    start_upload,
)
from tracker.portfolio.storage_quotas import check_room
from tracker.records.services.drafts import check_can_write
from tracker.records.services.files import attach_recording
from tracker.records.views import records
from tracker.records.views.written_pages import describe_file
from tracker.web.authorise import get_own_record
from tracker.web.fair_shares import UPLOADING, take_turn
from tracker.web.formatting import size
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires

RESUME_KEY = re.compile(r"[0-9a-z-]{1,64}")
RECORDING = "The recording"


@records.post("/records/<int:record_id>/uploads")
@requires(Act.WRITE_RECORD)
def start_recording_upload(record_id: int) -> ResponseReturnValue:
    """Start an upload, or find the one that was started with this key."""
    record, actor = get_own_record(record_id)
    key = request.form.get("key", "")
    if not RESUME_KEY.fullmatch(key):
        raise Invalid("This upload could not be started. Load the page again, then choose the recording again.")
    check_can_write(record)
    return describe_upload(record, start_upload(record, _person(actor), key))


@records.post("/records/<int:record_id>/uploads/<int:upload_id>/parts")
@requires(Act.WRITE_RECORD)
def receive_part(record_id: int, upload_id: int) -> ResponseReturnValue:
    """Add the next part. It is received and stored before any lock is taken."""
    part = request.files.get("part")
    number = _read_number("number")
    with reading():
        record, actor = get_own_record(record_id)
        upload = find_upload(record, upload_id, _person(actor))
        received = part.stream.seek(0, SEEK_END) if part else 0
        if part is None or not is_next_part(upload, number, received):
            return describe_upload(record, upload)
        check_room(record.candidate_id, record.centre_id, RECORDING, received)
    part.stream.seek(0)
    stored = save_part(part.stream.read())
    record, actor = get_own_record(record_id)
    check_can_write(record)
    upload = find_upload(record, upload_id, _person(actor))
    add_part(upload, number, stored)
    return describe_upload(record, upload)


@records.post("/records/<int:record_id>/uploads/<int:upload_id>/finish")
@requires(Act.WRITE_RECORD)
def finish_recording_upload(record_id: int, upload_id: int) -> ResponseReturnValue:
    """Put the parts together and add the recording to the draft, once; until all are there, say which is next."""
    name = request.form.get("name", "")
    with reading():
        record, actor = get_own_record(record_id)
        upload = find_upload(record, upload_id, _person(actor))
        if upload.attachment_id:
            return describe_recording(record, upload.attachment_id), 200
        if upload.part_count != _read_number("parts"):
            return describe_upload(record, upload)
        received = list_parts(upload)
    with take_turn(UPLOADING), put_together(received) as whole:
        checked = store_file(whole, name or "recording", MAX_RECORDING)
    if not checked.media_type.startswith(("audio/", "video/")):
        raise Invalid(f"“{shorten_name(checked.name)}” is no recording. Add it under other files.", "files")
    record, actor = get_own_record(record_id)
    attachment = attach_recording(record, find_upload(record, upload_id, _person(actor)), checked)
    return describe_recording(record, attachment.id), 201


@records.post("/records/<int:record_id>/uploads/<int:upload_id>/stop")
@requires(Act.WRITE_RECORD)
def stop_recording_upload(record_id: int, upload_id: int) -> ResponseReturnValue:
    """Discard an upload and delete its parts."""
    record, actor = get_own_record(record_id)
    upload = find_upload(record, upload_id, _person(actor))
    end_upload(upload)
    return describe_upload(record, upload)


def describe_upload(record: Evidence, upload: PartialUpload) -> dict[str, object]:
    """Return an upload as js/parts.js reads it: the number of the next part, and how much was received."""
    return {
        "upload": upload.id,
        "record": record.id,
        "parts": upload.part_count,
        "size": upload.size,
        "has_ended": upload.ended_at is not None,
    }


def describe_recording(record: Evidence, attachment_id: int) -> dict[str, object]:
    """Return a recording that was added."""
    attachment = find_own_attachment(record, attachment_id)
    assert attachment  # noqa: S101 - the upload became an attachment of this record
    return {**describe_file(record, attachment), "id": attachment.id, "size": size(attachment.size)}


def _read_number(name: str) -> int:
    """Return a number of the form from 0 on; -1, which fits no part, for anything else."""
    text = request.form.get(name, "")
    return 0 if text == "0" else parse_id(text) or -1


def _person(actor: Actor) -> int:
    assert actor.person_id is not None  # noqa: S101 - people upload
    return actor.person_id
