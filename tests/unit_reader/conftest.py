from dataclasses import replace

import pytest

from tracker.unit_reader import documents


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document has one second, so that a test of what never ends need not take four."""
    monkeypatch.setattr(documents.READER, "limits", replace(documents.READER.limits, cpu_seconds=1))
