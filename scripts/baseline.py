"""Baseline of the product's behaviour: text files in docs/baseline that a later run can be compared with.

Without arguments every part but the coverage is written; `tests`, `routes`, `standards`, `forms` and `schema` name the
parts. `--coverage` runs the SQLite suite and writes coverage.txt; without it that file is left as it is.
"""

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import baseline_forms  # noqa: E402 - it imports the product
import baseline_routes  # noqa: E402 - as above
import baseline_schema  # noqa: E402 - as above
import baseline_standards  # noqa: E402 - as above
import baseline_tests  # noqa: E402 - as above

FOLDER = ROOT / "docs" / "baseline"
COVERAGE = "--coverage"
Part = Callable[[], dict[str, str]]
PARTS: dict[str, Part] = {
    "tests": baseline_tests.list_tests,
    "routes": baseline_routes.list_routes,
    "standards": baseline_standards.list_standards,
    "forms": baseline_forms.describe_forms,
    "schema": baseline_schema.describe_schemas,
}


def main() -> None:
    arguments = set(sys.argv[1:])
    parts = arguments - {COVERAGE}
    if unknown := parts - set(PARTS):
        raise SystemExit(f"Unknown: {', '.join(sorted(unknown))}. The parts are {', '.join(PARTS)}, and {COVERAGE}.")
    functions = [PARTS[name] for name in PARTS if name in parts or not parts]
    if COVERAGE in arguments:
        functions.append(baseline_tests.measure_coverage)
    for function in functions:
        for name, text in function().items():
            write(FOLDER / name, text)


def write(path: Path, text: str) -> None:
    """Write a file of the baseline, and print its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
