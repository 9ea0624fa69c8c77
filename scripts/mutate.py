"""Mutate access, the record and signing, run the narrow tests on each mutant, and list those that no test notices.

The results of each part are kept in build/mutations, so that modules can be tried again and parts on different days.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mutation_parts import PARTS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.mutation.mutants import mutate  # noqa: E402 - found by the path above

EQUIVALENT = ROOT / "tests/mutation/equivalent.toml"
PROOF, HEADING = ROOT / "docs/proof.md", "## Mutations"
RESULTS = ROOT / "build/mutations"
MEMORY = "/dev/shm"  # noqa: S108 - a disk that is memory, where there is one: the tests wait for many files
PROCESSES = 2
MIN_PERCENT_KILLED, MAX_PERCENT_EQUIVALENT = 95, 5
KILLED = {"killed", "endless"}


def run_modules(name: str, modules: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Try the mutants of modules in two processes, and yield the result of each."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    logs = [RESULTS / f"{name}-{share}.log" for share in range(PROCESSES)]
    processes = []
    for share in range(PROCESSES):
        environment = os.environ | {
            "MUTATE": " ".join(modules),
            "MUTANTS_FOLDER": str(folder),
            "MUTANTS_SHARE": f"{share}/{PROCESSES}",
        }
        # A fork drops what belongs to its parent, such as subprocesses, which pytest would report as unraisable errors.
        without = ("no:randomly", "no:cacheprovider", "no:unraisableexception")
        plugins = [option for name in ("tests.mutation.plugin", *without) for option in ("-p", name)]
        command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-s", *plugins, "-m", "not browser"]
        command += [f"--basetemp={folder / f'tests-{share}'}", *PARTS[name].tests]
        with logs[share].open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        processes.append(process)
    while any(process.poll() is None for process in processes):
        time.sleep(0.5)
        if any(process.poll() for process in processes):
            for process in processes:
                process.terminate()
            raise SystemExit(f"The tests could not be run on the mutants. Their output is in {logs[0].parent}.")
    for share in range(PROCESSES):
        for line in (folder / f"{share}.jsonl").read_text(encoding="utf-8").splitlines():
            yield json.loads(line) | {"date": f"{datetime.now(UTC):%Y-%m-%d}"}


def read_results(name: str) -> list[dict[str, Any]]:
    """Return the kept results of a part that are those of its mutants as they are now."""
    file = RESULTS / f"{name}.jsonl"
    results = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    by_module: dict[str, list[dict[str, Any]]] = {}
    for each in results:
        by_module.setdefault(each["module"], []).append(each)
    current = [module for module in PARTS[name].list_modules() if is_current(module, by_module.get(module, []))]
    return [each for module in current for each in by_module.get(module, [])]


def is_current(module: str, results: list[dict[str, Any]]) -> bool:
    """Return whether results are those of exactly the mutants that a module has now."""
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    return Counter(map(get_key, results)) == Counter(mutant.key for mutant in mutate(source, module, 0)[1])


def keep_results(name: str, modules: list[str], results: list[dict[str, Any]]) -> None:
    """Keep the results of modules in place of their former ones."""
    kept = [each for each in read_results(name) if each["module"] not in modules] + results
    lines = (json.dumps(each) + "\n" for each in kept)
    (RESULTS / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def read_equivalents() -> dict[tuple[str, ...], str]:
    """Return the reason of each mutant that is set aside, by module, function, code before and after."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(each["module"], each["function"], each["before"], each["after"]): each["reason"] for each in listed}


def get_key(mutant: dict[str, Any]) -> tuple[str, ...]:
    """Return what identifies a mutant."""
    return tuple(mutant[name] for name in ("module", "function", "before", "after"))


def format_row(name: str, results: list[dict[str, Any]], equivalents: dict[tuple[str, ...], str]) -> str:
    """Return a part's row of the table in docs/proof.md; its date is that of the oldest result."""
    tried, total = len({each["module"] for each in results}), len(PARTS[name].list_modules())
    counts = count(results, equivalents)
    oldest = date.fromisoformat(min(each["date"] for each in results))
    minutes = sum(each["seconds"] for each in results) / 60
    return (
        f"| {name} | {tried} of {total} | {len(results):,} | {counts['killed']:,} | {counts['equivalent']:,} "
        f"| {counts['survived']:,} | {minutes:.0f} | {oldest.day} {oldest:%B %Y} |"
    )


def format_section(old: str, rows: dict[str, str], equivalents: dict[tuple[str, ...], str]) -> str:
    """Return the section of docs/proof.md: new rows for the parts that were tried, the old ones for others."""
    old_rows = {found[1]: found[0] for found in re.finditer(r"^\| (\w+) \| \d+ of .*$", old, re.MULTILINE)}
    table = [(old_rows | rows).get(name, f"| {name} | none | | | | | | |") for name in PARTS]
    lines = [
        HEADING,
        "",
        "`./scripts/mutate` changes one place at a time of the code for access, the record and signing: a comparison, a",
        "condition, a call that is left out, a number, a condition or lock of a query. Each mutant runs at most sixty of the",
        "tests that reach it, on SQLite. A mutant whose code does not end counts as killed. The minutes are those of one",
        "process; two work side by side.",
        "",
        "| part | modules | mutants | killed | equivalent | survived | minutes | tried |",
        "|---|---|---|---|---|---|---|---|",
        *table,
        "",
        "Set aside as equivalent:" if equivalents else "None is set aside as equivalent.",
    ]
    if equivalents:
        lines += ["", "| place | change | reason |", "|---|---|---|"]
    for (module, function, before, after), reason in equivalents.items():
        lines.append(f"| `{module}`, `{function}` | `{escape(before)}` → `{escape(after)}` | {reason} |")
    return "\n".join(lines) + "\n"


def escape(code: str) -> str:
    """Return code for a cell of a table."""
    return " ".join(code.split()).replace("|", "\\|")


def count(mutants: list[dict[str, Any]], equivalents: dict[tuple[str, ...], str]) -> Counter[str]:
    """Count the mutants by what became of them."""
    return Counter(
        "killed" if each["outcome"] in KILLED else "equivalent" if get_key(each) in equivalents else "survived"
        for each in mutants
    )


def report(name: str, results: list[dict[str, Any]], equivalents: dict[tuple[str, ...], str]) -> bool:
    """Print the mutants that survived, and return whether there are too many of them, or of those set aside."""
    for each in results:
        if each["outcome"] not in KILLED and get_key(each) not in equivalents:
            print(f"{each['outcome']}: {each['module']}:{each['line']} {each['function']}")
            print(f"  - {each['before']}\n  + {each['after']}")
    counts, total = count(results, equivalents), len(results)
    print(f"{name}: {total} mutants, {', '.join(f'{number} {word}' for word, number in sorted(counts.items()))}")
    killed_of_others = 100 * counts["killed"] / max(1, total - counts["equivalent"])
    return killed_of_others < MIN_PERCENT_KILLED or 100 * counts["equivalent"] > MAX_PERCENT_EQUIVALENT * total


def try_part(name: str, chosen: list[str], *, only_survivors: bool) -> list[str]:
    """Try the mutants of a part's modules, or only those that survived; keep the results and return the modules."""
    modules = [each for each in PARTS[name].list_modules() if not chosen or each in chosen]
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as temporary:
        folder, kept = Path(temporary), []
        if only_survivors:
            former = [each for each in read_results(name) if each["module"] in modules]
            keys = [get_key(each) for each in former if each["outcome"] not in KILLED]
            (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
            kept = [each for each in former if get_key(each) not in keys]
            modules = sorted({each["module"] for each in former})
        keep_results(name, modules, [*kept, *run_modules(name, modules, folder)])
    return modules


def main() -> None:
    """Run the parts or modules that the arguments name, or all parts; fail if too many mutants survive."""
    arguments = sys.argv[1:]
    only_survivors = "--survivors" in arguments
    chosen = [name for name in arguments if name.startswith("tracker.")]
    names = [name for name in arguments if name not in {*chosen, "--survivors"}] or list(PARTS)
    if unknown := set(names) - set(PARTS):
        raise SystemExit(f"Unknown part: {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    equivalents, has_failed, rows = read_equivalents(), False, {}
    for name in names:
        modules = try_part(name, chosen, only_survivors=only_survivors)
        results = read_results(name)
        rows[name] = format_row(name, results, equivalents)
        has_failed |= report(name, [each for each in results if each["module"] in modules], equivalents)
    text, _, section = PROOF.read_text(encoding="utf-8").partition(HEADING)
    PROOF.write_text(f"{text.rstrip()}\n\n{format_section(section, rows, equivalents)}", encoding="utf-8")
    if has_failed:
        raise SystemExit("Too many mutants survived, or were set aside.")


if __name__ == "__main__":
    main()
