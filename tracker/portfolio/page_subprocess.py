"""The sandboxed subprocess that opens one PDF from a user: it counts the pages, or renders one.

`count FILE` prints the number; `render FILE PAGE TARGET` writes a JPEG.
"""

import sys

import pypdfium2  # type: ignore[import-untyped]  # it carries no types

MAX_SIDE_LENGTH = 1800
"""Pixels."""


def main(act: str, source: str, *rest: str) -> None:
    """Count the pages of a PDF, or render one of them."""
    with pypdfium2.PdfDocument(source) as document:
        if act == "count":
            sys.stdout.write(str(len(document)))
            return
        number, target = rest
        page = document[int(number) - 1]
        scale = MAX_SIDE_LENGTH / max(*page.get_size(), 1)
        page.render(scale=min(scale, 4)).to_pil().convert("RGB").save(target, "JPEG", quality=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
