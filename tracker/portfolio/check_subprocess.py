"""The sandboxed subprocess that identifies one uploaded file: it reads the file from standard input and prints JSON.

It prints the fields of `IdentifiedFile`, `{"fault": "…"}` for a file that is refused, or `null` for an unknown type.
"""

import json
import sys
from dataclasses import asdict

from tracker.portfolio.file_checks.faults import FileFaultError
from tracker.portfolio.file_checks.identify import identify


def main() -> None:
    """Identify the file on standard input, and print the result."""
    try:
        identified = identify(sys.stdin.buffer)
    except FileFaultError as fault:
        sys.stdout.write(json.dumps({"fault": str(fault)}))
        return
    sys.stdout.write(json.dumps(asdict(identified) if identified else None))


if __name__ == "__main__":
    main()
