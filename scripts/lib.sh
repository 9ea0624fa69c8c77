# Shared functions of the scripts: install system packages, a virtual environment and a browser, each only if missing.
# The virtual environment has a stamp of what was installed, so that the next run starts in seconds.
# Included with `.` by the scripts of this folder; for sh.
# shellcheck shell=sh
set -eu
cd "$(dirname "$0")/.."
VENV=.venv

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# need_packages NAME...: install packages on Debian and Ubuntu. apt runs only if one is missing.
need_packages() {
    missing=""
    for package in "$@"; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || has sudo ||
        fail "These packages are missing, and sudo is not installed. Run as root: apt-get install$missing. Then run this script again."
    say "Installing system packages:$missing"
    as_root apt-get update -qq || say "The list of packages could not be updated. Trying with the current one."
    # shellcheck disable=SC2086 # a list of words on purpose
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        fail "apt-get could not install:$missing. Its output is above."
}

# need_formulae NAME...: install packages on macOS with Homebrew.
need_formulae() {
    for formula in "$@"; do
        brew list "$formula" >/dev/null 2>&1 && continue
        say "Installing with Homebrew: $formula"
        brew install -q "$formula" || fail "Homebrew could not install $formula. Its output is above."
    done
}

# Print the path of a Python 3.11 or newer that can create virtual environments; prefer the default python3.
find_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if has "$candidate" && "$candidate" -c '
import ensurepip, sys, venv
sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# Install a newer Python from apt or Homebrew, if the default one is too old.
install_python() {
    if has apt-get; then
        for version in 3.13 3.12 3.11; do
            if apt-cache show "python$version-venv" >/dev/null 2>&1; then
                need_packages "python$version" "python$version-venv"
                return 0
            fi
        done
    elif has brew; then
        need_formulae python@3.12
    fi
}

# Install Python, and the libraries and fonts that render the printed forms.
set_up_system() {
    if has apt-get; then
        set -- libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-inter fonts-dejavu-core \
            fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji
        find_python >/dev/null || set -- python3 python3-venv "$@"
        need_packages "$@"
    elif has brew; then
        need_formulae pango
        # Where Homebrew's libraries are, for a Python that is not Homebrew's.
        DYLD_FALLBACK_LIBRARY_PATH="$(brew --prefix)/lib:${DYLD_FALLBACK_LIBRARY_PATH:-/usr/local/lib:/usr/lib}"
        export DYLD_FALLBACK_LIBRARY_PATH
    else
        say "Neither apt nor Homebrew was found. Python 3.11 or newer and Pango 1.44 or newer must be installed already."
    fi
    find_python >/dev/null || install_python
    PYTHON=$(find_python) || fail "Python 3.11 or newer with its venv module is needed, and could not be installed."
}

# Install LibreOffice, which shows documents as pages, the fonts that documents name most, and Bubblewrap, without which
# it is not started.
set_up_office() {
    has apt-get || fail "LibreOffice is set up on Debian and Ubuntu only. Elsewhere documents are shown as text."
    need_packages libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui bubblewrap \
        fonts-liberation fonts-crosextra-carlito fonts-crosextra-caladea
    bwrap --unshare-all --ro-bind / / true 2>/dev/null ||
        say "Bubblewrap may not create namespaces for this account, so documents are shown as text. See docs/operations.md, Documents as pages."
}

# Install nginx, whose documented configuration the tests run. The package starts a server on port 80 where services run.
set_up_nginx() {
    has apt-get || fail "nginx is set up on Debian and Ubuntu only. Elsewhere its tests are skipped unless it is installed."
    need_packages nginx-light
}

# Install Redis and PgBouncer, of which the tests start servers of their own. The packages start servers, on ports 6379 and
# 6432, where services run.
set_up_engines() {
    has apt-get || fail "Redis and PgBouncer are set up on Debian and Ubuntu only. Elsewhere their tests are skipped unless they are installed."
    need_packages redis-server pgbouncer
}

# set_up_venv LOCK: install what the lock file names, checked by its hashes, unless the stamp says that it is there.
# The stamp holds the folder and the Python too: neither survives a move or an upgrade.
set_up_venv() {
    stamp=$({ printf '%s\n' "$PWD"; "$PYTHON" --version; cat "$1"; } | "$PYTHON" -c '
import hashlib, sys
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    stamp_file="$VENV/stamp-$(basename "$1" .lock)"
    if [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp_file" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    if ! "$VENV/bin/pip" --version >/dev/null 2>&1; then
        say "Creating a virtual environment in $VENV"
        "$PYTHON" -m venv --clear "$VENV" || fail "The virtual environment could not be created. Its output is above."
    fi
    say "Installing the Python packages of $1 into $VENV"
    "$VENV/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$1" ||
        fail "The packages of $1 could not be installed. Its output is above."
    printf '%s\n' "$stamp" > "$stamp_file"
}

# Install Chromium for the browser tests, and the tools that convert a PDF to images.
set_up_browser() {
    if has apt-get; then
        set -- libatomic1 poppler-utils # the first for Playwright's driver
        grep -qs '^ID=ubuntu' /etc/os-release || set -- chromium "$@"
        need_packages "$@"
    elif has brew; then
        need_formulae poppler
    fi
    has chromium && return 0
    # Ubuntu's own package is a stub for a snap; elsewhere there may be none.
    if ! "$VENV/bin/python" - <<'PYTHON'
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not os.path.exists(playwright.chromium.executable_path))
PYTHON
    then
        say "Installing Playwright's Chromium and the libraries it needs"
        "$VENV/bin/python" -m playwright install --with-deps chromium ||
            fail "Chromium could not be installed. Its output is above."
    fi
}
