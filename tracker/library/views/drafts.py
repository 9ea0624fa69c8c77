"""The review screen: the source document beside the unit, and the acts that change the working copy."""

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
    join_lines,
)
from tracker.library.queries.drafts import build_review_screen
from tracker.library.queries.existing_units import find_existing_unit
from tracker.library.services import publishing as services
from tracker.library.views import library
from tracker.models import UnitDraft
from tracker.units.drafting import criteria, units
from tracker.units.drafting.working_copy import WorkingCopy, find_entry
from tracker.vocabulary import CriterionKind, DraftState
from tracker.web.authorise import get_centre
from tracker.web.forms import add_error
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

SECTION_FORMS: dict[str, type[DraftForm]] = {"unit": IdentityForm, "metadata": MetadataForm, "texts": TextsForm}
LINE_RANGE = re.compile(r"(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?")
KINDS = {kind.value: kind for kind in CriterionKind}
"""What the buttons that make a criterion send, and its kind."""

Change = Callable[[WorkingCopy], WorkingCopy]

CRITERION_ACTS: dict[str, Callable[[WorkingCopy, str], WorkingCopy]] = {
    "up": lambda copy, key: criteria.move_criterion(copy, key, -1),
    "down": lambda copy, key: criteria.move_criterion(copy, key, 1),
    "join": criteria.join_criterion,
    "drop": criteria.drop_criterion,
    "requirement": criteria.make_requirement,
}
"""The changes made by the buttons beside Save, by their values."""


@library.get("/unit-drafts/<int:draft_id>")
@requires(Act.ADMINISTER_CENTRE)
def review_draft(draft_id: int) -> ResponseReturnValue:
    """Show the review screen; `?edit=` names the part whose form is open."""
    draft, _ = get_draft(draft_id)
    if draft.state is DraftState.PUBLISHED and draft.unit:
        return redirect(url_for(".show_unit", slug=draft.unit.slug))
    if draft.state is DraftState.DISCARDED:
        raise NotFound("This draft was discarded.")
    return render_review(draft, request.args.get("edit", ""))


@library.post("/unit-drafts/<int:draft_id>/criteria/<key>")
@requires(Act.ADMINISTER_CENTRE)
def change_criterion(draft_id: int, key: str) -> ResponseReturnValue:
    """Save a statement as typed, then move, split, join or drop it, depending on the button."""
    draft, _ = get_draft(draft_id)
    working, form = services.load_working_copy(draft), CriterionForm()
    act = request.form.get("act", "save")
    if act == "restore":
        reading = services.load_reading(draft)
        return apply_change(draft, form, lambda copy: criteria.restore_criterion(copy, reading, key), to=key)
    if find_entry(working.criteria, key) is None:
        raise NotFound
    form.offer_parents(working, key)
    if not form.validate():
        return render_review(draft, key, form), 422
    return apply_change(draft, form, make_criterion_change(form, key, act), edit=key, to=key)


def make_criterion_change(form: CriterionForm, key: str, act: str) -> Change:
    """Return the change for a button, which first saves what was typed."""
    typed = form.as_fields()
    if act == "split":
        text = form.text.data or ""
        other_fields = typed.copy()
        del other_fields["text"]
        return lambda copy: criteria.split_criterion(criteria.change_criterion(copy, key, other_fields), key, text)
    apply_act = CRITERION_ACTS.get(act)

    def change(copy: WorkingCopy) -> WorkingCopy:
        saved = criteria.change_criterion(copy, key, typed)
        return apply_act(saved, key) if apply_act else saved

    return change


@library.post("/unit-drafts/<int:draft_id>/criteria")
@requires(Act.ADMINISTER_CENTRE)
def add_criterion(draft_id: int) -> ResponseReturnValue:
    """Add a statement that the reader did not find, typed or taken from source lines."""
    draft, _ = get_draft(draft_id)
    form = NewCriterionForm()
    if not form.validate():
        return render_review(draft, "new", form), 422

    def change(copy: WorkingCopy) -> WorkingCopy:
        lines = parse_line_range(form.lines.data or "")
        text = join_lines(form.text.data) or " ".join(
            line.get("text", "").strip() for line in draft.source_lines if line["number"] in lines
        )
        return criteria.add_criterion(copy, CriterionKind(form.kind.data), text, lines)

    return apply_change(draft, form, change, edit="new", to="statements")


@library.post("/unit-drafts/<int:draft_id>/requirements/<key>")
@requires(Act.ADMINISTER_CENTRE)
def change_requirement(draft_id: int, key: str) -> ResponseReturnValue:
    """Save, drop or convert an evidence requirement. The key `new` adds one."""
    draft, _ = get_draft(draft_id)
    form, act = RequirementForm(), request.form.get("act", "save")
    if not form.validate():
        return render_review(draft, f"requirement-{key}", form), 422
    label, text = join_lines(form.label.data), join_lines(form.text.data)
    points = units.split_lines(form.points.data or "")

    def change(copy: WorkingCopy) -> WorkingCopy:
        if key == "new":
            return units.add_requirement(copy, label, text)
        saved = units.change_requirement(copy, key, label, text, points)
        if act in KINDS:
            return criteria.make_criterion(saved, key, KINDS[act])
        return units.drop_requirement(saved, key) if act == "drop" else saved

    return apply_change(draft, form, change, edit=f"requirement-{key}", to="requirements")


@library.post("/unit-drafts/<int:draft_id>/<section>")
@requires(Act.ADMINISTER_CENTRE)
def change_section(draft_id: int, section: str) -> ResponseReturnValue:
    """Save the unit's identity (`unit`), its metadata or its texts."""
    draft, _ = get_draft(draft_id)
    if section not in SECTION_FORMS:
        raise NotFound
    form: Any = SECTION_FORMS[section]()
    if not form.validate():
        return render_review(draft, section, form), 422
    change = units.change_metadata if section == "metadata" else units.change_unit
    return apply_change(draft, form, lambda copy: change(copy, form.as_fields()), edit=section, to=section)


@library.post("/unit-drafts/<int:draft_id>/doubts/<int:number>")
@requires(Act.ADMINISTER_CENTRE)
def resolve_doubt(draft_id: int, number: int) -> ResponseReturnValue:
    """Mark a doubt (numbered from 1) as resolved, or as open again, and go to the next open one."""
    draft, _ = get_draft(draft_id)
    settled = "open" not in request.form
    following = [index + 1 for index in units.list_open_doubts(services.load_working_copy(draft)) if index >= number]
    to = f"point-{following[0]}" if following and settled else f"point-{number}"
    return apply_change(
        draft, DraftForm(), lambda copy: units.resolve_doubt(copy, number - 1, settled=settled), to=to
    )


@library.post("/unit-drafts/<int:draft_id>/passages/<int:number>")
@requires(Act.ADMINISTER_CENTRE)
def use_passage(draft_id: int, number: int) -> ResponseReturnValue:
    """Use a passage of text not used (numbered from 1) as a criterion, requirement or overview, or leave it out."""
    draft, _ = get_draft(draft_id)
    return apply_change(
        draft, DraftForm(), make_passage_change(number - 1, request.form.get("act", "aside")), to="unparsed"
    )


def make_passage_change(number: int, act: str) -> Change:
    """Return the change for a button beside a passage of text not used."""

    def change(copy: WorkingCopy) -> WorkingCopy:
        text, lines = units.get_passage(copy, number)
        if act == "overview":
            return units.add_to_overview(copy, number)
        handled = units.mark_passage_handled(copy, number, placed=act != "back")
        if act in KINDS:
            return criteria.add_criterion(handled, KINDS[act], join_lines(text), lines)
        return units.add_requirement(handled, "", join_lines(text)) if act == "requirement" else handled

    return change


@library.post("/unit-drafts/<int:draft_id>/restart")
@requires(Act.ADMINISTER_CENTRE)
def restart_draft(draft_id: int) -> ResponseReturnValue:
    """Start again from the reading."""
    draft, _ = get_draft(draft_id)
    services.restart_draft(draft, DraftForm().seen_version)
    flash("The draft is restored as it was read.")
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


# --- the review screen ------------------------------------------------------------------------------------


def get_draft(draft_id: int, act: Act = Act.ADMINISTER_CENTRE) -> tuple[UnitDraft, Actor]:
    """Return a draft of a centre at which this person may do `act`; 404 otherwise. Locked in an unsafe request."""
    query = select(UnitDraft).where(UnitDraft.id == draft_id)
    if request.method not in SAFE_METHODS:
        query = query.with_for_update(of=UnitDraft)
    draft = db.session.scalars(query).one_or_none()
    if draft is None:
        raise NotFound
    _, actor = get_centre(draft.centre_id, act)
    return draft, actor


def apply_change(
    draft: UnitDraft, form: DraftForm, change: Change, *, to: str, edit: str = ""
) -> ResponseReturnValue:
    """Change the working copy and redirect; after an error show what was typed with the message beside its field."""
    try:
        services.change_draft(draft, form.seen_version, change)
    except (Invalid, Conflict) as refusal:
        add_error(form, refusal)
        return render_review(draft, edit, form), refusal.status
    return redirect(url_for(".review_draft", draft_id=draft.id, _anchor=to), 303)


def render_review(draft: UnitDraft, edit: str, form: DraftForm | None = None) -> str:
    """Render the screen; after an error the open form still holds what was typed."""
    working = services.load_working_copy(draft)
    refused_form = form
    opened = form if form is not None and edit else open_form(working, edit)
    return render_template(
        "library/review_draft.html",
        draft=draft,
        working=working,
        review=build_review_screen(draft.source_lines, working),
        existing=find_existing_unit(draft, working),
        edit=edit if opened else "",
        form=opened,
        refused_form=refused_form,
        headings=sorted({criterion.heading for criterion in working.criteria if criterion.heading}),
        kinds=CriterionKind,
    )


def open_form(working: WorkingCopy, edit: str) -> DraftForm | None:
    """Return the filled form of the part to be changed; None if there is no such part."""
    if edit in SECTION_FORMS:
        form: Any = SECTION_FORMS[edit](formdata=None)
        form.fill(working)
        return form  # type: ignore[no-any-return]
    if edit == "new":
        return NewCriterionForm(formdata=None)
    if edit.startswith("requirement-"):
        return open_requirement(working, edit.removeprefix("requirement-"))
    if entry := find_entry(working.criteria, edit):
        criterion = CriterionForm(formdata=None)
        criterion.offer_parents(working, edit)
        criterion.fill(entry)
        return criterion
    return None


def open_requirement(working: WorkingCopy, key: str) -> RequirementForm | None:
    """Return the filled form of an evidence requirement; None if there is no such requirement."""
    form = RequirementForm(formdata=None)
    if key == "new":
        return form
    requirement = find_entry(working.evidence_requirements, key)
    if requirement is None:
        return None
    form.fill(requirement)
    return form


def parse_line_range(typed: str) -> list[int]:
    """Return the line numbers of `14` or `14–16`. Raises `Invalid` for anything else, and for more than 50 lines."""
    if not typed.strip():
        return []
    result = LINE_RANGE.fullmatch(typed.strip())
    first, last = (int(result[1]), int(result[2] or result[1])) if result else (1, 0)
    if not 0 <= last - first < 50:
        raise Invalid("Write the lines as 14 or as 14–16, at most 50 of them.", "lines")
    return list(range(first, last + 1))
