"""The content of printed evidence that a candidate wrote, of the feedback on an item, and of their blank sheets."""

from collections.abc import Iterator, Sequence

from tracker.accounts.earlier_names import find_name_at
from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import today
from tracker.matrix import list_columns
from tracker.models import Attachment, EvidenceVersion, Person, Registration, UnitAttempt
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.queries.item_records import EvidenceClaim
from tracker.portfolio.queries.printed_feedback import ItemFeedback, PrintedAssessment
from tracker.portfolio.queries.remarks import ShownRemark
from tracker.portfolio.services.submissions import build_declaration
from tracker.recording_forms.printed_text import add_break_points
from tracker.recording_forms.sheet_content import (
    Column,
    Fact,
    Grid,
    SectionedSheet,
    SheetSection,
    SheetSignature,
)
from tracker.vocabulary import AssessmentOutcome, CriterionKind, Method, Outcome
from tracker.web.formatting import address_note, day, moment, period, size, witness
from tracker.web.text_direction import isolate

STATEMENT, DESCRIPTOR, OTHER = "Personal statement (reflective account)", "Evidence descriptor", "Evidence sheet"
"""What a sheet is called: of a reflective account, of evidence kept at work, and of any other evidence."""
FEEDBACK, REVIEW = "Feedback", "Review and feedback"
ELECTRONICALLY = "What is signed here was given electronically by the people named."
NO_FEEDBACK = SheetSection("Assessor’s comment", paragraphs=("No feedback yet.",))


def build_evidence_sheet(
    version: EvidenceVersion,
    registration: Registration,
    claims: Sequence[EvidenceClaim],
    feedback: ItemFeedback,
) -> SectionedSheet:
    """Return a version of evidence that the candidate wrote as it is printed.

    Args:
        version: the version.
        registration: the candidate's at the centre.
        claims: the live claims of the item that its reader sees.
        feedback: what was assessed of the item, as its reader sees it.
    """
    name, evidence = name_sheet(version), version.evidence
    comments = tuple(_print_comment(each) for each in feedback.list_of(version.id))
    declaration = print_declaration(version, evidence.candidate, "declared")
    return SectionedSheet(
        name,
        clean_name(evidence.candidate.name),
        registration.candidate_number,
        facts=tuple(_list_facts(version, registration)),
        sections=(
            SheetSection(
                "What the evidence is" if name == DESCRIPTOR else "What I did",
                typed=print_text(version.narrative) or ("Nothing was written.",),
            ),
            *_list_kept(version),
            *_list_files(list_version_attachments(version)),
            *_list_claimed(claims),
            SheetSection(
                "Candidate’s declaration",
                paragraphs=(version.submission.declaration,),
                signatures=(declaration,),
            ),
            *(comments or (NO_FEEDBACK,)),
        ),
        reference=f"Evidence {evidence.number}, version {version.number}",
        printed_for=today(),
        last_words=ELECTRONICALLY,
    )


def build_feedback_sheet(
    versions: Sequence[EvidenceVersion], registration: Registration, feedback: ItemFeedback
) -> SectionedSheet:
    """Return the feedback on an item version by version, with the candidate's answers.

    Args:
        versions: those that its reader sees, the oldest first.
        registration: the candidate's at the centre.
        feedback: what was assessed of the item, as its reader sees it.
    """
    evidence = versions[-1].evidence
    return SectionedSheet(
        FEEDBACK,
        clean_name(evidence.candidate.name),
        registration.candidate_number,
        facts=(
            *list_candidate_facts(registration, clean_name(evidence.candidate.name)),
            (Fact("Evidence", f"{evidence.number} {isolate(_clean(versions[-1].title))}"),),
        ),
        sections=tuple(
            section
            for version in versions
            for section in (
                *_list_version(version, feedback.list_of(version.id)),
                *_list_remarks(feedback.list_remarks_on(version.id)),
            )
        ),
        reference=f"Evidence {evidence.number}",
        printed_for=today(),
        last_words=ELECTRONICALLY,
    )


def build_blank_statement(attempt: UnitAttempt) -> SectionedSheet:
    """Return a personal statement about a unit that its candidate fills in by hand."""
    return _build_blank(
        STATEMENT,
        attempt,
        SheetSection(
            "What I did",
            help="Write in the first person and the past tense: what you did yourself, how, and why. Name "
            "customers by initials or case number.",
            ruled=17,
        ),
        SheetSection("Other evidence that shows the same", ruled=1),
        SheetSection("Who can confirm it", ruled=1),
    )


def build_blank_descriptor(attempt: UnitAttempt) -> SectionedSheet:
    """Return a descriptor of evidence that is confidential or kept at work, to be filled in by hand."""
    columns = Column("Where it is kept"), Column("Kept by", "places"), Column("Seen by", "places")
    return _build_blank(
        DESCRIPTOR,
        attempt,
        SheetSection(
            "What the evidence is",
            help="For evidence that is confidential or stays at work. Describe it so that somebody else can find it. "
            "Leave out what is confidential.",
            ruled=12,
        ),
        SheetSection("Where it is", grid=Grid((*columns, Column("Seen on", "asked-of")), blank_rows=3)),
    )


def build_blank_review(attempt: UnitAttempt) -> SectionedSheet:
    """Return a review with feedback on a unit, to be filled in by hand."""
    actions = (
        Column("Action"),
        Column("By whom", "places"),
        Column("Target date", "asked-of"),
        Column("Done", "asked-of"),
    )
    return SectionedSheet(
        REVIEW,
        clean_name(attempt.candidate.name),
        attempt.registration.candidate_number,
        facts=(
            *build_blank_facts(attempt),
            (Fact("Assessor’s name"), Fact("Date")),
            (Fact("Evidence"), Fact("Version")),
        ),
        sections=(
            SheetSection("Progress since the last review", ruled=4),
            SheetSection("Feedback", ruled=5),
            SheetSection("Actions", grid=Grid(actions, blank_rows=5)),
            SheetSection("Candidate’s comment", ruled=2),
            SheetSection(
                "Signatures",
                paragraphs=("We have discussed this review, and agree on the actions and their target dates.",),
                signatures=(SheetSignature("Assessor’s signature"), SheetSignature("Candidate’s signature")),
            ),
        ),
    )


def name_sheet(version: EvidenceVersion) -> str:
    """Return what the sheet of a version of evidence is called."""
    if version.workplace_location:
        return DESCRIPTOR
    return STATEMENT if version.method is Method.REFLECTIVE_ACCOUNT else OTHER


def list_candidate_facts(registration: Registration, name: str) -> list[tuple[Fact, ...]]:
    """Return the first lines of every sheet: the candidate, their number and the centre."""
    return [
        (Fact("Candidate’s name", name), Fact("Candidate number", registration.candidate_number)),
        (Fact("Centre", registration.centre.name),),
    ]


def build_blank_facts(attempt: UnitAttempt) -> list[tuple[Fact, ...]]:
    """Return the first lines of a blank sheet for a unit."""
    unit = Fact("Unit", f"{attempt.unit.code} {isolate(attempt.unit.title)}")
    return [*list_candidate_facts(attempt.registration, clean_name(attempt.candidate.name)), (unit,)]


def list_blank_criteria(attempt: UnitAttempt, head: str, width: str = "asked-of") -> Grid:
    """Return the criteria of a unit with a column to write in. One statement."""
    rows = tuple((each.label, word_criterion(each.kind, each.text), "") for each in list_columns(attempt.unit_id))
    return Grid((Column("Criterion", "mark"), Column("Wording"), Column(head, width)), rows)


def word_criterion(kind: CriterionKind, text: str) -> str:
    """Return the wording of a criterion; a knowledge item may have the label of a performance criterion."""
    return f"Knowledge: {text}" if kind is CriterionKind.KNOWLEDGE else text


def print_declaration(version: EvidenceVersion, person: Person | None, act: str) -> SheetSignature:
    """Return who submitted a version under its declaration, with the name that they had then."""
    submission = version.submission
    name = clean_name(find_name_at(person, submission.submitted_at)) if person else ""
    note = address_note(submission.address_confirmed, person.email_confirmed_at if person else None, "submitted")
    label = "Assessor" if act == "authenticated" else "Candidate"
    words = f"{isolate(name)}, {act} electronically{f'; {note}' if note else ''}"
    return SheetSignature(label, words, moment(submission.submitted_at))


def print_text(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a typed text without invisible characters; single line breaks stay in them."""
    return tuple(map(add_break_points, split_paragraphs(text)))


def split_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a typed text, without break points."""
    blocks = remove_invisible_characters(text).split("\n\n")
    return [block.strip("\n") for block in blocks if block.strip()]


def print_file(attachment: Attachment) -> str:
    """Return the name and size of a file."""
    return f"{isolate(add_break_points(clean_name(attachment.name)))}, {size(attachment.size)}"


def _build_blank(name: str, attempt: UnitAttempt, *sections: SheetSection) -> SectionedSheet:
    """Return a blank sheet of evidence: what it is about, its sections, the declaration, the assessor's comment."""
    method = Method.REFLECTIVE_ACCOUNT if name == STATEMENT else Method.WORK_PRODUCT
    return SectionedSheet(
        name,
        clean_name(attempt.candidate.name),
        attempt.registration.candidate_number,
        facts=(*build_blank_facts(attempt), (Fact("Title"),), (Fact("Date"), Fact("Evidence"))),
        sections=(
            *sections,
            SheetSection(
                "Candidate’s declaration",
                paragraphs=(build_declaration(method),),
                signatures=(SheetSignature("Candidate’s signature"),),
            ),
            SheetSection("Criteria", grid=list_blank_criteria(attempt, "Where to look", "places"), starts_page=True),
            SheetSection("Assessor’s comment", ruled=2, signatures=(SheetSignature("Assessor’s signature"),)),
        ),
    )


def _list_facts(version: EvidenceVersion, registration: Registration) -> Iterator[tuple[Fact, ...]]:
    evidence = version.evidence
    yield from list_candidate_facts(registration, clean_name(evidence.candidate.name))
    yield (
        Fact("Evidence", f"{evidence.number}, version {version.number}"),
        Fact("Date", period(version.happened_from, version.happened_until)),
    )
    yield (Fact("Title", _clean(version.title)),)
    yield (Fact("Method", version.method.label if version.method else ""),)
    if version.occasion:
        yield (Fact("Occasion", _clean(version.occasion)),)
    if version.customers:
        yield (Fact("Customers", _clean(version.customers)),)
    if named := witness(version):
        yield (Fact("Witness", named),)


def _list_kept(version: EvidenceVersion) -> Iterator[SheetSection]:
    """Yield where evidence is that is kept at work, or who can confirm evidence that is not."""
    seen_by = _clean(version.workplace_seen_by)
    if version.workplace_location:
        columns = Column("Where it is kept"), Column("Kept by", "shown-wide"), Column("Seen by", "shown-wide")
        row = _clean(version.workplace_location), _clean(version.workplace_holder) or "–", seen_by or "–"
        yield SheetSection("Where it is", grid=Grid(columns, (row,)))
    elif seen_by:
        yield SheetSection("Who has seen it", typed=(add_break_points(seen_by),))


def _list_files(attachments: Sequence[Attachment]) -> Iterator[SheetSection]:
    if attachments:
        yield SheetSection("Files", typed=tuple(map(print_file, attachments)))


def _list_claimed(claims: Sequence[EvidenceClaim]) -> Iterator[SheetSection]:
    """Yield the criteria that the item claims today, by unit."""
    columns = Column("Criterion", "mark"), Column("Wording"), Column("Where to look", "places")
    units = dict.fromkeys((each.code, each.unit_title) for each in claims)
    for code, title in units:
        rows = tuple(
            (each.label, word_criterion(each.kind, each.text), _clean(each.locator))
            for each in claims
            if each.code == code
        )
        yield SheetSection(f"Criteria claimed on {day(today())}: {code} {isolate(title)}", grid=Grid(columns, rows))
    if not units:
        yield SheetSection(f"Criteria claimed on {day(today())}", paragraphs=("None.",))


def _print_comment(assessment: PrintedAssessment) -> SheetSection:
    """Return the feedback of one assessment, for the sheet of the evidence."""
    return SheetSection(
        "Assessor’s comment",
        paragraphs=_describe_countersigning(assessment),
        typed=print_text(assessment.feedback) or ("No comment was written.",),
        signatures=(_sign_assessment(assessment),),
    )


def _list_version(version: EvidenceVersion, assessments: Sequence[PrintedAssessment]) -> Iterator[SheetSection]:
    """Yield a version with the answer that came with it, and each assessment of it with its decisions."""
    submitted, answer = version.submission, print_text(version.response or "")
    words = [] if version.author_id else [f"Submitted on {moment(submitted.submitted_at)}."]
    if submitted.withdrawn_at:
        words.append(f"Withdrawn on {moment(submitted.withdrawn_at)}.")
    if not assessments:
        words.append("No feedback yet.")
    if answer:
        words.append("The candidate’s answer to the feedback before:")
    yield SheetSection(f"Version {version.number}", paragraphs=tuple(words), typed=answer)
    for each in assessments:
        heading = f"{each.outcome.label} in {each.code}" if each.outcome else f"Assessed in {each.code}"
        yield SheetSection(
            heading,
            level=3,
            paragraphs=_describe_countersigning(each),
            typed=print_text(each.feedback) or ("No comment was written.",),
            grid=_list_decisions(each),
            signatures=(_sign_assessment(each),),
        )


def _list_remarks(remarks: Sequence[ShownRemark]) -> Iterator[SheetSection]:
    """Yield the remarks on a version, each with its place, its answers and how it stands."""
    columns = (
        Column("No.", "number"),
        Column("Where", "shown"),
        Column("Remark"),
        Column("Candidate’s answer"),
        Column("State", "shown"),
    )
    rows = tuple(
        (
            each.sign,
            add_break_points(each.where),
            f"{_clean(each.text)}\n({isolate(clean_name(each.author))}, {each.code}, {day(each.released_at)})",
            "\n".join(f"{_clean(answer.text)}\n({day(answer.answered_at)})" for answer in each.answers),
            _describe_state(each),
        )
        for each in remarks
    )
    if rows:
        yield SheetSection("Remarks on the evidence", level=3, grid=Grid(columns, rows))


def _describe_state(remark: ShownRemark) -> str:
    """Return how a remark stands; where it is resolved, by whom and when, each on a line of its own."""
    if remark.settled_at:
        return f"Resolved\n{isolate(clean_name(remark.settled_by or ''))}\n{day(remark.settled_at)}"
    return "Answered" if remark.answers else "Open"


def _list_decisions(assessment: PrintedAssessment) -> Grid | None:
    columns = (
        Column("Criterion", "mark"),
        Column("Wording"),
        Column("Decision", "shown"),
        Column("Comment", "shown-wide"),
    )
    is_returned = assessment.outcome is AssessmentOutcome.RETURNED
    rows = tuple(
        (
            each.label,
            word_criterion(each.kind, each.text),
            "Met, not counted yet" if is_returned and each.outcome is Outcome.MET else each.outcome.label,
            _clean(each.comment),
        )
        for each in assessment.decisions
    )
    return Grid(columns, rows) if rows else None


def _describe_countersigning(assessment: PrintedAssessment) -> tuple[str, ...]:
    if not assessment.countersigned_by:
        return ()
    return (f"Countersigned by {isolate(assessment.countersigned_by)} on {moment(assessment.countersigned_at)}.",)


def _sign_assessment(assessment: PrintedAssessment) -> SheetSignature:
    act = assessment.outcome.label.lower() if assessment.outcome else "assessed"
    words = f"{isolate(assessment.assessor)}, {act} electronically"
    return SheetSignature("Assessor", words, moment(assessment.released_at))


def _clean(text: str) -> str:
    return remove_invisible_characters(text)
