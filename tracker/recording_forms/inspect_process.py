"""Takes a PDF that a stranger brought apart, in a process that can do little and not for long.

Run as a file, not as a module: it reads the certificates (JSON, a line) and the PDF from standard input and prints
what it found as JSON.
"""

import json
import resource
import sys
import types
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

MEGABYTE = 1024 * 1024
LIMITS = {resource.RLIMIT_AS: 1024 * MEGABYTE, resource.RLIMIT_CPU: 10, resource.RLIMIT_CORE: 0}
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    for limit, most in LIMITS.items():
        with suppress(OSError, ValueError):  # macOS has no limit on address space
            resource.setrlimit(limit, (most, most))
    _leave_the_server_out()
    from tracker.recording_forms.pdf_seals import attachments_of, check_seal

    certificates, _, pdf = sys.stdin.buffer.read().partition(b"\n")
    found = check_seal(pdf, json.loads(certificates))
    attached = {name: b64encode(content).decode("ascii") for name, content in attachments_of(pdf).items()}
    sys.stdout.write(json.dumps({"key": found.key, "fault": found.fault, "attached": attached}))


def _leave_the_server_out() -> None:
    """The package `tracker` without what its first file loads: Flask and the database take seconds to start."""
    sys.path[0] = str(ROOT)
    package = types.ModuleType("tracker")
    package.__path__ = [str(ROOT / "tracker")]
    sys.modules["tracker"] = package


if __name__ == "__main__":
    main()
