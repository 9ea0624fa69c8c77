"""Forms to check an issued recording form, and to print those of many candidates."""

from flask_wtf.file import FileField, FileRequired
from wtforms import RadioField, StringField
from wtforms.validators import Length

from tracker.web.forms import PageForm


class VerifyPdfForm(PageForm):
    """The upload of a PDF to be checked."""

    file = FileField("Recording form (PDF)", [FileRequired("Choose the PDF file of the form.")])


class CohortForm(PageForm):
    """Whose recording forms are printed together, and of which unit. Candidates are ticked in the list."""

    TICKED, ALL = "ticked", "all"

    which = RadioField(
        "Candidates", choices={TICKED: "Ticked candidates", ALL: "All candidates in this list"}, default=TICKED
    )
    unit = StringField("Only this unit", [Length(max=100, message="Use at most 100 characters.")])
