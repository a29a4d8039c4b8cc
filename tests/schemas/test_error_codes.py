"""The classes of error codes, in Python and in ClickHouse."""

from collections.abc import Iterator
from itertools import product

import pytest
from clickhouse_connect.driver import Client

from schemas.error_codes import (
    ACTIONS,
    CODES,
    NUMBER_PROBLEM,
    OWN_FAULT,
    POLICY,
    action_sql,
    class_sql,
    classify,
    number_problem_sql,
    own_fault_sql,
    policy_sql,
    title_sql,
)
from tests.support.clickhouse import Server

PROVIDERS = ("meta", "wasender", "zapini", "twilio", "it's", "")
UNUSUAL = ("", "0", "479", "999999", "132099", "13102", "131026 ", "131026'", "\\", "ünknown", "x" * 300, "100", "463")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    server = Server(tmp_path_factory.mktemp("clickhouse") / "data")
    try:
        yield server.client()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("cls", "codes"),
    [
        ("number", "131026 131021 131062 131063 131064"),
        ("policy", "130472 131049 131050"),
        ("retry", "130429 131048 131056 131057 131000 135000 133016 80007"),
        ("window", "131047"),
        ("account", "131031 368 130497 131042 131045 0 3 10 190 200 250 299"),
        ("template", "132000 132001 132005 132007 132012 132015 132016 132068 132069"),
        ("content", "131051 131052 131053 131008 131009 100"),
        ("identity", "137000"),
        ("unknown", "132099 999999 300 1310260 131026x"),
    ],
)
def test_metas_codes_have_their_class(cls: str, codes: str) -> None:
    assert {code: classify("meta", code).error_class for code in codes.split()} == dict.fromkeys(codes.split(), cls)


def test_a_code_that_is_not_listed_is_unknown_and_no_code_is_none() -> None:
    assert (classify("meta", "424242").code, classify("meta", "424242").error_class) == ("424242", "unknown")
    assert (classify("wasender", "").code, classify("wasender", "").error_class) == ("", "none")


def test_short_numbers_are_codes_of_one_provider_and_long_ones_of_all() -> None:
    assert [classify(provider, "463").error_class for provider in ("wasender", "meta")] == ["account", "unknown"]
    assert [classify(provider, "100").error_class for provider in ("meta", "wasender")] == ["content", "unknown"]
    assert {classify(provider, "131026").error_class for provider in PROVIDERS} == {"number"}


def test_policy_own_mistakes_and_number_problems_do_not_overlap() -> None:
    assert {"130472", "131049", "131050"} <= set(POLICY)
    assert {"131042", "131047", "132000", "132016"} <= set(OWN_FAULT)
    assert {"131026"} <= set(NUMBER_PROBLEM)
    assert not set(POLICY) & set(OWN_FAULT) | set(NUMBER_PROBLEM) & {*POLICY, *OWN_FAULT}


def test_every_listed_code_has_a_title_and_an_action() -> None:
    for (provider, code), entry in CODES.items():
        assert not provider or ("", code) not in CODES
        assert (entry.provider, entry.code) == (provider, code)
        assert entry.error_class in ACTIONS
        assert entry.title
        assert len(entry.action) > 20


def test_clickhouse_classifies_as_python_does(client: Client) -> None:
    codes = sorted({*UNUSUAL, *(code for _, code in CODES)})
    pairs = list(product(PROVIDERS, codes))
    client.command(
        "CREATE TABLE failures (provider LowCardinality(String), code LowCardinality(String)) ENGINE = Memory"
    )
    client.insert("failures", pairs, column_names=["provider", "code"])
    columns = ", ".join((class_sql("provider", "code"), action_sql("provider", "code"), title_sql("provider", "code")))
    sets = f"{policy_sql('code')}, {own_fault_sql('code')}, {number_problem_sql('code')}"
    answer = client.query(f"SELECT provider, code, {columns}, {sets} FROM failures")  # noqa: S608
    expected = set()
    for provider, code in pairs:
        entry = classify(provider, code)
        own = code in OWN_FAULT or code.startswith("132")
        row = (provider, code, entry.error_class, entry.action, entry.title)
        expected.add((*row, int(code in POLICY), int(own), int(code in NUMBER_PROBLEM)))
    assert set(answer.result_rows) == expected
