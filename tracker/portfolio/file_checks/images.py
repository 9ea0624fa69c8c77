"""Checks of images: damaged ones and those with too many pixels are refused."""

import warnings
from typing import IO

import pillow_heif
from PIL import Image

from tracker.portfolio.file_checks.faults import FileFaultError

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "HEIF", "WEBP")
MAX_DECODED_SIZE = 420_000_000
"""Bytes that decoding an image may take at most."""
BYTES_PER_PIXEL = {"PNG": 4, "HEIF": 7, "WEBP": 16}
"""What the decoder of each format was measured to need, its own copies included (docs/performance.md)."""
MAX_PNG_PIXELS = 80_000_000
MAX_PIXELS = 200_000_000
"""Of a JPEG that is read line by line, and decoded at a smaller size."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
"""Pillow refuses an image of more than twice as many pixels before it allocates memory for them."""
SMALLER = "Save it smaller, or as an ordinary JPEG, and upload that."
TOO_MANY_PIXELS = f"the image has more pixels than can be shown. {SMALLER}"


def check_image(stream: IO[bytes]) -> None:
    """Raise `FileFaultError` for an image that cannot be opened, is cut short, or has too many pixels to show."""
    if _count_webp_pixels(stream) > MAX_DECODED_SIZE // BYTES_PER_PIXEL["WEBP"]:
        raise FileFaultError(TOO_MANY_PIXELS)
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
    if image.width * image.height > (limit := compute_max_pixels(image)):
        raise FileFaultError(f"the image has more than {limit // 1_000_000} million pixels. {SMALLER}")


def compute_max_pixels(image: Image.Image) -> int:
    """Return how many pixels an image of this format may have, so that decoding stays below `MAX_DECODED_SIZE`."""
    if image.format in {"JPEG", "MPO"}:
        if not image.info.get("progressive"):
            return MAX_PIXELS
        # The coefficients of a progressive image are kept whole, two bytes for each pixel of each colour.
        return MAX_DECODED_SIZE // (2 * len(image.getbands()))
    limit = MAX_DECODED_SIZE // BYTES_PER_PIXEL[image.format or ""]
    return min(limit, MAX_PNG_PIXELS)


def _count_webp_pixels(stream: IO[bytes]) -> int:
    """Return how many pixels the header of a WEBP image states; 0 for other images.

    Pillow's decoder takes memory for all of them when it opens the file.
    """
    stream.seek(0)
    head = stream.read(30)
    if head[8:12] != b"WEBP" or len(head) < 30:
        return 0
    if head[12:16] == b"VP8X":
        return (1 + int.from_bytes(head[24:27], "little")) * (1 + int.from_bytes(head[27:30], "little"))
    if head[12:16] == b"VP8L":
        sides = int.from_bytes(head[21:25], "little")
        return (1 + (sides & 0x3FFF)) * (1 + (sides >> 14 & 0x3FFF))
    return (int.from_bytes(head[26:28], "little") & 0x3FFF) * (int.from_bytes(head[28:30], "little") & 0x3FFF)
