"""Content of a form's annex, as plain values: confirmed evidence requirements and sampled decisions."""

from dataclasses import dataclass
from datetime import date

from tracker.recording_forms.printed_text import add_break_points
from tracker.vocabulary import AcknowledgementAnswer, Outcome
from tracker.web.text_direction import isolate

MAX_UNBROKEN_CELL = 300
"""Characters of a cell of the annex. A row with a longer one may continue on the next page."""


def format_day(day: date) -> str:
    """Return a date as it is printed: `3 November 2026`."""
    return f"{day.day} {day:%B %Y}"


@dataclass(frozen=True)
class AnnexRequirement:
    """One evidence requirement of the unit, and its confirmation in this round."""

    label: str
    text: str
    points: tuple[str, ...] = ()
    confirmed_by: str = ""
    """Empty while it is not confirmed."""
    confirmed_on: date | None = None
    note: str = ""

    @property
    def confirmation(self) -> str:
        """Return who confirmed it and when."""
        if self.confirmed_on is None:
            return "Not confirmed"
        return f"{isolate(self.confirmed_by)}, {format_day(self.confirmed_on)}"

    @property
    def printed_note(self) -> str:
        """Return the note with its break points, or that there is none."""
        return add_break_points(self.note) or ("No note" if self.confirmed_on else "")

    @property
    def is_long(self) -> bool:
        """Whether its row may continue on the next page."""
        return max(len(self.text) + sum(map(len, self.points)), len(self.note)) > MAX_UNBROKEN_CELL


@dataclass(frozen=True)
class AnnexSample:
    """Decisions on one version of an item that were sampled together, with the same outcome and the same comment."""

    ref: str
    """The number of the item, with that of a later version: `3`, `3 v2`."""
    title: str
    criteria: str
    decision: Outcome | None
    """The decision that was sampled; None where it is no longer stored."""
    verifier: str
    sampled_on: date
    round: int
    is_interim: bool
    agrees: bool
    comment: str
    """What the verifier wrote: the action required after a disagreement, and the comment on the sample."""

    @property
    def printed_title(self) -> str:
        """Return the title with its break points."""
        return add_break_points(self.title)

    @property
    def sampled_when(self) -> str:
        """Return the date sampled and the round: `3 November 2026, round 2, interim`."""
        interim = ", interim" if self.is_interim else ""
        return f"{format_day(self.sampled_on)}, round {self.round}{interim}"

    @property
    def outcome(self) -> str:
        """Return whether the verifier agreed."""
        return "Agreed" if self.agrees else "Disagreed"

    @property
    def printed_comment(self) -> str:
        """Return the comment with its break points, or that there is none."""
        return add_break_points(self.comment) or "No comment"

    @property
    def is_long(self) -> bool:
        """Whether its row may continue on the next page."""
        return max(len(self.title), len(self.comment)) > MAX_UNBROKEN_CELL


@dataclass(frozen=True)
class AnnexRecord:
    """A record of assessment among the evidence: who wrote it, and who acknowledged it."""

    ref: str
    kind: str
    author: str
    finished_on: date
    answer: AcknowledgementAnswer | None = None
    """The last answer to it; None while there is none."""
    answered_by: str = ""
    answered_on: date | None = None
    notes: tuple[str, ...] = ()
    """What is said of a testimony besides: its witness's status, and how it was signed and authenticated."""

    @property
    def line(self) -> str:
        """Return it as a line: `Evidence 4: observation by Bob Archer, 3 November 2026. Agreed: Alice Moran, …`."""
        written = (
            f"Evidence {self.ref}: {self.kind.lower()} by {isolate(self.author)}, {format_day(self.finished_on)}."
        )
        if self.answer is None or self.answered_on is None:
            return f"{written} Not acknowledged."
        notes = "".join(f" {isolate(f'{note[0].upper()}{note[1:]}')}." for note in self.notes)
        return f"{written} {self.answer.label}: {isolate(self.answered_by)}, {format_day(self.answered_on)}.{notes}"


@dataclass(frozen=True)
class FormAnnex:
    """The annex of one recording form."""

    requirements: tuple[AnnexRequirement, ...] = ()
    samples: tuple[AnnexSample, ...] = ()
    warnings_reason: str = ""
    """Why the assessor signed this round although the evidence has warnings."""
    unsampled_reason: str = ""
    """Why the verifier released this round without sampling."""
    records: tuple[AnnexRecord, ...] = ()
    unmet_guidance: tuple[str, ...] = ()
    """What evidence guidance missed when the assessor signed."""

    @property
    def printed_warnings_reason(self) -> str:
        """Return the reason for signing over warnings with its break points."""
        return add_break_points(self.warnings_reason)

    @property
    def printed_unsampled_reason(self) -> str:
        """Return the reason for releasing without sampling with its break points."""
        return add_break_points(self.unsampled_reason)

    @property
    def row_count(self) -> int:
        """Return the number of rows and lines."""
        return len(self.requirements) + len(self.samples) + len(self.records) + len(self.unmet_guidance)

    @property
    def texts(self) -> dict[str, str]:
        """Return what people typed, by the name of its place."""
        texts = {
            f"the confirmation of evidence requirement {each.label}": f"{each.confirmed_by} {each.note}"
            for each in self.requirements
        }
        for sample in self.samples:
            name = f"the sampled decisions on evidence {sample.ref}"
            texts[name] = f"{texts.get(name, '')} {sample.title} {sample.verifier} {sample.comment}"
        texts |= {f"the record of evidence {each.ref}": f"{each.author} {each.answered_by}" for each in self.records}
        return texts | {
            "the reason for signing over warnings": self.warnings_reason,
            "the evidence guidance that was not met": " ".join(self.unmet_guidance),
            "the reason for releasing without sampling": self.unsampled_reason,
        }
