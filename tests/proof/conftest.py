"""The mark of every proof, and the stages of Chloe's unit with which proofs begin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.proof.stages import Stage

FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not choose
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the proofs as slow: also their short forms try many cases."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def reach_stage(
    app: Flask, tmp_path: Path, prepare: Callable[[str, Callable[[], Any]], Any]
) -> Callable[[str], Stage]:
    """`reach_stage("met")` brings Chloe's unit to a stage, with files of the test's own."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"

    def reach(name: str) -> Stage:
        stage: Stage = prepare(f"the stage {name}", lambda: Stage(app, name))
        return stage

    return reach
