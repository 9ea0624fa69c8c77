"""What every form here starts from."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from wtforms import FileField, MultipleFileField


class PageForm(FlaskForm):
    class Meta(FlaskForm.Meta):  # noqa: D106 - the name WTForms looks for
        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Files for the fields that ask for files, and text for the others; JSON is no form.

            Flask-WTF lays files over text by name, so that a file could arrive where a field expects words.
            """
            if formdata is not _Auto:
                return formdata
            if not form.is_submitted():
                return None
            sent: MultiDict[str, Any] = MultiDict(request.form)
            for field in form:
                if isinstance(field, FileField | MultipleFileField):
                    sent.setlist(field.name, request.files.getlist(field.name))
            return sent
