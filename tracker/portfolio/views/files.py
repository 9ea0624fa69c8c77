"""Files over HTTP: one added at a time, taken out, sent back as data that is never trusted."""

from pathlib import Path

from flask import flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Attachment
from tracker.portfolio import pages, previews
from tracker.portfolio.file_types import BY_MEDIA_TYPE, PDF
from tracker.portfolio.forms import EvidenceForm
from tracker.portfolio.queries import evidence as queries
from tracker.portfolio.services.files import attach_file, clean_name, keep_file, remove_file
from tracker.portfolio.views import portfolio
from tracker.portfolio.views.drafts import keep_files, save_form, show_again
from tracker.storage import file_store
from tracker.web.authorise import get_attempt, get_own_evidence
from tracker.web.formatting import size
from tracker.web.permissions import Act
from tracker.web.requests import asked_number
from tracker.web.route_rules import requires

SANDBOX = "default-src 'none'; sandbox"


@portfolio.post("/evidence/<int:evidence_id>/files")
@requires(Act.ADD_EVIDENCE)
def upload_file(evidence_id: int) -> ResponseReturnValue:
    """One file at once. It is received, checked and stored before any lock is taken."""
    with reading():
        get_own_evidence(evidence_id)
    upload: FileStorage | None = request.files.get("file")
    if upload is None or not upload.filename:
        raise Invalid("No file came with that. Choose it again.", "files")
    kept = keep_file(upload.stream, upload.filename)
    evidence, _ = get_own_evidence(evidence_id)
    attachment = attach_file(evidence, kept)
    return {
        "id": attachment.id,
        "name": attachment.name,
        "size": size(attachment.size),
        "url": url_for(".download_own", evidence_id=evidence.id, attachment_id=attachment.id),
        "remove_url": url_for(".remove_own", evidence_id=evidence.id, attachment_id=attachment.id),
    }, 201


@portfolio.post("/evidence/<int:evidence_id>/files/<int:attachment_id>/remove")
@requires(Act.ADD_EVIDENCE)
def remove_own(evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    """Without JavaScript the button sends the form it stands in: what was typed there is saved too."""
    with reading():
        get_own_evidence(evidence_id)
    files = keep_files(request.files.getlist("files"))
    evidence, _ = get_own_evidence(evidence_id)
    attachment = queries.find_own_attachment(evidence, attachment_id)
    if attachment is None or attachment.removed_at:
        raise NotFound
    remove_file(evidence, attachment)
    if request.accept_mimetypes.best == "application/json":
        return {"id": attachment.id}
    flash(f"“{attachment.name}” is taken out of this item. Versions you submitted keep it.")
    form = EvidenceForm()
    if "version" in request.form and (problems := save_form(form, evidence, files)):
        return show_again(form, evidence, problems)
    return redirect(url_for(".edit_evidence", evidence_id=evidence.id), 303)


@portfolio.get("/evidence/<int:evidence_id>/files/<int:attachment_id>")
@requires(Act.ADD_EVIDENCE)
def download_own(evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    evidence, _ = get_own_evidence(evidence_id)
    return send(queries.find_own_attachment(evidence, attachment_id))


@portfolio.get("/attempts/<int:attempt_id>/evidence/<int:evidence_id>/files/<int:attachment_id>")
@requires(Act.READ_EVIDENCE)
def download_sealed(attempt_id: int, evidence_id: int, attachment_id: int) -> ResponseReturnValue:
    attempt, _ = get_attempt(attempt_id, Act.READ_EVIDENCE)
    return send(queries.find_sealed_attachment(attempt, evidence_id, attachment_id))


def send(attachment: Attachment | None) -> ResponseReturnValue:
    """The file as an attachment; pictures and pages made anew, sound and film with the type that was checked."""
    if attachment is None:
        raise NotFound
    sha256, name, media_type = attachment.sha256, attachment.name, attachment.media_type
    db.session.rollback()  # a slow reader, or a picture to encode, holds no transaction
    path = file_store.get_path(sha256)
    if not path.exists():
        raise NotFound(
            "This file is missing from the store. Tell your centre's administrator; the record of it is kept."
        )
    if picture := find_picture(sha256, media_type):
        response = send_file(picture, mimetype="image/jpeg", conditional=True)
    else:
        played = "show" in request.args and BY_MEDIA_TYPE[media_type].shown_as in {"audio", "video"}
        response = send_file(
            path, mimetype=media_type, as_attachment=not played, download_name=clean_name(name), conditional=True
        )
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


def find_picture(sha256: str, media_type: str) -> Path | None:
    """The picture that was asked for: of a photo with `?show=1`, of a PDF's page with `?page=2`."""
    shown_as = BY_MEDIA_TYPE[media_type].shown_as
    if shown_as == "image" and "show" in request.args:
        return previews.preview_of(sha256)
    if shown_as == "pages" and "page" in request.args:
        return pages.make_page_image(sha256, asked_number("page"))
    return None


@portfolio.app_template_global()
def pages_of(attachment: Attachment) -> int:
    """How many pages of a file can be shown as pictures."""
    return pages.get_page_count(attachment.sha256) if attachment.media_type == PDF.media_type else 0
