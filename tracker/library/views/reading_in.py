"""Adding a unit: a document is dropped or its text pasted, read, and laid beside its source to be checked."""

from io import SEEK_END

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.library.forms.drafts import AddUnitForm
from tracker.library.forms.guidance import GuidanceForm
from tracker.library.queries.drafts import list_drafts
from tracker.library.queries.units import find_unit
from tracker.library.services import publishing as services
from tracker.library.services.publishing import OPEN
from tracker.library.views import library
from tracker.library.views.drafts import get_draft
from tracker.models import Centre, UnitDraft
from tracker.storage import file_store
from tracker.unit_reader.document_model import NoUnit
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_SIZE = 20 * MEGABYTE
PASTED = "Pasted text"


@library.get("/units/add")
@requires(Act.ADMINISTER_CENTRE)
def choose_centre() -> ResponseReturnValue:
    """To the centre one administers; to the chosen one, where there are several."""
    grant = me().holds(Role.ADMINISTRATOR)
    return redirect(url_for(".add_unit", centre_id=grant.centre_id if grant else 0))


@library.get("/centres/<int:centre_id>/units/add")
@requires(Act.ADMINISTER_CENTRE)
def add_unit(centre_id: int) -> ResponseReturnValue:
    centre, _ = get_centre(centre_id)
    return show_adding(centre, AddUnitForm())


@library.post("/centres/<int:centre_id>/units/add")
@requires(Act.ADMINISTER_CENTRE)
def read_unit(centre_id: int) -> ResponseReturnValue:
    """Read what was dropped or pasted, with no transaction open; then keep it as a draft to be checked."""
    with reading():
        get_centre(centre_id)
    form = AddUnitForm()
    try:
        found = services.read_in(*given(form))
    except NoUnit as refusal:
        centre, _ = get_centre(centre_id)
        if refusal.guidance is None:
            return refuse(centre, form, refusal)
        return show_as_guidance(centre, refusal), 422
    except (Invalid, Refused) as refusal:
        centre, _ = get_centre(centre_id)
        return refuse(centre, form, refusal)
    centre, actor = get_centre(centre_id)
    draft = services.start_draft(found, centre.id, actor)
    doubts = len(found.reading.get("warnings", []))
    flash(f"Read. {counted(doubts, 'doubt')} to look at." if doubts else "Read, and nothing in it is doubtful.")
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.post("/units/<slug>/correct")
@requires(Act.ADMINISTER_CENTRE)
def correct_unit(slug: str) -> ResponseReturnValue:
    """A working copy of a published unit: its next revision, or with `edition` a new edition."""
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound
    grant = me().holds(Role.ADMINISTRATOR)
    _, actor = get_centre(unit.owner_centre_id or (grant.centre_id if grant else 0))
    draft = services.start_correction(unit, actor, new_edition="edition" in request.form)
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.get("/unit-drafts/<int:draft_id>/source")
@requires(Act.ADMINISTER_CENTRE)
def download_source(draft_id: int) -> ResponseReturnValue:
    """The document as it was dropped."""
    draft, _ = get_draft(draft_id)
    if draft.source_sha256 is None:
        raise NotFound("This unit was not read from a document that is kept here.")
    path, name = file_store.get_path(draft.source_sha256), download_name(draft)
    db.session.rollback()  # a slow reader holds no transaction
    if not path.exists():
        raise NotFound("This file is missing from the store. The record of it is kept.")
    response = send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def given(form: AddUnitForm) -> tuple[str, bytes]:
    """The name and the bytes of what was dropped or pasted. Raises `Invalid` for neither, and for both."""
    if not form.validate():
        raise Invalid("This is too long to paste. Drop it as a file.", "text")
    upload: FileStorage | None = form.document.data
    text = (form.text.data or "").strip()
    if upload and upload.filename and text:
        raise Invalid("Drop a document or paste its text, not both.", "text")
    if upload and upload.filename:
        if upload.stream.seek(0, SEEK_END) > MAX_SIZE:
            raise Invalid(f"The document is larger than {MAX_SIZE // MEGABYTE} MB. Drop a smaller one.", "document")
        upload.stream.seek(0)
        name = upload.filename.replace("\\", "/").rpartition("/")[2]
        return "".join(filter(str.isprintable, name))[-200:] or "document", upload.stream.read()
    if not text:
        raise Invalid("Drop a document, or paste its text.", "document")
    return f"{PASTED}.txt", text.encode()


def download_name(draft: UnitDraft) -> str:
    return draft.source_name if "." in draft.source_name else f"{draft.source_name}.txt"


def refuse(centre: Centre, form: AddUnitForm, refusal: Invalid | Refused) -> ResponseReturnValue:
    """The sentence beside what it is about; pasted text stays in its box."""
    uploaded = form.document.data and form.document.data.filename
    named = getattr(refusal, "field", None) or ("document" if uploaded else "text")
    field = form[named]
    field.errors = [str(refusal)]
    return show_adding(centre, form), 422


def show_adding(centre: Centre, form: AddUnitForm) -> str:
    drafts = list_drafts([centre.id], OPEN)
    return render_template("library/add_unit.html", centre=centre, form=form, drafts=drafts)


def show_as_guidance(centre: Centre, refusal: NoUnit) -> str:
    """A document that is no unit but guidance: offered to be kept as that."""
    assert refusal.guidance is not None  # noqa: S101 - asked by the caller
    form = GuidanceForm(formdata=None)
    form.fill(refusal.guidance.as_json())
    if form.title.data == PASTED:
        form.title.data = ""
    return render_template("library/add_guidance.html", centre=centre, form=form, sentence=str(refusal))
