"""The stages of Chloe's unit, which the proofs begin with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.proof.stages import Stage


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
