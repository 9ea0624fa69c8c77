from dataclasses import replace

import pytest

from tracker.unit_reader import sandboxed_reader


@pytest.fixture
def one_second_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit a document to one second, so that tests of endless work take one second and not four."""
    monkeypatch.setattr(sandboxed_reader.READER, "limits", replace(sandboxed_reader.READER.limits, cpu_seconds=1))
