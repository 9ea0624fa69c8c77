"""`flask doctor` and the probes: each fault of a configuration is named, and an unsafe one exits with 1."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.conftest import server_url
from tests.factories import World
from tests.hosts.conftest import close_redis, use_redis
from tests.storage.conftest import bucket
from tests.storage.s3 import connect
from tracker import clock
from tracker.background.jobs import Jobs
from tracker.config import S3Location, Settings
from tracker.doctor import views
from tracker.doctor.examinations import ALL
from tracker.doctor.findings import Finding, describe, examine
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.transactions import transaction

__all__ = ["bucket"]

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def patient(app_with_signing_key: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Flask]:
    """A sound installation with a worker, of the tests' database."""
    app = app_with_signing_key
    monkeypatch.setattr(Jobs, "has_worker", lambda _jobs: True)
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    app.config["SETTINGS"] = replace(
        app.config["SETTINGS"],
        secret_key="s" * 64,
        base_url="https://evidence.example.org",
        trusted_proxies="1",
        mail_host="mail.example.org",
        keys_path=app.config["KEYS_PATH"],
    )
    app.extensions.pop("readiness", None)
    yield app
    close_redis(app)
    app.extensions.pop("readiness", None)


@pytest.fixture
def configure(patient: Flask) -> Configure:
    def change(**changes: object) -> None:
        patient.config["SETTINGS"] = replace(patient.config["SETTINGS"], **changes)

    return change


def run(app: Flask, *options: str) -> tuple[int, list[str]]:
    result = app.test_cli_runner().invoke(args=["doctor", *options])
    lines = result.output.splitlines()
    return result.exit_code, [each for each in lines if "superuser" not in each]  # PostgreSQL's tests run as one


def test_what_other_accounts_can_open_is_named(patient: Flask, configure: Configure) -> None:
    with TemporaryDirectory() as name:  # pytest's own folders are private, so that nothing in them is exposed
        Path(name).chmod(0o755)
        configure(storage=Path(name))
        code, lines = run(patient)
    assert f"✗ Other accounts of this machine can open {name}. Run chmod go= {name}." in lines
    assert code == 1


def test_a_sound_configuration_is_ready(patient: Flask) -> None:
    assert run(patient) == (0, ["Ready to serve."])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"secret_key": None}, "✗ SECRET_KEY is not set, so nobody can sign in."),
        ({"secret_key": "short"}, "✗ SECRET_KEY is shorter than 32 characters and could be guessed."),
        (
            {"base_url": "http://evidence.example.org"},
            "✗ BASE_URL does not begin with https://, so passwords would be sent unencrypted.",
        ),
        ({"demo": True}, "✗ DEMO=1 is set, and anybody can sign in to a demonstration."),
        ({"metrics_token": "short"}, "✗ METRICS_TOKEN is shorter than 32 characters and could be guessed."),
    ],
)
def test_an_unsafe_setting_is_refused(
    patient: Flask, configure: Configure, changes: dict[str, object], line: str
) -> None:
    configure(**changes)
    assert run(patient) == (1, [line, "1 fault."])


def test_networks_of_metrics_need_the_clients_own_address(patient: Flask, configure: Configure) -> None:
    configure(metrics_networks="127.0.0.1", trusted_proxies="")
    code, lines = run(patient)
    assert code == 1
    assert (
        "✗ METRICS_NETWORKS needs TRUSTED_PROXIES or METRICS_TOKEN, or a web server's clients pass for it." in lines
    )
    configure(metrics_token="t" * 32)
    assert run(patient)[0] == 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"mail_host": None}, "! MAIL_HOST is not set, so nobody is emailed."),
        (
            {"trusted_proxies": ""},
            "! TRUSTED_PROXIES is not set, so everybody behind a web server has its address.",
        ),
    ],
)
def test_what_is_only_incomplete_is_named_and_allowed(
    patient: Flask, configure: Configure, changes: dict[str, object], line: str
) -> None:
    configure(**changes)
    assert run(patient) == (0, [line, "Ready to serve."])


def test_a_demonstration_on_this_machine_is_ready(patient: Flask, configure: Configure) -> None:
    configure(demo=True, base_url="http://127.0.0.1:8000", mail_host=None, secret_key="demo")
    assert run(patient) == (0, ["Ready to serve."])


def test_no_worker_is_named(patient: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "has_worker", lambda _jobs: False)
    assert run(patient) == (0, ["! No worker runs. Start flask jobs.", "Ready to serve."])
    assert run(patient, "--without-worker") == (0, ["Ready to serve."])


class TestSchema:
    @pytest.fixture
    def put_at(self) -> Iterator[Callable[[str], None]]:
        """`put_at(revision)` lets the database say that it is at a migration."""

        def put(revision: str) -> None:
            with transaction():
                db.session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

        number = str(db.session.scalar(text("SELECT version_num FROM alembic_version")))
        db.session.rollback()
        yield put
        put(number)

    def test_an_older_schema_is_refused(
        self, patient: Flask, anonymous: FlaskClient, put_at: Callable[[str], None]
    ) -> None:
        put_at("0001_baseline")
        code, lines = run(patient)
        assert code == 1
        assert "✗ The database's schema is older than this code (0001_baseline). Run flask db upgrade." in lines
        assert anonymous.get("/readyz").status_code == 503

    def test_a_newer_schema_is_named_and_served(
        self, patient: Flask, anonymous: FlaskClient, put_at: Callable[[str], None]
    ) -> None:
        """During an upgrade, hosts of the previous release continue to serve."""
        put_at("9999_later")
        code, lines = run(patient)
        assert code == 0
        assert "! The database's schema is newer than this code (9999_later). Update the code." in lines
        assert anonymous.get("/readyz").status_code == 200


def test_an_unreachable_database_is_refused(patient: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("connect", {}, Exception("no-secret")) from ConnectionRefusedError()

    monkeypatch.setattr(type(db.engine), "connect", lambda _engine: fail())
    code, lines = run(patient)
    assert code == 1
    assert "✗ The database cannot be reached: ConnectionRefusedError." in lines
    assert "no-secret" not in "".join(lines)


class TestFilesAndKeys:
    def test_a_folder_that_cannot_be_written_to_is_refused(self, patient: Flask, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        patient.config["ATTACHMENTS_PATH"] = tmp_path / "file"
        code, lines = run(patient)
        assert code == 1
        assert f"✗ Files cannot be written to {tmp_path / 'file'}: Not a directory." in lines

    def test_the_try_leaves_nothing_in_the_store(self, patient: Flask) -> None:
        run(patient)
        assert [each for each in patient.config["ATTACHMENTS_PATH"].rglob("*") if each.is_file()] == []

    def test_a_key_that_others_can_open_is_refused(self, patient: Flask) -> None:
        path = next(patient.config["KEYS_PATH"].glob("*.seal.key"))
        path.chmod(0o444)
        code, lines = run(patient)
        assert code == 1
        assert f"✗ Other accounts of this machine can open the key {path.name}. Run chmod 400 {path}." in lines

    def test_a_missing_key_is_refused_on_the_only_host(self, patient: Flask) -> None:
        name = next(each for each in patient.config["KEYS_PATH"].glob("*.key") if "seal" not in each.name)
        name.unlink()
        line = f"The key {name.stem} is not in KEYS_PATH, so this host writes no checkpoints and issues no forms."
        assert run(patient) == (1, [f"✗ {line}", "1 fault."])

    def test_an_installation_without_a_key_is_refused(self, patient: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tracker.ledger.keys.find_current_key", lambda: None)
        assert run(patient) == (1, ["✗ There is no signing key. Run flask keys make.", "1 fault."])


def test_a_clock_behind_the_ledger_is_refused(
    patient: Flask, world: World, freeze_clock: Callable[..., None]
) -> None:
    last = events.find_last_time()
    assert last
    freeze_clock(last - timedelta(minutes=2))
    code, lines = run(patient)
    assert code == 1
    assert "✗ The clock is behind the last event, so nobody can sign in. Correct it; see flask clock." in lines


@pytest.mark.skipif(server_url() is None, reason="SQLite has no clock of its own")
def test_a_clock_unlike_the_database_servers_is_refused(patient: Flask, freeze_clock: Callable[..., None]) -> None:
    freeze_clock(clock.now() + timedelta(minutes=1))
    assert "✗ The clock differs from the database server's by more than 5 seconds." in run(patient)[1]


class TestSeveralHosts:
    @pytest.fixture
    def in_bucket(self, bucket: S3Location, configure: Configure) -> S3Location:
        configure(storage=bucket)
        return bucket

    @pytest.mark.usefixtures("in_bucket")
    def test_a_bucket_without_redis_is_for_one_host(self, patient: Flask) -> None:
        assert run(patient) == (0, ["! REDIS_URL is not set, so only one host may serve.", "Ready to serve."])

    @pytest.mark.usefixtures("in_bucket")
    def test_sqlite_is_refused_for_several_hosts(
        self, patient: Flask, configure: Configure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tracker.doctor.examinations.examine_redis", lambda _settings: iter(()))
        configure(redis_url="redis://127.0.0.1:9/0", database_url="sqlite:////srv/tracker.sqlite")
        assert (
            "✗ DATABASE_URL is SQLite's, which only one host can use. Several hosts need PostgreSQL."
            in run(patient)[1]
        )

    def test_an_unreachable_redis_is_refused_and_its_password_is_not_shown(self, patient: Flask) -> None:
        use_redis(patient, "redis://:no-secret@127.0.0.1:9/0")
        code, lines = run(patient)
        assert code == 1
        assert "✗ Redis cannot be used: ConnectionError." in lines
        assert "no-secret" not in "".join(lines)

    def test_a_bucket_that_is_not_there_is_refused(self, patient: Flask, in_bucket: S3Location) -> None:
        patient.config["S3_LOCATION"] = replace(in_bucket, bucket="another-bucket")
        code, lines = run(patient)
        assert code == 1
        assert "✗ Files cannot be written to the bucket: the file store refused a request: NoSuchBucket." in lines

    def test_a_bucket_that_keeps_versions_is_refused(self, patient: Flask, in_bucket: S3Location) -> None:
        client = connect(in_bucket)
        client.put_bucket_versioning(Bucket=in_bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
        code, lines = run(patient)
        assert code == 1
        assert "✗ The bucket keeps older versions, so what is erased stays there. Switch versioning off." in lines

    @pytest.mark.usefixtures("in_bucket")
    def test_a_store_that_ignores_conditions_is_refused(
        self, patient: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tracker.storage.file_store import get_store

        store = get_store()
        real = store.client.put_object  # type: ignore[attr-defined]

        def ignore(**options: object) -> object:
            options.pop("IfNoneMatch", None)
            return real(**options)

        monkeypatch.setattr(store.client, "put_object", ignore)  # type: ignore[attr-defined]
        line = "✗ The file store overwrites objects although it is told not to (If-None-Match)."
        assert line in run(patient)[1]


class TestProbes:
    def test_health_asks_nothing(
        self, anonymous: FlaskClient, count_statements: Callable[[], AbstractContextManager[list[str]]]
    ) -> None:
        with count_statements() as statements:
            answer = anonymous.get("/healthz")
        assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")
        assert statements == []

    def test_a_sound_installation_is_ready(self, anonymous: FlaskClient) -> None:
        answer = anonymous.get("/readyz")
        assert (answer.status_code, answer.text) == (200, "ready\n")

    def test_what_is_wrong_is_logged_and_not_told(
        self, patient: Flask, anonymous: FlaskClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        use_redis(patient, "redis://127.0.0.1:9/0")
        answer = anonymous.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready\n")
        assert "Not ready: Redis cannot be used: ConnectionError." in caplog.text

    def test_an_answer_is_given_again_for_a_while(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Settings] = []

        def note(settings: Settings) -> Iterator[Finding]:
            asked.append(settings)
            return iter(())

        monkeypatch.setattr(views, "PROBED", (note,))
        assert [anonymous.get("/readyz").status_code for _ in range(3)] == [200] * 3
        assert len(asked) == 1
        monkeypatch.setattr(views, "PROBE_SECONDS", 0)
        anonymous.get("/readyz")
        assert len(asked) == 2

    def test_nobody_waits_for_an_examination_of_another_request(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with views._examining:
            assert anonymous.get("/readyz").status_code == 503  # nothing was examined before
        assert anonymous.get("/readyz").status_code == 200
        monkeypatch.setattr(views, "PROBE_SECONDS", 0)
        with views._examining:
            assert anonymous.get("/readyz").status_code == 200
            monkeypatch.setattr(views, "STALE_SECONDS", 0)
            assert anonymous.get("/readyz").status_code == 503


def test_an_examination_that_fails_is_a_finding(patient: Flask) -> None:
    def examine_something(_settings: Settings) -> Iterator[Finding]:
        raise RuntimeError("no luck")

    (finding,) = examine(patient.config["SETTINGS"], (examine_something,))
    assert finding == Finding("The configuration could not be examined for something.")


def test_every_examination_has_a_name_that_can_be_read() -> None:
    assert all(describe(each) for each in ALL)
