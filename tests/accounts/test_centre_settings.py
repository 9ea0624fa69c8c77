"""Centre settings: an administrator chooses the terms that pages and recording forms use for verification."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.accounts.test_two_step_sign_in import sign_in
from tests.factories import World, make_actor
from tracker.accounts.services.centres import change_centre_terms
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Centre
from tracker.recording_forms.queries import build_form_content
from tracker.recording_forms.rendering import environment
from tracker.vocabulary import CentreTerms, use_terms

ClientFor = Callable[..., FlaskClient]


def choose(browser: FlaskClient, centre: Centre, terms: str) -> str:
    answer = browser.post(
        f"/centres/{centre.id}/settings", data={"terms": terms, "form_annex": "y"}, follow_redirects=True
    )
    db.session.rollback()
    return answer.text


def test_a_centre_begins_with_the_terms_of_scotland(world: World, client: ClientFor) -> None:
    assert world.northgate.terms is CentreTerms.SCOTLAND
    assert "checked" in client(world.dan).get(f"/centres/{world.northgate.id}/settings").text


def test_an_administrator_chooses_the_terms_of_england(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    page = choose(dan, world.northgate, "england")
    assert "Settings saved." in page
    assert world.northgate.terms is CentreTerms.ENGLAND
    assert recorded_acts()[-1] == "centre_terms_changed"
    form = dan.get(f"/centres/{world.northgate.id}/people/invite").text
    assert "Internal quality assurer" in form
    assert "nternal verifier" not in form


def test_saving_the_same_terms_records_nothing(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    choose(client(world.dan), world.northgate, "scotland")
    assert recorded_acts() == []


def test_a_centre_asks_its_candidates_for_two_step_verification(
    world: World, app: Flask, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    """Alice has not set it up: she does so before she opens her next page. Candidates elsewhere are not asked."""
    alice, frank = sign_in(app, world.alice), sign_in(app, world.frank)
    assert alice.get("/evidence").status_code == 200
    form = {"terms": "scotland", "form_annex": "y", "candidate_two_step": "y"}
    dan = client(world.dan)
    for _ in range(2):
        assert dan.post(f"/centres/{world.northgate.id}/settings", data=form).status_code == 302
    assert recorded_acts() == ["candidate_two_step_changed"], "saving it again records nothing"
    assert "checked" in find_checkbox(dan.get(f"/centres/{world.northgate.id}/settings").text, "candidate_two_step")
    assert alice.get("/evidence").location == "/account/two-step-verification?next=/evidence"
    assert "Your role needs two-step verification" in alice.get("/account/two-step-verification").text
    assert frank.get("/evidence").status_code == 200
    dan.post(f"/centres/{world.northgate.id}/settings", data={"terms": "scotland", "form_annex": "y"})
    assert recorded_acts() == ["candidate_two_step_changed"] * 2
    assert alice.get("/evidence").status_code == 200


def test_a_centre_chooses_whom_signing_asks_for_two_step_verification(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    """It begins with those who assess or verify, and a form without the field changes nothing."""
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/settings"
    form = {"terms": "scotland", "form_annex": "y"}
    assert re.search(r'value="staff"[^>]* checked', dan.get(address).text)
    for asked in ("staff", "everybody", "everybody"):
        assert dan.post(address, data={**form, "signing_two_step": asked}).status_code == 302
    assert recorded_acts() == ["signing_two_step_changed"]
    assert re.search(r'value="everybody"[^>]* checked', dan.get(address).text)
    dan.post(address, data=form)
    assert recorded_acts() == ["signing_two_step_changed"]
    assert dan.post(address, data={**form, "signing_two_step": "sometimes"}).status_code == 422


def find_checkbox(page: str, name: str) -> str:
    match = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert match, page
    return match[0]


def test_terms_that_do_not_exist_are_refused(world: World, client: ClientFor) -> None:
    choose(client(world.dan), world.northgate, "wales")
    assert world.northgate.terms is CentreTerms.SCOTLAND


def test_an_administrator_of_another_centre_sees_no_settings(world: World, client: ClientFor) -> None:
    assert client(world.dan).get(f"/centres/{world.southbank.id}/settings").status_code == 404


@pytest.mark.parametrize(
    ("terms", "label", "sampled"),
    [
        (CentreTerms.SCOTLAND, "Internal Verifier’s signature", "Date sampled (by IV)"),
        (CentreTerms.ENGLAND, "Internal Quality Assurer’s signature", "Date sampled (by IQA)"),
    ],
)
def test_the_recording_form_uses_the_terms_of_the_centre(
    app: Flask, world: World, terms: CentreTerms, label: str, sampled: str
) -> None:
    world.northgate.terms = terms
    template = environment().get_template("recording_forms/recording_form.html")
    html = template.render(form_content=build_form_content(world.cfacc15), blank_rows=0)
    assert label in html
    assert sampled in html
    db.session.rollback()


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Internal verifier", "Internal quality assurer"),
        ("An external verifier reads", "An external quality assurer reads"),
        ("Internal Verifier’s signature", "Internal Quality Assurer’s signature"),
        ("verifiers", "quality assurers"),
        ("Verifiers", "Quality assurers"),
        ("internal verification", "internal quality assurance"),
        ("IV and EV, chapter iv", "IQA and EQA, chapter iv"),
        ("Two-step verification", "Two-step verification"),
        ("Verified", "Verified"),
    ],
)
def test_texts_are_shown_in_the_terms_of_england(text: str, english: str) -> None:
    assert use_terms(text, CentreTerms.ENGLAND) == english
    assert use_terms(text, CentreTerms.SCOTLAND) == text


def test_the_service_records_who_changed_the_terms(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    with transaction():
        change_centre_terms(world.northgate, CentreTerms.ENGLAND, make_actor(world.dan))
    assert recorded_acts() == ["centre_terms_changed"]


def test_an_administrator_sets_the_age_of_evidence_to_warn_about(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    address = f"/centres/{world.northgate.id}/settings"
    dan = client(world.dan)
    assert re.search(r'name="evidence_age_limit"[^>]* value="24"', dan.get(address).text)
    reasons = "\n".join(world.northgate.offered_unsampled_reasons)
    form = {"terms": "scotland", "unsampled_reasons": reasons, "form_annex": "y"}
    assert dan.post(address, data={**form, "evidence_age_limit": "36"}).status_code == 302
    db.session.rollback()
    assert world.northgate.evidence_age_months == 36
    assert recorded_acts() == ["evidence_age_limit_changed"]
    for value in ("0", "601", "two years"):
        assert dan.post(address, data={**form, "evidence_age_limit": value}).status_code == 422
    db.session.rollback()
    assert world.northgate.evidence_age_months == 36
