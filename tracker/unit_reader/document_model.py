"""Classes that the steps of the reader pass on: lines, sections, statements, doubts, and the two errors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tracker.errors import Refused
from tracker.unit_reader.markers import Marker
from tracker.unit_reader.phrases import Part
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
    file_format: str
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


@dataclass(frozen=True)
class CleanLine:
    """One line, cleaned; `line_numbers` are those of the source's lines that it came from."""

    line_numbers: tuple[int, ...]
    text: str
    indent: int = 0
    after_blank: bool = False
    """A blank line stands above it, and not one that came with the end of a page."""
    after_break: bool = False
    """Page furniture stands above it."""
    heading: bool = False
    ends_paragraph: bool = False
    """Its end is where a paragraph or a cell ends, never where a line was too long."""
    cells: tuple[str, ...] = ()

    @property
    def line_number(self) -> int:
        return self.line_numbers[0]

    @property
    def width(self) -> int:
        """Where the line ends, counted from the margin."""
        return self.indent + len(self.text)


@dataclass
class Section:
    """One part of the document: its heading's row, and the rows under it."""

    part: Part | None
    """None before the first heading, and for facts about the unit."""
    heading: CleanLine | None = None
    lines: list[CleanLine] = field(default_factory=list)
    outcome: str | None = None
    """The outcome or element that it belongs to."""
    is_metadata: bool = False


@dataclass
class Statement:
    """One item as it is being read. `marker` is None for one that is printed without any."""

    text: str
    line_numbers: list[int]
    marker: Marker | None = None
    heading: str | None = None
    parent: "Statement | None" = None
    points: list[str] = field(default_factory=list)
    note: str | None = None
    is_unlabelled: bool = False
    """Printed without a label among others that have one."""
    children: list["Statement"] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it waits for sub-points."""
        return self.text.rstrip().endswith((":", ":-", ": –"))


@dataclass
class SectionStatements:
    """What a section came to."""

    statements: list[Statement] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    unparsed: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    assessor_rules: list[str] = field(default_factory=list)
    """For the assessor, per range of criteria."""
    ranges: list[tuple[str, str, str]] = field(default_factory=list)
    """First label, last label, heading: groups that are given only as ranges."""

    @property
    def top_level(self) -> list[Statement]:
        return [each for each in self.statements if each.parent is None]
