"""An invented observation: what the assessor of the demonstration saw, with stamps and questions."""

from dataclasses import dataclass, field
from typing import Any

from tracker.portfolio.record_content import Question
from tracker.vocabulary import Outcome


@dataclass(frozen=True)
class DemoObservation:
    """An observation in a unit, by the unit's code, with the fields that its author fills in."""

    code: str
    fields: dict[str, Any] = field(default_factory=dict)


OBSERVATION = DemoObservation(
    "CFACC15",
    {
        "place": "Leeds, floor 2",
        "starts": "10:00",
        "ends": "11:00",
        "narrative": (
            "Alice took over a call from an adviser who could not verify the account holder. She used two other "
            "questions and confirmed the power of attorney. [10:02 1, e] She told the adviser why the first check had "
            "failed. [10:05 2]\n\n"
            "Case CH-2317, late refund. Alice listened without interrupting, gave the cause and offered £40, inside her "
            "£50 limit. [10:09 5] [10:11 g] She booked a call back for Friday at 15:00 and noted the two earlier "
            "contacts. [10:16 6]\n\n"
            "Second call referred, a disputed tariff. [10:21 2] She coached the adviser through the procedure while the "
            "customer was on hold. [10:24 4]"
        ),
        "questions": (
            Question(
                "Why did you not refer the refund to your manager?",
                "“Up to £50 is my limit. Above that I refer it.”",
                "g",
                Outcome.MET,
            ),
            Question(
                "How do you check that the wrap times are right?",
                "“I look at the dashboard.” No second source given.",
                "10",
                Outcome.NEEDS_MORE,
            ),
        ),
        "feedback": "You let the customer finish before you explained. Keep that.",
        "further_action": "Show how you check the wrap times against a second source.",
    },
)
