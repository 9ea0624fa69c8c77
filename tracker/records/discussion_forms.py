"""The form of a professional discussion that is being written."""

from wtforms import DateField, MultipleFileField, StringField, TextAreaField, TimeField
from wtforms.validators import Optional

from tracker.records.written_forms import TIMES, WrittenForm


class DiscussionForm(WrittenForm):
    """A professional discussion, finished or not."""

    TEXTS = ("narrative", "areas", "stamped_times", "transcript")
    DATES = ("happened_from", "agreed_on")
    FIELDS = (*TEXTS, *DATES, *TIMES, "place")
    UNSAVED = ("files", "stamp_at")

    areas = TextAreaField("Areas agreed")
    agreed_on = DateField("Agreed on", [Optional()])
    happened_from = DateField("Date", [Optional()])
    starts = TimeField("Starts", [Optional()])
    ends = TimeField("Ends", [Optional()])
    place = StringField("Place or medium")
    files = MultipleFileField("Recordings")
    stamp_at = StringField("Time of the recording")
    stamped_times = TextAreaField("Times of the criteria")
    narrative = TextAreaField("Summary")
    transcript = TextAreaField("Transcript")
