"""Before each test of assessment nothing is scheduled; after it the clock runs again."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tracker import clock


@pytest.fixture(autouse=True)
def clean_schedule(app: Flask) -> Iterator[None]:
    app.extensions["jobs"].queue.flush()
    yield
    clock.held = None
