"""What people read of ClickHouse's errors: words, and nothing of a row."""

import pytest

from schemas.clickhouse_errors import Meaning, in_words, meaning


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (None, "connection refused", "it does not answer"),
        (243, "Cannot reserve 1.00 MiB, not enough space", "its disk is full (error 243)"),
        (241, "Memory limit exceeded: '+5511955554444'", "its memory is used up (error 241)"),
        (60, "Table ackstream.event_log does not exist.", "the table event_log is missing (error 60)"),
        (60, "Unknown table expression identifier 'event_log' in", "the table event_log is missing (error 60)"),
        (60, "Table `ackstream`.`event_log` doesn't exist", "the table event_log is missing (error 60)"),
        (47, "Missing columns: 'secret'", "a table or a column is missing (error 47)"),
        (159, "Timeout exceeded", "the query took too long (error 159)"),
        (516, "Authentication failed", "it refuses the user or the password (error 516)"),
        (27, "Cannot parse input: '+5511955554444'", "it cannot read a row (error 27)"),
        (62, "Syntax error", "it rejects the statement (error 62)"),
    ],
)
def test_an_error_is_said_in_words(code: int | None, text: str, words: str) -> None:
    assert in_words(code, text) == words


def test_every_meaning_has_words() -> None:
    assert all(in_words(code, "") for code in (None, 516, 81, 60, 202, 159, 241, 243, 164, 27, 62))
    assert {meaning(code) for code in (None, 516, 81, 60, 202, 159, 241, 243, 164, 27, 62)} == set(Meaning)
