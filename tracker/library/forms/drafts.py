"""What browsers send about a unit being read in. Field names are the format's, so that a refusal finds its field."""

from typing import Any

from flask_wtf.file import FileField
from wtforms import HiddenField, PasswordField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.units.drafting import units as drafting
from tracker.units.drafting.working import Entry, Working, with_items
from tracker.units.schema import MAX_LENGTH, MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation, Word
from tracker.web.forms import PageForm

TEXT = Length(max=MAX_LENGTH, message="At most 10,000 characters.")
LINE = Length(max=2000, message="At most 2,000 characters.")
MANY = Length(max=100_000, message="At most 100,000 characters.")
EACH_ON_A_LINE = "One a line."
PARAGRAPHS = "A blank line between paragraphs; “# ” before a heading, “- ” before a point."
TRUTHS = {"": "Not said", "yes": "Allowed", "no": "Not allowed"}


def choices_of(words: type[Word]) -> dict[str, str]:
    return {each.value: each.label for each in words}


class AddUnitForm(PageForm):
    document = FileField("The document")
    text = TextAreaField(
        "Or paste its text", [Length(max=1_000_000, message="At most a million characters: drop it as a file.")]
    )


class DraftForm(PageForm):
    """Everything about a draft says which copy the page was made from."""

    seen = HiddenField()

    @property
    def seen_version(self) -> int:
        typed = self.seen.data or ""
        return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


class CriterionForm(DraftForm):
    kind = SelectField("Kind", choices=choices_of(CriterionKind))
    label = StringField("Label", [LINE])
    label_origin = SelectField("The label is", choices=choices_of(LabelOrigin))
    heading = StringField("Heading", [TEXT])
    parent = SelectField("It stands under", validate_choice=False)
    text = TextAreaField("Text", [TEXT])
    points = TextAreaField("Points in it that are not criteria", [MANY], description=EACH_ON_A_LINE)
    selection = StringField("Choice among its items", [LINE], description="Such as: four of the following.")
    simulation_allowed = SelectField("Simulation", choices=TRUTHS)
    note = StringField("Note for readers", [LINE])

    def offer_parents(self, working: Working, key: str) -> None:
        own = {each["key"] for each in with_items(working, key)} if key else set()
        stems = [each for each in working["criteria"] if each["key"] not in own]
        self.parent.choices = {
            "": "Nothing",
            **{each["key"]: f"{each['label']} {each['text'][:70]}" for each in stems},
        }

    def fill(self, entry: Entry) -> None:
        for name in ("kind", "label", "label_origin", "heading", "parent", "text", "selection", "note"):
            self[name].data = entry[name] or ""
        self.points.data = "\n".join(entry["points"])
        self.simulation_allowed.data = {True: "yes", False: "no", None: ""}[entry["simulation_allowed"]]

    def as_fields(self) -> dict[str, Any]:
        """What was typed, as a working copy has it."""
        words = {
            name: " ".join((self[name].data or "").split()) for name in ("label", "heading", "selection", "note")
        }
        return {
            "kind": self.kind.data,
            "label_origin": self.label_origin.data,
            "parent": self.parent.data or None,
            "text": as_one_line(self.text.data),
            "points": drafting.lines_of(self.points.data or ""),
            "simulation_allowed": {"yes": True, "no": False}.get(self.simulation_allowed.data or ""),
            **{name: value or None for name, value in words.items()},
            "label": words["label"],
        }


class NewCriterionForm(DraftForm):
    kind = SelectField("Kind", choices=choices_of(CriterionKind))
    text = TextAreaField("Text", [TEXT], description="Begin with its label, if the source prints one.")
    lines = StringField("Source lines", [LINE], description="Such as 14 or 14–16. Its text may then be left empty.")


class RequirementForm(DraftForm):
    label = StringField("Label", [LINE])
    text = TextAreaField("Text", [TEXT])
    points = TextAreaField("Points", [MANY], description=EACH_ON_A_LINE)

    def fill(self, entry: Entry) -> None:
        self.label.data, self.text.data = entry["label"], entry["text"]
        self.points.data = "\n".join(entry["points"])


class IdentityForm(DraftForm):
    title = StringField("Title", [LINE])
    code = StringField("Code", [LINE])
    version = StringField("Version", [LINE])
    identifiers = TextAreaField("Identifiers", [TEXT], description="One a line, such as SQA: H128 04.")
    document_type = SelectField("Type", choices=choices_of(DocumentType))
    simulation = SelectField("Simulation", choices=choices_of(Simulation))

    def fill(self, working: Working) -> None:
        for name in ("title", "code", "version", "document_type", "simulation"):
            self[name].data = working[name]
        self.identifiers.data = drafting.identifiers_as_text(working["identifiers"])

    def as_fields(self) -> dict[str, Any]:
        """Raises `Invalid` for an identifier without its scheme."""
        found = {name: " ".join((self[name].data or "").split()) for name in ("title", "code", "version")}
        return {
            **found,
            "document_type": self.document_type.data,
            "simulation": self.simulation.data,
            "identifiers": drafting.text_as_identifiers(self.identifiers.data or ""),
        }


METADATA = tuple(MetadataSchema().fields)


class MetadataForm(DraftForm):
    """A line for each key of the format's metadata."""

    def fill(self, working: Working) -> None:
        for name in METADATA:
            self[name].data = working["metadata"][name] or ""

    def as_fields(self) -> dict[str, str | None]:
        return {name: self[name].data for name in METADATA}


for _name in METADATA:
    setattr(MetadataForm, _name, StringField(_name.replace("_", " ").capitalize().replace("Soc", "SOC"), [TEXT]))


class TextsForm(DraftForm):
    overview = TextAreaField("Overview", [MANY], description=PARAGRAPHS)
    scope = TextAreaField("Scope or range", [MANY], description=PARAGRAPHS)
    evidence_requirements_introduction = TextAreaField("Before the evidence requirements", [TEXT])

    def fill(self, working: Working) -> None:
        for name in drafting.TEXTS:
            self[name].data = drafting.paragraphs_as_text(working[name])
        for name in drafting.LISTS:
            self[name].data = "\n".join(working[name])
        self.evidence_requirements_introduction.data = working["evidence_requirements_introduction"] or ""

    def as_fields(self) -> dict[str, Any]:
        introduction = as_one_line(self.evidence_requirements_introduction.data)
        return {
            **{name: drafting.text_as_paragraphs(self[name].data or "") for name in drafting.TEXTS},
            **{name: drafting.lines_of(self[name].data or "") for name in drafting.LISTS},
            "evidence_requirements_introduction": introduction or None,
        }


LIST_LABELS = {
    "assessor_rules": "Rules for the assessor",
    "links": "Links to other units",
    "empty_headings": "Printed with nothing under them",
}
for _name in drafting.LISTS:
    _label = LIST_LABELS.get(_name, _name.replace("_", " ").capitalize())
    setattr(TextsForm, _name, TextAreaField(_label, [MANY], description=EACH_ON_A_LINE))


class PublishForm(DraftForm):
    doubts = SelectMultipleField("Still doubtful", coerce=int, choices={}, validate_choice=False)
    password = PasswordField(
        "Your password", [DataRequired("Type your password to publish."), password_confirmed_to_change]
    )


def as_one_line(text: str | None) -> str:
    """Typed text with its line breaks as spaces: a statement is one line in the format."""
    return " ".join((text or "").split())
