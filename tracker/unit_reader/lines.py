"""What every kind of document is brought to: numbered lines, with what the source itself says about them."""

from collections.abc import Mapping
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

    def as_json(self) -> dict[str, Any]:
        """Return the lines, doubts and title as plain values."""
        return {
            "lines": [(line.text, line.page, line.heading, line.cells, line.item) for line in self.lines],
            "doubts": [(doubt.lines, doubt.what, doubt.assumed) for doubt in self.doubts],
            "title": self.title,
        }

    @classmethod
    def from_json(cls, name: str, kind: str, content: Mapping[str, Any]) -> "SourceText":
        """Return the document from the values of `as_json`, in which the readers of each kind answer too."""
        lines = tuple(
            Line(number, text, page, heading, tuple(cells), item)
            for number, (text, page, heading, cells, item) in enumerate(content["lines"], start=1)
        )
        doubts = tuple(Doubt(tuple(numbers), what, assumed) for numbers, what, assumed in content["doubts"])
        return cls(name, kind, lines, doubts, content["title"])


class Unreadable(Refused):
    """The file cannot be read at all; the sentence says why and what to do."""


class NoUnit(Refused):
    """The document was read, and holds no unit; guidance if that is what it is."""

    def __init__(self, sentence: str, guidance: GuidanceDocument | None = None) -> None:
        super().__init__(sentence)
        self.guidance = guidance
