"""Previews of uploaded images, made in a sandboxed subprocess: decoded, reduced and encoded again."""

from contextlib import nullcontext
from pathlib import Path

from tracker.errors import Busy, NotFound
from tracker.portfolio.derived_files import load_derived
from tracker.portfolio.file_types import DECODER_SLOTS
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.web.fair_shares import Turn

PREVIEW_NAME = "preview.jpg"
REDUCER = Sandbox(
    "tracker.portfolio.image_subprocess",
    Limits(address_space=768 * MEGABYTE, cpu_seconds=20, file_size=20 * MEGABYTE),
    slots=DECODER_SLOTS,
    timeout_seconds=30,
)


def load_preview(sha256: str, turn: Turn = nullcontext) -> bytes:
    """Return a JPEG of the image, at most 1,600 pixels long and without metadata, made once and kept.

    Raises `NotFound` for an image that cannot be shown, `Busy` while too many other files are decoded.
    """
    try:
        return load_derived(sha256, PREVIEW_NAME, _reduce, turn)
    except SandboxBusy as error:
        raise Busy from error
    except (OSError, SandboxError) as error:
        raise NotFound("This image cannot be shown. Download it instead.") from error


def _reduce(source: Path, target: Path) -> None:
    """Write the preview of an image."""
    REDUCER.run([str(source), str(target)])
