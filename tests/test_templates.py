"""The templates as source files: line length, and form controls that are drawn by the macros of components/forms.html."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
MAX_LINE_LENGTH = 160
FORM_MACROS = "components/forms.html"
CONTROL = re.compile(r"<(?:input|label|select|textarea|fieldset|legend)\b|field-error|error-summary|has-error")
HANDWRITTEN = {
    # The cells of the matrix: one for each item and criterion, thousands on a page, and each byte of them counts.
    "portfolio/_matrix.html": ["<input"],
}
"""The controls that no macro draws, by template."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_line_is_too_long_to_read(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    assert not [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE_LENGTH]


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != FORM_MACROS])
def test_form_controls_are_drawn_by_macros(name: str) -> None:
    assert CONTROL.findall((FOLDER / name).read_text()) == HANDWRITTEN.get(name, [])
