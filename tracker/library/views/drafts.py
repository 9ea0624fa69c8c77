"""The review screen: the source beside the unit, and every act that mends the working copy."""

import re
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.errors import Conflict, Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import SAFE_METHODS
from tracker.library.forms.drafts import (
    CriterionForm,
    DraftForm,
    IdentityForm,
    MetadataForm,
    NewCriterionForm,
    RequirementForm,
    TextsForm,
    as_one_line,
)
from tracker.library.queries.already_here import find_already_here
from tracker.library.queries.drafts import make_review
from tracker.library.services import publishing as services
from tracker.library.views import library
from tracker.models import UnitDraft
from tracker.units.drafting import criteria, units
from tracker.units.drafting.working import Working, find_entry, get_requirement
from tracker.vocabulary import CriterionKind, DraftState
from tracker.web.authorise import get_centre
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

SECTIONS: dict[str, type[DraftForm]] = {"unit": IdentityForm, "metadata": MetadataForm, "texts": TextsForm}
LINES = re.compile(r"(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?")
KINDS = {kind.value for kind in CriterionKind}

Change = Callable[[Working], Working]

THEN: dict[str, Callable[[Working, str], Working]] = {
    "up": lambda copy, key: criteria.move_criterion(copy, key, -1),
    "down": lambda copy, key: criteria.move_criterion(copy, key, 1),
    "join": criteria.join_criterion,
    "drop": criteria.drop_criterion,
    "requirement": criteria.make_requirement,
}
"""What the buttons beside Save do with a statement."""


@library.get("/unit-drafts/<int:draft_id>")
@requires(Act.ADMINISTER_CENTRE)
def review_draft(draft_id: int) -> ResponseReturnValue:
    """The screen; `?edit=` names the one part whose form is open."""
    draft, _ = get_draft(draft_id)
    if draft.state is DraftState.PUBLISHED and draft.unit:
        return redirect(url_for(".show_unit", slug=draft.unit.slug))
    if draft.state is DraftState.DISCARDED:
        raise NotFound("This draft was discarded.")
    return show_review(draft, request.args.get("edit", ""))


@library.post("/unit-drafts/<int:draft_id>/criteria/<key>")
@requires(Act.ADMINISTER_CENTRE)
def change_criterion(draft_id: int, key: str) -> ResponseReturnValue:
    """Save a statement as typed; and then move, split, join or drop it, whichever button was pressed."""
    draft, _ = get_draft(draft_id)
    working, form = services.read_working(draft), CriterionForm()
    act = request.form.get("act", "save")
    if act == "restore":
        reading = services.read_reading(draft)
        return mend(draft, form, lambda copy: criteria.restore_criterion(copy, reading, key), to=key)
    if find_entry(working["criteria"], key) is None:
        raise NotFound
    form.offer_parents(working, key)
    if not form.validate():
        return show_review(draft, key, form), 422
    return mend(draft, form, typed_and_then(form, key, act), edit=key, to=key)


def typed_and_then(form: CriterionForm, key: str, act: str) -> Change:
    """Nothing typed is lost, whichever button was pressed: it is put down first."""
    typed = form.as_fields()
    if act == "split":
        text = form.text.data or ""
        rest = {name: value for name, value in typed.items() if name != "text"}
        return lambda copy: criteria.split_criterion(criteria.change_criterion(copy, key, rest), key, text)
    then = THEN.get(act)

    def change(copy: Working) -> Working:
        saved = criteria.change_criterion(copy, key, typed)
        return then(saved, key) if then else saved

    return change


@library.post("/unit-drafts/<int:draft_id>/criteria")
@requires(Act.ADMINISTER_CENTRE)
def add_criterion(draft_id: int) -> ResponseReturnValue:
    """A statement that the reader did not find, typed or taken from lines of the source."""
    draft, _ = get_draft(draft_id)
    form = NewCriterionForm()
    if not form.validate():
        return show_review(draft, "new", form), 422

    def change(copy: Working) -> Working:
        lines = read_lines(form.lines.data or "")
        text = as_one_line(form.text.data) or " ".join(
            line.get("text", "").strip() for line in draft.source_lines if line["number"] in lines
        )
        return criteria.add_criterion(copy, form.kind.data, text, lines)

    return mend(draft, form, change, edit="new", to="statements")


@library.post("/unit-drafts/<int:draft_id>/requirements/<key>")
@requires(Act.ADMINISTER_CENTRE)
def change_requirement(draft_id: int, key: str) -> ResponseReturnValue:
    """Save an evidence requirement; drop it, or make it a criterion. The key `new` adds one."""
    draft, _ = get_draft(draft_id)
    form, act = RequirementForm(), request.form.get("act", "save")
    if not form.validate():
        return show_review(draft, f"requirement-{key}", form), 422
    label, text = as_one_line(form.label.data), as_one_line(form.text.data)
    points = units.lines_of(form.points.data or "")

    def change(copy: Working) -> Working:
        if key == "new":
            return units.add_requirement(copy, label, text)
        saved = units.change_requirement(copy, key, label, text, points)
        if act in KINDS:
            return criteria.make_criterion(saved, key, act)
        return units.drop_requirement(saved, key) if act == "drop" else saved

    return mend(draft, form, change, edit=f"requirement-{key}", to="requirements")


@library.post("/unit-drafts/<int:draft_id>/<section>")
@requires(Act.ADMINISTER_CENTRE)
def change_section(draft_id: int, section: str) -> ResponseReturnValue:
    """The unit's identity (`unit`), its metadata, or its texts."""
    draft, _ = get_draft(draft_id)
    if section not in SECTIONS:
        raise NotFound
    form: Any = SECTIONS[section]()
    if not form.validate():
        return show_review(draft, section, form), 422
    change = units.change_metadata if section == "metadata" else units.change_unit
    return mend(draft, form, lambda copy: change(copy, form.as_fields()), edit=section, to=section)


@library.post("/unit-drafts/<int:draft_id>/doubts/<int:number>")
@requires(Act.ADMINISTER_CENTRE)
def settle_doubt(draft_id: int, number: int) -> ResponseReturnValue:
    """A doubt, from 1, as settled; or with `open` as doubtful again. Then on to the next that is open."""
    draft, _ = get_draft(draft_id)
    settled = "open" not in request.form
    following = [each + 1 for each in units.open_doubts(services.read_working(draft)) if each >= number]
    to = f"doubt-{following[0]}" if following and settled else f"doubt-{number}"
    return mend(draft, DraftForm(), lambda copy: units.settle_doubt(copy, number - 1, settled=settled), to=to)


@library.post("/unit-drafts/<int:draft_id>/passages/<int:number>")
@requires(Act.ADMINISTER_CENTRE)
def place_passage(draft_id: int, number: int) -> ResponseReturnValue:
    """Text that was placed nowhere, from 1: to a kind of criteria, the requirements, the overview, or set aside."""
    draft, _ = get_draft(draft_id)
    return mend(draft, DraftForm(), placing(number - 1, request.form.get("act", "aside")), to="unparsed")


def placing(number: int, act: str) -> Change:
    def change(copy: Working) -> Working:
        text, lines = units.unparsed_text(copy, number)
        if act == "overview":
            return units.add_to_overview(copy, number)
        aside = units.set_aside(copy, number, placed=act != "back")
        if act in KINDS:
            return criteria.add_criterion(aside, act, as_one_line(text), lines)
        return units.add_requirement(aside, "", as_one_line(text)) if act == "requirement" else aside

    return change


@library.post("/unit-drafts/<int:draft_id>/restart")
@requires(Act.ADMINISTER_CENTRE)
def restart_draft(draft_id: int) -> ResponseReturnValue:
    """Start again from the reading."""
    draft, _ = get_draft(draft_id)
    services.restart_draft(draft, DraftForm().seen_version)
    flash("Everything is as it was read again.")
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


# --- the screen ------------------------------------------------------------------------------------------


def get_draft(draft_id: int, act: Act = Act.ADMINISTER_CENTRE) -> tuple[UnitDraft, Actor]:
    """A draft of a centre at which this person may do `act`; 404 otherwise. Locked in an unsafe request."""
    query = select(UnitDraft).where(UnitDraft.id == draft_id)
    if request.method not in SAFE_METHODS:
        query = query.with_for_update(of=UnitDraft)
    draft = db.session.scalars(query).one_or_none()
    if draft is None:
        raise NotFound
    _, actor = get_centre(draft.centre_id, act)
    return draft, actor


def mend(draft: UnitDraft, form: DraftForm, change: Change, *, to: str, edit: str = "") -> ResponseReturnValue:
    """Change the copy and go back to where one was; or show what was typed again, with the sentence beside it."""
    try:
        services.change_draft(draft, form.seen_version, change)
    except (Invalid, Conflict) as refusal:
        field = form._fields.get(getattr(refusal, "field", None) or "")
        if field is None:
            form.form_errors.append(str(refusal))
        else:
            field.errors = [*field.errors, str(refusal)]
        return show_review(draft, edit, form), refusal.status
    return redirect(url_for(".review_draft", draft_id=draft.id, _anchor=to), 303)


def show_review(draft: UnitDraft, edit: str, form: DraftForm | None = None) -> str:
    """The screen; after a refusal the open form still holds what was typed."""
    working = services.read_working(draft)
    refused = form
    opened = form if form is not None and edit else open_form(working, edit)
    return render_template(
        "library/review_draft.html",
        draft=draft,
        working=working,
        review=make_review(draft.source_lines, working),
        here=find_already_here(draft, working),
        edit=edit if opened else "",
        form=opened,
        refused=refused,
        headings=sorted({each["heading"] for each in working["criteria"] if each["heading"]}),
        kinds=CriterionKind,
    )


def open_form(working: Working, edit: str) -> DraftForm | None:
    """The form of the part that is to be changed, filled; None where there is no such part."""
    if edit in SECTIONS:
        form: Any = SECTIONS[edit](formdata=None)
        form.fill(working)
        return form  # type: ignore[no-any-return]
    if edit == "new":
        return NewCriterionForm(formdata=None)
    if edit.startswith("requirement-"):
        return open_requirement(working, edit.removeprefix("requirement-"))
    if entry := find_entry(working["criteria"], edit):
        criterion = CriterionForm(formdata=None)
        criterion.offer_parents(working, edit)
        criterion.fill(entry)
        return criterion
    return None


def open_requirement(working: Working, key: str) -> RequirementForm | None:
    form = RequirementForm(formdata=None)
    if key == "new":
        return form
    if find_entry(working["evidence_requirements"], key) is None:
        return None
    form.fill(get_requirement(working, key))
    return form


def read_lines(typed: str) -> list[int]:
    """`14` or `14–16` as the lines meant. Raises `Invalid` for anything else, and for a stretch over 50 lines."""
    if not typed.strip():
        return []
    found = LINES.fullmatch(typed.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not 0 <= last - first < 50:
        raise Invalid("Write the lines as 14 or as 14–16, at most 50 of them.", "lines")
    return list(range(first, last + 1))
