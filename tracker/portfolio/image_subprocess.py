"""The sandboxed subprocess that makes the preview of one image from its pixels alone.

Arguments: `SOURCE TARGET`. It writes a JPEG to `TARGET`, reduced and without metadata.
"""

import sys
import warnings

from PIL import Image, ImageOps

from tracker.portfolio.file_checks.images import FORMATS, check_pixels

MAX_SIDE_LENGTH = 1600
MAX_PREVIEW_SIZE = (MAX_SIDE_LENGTH, MAX_SIDE_LENGTH)


def main(source: str, target: str) -> None:
    """Write the preview of an image. It is decoded once, and then only the reduced image is turned and copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_pixels refuses such an image
        with Image.open(source, formats=FORMATS) as image:
            check_pixels(image)
            reduced = _reduce_to_8_bits(image) if image.mode.startswith("I") else image
            reduced.thumbnail(MAX_PREVIEW_SIZE)
            upright = ImageOps.exif_transpose(reduced)
    flatten(upright).save(target, "JPEG", quality=85)


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
