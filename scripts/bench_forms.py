"""Measurements of printed forms: processor time beside a plain WeasyPrint page of the same content, and memory.

Both are rendered in turn in one process, so that other work on the machine slows both.
"""

import dataclasses
import gc
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

from tracker.recording_forms.form_content import FormContent, FormRow, build_blank_content
from tracker.recording_forms.rendering import environment, render_form_pdf
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import ClaimMark

SIZES = (("CFACC15", 20), ("CFACC15", 30), ("DELIVERCC", 20), ("DELIVERCC", 40))
LARGEST = ("DELIVERCC", 400)
TIMES = 9
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
"""A form as one would first write it: no tags, no issue, no signatures, and a cell for each mark."""


def measure_forms() -> dict[str, Any]:
    """Return the processor milliseconds of forms and of plain pages, and the memory of the largest form."""
    measurements: dict[str, Any] = {"largest": measure_largest()}  # first: the peak is that of the whole process
    fonts = FontConfiguration()
    gc.disable()  # as the subprocess does that renders forms
    for code, rows in SIZES:
        content = build_content(code, rows)
        ways = {
            "form": partial(render_form_pdf, content),
            "plain page": partial(render_plain_page, content, fonts),
        }
        measurements[f"{rows} rows, {len(content.columns)} columns"] = compare(ways)
    gc.enable()
    print_forms(measurements)
    return measurements


def measure_largest() -> dict[str, Any]:
    """Return the processor milliseconds, the kilobytes and the peak memory of a form as long as any."""
    code, rows = LARGEST
    content = build_content(code, rows)
    start = time.process_time()
    pdf = render_form_pdf(content)
    return {
        "form": f"{rows} rows, {len(content.columns)} columns",
        "milliseconds": round((time.process_time() - start) * 1000),
        "kilobytes": len(pdf) // 1024,
        "peak megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def build_content(code: str, rows: int) -> FormContent:
    """Return a filled form of a unit of the library, with a mark in each fifth column."""
    blank = build_blank_content(read_standards().find_unit(code, None))
    marks = tuple(ClaimMark.MET if index % 5 == 0 else None for index in range(len(blank.columns)))
    row = "Complaint CH-2231: full case notes, three contacts (WP)"
    form_rows = tuple(FormRow(str(number), row, marks) for number in range(1, rows + 1))
    return dataclasses.replace(blank, candidate_name="Alice Moran", rows=form_rows)


def render_plain_page(content: FormContent, fonts: FontConfiguration) -> bytes:
    """Return the plain page as PDF."""
    html = environment().from_string(PLAIN_PAGE).render(content=content)
    return bytes(HTML(string=html).write_pdf(font_config=fonts))


def compare(ways: dict[str, Callable[[], bytes]]) -> dict[str, dict[str, float]]:
    """Return the median and the least processor milliseconds of each way, run in turn after a first time."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TIMES + 1):
        for name, render in ways.items():
            start = time.process_time()
            render()
            if turn:
                times[name].append((time.process_time() - start) * 1000)
            gc.collect()
    return {
        name: {"median": round(statistics.median(each), 1), "least": round(min(each), 1)}
        for name, each in times.items()
    }


def print_forms(measurements: dict[str, Any]) -> None:
    """Print the measurements as a table."""
    print("\nFilled forms, processor milliseconds in one process: median (least)")
    print(f"  {'':<26}{'form':>20}{'plain page, no tags':>24}{'share':>8}")
    for size, each in measurements.items():
        if size == "largest":
            print("  {form}: {milliseconds} ms, {kilobytes} KB, at most {peak megabytes} MB of memory".format(**each))
            continue
        form, plain = each["form"], each["plain page"]
        share = form["median"] / plain["median"]
        cells = (f"{way['median']:.0f} ({way['least']:.0f})" for way in (form, plain))
        print("  {:<26}{:>20}{:>24}{:>8.2f}".format(size, *cells, share))
