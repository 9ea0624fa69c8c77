"""Timestamps of checkpoints by an outside authority (RFC 3161), where one is configured.

docs/integrity.md, Timestamps. A timestamp proves that a checkpoint existed at a time, also to somebody who does not
trust the installation's keys.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from asn1crypto import pem, tsp, x509
from asn1crypto.cms import ContentInfo
from flask import current_app
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from tracker.ledger.checkpoints import Checkpoint

TIMEOUT = 20
"""Seconds for the whole of a request and its answer."""
MAX_ANSWER_SIZE = 100_000
"""Bytes; an answer with its certificates has some 6,000."""
MAX_LATENESS = timedelta(days=1)
"""How much later than its checkpoint a timestamp may be: else the checkpoint may have been written afterwards."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How much the authority's clock may be behind the server's."""


class TimestampError(Exception):
    """A timestamp that was not received or is not valid; the message follows “the timestamp of checkpoint 5”."""


class Authority(TimeStamper):
    """A timestamping authority that is asked over HTTP, with bounds on time and size."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # pyHanko leaves it bare
        self.url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Send a request and return the answer. Raises `TimestampError` for one that is too long."""
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), raise_for_status=True) as session,
            session.post(self.url, data=req.dump(), headers=headers, allow_redirects=False) as answer,
        ):
            content = bytearray()
            async for piece in answer.content.iter_chunked(10_000):
                content += piece
                if len(content) > MAX_ANSWER_SIZE:
                    raise TimestampError("was answered with too much")
        return tsp.TimeStampResp.load(bytes(content), strict=True)


def request_token(url: str, checkpoint: Checkpoint) -> bytes:
    """Return the timestamp token (DER) of a checkpoint from the authority at an address, not validated.

    Raises:
        TimestampError: none was received.
    """
    try:
        token = asyncio.run(Authority(url).async_timestamp(bytes.fromhex(checkpoint.hash), "sha256"))
        return bytes(token.dump())
    except TimestampError:
        raise
    except Exception as error:  # a library may raise anything on an answer that was made to break it
        raise TimestampError(f"was not received: {type(error).__name__} {error}") from error


def validate_token(token: bytes, checkpoint: Checkpoint, certificates: Sequence[x509.Certificate]) -> datetime:
    """Return the time at which an authority with one of the certificates, or under it, stamped a checkpoint.

    Raises:
        TimestampError: the token is not of this checkpoint, not signed by such an authority, or of another time.
    """
    try:
        status = asyncio.run(_validate(ContentInfo.load(token, strict=True), checkpoint, certificates))
    except Exception as error:  # likewise
        raise TimestampError(f"cannot be read: {type(error).__name__}") from error
    if not (status.intact and status.valid):
        raise TimestampError("is of something else, or was changed")
    if not status.trusted:
        raise TimestampError("is not by an authority of TIMESTAMP_CERTIFICATES")
    if not checkpoint.at - MAX_CLOCK_DIFFERENCE <= status.timestamp <= checkpoint.at + MAX_LATENESS:
        raise TimestampError(
            f"is of {status.timestamp:%Y-%m-%d %H:%M} UTC, and the checkpoint of {checkpoint.at:%Y-%m-%d %H:%M}"
        )
    return status.timestamp


def load_certificates() -> list[x509.Certificate]:
    """Return the certificates of `TIMESTAMP_CERTIFICATES`, none if it is not set. Raises `OSError`, `ValueError`."""
    path: Path | None = current_app.config["SETTINGS"].timestamp_certificates
    if path is None:
        return []
    return [x509.Certificate.load(der) for _, _, der in pem.unarmor(path.read_bytes(), multiple=True)]


def get_folder() -> Path:
    """Return the folder of the timestamps, beside the file of checkpoints."""
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / "timestamps"


def get_token_path(number: int) -> Path:
    """Return the path of the timestamp of a checkpoint."""
    return get_folder() / f"{number:08}.tst"


async def _validate(
    token: ContentInfo, checkpoint: Checkpoint, certificates: Sequence[x509.Certificate]
) -> TimestampSignatureStatus:
    signed_data = token["content"]
    moment = signed_data["encap_content_info"]["content"].parsed["gen_time"].native
    context = ValidationContext(
        trust_roots=list(certificates), allow_fetching=False, revocation_mode="soft-fail", moment=moment
    )
    imprint = bytes.fromhex(checkpoint.hash)
    return TimestampSignatureStatus(
        **await validate_tst_signed_data(signed_data, context, lambda name: imprint if name == "sha256" else b"")
    )
