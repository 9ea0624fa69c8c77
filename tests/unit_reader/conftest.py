import pytest

from tracker.unit_reader.sources import bounded


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document has one second, so that a test of what never ends need not take four."""
    monkeypatch.setattr(bounded, "WORK", 1)
