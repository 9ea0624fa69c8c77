"""Mutate access, the record and signing, run the narrow tests on each mutant, and list those that no test notices."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from mutation_parts import PARTS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from mutation_results import Key, ModuleResult, keep_results, read_results, summarise  # noqa: E402 - needs the path above

EQUIVALENT = ROOT / "tests/mutation/equivalent.toml"
PROOF, HEADING = ROOT / "docs/proof.md", "## Mutations"
LOGS = ROOT / "build/mutations"
MEMORY = "/dev/shm"  # noqa: S108 - a disk that is memory, where there is one: the tests wait for many files
PROCESSES = int(os.environ.get("MUTATE_PROCESSES", "2"))
MIN_PERCENT_KILLED, MAX_PERCENT_EQUIVALENT = 95, 5


def run_modules(name: str, modules: list[str], tests: Iterable[str], folder: Path, *, is_quick: bool) -> None:
    """Try the mutants of modules in several processes, which write their results into the folder."""
    LOGS.mkdir(parents=True, exist_ok=True)
    logs = [LOGS / f"{name}-{share}.log" for share in range(PROCESSES)]
    processes = []
    for share in range(PROCESSES):
        environment = os.environ | {
            "MUTATE": " ".join(modules),
            "MUTANTS_FOLDER": str(folder),
            "MUTANTS_SHARE": f"{share}/{PROCESSES}",
            "MUTANTS_WITHOUT_DATABASE": "1" if is_quick else "",
        }
        # A fork drops what belongs to its parent, such as subprocesses, which pytest would report as unraisable errors.
        without = ("no:randomly", "no:cacheprovider", "no:unraisableexception")
        plugins = [option for name in ("tests.mutation.plugin", *without) for option in ("-p", name)]
        command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-s", *plugins, "-m", "not browser"]
        command += [f"--basetemp={folder / f'tests-{share}'}", *tests]
        with logs[share].open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        processes.append(process)
    try:
        while any(process.poll() is None for process in processes):
            time.sleep(0.5)
            if any(process.poll() for process in processes):
                raise SystemExit(f"The tests could not be run on the mutants. Their output is in {LOGS}.")
    finally:
        for process in processes:
            process.terminate()


def read_outcomes(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the mutants that were tried, by module."""
    by_module: dict[str, list[dict[str, Any]]] = {}
    for share in range(PROCESSES):
        file = folder / f"{share}.jsonl"
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            tried = json.loads(line)
            by_module.setdefault(tried["module"], []).append(tried)
    return by_module


def read_equivalents() -> dict[Key, str]:
    """Return the reason of each mutant that is set aside, by its key."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(each["module"], each["function"], each["before"], each["after"]): each["reason"] for each in listed}


def format_row(name: str, results: list[ModuleResult], equivalents: Iterable[Key]) -> str:
    """Return a part's row of the table in docs/proof.md; its date is that of the oldest result."""
    if not results:
        return f"| {name} | none | | | | | | |"
    counts, total = count(results, equivalents), sum(each.total for each in results)
    oldest = date.fromisoformat(min(each.date for each in results))
    minutes = sum(each.seconds for each in results) / 60
    return (
        f"| {name} | {len(results)} of {len(PARTS[name].list_modules())} | {total:,} | {counts['killed']:,} "
        f"| {counts['equivalent']:,} | {counts['survived']:,} | {minutes:.0f} | {oldest.day} {oldest:%B %Y} |"
    )


def format_section(equivalents: dict[Key, str]) -> str:
    """Return the section of docs/proof.md."""
    lines = [
        HEADING,
        "",
        "`./scripts/mutate` changes one place at a time of the code for access, the record and signing: a comparison, a",
        "condition, a call that is left out, a number, a condition or lock of a query. Each mutant runs at most sixty of the",
        "tests that reach it, on SQLite. A mutant whose code does not end counts as killed. The minutes are those of one",
        "process; two work side by side. Only modules that have not changed since they were tried are counted.",
        "",
        "| part | modules | mutants | killed | equivalent | survived | minutes | tried |",
        "|---|---|---|---|---|---|---|---|",
        *(format_row(name, list_results(name), equivalents) for name in PARTS),
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


def list_results(name: str) -> list[ModuleResult]:
    """Return the kept results of a part's modules."""
    kept = read_results()
    return [kept[module] for module in PARTS[name].list_modules() if module in kept]


def count(results: list[ModuleResult], equivalents: Iterable[Key]) -> Counter[str]:
    """Count the mutants of modules by what became of them."""
    counts = Counter("equivalent" if key in equivalents else "survived" for each in results for key in each.survivors)
    counts["killed"] = sum(each.total for each in results) - counts.total()
    return counts


def report(name: str, results: list[ModuleResult], equivalents: Iterable[Key]) -> bool:
    """Print the mutants that survived, and return whether there are too many of them, or of those set aside."""
    for each in results:
        for key, (function, before, after, outcome) in zip(each.survivors, each.survived, strict=True):
            if key not in equivalents:
                print(f"{outcome}: {each.module}, {function}\n  - {before}\n  + {after}")
    counts, total = count(results, equivalents), sum(each.total for each in results)
    print(f"{name}: {total} mutants, {', '.join(f'{number} {word}' for word, number in sorted(counts.items()))}")
    killed_of_others = 100 * counts["killed"] / max(1, total - counts["equivalent"])
    return killed_of_others < MIN_PERCENT_KILLED or 100 * counts["equivalent"] > MAX_PERCENT_EQUIVALENT * total


def try_part(name: str, modules: list[str], tests: Iterable[str], *, only_survivors: bool, is_quick: bool) -> None:
    """Try the mutants of modules, or only those that survived, and keep the results of each module that was finished."""
    former = read_results() if only_survivors else {}
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as temporary:
        folder = Path(temporary)
        if only_survivors:
            keys = [key for module in modules for key in former[module].survivors]
            (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
        try:
            run_modules(name, modules, tests, folder, is_quick=is_quick)
        finally:
            outcomes = read_outcomes(folder)
            summaries = (summarise(module, outcomes.get(module, []), former.get(module)) for module in modules)
            keep_results(each for each in summaries if each)


def choose_modules(name: str, chosen: list[str], *, only_survivors: bool) -> list[str]:
    """Return the modules of a part to be tried: the chosen ones, those that have survivors, or those that changed."""
    kept, modules = read_results(), PARTS[name].list_modules()
    if only_survivors:
        modules = [each for each in modules if each in kept and kept[each].survivors]
    elif not chosen:
        modules = [each for each in modules if each not in kept]
    return [each for each in modules if not chosen or each in chosen]


def list_parts(chosen: list[str]) -> Iterator[str]:
    """Yield the parts that the arguments name, or all. Raises `SystemExit` for one that is unknown."""
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(f"Unknown part: {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    yield from chosen or PARTS


def main() -> None:
    """Run the parts or modules that the arguments name, or all parts; fail if too many mutants survive."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # as by Ctrl+C: what is finished is kept
    arguments = sys.argv[1:]
    only_survivors, is_quick = "--survivors" in arguments, "--quick" in arguments
    chosen = [name for name in arguments if name.startswith("tracker.")]
    tests = [path for path in arguments if path.startswith("tests/")]
    equivalents, has_failed = read_equivalents(), False
    for name in list_parts([name for name in arguments if name not in {*chosen, *tests, "--survivors", "--quick"}]):
        if modules := choose_modules(name, chosen, only_survivors=only_survivors):
            chosen_tests = tests or PARTS[name].tests
            try_part(name, modules, chosen_tests, only_survivors=only_survivors, is_quick=is_quick)
        has_failed |= report(name, list_results(name), equivalents)
    text = PROOF.read_text(encoding="utf-8").partition(HEADING)[0]
    PROOF.write_text(f"{text.rstrip()}\n\n{format_section(equivalents)}", encoding="utf-8")
    if has_failed:
        raise SystemExit("Too many mutants survived, or were set aside.")


if __name__ == "__main__":
    main()
