"""The tables and plots of `docs/performance.md` and `docs/page-costs.md`, written from the figures of a run.

Each table stands between two marks of its name, and is replaced when a run has figures for it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bench_plots

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GOAL = 1.3
SMALL, MEDIUM, LARGE = "postgresql-S-1", "postgresql-M-1", "postgresql-L-1"
COLUMNS = (
    ("sqlite-S-1", "SQLite S"), ("sqlite-M-1", "M"), ("sqlite-M-50", "M at 50"),
    (SMALL, "PostgreSQL S"), (MEDIUM, "M"), (LARGE, "L"),
    ("postgresql-M-50", "M at 50"), ("postgresql-L-50", "L at 50"),
)  # fmt: skip
"""The databases, and how a table heads each."""
ROLES = {
    "candidate": "Candidate", "assessor": "Assessor", "internal_verifier": "Internal verifier",
    "external_verifier": "External verifier", "administrator": "Centre administrator", "act": "Acts",
}  # fmt: skip
"""The first word of a page's name, and the heading of its table."""
COSTS = {"page": "now", "raw": "raw SQL", "bare": "bare view", "other": "before"}
MAIN_PAGES = {
    "candidate /": "candidate’s home",
    "candidate /evidence": "index of evidence",
    "candidate /evidence/…": "evidence page",
    "candidate /attempts/…": "unit page, list",
    "candidate /attempts/…?view=matrix": "unit page, matrix of 24 columns",
    "assessor /queue": "queue",
    "assessor /queue (queue read anew)": "queue, read anew",
    "assessor /candidates (queue read anew)": "assessor’s candidates, queue read anew",
    "assessor /attempts/…/evidence/…/assess": "assessing screen",
    "assessor /attempts/…/sign": "sign-off",
    "internal_verifier /verification": "units to verify",
    "internal_verifier /verification/coverage": "coverage",
    "external_verifier /visit": "visit",
    "administrator /": "administrator’s home",
    "administrator /centres/…/registrations": "candidates of the centre",
    "administrator /centres/…/allocations": "allocations",
    "administrator /centres/…/visits": "visits",
    "administrator /centres/…/registrations/new": "register a candidate",
}
"""The pages of the first table, each by its name and what the table calls it; the acts follow."""


def write_tables(results: dict[str, Any]) -> None:
    """Replace the tables of which there are figures, and write their plots."""
    runs = {part: describe_run(run) for part, run in results["runs"].items()}
    if growth := results.get("growth"):
        stamp = runs["growth"]
        replace("performance.md", "databases", [stamp, "", *tabulate_databases(growth["databases"])])
        replace("performance.md", "growth", [stamp, "", *describe_growth(growth)])
        replace("page-costs.md", "pages", [stamp, "", *describe_pages(growth)])
        for role, rows in group_by_role(growth["pages"]).items():
            write_growth_plot(role, rows)
    costs = {name: results[name]["cost"] for name in ("SQLite", "PostgreSQL") if "cost" in results.get(name, {})}
    if costs:
        replace("performance.md", "limits", [runs["cost"], "", *describe_costs(costs)])
    if forms := results.get("forms"):
        replace("performance.md", "forms", [runs["forms"], "", *tabulate_forms(forms)])


def replace(page: str, name: str, lines: Iterable[str]) -> None:
    """Replace what stands between the marks of a name on a page of the documentation."""
    path = DOCS / page
    begin, end = f"<!-- {name}: written by ./scripts/bench -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text, count = pattern.subn(lambda _match: "\n".join([begin, "", *lines, "", end]), path.read_text("utf-8"))
    if count != 1:
        raise SystemExit(f"docs/{page} does not have the marks of “{name}” once.")
    path.write_text(text, "utf-8")


def describe_run(run: dict[str, Any]) -> str:
    """Say when, where and of which commit figures were taken."""
    return f"Commit {run['commit']}, {run['began']} to {run['ended']}, {run['machine']}, load {run['load']}: `{run['command']}`."


def tabulate(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(str(each) for each in row)} |" for row in rows),
    ]


def tabulate_databases(loaded: dict[str, dict[str, Any]]) -> list[str]:
    """Return the table of what loading took."""
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    rows = []
    for key, each in loaded.items():
        engine, size, centres = key.split("-")
        rows.append(
            (
                f"{names[engine]} {size}",
                centres,
                each["seconds"],
                each["loader_seconds"],
                each["loader_megabytes"],
                each["megabytes"],
                # With --keep a database may have been loaded by an earlier run.
                f"{each['at']}, commit {each['commit']}, load {each['load']}" if "at" in each else "not noted",
            )
        )
    head = (
        "database",
        "centres",
        "seconds",
        "processor seconds of the loader",
        "its memory, MB",
        "size, MB",
        "loaded",
    )
    return tabulate(head, rows)


# --- pages ------------------------------------------------------------------------------------------------


def describe_growth(growth: dict[str, Any]) -> Iterator[str]:
    """Give the number of pages that keep the goal, the table of the main pages, and that of those that miss it."""
    pages = growth["pages"]
    measured = {name: each for name, each in pages.items() if "growth" in each}
    missed = {name: each for name, each in measured.items() if each["growth"]["median"] > GOAL}
    yield f"{growth['requests']} requests of each page on each database, in {growth['rounds']} rounds, after a warm-up."
    yield ""
    main = {name: each for name, each in pages.items() if name in MAIN_PAGES or name.startswith("act ")}
    yield from tabulate_costs((MAIN_PAGES.get(name, name.removeprefix("act ")), each) for name, each in main.items())
    yield ""
    yield (
        f"**{len(measured) - len(missed)} of {len(measured)} pages and acts grow by at most {GOAL}** from S to L on PostgreSQL."
    )
    if missed:
        yield "These grow by more:"
        yield ""
        head = ("page", "S", "M", "L", "of which the database", "growth", "quartiles")
        rows = sorted(missed.items(), key=lambda item: -item[1]["growth"]["median"])
        yield from tabulate(head, (describe_miss(name, each) for name, each in rows))


def describe_miss(name: str, page: dict[str, Any]) -> tuple[object, ...]:
    """Return the row of a page that grows by more than the goal."""
    growth = page["growth"]
    costs = [page[key]["cpu"] for key in (SMALL, MEDIUM, LARGE)] + [page[LARGE]["database"]]
    return (quote(name), *map(format_number, costs), growth["median"], f"{growth['low']}–{growth['high']}")


def describe_pages(growth: dict[str, Any]) -> Iterator[str]:
    """Return for each role the plot, the processor times and the times of all pages."""
    for role, pages in group_by_role(growth["pages"]).items():
        yield f"## {ROLES[role]}"
        yield ""
        if all("growth" in each for each in pages.values()):
            yield f"![Processor time at sizes S, M and L; the table has the figures](images/{plot_name(role)})"
            yield ""
        shown = [(f"`{name}`", each) for name, each in pages.items()]
        yield from tabulate_costs(shown)
        yield ""
        yield "Milliseconds of a request, median (95th percentile):"
        yield ""
        yield from tabulate_times(shown)
        yield ""


def group_by_role(pages: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the pages by role, each by its path."""
    groups: dict[str, dict[str, dict[str, Any]]] = {role: {} for role in ROLES}
    for name, each in pages.items():
        role, _, path = name.partition(" ")
        groups[role][path] = each
    return {role: each for role, each in groups.items() if each}


def list_columns(page: dict[str, Any]) -> list[tuple[str, str]]:
    """List the databases on which a page was measured, with the heads of their columns."""
    return [(key, head) for key, head in COLUMNS if key in page]


def tabulate_costs(pages: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the table of statements, bytes, processor times and growth."""
    rows, columns = [], []
    for name, page in pages:
        columns = list_columns(page)
        widest = page[columns[-1][0]]
        growth = page.get("growth", {}).get("median", "")
        mark = f"**{growth}**" if growth and growth > GOAL else growth
        sizes = format_range([page[key]["bytes"] / 1024 for key, _ in columns], ".1f")
        statements = format_range([page[key]["statements"] for key, _ in columns], ".0f")
        rows.append(
            (
                name,
                statements or widest["statements"],
                sizes,
                *(format_number(page[key]["cpu"]) for key, _ in columns),
                mark,
            )
        )
    return tabulate(("", "SQL", "KB", *(head for _, head in columns), "growth"), rows)


def tabulate_times(pages: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the table of the medians and 95th percentiles of a request's time."""
    rows, columns = [], []
    for name, page in pages:
        columns = list_columns(page)
        cells = (f"{format_number(page[key]['median'])} ({format_number(page[key]['p95'])})" for key, _ in columns)
        rows.append((name, *cells))
    return tabulate(("", *(head for _, head in columns)), rows)


def format_range(values: Sequence[float], form: str) -> str:
    """Return a number, or the least and the most where they differ."""
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else f"{least}–{most}"


def format_number(value: float) -> str:
    """Return milliseconds with as many digits as mean something."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def quote(name: str) -> str:
    """Return a page's name with its path as code."""
    role, _, path = name.partition(" ")
    return f"{ROLES[role].lower()} `{path}`" if role != "act" else path


def plot_name(role: str) -> str:
    """Return the name of the file of a role's plot."""
    return f"growth-{role.replace('_', '-')}.svg"


def write_growth_plot(role: str, pages: dict[str, dict[str, Any]]) -> None:
    """Write the plot of a role's pages, if they were measured at all three sizes."""
    if not all({SMALL, MEDIUM, LARGE} <= page.keys() for page in pages.values()):
        return
    rows = [
        (
            name if len(name) < 56 else f"{name[:54]}…",
            [page[key]["cpu"] for key in (SMALL, MEDIUM, LARGE)],
            f"× {page['growth']['median']}" if page["growth"]["median"] > GOAL else "",
        )
        for name, page in pages.items()
    ]
    title = f"{ROLES[role]}: processor time on PostgreSQL"
    (DOCS / "images" / plot_name(role)).write_text(bench_plots.plot_growth(title, rows), "utf-8")


# --- limits -----------------------------------------------------------------------------------------------


def describe_costs(costs: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Return for each database the table of the main pages against their limits, and write its plot."""
    for name, pages in costs.items():
        kinds = [kind for kind in ("other", "page", "raw", "bare") if all(kind in each for each in pages.values())]
        rows = [(page, [each[kind] for kind in kinds]) for page, each in pages.items()]
        plot = f"cost-{name.lower()}.svg"
        title = f"{name}: processor time of the main pages"
        (DOCS / "images" / plot).write_text(
            bench_plots.plot_costs(title, [COSTS[kind] for kind in kinds], rows), "utf-8"
        )
        yield f"![{title}; the table has the figures](images/{plot})"
        yield ""
        head = [
            name,
            *(["before", "SQL"] if "other" in kinds else []),
            "now",
            "of which the database",
            "SQL",
            "raw SQL",
            "bare view",
        ]
        head += [*(["now to before"] if "other" in kinds else []), "to raw SQL", "to a bare view"]
        yield from tabulate(head, (describe_cost(page, each) for page, each in pages.items()))
        yield ""


def describe_cost(name: str, page: dict[str, Any]) -> list[object]:
    """Return the row of a page against its limits."""
    has_other = "other" in page
    ratios = [*(["to other"] if has_other else []), "to raw", "to bare"]
    return [
        name,
        *([page["other"], page["other statements"]] if has_other else []),
        page["page"], page["database"], page["statements"], page["raw"], page["bare"],
        *(f"{page[each]['median']} ({page[each]['low']}–{page[each]['high']})" for each in ratios),
    ]  # fmt: skip


def tabulate_forms(forms: dict[str, Any]) -> list[str]:
    """Return the table of forms beside plain pages of the same table, and the line of the largest."""
    sizes = {size: ways for size, ways in forms.items() if size != "largest"}
    names = [*next(iter(sizes.values()))]
    rows = [
        (size, *(f"{ways[name]['median']:.0f} ({ways[name]['least']:.0f})" for name in names),
         f"{ways['form']['median'] / ways['WeasyPrint']['median']:.2f}")
        for size, ways in sizes.items()
    ]  # fmt: skip
    largest = forms["largest"]
    return [
        *tabulate(("milliseconds, median (least)", *names, "form to WeasyPrint"), rows),
        "",
        "A form of {form} takes {milliseconds} ms and at most {peak megabytes} MB of memory.".format(**largest),
    ]
