"""The jars of the local Kafka broker, copied once by Maven into the user's cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.local.kafka.java import Java
from schemas.errors import Failure

POM = Path(__file__).with_name("pom.xml")
MISSING = (
    "Maven is missing; it fetches the local Kafka: run `apt-get install maven` or `brew install maven`, "
    "or set kafka.local = false and kafka.bootstrap to your own Kafka"
)


def folder(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the jars; its name holds a hash of the pom, so a changed pom has another folder."""
    cache = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ackstream" / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def ensure(java: Java, env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the jars; fetches them if it does not exist. Raises Failure."""
    jars = folder(env)
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn", path=env.get("PATH"))
    if maven is None:
        raise Failure(MISSING)
    try:
        jars.parent.mkdir(parents=True, exist_ok=True)
        _fetch(maven, java, env, jars)
    except OSError as error:
        raise Failure(f"{jars} cannot be written ({error.strerror}): free disk space or set XDG_CACHE_HOME") from None
    return jars


def _fetch(maven: str, java: Java, env: Mapping[str, str], jars: Path) -> None:
    """Copies into a folder beside `jars` and renames it, so that an incomplete folder is never used."""
    with tempfile.TemporaryDirectory(dir=jars.parent) as part:
        # A copy of the pom: beside the original the plugin would create `target` in the checkout.
        pom = shutil.copy(POM, part)
        copies = Path(part, "jars")
        command = [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={copies}"]
        done = subprocess.run(command, env=java.environment(env), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise Failure(f"Maven could not fetch the Kafka jars: {_reason(done.stdout + done.stderr)}")
        try:
            copies.rename(jars)
        except OSError:
            # Another checkout was faster; both copies are the same.
            if not jars.is_dir():
                raise


def _reason(output: str) -> str:
    """The first error of Maven's output that has words; its first lines may be empty."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [text for line in lines if line.startswith("[ERROR]") and (text := line.removeprefix("[ERROR]").strip())]
    return next(iter(errors or lines), "no output; check the network")
