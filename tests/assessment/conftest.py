"""In these tests whatever is due is released with the next request, however soon it comes."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tracker import clock


@pytest.fixture(autouse=True)
def release_at_once(app: Flask) -> Iterator[None]:
    app.config["RELEASE_INTERVAL"] = 0
    yield
    clock.held = None
