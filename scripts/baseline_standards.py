"""JSON of every unit in the standards folder, with its size and hash."""

import hashlib
import json
from typing import Any

from baseline_app import run_command, running_app

COLUMNS = "code version slug: bytes of the printed JSON, SHA-256 of the JSON with sorted keys and no spaces"


def list_standards() -> dict[str, str]:
    """Return standards.txt, and the JSON of each unit as `flask standards show` prints it."""
    files, lines = {}, []
    with running_app() as app:
        for unit in json.loads(run_command(app, "standards", "list", "--json")):
            arguments = (unit["code"], "--version", unit["version"])
            output = run_command(app, "standards", "show", *arguments, "--json")
            lines.append(describe(unit, output))
            files[f"standards/{unit['slug']}.json"] = output.decode()
    return {"standards.txt": "\n".join([COLUMNS, "", *sorted(lines)]) + "\n", **files}


def describe(unit: dict[str, Any], output: bytes) -> str:
    canonical = json.dumps(json.loads(output), sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{unit['code']} {unit['version']} {unit['slug']}: {len(output)}, {digest}"
