from dataclasses import replace

import pytest

from tracker.unit_reader import sandboxed_reader


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document has one second, so that a test of what never ends need not take four."""
    monkeypatch.setattr(sandboxed_reader.READER, "limits", replace(sandboxed_reader.READER.limits, cpu_seconds=1))
