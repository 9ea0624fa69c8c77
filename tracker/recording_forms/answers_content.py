"""Content of printed answers to set questions: plain values, no Flask and no database."""

from dataclasses import dataclass

from tracker.recording_forms.observation_content import PrintedAnswer, QuestionsRecord


@dataclass(frozen=True)
class AnswersRecord(QuestionsRecord):
    """Everything on a sheet of set questions: with the candidate's answers, or blank for the pen."""

    NAME = "Questions answered alone"

    set_on: str = ""
    due_on: str = ""
    """The day by which they are to be answered; empty for none."""
    note: tuple[str, ...] = ()
    help_used: tuple[str, ...] = ()
    marked: PrintedAnswer | None = None
    """Who marked the answers; None before the marks were released."""

    @property
    def names_criteria(self) -> bool:
        """Return whether the criteria are those of the questions, and not all of the unit."""
        return True
