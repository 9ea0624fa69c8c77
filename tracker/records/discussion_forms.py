"""The form of a professional discussion that is being written."""

from collections.abc import Collection, Mapping
from datetime import time
from typing import Any

from wtforms import DateField, MultipleFileField, StringField, TextAreaField, TimeField
from wtforms.validators import Optional

from tracker.portfolio.record_content import DiscussionContent
from tracker.records.forms import UNREADABLE
from tracker.web.forms import VersionedForm

TEXTS = ("narrative", "areas", "stamped_times", "transcript")
DATES, TIMES = ("happened_from", "agreed_on"), ("starts", "ends")
FIELDS = (*TEXTS, *DATES, *TIMES, "place")


class DiscussionForm(VersionedForm):
    """A professional discussion, finished or not; the service checks lengths and times."""

    areas = TextAreaField("Areas agreed")
    agreed_on = DateField("Agreed on", [Optional()])
    happened_from = DateField("Date", [Optional()])
    starts = TimeField("Starts", [Optional()])
    ends = TimeField("Ends", [Optional()])
    place = StringField("Place or medium")
    files = MultipleFileField("Recordings")
    stamp_at = StringField("Time of the recording")
    stamped_times = TextAreaField("Times of the criteria")
    narrative = TextAreaField("Summary")
    transcript = TextAreaField("Transcript")

    def read(self, names: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of the named fields, and the problem of each that cannot be read."""
        self.validate()
        sentences = {**UNREADABLE, "agreed_on": UNREADABLE["happened_from"]}
        unreadable = {name: sentences[name] for name in FIELDS if name in names and self[name].errors}
        return {name: self._value(name) for name in FIELDS if name in names and name not in unreadable}, unreadable

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show each problem beside its field; one that belongs to no field is shown above the form."""
        fields = {*FIELDS, "files", "stamp_at"}
        for name in fields:
            self[name].errors = [problems[name]] if name in problems else []
        self.form_errors = [sentence for name, sentence in problems.items() if name not in fields]

    def fill(self, content: DiscussionContent) -> None:
        """Fill in the fields of the content, as they are stored."""
        for name in ("place", "areas", "stamped_times", "transcript"):
            self[name].data = getattr(content, name)
        for name in TIMES:
            text = getattr(content, name)
            self[name].data = time.fromisoformat(text) if text else None
        self.agreed_on.data = content.agreed_day

    def _value(self, name: str) -> Any:
        value = self[name].data
        if name in DATES:
            return value
        if name in TIMES:
            return f"{value:%H:%M}" if value else ""
        text = (value or "").replace("\r\n", "\n").replace("\r", "\n")
        return text if name in TEXTS else text.replace("\n", " ").replace("\t", " ")
