"""The fixtures of the portfolio's tests: files are uploaded by Alice, to a draft of hers; and a store of each kind."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.portfolio.conftest import alice, complaint, store
from tests.storage.s3 import new_bucket
from tracker.config import S3Location

__all__ = ["alice", "complaint", "store"]


@pytest.fixture
def bucket(app: Flask) -> Iterator[S3Location]:
    """Keep files in an empty bucket instead of a folder."""
    with new_bucket() as location:
        app.config["S3_LOCATION"] = location
        yield location


@pytest.fixture(params=["folder", "bucket"])
def either_store(request: pytest.FixtureRequest, app: Flask) -> str:
    """Run the test once with files in a folder, and once with files in a bucket."""
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    return str(request.param)
