"""What browsers send about files of units."""

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, PasswordField, RadioField, SelectField, SelectMultipleField

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.library.services.unit_files import FORMATS, GUESSED
from tracker.web.forms import PageForm


class ImportForm(PageForm):
    file = FileField("The file", [FileRequired("Choose the file.")])
    format = SelectField("Format", choices={GUESSED: "See from the file", **FORMATS}, default=GUESSED)


class StartForm(PageForm):
    """Which of the changed units are taken in, by their places in the file; and the password."""

    changes = SelectMultipleField("Changed", coerce=int, validate_choice=False)
    all_changes = BooleanField("Take in every changed unit, also those that are not listed")
    password = PasswordField("Your password", [password_confirmed_to_change])


class ExportForm(PageForm):
    units = SelectMultipleField("Units", coerce=int, validate_choice=False)
    everything = BooleanField("All of them")
    format = RadioField("Format", choices=FORMATS, default=next(iter(FORMATS)))
