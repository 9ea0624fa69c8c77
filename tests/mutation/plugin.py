"""A pytest plugin that tries mutants: it records which tests reach each one, then runs these in a fork with it active.

The environment names the modules (`MUTATE`), a folder for what the processes learn (`MUTANTS_FOLDER`), and this
process's share (`MUTANTS_SHARE`, such as `0/2`) of the tests to run first, and of the mutants to try then. If the folder
has a file `keys.json`, only the mutants with these keys are tried. With `MUTANTS_WITHOUT_DATABASE`, only tests that need
no database are.
"""

import contextlib
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.conftest import DATABASE
from tests.mutation.mutants import ACTIVE, CHOOSE, Mutant, mutate
from tests.mutation.reach import Reach, read_reach

ROOT = Path(__file__).resolve().parents[2]
MODULES = os.environ["MUTATE"].split()
FOLDER = Path(os.environ["MUTANTS_FOLDER"])
SHARE, SHARES = map(int, os.environ["MUTANTS_SHARE"].split("/"))
MAX_MUTANTS_OF_A_MODULE = 10_000
"""So the number of a mutant does not depend on the order of imports."""
NO_MUTANT = -1
KILLED, SURVIVED, UNREACHED, ENDLESS = "killed", "survived", "not reached", "endless"

mutants: list[Mutant] = []
active: int | None = None
reached: set[int] = set()
affected: set[int] = set()


def is_active(number: int) -> bool:
    """Return whether a mutant is the active one, and note that its place was reached."""
    if active is None:
        affected.add(number)
    return number == active


def choose_value(number: int, get_value: Callable[[], Any], get_other: Callable[[], Any]) -> Any:
    """Return a condition's value, or its mutant's if that is active; without any, note whether the two differ."""
    if active is not None:
        return get_other() if number == active else get_value()
    reached.add(number)
    try:
        value = get_value()
    except BaseException:  # its mutant may not fail
        affected.add(number)
        raise
    try:
        differs = bool(value != get_other())
    except Exception:  # noqa: BLE001 - a mutant that fails, or values that cannot be compared
        differs = True
    if differs:
        affected.add(number)
    return value


class MutatingLoader(importlib.machinery.SourceFileLoader):
    """Loads a module with its mutants."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source anew, so that no cached code without mutants is used."""
        path = self.get_filename(fullname)
        first = MODULES.index(fullname) * MAX_MUTANTS_OF_A_MODULE
        tree, found = mutate(self.get_data(path).decode(), fullname, first)
        mutants.extend(found)
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module with the functions that its places call."""
        setattr(module, ACTIVE, is_active)
        setattr(module, CHOOSE, choose_value)
        super().exec_module(module)


class MutatingFinder(importlib.abc.MetaPathFinder):
    """Finds the modules to be mutated."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:  # noqa: ARG002 - the protocol's
        """Return how to load a module, or None for one that is not mutated."""
        if fullname not in MODULES:
            return None
        file = ROOT.joinpath(*fullname.split(".")).with_suffix(".py")
        return importlib.util.spec_from_file_location(fullname, file, loader=MutatingLoader(fullname, str(file)))


sys.meta_path.insert(0, MutatingFinder())


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run this process's share of the tests without a mutant, then its share of the mutants."""
    for module in MODULES:
        importlib.import_module(module)
    if os.environ.get("MUTANTS_WITHOUT_DATABASE"):
        session.items[:] = [item for item in session.items if needs_no_database(item)]
    own = session.items[SHARE::SHARES]
    reaches = []
    for item, following in zip(own, [*own[1:], own[0]], strict=True):
        reached.clear()
        affected.clear()
        started = time.perf_counter()
        reports = runtestprotocol(item, log=False, nextitem=following)
        if any(report.failed for report in reports):
            print_failures(reports)
            pytest.exit("No mutant was tried.", returncode=2)
        reaches.append(Reach(item.nodeid, time.perf_counter() - started, [*reached], [*affected]))
    trial = Trial(session, read_reach(FOLDER, SHARE, SHARES, reaches))
    with (FOLDER / f"{SHARE}.jsonl").open("a", encoding="utf-8") as results:
        for mutant in choose_mutants():
            if mutant.number % SHARES == SHARE:
                started = time.monotonic()
                outcome, test = trial.try_mutant(mutant)
                result = {"outcome": outcome, "test": test, "seconds": round(time.monotonic() - started, 2)}
                results.write(json.dumps(result | asdict(mutant)) + "\n")
                results.flush()
    return True


def needs_no_database(item: pytest.Item) -> bool:
    """Return whether a test asks for no database; one with `request` may ask for any fixture later."""
    return not {*DATABASE, "request"} & set(getattr(item, "fixturenames", ()))


def choose_mutants() -> list[Mutant]:
    """Return the mutants to be tried: all, or those whose keys are listed."""
    file = FOLDER / "keys.json"
    if not file.exists():
        return mutants
    keys = {tuple(key) for key in json.loads(file.read_text(encoding="utf-8"))}
    return [mutant for mutant in mutants if mutant.key in keys]


class Trial:
    """Tries mutants with the tests that may notice them."""

    def __init__(self, session: pytest.Session, reach: Any) -> None:
        self.session, self.reach = session, reach
        self.items = {item.nodeid: item for item in session.items}
        self.steady: dict[str, bool] = {}
        gc.collect()
        self.engines, self.caches, self.executors = find_what_functions_remember()
        gc.freeze()

    def try_mutant(self, mutant: Mutant) -> tuple[str, str]:
        """Return what becomes of a mutant, and the test that noticed it."""
        if not self.reach.is_reached(mutant.number):
            return UNREACHED, ""
        while True:
            outcome, test = self._run(mutant.number, self.reach.choose_tests(mutant))
            if outcome == SURVIVED or self._is_steady(test):
                self.reach.note_killer(mutant, test)
                return outcome, test
            os.write(2, f"{test} fails in a fork without a mutant, so it is not used.\n".encode())
            self.reach.forget(test)

    def _is_steady(self, test: str) -> bool:
        """Return whether a test passes in a fork without a mutant."""
        if test not in self.steady:
            self.steady[test] = self._run(NO_MUTANT, [test])[0] == SURVIVED
        return self.steady[test]

    def _run(self, number: int, tests: list[str]) -> tuple[str, str]:
        """Run tests in a fork in which a mutant is active, until one fails; return that one's name."""
        if not tests:
            return SURVIVED, ""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            status = 2
            try:
                status = int(self._is_noticed(number, tests, writing))
            finally:
                os._exit(status)
        os.close(writing)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with os.fdopen(reading, "rb") as pipe:
            last = pipe.read().decode().split("\n")[-1]
        if status == -signal.SIGALRM:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what the test had started
            return ENDLESS, last
        return (SURVIVED, "") if status == 0 else (KILLED, last)

    def _is_noticed(self, number: int, tests: list[str], writing: int) -> bool:
        """Return whether one of the tests fails with a mutant."""
        global active  # noqa: PLW0603 - asked by every place
        with Path(os.devnull).open("w") as devnull:
            os.dup2(devnull.fileno(), 1)
            if number != NO_MUTANT:
                os.dup2(devnull.fileno(), 2)
        for engine in self.engines:
            engine.dispose(close=False)  # the parent's connections stay open, and are not used here
        for cached in self.caches:
            cached.cache_clear()
        for executor in self.executors:  # its threads stayed in the parent
            ThreadPoolExecutor.__init__(executor, executor._max_workers)
        active = number
        for test in tests:
            os.write(writing, f"\n{test}".encode())
            signal.alarm(self.reach.get_time_limit(test))
            item = self.items[test]
            self.session._setupstate.teardown_exact(item)
            following = next(each for each in self.session.items if each is not item)
            reports = runtestprotocol(item, log=False, nextitem=following)
            if any(report.failed for report in reports):
                if number == NO_MUTANT:
                    print_failures(reports)
                return True
            self.session._setupstate.teardown_exact(following)
        return False


def print_failures(reports: Sequence[pytest.TestReport]) -> None:
    """Print on standard error why a test failed that no mutant has changed."""
    os.write(2, "".join(f"{each.nodeid}\n{each.longreprtext}\n" for each in reports if each.failed).encode())


def find_what_functions_remember() -> tuple[list[Any], list[Any], list[Any]]:
    """Return the database engines, the product's functions that remember their results, and the executors."""
    from sqlalchemy import Engine

    gc.unfreeze()  # tests/conftest.py froze what was there when the tests were collected
    objects = gc.get_objects()
    caches = [each for each in objects if isinstance(each, functools._lru_cache_wrapper)]
    return (
        [each for each in objects if isinstance(each, Engine)],
        [each for each in caches if each.__module__.startswith("tracker.")],
        [each for each in objects if isinstance(each, ThreadPoolExecutor)],
    )
