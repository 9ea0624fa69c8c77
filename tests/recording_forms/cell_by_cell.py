"""Recording forms as WeasyPrint lays them out by itself, with a cell for each mark.

The product paints the marks and the lines of the grid (`tracker/recording_forms/grid_painting.py`). Tests compare its
forms with these.
"""

import re

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms import rendering
from tracker.recording_forms.form_content import FormContent

MARKS_CELL = re.compile(r'<td colspan="\d+" data-marks="([^"]*)">[^<]*</td>')


def render_cell_by_cell(content: FormContent) -> bytes:
    """Return the PDF of a form whose rows have a cell for each mark."""
    return rendering._write_pdf(render_divided_page(content), content.issue)


def render_divided_page(content: FormContent) -> str:
    """Return the page that is printed, before it becomes a PDF, with a cell for each mark."""
    blank_rows = rendering.BLANK_ROWS if content.is_blank else 0
    html = rendering._render_html("recording_forms/recording_form.html", form_content=content, blank_rows=blank_rows)
    divided, count = MARKS_CELL.subn(lambda found: "".join(f"<td>{sign.strip()}</td>" for sign in found[1]), html)
    assert count == len(content.rows) + blank_rows
    return divided


def print_cell_by_cell(content: FormContent) -> Sheet:
    """Return the form to be read by its tags."""
    return Sheet(render_cell_by_cell(content))
