"""Views for files: uploaded one at a time, removed, and sent as untrusted data."""

from io import SEEK_END

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.errors import Invalid, NotFound
from tracker.ledger.transactions import reading
from tracker.models import Attachment, Evidence
from tracker.portfolio import page_images
from tracker.portfolio.file_details import FileDetails, describe_details
from tracker.portfolio.file_sending import find_thumbnail_url, send_attachment
from tracker.portfolio.file_types import BY_MEDIA_TYPE, shorten_name
from tracker.portfolio.forms import EvidenceForm
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.services.files import attach_file, move_file, remove_file, store_file
from tracker.portfolio.storage_quotas import Usage, check_room, measure_candidate
from tracker.portfolio.text_previews import (
    PLAIN_TEXT,
    TextPreview,
    load_text_preview,
)
from tracker.portfolio.uploads import Uploads
from tracker.portfolio.views import portfolio
from tracker.portfolio.views.drafts import render_draft_problems, save_form, store_own_uploads
from tracker.vocabulary import Role
from tracker.web.authorise import get_attempt, get_own_evidence
from tracker.web.current_user import me
from tracker.web.fair_shares import UPLOADING, take_turn
from tracker.web.formatting import size
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@portfolio.post("/evidence/<int:evidence_id>/files")
@requires(Act.ADD_EVIDENCE)
def upload_file(evidence_id: int) -> ResponseReturnValue:
    """Add one file. It is received, checked and stored before any lock is taken."""
    upload: FileStorage | None = request.files.get("file")
    with reading():
        evidence, _ = get_own_evidence(evidence_id)
        if upload is None or not upload.filename:
            raise Invalid("No file was received. Choose the file again.", "files")
        size_of_file = upload.stream.seek(0, SEEK_END)
        check_room(evidence.candidate_id, evidence.centre_id, shorten_name(upload.filename), size_of_file)
    with take_turn(UPLOADING):
        checked_file = store_file(upload.stream, upload.filename)
    evidence, _ = get_own_evidence(evidence_id)
    attachment = attach_file(evidence, checked_file)
    url = url_for(".download_own", evidence_id=evidence.id, attachment_id=attachment.id)
    return {
        "id": attachment.id,
        "name": attachment.name,
        "size": size(attachment.size),
        "url": url,
        "preview_url": find_thumbnail_url(attachment, url),
        "remove_url": url_for(".remove_own", evidence_id=evidence.id, attachment_id=attachment.id),
        "move_url": url_for(".move_own", evidence_id=evidence.id, attachment_id=attachment.id),
    }, 201


@portfolio.post("/evidence/<int:evidence_id>/files/<int:attachment_id>/remove")
@requires(Act.ADD_EVIDENCE)
def remove_own(evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    """Remove a file. Without JavaScript the button sends the whole form, so what was typed is saved too."""
    uploads = receive_uploads(evidence_id)
    evidence, attachment = get_own_attachment(evidence_id, attachment_id)
    remove_file(evidence, attachment)
    if request.accept_mimetypes.best == "application/json":
        return {"id": attachment.id}
    flash(f"“{isolate(attachment.name)}” was removed from this item. Submitted versions keep it.")
    return save_rest_of_form(evidence, uploads)


@portfolio.post("/evidence/<int:evidence_id>/files/<int:attachment_id>/move")
@requires(Act.ADD_EVIDENCE)
def move_own(evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    """Move a file up or down among those of the draft. Without JavaScript the button sends the whole form too."""
    uploads = receive_uploads(evidence_id)
    evidence, attachment = get_own_attachment(evidence_id, attachment_id)
    move_file(evidence, attachment, is_up=request.form.get("move") == "up")
    if request.accept_mimetypes.best == "application/json":
        return {"id": attachment.id}
    return save_rest_of_form(evidence, uploads, anchor=f"file-{attachment.id}")


@portfolio.get("/evidence/<int:evidence_id>/files/<int:attachment_id>")
@requires(Act.ADD_EVIDENCE)
def download_own(evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    """Send a file of the candidate's own item."""
    evidence, _ = get_own_evidence(evidence_id)
    return send_attachment(queries.find_own_attachment(evidence, attachment_id))


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/files/<int:attachment_id>")
@requires(Act.READ_EVIDENCE)
def download_sealed(attempt_id: int, evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    """Send a file of a submitted version to a reader of the attempt."""
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    return send_attachment(queries.find_sealed_attachment(attempt, evidence_id, attachment_id))


def receive_uploads(evidence_id: int) -> Uploads:
    """Store the files that a form of the candidate's own item sent with a button, before any lock is taken."""
    with reading():
        get_own_evidence(evidence_id)
    return store_own_uploads(request.files.getlist("files"))


def get_own_attachment(evidence_id: int, attachment_id: int) -> tuple[Evidence, Attachment]:
    """Return the candidate's own item and a file of its draft. Raises `NotFound` for any other."""
    evidence, _ = get_own_evidence(evidence_id)
    attachment = queries.find_own_attachment(evidence, attachment_id)
    if attachment is None or attachment.removed_at:
        raise NotFound
    return evidence, attachment


def save_rest_of_form(evidence: Evidence, uploads: Uploads, anchor: str | None = None) -> ResponseReturnValue:
    """Save what a form sent with one of its files' buttons, then show the form of the item again."""
    form = EvidenceForm()
    if "version" in request.form and (problems := save_form(form, evidence, uploads)):
        return render_draft_problems(form, evidence, problems)
    return redirect(url_for(".edit_evidence", evidence_id=evidence.id, _anchor=anchor), 303)


@portfolio.app_template_global()
def count_shown_pages(attachment: Attachment) -> int:
    """Return how many pages of a file can be shown as images; 0 where it has none."""
    return page_images.count_shown_pages(get_file_details(attachment))


@portfolio.app_template_global()
def measure_own_files() -> Usage | None:
    """Return how much of their quota the person uses as a candidate; None for anybody else."""
    grant = me().find_grant(Role.CANDIDATE)
    return measure_candidate(me().person_id, grant.centre_id) if grant else None


portfolio.add_app_template_global(find_thumbnail_url)


@portfolio.app_template_global()
def find_text_preview(attachment: Attachment) -> TextPreview | None:
    """Return the beginning of a document's text, or of what was filled in an XFA form; None where there is none."""
    if BY_MEDIA_TYPE[attachment.media_type].shown_as not in {"text", "pages"}:
        return None
    recorded = attachment.text.sha256 if attachment.text else None
    return load_text_preview(attachment.sha256, attachment.media_type, recorded)


@portfolio.app_template_global()
def is_document(attachment: Attachment) -> bool:
    """Return whether a file is of a kind that is shown as pages or text; plain text, which may be empty, is not."""
    shown_as = BY_MEDIA_TYPE[attachment.media_type].shown_as
    return shown_as in {"pages", "text", "download"} and attachment.media_type not in PLAIN_TEXT


@portfolio.app_template_global()
def get_file_details(attachment: Attachment) -> FileDetails:
    """Return the page count of a file and any remark on it."""
    return describe_details(attachment.details)
