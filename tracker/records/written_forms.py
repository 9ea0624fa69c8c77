"""What the forms of records that an assessor writes have in common."""

from collections.abc import Collection, Mapping
from datetime import date, time
from typing import Any, ClassVar

from tracker.portfolio.record_content import WrittenContent
from tracker.web.forms import VersionedForm

NO_DATE = "Enter a real date. Choose it from the calendar, or type it as 2026-11-22."
NO_TIME = "Enter a time such as 10:05."
TIMES = ("starts", "ends")


class WrittenForm(VersionedForm):
    """A record that its author writes, finished or not; the service checks lengths, dates and times."""

    TEXTS: ClassVar[tuple[str, ...]]
    """The fields of several lines."""
    DATES: ClassVar[tuple[str, ...]]
    FIELDS: ClassVar[tuple[str, ...]]
    """Every field that is saved."""
    UNSAVED: ClassVar[tuple[str, ...]] = ("files",)
    """The other fields beside which a problem is shown."""

    def fill(self, content: WrittenContent) -> None:
        """Fill in the fields of the content, as they are stored."""
        for name in self.FIELDS:
            text = getattr(content, name, None)
            if text is not None:
                self[name].data = self._parse(name, text)

    def read(
        self,
        names: Collection[str],
        sent: Mapping[str, str],  # noqa: ARG002 - a form with questions reads these three
        content: WrittenContent,  # noqa: ARG002
        *,
        sends_all: bool,  # noqa: ARG002
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of the named fields, and the problem of each that cannot be read.

        Args:
            names: the fields to read.
            sent: what the browser sent.
            content: the content as it is stored.
            sends_all: whether the whole form was sent.
        """
        self.validate()
        sentences = {**dict.fromkeys(self.DATES, NO_DATE), **dict.fromkeys(TIMES, NO_TIME)}
        unreadable = {name: sentences[name] for name in self.FIELDS if name in names and self[name].errors}
        known = [name for name in self.FIELDS if name in names and name not in unreadable]
        return {name: self._value(name) for name in known}, unreadable

    def show_problems(self, problems: Mapping[str, str], sent: Mapping[str, str]) -> None:  # noqa: ARG002 - as above
        """Show each problem beside its field; one that belongs to no field is shown above the form."""
        fields = {*self.FIELDS, *self.UNSAVED}
        for name in fields:
            self[name].errors = [problems[name]] if name in problems else []
        self.form_errors = [sentence for name, sentence in problems.items() if name not in fields]

    def _parse(self, name: str, text: str) -> Any:
        """Return a stored text as the field has it."""
        if name in self.DATES:
            return date.fromisoformat(text) if text else None
        if name in TIMES:
            return time.fromisoformat(text) if text else None
        return text

    def _value(self, name: str) -> Any:
        """Return what was typed in a field as it is saved."""
        value = self[name].data
        if name in self.DATES:
            return value
        if name in TIMES:
            return f"{value:%H:%M}" if value else ""
        text = (value or "").replace("\r\n", "\n").replace("\r", "\n")
        return text if name in self.TEXTS else text.replace("\n", " ").replace("\t", " ")
