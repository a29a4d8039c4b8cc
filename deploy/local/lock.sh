#!/bin/sh
# Writes the lock files from pyproject.toml: every version and hash that set-up installs. Takes some minutes, because
# the hash of every package file of every system is computed. UPGRADE=1 takes the newest versions that are allowed.
set -eu
cd "$(dirname "$0")/../.."

compile() {
    .venv/bin/pip-compile --quiet ${UPGRADE:+--upgrade} --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options "$@"
}

# The build tools too: the package itself is then installed without a look at the network.
compile --extra local --build-deps-for=editable --output-file deploy/requirements.lock pyproject.toml

.venv/bin/python -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["dev"], sep="\n")
' | compile --constraint deploy/requirements.lock --output-file deploy/requirements-dev.lock -

compile --output-file deploy/local/kafka/requirements-java.lock deploy/local/kafka/requirements-java.in
