"""The unit in a document, made out in a process of its own: odd text can take longer than any unit should.

The lines go in as JSON, and what was read comes out as JSON.
"""

import json
from dataclasses import astuple
from typing import Any

from tracker.unit_reader.lines import Doubt, Line, NoUnit, SourceText
from tracker.unit_reader.sources.bounded import ask
from tracker.unit_reader.unit import Reading, read_unit
from tracker.units.documents import guidance_from_json

UNIT = "unit"
"""What the process is asked for; the kinds of documents are its other words."""


def read_unit_apart(source: SourceText) -> Reading:
    """The unit in a document. Raises `NoUnit` where it holds none, and `Unreadable` where that takes too long."""
    answer = ask(UNIT, source.name, json.dumps(astuple(source)).encode())
    if "no_unit" in answer:
        raise NoUnit(answer["no_unit"], guidance_from_json(answer["guidance"]) if answer["guidance"] else None)
    return Reading.from_json(answer)


def make_out(body: bytes) -> dict[str, Any]:
    """The other end of it."""
    name, kind, lines, doubts, title = json.loads(body)
    source = SourceText(
        name,
        kind,
        tuple(
            Line(number, text, page, heading, tuple(cells), item)
            for number, text, page, heading, cells, item in lines
        ),
        tuple(Doubt(tuple(numbers), what, assumed) for numbers, what, assumed in doubts),
        title,
    )
    try:
        reading = read_unit(source)
    except NoUnit as error:
        return {"no_unit": str(error), "guidance": error.guidance.as_json() if error.guidance else None}
    return {**reading.as_json(), "places": list(reading.places.items())}
