"""The environment of the tests: no setting of a user's installation reaches them or their child processes."""

from collections.abc import MutableMapping

# Settings of the product, of Faust and of the metrics library; Grafana's provisioning reads GF_.
PREFIXES = ("ACKSTREAM_", "FAUST_", "PROMETHEUS_", "GF_")
# Variables that change what programs print, or where the JVM and Python look for code.
NAMES = ("CLASSPATH", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONHASHSEED", "TZ")
LOOPBACK = "127.0.0.1,localhost"


def remove_settings(env: MutableMapping[str, str]) -> None:
    """Removes every variable that carries settings, and keeps a proxy away from the services on this machine."""
    for name in list(env):
        if name.startswith(PREFIXES) or name in NAMES:
            del env[name]
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(filter(None, (env.get(name), LOOPBACK)))
    # A broker of a test lives for seconds: the second compiler of the JVM would take 4 of the 10 s of CPU of its start.
    env.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
