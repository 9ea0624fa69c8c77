"""Fields and base schema of the YAML files; every error says how to correct it."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

MAX_LENGTH = 10_000
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates, which neither the database nor a UTF-8 file can store."""


class TextField(fields.String):
    """Text that is not empty. The YAML loader leaves every scalar as text, so `1.10` and `no` stay as typed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("write words here, not a list or further keys")
        if not value.strip():
            raise ValidationError("is empty: write the text, or remove the key")
        if len(value) > MAX_LENGTH:
            raise ValidationError(f"is longer than {MAX_LENGTH} characters: split it")
        if not is_text(value):
            raise ValidationError("contains characters that cannot be stored: type it again")
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


def is_text(value: str) -> bool:
    """Return whether the value can be stored: it has no NUL and no lone surrogate."""
    return not UNSTORABLE.search(value)


class ListField(fields.List[Any]):
    """A list, with a plain message when the value is something else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("write a list here: each entry on a line that begins with “- ”")
        return list(super()._deserialize(value, attr, data, **kwargs))


class IntegerField(fields.Integer):
    """A whole number, with a plain message."""

    default_error_messages = {"invalid": "write a whole number, such as 1"}


class BooleanField(fields.Boolean):
    """True or false, with a plain message."""

    default_error_messages = {"invalid": "write true or false"}


def make_choice(allowed: type[Any], **options: Any) -> TextField:
    """Return a text field that accepts the values of an enum."""
    values = [each.value for each in allowed]
    return TextField(validate=validate.OneOf(values, error=f"write one of: {', '.join(values)}"), **options)


def make_text_list() -> ListField:
    """Return a field for a list of texts."""
    return ListField(TextField(), load_default=list)


def make_short_text(longest: int, **options: Any) -> TextField:
    """Return a text field of limited length, because forms, addresses and database columns have limited room."""
    return TextField(validate=validate.Length(max=longest, error=f"is longer than {longest} characters"), **options)


class StrictSchema(Schema):
    """A schema that refuses unknown keys, so that a misspelt key is never lost silently."""

    class Meta:  # noqa: D106 - marshmallow's own way
        unknown = RAISE

    error_messages = {
        "unknown": "is not a key of this format: remove it or correct its spelling",
        "type": "write keys and values here",
    }

    @pre_load
    def drop_blank(self, values: Any, **_: Any) -> Any:
        """Treat `heading:` without a value as no heading."""
        if isinstance(values, Mapping) and values.get("heading") == "":
            return {key: value for key, value in values.items() if key != "heading"}
        return values
