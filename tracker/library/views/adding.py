"""Adding a unit: upload a document or paste its text, and start a draft from what was read."""

from io import SEEK_END

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound, Refused, TooManyAtOnce, TrackerError
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.library.forms.drafts import AddUnitForm
from tracker.library.forms.guidance import GuidanceForm
from tracker.library.queries.drafts import list_drafts
from tracker.library.queries.units import find_unit
from tracker.library.services import publishing as services
from tracker.library.services.publishing import OPEN_STATES
from tracker.library.views import library
from tracker.library.views.drafts import get_draft
from tracker.models import Centre, UnitDraft
from tracker.storage import file_store
from tracker.storage.downloads import send_stored
from tracker.unit_reader.document_model import NoUnit
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.fair_shares import IMPORTING, take_turn
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.security_headers import FILE_SECURITY_POLICY

MAX_DOCUMENT_SIZE = 20 * MEGABYTE
PASTED_NAME = "Pasted text"


@library.get("/units/add")
@requires(Act.ADMINISTER_CENTRE)
def choose_centre() -> ResponseReturnValue:
    """Redirect to the page of the centre that the person administers."""
    grant = me().find_grant(Role.ADMINISTRATOR)
    return redirect(url_for(".add_unit", centre_id=grant.centre_id if grant else 0))


@library.get("/centres/<int:centre_id>/units/add")
@requires(Act.ADMINISTER_CENTRE)
def add_unit(centre_id: int) -> ResponseReturnValue:
    """Show the form to add a unit, with the centre's open drafts."""
    centre, _ = get_centre(centre_id)
    return render_add_unit(centre, AddUnitForm())


@library.post("/centres/<int:centre_id>/units/add")
@requires(Act.ADMINISTER_CENTRE)
def read_unit(centre_id: int) -> ResponseReturnValue:
    """Read the document with no transaction open, then store it as a draft."""
    with reading():
        get_centre(centre_id)
    form = AddUnitForm()
    try:
        document = read_form_document(form)
        with take_turn(IMPORTING):
            result = services.read_uploaded_document(*document)
    except NoUnit as refusal:
        centre, _ = get_centre(centre_id)
        if refusal.guidance is None:
            return show_document_error(centre, form, refusal)
        return render_as_guidance(centre, refusal), 422
    except (Invalid, Refused, TooManyAtOnce) as refusal:
        centre, _ = get_centre(centre_id)
        return show_document_error(centre, form, refusal)
    centre, actor = get_centre(centre_id)
    draft = services.start_draft(result, centre.id, actor)
    doubts = len(result.reading.get("warnings", []))
    flash(
        f"The document was read. {counted(doubts, 'point')} to check."
        if doubts
        else "The document was read. There are no points to check."
    )
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.post("/units/<slug>/correct")
@requires(Act.ADMINISTER_CENTRE)
def correct_unit(slug: str) -> ResponseReturnValue:
    """Start a draft of the unit's next revision, or with `edition` of a new edition."""
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound
    grant = me().find_grant(Role.ADMINISTRATOR)
    _, actor = get_centre(unit.owner_centre_id or (grant.centre_id if grant else 0))
    draft = services.start_correction(unit, actor, new_edition="edition" in request.form)
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.get("/unit-drafts/<int:draft_id>/source")
@requires(Act.ADMINISTER_CENTRE)
def download_source(draft_id: int) -> ResponseReturnValue:
    """Send the document that the draft was read from."""
    draft, _ = get_draft(draft_id)
    if draft.source_sha256 is None:
        raise NotFound("This unit was not read from a stored document.")
    sha256, name = draft.source_sha256, get_download_name(draft)
    db.session.rollback()  # end the transaction before the download, which may be slow
    if (entry := file_store.find(sha256)) is None:
        raise NotFound("This file is missing from the store. The record of it is kept.")
    response = send_stored(entry, "application/octet-stream", name)
    response.headers["Content-Security-Policy"] = FILE_SECURITY_POLICY
    return response


def read_form_document(form: AddUnitForm) -> tuple[str, bytes]:
    """Return name and bytes of the upload or pasted text. Raises `Invalid` for neither or both."""
    if not form.validate():
        raise Invalid("This is too long to paste. Upload it as a file.", "text")
    upload: FileStorage | None = form.document.data
    text = (form.text.data or "").strip()
    if upload and upload.filename and text:
        raise Invalid("Upload a document or paste its text, not both.", "text")
    if upload and upload.filename:
        if upload.stream.seek(0, SEEK_END) > MAX_DOCUMENT_SIZE:
            raise Invalid(
                f"The document is larger than {MAX_DOCUMENT_SIZE // MEGABYTE} MB. Upload a smaller one.", "document"
            )
        upload.stream.seek(0)
        name = upload.filename.replace("\\", "/").rpartition("/")[2]
        return "".join(filter(str.isprintable, name))[-200:] or "document", upload.stream.read()
    if not text:
        raise Invalid("Upload a document or paste its text.", "document")
    return f"{PASTED_NAME}.txt", text.encode()


def get_download_name(draft: UnitDraft) -> str:
    """Return a file name with a suffix."""
    return draft.source_name if "." in draft.source_name else f"{draft.source_name}.txt"


def show_document_error(centre: Centre, form: AddUnitForm, refusal: TrackerError) -> ResponseReturnValue:
    """Show the message beside its field; pasted text stays in its box."""
    uploaded = form.document.data and form.document.data.filename
    field_name = getattr(refusal, "field", None) or ("document" if uploaded else "text")
    field = form[field_name]
    field.errors = [str(refusal)]
    return render_add_unit(centre, form), 422


def render_add_unit(centre: Centre, form: AddUnitForm) -> str:
    """Render the page to add a unit."""
    drafts = list_drafts([centre.id], OPEN_STATES)
    return render_template("library/add_unit.html", centre=centre, form=form, drafts=drafts)


def render_as_guidance(centre: Centre, refusal: NoUnit) -> str:
    """Render a document that contains guidance instead of a unit, to be kept as guidance."""
    assert refusal.guidance is not None  # noqa: S101 - checked by the caller
    form = GuidanceForm(formdata=None)
    form.fill(refusal.guidance.as_json())
    if form.title.data == PASTED_NAME:
        form.title.data = ""
    return render_template("library/add_guidance.html", centre=centre, form=form, sentence=str(refusal))
