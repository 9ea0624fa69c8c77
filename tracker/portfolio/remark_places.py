"""Places in evidence that a remark can be about: a file, a page, a region of it, a paragraph, a moment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracker.errors import Invalid
from tracker.models import Attachment, EvidenceVersion
from tracker.portfolio.file_details import describe_details
from tracker.portfolio.page_images import count_shown_pages
from tracker.portfolio.recording_times import RecordingTime, read_time
from tracker.web.formatting import split_paragraphs
from tracker.web.text_direction import isolate

THOUSAND = 1000
MAX_SECOND = 360_000
PER_CENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9])[0-9]*)?")
WHOLE_ITEM = "item"
"""The choice for the whole item."""
MAX_OPENING = 60
"""The characters of a paragraph that its choice shows."""


@dataclass(frozen=True)
class Region:
    """A region of a page in thousandths of its width and height; a pin has neither width nor height."""

    x: int
    y: int
    width: int = 0
    height: int = 0

    def is_on_page(self) -> bool:
        """Return whether all of it is on the page."""
        sides = ((self.x, self.width), (self.y, self.height))
        return all(start >= 0 and size >= 0 and start + size <= THOUSAND for start, size in sides)


@dataclass(frozen=True)
class RemarkPlace:
    """Where a remark belongs in a version of evidence; without anything it is about the whole item."""

    attachment_id: int | None = None
    page: int | None = None
    region: Region | None = None
    paragraph: int | None = None
    second: int | None = None

    @property
    def choice(self) -> str:
        """Return the value of the field that chooses it: `item`, `p-3`, `f-12`, or `f-12-4` for a page."""
        if self.paragraph is not None:
            return f"p-{self.paragraph}"
        if self.attachment_id is None:
            return WHOLE_ITEM
        return f"f-{self.attachment_id}" + (f"-{self.page}" if self.page else "")

    @property
    def clock(self) -> str:
        """Return the moment of the recording as it is typed; empty without one."""
        return RecordingTime(1, self.second).clock if self.second is not None else ""

    def describe(self, file: Attachment | str | None = None, *, is_picture: bool = False) -> str:
        """Return the place in words, for example `report.pdf, page 2`.

        Args:
            file: the file, or its name.
            is_picture: whether it is a picture, which has no pages.
        """
        if self.paragraph is not None:
            return f"Written account, paragraph {self.paragraph}"
        if self.attachment_id is None:
            return "The whole item"
        name = isolate(file if isinstance(file, str) else file.name if file else "A file")
        if self.second is not None:
            return f"{name} at {self.clock}"
        return f"{name}, page {self.page}" if self.page and not is_picture else name


@dataclass(frozen=True)
class PlaceChoice:
    """A place as the form of a remark offers it."""

    value: str
    label: str
    is_page: bool = False


def count_pages(file: Attachment) -> int:
    """Return how many pages of a file are shown; a picture is one."""
    return 1 if is_picture(file) else count_shown_pages(describe_details(file.details))


def is_picture(file: Attachment) -> bool:
    """Return whether a file is shown as one picture."""
    return file.media_type.startswith("image/")


def is_recording(file: Attachment) -> bool:
    """Return whether a file is played."""
    return file.media_type.startswith(("audio/", "video/"))


def list_places(version: EvidenceVersion, files: Sequence[Attachment]) -> list[PlaceChoice]:
    """List the places that a remark on this version can be about, in the order in which the evidence is read."""
    choices = [PlaceChoice(WHOLE_ITEM, "The whole item")]
    for number, text in enumerate(split_paragraphs(version.narrative), start=1):
        opening = " ".join(text.split())
        if len(opening) > MAX_OPENING:
            opening = opening[:MAX_OPENING].rsplit(" ", 1)[0] + " …"
        choices.append(PlaceChoice(f"p-{number}", f"Paragraph {number}: {isolate(opening)}"))
    for file in files:
        pages = count_pages(file)
        if not pages:
            choices.append(PlaceChoice(f"f-{file.id}", file.name))
        for page in range(1, pages + 1):
            place = RemarkPlace(file.id, page)
            label = place.describe(file, is_picture=is_picture(file))
            choices.append(PlaceChoice(place.choice, label, is_page=True))
    return choices


def read_place(choice: str, clock: str, sides: Sequence[str]) -> RemarkPlace:
    """Return the place that a form describes.

    Args:
        choice: the chosen place, as `RemarkPlace.choice` writes it.
        clock: the moment of a recording as it was typed; empty for none.
        sides: left, top, width and height of a region in per cent of the page; empty for none.

    Raises:
        Invalid: a part of it cannot be read.
    """
    place = _read_choice(choice or WHOLE_ITEM)
    if clock.strip():
        at = read_time(clock)
        if at is None or at.recording != 1 or at.second > MAX_SECOND:
            raise Invalid(
                "Enter the time as minutes and seconds, such as 12:31. What you typed is kept.", "remark_time"
            )
        place = replace(place, second=at.second)
    if any(each.strip() for each in sides):
        place = replace(place, region=_read_region(sides))
    return place


def check_place(place: RemarkPlace, version: EvidenceVersion, files: Sequence[Attachment]) -> None:
    """Raise `Invalid` unless a version has this place."""
    if place.paragraph is not None and not 1 <= place.paragraph <= len(split_paragraphs(version.narrative)):
        raise Invalid("This version has no such paragraph. Choose where the remark belongs.", "remark_place")
    file = next((each for each in files if each.id == place.attachment_id), None)
    if place.attachment_id is not None and file is None:
        raise Invalid("This version has no such file. Choose where the remark belongs.", "remark_place")
    if place.page is not None and (file is None or not 1 <= place.page <= count_pages(file)):
        raise Invalid("This file has no such page. Choose where the remark belongs.", "remark_place")
    if place.second is not None and (file is None or not is_recording(file)):
        raise Invalid("A time belongs to a recording. Choose the recording, or clear the time.", "remark_time")
    if place.region and place.page is None:
        raise Invalid("A region belongs to a page. Choose the page, or clear the region.", "remark_x")
    if place.region and not place.region.is_on_page():
        raise Invalid("The region has to lie on the page: each side is between 0 and 100 %.", "remark_x")


def _read_choice(choice: str) -> RemarkPlace:
    if choice == WHOLE_ITEM:
        return RemarkPlace()
    if match := re.fullmatch(r"p-([1-9][0-9]{0,5})", choice):
        return RemarkPlace(paragraph=int(match[1]))
    if match := re.fullmatch(r"f-([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,3}))?", choice):
        return RemarkPlace(int(match[1]), int(match[2]) if match[2] else None)
    raise Invalid("Choose where the remark belongs. What you typed is kept.", "remark_place")


def _read_region(sides: Sequence[str]) -> Region:
    values = []
    for side in sides:
        match = PER_CENT.fullmatch(side.strip() or "0")
        if match is None:
            raise Invalid(
                "Enter the region in per cent of the page, such as 12.5. What you typed is kept.", "remark_x"
            )
        values.append(10 * int(match[1]) + int(match[2] or 0))
    return Region(*values)
