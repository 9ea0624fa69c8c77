"""Opens one PDF that a stranger made, in a process that can do little: counts its pages, or paints one.

`count FILE` prints the number; `paint FILE PAGE TARGET` writes a JPEG.
"""

import resource
import sys
from contextlib import suppress

MEGABYTE = 1024 * 1024
MAX_SIDE_LENGTH = 1800
LIMITS = {
    resource.RLIMIT_AS: 1024 * MEGABYTE,
    resource.RLIMIT_CPU: 10,
    resource.RLIMIT_FSIZE: 20 * MEGABYTE,
    resource.RLIMIT_CORE: 0,
}


def main(act: str, source: str, *rest: str) -> None:
    for limit, most in LIMITS.items():
        with suppress(ValueError, OSError):  # macOS has no limit on address space
            resource.setrlimit(limit, (most, most))
    import pypdfium2  # type: ignore[import-untyped]  # it carries no types

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
