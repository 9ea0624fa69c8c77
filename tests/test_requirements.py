"""Requirements: every imported package is listed, and the lock files pin exactly what is listed, with hashes."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z]+\])?==([^\s;]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the version of each package that a requirements file or a lock file pins."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in PIN.findall(text)}


def imported_packages() -> set[str]:
    """Return the top-level packages that the application imports, anywhere in its files."""
    names = set()
    for path in [*(ROOT / "tracker").rglob("*.py"), *(ROOT / "migrations").rglob("*.py"), ROOT / "wsgi.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"tracker"}


def test_every_imported_package_is_listed() -> None:
    distributions = packages_distributions()
    requirements = pins("requirements.txt")
    missing = {
        name
        for name in imported_packages()
        if not any(re.sub(r"[-_.]+", "-", each).lower() in requirements for each in distributions[name])
    }
    assert missing == set()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_lock_pins_what_is_listed(name: str) -> None:
    requirements, locked = pins(f"{name}.txt"), pins(f"{name}.lock")
    assert requirements
    assert {package: locked.get(package) for package in requirements} == requirements


def test_both_locks_agree() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {package: development.get(package) for package in runtime} == runtime


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pinned = [number for number, line in enumerate(lines) if PIN.match(line)]
    assert pinned
    assert all("--hash=sha256:" in lines[number + 1] for number in pinned)
