"""Run the commands of deploy/Containerfile in an empty folder, for machines on which no image can be built.

The folder stands for the root of the image. System packages are not installed but asked for. Then the code is made
read-only, and the server, its preparation and its health check run as another account, as they would in the container.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ACCOUNT = 10001
PREPARATION = ("flask db upgrade", "flask standards load", "flask keys make")
FOLDERS = ("/srv/tracker", "/var/lib/tracker", "/tmp")  # noqa: S108 - paths in the image


class Image:
    """The folder that stands for the root of the image."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.environment = root, root, {"PATH": os.environ["PATH"]}
        self.command: list[str] = []
        self.health: list[str] = []
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)

    def move(self, text: str) -> str:
        """Return a text in which the paths of the image lead into the folder."""
        return re.sub(rf"(?<![\w/.])({'|'.join(FOLDERS)})\b", rf"{self.root}\1", text)

    def build(self, instructions: list[tuple[str, str]]) -> None:
        for name, rest in instructions:
            print(f"{name} {rest[:100]}", flush=True)
            getattr(self, f"do_{name.lower()}")(rest)

    def do_from(self, _rest: str) -> None:
        self.folder = self.root

    def do_workdir(self, rest: str) -> None:
        self.folder = Path(self.move(rest))
        self.folder.mkdir(parents=True, exist_ok=True)

    def do_copy(self, rest: str) -> None:
        if rest.startswith("--from="):
            built = Path(self.move(rest.split()[1]))
            assert built.exists(), built  # both stages share the folder
            return
        *sources, target = rest.split()
        for source in sources:
            destination = self.folder / target / (source if target == "./" else "")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, destination)

    def do_run(self, rest: str) -> None:
        if rest.startswith("apt-get"):
            packages = re.search(r"--no-install-recommends (.*?) &&", rest)
            assert packages
            for package in packages[1].split():
                known = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
                assert known.returncode == 0, f"{package} is no package of this system"
            return
        subprocess.run(["sh", "-ec", self.move(rest)], cwd=self.folder, env=self.environment, check=True)

    def do_env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            self.environment[name] = self.move(value).replace("$PATH", self.environment["PATH"])

    def do_user(self, rest: str) -> None:
        assert rest == f"{ACCOUNT}:{ACCOUNT}", rest

    def do_volume(self, rest: str) -> None:
        assert all(Path(self.move(each)).is_dir() for each in rest.split())

    def do_expose(self, rest: str) -> None:
        assert rest == self.environment["PORT"], rest

    def do_healthcheck(self, rest: str) -> None:
        self.health = list(eval(rest.partition("CMD ")[2]))  # noqa: S307 - a list in our own file

    def do_cmd(self, rest: str) -> None:
        self.command = list(eval(rest))  # noqa: S307 - likewise


def read_instructions() -> list[tuple[str, str]]:
    text = (ROOT / "deploy/Containerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines if line)]


def run_as_in_the_container(image: Image) -> None:
    """Prepare a database of SQLite, serve, and wait until the health check passes."""
    subprocess.run(["chmod", "-R", "a-w", str(image.root / "srv")], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    environment = image.environment | {"PORT": port, "SECRET_KEY": "x" * 40, "BASE_URL": f"http://localhost:{port}"}
    account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "--no-new-privs"]
    options: dict[str, Any] = {"cwd": image.root / "srv/tracker", "env": environment}
    for command in PREPARATION:
        print(f"as {ACCOUNT}: {command}", flush=True)
        subprocess.run([*account, *command.split()], check=True, **options)
    print(f"as {ACCOUNT}: {' '.join(image.command)}", flush=True)
    with subprocess.Popen([*account, *image.command], **options) as server:
        try:
            check = [each.replace(":8000", f":{port}") for each in image.health]
            for _ in range(60):
                if subprocess.run([*account, *check], capture_output=True, check=False, **options).returncode == 0:
                    break
                assert server.poll() is None
                time.sleep(1)
            else:
                raise SystemExit("The health check does not pass.")
        finally:
            server.terminate()
    written = subprocess.run(
        ["find", str(image.root / "srv"), "-user", str(ACCOUNT)], capture_output=True, text=True, check=True
    )
    assert written.stdout == "", written.stdout


def main() -> None:
    if os.getuid():
        sys.exit("Run it as root: it starts the server as another account.")
    with tempfile.TemporaryDirectory(prefix="tracker-container-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        image = Image(Path(folder))
        image.build(read_instructions())
        run_as_in_the_container(image)
    print("Every command ran, and the health check passed. No image was built.")


if __name__ == "__main__":
    main()
