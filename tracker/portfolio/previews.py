"""Pictures shown on a page are ours: decoded, shrunk and encoded anew, so that nothing of the upload is left."""

import secrets
import threading
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from tracker.errors import NotFound
from tracker.portfolio.file_checks import FaultyError, check_picture
from tracker.storage import file_store

MAX_SIDE_LENGTH = 1600
ENOUGH_TO_SHRINK = (MAX_SIDE_LENGTH, MAX_SIDE_LENGTH)
at_once = threading.BoundedSemaphore(2)
"""A large picture takes some hundred megabytes while it is decoded; the others wait their turn."""


def preview_of(sha256: str) -> Path:
    """A JPEG of the picture, at most 1,600 pixels long and without its metadata; made once and kept."""
    source = file_store.get_path(sha256)
    target = source.with_suffix(".preview.jpg")
    if not target.exists():
        with at_once:
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
                picture.draft("RGB", ENOUGH_TO_SHRINK)
                upright = ImageOps.exif_transpose(picture)
        upright.thumbnail(ENOUGH_TO_SHRINK)
        flattened(upright).save(temporary, "JPEG", quality=85)
        temporary.replace(target)
    except (FaultyError, OSError, ValueError) as error:
        raise NotFound("This picture cannot be shown. Download it instead.") from error
    finally:
        temporary.unlink(missing_ok=True)


def flattened(picture: Image.Image) -> Image.Image:
    """Its pixels alone, without comments and the like; on white where it was transparent."""
    clean = Image.new("RGB", picture.size, "white")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        clean.paste(picture, mask=picture.getchannel("A"))
    else:
        clean.paste(picture.convert("RGB"))
    return clean
