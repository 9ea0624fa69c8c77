"""CSV import of people and their roles: a preview, then all rows or none, with the column and error of each row."""

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.factories import World, make_actor
from tracker import clock
from tracker.accounts.person_names import clean_name
from tracker.accounts.services.people import find_person
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Grant, Person
from tracker.registrations.imports import table
from tracker.registrations.imports.importing import import_rows, preview_import
from tracker.registrations.imports.outcomes import ImportPreview
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]
HEAD = "name,email,role,from,until\n"
IVY = "Ivy Okafor,ivy@example.org,candidate,,\n"
JACK = "Jack Tan,jack@example.org,Assessor,2026-12-01,30/06/2027\n"


def send(browser: FlaskClient, world: World, text: str, act: str = "") -> TestResponse:
    """Preview the text; with the act `import`, send the preview's form as a browser would."""
    import_address = f"/centres/{world.northgate.id}/people/import"
    page = browser.post(import_address, data={"text": text})
    if not act:
        return page
    digest = re.search(r'name="digest" value="([^"]*)"', page.text)
    return browser.post(import_address, data={"text": text, "act": act, "digest": digest[1] if digest else ""})


def preview(text: str, world: World) -> ImportPreview:
    return preview_import(text, world.northgate, make_actor(world.dan))


def import_all(text: str, world: World) -> ImportPreview:
    digest = preview(text, world).digest
    with transaction():
        return import_rows(text, world.northgate, make_actor(world.dan), digest=digest)


def count_people() -> int:
    return db.session.scalar(select(func.count(Person.id))) or 0


def list_errors(text: str, world: World) -> list[tuple[int, str, str]]:
    return [(row.number, row.column, row.error) for row in preview(text, world).invalid]


def test_preview_shows_the_changes_and_makes_none(world: World, client: ClientFor) -> None:
    before, dan = count_people(), client(world.dan)
    assert dan.get(f"/centres/{world.northgate.id}/people/import").status_code == 200
    response = send(dan, world, HEAD + IVY + JACK + "Bob Archer,bob.archer@example.org,assessor,,\n")
    assert response.status_code == 200
    text = " ".join(response.text.split())
    assert "<b>2 new people, 2 new roles</b>. Nothing has been imported yet. 1 row already there." in text
    assert "Import 2 rows" in text
    assert "role assessor from 1 December 2026 until 30 June 2027" in text
    assert count_people() == before


def test_import_after_the_preview_gives_every_role(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    response = send(dan, world, HEAD + IVY + JACK, "import")
    assert response.status_code == 303
    assert (
        "Imported: 2 new people, 2 new roles. Emails to the new people are on their way."
        in dan.get(response.location).text
    )
    jack = find_person("jack@example.org")
    (role,) = jack.grants
    assert (jack.name, role.role, role.centre_id) == ("Jack Tan", Role.ASSESSOR, world.northgate.id)
    assert clock.day_of(role.starts_at).isoformat() == "2026-12-01"
    assert clock.day_of(role.ends_at).isoformat() == "2027-06-30"
    assert recorded_acts() == ["person_invited", "grant_given", "link_issued"] * 2
    assert len(emails_to("ivy@example.org")) == len(emails_to(jack)) == 1


def test_importing_the_same_file_again_changes_nothing(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    dan = client(world.dan)
    send(dan, world, HEAD + IVY, "import")
    page = send(dan, world, HEAD + IVY).text
    assert "There is nothing to import: everything exists already." in page
    send(dan, world, HEAD + IVY, "import")
    assert len(emails_to("ivy@example.org")) == 1


def test_one_invalid_row_imports_nobody_and_keeps_the_text(world: World, client: ClientFor) -> None:
    before, dan = count_people(), client(world.dan)
    text = HEAD + IVY + "Jack Tan,jack at example,assessor,,\n"
    for act in ("", "import"):
        response = send(dan, world, text, act)
        assert response.status_code == 422
        assert "“jack at example” is not an email address" in response.text
        assert ">3</td>" in response.text, "the row as the spreadsheet numbers it"
        assert "Ivy Okafor,ivy@example.org" in response.text
        assert "Import 1" not in response.text
    assert count_people() == before


@pytest.mark.parametrize(
    ("row", "column", "fault"),
    [
        (",ivy@example.org,candidate,,", "name", "The name is missing"),
        (f"{'I' * 201},ivy@example.org,candidate,,", "name", "longer than 200"),
        ("=HYPERLINK(1),ivy@example.org,candidate,,", "name", "A name cannot begin with ="),
        ("Ivy,,candidate,,", "email", "is not an email address"),
        ("Ivy,ivy@example.org,owner,,", "roles", "“owner” is not a role. The roles are candidate, assessor"),
        ("Ivy,ivy@example.org,candidate,31/02/2026,", "from", "“31/02/2026” is not a date"),
        ("Ivy,ivy@example.org,candidate,1/1/26,", "from", "is not a date"),
        (f"Ivy,ivy@example.org,candidate,{'9' * 40}/1/2026,", "from", "is not a date"),
        (
            "Ivy,ivy@example.org,candidate,2027-02-02,2027-02-01",
            "until",
            "a last day that is not before the first day",
        ),
        ("Ivy,ivy@example.org,candidate,,2020-01-01", "until", "not in the past"),
        ("Okafor, Ivy,ivy@example.org,candidate,,,extra", "", "more cells than columns"),
        ("Dan Price,dan.price@example.org,assessor,,", "roles", "You cannot give yourself a role"),
        ("Frank Osei,frank.osei@example.org,candidate,,", "email", "The account with this address is closed"),
    ],
)
def test_each_invalid_row_is_listed_with_its_column_and_error(
    world: World, row: str, column: str, fault: str
) -> None:
    with transaction():
        world.frank.deactivated_at = clock.now()
    ((number, error_column, error),) = list_errors(f"{HEAD}\n{row}\n{JACK}", world)
    assert (number, error_column) == (3, column)
    assert fault in error


def test_rows_that_contradict_earlier_rows_are_invalid(world: World) -> None:
    text = HEAD + IVY + "Ivy Okafor,IVY@example.org,Candidate,,\nIvy Bell,ivy@example.org,assessor,,\n"
    assert list_errors(text, world) == [
        (3, "roles", "An earlier row gives this address the same role."),
        (4, "name", "Row 2 gives this address another name."),
    ]


def test_two_roles_of_a_new_person_send_one_invitation(world: World, emails_to: EmailsTo) -> None:
    import_all(HEAD + IVY + IVY.replace("candidate", "assessor"), world)
    invitation, role_email = emails_to("ivy@example.org")
    assert "/links/" in invitation
    assert "/links/" not in role_email


@pytest.mark.parametrize(
    "text",
    [
        "name;email;role;from;until\r\nIvy Okafor;ivy@example.org;candidate;;\r\n",
        "Name\tEmail\tRole\nIvy Okafor\tivy@example.org\tCandidate\n",
        'role,email,name\ncandidate,ivy@example.org,"Ivy Okafor"\n',
        "\ufeffname,email,role,,\nIvy Okafor,ivy@example.org,candidate,,\n,,,,\n",
        "name,email,role\n\nIvy   Okafor, IVY@example.org ,CANDIDATE",
    ],
)
def test_import_reads_the_formats_that_spreadsheets_write(world: World, text: str) -> None:
    (row,) = preview(text, world).new
    assert row.new == ("new here", "role candidate")
    (row,) = import_all(text, world).new
    ivy = find_person("ivy@example.org")
    assert (ivy.name, [each.role for each in ivy.grants]) == ("Ivy Okafor", [Role.CANDIDATE])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_import_reads_the_encodings_that_spreadsheets_write(world: World, client: ClientFor, encoding: str) -> None:
    file = (io.BytesIO((HEAD + "Zoë Müller,zoe@example.org,candidate,,\n").encode(encoding)), "people.csv")
    page = client(world.dan).post(
        f"/centres/{world.northgate.id}/people/import", data={"file": file}, content_type="multipart/form-data"
    )
    assert "Zoë Müller" in page.text
    assert "<b>1 new person, 1 new role</b>" in page.text


def test_text_carried_by_the_preview_is_imported_unchanged(
    world: World, client: ClientFor, mail_server: object
) -> None:
    """The hidden field returns line breaks, quotes and markup unchanged."""
    text = HEAD + '"O\'Neil, ""Ivy"" <b>",ivy@example.org,candidate,,\n' + JACK
    dan = client(world.dan)
    page = send(dan, world, text)
    import html5lib

    parsed = html5lib.parse(page.text, namespaceHTMLElements=False)
    carried = next(each.get("value") for each in parsed.iter("input") if each.get("name") == "text")
    send(dan, world, carried, "import")
    assert find_person("ivy@example.org").name == 'O\'Neil, "Ivy" <b>'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Choose a file, or paste its rows"),
        ("   \n\n", "Choose a file, or paste its rows"),
        ("Ivy,ivy@example.org,candidate", "Name the columns in the first row"),
        ("name,email,role,salary\n", "Name the columns in the first row"),
        ("name,email,role,role\n", "Name the columns in the first row"),
        (HEAD + IVY * 501, "more than 500 rows"),
        (HEAD + "I" * 1024 * 1024, "larger than 1 MB"),
        (HEAD + '"' + "I" * 200_000, "not a table"),
    ],
)
def test_text_that_is_not_a_table_of_people_is_refused(
    world: World, client: ClientFor, text: str, sentence: str
) -> None:
    response = send(client(world.dan), world, text)
    assert response.status_code == 422
    assert sentence in response.text


def test_file_over_the_size_limit_is_refused(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_SIZE", 100)
    file = (io.BytesIO(b"x" * 101), "people.csv")
    response = client(world.dan).post(
        f"/centres/{world.northgate.id}/people/import", data={"file": file}, content_type="multipart/form-data"
    )
    assert response.status_code == 422
    assert "The file is larger than 1 MB" in response.text


def test_preview_of_people_who_have_their_roles_takes_few_statements(
    world: World, count_statements: Callable
) -> None:
    rows = "".join(f"Person {n},person{n}@example.org,candidate,,\n" for n in range(40))
    import_all(HEAD + rows, world)
    with count_statements() as statements:
        assert len(preview(HEAD + rows, world).unchanged) == 40
    assert len([each for each in statements if "SAVEPOINT" not in each]) <= 6


def test_preview_of_new_people_takes_a_fixed_number_of_statements_for_each(
    world: World, count_statements: Callable
) -> None:
    rows = "".join(f"Person {n},person{n}@example.org,candidate,,\n" for n in range(40))
    with count_statements() as statements:
        assert len(preview(HEAD + rows, world).new) == 40
    assert len(statements) <= 40 * 11 + 5


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_import(world: World, client: ClientFor, name: str) -> None:
    response = send(client(getattr(world, name)), world, HEAD + IVY, "import")
    assert response.status_code == 404
    assert find_person("ivy@example.org") is None


def test_import_gives_roles_at_this_centre_only(world: World, mail_server: object) -> None:
    import_all(HEAD + "Grace Lam,grace.lam@example.org,assessor,,\n", world)
    centre_ids = db.session.scalars(select(Grant.centre_id).where(Grant.person_id == world.grace.id)).all()
    assert sorted(centre_ids) == sorted([world.northgate.id, world.southbank.id])


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nname;email;role\r\nIvy Okafor;ivy@example.org;candidate\r\n",
        '"sep=,"\nname,email,role\nIvy Okafor,ivy@example.org,candidate\n',
        "name,email,role\rIvy Okafor,ivy@example.org,candidate\r",
    ],
)
def test_separator_line_and_lone_carriage_returns_are_read(world: World, text: str) -> None:
    """The shapes of cases/files/people-csv, sep_line.csv and cr_only.csv."""
    (row,) = preview(text, world).new
    assert (row.name, row.email, row.number) == ("Ivy Okafor", "ivy@example.org", 2)


@pytest.mark.parametrize("email", ["josé@exämple.org", "josé@example.org", "jose@exämple.org"])
def test_address_that_emails_cannot_be_sent_to_is_refused_by_row(world: World, email: str) -> None:
    """The shape of cases/files/people-csv, unsendable_address.csv."""
    ((number, column, error),) = list_errors(f"{HEAD}José,{email},candidate,,\n", world)
    assert (number, column) == (2, "email")
    assert "is not an email address that emails can be sent to" in error


def test_invisible_characters_are_removed_from_names(world: World) -> None:
    """The shapes of cases/files/invisible-names, people.csv."""
    text = HEAD + "Evil\u202eNAME,rtl@example.org,candidate,,\nBob\u200b Archer,bob2@example.org,assessor,,\n"
    import_all(text, world)
    assert find_person("rtl@example.org").name == "EvilNAME"
    assert find_person("bob2@example.org").name == "Bob Archer"
    ((_, _, error),) = list_errors(f"{HEAD}\u200b\u200b,zw@example.org,candidate,,\n", world)
    assert "has no letter" in error


def test_name_keeps_the_joiners_of_its_script() -> None:
    assert clean_name("\u0915\u094d\u200d\u0937") == "\u0915\u094d\u200d\u0937"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04\x14\x00", "This file is a workbook, not CSV."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "This file is a workbook, not CSV."),
        (b"%PDF-1.7\n", "This file is not CSV."),
        (b"\x89PNG\r\n\x1a\n\x00", "This file is not CSV."),
    ],
)
def test_file_that_is_not_text_is_refused_with_what_to_do(
    world: World, client: ClientFor, content: bytes, sentence: str
) -> None:
    response = client(world.dan).post(
        f"/centres/{world.northgate.id}/people/import",
        data={"file": (io.BytesIO(content), "people.csv")},
        content_type="multipart/form-data",
    )
    assert response.status_code == 422
    assert sentence in response.text
