"""Forms to write guidance and attach it to units."""

from collections.abc import Mapping
from typing import Any

from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.units.drafting.units import split_lines
from tracker.web.forms import PageForm

LISTS = ("key_concepts", "tips", "misconceptions", "marking_points")
LIST_LIMIT = Length(max=100_000, message="Use at most 100,000 characters.")
ONE_PER_LINE = "One per line."


class GuidanceForm(PageForm):
    """A page of guidance."""

    title = StringField(
        "Title", [DataRequired("Enter a title."), Length(max=200, message="Use at most 200 characters.")]
    )
    synopsis = TextAreaField(
        "What it is about", [DataRequired("Enter a sentence or two about its content."), Length(max=10_000)]
    )
    key_concepts = TextAreaField("Key concepts", [LIST_LIMIT], description=ONE_PER_LINE)
    tips = TextAreaField("Tips for candidates", [LIST_LIMIT], description=ONE_PER_LINE)
    misconceptions = TextAreaField("Mistakes to avoid", [LIST_LIMIT], description=ONE_PER_LINE)
    marking_points = TextAreaField(
        "What assessors look for",
        [LIST_LIMIT],
        description="One per line. These are prompts for the assessor, not criteria.",
    )
    source = HiddenField(validators=[Length(max=200)])

    def fill(self, document: Mapping[str, Any]) -> None:
        """Show a document of guidance."""
        self.title.data, self.synopsis.data = document["title"], document["synopsis"]
        for name in LISTS:
            self[name].data = "\n".join(document[name])
        self.source.data = document["provenance"]["source"][:200]

    def as_fields(self) -> dict[str, Any]:
        """Return the typed values as fields of a guidance document."""
        words = {name: " ".join((self[name].data or "").split()) for name in ("title", "synopsis", "source")}
        return {**words, **{name: split_lines(self[name].data or "") for name in LISTS}}


class AttachForm(PageForm):
    """Whether the guidance contradicts the unit's evidence requirements."""

    contradicts = RadioField(
        "Does the guidance contradict this unit’s evidence requirements?",
        [DataRequired("Choose Yes or No.")],
        choices={"no": "No", "yes": "Yes"},
    )
    warning = TextAreaField(
        "What contradicts them",
        [Length(max=2000, message="Use at most 2,000 characters.")],
        description="Shown to candidates and assessors with the guidance on this unit.",
    )
