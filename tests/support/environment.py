"""The environment of the tests: no setting of a user's installation reaches them or their child processes."""

import shutil
from collections.abc import MutableMapping
from pathlib import Path

# Settings of the product, of Faust and of the metrics library; Grafana's provisioning reads GF_.
PREFIXES = ("ACKSTREAM_", "FAUST_", "PROMETHEUS_", "GF_")
# Variables that change what programs print, or where the JVM and Python look for code.
NAMES = ("CLASSPATH", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONHASHSEED", "TZ")
LOOPBACK = "127.0.0.1,localhost"
# All services of a whole run hold 2 GiB of files at most.
MEMORY_FOLDER, MEMORY_BYTES = Path("/dev/shm"), 4 * 1024**3  # noqa: S108  (pytest makes a private folder in it)


def remove_settings(env: MutableMapping[str, str]) -> None:
    """Removes every variable that carries settings, and keeps a proxy away from the services on this machine."""
    for name in list(env):
        if name.startswith(PREFIXES) or name in NAMES:
            del env[name]
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(filter(None, (env.get(name), LOOPBACK)))
    # A broker of a test lives for seconds: the second compiler of the JVM would take 4 of the 10 s of CPU of its start.
    env.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def use_memory(env: MutableMapping[str, str], folder: Path = MEMORY_FOLDER, least: int = MEMORY_BYTES) -> None:
    """Puts pytest's temporary folders into memory where there is room: ClickHouse then needs a fifth less CPU."""
    if folder.is_dir() and shutil.disk_usage(folder).free >= least:
        env.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
