"""Forms to import and export files of units."""

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, PasswordField, RadioField, SelectField, SelectMultipleField

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.library.services.unit_files import DETECT, FORMATS
from tracker.web.forms import PageForm


class UnitImportForm(PageForm):
    """A file to import and its format."""

    file = FileField("File", [FileRequired("Choose the file.")])
    format = SelectField("Format", choices={DETECT: "Detect from the file", **FORMATS}, default=DETECT)


class StartImportForm(PageForm):
    """The changed units to import, by their places in the file, and the password."""

    changes = SelectMultipleField("Changed", coerce=int, validate_choice=False)
    all_changes = BooleanField("Import every changed unit, including those not listed")
    password = PasswordField("Your password", [password_confirmed_to_change])


class UnitExportForm(PageForm):
    """The units to export and the format."""

    units = SelectMultipleField("Units", coerce=int, validate_choice=False)
    everything = BooleanField("All units")
    format = RadioField("Format", choices=FORMATS, default=next(iter(FORMATS)))
