"""Reading the settings: overrides of the environment, relative paths, and the sentence for each kind of mistake."""

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.settings.base import Secret
from schemas.settings.config import Config, find_file, load, parse

PATH = Path("/etc/ackstream/ackstream.toml")


def problems(text: str, env: dict[str, str] | None = None) -> list[str]:
    """The lines of the error, without the path of the file."""
    with pytest.raises(ConfigError) as caught:
        parse(text, PATH, env or {})
    return [line.removeprefix(f"{PATH}: ") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        ("[ingest]\nprot = 1", "ingest.prot", "there is no such key: did you mean port?"),
        ("[ingets]", "ingets", "there is no such key: did you mean ingest?"),
        (
            "[sources.shop]\nprovidr = 'meta'\nprovider = 'meta'",
            "sources.shop.providr",
            "there is no such key: did you mean provider?",
        ),
        (
            "[[costs.rates]]\nform = 1\nfrom = 2026-10-01\ncategory = 'utility'\nprice = 1",
            "costs.rates.0.form",
            "there is no such key: did you mean from?",
        ),
        (
            "[sources.shop]\nprovider = 'meta'\nauth.path = { secrets = [{ env = 'A' }], x = 1 }",
            "sources.shop.auth.path.x",
            "there is no such key: remove it, or use one of secrets",
        ),
        ("[sources.shop]", "sources.shop.provider", "is missing: add it"),
        ("[ingest]\nport = 'http'", "ingest.port", "must be a whole number, not 'http'"),
        ("[ingest]\nport = 8000.5", "ingest.port", "must be a whole number, not 8000.5"),
        ("[ingest]\nport = 0", "ingest.port", "must be at least 1, not 0"),
        ("[ingest]\nport = 70000", "ingest.port", "must be at most 65535, not 70000"),
        ("[ingest]\nspool_after_seconds = 0", "ingest.spool_after_seconds", "must be more than 0, not 0"),
        ("[ingest]\nspool = 'perhaps'", "ingest.spool", "must be true or false, not 'perhaps'"),
        ("[ingest]\nspool = [1]", "ingest.spool", "must be true or false"),
        (
            "[ingest]\npublic_url = 'hooks'",
            "ingest.public_url",
            "must be an address such as 'https://hooks.example.com', without a query",
        ),
        (
            "[ingest]\ntrusted_proxies = ['proxy']",
            "ingest.trusted_proxies.0",
            "'proxy' is not an IP address or a network: write one such as 203.0.113.7 or 203.0.113.0/24",
        ),
        (
            "[ingest]\ntrusted_proxies = ['10.0.0.7/8']",
            "ingest.trusted_proxies.0",
            "'10.0.0.7/8' is an address within a network: write 10.0.0.0/8 for the network, or omit the /",
        ),
        (
            "[kafka]\nretention_days = 0",
            "kafka.retention_days",
            "0 would delete everything at once: give a number of days, or -1 to keep everything",
        ),
        (
            "[clickhouse]\ndatabase = '1st'",
            "clickhouse.database",
            "must be a name of letters, digits and _ that does not begin with a digit",
        ),
        ("[clickhouse]\nuser = 7", "clickhouse.user", 'must be a text: put it in quotes, key = "text"'),
        (
            "[clickhouse]\npassword = 'word'",
            "clickhouse.password",
            'a secret is not written here: use { env = "NAME" } or { file = "path" }',
        ),
        (
            "[clickhouse]\npassword = {}",
            "clickhouse.password",
            'give exactly one of { env = "NAME" } and { file = "path" }',
        ),
        ("[streams]\ndead_share_limit = 'low'", "streams.dead_share_limit", "must be a number, not 'low'"),
        ("[alerts]\nform = 'short'", "alerts.form", "must be 'full' or 'text', not 'short'"),
        ("[alerts]\npage_url = 'page'", "alerts.page_url", "must be an address that begins with http:// or https://"),
        (
            "[costs]\ncurrency = 'dollars'",
            "costs.currency",
            "must be a currency code of three capital letters, such as 'USD'",
        ),
        ("ingest = 7", "ingest", "must be a table: write its keys below a line [name], or in braces { key = value }"),
        ("sources = 7", "sources", "must be a table: write its keys below a line [name], or in braces { key = value }"),
        ("providers = 7", "providers", "must be a list: put it in square brackets, key = [...]"),
        ("data_dir = 7", "data_dir", 'must be a path: put it in quotes, key = "path"'),
        (
            "[sources.Shop]\nprovider = 'meta'",
            "sources.Shop",
            "the name is part of an address: use 1 to 63 of a-z, 0-9, - and _, with a letter or a digit first",
        ),
        (
            "[sources.shop]\nprovider = 'meta'\nauth.path.secrets = []",
            "sources.shop.auth.path.secrets",
            "must not be empty",
        ),
        (
            "[sources.shop]\nprovider = 'meta'\nauth.header = { name = 'X Y', secrets = [{ env = 'A' }] }",
            "sources.shop.auth.header.name",
            "must be the name of an HTTP header: 1 to 64 letters, digits, -",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key_and_the_remedy(text: str, key: str, sentence: str) -> None:
    assert problems(text) == [f"{key}: {sentence}"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("from = 2026-10-01T10:00:00Z", "must be a day such as 2026-10-01"),
        ("from = 'soon'", "must be a day such as 2026-10-01, not 'soon'"),
        ("from = 1969-12-31", "must be at least 2009-01-01"),
        ("from = 2100-01-01", "must be before 2100-01-01"),
        ("category = ''", "must be a category of the bill in lower case, such as 'marketing'"),
        (
            "country = 'br'",
            "must be a country code of two capital letters, such as 'BR', or '*' for every other country",
        ),
        ("price = 'cheap'", "must be a number, not 'cheap'"),
        ("price = nan", "must be a finite number"),
        ("price = -1", "must be at least 0, not -1"),
        ("price = 0.123456789", "may have at most 8 digits after the point"),
    ],
)
def test_a_mistake_in_the_rate_card_is_one_sentence(change: str, sentence: str) -> None:
    rate = {"from": "2026-10-01", "category": "'utility'", "country": "'BR'", "price": "0.5"}
    key, _, value = change.partition(" = ")
    text = "\n".join(f"{name} = {each}" for name, each in (rate | {key: value}).items())
    assert problems(f"[[costs.rates]]\n{text}") == [f"costs.rates.0.{key}: {sentence}"]


def test_every_mistake_has_a_line() -> None:
    lines = problems("[ingest]\nport = 0\n[kafka]\npartitions = 0\n[sources.a]\n")
    assert [line.partition(":")[0] for line in lines] == ["ingest.port", "kafka.partitions", "sources.a.provider"]


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    lines = problems("[ingest]\nport = 8000", {"ACKSTREAM_INGEST_PORT": "http", "ACKSTREAM_KAFKA_PARTITIONS": "0"})
    assert lines == [
        "ACKSTREAM_INGEST_PORT: must be a whole number, not 'http'",
        "ACKSTREAM_KAFKA_PARTITIONS: must be at least 1, not '0'",
    ]


def test_a_section_of_the_wrong_type_is_reported_although_the_environment_sets_a_key_of_it() -> None:
    [line] = problems("ingest = 7", {"ACKSTREAM_INGEST_PORT": "1"})
    assert line.startswith("ingest: must be a table")


def test_the_environment_wins_and_holds_lists_with_commas() -> None:
    env = {
        "ACKSTREAM_INGEST_PORT": "9000", "ACKSTREAM_INGEST_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "ACKSTREAM_DATA_DIR": "/data", "ACKSTREAM_STREAMS_STORE_TEXT": "false",
        "ACKSTREAM_CLICKHOUSE_PASSWORD": "never read",
    }  # fmt: skip
    config = parse("data_dir = 'x'\n[ingest]\nport = 8000", PATH, env)
    assert (config.ingest.port, config.data_dir, config.streams.store_text) == (9000, Path("/data"), False)
    assert [str(network) for network in config.ingest.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert config.clickhouse.password is None


def test_relative_paths_start_at_the_folder_of_the_file() -> None:
    text = (
        "providers = ['own']\n[clickhouse]\npassword = { file = 'pw' }\n[sources.a]\nprovider = 'generic'\n"
        "secrets = [{ file = '/abs' }]\nmapping = { file = 'as it is' }"
    )
    config = parse(text, PATH, {})
    assert config.data_dir == PATH.parent / ".ackstream"
    assert config.providers == (PATH.parent / "own",)
    assert config.clickhouse.password is not None
    assert config.clickhouse.password.file == PATH.parent / "pw"
    assert config.sources["a"].secrets[0].file == Path("/abs")
    assert config.sources["a"].mapping == {"file": "as it is"}


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    binary, broken = tmp_path / "binary", tmp_path / "broken"
    binary.write_bytes(b"\xff\xfe")
    broken.write_text("[ingest\n")
    for path, words in (
        (tmp_path / "absent", "does not exist: run `make up`"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, "is not text in UTF-8"),
        (broken, "not valid TOML: Expected ']'"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(path) in str(caught.value)
        assert words in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_the_file_is_the_one_of_the_environment_or_of_the_current_folder(tmp_path: Path) -> None:
    assert find_file({"ACKSTREAM_CONFIG": str(tmp_path / "own.toml")}) == tmp_path / "own.toml"
    assert find_file({}) == find_file({"ACKSTREAM_CONFIG": ""}) == Path("ackstream.toml").absolute()


def test_a_secret_is_read_from_its_variable_or_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(" in a file \n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    monkeypatch.setenv("TEST_SECRET", "in a variable")
    text = "[sources.a]\nprovider = 'meta'\nsecrets = [{ env = 'TEST_SECRET' }, { file = 'secret' }]\n"
    secrets = parse(text, tmp_path / "ackstream.toml", {}).sources["a"].secrets
    assert [secret.read() for secret in secrets] == ["in a variable", "in a file"]
    for place, words in (
        ("env = 'TEST_ABSENT'", "the environment variable TEST_ABSENT is not set: set it to the secret"),
        ("file = 'absent'", "(No such file or directory): write the secret into this file"),
        ("file = 'empty'", "empty is empty: write the secret into this file"),
        ("file = 'binary'", "binary is not text in UTF-8: write the secret into this file"),
    ):  # fmt: skip
        text = f"[clickhouse]\npassword = {{ {place} }}"
        with pytest.raises(ConfigError) as caught:
            parse(text, tmp_path / "ackstream.toml", {}).clickhouse.client_options()
        assert str(caught.value).endswith(words)


@pytest.mark.parametrize(
    "written",
    [
        b"\xef\xbb\xbfhidden",
        b"\xef\xbb\xbf hidden\r\n",
        "\ufeffhidden\r\n".encode("utf-16-le"),
        "\ufeffhidden".encode("utf-16-be"),
        "\xa0hidden\u200b\n\ufeff\n".encode(),
    ],
)
def test_what_editors_put_around_a_secret_is_no_part_of_it(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(written)
    assert Secret(file=tmp_path / "secret").read() == "hidden"


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ackstream.toml").write_bytes(b"\xef\xbb\xbf[ingest]\nport = 9\n")
    assert load(tmp_path / "ackstream.toml", {}).ingest.port == 9


def test_what_surrounds_a_secret_in_a_variable_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "\ufeffhidden\r")
    assert Secret(env="TEST_SECRET").read() == "hidden"


@pytest.mark.parametrize("written", ["two\nlines", "hid\u200bden", "hid\ufeffden", "a\tb", "-----BEGIN \u200b"])
def test_a_secret_with_an_invisible_character_cannot_be_right(written: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(written + "\nx")
    with pytest.raises(ConfigError, match="line break or an invisible character") as caught:
        Secret(file=tmp_path / "secret").read()
    assert "hid" not in str(caught.value)


def test_a_key_in_pem_form_has_several_lines(tmp_path: Path) -> None:
    pem = "-----BEGIN PUBLIC KEY-----\r\nMCow\n-----END PUBLIC KEY-----"
    (tmp_path / "secret").write_bytes(pem.encode())
    assert Secret(file=tmp_path / "secret").read() == pem


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://127.0.0.1:8123", ("127.0.0.1", 8123, False)),
        ("https://ch.example/", ("ch.example", 8443, True)),
        ("http://ch", ("ch", 8123, False)),
        ("https://[::1]:9", ("::1", 9, True)),
    ],
)
def test_the_address_of_clickhouse(url: str, wanted: tuple[str, int, bool]) -> None:
    options = parse(f"[clickhouse]\nurl = '{url}'", PATH, {}).clickhouse.client_options()
    assert (options["host"], options["port"], options["secure"]) == wanted


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8123", "ftp://ch", "http://", "http://u:p@ch", "http://ch:x", "http://ch/db"]
)
def test_another_text_is_not_an_address_of_clickhouse(url: str) -> None:
    assert problems(f"[clickhouse]\nurl = '{url}'") == [
        "clickhouse.url: must be an address such as 'http://127.0.0.1:8123'"
    ]


def test_without_a_file_of_its_own_every_key_has_a_default() -> None:
    assert parse("", PATH, {}).model_copy(update={"data_dir": Config().data_dir}) == Config()
