"""Forms of the review screen. Field names are those of the file format, so that an error finds its field."""

from flask_wtf.file import FileField
from wtforms import HiddenField, PasswordField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.units.drafting import units as drafting
from tracker.units.drafting.working_copy import (
    CriterionFields,
    DraftCriterion,
    DraftRequirement,
    UnitFields,
    WorkingCopy,
    list_with_items,
)
from tracker.units.schema import MetadataSchema
from tracker.units.schema_fields import MAX_LENGTH
from tracker.vocabulary import CriterionKind, DocumentType, LabelledEnum, LabelOrigin, Simulation
from tracker.web.forms import PageForm

TEXT_LIMIT = Length(max=MAX_LENGTH, message="Use at most 10,000 characters.")
LINE_LIMIT = Length(max=2000, message="Use at most 2,000 characters.")
LIST_LIMIT = Length(max=100_000, message="Use at most 100,000 characters.")
ONE_PER_LINE = "One per line."
PARAGRAPHS_HINT = "A blank line between paragraphs; “# ” before a heading, “- ” before a point."
SIMULATION_CHOICES = {"": "Not stated", "yes": "Allowed", "no": "Not allowed"}


def make_choices(words: type[LabelledEnum]) -> dict[str, str]:
    """Return the values and labels of an enum as choices of a select field."""
    return {member.value: member.label for member in words}


class AddUnitForm(PageForm):
    """A published document to read: an upload or pasted text."""

    document = FileField("Document")
    text = TextAreaField(
        "Or paste its text", [Length(max=1_000_000, message="Paste at most a million characters, or upload a file.")]
    )


class DraftForm(PageForm):
    """A change to a draft, with the version of the draft that the page was made from."""

    seen = HiddenField()

    @property
    def seen_version(self) -> int:
        """Return the version of the draft that the page showed; 0 where it is missing or malformed."""
        typed = self.seen.data or ""
        return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


class CriterionForm(DraftForm):
    """One criterion of a draft."""

    kind = SelectField("Kind", choices=make_choices(CriterionKind))
    label = StringField("Label", [LINE_LIMIT])
    label_origin = SelectField("Origin of the label", choices=make_choices(LabelOrigin))
    heading = StringField("Heading", [TEXT_LIMIT])
    parent = SelectField("Item of", validate_choice=False)
    text = TextAreaField("Text", [TEXT_LIMIT])
    points = TextAreaField("Points that are not criteria", [LIST_LIMIT], description=ONE_PER_LINE)
    selection = StringField("Choice among its items", [LINE_LIMIT], description="Such as: four of the following.")
    simulation_allowed = SelectField("Simulation", choices=SIMULATION_CHOICES)
    note = StringField("Note for readers", [LINE_LIMIT])

    def offer_parents(self, working: WorkingCopy, key: str) -> None:
        """Offer every statement outside the criterion's own items as its parent."""
        own = {entry.key for entry in list_with_items(working, key)} if key else set()
        stems = [criterion for criterion in working.criteria if criterion.key not in own]
        self.parent.choices = {"": "Nothing", **{stem.key: f"{stem.label} {stem.text[:70]}" for stem in stems}}

    def fill(self, entry: DraftCriterion) -> None:
        """Show the criterion as the working copy has it."""
        for name in ("kind", "label", "label_origin", "heading", "parent", "text", "selection", "note"):
            self[name].data = getattr(entry, name) or ""
        self.points.data = "\n".join(entry.points)
        self.simulation_allowed.data = {True: "yes", False: "no", None: ""}[entry.simulation_allowed]

    def as_fields(self) -> CriterionFields:
        """Return the typed values as fields of a working copy."""
        return {
            "kind": CriterionKind(self.kind.data),
            "label": join_lines(self.label.data),
            "label_origin": LabelOrigin(self.label_origin.data),
            "heading": join_lines(self.heading.data) or None,
            "parent": self.parent.data or None,
            "text": join_lines(self.text.data),
            "points": drafting.split_lines(self.points.data or ""),
            "selection": join_lines(self.selection.data) or None,
            "simulation_allowed": {"yes": True, "no": False}.get(self.simulation_allowed.data or ""),
            "note": join_lines(self.note.data) or None,
        }


class NewCriterionForm(DraftForm):
    """A statement to add, typed or taken from source lines."""

    kind = SelectField("Kind", choices=make_choices(CriterionKind))
    text = TextAreaField("Text", [TEXT_LIMIT], description="Begin with its label, if the source prints one.")
    lines = StringField(
        "Source lines", [LINE_LIMIT], description="Such as 14 or 14–16. The text above may then be left empty."
    )


class RequirementForm(DraftForm):
    """One evidence requirement of a draft."""

    label = StringField("Label", [LINE_LIMIT])
    text = TextAreaField("Text", [TEXT_LIMIT])
    points = TextAreaField("Points", [LIST_LIMIT], description=ONE_PER_LINE)

    def fill(self, entry: DraftRequirement) -> None:
        """Show the requirement as the working copy has it."""
        self.label.data, self.text.data = entry.label, entry.text
        self.points.data = "\n".join(entry.points)


class IdentityForm(DraftForm):
    """Title, code, version, type and identifiers of a draft."""

    title = StringField("Title", [LINE_LIMIT])
    code = StringField("Code", [LINE_LIMIT])
    version = StringField("Version", [LINE_LIMIT])
    identifiers = TextAreaField("Identifiers", [TEXT_LIMIT], description="One per line, such as SQA: H128 04.")
    document_type = SelectField("Type", choices=make_choices(DocumentType))
    simulation = SelectField("Simulation", choices=make_choices(Simulation))

    def fill(self, working: WorkingCopy) -> None:
        """Show the values of the working copy."""
        for name in ("title", "code", "version", "document_type", "simulation"):
            self[name].data = getattr(working, name)
        self.identifiers.data = drafting.format_identifiers(working.identifiers)

    def as_fields(self) -> UnitFields:
        """Return the typed values as fields of a working copy. Raises `Invalid` for an identifier without scheme."""
        return {
            "title": join_lines(self.title.data),
            "code": join_lines(self.code.data),
            "version": join_lines(self.version.data),
            "document_type": DocumentType(self.document_type.data),
            "simulation": Simulation(self.simulation.data),
            "identifiers": drafting.parse_identifiers(self.identifiers.data or ""),
        }


METADATA = tuple(MetadataSchema().fields)


class MetadataForm(DraftForm):
    """A line for each key of the unit's metadata."""

    def fill(self, working: WorkingCopy) -> None:
        """Show the metadata of the working copy."""
        for name in METADATA:
            self[name].data = working.metadata[name] or ""

    def as_fields(self) -> dict[str, str | None]:
        """Return the typed metadata."""
        return {name: self[name].data for name in METADATA}


for _name in METADATA:
    setattr(
        MetadataForm, _name, StringField(_name.replace("_", " ").capitalize().replace("Soc", "SOC"), [TEXT_LIMIT])
    )


class TextsForm(DraftForm):
    """Overview, scope and lists of a draft."""

    overview = TextAreaField("Overview", [LIST_LIMIT], description=PARAGRAPHS_HINT)
    scope = TextAreaField("Scope or range", [LIST_LIMIT], description=PARAGRAPHS_HINT)
    evidence_requirements_introduction = TextAreaField("Introduction to the evidence requirements", [TEXT_LIMIT])

    def fill(self, working: WorkingCopy) -> None:
        """Show the texts of the working copy."""
        for name in drafting.TEXTS:
            self[name].data = drafting.format_paragraphs(getattr(working, name))
        for name in drafting.LISTS:
            self[name].data = "\n".join(getattr(working, name))
        self.evidence_requirements_introduction.data = working.evidence_requirements_introduction or ""

    def as_fields(self) -> UnitFields:
        """Return the typed texts as fields of a working copy."""
        return {
            "overview": drafting.parse_typed_paragraphs(self.overview.data or ""),
            "scope": drafting.parse_typed_paragraphs(self.scope.data or ""),
            "evidence_requirements_introduction": join_lines(self.evidence_requirements_introduction.data) or None,
            "assessor_rules": self._list_typed("assessor_rules"),
            "skills": self._list_typed("skills"),
            "values": self._list_typed("values"),
            "behaviours": self._list_typed("behaviours"),
            "glossary": self._list_typed("glossary"),
            "links": self._list_typed("links"),
            "external_links": self._list_typed("external_links"),
            "empty_headings": self._list_typed("empty_headings"),
            "notes": self._list_typed("notes"),
        }

    def _list_typed(self, name: str) -> list[str]:
        return drafting.split_lines(self[name].data or "")


LIST_LABELS = {
    "assessor_rules": "Rules for the assessor",
    "links": "Links to other units",
    "empty_headings": "Empty headings",
}
for _name in drafting.LISTS:
    _label = LIST_LABELS.get(_name, _name.replace("_", " ").capitalize())
    setattr(TextsForm, _name, TextAreaField(_label, [LIST_LIMIT], description=ONE_PER_LINE))


class PublishForm(DraftForm):
    """Acceptance of open doubts, and the password, to publish a draft."""

    doubts = SelectMultipleField("Points to check", coerce=int, choices={}, validate_choice=False)
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to publish."), password_confirmed_to_change]
    )


def join_lines(text: str | None) -> str:
    """Return typed text with its line breaks as spaces, because a statement is one line in the format."""
    return " ".join((text or "").split())
