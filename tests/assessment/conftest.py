"""An empty job schedule before each test of assessment."""

import pytest
from flask import Flask


@pytest.fixture(autouse=True)
def clean_schedule(app: Flask) -> None:
    app.extensions["jobs"].queue.flush()
