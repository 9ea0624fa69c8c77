"""A statement while it is being read, and what a section's rows came to."""

from dataclasses import dataclass, field

from tracker.unit_reader.lines import Doubt
from tracker.unit_reader.markers import Marker


@dataclass
class Statement:
    """One item as it is being read. `marker` is None for one that is printed without any."""

    text: str
    numbers: list[int]
    marker: Marker | None = None
    heading: str | None = None
    parent: "Statement | None" = None
    points: list[str] = field(default_factory=list)
    note: str | None = None
    unlabelled: bool = False
    """Printed without a label among others that have one."""
    children: list["Statement"] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it waits for sub-points."""
        return self.text.rstrip().endswith((":", ":-", ": –"))


@dataclass
class Split:
    """What a section came to."""

    statements: list[Statement] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    unparsed: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    """For the assessor, per range of criteria."""
    ranges: list[tuple[str, str, str]] = field(default_factory=list)
    """First label, last label, heading: groups that are given only as ranges."""

    @property
    def top(self) -> list[Statement]:
        return [each for each in self.statements if each.parent is None]
