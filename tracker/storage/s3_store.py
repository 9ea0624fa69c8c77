"""Bucket of an S3-compatible store, in which each object is named by its SHA-256.

An object is put on condition that there is none of its name, so none is ever overwritten, and with its SHA-256, which
the store compares. Where the store does not confirm the hash, the object is read back and compared here. A file made
from another is named by both hashes: two hosts that make it at once store both, and the database says which is used.
"""

import base64
import hashlib
import io
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tracker.config import S3Location
from tracker.storage.stores import CHUNK, DamagedFile, StoredFile, StoreEntry, StoreUnreachable, get_key

Result = TypeVar("Result")
LINK_SECONDS = 60
"""How long a link of `?presigned=1` works: its holder needs no session."""
ABSENT = {"404", "NoSuchKey", "NotFound"}
EXISTS, CONFLICT = "PreconditionFailed", "ConditionalRequestConflict"
MAX_ATTEMPTS = 4


class S3Store:
    """The files of an installation in a bucket."""

    def __init__(self, location: S3Location) -> None:
        self.bucket = location.bucket
        self.prefix = f"{location.prefix}/" if location.prefix else ""
        self.gives_links = location.is_presigned
        self.client = _call(lambda: _make_client(location))

    def save(self, stream: IO[bytes]) -> StoredFile:
        """Store a stream under its hash; one that is there already is compared with it and kept.

        Raises:
            DamagedFile: the object of this name has other content.
            StoreUnreachable: the store gave no answer, or refused the request.
        """
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256")  # type: ignore[arg-type]
        stored, key = StoredFile(digest.hexdigest(), stream.seek(0, io.SEEK_END)), get_key(digest.hexdigest())
        if self._put_new(key, stream, digest.digest()):
            try:
                self._check(key, stored.sha256)
            except DamagedFile:
                self.remove(key)
                raise
        return stored

    def open(self, key: str, start: int = 0) -> IO[bytes]:
        """Return a stream of an object from a position on."""
        part = {"Range": f"bytes={start}-"} if start else {}
        body = self.request("get_object", key, **part)["Body"]
        return cast("IO[bytes]", io.BufferedReader(S3Stream(body), CHUNK))

    def find(self, key: str) -> StoreEntry | None:
        """Return the entry of an object, or None where there is none."""
        try:
            head = self.request("head_object", key, ChecksumMode="ENABLED")
        except FileNotFoundError:
            return None
        sha256 = head.get("ChecksumSHA256") or ""
        is_whole = sha256 and "-" not in sha256  # an object uploaded in parts has a hash of hashes
        return StoreEntry(
            key,
            head["ContentLength"],
            head["LastModified"].timestamp(),
            base64.b64decode(sha256).hex() if is_whole else None,
        )

    def list_entries(self, prefix: str = "") -> Iterator[StoreEntry]:
        """Yield the objects whose key begins with a prefix, a thousand at each request."""
        paginator = self.client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{prefix}"))
        while page := _call(lambda: next(pages, None)):
            for each in page.get("Contents", ()):
                key = each["Key"].removeprefix(self.prefix)
                yield StoreEntry(key, each["Size"], each["LastModified"].timestamp())

    def build_derived_key(self, source: str, name: str, sha256: str) -> str:
        """Return the key of a derived file, which its own hash ends."""
        return get_key(f"{source}.{name}.{sha256}")

    def write_derived(self, key: str, content: bytes) -> None:
        """Store a derived file."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self.request("put_object", key, Body=content, ChecksumSHA256=checksum)

    def remove(self, key: str) -> None:
        """Delete an object if it is there."""
        self.request("delete_object", key)

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        """Yield the path of a private temporary copy, which was compared with its hash while it was received."""
        with tempfile.NamedTemporaryFile(prefix="tracker-") as copy:
            digest = hashlib.sha256()
            with closing(self.open(get_key(sha256))) as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
            copy.flush()
            if digest.hexdigest() != sha256:
                raise DamagedFile(f"{sha256} has other content")
            yield Path(copy.name)

    def find_faults(self) -> Iterator[str]:
        """Yield what is wrong with the bucket: access, conditional requests, older versions."""
        content = secrets.token_bytes(16)
        digest = hashlib.sha256(content)
        key = f"{digest.hexdigest()[:2]}/{digest.hexdigest()}.tmp"
        try:
            self._put_new(key, io.BytesIO(content), digest.digest())
            try:
                self.request("put_object", key, Body=b"another", IfNoneMatch="*")
                yield "The file store overwrites objects although it is told not to (If-None-Match)."
            except FileExistsError:
                pass
            if self.keeps_versions():
                yield "The bucket keeps older versions, so what is erased stays there. Switch versioning off."
            self.remove(key)
        except OSError as error:
            yield f"Files cannot be written to the bucket: {error}."

    def keeps_versions(self) -> bool:
        """Return whether the bucket keeps deleted objects; False where the store does not say."""
        try:
            answer = _call(lambda: self.client.get_bucket_versioning(Bucket=self.bucket))
        except StoreUnreachable:
            return False
        return bool(answer.get("Status") == "Enabled")

    def describe(self, key: str) -> str:
        """Return the key of an object in the bucket."""
        return f"{self.prefix}{key}"

    def find_path(self, key: str) -> None:
        """Return None: an object is on no machine of ours."""

    def build_link(self, key: str, disposition: str, media_type: str) -> str | None:
        """Return an address at which a browser can fetch an object for a minute, where that was configured."""
        if not self.gives_links:
            return None
        parameters = {
            "Bucket": self.bucket,
            "Key": f"{self.prefix}{key}",
            "ResponseContentDisposition": disposition,
            "ResponseContentType": media_type,
        }
        link: str = _call(
            lambda: self.client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=LINK_SECONDS)
        )
        return link

    def request(self, operation: str, key: str, **parameters: Any) -> Any:
        """Send a request about one object, and return the answer. Raises `OSError`."""
        function = getattr(self.client, operation)
        return _call(lambda: function(Bucket=self.bucket, Key=f"{self.prefix}{key}", **parameters))

    def _put_new(self, key: str, stream: IO[bytes], digest: bytes) -> bool:
        """Put an object where there is none; return whether its content is still to be compared with its hash."""
        checksum = base64.b64encode(digest).decode()
        for attempt in range(MAX_ATTEMPTS):
            stream.seek(0)
            try:
                answer = self.request("put_object", key, Body=stream, ChecksumSHA256=checksum, IfNoneMatch="*")
            except FileExistsError:
                self._check(key, digest.hex())
                return False
            except BlockingIOError:  # another upload of the same content is under way
                if attempt + 1 == MAX_ATTEMPTS:
                    raise
            else:
                return bool(answer.get("ChecksumSHA256") != checksum)
        raise AssertionError  # the last attempt has returned or raised

    def _check(self, key: str, sha256: str) -> None:
        """Raise `DamagedFile` if an object has other content than its hash says."""
        if (entry := self.find(key)) and entry.sha256 == sha256:
            return
        with closing(self.open(key)) as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:  # type: ignore[arg-type]
                raise DamagedFile(f"{sha256} has other content")


class S3Stream(io.RawIOBase):
    """The body of an answer, whose errors are `OSError`s."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer and return how many bytes were read; 0 at the end."""
        content = _call(lambda: self.body.read(len(buffer)))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """End the request."""
        self.body.close()
        super().close()


def _make_client(location: S3Location) -> Any:
    """Return a client; credentials come from the usual environment variables and files."""
    return boto3.client(
        "s3",
        endpoint_url=location.endpoint,
        region_name=location.region or ("us-east-1" if location.endpoint else None),
        config=Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS},
            max_pool_connections=32,
            # other stores than Amazon's know no checksums but those that are asked for
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if location.endpoint else "auto"},
        ),
    )


def _call(function: Callable[[], Result]) -> Result:
    """Call the client; turn its errors into `OSError`s whose texts name no endpoint, bucket or credentials."""
    try:
        return function()
    except ClientError as error:
        raise _translate(error) from None
    except (BotoCoreError, HTTPClientError) as error:
        raise StoreUnreachable(f"the file store cannot be used: {type(error).__name__}") from None


def _translate(error: ClientError) -> OSError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in ABSENT:
        return FileNotFoundError("there is no such object in the file store")
    if code == EXISTS:
        return FileExistsError("there is an object of this name in the file store")
    if code == CONFLICT:
        return BlockingIOError("another request is writing this object")
    return StoreUnreachable(f"the file store refused a request: {code[:60]}")
