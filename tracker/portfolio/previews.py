"""Pictures shown on a page are ours: decoded, shrunk and encoded anew, so that nothing of the upload is left."""

import os
import secrets
from pathlib import Path

import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from tracker import storage
from tracker.errors import NotFound

pillow_heif.register_heif_opener()
MOST_PIXELS = 80_000_000
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
LONGEST_SIDE = 1600


def preview_of(sha256: str) -> Path:
    """A JPEG of the picture, at most 1,600 pixels long and without its metadata; made once and kept."""
    source = storage.path_of(sha256)
    target = source.with_suffix(".preview.jpg")
    if target.exists():
        return target
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with Image.open(source) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise NotFound("This picture is too large to show. Download it instead.")
            picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            upright.save(temporary, "JPEG", quality=85)
        os.replace(temporary, target)  # noqa: PTH105 - atomic, and says so
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotFound("This picture cannot be shown. Download it instead.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
