"""What only a bucket has: conditional puts, links, an endpoint that may fail, and settings that name it."""

import base64
import hashlib
import io
import logging
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.portfolio.test_download import attach, fetch
from tests.storage.s3 import CREDENTIALS, build_url, connect
from tracker.config import S3Location, Settings, parse_storage_url
from tracker.models import Evidence
from tracker.storage import file_store
from tracker.storage.s3_store import S3Store
from tracker.storage.stores import DamagedFile, StoreUnreachable

CALLS = b"three calls"
CALLS_HASH = hashlib.sha256(CALLS).hexdigest()


def get_object_key(location: S3Location) -> str:
    return f"{location.prefix}/{CALLS_HASH[:2]}/{CALLS_HASH}"


def test_an_object_is_put_with_its_checksum_and_on_condition(
    app: Flask, bucket: S3Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Store(bucket)
    sent: list[dict[str, object]] = []
    real = store.client.put_object
    monkeypatch.setattr(store.client, "put_object", lambda **options: (sent.append(options), real(**options))[1])
    store.save(io.BytesIO(CALLS))
    (options,) = sent
    assert options["IfNoneMatch"] == "*"
    assert options["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(CALLS).digest()).decode()


def test_an_object_is_never_overwritten(app: Flask, bucket: S3Location) -> None:
    client = connect(bucket)
    client.put_object(Bucket=bucket.bucket, Key=get_object_key(bucket), Body=b"forged call")
    with pytest.raises(DamagedFile):
        file_store.save(io.BytesIO(CALLS))
    answer = client.get_object(Bucket=bucket.bucket, Key=get_object_key(bucket))
    with closing(answer["Body"]) as body:
        assert body.read() == b"forged call"


def test_uploads_of_the_same_file_at_once_all_succeed(app: Flask, bucket: S3Location) -> None:
    store, saved = S3Store(bucket), []
    threads = [threading.Thread(target=lambda: saved.append(store.save(io.BytesIO(CALLS)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.sha256 for each in saved] == [CALLS_HASH] * 6
    assert len(list(store.list_entries())) == 1


def test_what_the_store_kept_otherwise_than_it_was_sent_is_refused_and_removed(
    app: Flask, bucket: S3Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Store(bucket)
    real = store.client.put_object
    monkeypatch.setattr(store.client, "put_object", lambda **options: real(**{**options, "Body": b"three cells"}))
    with pytest.raises(DamagedFile):
        store.save(io.BytesIO(CALLS))
    assert list(store.list_entries()) == []


def test_of_a_file_that_was_changed_no_complete_copy_is_sent(
    alice: FlaskClient, complaint: Evidence, bucket: S3Location
) -> None:
    address = attach(complaint, CALLS, "calls.txt")
    connect(bucket).put_object(Bucket=bucket.bucket, Key=get_object_key(bucket), Body=b"forged call")
    with pytest.raises(DamagedFile):
        fetch(alice, address)


@pytest.fixture
def presigned(app: Flask, bucket: S3Location) -> S3Location:
    location = app.config["S3_LOCATION"] = replace(bucket, is_presigned=True)
    return location


def test_a_download_may_come_from_the_store_by_a_link_that_soon_expires(
    alice: FlaskClient, complaint: Evidence, presigned: S3Location
) -> None:
    answer = fetch(alice, attach(complaint, CALLS, "calls.txt"))
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.location).query)["X-Amz-Expires"] == ["60"]
    sent = requests.get(answer.location, timeout=30)
    assert sent.content == CALLS
    assert sent.headers["Content-Disposition"] == "attachment; filename=calls.txt"
    assert sent.headers["Content-Type"].startswith("text/plain")


class TestFailures:
    @pytest.fixture
    def unreachable(self, app: Flask, bucket: S3Location) -> S3Location:
        location = replace(bucket, endpoint="http://127.0.0.1:9", region="nowhere")
        app.config["S3_LOCATION"] = location
        return location

    def test_an_error_names_neither_endpoint_nor_bucket_nor_credentials(
        self, unreachable: S3Location, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with pytest.raises(StoreUnreachable) as caught:
            file_store.save(io.BytesIO(CALLS))
        logging.getLogger("tests").error("failed", exc_info=caught.value)
        logged = caplog.text + str(caught.value)
        assert "EndpointConnectionError" in logged
        for secret in ("127.0.0.1:9", unreachable.bucket, *CREDENTIALS.values()):
            assert secret not in logged

    def test_a_page_says_that_the_files_cannot_be_reached(
        self, app: Flask, alice: FlaskClient, complaint: Evidence, bucket: S3Location
    ) -> None:
        address = attach(complaint, CALLS, "calls.txt")
        app.config["S3_LOCATION"] = replace(bucket, endpoint="http://127.0.0.1:9")
        answer = fetch(alice, address)
        assert answer.status_code == 503
        assert "The server cannot reach its files" in answer.text

    def test_a_refusal_gives_the_stores_code_only(self, app: Flask, bucket: S3Location) -> None:
        app.config["S3_LOCATION"] = replace(bucket, bucket="another-bucket")
        with pytest.raises(StoreUnreachable, match=r"the file store refused a request: NoSuchBucket$"):
            file_store.save(io.BytesIO(CALLS))


class TestSettings:
    def test_a_bucket_is_named_with_its_options(self, bucket: S3Location) -> None:
        assert parse_storage_url(build_url(bucket)) == bucket
        assert parse_storage_url("s3://files") == S3Location("files", "", None, None, is_presigned=False)
        assert parse_storage_url("s3://files/a/b?region=eu-west-2&presigned=1") == S3Location(
            "files", "a/b", None, "eu-west-2", is_presigned=True
        )

    def test_a_folder_is_named_by_its_path(self, tmp_path: Path) -> None:
        assert Settings.from_environment({"STORAGE_URL": str(tmp_path)}).storage == tmp_path

    def test_without_the_setting_files_are_in_the_instance_path(self, tmp_path: Path) -> None:
        assert Settings.from_environment({"INSTANCE_PATH": str(tmp_path)}).storage == tmp_path / "attachments"

    @pytest.mark.parametrize(
        "url",
        [
            "s3://key:secret@files",
            "s3://",
            "s3://files?endpint=http://localhost",
            "s3://files?endpoint=localhost:9000",
            "s3://files?endpoint=http://key:secret@localhost",
            "gs://files",
            "files",
        ],
    )
    def test_anything_else_is_refused_and_not_repeated(self, url: str) -> None:
        with pytest.raises(ValueError, match="STORAGE_URL") as caught:
            parse_storage_url(url)
        assert "secret" not in str(caught.value)

    def test_the_bucket_is_not_in_the_text_of_the_settings(self, bucket: S3Location) -> None:
        assert bucket.bucket not in repr(Settings.from_environment({"STORAGE_URL": build_url(bucket)}))
