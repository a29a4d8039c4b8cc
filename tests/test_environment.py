"""Settings in the environment of whoever runs the tests change nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import remove_settings, use_memory

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "ACKSTREAM_INGEST_PORT": "no port",
    "ACKSTREAM_KAFKA_BOOTSTRAP": "kafka.invalid:9092",
    "ACKSTREAM_CONFIG": "/nowhere/ackstream.toml",
    "ACKSTREAM_SENT_TOKEN": "a token of the user",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere/metrics",
}
# They read settings in this process and in child processes.
PART = ("tests/schemas/settings", "tests/dashboards/grafana/test_provision.py")


@pytest.mark.service
def test_a_part_of_the_tests_passes_with_settings_in_the_environment() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PART]
    done = subprocess.run(
        command, env={**os.environ, **SETTINGS}, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_only_settings_are_removed_and_loopback_is_reached_without_a_proxy() -> None:
    env = {**SETTINGS, "PATH": "/bin", "FAUST_LOOP": "eventlet", "no_proxy": "example.com"}
    remove_settings(env)
    assert set(env) == {"PATH", "no_proxy", "NO_PROXY", "JAVA_TOOL_OPTIONS"}
    assert env["no_proxy"] == "example.com,127.0.0.1,localhost"


def test_temporary_files_are_in_memory_where_there_is_room(tmp_path: Path) -> None:
    env: dict[str, str] = {}
    use_memory(env, tmp_path / "missing")
    use_memory(env, tmp_path, least=2**62)
    assert env == {}
    use_memory(env, tmp_path, least=0)
    assert env == {"PYTEST_DEBUG_TEMPROOT": str(tmp_path)}
