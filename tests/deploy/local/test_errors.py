"""What goes wrong before anything is started: one sentence on stderr that says what to do, exit 1."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import preflight
from deploy.local.parts import Listener, Part
from schemas.errors import Failure
from tests.deploy.local.installation import environment, run


def refused(env: dict[str, str], *arguments: str) -> str:
    """The one line on stderr of a command that fails."""
    done = run(env, *arguments)
    assert done.code == 1, done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("ackstream: ")
    return line


def test_a_broken_settings_file_is_named_with_the_key(tmp_path: Path) -> None:
    (tmp_path / "ackstream.toml").write_text("[ingest]\nprot = 1\n")
    line = refused(environment(tmp_path), "up")
    assert str(tmp_path / "ackstream.toml") in line
    assert "ingest.prot" in line


def test_settings_that_are_no_toml_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ackstream.toml").write_text("[ingest\n")
    assert "not valid TOML" in refused(environment(tmp_path), "up")
    assert (tmp_path / "ackstream.toml").read_text() == "[ingest\n"


def test_status_before_the_first_up_says_how_to_begin(tmp_path: Path) -> None:
    assert "make up" in refused(environment(tmp_path), "status")


def test_an_installation_without_the_local_packages_names_the_extra(tmp_path: Path) -> None:
    """As `pip install ackstream` leaves it: help works, and what needs the local stack says what to install."""
    hide = "import sys; sys.modules.update(dict.fromkeys(['chdb', 'lz4', 'supervisor', 'zstandard']))"
    for arguments, code in ((["--help"], 0), (["up"], 1)):
        program = f"{hide}; from deploy.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment(tmp_path),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    assert "install `ackstream[local]`" in done.stderr


def test_missing_maven_is_named_with_what_installs_it(tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(java)
    env = environment(tmp_path) | {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    line = refused(env, "up")
    assert "Maven is missing" in line
    assert "apt-get install maven" in line
    assert not (tmp_path / "cache").exists()


def test_maven_that_fails_leaves_no_half_of_the_jars(tmp_path: Path) -> None:
    java = shutil.which("java")
    assert java is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(java)
    maven = tmp_path / "bin" / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR]'; echo '[ERROR] no way to the repository'\nexit 1\n")
    maven.chmod(0o755)
    env = environment(tmp_path) | {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert "no way to the repository" in refused(env, "up")
    assert list((tmp_path / "cache" / "ackstream").iterdir()) == []


def test_a_data_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("mine")
    line = refused(environment(tmp_path) | {"ACKSTREAM_DATA_DIR": str(home)}, "up")
    assert "thesis.txt" in line
    assert [entry.name for entry in home.iterdir()] == ["thesis.txt"]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(
        environment(tmp_path) | {"ACKSTREAM_DATA_DIR": str(tmp_path / "file" / "x")}, "up"
    )


def test_a_local_kafka_elsewhere_is_a_contradiction(tmp_path: Path) -> None:
    env = environment(tmp_path) | {"ACKSTREAM_KAFKA_BOOTSTRAP": "kafka.example:9092"}
    assert "kafka.local = false" in refused(env, "up")


@pytest.mark.service
def test_a_foreign_service_that_does_not_answer_is_named(tmp_path: Path) -> None:
    env = environment(tmp_path) | {"ACKSTREAM_KAFKA_LOCAL": "false", "ACKSTREAM_CLICKHOUSE_LOCAL": "false"}
    try:
        line = refused(env, "up")
    finally:
        assert run(env, "down").code == 0
    assert f"kafka at {env['ACKSTREAM_KAFKA_BOOTSTRAP']} does not answer" in line


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, 5 * 1024**2))
    with pytest.raises(Failure, match="5 MB free"):
        preflight.room(tmp_path)


def test_a_taken_port_is_named_with_its_owner_and_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        part = Part("x", "", (), listeners=(Listener("127.0.0.1", port, "ingest.port", "ACKSTREAM_INGEST_PORT"),))
        with pytest.raises(Failure, match=f"port {port} is taken.*set ingest.port") as caught:
            preflight.free_listeners([part])
        if shutil.which("ss") or shutil.which("lsof"):
            assert f"(pid {os.getpid()})" in str(caught.value)


def test_a_port_of_a_part_of_ours_is_not_taken_and_its_host_is_checked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        mine = Part("x", "", (), listeners=(Listener("127.0.0.1", port, "ingest.port", ""),))
        preflight.free_listeners([mine], {port})
        strange = Part("x", "", (), listeners=(Listener("192.0.2.1", port, "ingest.host", ""),))
        with pytest.raises(Failure, match=r"192\.0\.2\.1 is not an address of this machine"):
            preflight.free_listeners([strange], {port})


def test_two_parts_on_one_port_are_refused() -> None:
    found = [Part(name, "", (), listeners=(Listener("127.0.0.1", 29999, f"{name}.port", ""),)) for name in ("a", "b")]
    with pytest.raises(Failure, match=r"a\.port and b\.port"):
        preflight.free_listeners(found)
