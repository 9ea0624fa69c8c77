"""Measurements of printed forms: processor time beside plain pages of the same table, and memory.

All are rendered in turn in one process, so that other work on the machine slows all. The text differs each time, since
typst keeps what it has laid out.
"""

import dataclasses
import gc
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from tracker.recording_forms.form_content import FormContent, FormRow, build_blank_content
from tracker.recording_forms.rendering import render_form_pdf
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import ClaimMark

SIZES = (("CFACC15", 20), ("CFACC15", 30), ("DELIVERCC", 20), ("DELIVERCC", 40))
LARGEST = ("DELIVERCC", 400)
TIMES = 9
Ways = dict[str, Callable[[FormContent], bytes]]


def measure_forms() -> dict[str, Any]:
    """Return the processor milliseconds of forms and of plain pages, and the memory of the largest form."""
    measurements: dict[str, Any] = {"largest": measure_largest()}  # first: the peak is that of the whole process
    ways = list_ways()
    gc.disable()  # as the subprocess does that renders forms
    for code, rows in SIZES:
        contents = [build_content(code, rows, turn) for turn in range(TIMES + 1)]
        measurements[f"{rows} rows, {len(contents[0].columns)} columns"] = compare(ways, contents)
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


def build_content(code: str, rows: int, turn: int = 0) -> FormContent:
    """Return a filled form of a unit of the library, with a mark in each fifth column; another in each turn."""
    blank = build_blank_content(read_standards().find_unit(code, None))
    marks = tuple(ClaimMark.MET if index % 5 == 0 else None for index in range(len(blank.columns)))
    form_rows = tuple(
        FormRow(
            str(number), f"Complaint CH-{2231 + turn * rows + number}: full case notes, three contacts (WP)", marks
        )
        for number in range(1, rows + 1)
    )
    return dataclasses.replace(blank, candidate_name="Alice Moran", rows=form_rows)


def list_ways() -> Ways:
    """Return the form, and plain pages of the same table, by name."""
    from bench_form_limits import render_reportlab, render_typst, render_weasyprint

    return {
        "form": render_form_pdf,
        "WeasyPrint": render_weasyprint,
        "typst": render_typst,
        "ReportLab": render_reportlab,
    }


def compare(ways: Ways, contents: list[FormContent]) -> dict[str, dict[str, float]]:
    """Return the median and the least processor milliseconds of each way, run in turn after a first time."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn, content in enumerate(contents):
        for name, render in ways.items():
            start = time.process_time()
            render(content)
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
    for size, each in measurements.items():
        if size == "largest":
            print("  {form}: {milliseconds} ms, {kilobytes} KB, at most {peak megabytes} MB of memory".format(**each))
            continue
        ways = (f"{way} {times['median']:.0f} ({times['least']:.0f})" for way, times in each.items())
        print(f"  {size:<26}" + "".join(f"{each:<26}" for each in ways))
