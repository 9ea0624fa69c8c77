"""The sandboxed subprocess that renders one page of an uploaded PDF, with its form fields as they were filled in.

Arguments: `SOURCE PAGE TARGET`. It writes a JPEG to `TARGET`.
"""

import sys

import pypdfium2  # type: ignore[import-untyped]  # it carries no types

MAX_SIDE_LENGTH = 1800
"""Pixels."""


def main(source: str, number: str, target: str) -> None:
    """Write the image of a page."""
    with pypdfium2.PdfDocument(source) as document:
        document.init_forms()
        page = document[int(number) - 1]
        scale = MAX_SIDE_LENGTH / max(*page.get_size(), 1)
        page.render(scale=min(scale, 4), may_draw_forms=True).to_pil().convert("RGB").save(target, "JPEG", quality=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
