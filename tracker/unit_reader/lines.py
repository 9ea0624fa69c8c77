"""What every kind of document is brought to: numbered lines, with what the source itself says about them."""

from dataclasses import asdict, dataclass
from typing import Any

from tracker.errors import Refused
from tracker.units.documents import GuidanceDocument


@dataclass(frozen=True)
class Line:
    """One line of a document. Leading spaces are kept, since they may say what is nested in what."""

    number: int
    """From 1, over the whole document as it was read."""
    text: str
    page: int | None = None
    heading: bool = False
    """The source itself marks it as a heading: a tag, a style, larger or heavier type."""
    cells: tuple[str, ...] = ()
    """A table's row: the text of each cell, empty where it is empty or merged; `text` joins them by ` | `."""
    item: str = ""
    """The marker of a list that the source shows (`1.`, `a)`, `•`); `text` begins with it."""


@dataclass(frozen=True)
class Doubt:
    """What the reader is unsure of: the lines, what is doubtful in them, and what it assumed."""

    lines: tuple[int, ...]
    what: str
    assumed: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "lines": list(self.lines)}


@dataclass(frozen=True)
class SourceText:
    """A document as lines. `kind` is `text`, `html`, `docx` or `pdf`."""

    name: str
    kind: str
    lines: tuple[Line, ...]
    doubts: tuple[Doubt, ...] = ()
    title: str = ""
    """What the file says of itself outside its text, such as a web page's title."""


class Unreadable(Refused):
    """The file cannot be read at all; the sentence says why and what to do."""


class NoUnit(Refused):
    """The document was read, and holds no unit; guidance if that is what it is."""

    def __init__(self, sentence: str, guidance: GuidanceDocument | None = None) -> None:
        super().__init__(sentence)
        self.guidance = guidance
