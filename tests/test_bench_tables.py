"""The tables and plots of measurements: what a run found stands in the documentation, with its commit and its time."""

import copy
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import bench_growth
import bench_plots
import bench_tables
import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.one_database
RUN = {
    "commit": "12345678", "began": "30 November 2026 10:40", "ended": "10:55", "machine": "x86_64, 2 cores, Python 3.11.7",
    "load": "1.0 at the beginning, 2.0 at the end", "command": "./scripts/bench growth",
}  # fmt: skip
S, M, L = bench_tables.SMALL, bench_tables.MEDIUM, bench_tables.LARGE


def page(small: float, medium: float, large: float) -> dict[str, Any]:
    figures: dict[str, Any] = {
        key: {"statements": 7, "bytes": 2048, "cpu": cpu, "database": cpu / 2, "median": cpu, "p95": cpu * 2}
        for key, cpu in ((S, small), (M, medium), (L, large))
    }
    return {**figures, "growth": {"median": round(large / small, 2), "low": 1.0, "high": 2.0}}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("performance.md", "page-costs.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    monkeypatch.setattr(bench_tables, "DOCS", tmp_path)
    return tmp_path


@pytest.fixture
def results() -> dict[str, Any]:
    loaded = {"seconds": 900, "loader_seconds": 150, "loader_megabytes": 160, "megabytes": 7000}
    pages = {"candidate /": page(10, 11, 12), "administrator /": page(20, 30, 50), "act tick": page(9, 9, 9)}
    growth = {"requests": 24, "rounds": 8, "databases": {L: loaded}, "pages": pages}
    return {"runs": {"growth": RUN}, "growth": growth}


def test_tables_name_the_commit_and_the_time_of_their_run(docs: Path, results: dict[str, Any]) -> None:
    bench_tables.write_tables(results)
    stamp = "Commit 12345678, 30 November 2026 10:40 to 10:55"
    assert (docs / "performance.md").read_text("utf-8").count(stamp) == 2
    assert (docs / "page-costs.md").read_text("utf-8").count(stamp) == 1


def test_page_that_grows_by_more_than_the_goal_is_listed(docs: Path, results: dict[str, Any]) -> None:
    bench_tables.write_tables(results)
    text = (docs / "performance.md").read_text("utf-8")
    assert "**2 of 3 pages and acts grow by at most 1.3**" in text
    assert "| centre administrator `/` | 20 | 30 | 50 | 25 | 2.5 | 1.0–2.0 |" in text


def test_another_run_replaces_the_figures_of_the_last(docs: Path, results: dict[str, Any]) -> None:
    bench_tables.write_tables(results)
    first = (docs / "performance.md").read_text("utf-8")
    later = copy.deepcopy(results)
    later["runs"]["growth"]["commit"] = "87654321"
    bench_tables.write_tables(later)
    assert (docs / "performance.md").read_text("utf-8") == first.replace("12345678", "87654321")


def test_run_of_another_part_leaves_the_tables_alone(docs: Path) -> None:
    before = (docs / "performance.md").read_text("utf-8")
    bench_tables.write_tables({"runs": {}})
    assert (docs / "performance.md").read_text("utf-8") == before


def test_every_plot_is_valid_and_has_a_title(docs: Path, results: dict[str, Any]) -> None:
    bench_tables.write_tables(results)
    plots = sorted((docs / "images").iterdir())
    assert [each.name for each in plots] == ["growth-act.svg", "growth-administrator.svg", "growth-candidate.svg"]
    for plot in [*plots, *(ROOT / "docs/images").glob("*.svg")]:
        root = ET.fromstring(plot.read_text("utf-8"))  # noqa: S314 - made by our own script
        assert root.findtext("{http://www.w3.org/2000/svg}title")


def test_growth_above_the_goal_is_written_out_in_the_plot(docs: Path, results: dict[str, Any]) -> None:
    bench_tables.write_tables(results)
    assert "× 2.5" in (docs / "images/growth-administrator.svg").read_text("utf-8")
    assert "×" not in (docs / "images/growth-candidate.svg").read_text("utf-8")


def test_ticks_of_a_scale_lie_on_it() -> None:
    scale = bench_plots.LogarithmicScale(4, 300)
    assert scale.list_ticks() == [5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300]
    assert bench_plots.LinearScale(95).list_ticks() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_growth_is_the_median_of_the_ratios_of_the_rounds() -> None:
    small = [{"server": 8.0, "database": 2.0}] * 3
    large = [{"server": server, "database": 4.0} for server in (8.0, 16.0, 9.0)]
    assert bench_growth.summarise_growth(small, large)["median"] == 1.3
