# What the other scripts share: saying what is installed, and a virtual environment stamped with its requirements.
set -eu
cd "$(dirname "$0")/.."
VENV=.venv

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else fail "Installing needs root, and there is no sudo here. Run as root: $*"; fi
}

# Debian and Ubuntu: install what dpkg does not know yet. Elsewhere say what is needed.
need_packages() {
    if command -v dpkg >/dev/null 2>&1; then
        missing=""
        for package in "$@"; do
            dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing="$missing $package"
        done
        [ -n "$missing" ] || return 0
        say "Installing system packages:$missing"
        as_root apt-get update -qq
        # shellcheck disable=SC2086 # a list of words on purpose
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    elif command -v brew >/dev/null 2>&1; then
        brew list pango >/dev/null 2>&1 || { say "Installing with Homebrew: pango"; brew install -q pango; }
    else
        say "This is neither Debian, Ubuntu nor macOS with Homebrew: Pango 1.44 or newer must be there already."
    fi
}

# The newest Python from 3.11 up that can make a virtual environment.
find_python() {
    for candidate in python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

set_up_system() {
    need_packages libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-inter fonts-dejavu-core
    find_python >/dev/null || need_packages python3 python3-venv
    PYTHON=$(find_python) || fail "Python 3.11 or newer is needed, with its venv module; install it and run this again."
}

# set_up_venv FILE: install a requirements file unless the stamp says that it was done.
set_up_venv() {
    stamp=$(cat requirements.txt requirements-dev.txt "$1" | sha256sum | cut -c1-32)
    stamp_file="$VENV/stamp-$(basename "$1" .txt)"
    if [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp_file" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    [ -x "$VENV/bin/python" ] || { say "Making a virtual environment in $VENV"; "$PYTHON" -m venv "$VENV"; }
    say "Installing Python packages from $1"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check -r "$1" || fail "The packages of $1 could not be installed; see above."
    printf '%s' "$stamp" > "$stamp_file"
}
