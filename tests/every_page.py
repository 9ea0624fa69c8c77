"""The addresses of every page on the demonstration's data, by who opens them."""

from flask import Flask
from sqlalchemy import func, select

from tests.library.drafts import make_draft
from tests.library.unit_versions import UNITS, make_revision, publish_version, reword_criteria
from tracker.demo.scenario import fill_database
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import (
    BankQuestion,
    Centre,
    CentreEvidenceRule,
    Countersignature,
    Evidence,
    InterestDeclaration,
    ListedWitness,
    Person,
    Registration,
    StaffAward,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.vocabulary import DraftState, RecordKind

GUIDANCE = "guidance-customer-service-procedures"
PEOPLE = ("", "Alice", "Chloe", "Ben", "Bob", "Carol", "Finn", "Hamish", "Eve", "Gwen", "Dan")
"""The first names by which `list_addresses` has the addresses."""


def list_addresses(app: Flask) -> dict[str, list[str]]:
    """Fill the database with the demonstration; return the addresses by the first name of who opens them, or ""."""
    app.config["DEMO"] = True
    with app.app_context():
        fill_database()
        centre = db.session.scalars(select(Centre.id).order_by(Centre.id.desc())).first()
        people = {each.name.split()[0]: each.id for each in db.session.scalars(select(Person).order_by(Person.id))}
        query = select(UnitAttempt.id, UnitAttempt.candidate_id).order_by(UnitAttempt.id.desc())
        attempts = {candidate: attempt for attempt, candidate in db.session.execute(query)}
        alices, chloes = attempts[people["Alice"]], attempts[people["Chloe"]]
        items = list(
            db.session.scalars(
                select(Evidence.id)
                .where(Evidence.candidate_id == people["Alice"], Evidence.author_id.is_(None))
                .order_by(Evidence.id)
            )
        )
        target = db.session.scalars(
            select(StaffAward.id).where(StaffAward.target_on.is_not(None), StaffAward.person_id == people["Gwen"])
        ).one()
        waiting = db.session.scalars(select(Countersignature.id).where(Countersignature.answered_at.is_(None))).one()
        listed = db.session.scalars(select(func.min(ListedWitness.id))).one()
        open_interest = db.session.scalars(
            select(InterestDeclaration.id).where(InterestDeclaration.person_id == people["Gwen"])
        ).one()
        record, asked = (
            db.session.scalars(select(Evidence.id).where(Evidence.record_kind == kind)).one()
            for kind in (RecordKind.OBSERVATION, RecordKind.QUESTIONS)
        )
        rule = db.session.scalars(select(func.min(CentreEvidenceRule.id))).one()
        changed = db.session.scalars(
            select(BankQuestion.id).where(BankQuestion.number == 2, BankQuestion.ended_at.is_(None))
        ).one()
        testimony = db.session.scalars(
            select(WitnessTestimony.id).where(WitnessTestimony.signed_at.is_not(None))
        ).one()
        registration = db.session.scalars(
            select(Registration.id).where(Registration.candidate_id == people["Alice"])
        ).one()
        with transactions.transaction():
            dan = db.session.get(Person, people["Dan"])
            northgate = db.session.get(Centre, centre)
            assert dan
            assert northgate
            draft, shared = make_draft(northgate, dan).id, make_draft(northgate, dan)
            shared.state = DraftState.DRAFT
        shared_id = shared.id
        later = publish_version(
            make_revision(reword_criteria(UNITS["CFACC15"], {"p:2": "Deal with contacts that colleagues refer."}))
        ).slug
        db.session.remove()
    at = f"/centres/{centre}"
    bobs, gwens = f"{at}/staff/{people['Bob']}", f"{at}/staff/{people['Gwen']}"
    return {
        "": ["/sign-in", "/forgotten-password", "/outbox", "/verify", "/verify?code=none", "/links/no-such-link", "/witness/no-such-link", "/nothing-here"],
        "Alice": [
            "/", "/account", "/account/data", "/account/access-log", "/units", "/units?q=complaint", "/units/inscc004", "/units/cfacc15", "/evidence", "/evidence/new",
            "/account/two-step-verification", "/account/two-step-verification/app", "/account/two-step-verification/passkey", "/account/two-step-verification/codes",
            f"/evidence/{items[7]}", f"/evidence/{items[7]}/edit", f"/evidence/{items[11]}/criteria", f"/evidence/{items[3]}", f"/records/{record}",
            f"/attempts/{alices}", f"/attempts/{alices}?show=gaps", f"/attempts/{alices}?view=matrix", f"/attempts/{alices}/form",
            f"/attempts/{alices}/testimonies", f"/attempts/{alices}/testimonies/new",
        ],
        "Chloe": ["/", f"/attempts/{chloes}", f"/attempts/{chloes}/confirm"],
        "Ben": ["/", "/evidence"],
        "Bob": [
            "/queue", "/countersigning", "/candidates", f"/attempts/{alices}/evidence/{items[8]}/assess", f"/attempts/{alices}/sign",
            f"/attempts/{chloes}/sign", f"/attempts/{alices}/evidence/{items[0]}", f"/unit-drafts/{shared_id}/unit", "/guidance",
            f"/records/{record}", f"/records/{record}/edit", f"/records/{record}/finish",
            f"/records/{asked}", f"/records/{asked}/edit", f"/records/{asked}/finish", f"/records/{asked}/questions",
            f"/attempts/{alices}/testimonies", f"/attempts/{alices}/testimonies/{testimony}",
            bobs, f"{bobs}/cpd", f"{bobs}/cpd/add", f"{bobs}/interests/add", f"{at}/questions", f"{at}/questions/{changed}", f"{at}/questions/new?unit=cfacc15",
            f"{at}/witnesses", f"{at}/witnesses/add",
        ],
        "Carol": ["/verification", "/action-points", "/verification/coverage", f"/attempts/{chloes}/verify", f"/attempts/{alices}/verify",
            "/verification/other-units", *(f"/attempts/{chloes}/verify/{part}" for part in ("requirements", "form", "history", "action-points")),
            f"/attempts/{chloes}/reopen", f"{at}/staff", gwens,
        ],
        "Finn": ["/", "/evidence"],
        "Hamish": ["/queue", "/countersigning?show=own"],
        "Eve": ["/visit", f"/attempts/{chloes}/visit"],
        "Gwen": ["/account", "/queue", "/countersigning", f"/countersigning/{waiting}", gwens, f"{gwens}/interests/{open_interest}/end"],
        "Dan": [
            "/", f"{at}/people", f"{at}/people/invite", f"{at}/people/{people['Bob']}", f"{at}/people/{people['Bob']}/name", f"{at}/people/{people['Bob']}/email", f"{at}/people/import", f"{at}/registrations", f"{at}/forms/print", "/jobs",
            f"{at}/registrations/new", f"/registrations/{registration}", f"/registrations/{registration}/withdraw", f"/registrations/{registration}/access-log",
            f"{at}/retention", f"/registrations/{registration}/retention-hold", f"/registrations/{registration}/erase",
            f"/attempts/{alices}/allocate/assessor", f"/attempts/{alices}/void", f"{at}/allocations", f"{at}/allocations?tick=all",
            f"{at}/allocations/change?attempt={alices}&attempt={chloes}", "/integrity", f"{at}/visits",
            "/units", "/units?q=customer+complaint&type=nos", f"{at}/units/add", f"/unit-drafts/{draft}", f"/unit-drafts/{draft}/publish",
            *(f"/unit-drafts/{draft}?edit={part}" for part in ("r2", "unit", "metadata", "texts", "requirement-q1", "new")),
            f"{at}/units/cfacc15/evidence-guidance", f"{at}/units/cfacc15/evidence-guidance/new", f"{at}/evidence-rules/{rule}/edit",
            f"{at}/links", f"{at}/links?one=cfacc15&other=inscc004", "/units/cfacc15/compare", f"/units/cfacc15/compare?with={later}",
            f"/attempts/{chloes}/form", f"/attempts/{alices}/move", f"/attempts/{alices}/move?to={later}", f"{at}/moves/cfacc15/{later}",
            "/guidance", f"{at}/guidance/new", f"/guidance/{GUIDANCE}", f"{at}/guidance/{GUIDANCE}/attach?unit=cfamlfd3",
            "/qualifications", "/qualifications/ex-svq3-cc", f"{at}/qualifications/new",
            f"/registrations/{registration}/qualification", f"/registrations/{registration}/numbers",
            f"{at}/witnesses", f"{at}/witnesses/add", f"{at}/witnesses/{listed}/remove", f"{at}/witnesses/{listed}/erase",
            f"{at}/staff", gwens, f"{gwens}/awards/add", f"{gwens}/awards/{target}/confirm", f"{gwens}/awards/{target}/remove",
            f"{gwens}/competence/add", f"{gwens}/interests/{open_interest}/answer", f"{gwens}/erase",
            f"{at}/countersigning", f"{at}/countersigning/{people['Hamish']}",
            f"{at}/questions?state=retired", f"{at}/questions/{changed}/edit", f"{at}/questions/new",
        ],
    }  # fmt: skip
