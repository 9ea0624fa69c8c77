"""A pytest plugin that tries mutants: it records which tests reach each one, then runs these in a fork with it active.

The environment names the modules (`MUTATE`), the file for results (`MUTANTS_FILE`), and this process's share
(`MUTANTS_SHARE`, such as `0/2`).
"""

import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import ACTIVE, Mutant, mutate

ROOT = Path(__file__).resolve().parents[2]
MODULES = os.environ["MUTATE"].split()
SHARE, SHARES = map(int, os.environ.get("MUTANTS_SHARE", "0/1").split("/"))
TESTS_FOR_A_MUTANT = 60
"""Of the tests that reach a mutant, the quickest so many are tried."""
MAX_MUTANTS_OF_A_MODULE = 10_000
"""So the number of a mutant does not depend on the order of imports."""
TIME_LIMIT = 120
"""Seconds after which a mutant counts as killed: its code does not end."""
CONTROL_LIMIT = 30 * 60
NO_MUTANT = -1
KILLED, SURVIVED, UNREACHED, ENDLESS = "killed", "survived", "not reached", "endless"

mutants: list[Mutant] = []
active: int | None = None
reached: set[int] = set()


def is_active(number: int) -> bool:
    """Return whether a mutant is the active one, and note that its place was reached."""
    reached.add(number)
    return number == active


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
        """Run the module with the function that its places call."""
        setattr(module, ACTIVE, is_active)
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
    """Run each test once without a mutant, then the mutants of this process's share."""
    reaching: dict[int, list[tuple[float, pytest.Item]]] = {}
    for item, following in zip(session.items, [*session.items[1:], session.items[0]], strict=True):
        reached.clear()
        started = time.perf_counter()
        reports = runtestprotocol(item, log=False, nextitem=following)
        if any(report.failed for report in reports):
            print_failures(reports)
            pytest.exit("No mutant was tried.", returncode=2)
        for number in reached:
            reaching.setdefault(number, []).append((time.perf_counter() - started, item))
    if try_mutant(session, NO_MUTANT, session.items, CONTROL_LIMIT) != SURVIVED:
        pytest.exit("A test fails in a fork without a mutant, so no mutant was tried.", returncode=2)
    with Path(os.environ["MUTANTS_FILE"]).open("a", encoding="utf-8") as results:
        for mutant in mutants:
            if mutant.number % SHARES == SHARE:
                tests = sorted(reaching.get(mutant.number, []), key=lambda each: each[0])[:TESTS_FOR_A_MUTANT]
                outcome = try_mutant(session, mutant.number, [item for _, item in tests]) if tests else UNREACHED
                results.write(json.dumps({"outcome": outcome, **asdict(mutant)}) + "\n")
                results.flush()
    return True


def try_mutant(
    session: pytest.Session, number: int, tests: Sequence[pytest.Item], time_limit: float = TIME_LIMIT
) -> str:
    """Run tests in a fork in which a mutant is active, until one fails."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        status = 2
        try:
            status = int(is_noticed(session, number, tests))
        finally:
            os._exit(status)
    deadline = time.monotonic() + time_limit
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ENDLESS


def is_noticed(session: pytest.Session, number: int, tests: Sequence[pytest.Item]) -> bool:
    """Return whether one of the tests fails with a mutant."""
    global active  # noqa: PLW0603 - asked by every place
    with Path(os.devnull).open("w") as devnull:
        os.dup2(devnull.fileno(), 1)
        if number != NO_MUTANT:
            os.dup2(devnull.fileno(), 2)
    forget_what_the_parent_opened()
    active = number
    for item in tests:
        session._setupstate.teardown_exact(item)
        following = next(each for each in session.items if each is not item)
        reports = runtestprotocol(item, log=False, nextitem=following)
        if any(report.failed for report in reports):
            if number == NO_MUTANT:
                print_failures(reports)
            return True
        session._setupstate.teardown_exact(following)
    return False


def print_failures(reports: Sequence[pytest.TestReport]) -> None:
    """Print on standard error why a test failed that no mutant has changed."""
    os.write(2, "".join(f"{each.nodeid}\n{each.longreprtext}\n" for each in reports if each.failed).encode())


def forget_what_the_parent_opened() -> None:
    """Close no connection of the parent but use none either, and forget what functions have remembered."""
    from sqlalchemy import Engine

    for each in gc.get_objects():
        if isinstance(each, Engine):
            each.dispose(close=False)
        elif isinstance(each, functools._lru_cache_wrapper) and each.__module__.startswith("tracker."):
            each.cache_clear()
