"""What browsers send about forms to be checked."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired


class CheckForm(FlaskForm):
    file = FileField("The form (PDF)", [FileRequired("Choose the file of the form.")])
