#!/bin/sh
# Prepares a machine that has only git, make and a Python: system packages (as root with apt-get), .venv, and in it the
# packages that the lock files pin. The Makefile calls it.
# Usage: setup.sh packages python|up|test, setup.sh create, setup.sh runtime STAMP, setup.sh dev STAMP
set -eu

LOG=.venv/setup.log
# Exists while packages are being installed. A run that finds it starts with a fresh .venv: half a package is not trusted.
UNFINISHED=.venv/.unfinished
APT_LOG=${TMPDIR:-/tmp}/ackstream-apt.log

fail() {
    printf 'ackstream: %s\n' "$1" >&2
    exit 1
}

# Sets `python` to the first Python that fits; else `bare` to a version without the venv module and `seen` to one that
# does not fit. PYTHON=/path/to/python decides otherwise.
find_python() {
    seen='' bare=''
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        command -v "$python" >/dev/null 2>&1 || continue
        # A name on PATH may be a shim without a Python behind it.
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        case $version in
        3.11 | 3.12 | 3.13) ;;
        *) seen=$version && continue ;;
        esac
        "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
        bare=$version
    done
    return 1
}

# Kafka 4 needs Java 17.
has_java() {
    for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java; do
        major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | sed -n 1p) || major=''
        [ "${major:-0}" -ge 17 ] && return 0
    done
    return 1
}

# Kafka's jars, which Maven copies into the user's cache once.
has_jars() {
    for folder in "${XDG_CACHE_HOME:-${HOME:-/}/.cache}"/ackstream/kafka-*; do
        [ -d "$folder" ] && return 0
    done
    return 1
}

# The names that tests/support/browser.py looks for. CHROMIUM=/path/to/chromium decides otherwise.
has_browser() {
    for browser in ${CHROMIUM:-chromium chromium-browser google-chrome}; do
        command -v "$browser" >/dev/null 2>&1 && return 0
    done
    return 1
}

# Prints the Debian packages that `python`, `up` or `test` needs and this machine lacks.
lacking() {
    if ! find_python; then
        if [ -z "$bare" ]; then
            echo python3 python3-venv
        elif [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$bare" ]; then
            echo python3-venv
        else
            echo "python$bare-venv"
        fi
    fi
    [ "$1" = python ] && return 0
    has_java || echo openjdk-17-jre-headless
    has_jars || command -v mvn >/dev/null 2>&1 || echo maven
    [ "$1" = up ] || has_browser || echo chromium
}

may_install() {
    [ "$(id -u 2>/dev/null)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

# Debian and Ubuntu releases differ in the versions of Java that they have.
available() {
    for package; do
        if [ "$package" = openjdk-17-jre-headless ] && ! apt-cache show "$package" >/dev/null 2>&1; then
            package=default-jre-headless
        fi
        printf '%s ' "$package"
    done
}

# Installs what is lacking where that is allowed. A missing Python ends here. Without the others the command itself
# reports what it cannot do, so this only names the command that installs them.
packages() {
    # shellcheck disable=SC2046
    set -- $(lacking "$1")
    [ $# = 0 ] && return 0
    reason=''
    if may_install; then
        printf 'installing system packages (once): %s\n' "$*"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2046
        if apt-get update -qq >"$APT_LOG" 2>&1 &&
            apt-get install -y -qq --no-install-recommends $(available "$@") >>"$APT_LOG" 2>&1; then
            return 0
        fi
        reason=$(grep '^E: ' "$APT_LOG" | tail -n 1) || reason=''
        reason=" (apt-get failed: ${reason:-no reason given}; its output is in $APT_LOG)"
    fi
    find_python || no_python "$reason" "$@"
    # Java comes from PyPI where there is none, and who has a Kafka of their own needs no Maven.
    case "$reason $*" in
    *failed* | *chromium*) printf 'ackstream: run `apt-get install %s` as root%s\n' "$*" "$reason" >&2 ;;
    esac
}

# no_python REASON PACKAGE...
no_python() {
    reason=$1
    shift
    case $(uname 2>/dev/null) in
    Darwin) cure='run `brew install python@3.13 maven`' ;;
    *) cure="run \`apt-get install ${*:-python3 python3-venv}\` as root" ;;
    esac
    [ -n "$bare" ] && fail "Python $bare lacks its venv module: $cure$reason"
    fail "Python 3.11, 3.12 or 3.13 is needed and ${seen:+only }${seen:-none} was found: $cure, or name one with PYTHON=/path/to/python$reason"
}

create() {
    packages python
    find_python || no_python ''
    rm -rf .venv
    "$python" -m venv .venv || {
        rm -rf .venv
        fail "$python could not create .venv: the lines above say why"
    }
}

# Reports the last error of pip on one line, with the place of its whole output.
install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" >>$LOG 2>&1 && return 0
    if grep -q 'NewConnectionError\|NameResolutionError\|ConnectTimeoutError\|ReadTimeoutError' $LOG; then
        reason='the package index does not answer; check the network'
    else
        reason=$(grep '^ERROR' $LOG | tail -n 1 | sed 's/^ERROR: //')
    fi
    fail "installing the Python packages failed: ${reason:-no reason given} (all of it is in $LOG)"
}

# Starts with a fresh .venv, and sets `fresh`, when the last installation did not end.
begin() {
    fresh=''
    if [ -e $UNFINISHED ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        create
        fresh=1
    fi
    : >$UNFINISHED
    : >$LOG
}

runtime() {
    echo 'installing the Python packages (once) ...'
    install --require-hashes -r deploy/requirements.lock
    # The build tool is in the lock file: nothing is fetched here.
    install --no-deps --no-build-isolation --editable .
}

dev() {
    [ -z "$fresh" ] || runtime
    echo 'installing the packages for the tests (once) ...'
    install --require-hashes -r deploy/requirements-dev.lock
}

case ${1:-} in
packages) packages "$2" ;;
create) create ;;
runtime | dev)
    begin
    "$1"
    rm -f ".venv/bin/.$1-"*
    : >"$2"
    rm -f $UNFINISHED
    ;;
*) fail 'usage: setup.sh packages python|up|test | create | runtime STAMP | dev STAMP' ;;
esac
