"""Test functions with the number of their assertions, and branch coverage by package."""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ("check_", "assert_", "expect_")
"""How the name of a helper function begins that asserts."""
RAISING = {"raises", "warns"}
PLUGINS = ("-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-profile=ci")
"""The files in their order, and Hypothesis with the same examples in each run and no time limit on an example."""
Function = ast.FunctionDef | ast.AsyncFunctionDef
SUMS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def list_tests() -> dict[str, str]:
    """Return tests.txt: totals, then a line for each test function and one for the helpers of each file."""
    tests: dict[str, int] = {}
    helpers: dict[str, int] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        functions_of_file = dict(find_tests(tree)) if path.name.startswith("test_") else {}
        tests |= {f"{name}::{function}": count_assertions(node) for function, node in functions_of_file.items()}
        if assertions_outside := count_assertions(tree) - sum(map(count_assertions, functions_of_file.values())):
            helpers[f"{name}::(helpers)"] = assertions_outside
    functions, cases = count_collected()
    totals = {
        "test functions": len(tests),
        "test functions collected by pytest": functions,
        "test cases collected by pytest": cases,
        "assertions in test functions": sum(tests.values()),
        "assertions in helpers and fixtures": sum(helpers.values()),
        "assertions": sum(tests.values()) + sum(helpers.values()),
    }
    lines = [f"{name}: {count}" for name, count in totals.items()]
    lines += ["", *(f"{name}  {count}" for name, count in sorted((tests | helpers).items()))]
    return {"tests.txt": "\n".join(lines) + "\n"}


def find_tests(tree: ast.AST, before: str = "") -> Iterator[tuple[str, Function]]:
    """Yield each test function with its name, after the name of its class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield before + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from find_tests(node, f"{before}{node.name}::")


def count_assertions(tree: ast.AST) -> int:
    """Count assert statements, uses of pytest.raises and pytest.warns, and calls of helpers that assert."""
    return sum(is_assertion(node) for node in ast.walk(tree))


def is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        of_pytest = isinstance(called.value, ast.Name) and called.value.id == "pytest"
        return (of_pytest and called.attr in RAISING) or called.attr.startswith(CHECKS)
    return isinstance(called, ast.Name) and called.id.startswith(CHECKS)


def count_collected() -> tuple[int, int]:
    """Return how many test functions and how many test cases pytest collects, browser tests included."""
    with tempfile.TemporaryDirectory() as folder:
        completed = run_pytest(folder, "--collect-only", stdout=subprocess.PIPE)
    if completed.returncode:
        raise SystemExit(f"pytest could not collect the tests:\n{completed.stdout}")
    cases = [line for line in completed.stdout.splitlines() if "::" in line]
    return len({case.partition("[")[0] for case in cases}), len(cases)


def measure_coverage() -> dict[str, str]:
    """Return coverage.txt: the branch coverage of each package of tracker/ while the SQLite suite runs."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        completed = run_pytest(
            folder, "-n", "2", "--dist", "worksteal", "-m", "not browser",
            "--cov=tracker", "--cov-branch", f"--cov-report=json:{report}",
        )  # fmt: skip
        if not report.exists():
            raise SystemExit("The tests could not be run, so coverage.txt was not written.")
        heading = "Some tests failed." if completed.returncode else "All tests passed."
        return {"coverage.txt": f"{heading}\n\n{summarise(json.loads(report.read_text()))}"}


def summarise(report: dict[str, Any]) -> str:
    packages: dict[str, Counter[str]] = {}
    for file, measured in report["files"].items():
        sums = packages.setdefault(Path(file).parent.as_posix(), Counter())
        sums.update({name: measured["summary"][name] for name in SUMS})
    lines = ["package  coverage  (statements, branches)"]
    lines += [show_coverage(package, sums) for package, sums in sorted(packages.items())]
    lines += ["", show_coverage("total", sum(packages.values(), Counter()))]
    return "\n".join(lines) + "\n"


def show_coverage(name: str, sums: Counter[str]) -> str:
    """Return the line of a package, with the percentage as coverage.py calculates it."""
    parts = sums["num_statements"] + sums["num_branches"]
    share = 100 * (sums["covered_lines"] + sums["covered_branches"]) / parts if parts else 100.0
    return f"{name}  {share:.1f} %  ({sums['num_statements']}, {sums['num_branches']})"


def run_pytest(folder: str, *arguments: str, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest on SQLite in the fixed order of the files; what it stores goes into the folder."""
    environment = {
        "COVERAGE_FILE": f"{folder}/coverage",
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis",
        "TEST_DATABASE_URL": "sqlite",
    }
    command = [sys.executable, "-m", "pytest", *PLUGINS, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdout=stdout, text=True, check=False)
