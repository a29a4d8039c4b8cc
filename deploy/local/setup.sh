#!/bin/sh
# Set-up of a machine that has nothing but a Python: creates .venv, installs what the lock files pin, and for the tests
# of the page a browser. Usage: setup.sh create | runtime STAMP | dev STAMP | browser. The Makefile says when.
set -eu

LOG=.venv/setup.log

fail() {
    printf 'ackstream: %s\n' "$1" >&2
    exit 1
}

# Sets `python` to the first Python that fits. PYTHON=/path/to/python decides otherwise.
find_python() {
    seen='' bare=''
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        command -v "$python" >/dev/null 2>&1 || continue
        # A name on PATH may be a shim that has no Python behind it.
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        case $version in
        3.11 | 3.12 | 3.13) ;;
        *) seen=$version && continue ;;
        esac
        "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
        bare=$version
    done
    if [ -n "$bare" ]; then
        fail "Python $bare lacks its venv module: run \`apt-get install python3-venv\` (or python$bare-venv)"
    fi
    found=${seen:+only $seen}
    fail "Python 3.11, 3.12 or 3.13 is needed and ${found:-none} was found: run \`apt-get install python3 python3-venv\` or \`brew install python@3.13\`, or name one with PYTHON=/path/to/python"
}

create() {
    find_python
    "$python" -m venv --clear .venv || fail "$python could not create .venv: the lines above say why"
}

# The last line of pip's complaint, on one line with where the rest is.
install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" >>$LOG 2>&1 && return 0
    reason=$(grep '^ERROR' $LOG | tail -n 1 | sed 's/^ERROR: //')
    fail "installing the Python packages failed: ${reason:-no reason given} (all of it is in $LOG)"
}

runtime() {
    echo 'installing the Python packages (once) ...'
    : >$LOG
    install --require-hashes -r deploy/requirements.lock
    # The build tool is in the lock file: nothing is fetched here.
    install --no-deps --no-build-isolation --editable .
}

dev() {
    echo 'installing what the tests need (once) ...'
    : >$LOG
    install --require-hashes -r deploy/requirements-dev.lock
}

# The names that tests/support/browser.py looks for. CHROMIUM=/path/to/chromium decides otherwise.
has_browser() {
    for browser in ${CHROMIUM:-chromium chromium-browser google-chrome}; do
        command -v "$browser" >/dev/null 2>&1 && return 0
    done
    return 1
}

# Installs Debian's package where that is allowed. Without a browser the tests of the page fail and say so; the others
# need none, so this never fails.
browser() {
    has_browser && return 0
    if [ "$(id -u 2>/dev/null)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo 'installing Chromium for the tests of the page (once) ...'
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >>$LOG 2>&1 || true
        has_browser && return 0
    fi
    printf 'ackstream: the tests of the page need Chromium: run `apt-get install chromium` as root, or name one with CHROMIUM=/path/to/it\n' >&2
}

case ${1:-} in
create) create ;;
browser) browser ;;
runtime | dev)
    "$1"
    rm -f ".venv/bin/.$1-"*
    : >"$2"
    ;;
*) fail 'usage: setup.sh create | runtime STAMP | dev STAMP | browser' ;;
esac
