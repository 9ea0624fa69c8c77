"""The content of a printed witness testimony: as the witness signed it, or blank for the pen."""

from sqlalchemy import select

from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import today
from tracker.extensions import db
from tracker.matrix.testimony_notes import IN_PERSON, find_testimony_notes
from tracker.models import Criterion, Evidence, EvidenceVersion, Unit, UnitAttempt, WitnessTestimony
from tracker.portfolio.printing import (
    ELECTRONICALLY,
    build_blank_facts,
    list_blank_criteria,
    list_candidate_facts,
    print_declaration,
    print_text,
    word_criterion,
)
from tracker.portfolio.queries.index import find_registration_for
from tracker.portfolio.record_content import WitnessTestimonyContent, load_as
from tracker.recording_forms.sheet_content import (
    Column,
    Fact,
    Grid,
    SectionedSheet,
    SheetSection,
    SheetSignature,
)
from tracker.records.queries.reading import ShownVersion
from tracker.records.services.authenticating import DECLARATION
from tracker.records.services.testifying import write_statement
from tracker.vocabulary import ERASED_TEXT, RecordKind, WitnessStatus
from tracker.web.formatting import moment, period
from tracker.web.text_direction import isolate

NAME = "Witness testimony"
ERASED = f"{ERASED_TEXT}."
MARKED = (Column("Criterion", "mark"), Column("Wording"))


def build_testimony(record: Evidence, shown: ShownVersion) -> SectionedSheet:
    """Return a testimony as it was signed, and authenticated by an assessor."""
    version = shown.version
    content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, version.content)
    testimony = _find_testimony(record)
    registration = find_registration_for(record, testimony.attempt_id if testimony else None)
    assert registration  # noqa: S101 - a testimony is about somebody who is registered
    declaration = print_declaration(version, record.author, "authenticated")
    notes = ". ".join(each.capitalize() for each in find_testimony_notes(version))
    standing = shown.standing.label if shown.standing else ""
    return SectionedSheet(
        NAME,
        clean_name(record.candidate.name),
        registration.candidate_number,
        facts=(
            *list_candidate_facts(registration, clean_name(record.candidate.name)),
            (Fact("Evidence", f"{record.number}"), Fact("Date", period(version.happened_from))),
            *_list_facts(version, content),
        ),
        sections=(
            SheetSection("What the witness saw", typed=print_text(version.narrative) or ("None.",)),
            _list_ticked(content),
            _build_signature(testimony, content),
            SheetSection(
                "Assessor’s authentication",
                paragraphs=(version.submission.declaration,),
                signatures=(declaration,),
            ),
        ),
        reference=f"Evidence {record.number}",
        printed_for=today(),
        note=". ".join(part for part in (standing, notes) if part) + ".",
        last_words=ELECTRONICALLY,
    )


def build_blank_testimony(attempt: UnitAttempt) -> SectionedSheet:
    """Return a testimony about a candidate that a witness fills in by hand, with the criteria of the unit."""
    name = clean_name(attempt.candidate.name)
    return SectionedSheet(
        NAME,
        name,
        attempt.registration.candidate_number,
        facts=(
            *build_blank_facts(attempt),
            (Fact("Assessor’s name"), Fact("Evidence")),
            (Fact("Date"), Fact("Place")),
            (Fact("Witness’s name"), Fact("Job")),
            (Fact("Relationship"), Fact("Contact")),
        ),
        sections=(
            SheetSection(
                "The witness",
                help="Tick one. A relative or partner of the candidate cannot be a witness.",
                boxes=tuple(each.described for each in WitnessStatus),
            ),
            SheetSection(
                "What the witness saw",
                help="Write only what you saw yourself: what the candidate did, when and where. "
                "Name customers by case number.",
                ruled=13,
            ),
            SheetSection(
                "Criteria",
                help="Tick what you saw the candidate do.",
                grid=list_blank_criteria(attempt, "Seen"),
                starts_page=True,
            ),
            SheetSection(
                "Witness’s signature",
                paragraphs=(write_statement("the date above", name),),
                signatures=(SheetSignature("Witness’s signature"),),
            ),
            SheetSection(
                "Assessor’s authentication",
                paragraphs=(DECLARATION,),
                signatures=(SheetSignature("Assessor’s signature"),),
            ),
        ),
    )


def _list_facts(version: EvidenceVersion, content: WitnessTestimonyContent | None) -> list[tuple[Fact, ...]]:
    """Return who the witness is, as they wrote it, and the status that the centre's list gave them on the day."""
    if content is None:
        return [(Fact("Witness", version.witness_name or ""),)]
    facts = [
        (Fact("Witness’s name", content.witness), Fact("Job", content.job)),
        (Fact("Relationship", content.relationship), Fact("Place", _clean(content.place))),
        (Fact("Contact", content.contact or "None given"), Fact("Address", _describe_address(content))),
        (Fact("Status", content.status.described),),
    ]
    if version.witness_status:
        facts.append((Fact("Status given", version.witness_status),))
    return facts


def _describe_address(content: WitnessTestimonyContent) -> str:
    return "confirmed with a code" if content.address_confirmed else "not confirmed"


def _list_ticked(content: WitnessTestimonyContent | None) -> SheetSection:
    """Return the criteria that the witness ticked, with their wording then. One statement."""
    ids = {each.criterion for each in content.criteria} if content else set()
    query = select(Criterion, Unit.code, Unit.title).join(Unit, Unit.id == Criterion.unit_id)
    rows = db.session.execute(query.where(Criterion.id.in_(ids)).order_by(Criterion.position, Criterion.id)).all()
    title = f": {rows[0].code} {isolate(rows[0].title)}" if rows else ""
    if not rows:
        return SheetSection("Criteria that the witness ticked", paragraphs=("None." if content else ERASED,))
    return SheetSection(
        f"Criteria that the witness ticked{title}",
        grid=Grid(MARKED, tuple((each.label, word_criterion(each.kind, each.text)) for each, _, _ in rows)),
    )


def _find_testimony(record: Evidence) -> WitnessTestimony | None:
    return db.session.scalars(select(WitnessTestimony).where(WitnessTestimony.evidence_id == record.id)).first()


def _build_signature(testimony: WitnessTestimony | None, content: WitnessTestimonyContent | None) -> SheetSection:
    if content is None or testimony is None:
        return SheetSection("Witness’s signature", paragraphs=(ERASED,))
    how = "signed electronically" if content.address_confirmed else IN_PERSON
    return SheetSection(
        "Witness’s signature",
        paragraphs=(content.statement,),
        signatures=(SheetSignature("Witness", f"{isolate(content.witness)}, {how}", moment(testimony.signed_at)),),
    )


def _clean(text: str) -> str:
    return remove_invisible_characters(text)
