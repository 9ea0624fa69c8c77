"""Published specifications that files for other programs are checked against; they are kept beside the project."""

from pathlib import Path

import pytest

FORMATS = Path(__file__).resolve().parents[4] / "shared" / "formats"


def published(name: str) -> bytes:
    """Return a file of another system or its makers. Skip the test where the folder of specifications is missing."""
    path = FORMATS / name
    if not path.exists():
        pytest.skip(f"{name} does not lie beside this checkout")
    return path.read_bytes()
