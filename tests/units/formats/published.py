"""Published specifications that files for other programs are checked against; they are kept beside the project."""

import json
from pathlib import Path

import pytest

FORMATS = Path(__file__).resolve().parents[4] / "shared" / "formats"


def published(name: str) -> bytes:
    """Return a file of another system or its makers. Skip the test where the folder of specifications is missing."""
    path = FORMATS / name
    if not path.exists():
        pytest.skip(f"{name} does not lie beside this checkout")
    return path.read_bytes()


def check_against_schema(content: object, name: str, *, check_formats: bool = False) -> None:
    """Check content against a published JSON schema. Raises `jsonschema.ValidationError`."""
    import jsonschema  # takes over a second, which only these tests need to wait

    checker = jsonschema.FormatChecker() if check_formats else None
    jsonschema.validate(content, json.loads(published(name)), format_checker=checker)
