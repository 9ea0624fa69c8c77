"""Screenshots of the demonstration, served from a temporary folder; `scripts/screenshots` runs this module."""

import argparse
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT))


WIDTHS = (1280, 390)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./scripts/screenshots")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="save the main screens of every role there")
    folder = parser.parse_args().all
    with tempfile.TemporaryDirectory() as instance:
        os.environ.update(INSTANCE_PATH=instance, DEMO="1", SECRET_KEY="screenshots", FLASK_APP="wsgi:app")
        os.environ.pop("DATABASE_URL", None)
        for command in (["db", "upgrade"], ["standards", "load"], ["demo"], ["keys", "make"]):
            run_flask(*command)
        if folder:
            save_screenshots(folder)
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        form = Path(instance) / "form.pdf"
        run_flask("form", "CFACC15", "--candidate", "chloe@example.org", "-o", str(form))
        save_form_image(form)
        save_matrix_image()
    for name in ("matrix.png", "form.png"):
        print(f"docs/images/{name}: {(IMAGES / name).stat().st_size // 1024} KB")


def run_flask(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "flask", *arguments], check=True, cwd=ROOT, capture_output=True)


def save_form_image(pdf: Path) -> None:
    subprocess.run(
        ["pdftoppm", "-r", "110", "-png", "-f", "1", "-l", "1", "-singlefile", pdf, pdf.with_suffix("")], check=True
    )
    Image.open(pdf.with_suffix(".png")).convert("L").quantize(16).save(IMAGES / "form.png", optimize=True)


@contextmanager
def serve(app: Flask) -> Iterator[str]:
    """Serve the app on a free port and yield its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@contextmanager
def launch_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def save_matrix_image() -> None:
    from tracker import create_app
    from tracker.accounts.demo_password import DEMO_PASSWORD

    image_path = IMAGES / "matrix.png"
    with serve(create_app()) as address, launch_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page.goto(f"{address}/sign-in")
        page.get_by_label("Email").fill("alice@example.org")
        page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("link", name="CFACC15").first.click()
        page.get_by_role("link", name="Matrix").click()
        page.get_by_role("link", name="All criteria").click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=image_path, clip={"x": 0, "y": 0, "width": 1280, "height": 1200}, full_page=True)
    Image.open(image_path).convert("RGB").quantize(64).save(image_path, optimize=True)


def save_screenshots(folder: Path) -> None:
    """Save each screen of `find_screens` at each of `WIDTHS` as `name-screen-width.png`."""
    from tracker import create_app

    app = create_app()
    screens = find_screens(app)
    folder.mkdir(parents=True, exist_ok=True)
    with serve(app) as address, launch_browser() as browser:
        for name, paths in screens.items():
            token = start_session_for(app, name) if name else ""
            for width in WIDTHS:
                context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
                if token:
                    context.add_cookies([{"name": "tracker_session", "value": token, "url": address}])
                page = context.new_page()
                for screen, path in paths.items():
                    page.goto(address + path)
                    page.screenshot(path=folder / f"{name or 'anonymous'}-{screen}-{width}.png", full_page=True)
                if not name:  # the sign-in form with its error summary
                    page.goto(f"{address}/sign-in")
                    page.locator("form[method=post] button", has_text="Sign in").last.click()
                    page.screenshot(path=folder / f"anonymous-sign-in-refused-{width}.png", full_page=True)
                context.close()
    print(f"{folder}: {len(list(folder.glob('*.png')))} screenshots")


def start_session_for(app: Flask, name: str) -> str:
    """Sign in a person of the demonstration with two-step verification, and return the session token."""
    from sqlalchemy import select

    from tracker.accounts.sessions import start_session
    from tracker.extensions import db
    from tracker.ledger import transactions
    from tracker.models import Person

    with app.app_context(), transactions.transaction():
        person = db.session.scalars(select(Person).where(Person.email == f"{name}@example.org")).one()
        return start_session(person, "127.0.0.1", "Chromium", proven=True)


def find_screens(app: Flask) -> dict[str, dict[str, str]]:
    """Return the paths of the main screens, by who opens them (an empty name: not signed in) and by name."""
    alices_attempt, chloes_attempt, items, centre, registration_id = find_ids(app)
    at = f"/centres/{centre}"
    return {
        "": {"sign-in": "/sign-in", "verify-form": "/verify", "not-found": "/nothing-here", "outbox": "/outbox"},
        "alice": {
            "home": "/",
            "unit": f"/attempts/{alices_attempt}",
            "matrix": f"/attempts/{alices_attempt}?view=matrix",
            "form": f"/attempts/{alices_attempt}/form",
            "add-evidence": "/evidence/new",
            "evidence": f"/evidence/{items[7]}",
            "criteria": f"/evidence/{items[11]}/criteria",
            "index": "/evidence",
            "account": "/account",
            "second-factor-app": "/account/two-step-verification/app",
        },
        "bob": {
            "queue": "/queue",
            "candidates": "/candidates",
            "assess": f"/attempts/{alices_attempt}/evidence/{items[8]}/assess",
            "sign": f"/attempts/{chloes_attempt}/sign",
            "guidance": "/guidance",
        },
        "carol": {"home": "/", "action-points": "/action-points", "verify": f"/attempts/{chloes_attempt}/verify"},
        "eve": {"home": "/", "visit": f"/attempts/{chloes_attempt}/visit"},
        "dan": {
            "home": "/",
            "people": f"{at}/people",
            "invite": f"{at}/people/invite",
            "candidates": f"{at}/registrations",
            "registration": f"/registrations/{registration_id}",
            "retention": f"{at}/retention",
            "record": "/integrity",
            "units": "/units?q=customer+complaint&type=nos",
            "unit": "/units/cfacc15",
            "add-unit": f"{at}/units/add",
            "links": f"{at}/links?one=cfacc15&other=inscc004",
        },
    }


def find_ids(app: Flask) -> tuple[int, int, list[int], int, int]:
    """Return the ids of Alice's and Chloe's units, of Alice's items, of the centre, and of Alice's registration."""
    from sqlalchemy import select

    from tracker.extensions import db
    from tracker.models import Evidence, Person, Registration, UnitAttempt

    with app.app_context():
        people = {each.email.split("@")[0]: each.id for each in db.session.scalars(select(Person))}
        attempts = {
            candidate: attempt
            for attempt, candidate in db.session.execute(
                select(UnitAttempt.id, UnitAttempt.candidate_id).order_by(UnitAttempt.id.desc())
            )
        }
        alices_attempt, chloes_attempt = attempts[people["alice"]], attempts[people["chloe"]]
        items = list(
            db.session.scalars(
                select(Evidence.id)
                .where(Evidence.candidate_id == people["alice"], Evidence.author_id.is_(None))
                .order_by(Evidence.id)
            )
        )
        registration = db.session.scalars(
            select(Registration).where(Registration.candidate_id == people["alice"])
        ).one()
        centre, registration_id = registration.centre_id, registration.id
        db.session.remove()
    return alices_attempt, chloes_attempt, items, centre, registration_id


if __name__ == "__main__":
    main()
