"""The sandboxed subprocess that makes the preview of one image from its pixels alone.

Arguments: `SOURCE TARGET`. It writes a JPEG to `TARGET`, reduced and without metadata.
"""

import sys
import warnings

from PIL import ExifTags, Image, ImageOps

from tracker.portfolio.file_checks.images import FORMATS, check_pixels

MAX_SIDE_LENGTH = 1600
MAX_PREVIEW_SIZE = (MAX_SIDE_LENGTH, MAX_SIDE_LENGTH)
GAP = 2
"""An image is first reduced by a whole number to at least so many times the preview's size, and then resampled."""
STRIP_HEIGHT = 256
"""Rows of an image that are converted at once: a copy of the whole image would take as much memory again."""


def main(source: str, target: str) -> None:
    """Write the preview of an image, which is decoded once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_pixels refuses such an image
        with Image.open(source, formats=FORMATS) as image:
            check_pixels(image)
            image.draft(None, (GAP * MAX_SIDE_LENGTH, GAP * MAX_SIDE_LENGTH))
            reduced = _reduce(image)
            reduced.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    reduced.thumbnail(MAX_PREVIEW_SIZE)
    flatten(ImageOps.exif_transpose(reduced)).save(target, "JPEG", quality=85)


def _reduce(image: Image.Image) -> Image.Image:
    """Return an image on white, divided by a whole number to at least `GAP` times the preview's size."""
    factor = max(1, max(image.size) // (GAP * MAX_SIDE_LENGTH))
    reduced = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    height = STRIP_HEIGHT * factor
    for top in range(0, image.height, height):
        strip = image.crop((0, top, image.width, min(top + height, image.height)))
        if strip.mode.startswith("I"):
            strip = _reduce_to_8_bits(strip)
        reduced.paste(flatten(strip).reduce(factor), (0, top // factor))
    return reduced


def flatten(image: Image.Image) -> Image.Image:
    """Return the pixels alone, without metadata, on white where the image was transparent."""
    clean = Image.new("RGB", image.size, "white")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        clean.paste(image, mask=image.getchannel("A"))
    else:
        clean.paste(image.convert("RGB"))
    return clean


def _reduce_to_8_bits(image: Image.Image) -> Image.Image:
    """Return a grey image with 8 bits a pixel instead of 16; a plain conversion would turn most tones white."""
    reduced = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    reduced.info.pop("transparency", None)  # it names a tone of 16 bits, which the reduced image lacks
    return reduced


if __name__ == "__main__":
    main(*sys.argv[1:])
