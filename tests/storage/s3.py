"""An S3 server for tests: moto's, over HTTP, started once for each test process, with a bucket for each test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest

from tracker.config import S3Location

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key-id-of-the-tests", "AWS_SECRET_ACCESS_KEY": "secret-of-the-tests"}


@cache
def start_server() -> str:
    """Start the server in a thread that ends with the process, and return its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@contextmanager
def new_bucket(prefix: str = "files", *, is_presigned: bool = False) -> Iterator[S3Location]:
    """Yield a bucket of the test's own, with credentials in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        location = S3Location(f"tests-{uuid.uuid4().hex}", prefix, start_server(), None, is_presigned)
        connect(location).create_bucket(Bucket=location.bucket)
        yield location


def connect(location: S3Location) -> Any:
    """Return a client of the tests' own, to look into the bucket and to change what is in it."""
    return boto3.client(
        "s3",
        endpoint_url=location.endpoint,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def build_url(location: S3Location) -> str:
    """Return the bucket as `STORAGE_URL` names it."""
    return f"s3://{location.bucket}/{location.prefix}?endpoint={location.endpoint}"
