"""Checks of images: damaged ones and those with too many pixels are refused."""

import warnings
from typing import IO

import pillow_heif
from PIL import Image

from tracker.portfolio.file_checks.faults import FileFaultError

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "HEIF", "WEBP")
MAX_PIXELS = 200_000_000
MAX_DECODED_PIXELS = 80_000_000
"""Pixels of an image that is decoded whole; a JPEG can be decoded at a smaller size."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
"""Pillow refuses an image of more than twice as many pixels before it allocates memory for them."""
TOO_MANY_PIXELS = "the image has too many pixels to be shown. Save it smaller."


def check_image(stream: IO[bytes]) -> None:
    """Raise `FileFaultError` for an image that cannot be opened, is cut short, or has too many pixels to show."""
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_pixels refuses such an image
            with Image.open(stream, formats=FORMATS) as image:
                check_pixels(image)
                if image.format in {"JPEG", "MPO"}:
                    image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
                    image.load()
                elif image.format == "PNG":
                    image.verify()
                elif image.format == "WEBP":
                    image.load()
    except Image.DecompressionBombError as error:
        raise FileFaultError(TOO_MANY_PIXELS) from error
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as error:
        raise FileFaultError("the image is damaged or incomplete. Take or save it again.") from error


def check_pixels(image: Image.Image) -> None:
    """Raise `FileFaultError` for an opened image that has too many pixels to show; nothing is decoded."""
    pixels = image.width * image.height
    if pixels > (MAX_PIXELS if image.format in {"JPEG", "MPO"} else MAX_DECODED_PIXELS):
        raise FileFaultError(TOO_MANY_PIXELS)
