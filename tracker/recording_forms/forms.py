"""Form for checking an issued recording form."""

from flask_wtf.file import FileField, FileRequired

from tracker.web.forms import PageForm


class VerifyPdfForm(PageForm):
    """The upload of a PDF to be checked."""

    file = FileField("Recording form (PDF)", [FileRequired("Choose the PDF file of the form.")])
