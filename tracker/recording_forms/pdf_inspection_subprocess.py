"""The sandboxed subprocess that inspects one uploaded PDF.

Standard input holds the certificates as a line of JSON, then the PDF. Standard output gets JSON: the seal and the
attachments.
"""

import json
import sys
from base64 import b64encode

from tracker.recording_forms.pdf_seals import check_seal, read_attachments


def main() -> None:
    """Inspect the PDF on standard input and print the answer."""
    certificates, _, pdf = sys.stdin.buffer.read().partition(b"\n")
    seal = check_seal(pdf, json.loads(certificates))
    attachments = {name: b64encode(content).decode("ascii") for name, content in read_attachments(pdf).items()}
    sys.stdout.write(json.dumps({"key": seal.key, "fault": seal.fault, "attachments": attachments}))


if __name__ == "__main__":
    main()
