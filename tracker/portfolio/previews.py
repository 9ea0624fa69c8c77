"""Previews of uploaded images: decoded, reduced and encoded again, so that no byte of the upload is left."""

import secrets
import threading
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from tracker.errors import NotFound
from tracker.portfolio.file_checks import FileFaultError, check_picture
from tracker.storage import file_store

MAX_SIDE_LENGTH = 1600
MAX_PREVIEW_SIZE = (MAX_SIDE_LENGTH, MAX_SIDE_LENGTH)
slots = threading.BoundedSemaphore(2)
"""Decoding a large image takes some hundred megabytes, so only two are decoded at once."""


def make_preview(sha256: str) -> Path:
    """Return a JPEG of the image, at most 1,600 pixels long and without metadata, made once and kept."""
    source = file_store.get_path(sha256)
    target = source.with_suffix(".preview.jpg")
    if not target.exists():
        with slots:
            if not target.exists():
                _make(source, target)
    return target


def _make(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with source.open("rb") as stream:
            check_picture(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_picture counted the pixels
            with Image.open(source) as picture:
                picture.draft("RGB", MAX_PREVIEW_SIZE)
                upright = ImageOps.exif_transpose(picture)
        upright.thumbnail(MAX_PREVIEW_SIZE)
        flatten(upright).save(temporary, "JPEG", quality=85)
        temporary.replace(target)
    except (FileFaultError, OSError, ValueError) as error:
        raise NotFound("This image cannot be shown. Download it instead.") from error
    finally:
        temporary.unlink(missing_ok=True)


def flatten(picture: Image.Image) -> Image.Image:
    """Return the pixels alone, without metadata, on white where the image was transparent."""
    clean = Image.new("RGB", picture.size, "white")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        clean.paste(picture, mask=picture.getchannel("A"))
    else:
        clean.paste(picture.convert("RGB"))
    return clean
