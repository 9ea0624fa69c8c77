"""Takes a PDF that a stranger brought apart, in a process that can do little and not for long.

It reads the certificates (JSON, a line) and the PDF from standard input and prints what it found as JSON.
"""

import json
import resource
import sys
from base64 import b64encode
from contextlib import suppress

MEGABYTE = 1024 * 1024
LIMITS = {resource.RLIMIT_AS: 1024 * MEGABYTE, resource.RLIMIT_CPU: 10, resource.RLIMIT_CORE: 0}


def main() -> None:
    for limit, most in LIMITS.items():
        with suppress(OSError, ValueError):  # macOS has no limit on address space
            resource.setrlimit(limit, (most, most))
    from tracker.recording_forms.pdf_seals import attachments_of, check_seal

    certificates, _, pdf = sys.stdin.buffer.read().partition(b"\n")
    found = check_seal(pdf, json.loads(certificates))
    attached = {name: b64encode(content).decode("ascii") for name, content in attachments_of(pdf).items()}
    sys.stdout.write(json.dumps({"key": found.key, "fault": found.fault, "attached": attached}))


if __name__ == "__main__":
    main()
