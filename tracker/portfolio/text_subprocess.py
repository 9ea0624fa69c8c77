"""The sandboxed subprocess that reads the text of one document.

Arguments: `SOURCE MEDIA_TYPE`. It prints the text in UTF-8.
"""

import sys
from pathlib import Path

from tracker.portfolio.document_text.read import read_text


def main(source: str, media_type: str) -> None:
    """Print the text of a document."""
    sys.stdout.buffer.write(read_text(Path(source), media_type).encode("utf-8", "replace"))


if __name__ == "__main__":
    main(*sys.argv[1:])
