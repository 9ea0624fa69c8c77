"""A row: one line of the document, cleaned."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line, cleaned; `numbers` are the source's lines that it came from."""

    numbers: tuple[int, ...]
    text: str
    indent: int = 0
    after_blank: bool = False
    """A blank line stands above it, and not one that came with the end of a page."""
    after_break: bool = False
    """Page furniture stands above it."""
    heading: bool = False
    fixed: bool = False
    """Its end is where a paragraph or a cell ends, never where a line was too long."""
    cells: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        return self.numbers[0]

    @property
    def width(self) -> int:
        """Where the line ends, counted from the margin."""
        return self.indent + len(self.text)
