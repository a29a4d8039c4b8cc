"""The files for a user's own Grafana: address, secrets by name, masks, receiver; and the command that writes them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboards.grafana.names import SOURCE_UID
from dashboards.grafana.provision import Target, render, shipped, target
from schemas.settings.config import Config, parse

SOURCE, PROVIDER, CONTACT, RULES = (
    "provisioning/datasources/ackstream.yaml",
    "provisioning/dashboards/ackstream.yaml",
    "provisioning/alerting/ackstream-contact.yaml",
    "provisioning/alerting/ackstream-rules.json",
)


def config(text: str = "") -> Config:
    return parse(text, Path("/etc/ackstream/ackstream.toml"), {})


def made(fit: Target) -> dict[str, str]:
    return render(*shipped(), fit)


def scalars(yaml: str) -> dict[str, Any]:
    """`key: value` of every line; each value is JSON, which YAML reads as it is."""
    found = {}
    for line in yaml.splitlines():
        key, colon, value = line.strip().removeprefix("- ").partition(": ")
        if colon and not line.startswith("#"):
            try:
                found[key] = json.loads(value)
            except ValueError:
                found[key] = value
    return found


def mask(board: str) -> list[str]:
    return [each["query"] for each in json.loads(board)["templating"]["list"] if each["name"] == "mask"]


def test_the_defaults_mask_phones_read_the_password_from_the_environment_and_need_no_receiver() -> None:
    files = made(Target())
    assert CONTACT not in files
    assert "notification_settings" not in files[RULES]
    assert scalars(files[SOURCE])["password"] == "$__env{ACKSTREAM_READER_PASSWORD}"
    masks = [value for name, text in files.items() if name.startswith("dashboards/") for value in mask(text)]
    assert masks
    assert set(masks) == {"1"}


def test_the_data_source_is_that_of_the_settings() -> None:
    settings = """
        [clickhouse]
        url = "https://clickhouse.example:9443"
        database = "wa"
        reader_user = "re$ader"
        reader_password = { file = "secrets/reader" }
    """
    source = scalars(made(target(config(settings), dashboards="/d"))[SOURCE])
    assert (source["host"], source["port"], source["secure"]) == ("clickhouse.example", 9443, True)
    assert (source["path"], source["protocol"], source["uid"]) == ("", "http", SOURCE_UID)
    assert (source["username"], source["defaultDatabase"]) == ("re$$ader", "wa")  # $$ is Grafana's word for $
    assert source["password"] == "$__file{/etc/ackstream/secrets/reader}"


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("http://127.0.0.1:8123", "127.0.0.1", 8123, False),
        ("http://clickhouse", "clickhouse", 8123, False),
        ("https://clickhouse", "clickhouse", 8443, True),
        ("http://[::1]:9000/", "::1", 9000, False),
    ],
)
def test_another_address_for_grafana(url: str, host: str, port: int, secure: bool) -> None:
    source = scalars(made(target(config(), dashboards="/d", url=url))[SOURCE])
    assert (source["host"], source["port"], source["secure"]) == (host, port, secure)
    assert "password" not in source


def test_the_address_for_grafana_may_have_a_path() -> None:
    address = "https://gateway.example/behind/proxy"
    source = scalars(made(target(config(), dashboards="/d", url=address))[SOURCE])
    assert (source["host"], source["path"]) == ("gateway.example", "behind/proxy")


def test_a_value_cannot_leave_its_place() -> None:
    hostile = 'x"\n    isDefault: true # $HOME'
    fit = Target(user=hostile, database=hostile, dashboards=hostile)
    files = made(fit)
    assert scalars(files[SOURCE])["username"] == hostile.replace("$", "$$")
    assert scalars(files[PROVIDER])["path"] == hostile.replace("$", "$$")
    assert "isDefault" not in scalars(files[SOURCE]) | scalars(files[PROVIDER])


def test_phones_are_shown_when_the_settings_say_so() -> None:
    files = made(target(config("[dashboards]\nmask_phones = false"), dashboards="/d"))
    masks = [value for name, text in files.items() if name.startswith("dashboards/") for value in mask(text)]
    assert set(masks) == {"0"}


def test_alerts_go_to_the_webhook_of_the_settings_by_the_name_of_its_secret() -> None:
    files = made(target(config('[alerts]\nwebhook = { env = "CHAT" }'), dashboards="/d"))
    assert scalars(files[CONTACT])["url"] == "$__env{CHAT}"
    receiver = scalars(files[CONTACT])["name"]
    rules = [rule for group in json.loads(files[RULES])["groups"] for rule in group["rules"]]
    assert {rule["notification_settings"]["receiver"] for rule in rules} == {receiver}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ackstream.toml").write_text(
        '[clickhouse]\nreader_password = { env = "TEST_READER" }\n[alerts]\nwebhook = { file = "hook" }\n'
    )
    (tmp_path / "hook").write_text("http://127.0.0.1:9/invented-key")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`ackstream grafana ...` where Grafana's SDK cannot be imported, as it is with users."""
    code = "import sys; sys.modules['grafana_foundation_sdk'] = None; from deploy.cli.main import main; main()"
    environment = {**os.environ, "ACKSTREAM_CONFIG": str(folder / "ackstream.toml"), "TEST_READER": "invented"}
    return subprocess.run(
        [sys.executable, "-c", code, "grafana", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_writes_everything_without_the_sdk_and_says_what_grafana_needs(folder: Path) -> None:
    out = folder / "grafana" / "new"
    done = run(folder, "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == set(made(Target(webhook="x")))
    assert f"GF_PATHS_PROVISIONING={out / 'provisioning'}" in done.stdout
    assert "environment variable TEST_READER." in done.stdout
    assert f"read {folder / 'hook'}." in done.stdout
    assert scalars((out / PROVIDER).read_text())["path"] == str(out / "dashboards")
    everything = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert "invented" not in everything + done.stdout
    assert run(folder, "--out", str(out)).returncode == 0  # again: the same files anew


def test_the_command_fits_the_files_to_a_container(folder: Path) -> None:
    out = folder / "g"
    done = run(folder, "--out", str(out), "--clickhouse", "http://clickhouse:8123", "--dashboards", "/boards")
    assert done.returncode == 0
    assert scalars((out / SOURCE).read_text())["host"] == "clickhouse"
    assert scalars((out / PROVIDER).read_text())["path"] == "/boards"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--out"),
        (["--out", "x", "--clickhouse", "clickhouse:8123"], 2, "http://clickhouse:8123"),
        (["--out", "/dev/null/x"], 1, "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder: Path, arguments: list[str], code: int, said: str) -> None:
    done = run(folder, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.startswith("ackstream: ")
    assert done.stderr.count("\n") == 1
