"""Sending of files of evidence as untrusted data: as a download, or as an image, text, audio or video on a page.

The caller has checked that the person may read the file.
"""

import hashlib
from functools import partial
from io import BytesIO

from flask import Response, request, send_file
from flask.typing import ResponseReturnValue

from tracker.errors import NotFound
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Attachment
from tracker.portfolio import image_previews, page_images
from tracker.portfolio.file_details import describe_details
from tracker.portfolio.file_types import BY_MEDIA_TYPE
from tracker.portfolio.services.files import clean_file_name
from tracker.portfolio.text_previews import has_text_preview, load_text
from tracker.storage import file_store
from tracker.storage.downloads import send_stored
from tracker.web.fair_shares import OPENING, take_turn
from tracker.web.requests import get_query_number
from tracker.web.security_headers import FILE_SECURITY_POLICY, RECORDING_SECURITY_POLICY

open_in_turn = partial(take_turn, OPENING)
PLAYED_AS = {"video/quicktime": "video/mp4"}
"""Browsers play a QuickTime file of H.264 video, but some only when it is called MP4."""


def send_attachment(attachment: Attachment | None) -> ResponseReturnValue:
    """Send a file: as a download, or as an image, text, audio or video to show on a page.

    Raises `NotFound` where there is no such file.
    """
    if attachment is None:
        raise NotFound
    sha256, name, media_type = attachment.sha256, attachment.name, attachment.media_type
    db.session.rollback()  # no transaction stays open for a slow connection or an image to encode
    entry = file_store.find(sha256)
    if entry is None:
        raise NotFound(
            "This file is missing from the file store. Tell your centre’s administrator. The record of it is kept."
        )
    if (image := find_image(sha256, media_type)) is not None:
        response = send_derived(image, "image/jpeg", "preview.jpg")
    elif "show" in request.args and shows_text(sha256, media_type):
        response = send_derived(
            load_text(sha256, media_type, open_in_turn), "text/plain; charset=utf-8", "preview.txt"
        )
    else:
        is_played = "show" in request.args and BY_MEDIA_TYPE[media_type].shown_as in {"audio", "video"}
        sent_as = PLAYED_AS.get(media_type, media_type) if is_played else media_type
        response = send_stored(entry, sent_as, clean_file_name(name), as_attachment=not is_played)
        if is_played:
            response.headers["Content-Security-Policy"] = RECORDING_SECURITY_POLICY
    response.headers.setdefault("Content-Security-Policy", FILE_SECURITY_POLICY)
    return response


def send_derived(content: bytes, mimetype: str, name: str) -> Response:
    """Send a file that was made from an uploaded one: the bytes that were compared with their hash."""
    etag = hashlib.sha256(content).hexdigest()
    return send_file(BytesIO(content), mimetype=mimetype, download_name=name, conditional=True, etag=etag)


def shows_text(sha256: str, media_type: str) -> bool:
    """Return whether a file is shown as its text."""
    with reading():
        return has_text_preview(sha256, media_type)


def find_image(sha256: str, media_type: str) -> bytes | None:
    """Return the image that was requested: of a photo with `?show=1`, of a page of a document with `?page=2`."""
    shown_as = BY_MEDIA_TYPE[media_type].shown_as
    if shown_as == "image" and "show" in request.args:
        return image_previews.load_preview(sha256, open_in_turn)
    if shown_as in {"pages", "text"} and "page" in request.args:
        return page_images.load_page_image(sha256, media_type, get_query_number("page"), open_in_turn)
    return None


def find_thumbnail_url(attachment: Attachment, url: str) -> str:
    """Return the address of a file's image or first page, given the file's own; empty where it has none."""
    if BY_MEDIA_TYPE[attachment.media_type].shown_as == "image":
        return f"{url}?show=1"
    return f"{url}?page=1" if page_images.count_shown_pages(describe_details(attachment.details)) else ""
