"""Base class of the forms, date fields, and the errors of acts shown on the form that asked for them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from typing import Any

from flask import render_template, request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from wtforms import DateField, FileField, Form, HiddenField, MultipleFileField
from wtforms.validators import InputRequired, Length, Optional, StopValidation

from tracker.errors import Invalid, Refused, TrackerError

INVALID_DATE = "Enter a date such as 22/11/2026."
INVALID_OPTIONAL_DATE = "Enter a date such as 22/11/2026, or leave it empty."
DATE_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]
"""How a date may be written: as browsers send it, and as people in Britain write it."""
MIN_YEAR, MAX_YEAR = 2000, 2100
MAX_2000_CHARACTERS = Length(max=2000, message="Use at most 2,000 characters.")


class PageForm(FlaskForm):
    """A form that reads files only into file fields, and text only into the others."""

    class Meta(FlaskForm.Meta):  # noqa: D106 - the name WTForms looks for
        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return the submitted text, with files for the file fields only; JSON is ignored.

            Flask-WTF merges files and text by name, so that a file could arrive where a field expects text.
            """
            if formdata is not _Auto:
                return formdata
            if not form.is_submitted():
                return None
            submitted: MultiDict[str, Any] = MultiDict(request.form)
            for field in form:
                if isinstance(field, FileField | MultipleFileField):
                    submitted.setlist(field.name, request.files.getlist(field.name))
            return submitted


class VersionedForm(PageForm):
    """A form that carries the version of what it changes, as it was shown."""

    version = HiddenField()

    @property
    def seen_version(self) -> int | None:
        """Return the version as it was shown; None where it was not sent or is no number."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def date_field(label: str, missing: str = "") -> DateField:
    """Return a field for a date between 2000 and 2100.

    Args:
        label: the field's label.
        missing: the error shown when it is left empty; without one, the date is optional.
    """
    invalid = INVALID_DATE if missing else INVALID_OPTIONAL_DATE

    def check_year(_form: Form, field: DateField) -> None:
        if field.data and not MIN_YEAR <= field.data.year <= MAX_YEAR:
            raise StopValidation(invalid)

    validators = [InputRequired(missing) if missing else Optional(), check_year]
    return DateField(label, validators, format=DATE_FORMATS, invalid_value_message=invalid)  # type: ignore[call-arg]  # newer than its types


def parse_date(value: str, field: str) -> date | None:
    """Return the date that a text field sends, or None if it is empty.

    Args:
        value: the date in one of `DATE_FORMATS`, between the years 2000 and 2100.
        field: the field's name, for the error.

    Raises:
        Invalid: the text is not such a date.
    """
    if not value.strip():
        return None
    for date_format in DATE_FORMATS:
        with suppress(ValueError):
            parsed = datetime.strptime(value.strip(), date_format).date()  # noqa: DTZ007 - a date has no time zone
            if MIN_YEAR <= parsed.year <= MAX_YEAR:
                return parsed
    raise Invalid(INVALID_DATE, field)


@contextmanager
def errors_on_form(form: Form, *kinds: type[TrackerError]) -> Iterator[None]:
    """Run an act; if it raises one of these errors, show the error on the form and go on after the block.

    Args:
        form: the form that asked for the act.
        kinds: the errors to show; `Invalid` and `Refused` unless named.
    """
    shown = kinds or (Invalid, Refused)
    try:
        yield
    except shown as error:
        add_error(form, error)


def add_error(form: Form, error: TrackerError) -> None:
    """Show an error beside the field it is about, or above the form."""
    field = form._fields.get(getattr(error, "field", None) or "")
    if field is None:
        form.form_errors.append(str(error))
    else:
        field.errors = [*field.errors, str(error)]


def render_form(template: str, form: PageForm, **context: Any) -> tuple[str, int]:
    """Render a page with its form: with status 422 after a submission, since the form then shows errors."""
    return render_template(template, form=form, **context), 422 if form.is_submitted() else 200
