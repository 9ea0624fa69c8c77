"""The options that name a trust anchor."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tracker.ledger.anchor_options import anchor_options


@pytest.fixture
def invoke() -> Any:
    """`invoke(options…)` returns the arguments that a command receives, or None and the error."""

    def run(*options: str) -> Any:
        received: list[dict[str, Any]] = []

        @click.command()
        @anchor_options
        def command(**arguments: Any) -> None:
            received.append(arguments)

        result = CliRunner().invoke(command, options)
        return received[0] if received else result.output

    return run


def test_without_options_neither_is_given(invoke: Any) -> None:
    assert invoke() == {"folder_of_keys": None, "fingerprints": ()}


def test_fingerprints_may_be_repeated_and_a_folder_is_a_path(invoke: Any, tmp_path: Path) -> None:
    assert invoke("--keys", str(tmp_path), "--fingerprint", "ab", "--fingerprint", "cd") == {
        "folder_of_keys": tmp_path,
        "fingerprints": ("ab", "cd"),
    }


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_folder_is_refused(invoke: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    assert "Invalid value for '--keys'" in invoke("--keys", str(tmp_path / name))
