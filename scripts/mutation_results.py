"""The results of scripts/mutate, a line for each module in tests/mutation/results.jsonl.

A module's line holds as long as the module has the same mutants. So parts can be tried on different days, and a run that
was stopped keeps the modules that it finished.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mutation_parts import PARTS

from tests.mutation.mutants import mutate

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tests/mutation/results.jsonl"
KILLED = {"killed", "endless"}
"""The outcomes of a mutant that a test noticed."""

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class ModuleResult:
    """What became of the mutants of one module, and when they were tried.

    `mutants` is a hash of all its mutants. `survived` lists function, code before, code after and outcome.
    """

    module: str
    mutants: str
    total: int
    survived: list[list[str]]
    seconds: float
    date: str

    @property
    def survivors(self) -> list[Key]:
        """Return the keys of the mutants that no test noticed."""
        return [(self.module, function, before, after) for function, before, after, _outcome in self.survived]

    @property
    def is_current(self) -> bool:
        """Return whether the module has the same mutants now."""
        return self.mutants == hash_keys(list_keys(self.module))


def list_keys(module: str) -> list[Key]:
    """Return what identifies each mutant that a module has now: module, function, code before and after."""
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    return [mutant.key for mutant in mutate(source, module, 0)[1]]


def hash_keys(keys: Iterable[Key]) -> str:
    """Return a hash of mutants that does not depend on their order."""
    return hashlib.sha256(json.dumps(sorted(keys)).encode()).hexdigest()[:16]


def get_key(mutant: dict[str, Any]) -> Key:
    """Return what identifies a mutant that was tried."""
    return mutant["module"], mutant["function"], mutant["before"], mutant["after"]


def summarise(module: str, tried: list[dict[str, Any]], former: ModuleResult | None) -> ModuleResult | None:
    """Return the result of a module, or None if not every mutant of it was tried.

    Args:
        module: the module's name.
        tried: the mutants that were tried, with their outcomes.
        former: the module's former result, if only its survivors were tried again.
    """
    keys = list_keys(module)
    chosen = [key for key in keys if key in former.survivors] if former else keys
    if Counter(map(get_key, tried)) != Counter(chosen):
        return None
    return ModuleResult(
        module,
        hash_keys(keys),
        len(keys),
        [[*get_key(each)[1:], each["outcome"]] for each in tried if each["outcome"] not in KILLED],
        round(sum(each["seconds"] for each in tried) + (former.seconds if former else 0), 1),
        f"{datetime.now(UTC):%Y-%m-%d}",
    )


def read_results() -> dict[str, ModuleResult]:
    """Return the kept results by module: those of modules whose mutants are the same now."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    kept = [ModuleResult(**json.loads(line)) for line in lines]
    modules = {module for part in PARTS.values() for module in part.list_modules()}
    return {each.module: each for each in kept if each.module in modules and each.is_current}


def keep_results(results: Iterable[ModuleResult]) -> None:
    """Keep results, each in place of its module's former one."""
    kept = read_results() | {each.module: each for each in results}
    lines = (json.dumps(asdict(kept[module]), ensure_ascii=False) + "\n" for module in sorted(kept))
    RESULTS.write_text("".join(lines), encoding="utf-8")
