"""The sandboxed subprocess that makes the preview of one image from its pixels alone.

Arguments: `SOURCE TARGET`. It writes a JPEG to `TARGET`, reduced and without metadata.
"""

import sys
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from tracker.portfolio.file_checks.images import check_image

MAX_SIDE_LENGTH = 1600
MAX_PREVIEW_SIZE = (MAX_SIDE_LENGTH, MAX_SIDE_LENGTH)


def main(source: str, target: str) -> None:
    """Write the preview of an image."""
    with Path(source).open("rb") as stream:
        check_image(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_image has limited the pixels
        with Image.open(source) as image:
            image.draft("RGB", MAX_PREVIEW_SIZE)
            eight_bit = _reduce_to_8_bits(image) if image.mode.startswith("I") else image
            upright = ImageOps.exif_transpose(eight_bit)
    upright.thumbnail(MAX_PREVIEW_SIZE)
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
