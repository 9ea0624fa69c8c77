"""Classes that the steps of the reader pass on: lines, sections, statements, doubts, and the two errors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tracker.errors import Refused
from tracker.unit_reader.markers import Marker
from tracker.unit_reader.phrases import Part
from tracker.units.documents import GuidanceDocument, UnitDocument, unit_from_json


@dataclass(frozen=True)
class Line:
    """One line of a document, as extracted. Leading spaces are kept, because they may show nesting."""

    number: int
    """Counted from 1 over the whole document."""
    text: str
    page: int | None = None
    is_heading: bool = False
    """The source marks it as a heading: by a tag, a style, or larger or heavier type."""
    cells: tuple[str, ...] = ()
    """The text of each cell of a table's row, empty if it is empty or merged; `text` joins them by ` | `."""
    item: str = ""
    """The marker that the source shows before a list's item (`1.`, `a)`, `•`); `text` begins with it."""


@dataclass(frozen=True)
class Doubt:
    """What the reader is unsure of: the line numbers, what is doubtful, and what was assumed."""

    lines: tuple[int, ...]
    what: str
    assumed: str

    def as_json(self) -> dict[str, Any]:
        """Return the doubt as plain values."""
        return {**asdict(self), "lines": list(self.lines)}


@dataclass(frozen=True)
class SourceText:
    """A document's lines as extracted. `file_format` is `text`, `html`, `docx` or `pdf`."""

    name: str
    file_format: str
    lines: tuple[Line, ...]
    doubts: tuple[Doubt, ...] = ()
    title: str = ""
    """The title that the file states outside its text, such as a web page's title."""

    def as_json(self) -> dict[str, Any]:
        """Return the lines, doubts and title as plain values."""
        return {
            "lines": [(line.text, line.page, line.is_heading, line.cells, line.item) for line in self.lines],
            "doubts": [(doubt.lines, doubt.what, doubt.assumed) for doubt in self.doubts],
            "title": self.title,
        }

    @classmethod
    def from_json(cls, name: str, kind: str, content: Mapping[str, Any]) -> "SourceText":
        """Return the document from the values of `as_json`, which the extraction of each format returns, too."""
        lines = tuple(
            Line(number, text, page, is_heading, tuple(cells), item)
            for number, (text, page, is_heading, cells, item) in enumerate(content["lines"], start=1)
        )
        doubts = tuple(Doubt(tuple(numbers), what, assumed) for numbers, what, assumed in content["doubts"])
        return cls(name, kind, lines, doubts, content["title"])


class Unreadable(Refused):
    """A file that cannot be read at all. The sentence says why, and how to put it right."""


class NoUnit(Refused):
    """A document that was read and holds no unit, with the guidance if it is learning guidance."""

    def __init__(self, sentence: str, guidance: GuidanceDocument | None = None) -> None:
        super().__init__(sentence)
        self.guidance = guidance


@dataclass(frozen=True)
class CleanLine:
    """One line after cleaning. `line_numbers` are those of the source's lines that it came from."""

    line_numbers: tuple[int, ...]
    text: str
    indent: int = 0
    after_blank: bool = False
    """A blank line is above it that does not come from the end of a page."""
    after_break: bool = False
    """A page header or footer was above it."""
    is_heading: bool = False
    ends_paragraph: bool = False
    """It ends where a paragraph or a cell ends, and was not wrapped."""
    cells: tuple[str, ...] = ()

    @property
    def line_number(self) -> int:
        """Return the number of the first of the source's lines."""
        return self.line_numbers[0]

    @property
    def width(self) -> int:
        """Return where the line ends, in characters from the left margin."""
        return self.indent + len(self.text)


@dataclass
class Section:
    """One section of the document: its heading, and the lines below it."""

    part: Part | None
    """None before the first heading, and for metadata."""
    heading: CleanLine | None = None
    lines: list[CleanLine] = field(default_factory=list)
    outcome: str | None = None
    """The outcome or element that it belongs to."""
    is_metadata: bool = False


@dataclass
class Statement:
    """One item of a section while it is being read. `marker` is None if none is printed."""

    text: str
    line_numbers: list[int]
    marker: Marker | None = None
    heading: str | None = None
    parent: "Statement | None" = None
    points: list[str] = field(default_factory=list)
    note: str | None = None
    is_unlabelled: bool = False
    """It is printed without a label among others that have one."""
    children: list["Statement"] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Return whether the text ends in a colon, so that points are expected."""
        return self.text.rstrip().endswith((":", ":-", ": –"))


@dataclass
class SectionStatements:
    """Statements of one section, with its doubts, rules for the assessor, and ranges."""

    statements: list[Statement] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    unparsed: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    assessor_rules: list[str] = field(default_factory=list)
    """What is said to the assessor about ranges of criteria."""
    ranges: list[tuple[str, str, str]] = field(default_factory=list)
    """First label, last label, heading: groups that are given only as ranges."""

    @property
    def top_level(self) -> list[Statement]:
        """Return the statements that are inside no other."""
        return [each for each in self.statements if each.parent is None]


@dataclass(frozen=True)
class UnusedText:
    """Text of the document that the reader could not use, and its line numbers."""

    lines: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class UnitReading:
    """Result of reading a document: the unit, the doubts, the unused text, and the lines behind each criterion."""

    document: UnitDocument
    doubts: tuple[Doubt, ...]
    unparsed: tuple[UnusedText, ...]
    places: dict[int, tuple[int, ...]]
    """The line numbers behind each criterion, by its position."""

    def as_json(self) -> dict[str, Any]:
        """Return the unit as `flask standards show --json` prints it, with `warnings` and `unparsed`."""
        return {
            **self.document.as_json(),
            "warnings": [each.as_json() for each in self.doubts],
            "unparsed": [{"lines": list(each.lines), "text": each.text} for each in self.unparsed],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "UnitReading":
        """Return the reading from `as_json`, to which the pairs of `places` have been added."""
        stated = dict(content)
        doubts, unparsed, places = (stated.pop(name) for name in ("warnings", "unparsed", "places"))
        return cls(
            unit_from_json(stated),
            tuple(Doubt(**{**each, "lines": tuple(each["lines"])}) for each in doubts),
            tuple(UnusedText(tuple(each["lines"]), each["text"]) for each in unparsed),
            {position: tuple(lines) for position, lines in places},
        )
