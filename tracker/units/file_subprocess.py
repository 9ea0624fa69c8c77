"""The sandboxed subprocess that parses one file of units.

Argument: the format's name. It reads the file from standard input and prints JSON: units, links and remarks, or why
the file is refused.
"""

import json
import sys
from dataclasses import asdict

from tracker.errors import Invalid
from tracker.units import formats


def main(format_name: str) -> None:
    """Parse the file on standard input, and print the result."""
    try:
        contents = formats.read(format_name, sys.stdin.buffer.read())
    except Invalid as error:
        sys.stdout.write(json.dumps({"invalid": [str(error), error.field]}))
        return
    answer = {
        "units": [unit.as_json() for unit in contents.units],
        "links": [asdict(link) for link in contents.links],
        "remarks": contents.remarks,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
