"""What browsers send about forms to be checked."""

from flask_wtf.file import FileField, FileRequired

from tracker.web.forms import PageForm


class CheckForm(PageForm):
    file = FileField("The form (PDF)", [FileRequired("Choose the file of the form.")])
