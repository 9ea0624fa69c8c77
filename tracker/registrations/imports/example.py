"""An example of a file to import, with units and a qualification of the centre's library."""

from tracker.clock import today
from tracker.library.queries.qualifications import list_qualifications
from tracker.library.queries.units import list_newest_units
from tracker.models import Centre
from tracker.registrations.imports.table import COLUMNS
from tracker.vocabulary import Role, use_terms
from tracker.web.csv_files import write_csv

ASSESSOR, VERIFIER = "asha.patel@example.org", "ian.reid@example.org"


def build_example(centre: Centre) -> bytes:
    """Return a CSV file with an assessor, an internal verifier and two candidates, to be changed in a spreadsheet."""
    units = "; ".join(unit.code for unit in list_newest_units([centre.id])[:2])
    qualifications = list_qualifications([centre.id])
    qualification = qualifications[0].code if qualifications else ""
    assessor, verifier = (
        use_terms(role.label, centre.terms).lower() for role in (Role.ASSESSOR, Role.INTERNAL_VERIFIER)
    )
    candidate = {
        "roles": "candidate",
        "units": units,
        "assessor email": ASSESSOR,
        "internal verifier email": VERIFIER,
    }
    registration = {
        "qualification": qualification,
        "registration number": "AB-900101",
        "registration date": today().strftime("%d/%m/%Y"),
    }
    jo = {"name": "Jo Reed", "email": "jo.reed@example.org", "candidate number": "C-101"}
    kim = {"name": "Kim Lau", "email": "kim.lau@example.org", "candidate number": "C-102"}
    rows: list[dict[str, str]] = [
        {"name": "Asha Patel", "email": ASSESSOR, "roles": assessor},
        {"name": "Ian Reid", "email": VERIFIER, "roles": verifier},
        jo | candidate | registration,
        kim | candidate,
    ]
    heads = [use_terms(column, centre.terms) for column in COLUMNS]
    return write_csv([heads, *([row.get(column) for column in COLUMNS] for row in rows)])
