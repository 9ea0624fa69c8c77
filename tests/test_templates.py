"""The templates as source files: line length."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
MAX_LINE_LENGTH = 160


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_line_is_too_long_to_read(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    assert not [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE_LENGTH]
