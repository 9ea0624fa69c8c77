"""What `scripts/screenshots` runs: the demonstration in a folder of its own, served, and looked at."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT))


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as instance:
        os.environ.update(INSTANCE_PATH=instance, DEMO="1", SECRET_KEY="screenshots", FLASK_APP="wsgi:app")
        os.environ.pop("DATABASE_URL", None)
        for command in (["db", "upgrade"], ["standards", "load"], ["demo"]):
            subprocess.run([sys.executable, "-m", "flask", *command], check=True, cwd=ROOT, capture_output=True)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "flask",
                "form",
                "CFACC15",
                "--candidate",
                "chloe@example.org",
                "-o",
                f"{instance}/form.pdf",
            ],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
        print_form(Path(instance) / "form.pdf")
        photograph_matrix()
    for name in ("matrix.png", "form.png"):
        print(f"docs/images/{name}: {(IMAGES / name).stat().st_size // 1024} KB")


def print_form(pdf: Path) -> None:
    subprocess.run(
        ["pdftoppm", "-r", "110", "-png", "-f", "1", "-l", "1", "-singlefile", pdf, pdf.with_suffix("")], check=True
    )
    Image.open(pdf.with_suffix(".png")).convert("L").quantize(16).save(IMAGES / "form.png", optimize=True)


def photograph_matrix() -> None:
    from tracker import create_app
    from tracker.accounts.demo_password import DEMO_PASSWORD

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page.goto(f"{address}/sign-in")
        page.get_by_label("Email").fill("alice@example.org")
        page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("link", name="CFACC15").first.click()
        page.get_by_role("link", name="Matrix").click()
        page.wait_for_load_state("networkidle")
        picture = IMAGES / "matrix.png"
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1280, "height": 1200}, full_page=True)
        browser.close()
    server.shutdown()
    Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    main()
