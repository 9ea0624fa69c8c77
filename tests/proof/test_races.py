"""Two people, or two windows, at the same moment: one succeeds, the other is refused, and every integrity check passes."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lxml.html
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.factories import PASSWORD
from tests.integrity.tampering import list_violations
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.stages import (
    Act,
    Stage,
    fill_form,
    fill_signing_form,
    find_unclaimed_criterion,
    make_post,
)
from tracker.extensions import db
from tracker.models import Claim, Criterion, EvidenceVersion, Signature
from tracker.vocabulary import AttemptState

Race = Callable[[Stage], list[tuple[FlaskClient, Act]]]
"""A function that opens the pages and returns the browsers with their acts."""
TOLD = {400, 403, 404, 409, 422}


@contextmanager
def restore_afterwards(stage: Stage) -> Iterator[None]:
    try:
        yield
    finally:
        stage.restore()


def run(stage: Stage, race: Race, check: Callable[[list[TestResponse]], None], rounds: int) -> None:
    """Run the race several times from the same state; each time the loser gets a message and every check passes."""
    for _ in range(rounds):
        with restore_afterwards(stage):
            answers = stage.run_concurrently(*race(stage))
            for answer in answers:
                assert answer.status_code in {200, 201, 302, 303} | TOLD, answer.text[:2000]
                if answer.status_code in TOLD:
                    assert read_sentence(answer), answer.text[:2000]
            check(answers)
            assert list_violations() == []
    record_figures(races=rounds, server_errors=0, violated=0)


def read_sentence(answer: TestResponse) -> str:
    """Return the message of a refusal."""
    if answer.mimetype == "application/json":
        return str(answer.get_json()["message"])
    page = lxml.html.fromstring(answer.text)
    messages = page.xpath(
        '//*[@data-error-page or @role="alert" or contains(@class, "error-summary") or @id="errors"]'
    )
    return " ".join(each.text_content().strip() for each in messages)


def list_successes(answers: list[TestResponse]) -> list[bool]:
    return [answer.status_code in {200, 201, 302, 303} for answer in answers]


def count_signatures() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Signature.id)).where(Signature.superseded_at.is_(None))) or 0


def test_sign_and_sign(reach_stage: Callable[[str], Stage]) -> None:
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        windows = [stage.browser("Bob"), stage.browser("Bob")]
        return [(each, make_post(f"{stage.path}/sign", fill_signing_form(each, stage))) for each in windows]

    def check(answers: list[TestResponse]) -> None:
        assert sorted(list_successes(answers)) == [False, True]
        assert count_signatures() == 1

    run(stage, race, check, choose_size(2, 200))


def test_sign_and_edit(reach_stage: Callable[[str], Stage]) -> None:
    """Bob signs while Chloe claims one more criterion with an item that was assessed."""
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        bob, chloe = stage.browser("Bob"), stage.browser("Chloe")
        evidence, criterion = find_unclaimed_criterion(stage)
        body = {"criterion": criterion, "attempt": stage.attempt_id, "evidence": evidence, "on": "1"}
        return [
            (bob, make_post(f"{stage.path}/sign", fill_signing_form(bob, stage))),
            (chloe, make_post(f"{stage.path}/tick", body)),
        ]

    def check(answers: list[TestResponse]) -> None:
        assert list_successes(answers).count(True) == 1, [answer.text[:500] for answer in answers]
        assert count_signatures() == int(list_successes(answers)[0])

    run(stage, race, check, choose_size(2, 200))


def test_sign_and_withdraw(reach_stage: Callable[[str], Stage]) -> None:
    """Bob signs while Dan withdraws Chloe."""
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        bob, dan = stage.browser("Bob"), stage.browser("Dan")
        registration = stage.attempt.registration_id
        path = f"/registrations/{registration}/withdraw"
        body = fill_form(dan, path, "/withdraw", reason="She has left.")
        return [(bob, make_post(f"{stage.path}/sign", fill_signing_form(bob, stage))), (dan, make_post(path, body))]

    def check(answers: list[TestResponse]) -> None:
        assert list_successes(answers)[1]
        assert count_signatures() == int(list_successes(answers)[0])

    run(stage, race, check, choose_size(2, 200))


def test_sign_and_revoke(reach_stage: Callable[[str], Stage]) -> None:
    """Bob signs while Dan gives the unit to Gwen."""
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        bob, dan = stage.browser("Bob"), stage.browser("Dan")
        path = f"{stage.path}/allocate/assessor"
        body = fill_form(dan, path, "/assessor", person=stage.people["Gwen"], reason="Bob is away.")
        return [(bob, make_post(f"{stage.path}/sign", fill_signing_form(bob, stage))), (dan, make_post(path, body))]

    def check(answers: list[TestResponse]) -> None:
        assert list_successes(answers)[1], answers[1].text[:2000]
        assert count_signatures() == int(list_successes(answers)[0])

    run(stage, race, check, choose_size(2, 200))


def test_verify_and_return(reach_stage: Callable[[str], Stage]) -> None:
    """Carol verifies in one window and returns the unit with an action point in the other."""
    stage = reach_stage("sampled")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        first_window, second_window = stage.browser("Carol"), stage.browser("Carol")
        verify = fill_form(first_window, f"{stage.path}/verify/sign", "/verify", password=PASSWORD)
        back = fill_form(
            second_window, f"{stage.path}/return", "/return", action="Look at 3 again.", due_on="2027-01-29"
        )
        return [
            (first_window, make_post(f"{stage.path}/verify", verify)),
            (second_window, make_post(f"{stage.path}/return", back)),
        ]

    def check(answers: list[TestResponse]) -> None:
        assert sorted(list_successes(answers)) == [False, True]
        assert (stage.attempt.state is AttemptState.VERIFIED) == list_successes(answers)[0]

    run(stage, race, check, choose_size(2, 200))


def test_verify_and_reopen(reach_stage: Callable[[str], Stage]) -> None:
    """Carol reopens a verified unit in one window and signs it once more in another, left open."""
    stage = reach_stage("sampled")
    left_open: dict[str, object] = {}

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        first_window, second_window = stage.browser("Carol"), stage.browser("Carol")
        left_open["first"] = fill_form(first_window, f"{stage.path}/verify/sign", "/verify", password=PASSWORD)
        left_open["again"] = fill_form(first_window, f"{stage.path}/verify/sign", "/verify", password=PASSWORD)
        assert first_window.post(f"{stage.path}/verify", data=left_open["first"]).status_code == 303
        criterion = db.session.scalars(select(Criterion.id).where(Criterion.unit_id == stage.attempt.unit_id)).first()
        reopen = fill_form(
            second_window, f"{stage.path}/reopen", "/reopen", reason="Look again.", criterion=criterion
        )
        second_form = left_open["again"]
        assert isinstance(second_form, dict)
        return [
            (first_window, make_post(f"{stage.path}/verify", second_form)),
            (second_window, make_post(f"{stage.path}/reopen", reopen)),
        ]

    def check(answers: list[TestResponse]) -> None:
        assert list_successes(answers) == [False, True], [answer.text[:1000] for answer in answers]
        assert stage.attempt.state is AttemptState.IN_PROGRESS

    run(stage, race, check, choose_size(2, 200))


def test_upload_and_submit(reach_stage: Callable[[str], Stage]) -> None:
    """Chloe submits an item while her phone adds a photo: the sealed version has exactly the files it lists."""
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        desk, phone = stage.browser("Chloe"), stage.browser("Chloe")
        item = make_draft(stage, desk)
        submit = fill_form(desk, f"{item}/submit", "/submit", declared="y")
        return [(desk, make_post(f"{item}/submit", submit)), (phone, build_upload(f"{item}/files"))]

    def check(answers: list[TestResponse]) -> None:
        assert True in list_successes(answers), [answer.text[:1000] for answer in answers]
        db.session.rollback()
        newest = db.session.scalars(select(EvidenceVersion).order_by(EvidenceVersion.id.desc()).limit(1)).one()
        assert (newest.title == "One more call") == list_successes(answers)[0]

    run(stage, race, check, choose_size(2, 200))


def build_upload(path: str) -> Act:
    return lambda browser: browser.post(path, data={"file": (io.BytesIO(b"plain words"), "photo.txt")})


def make_draft(stage: Stage, chloe: FlaskClient) -> str:
    """Make a complete draft that claims a criterion. Return its path."""
    fields = {
        "title": "One more call", "method": "work_product", "happened_from": "2026-10-05", "occasion": "Late shift",
        "customers": "One customer", "narrative": "I took the call myself.",
    }  # fmt: skip
    answer = chloe.post("/evidence/new", data=fill_form(chloe, "/evidence/new", "/evidence/new") | fields)
    item = answer.location.removesuffix("/criteria").removesuffix("/edit")
    _, criterion = find_unclaimed_criterion(stage)
    body = {"attempt": stage.attempt_id, "criterion": criterion, "on": "1"}
    assert chloe.post(f"{item}/tick", data=body).status_code in {200, 302, 303}
    return item


def test_tick_and_tick(reach_stage: Callable[[str], Stage]) -> None:
    """The same box ticked in two windows is one claim."""
    stage = reach_stage("met")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        windows = [stage.browser("Chloe"), stage.browser("Chloe")]
        evidence, criterion = find_unclaimed_criterion(stage)
        body = {"criterion": criterion, "evidence": evidence, "on": "1"}
        return [(each, make_post(f"{stage.path}/tick", body)) for each in windows]

    def check(answers: list[TestResponse]) -> None:
        assert True in list_successes(answers)
        db.session.rollback()
        evidence = stage.evidence_ids[0]
        pairs = select(Claim.criterion_id).where(Claim.evidence_id == evidence, Claim.removed_at.is_(None))
        rows = list(db.session.scalars(pairs))
        assert len(rows) == len(set(rows))

    run(stage, race, check, choose_size(2, 200))


def test_verify_and_disagree(reach_stage: Callable[[str], Stage]) -> None:
    """Carol signs in one window and disagrees with a decision in the other: the unit is in progress after both."""
    stage = reach_stage("sampled")

    def race(stage: Stage) -> list[tuple[FlaskClient, Act]]:
        first_window, second_window = stage.browser("Carol"), stage.browser("Carol")
        verify = fill_form(first_window, f"{stage.path}/verify/sign", "/verify", password=PASSWORD)
        sample = fill_form(second_window, f"{stage.path}/verify", "/sample")
        decision_id = next(name for name in sample if name.startswith("action-")).removeprefix("action-")
        disagree = sample | {f"decision-{decision_id}": "disagree", f"action-{decision_id}": "Look at 3 again."}
        return [
            (first_window, make_post(f"{stage.path}/verify", verify)),
            (second_window, make_post(f"{stage.path}/sample", disagree)),
        ]

    def check(answers: list[TestResponse]) -> None:
        assert list_successes(answers)[1], answers[1].text[:1000]
        assert (stage.attempt.state, stage.attempt.round) == (AttemptState.IN_PROGRESS, 2)

    run(stage, race, check, choose_size(2, 200))
