"""An empty job schedule before each test of assessment, and a running clock after it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tracker import clock


@pytest.fixture(autouse=True)
def clean_schedule(app: Flask) -> Iterator[None]:
    app.extensions["jobs"].queue.flush()
    yield
    clock.frozen = None
