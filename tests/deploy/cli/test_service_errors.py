"""Errors of the clients of Kafka and ClickHouse as the one sentence that a person reads."""

from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from deploy.cli.service_errors import as_failure, comparing
from schemas.errors import ComparisonImpossible, Failure
from tests.support import cli

SETTINGS = """
[kafka]
bootstrap = "127.0.0.1:1"

[clickhouse]
url = "http://127.0.0.1:2"
local = false
"""


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ackstream.toml"
    file.write_text(SETTINGS)
    monkeypatch.setenv("ACKSTREAM_CONFIG", str(file))
    return file


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KafkaConnectionError("x"), "Kafka at 127.0.0.1:1 does not answer (KafkaConnectionError)"),
        (KafkaTimeoutError("x"), "Kafka at 127.0.0.1:1 does not answer (KafkaTimeoutError)"),
        (TimeoutError(), "Kafka at 127.0.0.1:1 does not answer (TimeoutError)"),
        (TopicAuthorizationFailedError("x"), "Kafka at 127.0.0.1:1 refuses (TopicAuthorizationFailedError)"),
        (OperationalError("Connection refused"), "ClickHouse at http://127.0.0.1:2 does not answer"),
        (PermissionError(13, "Permission denied", "/data/x.json"), "/data/x.json: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_an_error_of_a_client_is_one_sentence(error: Exception, sentence: str) -> None:
    failure = as_failure(error)
    assert str(failure).startswith(sentence)
    assert "\n" not in str(failure)


def test_a_rejected_query_has_the_servers_own_sentence() -> None:
    error = DatabaseError("Code: 62. DB::Exception: Syntax error: failed at position 8. Expected one of: a, b", code=62)
    assert str(as_failure(error)) == "ClickHouse rejected the query: Syntax error: failed at position 8"


def test_a_fault_of_the_program_is_no_failure() -> None:
    assert as_failure(KeyError("x")) is None
    with pytest.raises(KeyError), comparing():
        raise KeyError("x")


@pytest.mark.parametrize("error", [Failure("x"), KafkaError("x")])
def test_a_comparison_that_cannot_be_made_has_its_own_exit_code(error: Exception) -> None:
    with pytest.raises(ComparisonImpossible), comparing():
        raise error
    assert ComparisonImpossible.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code"), [(("query", "SELECT 1"), 1), (("check",), 2), (("dead", "show", "0:1:0", "--body"), 1)]
)
def test_a_command_without_its_services_prints_one_sentence(arguments: tuple[str, ...], code: int) -> None:
    done = cli.run(*arguments)
    assert (done.code, done.stdout) == (code, "")
    assert done.stderr.startswith("ackstream: ")
    assert "does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1
