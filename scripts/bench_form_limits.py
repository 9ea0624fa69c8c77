"""The table of a printed form set by WeasyPrint, typst and ReportLab as one would first write it, for `bench_forms`.

None of these pages has the issue, the signatures and the annex of a form. That of typst has tags, the others have none.
"""

import io
import json
from functools import cache

import typst
from reportlab.lib import pagesizes
from reportlab.lib.colors import black
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

from tracker.recording_forms.form_content import FormContent
from tracker.recording_forms.rendering import environment

PLAIN_PAGE = """<!doctype html>
<style>
@page { size: A4 landscape; margin: 8mm } body { font: 9pt sans-serif }
table { border-collapse: collapse; width: 100% } td, th { border: 1px solid #000; padding: 2px }
</style>
<h1>Candidate Recording Form</h1>
<p>{{ content.candidate_name }}, {{ content.unit_code }} {{ content.unit_title }}</p>
<table>
<thead><tr><th>Ref<th>Description of Evidence{% for column in content.columns %}<th>{{ column.label }}{% endfor %}</thead>
{% for row in content.rows %}
<tr><th>{{ row.ref }}<td>{{ row.description }}{% for mark in row.marks %}<td>{{ mark.sign if mark }}{% endfor %}
{% endfor %}
</table>
"""
TYPST_PAGE = """
#set page(paper: "a4", flipped: true, margin: 8mm)
#set text(size: 9pt)
#let form = json(bytes(sys.inputs.form))
= Candidate Recording Form
#form.heading

#table(
  columns: (auto, 1fr) + (auto,) * (form.head.len() - 2),
  inset: 2pt,
  table.header(..form.head),
  ..form.rows.flatten(),
)
"""
FONT = "DejaVuSans"
"""The font of ReportLab's page, which has the sign of a mark; the fonts of every PDF reader do not."""
STYLE = ParagraphStyle("cell", fontName=FONT, fontSize=8, leading=10)
pdfmetrics.registerFont(TTFont(FONT, f"{FONT}.ttf"))


def render_weasyprint(content: FormContent) -> bytes:
    """Return the page as PDF, by WeasyPrint."""
    html = environment().from_string(PLAIN_PAGE).render(content=content)
    return bytes(HTML(string=html).write_pdf(font_config=_get_fonts()))


def render_typst(content: FormContent) -> bytes:
    """Return the page as PDF, by typst."""
    form = {"heading": _heading(content), "head": _head(content), "rows": _rows(content)}
    return bytes(typst.compile(TYPST_PAGE.encode(), sys_inputs={"form": json.dumps(form)}))


def render_reportlab(content: FormContent) -> bytes:
    """Return the page as PDF, by ReportLab."""
    buffer = io.BytesIO()
    rows = [[ref, Paragraph(description, STYLE), *marks] for ref, description, *marks in _rows(content)]
    size = pagesizes.landscape(pagesizes.A4)
    column = min(7 * mm, (size[0] - 16 * mm - 60 * mm) / (len(content.columns) + 1))
    widths = [column, size[0] - 18 * mm - column * (len(content.columns) + 1), *[column] * len(content.columns)]
    table = Table([_head(content), *rows], colWidths=widths, repeatRows=1)
    padding = [(f"{side}PADDING", (0, 0), (-1, -1), 1) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    font = ("FONT", (0, 0), (-1, -1), FONT, 6 if column < 6 * mm else 8)
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.75, black), font, *padding]))
    heading = [Paragraph("Candidate Recording Form", STYLE), Paragraph(_heading(content), STYLE)]
    margins = {f"{side}Margin": 8 * mm for side in ("left", "right", "top", "bottom")}
    SimpleDocTemplate(buffer, pagesize=size, **margins).build([*heading, table])
    return buffer.getvalue()


@cache
def _get_fonts() -> FontConfiguration:
    return FontConfiguration()


def _heading(content: FormContent) -> str:
    return f"{content.candidate_name}, {content.unit_code} {content.unit_title}"


def _head(content: FormContent) -> list[str]:
    return ["Ref", "Description of Evidence", *(column.label for column in content.columns)]


def _rows(content: FormContent) -> list[list[str]]:
    return [[row.ref, row.description, *(mark.sign if mark else "" for mark in row.marks)] for row in content.rows]
