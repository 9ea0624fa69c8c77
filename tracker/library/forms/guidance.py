"""What browsers send about guidance."""

from collections.abc import Mapping
from typing import Any

from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.units.drafting.units import lines_of
from tracker.web.forms import PageForm

LISTS = ("key_concepts", "tips", "misconceptions", "marking_points")
MANY = Length(max=100_000, message="At most 100,000 characters.")
ONE_A_LINE = "One a line."


class GuidanceForm(PageForm):
    title = StringField("Title", [DataRequired("Write a title."), Length(max=200, message="At most 200 characters.")])
    synopsis = TextAreaField(
        "What it is about", [DataRequired("Say in a sentence or two what it is about."), Length(max=10_000)]
    )
    key_concepts = TextAreaField("Key concepts", [MANY], description=ONE_A_LINE)
    tips = TextAreaField("Tips for candidates", [MANY], description=ONE_A_LINE)
    misconceptions = TextAreaField("Mistakes to avoid", [MANY], description=ONE_A_LINE)
    marking_points = TextAreaField(
        "What assessors look for", [MANY], description="One a line. Prompts for the assessor, never criteria."
    )
    source = HiddenField(validators=[Length(max=200)])

    def fill(self, document: Mapping[str, Any]) -> None:
        self.title.data, self.synopsis.data = document["title"], document["synopsis"]
        for name in LISTS:
            self[name].data = "\n".join(document[name])
        self.source.data = document["provenance"]["source"][:200]

    def as_fields(self) -> dict[str, Any]:
        words = {name: " ".join((self[name].data or "").split()) for name in ("title", "synopsis", "source")}
        return {**words, **{name: lines_of(self[name].data or "") for name in LISTS}}


class AttachForm(PageForm):
    contradicts = RadioField(
        "Does anything in it contradict this unit’s evidence requirements?",
        [DataRequired("Say whether anything contradicts them.")],
        choices={"no": "Nothing does", "yes": "Something does"},
    )
    warning = TextAreaField(
        "What in it contradicts them?",
        [Length(max=2000, message="At most 2,000 characters.")],
        description="Shown with the guidance wherever this unit is, to candidates and assessors.",
    )
