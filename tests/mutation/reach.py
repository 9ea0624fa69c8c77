"""Which tests reach the place of each mutant, and which of them are tried first."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant

TESTS_FOR_A_MUTANT = 60
"""Of the tests that could notice a mutant, so many are tried."""


@dataclass(frozen=True)
class Reach:
    """What one test reached: the mutants whose places it ran, and those that had another value there."""

    test: str
    seconds: float
    reached: list[int]
    affected: list[int]


class Reaches:
    """The tests that reach each mutant."""

    def __init__(self, reaches: Iterable[Reach]) -> None:
        self.seconds: dict[str, float] = {}
        self.costs: dict[str, float] = {}
        self.tests: dict[int, set[str]] = {}
        self.reached: set[int] = set()
        self.killers: dict[tuple[str, str], list[str]] = {}
        for each in reaches:
            self.seconds[each.test] = each.seconds
            self.costs[each.test] = each.seconds * len(each.affected)
            self.reached.update(each.reached, each.affected)
            for number in each.affected:
                self.tests.setdefault(number, set()).add(each.test)

    def is_reached(self, number: int) -> bool:
        """Return whether any test reaches the place of a mutant."""
        return number in self.reached

    def choose_tests(self, mutant: Mutant) -> list[str]:
        """Return the tests to be tried: those that noticed the latest mutants of the same function, then the others.

        Of the others, those of the module's own test file come first, then those that take little time and reach few
        places.
        """
        own_file = f"/test_{mutant.module.rpartition('.')[2]}.py"
        killers = self.killers.get((mutant.module, mutant.function), [])
        found = self.tests.get(mutant.number, set())
        first = [test for test in reversed(killers) if test in found]
        others = sorted(found - set(first), key=lambda test: (own_file not in test, self.costs[test]))
        return [*first, *others][:TESTS_FOR_A_MUTANT]

    def note_killer(self, mutant: Mutant, test: str) -> None:
        """Remember which test noticed a mutant of a function."""
        killers = self.killers.setdefault((mutant.module, mutant.function), [])
        if test in killers:
            killers.remove(test)
        if test:
            killers.append(test)

    def forget(self, test: str) -> None:
        """Use a test no longer."""
        for tests in self.tests.values():
            tests.discard(test)

    def get_time_limit(self, test: str) -> int:
        """Return the seconds after which a test that has not ended never will."""
        return 60 + round(20 * self.seconds[test])


def read_reach(folder: Path, share: int, shares: int, own: list[Reach]) -> Reaches:
    """Write what this process's tests reached for the other processes, wait for theirs, and return all."""
    unfinished = folder / f"reach-{share}.unfinished"
    unfinished.write_text(json.dumps([asdict(each) for each in own]), encoding="utf-8")
    unfinished.replace(folder / f"reach-{share}.json")
    files = [folder / f"reach-{each}.json" for each in range(shares)]
    while not all(file.exists() for file in files):
        time.sleep(0.5)
    return Reaches(Reach(**each) for file in files for each in json.loads(file.read_text(encoding="utf-8")))
