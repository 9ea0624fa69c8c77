"""Views for the photographs and other files of a record: uploaded one at a time, removed, moved and sent."""

from io import SEEK_END

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.errors import Invalid, NotFound
from tracker.ledger.events import Actor
from tracker.ledger.transactions import reading
from tracker.models import Attachment, Evidence
from tracker.portfolio.file_sending import send_attachment
from tracker.portfolio.file_types import shorten_name
from tracker.portfolio.queries.evidence import find_own_attachment
from tracker.portfolio.services.files import store_file
from tracker.portfolio.storage_quotas import check_room
from tracker.portfolio.uploads import Uploads
from tracker.records.queries.reading import find_file_in, find_shown_version
from tracker.records.services.files import attach_to_record, move_in_record, remove_from_record
from tracker.records.views import records
from tracker.records.views.writing import receive_uploads, save_whole_form, show_problems
from tracker.records.views.written_pages import describe_file
from tracker.web.authorise import get_own_record, get_record
from tracker.web.current_user import me
from tracker.web.fair_shares import UPLOADING, take_turn
from tracker.web.formatting import size
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@records.post("/records/<int:record_id>/files")
@requires(Act.WRITE_RECORD)
def upload_file(record_id: int) -> ResponseReturnValue:
    """Add one file to the draft. It is received, checked and stored before any lock is taken."""
    upload: FileStorage | None = request.files.get("file")
    with reading():
        record, _ = get_own_record(record_id)
        if upload is None or not upload.filename:
            raise Invalid("No file was received. Choose the file again.", "files")
        size_of_file = upload.stream.seek(0, SEEK_END)
        check_room(record.candidate_id, record.centre_id, shorten_name(upload.filename), size_of_file)
    with take_turn(UPLOADING):
        checked_file = store_file(upload.stream, upload.filename)
    record, _ = get_own_record(record_id)
    attachment = attach_to_record(record, checked_file)
    described = describe_file(record, attachment)
    return {**described, "id": attachment.id, "size": size(attachment.size)}, 201


@records.post("/records/<int:record_id>/files/<int:photo_id>/remove")
@requires(Act.WRITE_RECORD)
def remove_draft_file(record_id: int, photo_id: int) -> ResponseReturnValue:
    """Remove a file. Without JavaScript the button sends the whole form, so what was typed is saved too."""
    uploads = receive_uploads(record_id)
    record, attachment, actor = get_draft_file(record_id, photo_id)
    remove_from_record(record, attachment)
    if request.accept_mimetypes.best == "application/json":
        return {"id": attachment.id}
    flash(f"“{isolate(attachment.name)}” was removed. Finished versions keep it.")
    return save_whole_page(record, uploads, actor)


@records.post("/records/<int:record_id>/files/<int:photo_id>/move")
@requires(Act.WRITE_RECORD)
def move_draft_file(record_id: int, photo_id: int) -> ResponseReturnValue:
    """Move a file up or down among those of the draft. Without JavaScript the button sends the whole form too."""
    uploads = receive_uploads(record_id)
    record, attachment, actor = get_draft_file(record_id, photo_id)
    move_in_record(record, attachment, is_up=request.form.get("move") == "up")
    if request.accept_mimetypes.best == "application/json":
        return {"id": attachment.id}
    return save_whole_page(record, uploads, actor)


@records.get("/records/<int:record_id>/draft-files/<int:photo_id>")
@requires(Act.WRITE_RECORD)
def download_draft_file(record_id: int, photo_id: int) -> ResponseReturnValue:
    """Send a file of the draft, or of any version, to the author."""
    record, _ = get_own_record(record_id)
    return send_attachment(find_own_attachment(record, photo_id))


@records.get("/records/<int:record_id>/files/<int:photo_id>")
@requires(Act.READ_EVIDENCE)
def download_file(record_id: int, photo_id: int) -> ResponseReturnValue:
    """Send a file of a finished version to whoever reads that version."""
    record, _, reader = get_record(record_id, Act.READ_EVIDENCE)
    shown = find_shown_version(record, reader, me().person_id, None)
    return send_attachment(find_file_in(shown.versions, photo_id))


def get_draft_file(record_id: int, photo_id: int) -> tuple[Evidence, Attachment, Actor]:
    """Return the author's record, a file of its draft and the actor. Raises `NotFound` for any other."""
    record, actor = get_own_record(record_id)
    attachment = find_own_attachment(record, photo_id)
    if attachment is None or attachment.removed_at:
        raise NotFound
    return record, attachment, actor


def save_whole_page(record: Evidence, uploads: Uploads, actor: Actor) -> ResponseReturnValue:
    """Save what the form sent beside an act on a file, and return to the files, or show what could not be saved."""
    if problems := save_whole_form(record, uploads):
        return show_problems(record, problems, actor)
    return redirect(url_for(".write", record_id=record.id, _anchor="files"), 303)
