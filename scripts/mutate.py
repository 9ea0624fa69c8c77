"""Mutate access, the record and signing, run the narrow tests on each mutant, and list those that no test notices."""

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = ROOT / "tests/mutation/equivalent.toml"
PROOF, HEADING = ROOT / "docs/proof.md", "## Mutations"
PROCESSES = 2
MIN_PERCENT_KILLED, MAX_PERCENT_EQUIVALENT = 95, 5
KILLED = {"killed", "endless"}


@dataclass(frozen=True)
class Part:
    """The modules to mutate, as files or folders of tracker/, and the tests that are tried on each mutant."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def list_modules(self) -> list[str]:
        """Return the names of the modules."""
        paths = [
            path
            for name in self.modules
            for path in (
                [ROOT / f"tracker/{name}.py"]
                if (ROOT / f"tracker/{name}.py").exists()
                else sorted((ROOT / "tracker" / name).glob("*.py"))
            )
        ]
        names = [
            ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if path.name != "__init__.py"
        ]
        return [name for name in names if name.removeprefix("tracker.") not in self.left_out]


PARTS = {
    "access": Part(
        (
            "web/authorise",
            "web/route_rules",
            "web/current_user",
            "accounts/sessions",
            "accounts/password_confirmation",
        ),
        (
            "tests/web/test_routes.py",
            "tests/accounts",
            "tests/verification/test_visit.py",
            "tests/portfolio/test_show_evidence.py",
        ),
    ),
    "record": Part(
        ("ledger", "integrity"),
        ("tests/ledger", "tests/integrity", "tests/backups", "tests/proof/test_tampering.py"),
        ("integrity.commands", "integrity.key_commands", "integrity.views"),
    ),
    "signing": Part(
        (
            "assessment/services/signing",
            "assessment/services/sign_off_checks",
            "verification/services/signing",
            "verification/services/sampling",
            "verification/services/returning",
            "verification/services/checks",
            "recording_forms/snapshot",
            "recording_forms/codes",
            "recording_forms/issuing",
            "recording_forms/pdf_seals",
            "recording_forms/form_verification",
        ),
        ("tests/assessment", "tests/verification", "tests/recording_forms"),
    ),
}


def run_part(part: Part, folder: Path) -> list[dict[str, Any]]:
    """Try the mutants of a part in two processes, and return the result of each."""
    files = [folder / f"{share}.jsonl" for share in range(PROCESSES)]
    processes = []
    for share, file in enumerate(files):
        environment = os.environ | {
            "MUTATE": " ".join(part.list_modules()),
            "MUTANTS_FILE": str(file),
            "MUTANTS_SHARE": f"{share}/{PROCESSES}",
        }
        # A fork drops what belongs to its parent, such as subprocesses, which pytest would report as unraisable errors.
        without = ("no:randomly", "no:cacheprovider", "no:unraisableexception")
        options = [
            "-n",
            "0",
            "-q",
            "-s",
            *(part for name in ("tests.mutation.plugin", *without) for part in ("-p", name)),
        ]
        command = [sys.executable, "-m", "pytest", *options, "-m", "not browser", *part.tests]
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment))
    exit_codes = [process.wait() for process in processes]
    if any(exit_codes):
        raise SystemExit("The tests could not be run on the mutants. Their output is above.")
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def read_equivalents() -> dict[tuple[str, ...], str]:
    """Return the reason of each mutant that is set aside, by module, function, code before and after."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(each["module"], each["function"], each["before"], each["after"]): each["reason"] for each in listed}


def get_key(mutant: dict[str, Any]) -> tuple[str, ...]:
    """Return what identifies a mutant."""
    return tuple(mutant[name] for name in ("module", "function", "before", "after"))


def format_results(results: dict[str, list[dict[str, Any]]], minutes: float) -> str:
    """Return the section of docs/proof.md."""
    equivalents = read_equivalents()
    lines = [
        HEADING,
        "",
        "`./scripts/mutate` changes one place at a time of the code for access, the record and signing: a comparison, a",
        "condition, a call that is left out, a number, a condition or lock of a query. Each mutant runs the tests that reach",
        f"it, the quickest sixty, on SQLite. {minutes:.0f} minutes. A mutant whose code does not end counts as killed.",
        "",
        "| part | mutants | killed | equivalent | survived |",
        "|---|---|---|---|---|",
    ]
    for name, mutants in results.items():
        counts = count(mutants, equivalents)
        lines.append(
            f"| {name} | {len(mutants):,} | {counts['killed']:,} | {counts['equivalent']:,} | {counts['survived']:,} |"
        )
    lines += ["", "Set aside as equivalent:", "", "| place | change | reason |", "|---|---|---|"]
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


def main() -> None:
    """Run the parts that the arguments name, or all; fail if too many mutants survive."""
    names = sys.argv[1:] or list(PARTS)
    if unknown := set(names) - set(PARTS):
        raise SystemExit(f"Unknown part: {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    started, equivalents, has_failed = time.monotonic(), read_equivalents(), False
    results = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = run_part(PARTS[name], Path(folder))
        for each in results[name]:
            if each["outcome"] not in KILLED and get_key(each) not in equivalents:
                print(f"{each['outcome']}: {each['module']}:{each['line']} {each['function']}")
                print(f"  - {each['before']}\n  + {each['after']}")
        counts, total = count(results[name], equivalents), len(results[name])
        print(
            f"{name}: {total} mutants, {counts['killed']} killed, {counts['equivalent']} equivalent, {counts['survived']} survived"
        )
        killed_of_others = 100 * counts["killed"] / max(1, total - counts["equivalent"])
        has_failed |= (
            killed_of_others < MIN_PERCENT_KILLED or 100 * counts["equivalent"] > MAX_PERCENT_EQUIVALENT * total
        )
    if len(names) == len(PARTS):
        text = PROOF.read_text(encoding="utf-8").partition(HEADING)[0].rstrip()
        PROOF.write_text(f"{text}\n\n{format_results(results, (time.monotonic() - started) / 60)}", encoding="utf-8")
    if has_failed:
        raise SystemExit("Too many mutants survived, or were set aside.")


if __name__ == "__main__":
    main()
