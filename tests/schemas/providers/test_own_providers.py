"""Providers in the user's own folders: one file there is all that a provider needs."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from ingest.http import sources
from schemas.authentication import request
from schemas.errors import ConfigError
from schemas.normalisation.explain import Setup, explain
from schemas.providers import registry
from schemas.providers.registry import Formats
from schemas.settings.config import Config, parse
from schemas.topics import RAW
from streams.normalise.parse import parse_record
from tests.support.examples import NOW, body_of, differences

ROOT = Path(__file__).parents[3]
ACME = ROOT / "tests" / "own_provider" / "acme.py"
CASE = json.loads(ACME.with_name("text.json").read_text())
SETTINGS = """
providers = ["mine"]

[sources.shop]
provider = "acme"
secrets = [{ env = "T_ACME" }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A settings file and, next to it, the folder with the provider's file."""
    (tmp_path / "mine").mkdir()
    shutil.copy(ACME, tmp_path / "mine")
    (tmp_path / "ackstream.toml").write_text(SETTINGS)
    return tmp_path


def config_of(folder: Path) -> Config:
    return parse((folder / "ackstream.toml").read_text(), folder / "ackstream.toml", {})


def test_its_example_gives_the_expected_events(folder: Path) -> None:
    formats = registry.load(config_of(folder))
    answer = explain(
        "acme", CASE["headers"], body_of(CASE), [CASE["secret"]], "https://edge.example/w", NOW, setup=Setup(formats)
    )
    assert (answer["auth"], answer["outcome"], len(answer["dead"])) == (CASE["auth"], CASE["outcome"], CASE["dead"])
    assert differences(CASE["events"], answer["events"]) == []


def test_ingest_and_the_workers_use_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_ACME", CASE["secret"])
    source = sources.load(config_of(folder))["shop"]
    assert source.provider.name == "acme"
    asked = request.Request({name.lower(): value for name, value in CASE["headers"].items()}, body_of(CASE))
    assert source.provider.verify(asked, source.secrets).auth == "ok"

    headers = [("source", b"shop"), ("provider", b"acme"), ("request_id", b"r")]
    headers += [("received_at", b"2026-11-20T12:01:40.000Z")]
    record = ConsumerRecord(RAW.name, 0, 7, NOW, 0, None, body_of(CASE), None, 0, 0, tuple(headers))
    events, dead = parse_record(record, config_of(folder), registry.load(config_of(folder)))
    assert (len(events), [letter["reason"] for letter in dead]) == (1, ["bad_element"])


def explained(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`ackstream explain` in the folder of the settings."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "explain", *arguments],
        input=given, capture_output=True, check=False, timeout=120, cwd=folder,
        env={"PYTHONPATH": str(ROOT), "T_ACME": CASE["secret"]},
    )  # fmt: skip


def test_explain_uses_it(folder: Path) -> None:
    header = next(f"{name}: {value}" for name, value in CASE["headers"].items())
    for how in (("--provider", "acme", "--secret", CASE["secret"]), ("--source", "shop")):
        done = explained(folder, *how, "--header", header, "-", given=body_of(CASE))
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert differences(CASE["events"], answer["events"]) == []
        assert answer["events"][0]["source"] == ("shop" if how[0] == "--source" else "acme")
    elsewhere = explained(folder / "mine", "--provider", "acme", "-")
    assert (elsewhere.returncode, b"There is no provider of this name" in elsewhere.stderr) == (2, True)
    named = explained(folder / "mine", "--provider", "acme", "--config", "../ackstream.toml", "-", given=body_of(CASE))
    assert json.loads(named.stdout)["outcome"] == "accepted"


def test_explain_with_a_mapping_a_secret_path_and_several_cases(folder: Path) -> None:
    (folder / "mapping.toml").write_text("[mapping]\nrules = [{ kind = 'inbound', fields = { text = 'words' } }]\n")
    (folder / "ackstream.toml").write_text(
        SETTINGS + '[sources.near]\nprovider = "generic"\nauth.path = { secrets = [{ file = "segment" }] }\n'
        'auth.addresses = ["203.0.113.0/24"]\nmapping = { rules = [{ kind = "inbound", fields = { text = "w" } }] }\n'
    )
    (folder / "segment").write_text("fictional-segment-1")
    done = explained(folder, "-p", "generic", "--mapping", "mapping.toml", "-", given=b'{"words":"oi"}')
    assert json.loads(done.stdout)["events"][0]["text"] == "oi"
    body, url = b64encode(b'{"w":"oi"}').decode(), "https://edge.example/in/webhooks/near/fictional-segment-1"
    near: dict[str, Any] = {"source": "near", "url": url, "address": "203.0.113.9", "body_base64": body}
    cases = [
        near,
        {**near, "url": url + "x"},
        {**near, "url": url + "/x"},
        {**near, "address": "8.8.8.8"},
        {
            "provider": "generic",
            "mapping": {"rules": [{"kind": "system", "fields": {"event": "w"}}]},
            "body_base64": body,
        },
        {"provider": "generic", "mapping": {"rules": []}, "body_base64": body},
        {"source": "nobody"},
    ]
    done = explained(folder, "--jsonl", "-", given="\n".join(map(json.dumps, cases)).encode())
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2  # two cases cannot be answered
    assert [answer.get("auth") for answer in answers] == ["ok", "reject", "reject", "reject", "unsigned", None, None]
    assert (answers[0]["events"][0]["source"], answers[4]["events"][0]["event"]) == ("near", "oi")
    assert "mapping.rules: the list is empty" in answers[5]["error"]
    assert "the settings have no source 'nobody', only shop, near" in answers[6]["error"]


def test_explain_refuses_wrong_options_in_one_sentence(folder: Path) -> None:
    for arguments, sentence in (
        ((), b"give the provider with --provider, or the source that received it with --source"),
        (("--source", "shop", "-p", "acme"), b"--source has its own provider and mapping"),
        (("-p", "generic", "--mapping", "absent.toml"), b"absent.toml cannot be read"),
    ):
        done = explained(folder, *arguments, "-")
        assert (done.returncode, sentence in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PROVIDER = 7\n", "defines no PROVIDER = Provider(...): add it, or start the file's name with _"),
        ("x = 1\n\nx +\n", "cannot be loaded: SyntaxError in line 3 (invalid syntax): correct or remove the file"),
        ("\nimport no_such_module_anywhere\n", "cannot be loaded: ModuleNotFoundError in line 2 (No module named"),
        (
            "def f():\n    return {}['k']\nf()\n",
            "cannot be loaded: KeyError in line 2 ('k'): correct or remove the file",
        ),
        (ACME.read_text().replace('"acme"', '"meta"'), "a provider 'meta' exists already: choose another name"),
        (
            ACME.read_text().replace('"acme"', '"Acme Inc"'),
            "the provider's name 'Acme Inc' may have only a-z, 0-9 and -",
        ),
    ],
)
def test_a_file_that_is_not_a_provider_is_refused_by_its_name(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        registry.known_providers((tmp_path,))
    assert str(caught.value).startswith(f"{tmp_path / 'bad.py'}: ")
    assert sentence in str(caught.value)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"providers: .* is not a folder: create it, or correct the name"):
        registry.known_providers((tmp_path / "absent",))


def test_other_files_of_a_folder_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "_notes.py").write_text("raise SystemExit\n")
    (tmp_path / "notes.txt").write_text("nothing")
    assert registry.known_providers((tmp_path,)) == registry.built_in()
    assert Formats().known == registry.built_in()


def test_the_guides_show_the_tested_provider() -> None:
    """The provider in the guides is the file that these tests run, and the mappings in them are valid."""
    docs = "".join((ROOT / place).read_text() for place in ("README.md", "schemas/providers/README.md"))
    shown = [block for block in re.findall(r"```python\n(.*?)```", docs, re.DOTALL) if "PROVIDER" in block]
    assert set(shown) == {ACME.read_text()}
    mappings = [block for block in re.findall(r"```toml\n(.*?)```", docs, re.DOTALL) if '"generic"' in block]
    assert mappings
    for block in mappings:
        registry.load(parse(block, ROOT / "ackstream.toml", {}))
