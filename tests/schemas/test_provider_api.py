"""The names that providers outside this repository may rely on: none may vanish or change its meaning."""

from schemas import provider_api

NAMES = {
    "Provider",
    "Parsed", "Rejected", "Reason",
    "read_each", "read_named", "elements_of", "loads", "InvalidJSON",
    "as_object", "as_list", "as_id", "first_id", "as_text", "first_text",
    "parse_time", "parse_epoch", "parse_iso",
    "phone", "phone_or_id", "chat_id", "is_group", "group_member",
    "Request", "Verdict", "UNSIGNED", "REJECT",
    "verify_static_secret", "matching_secret", "matching_hmac", "verdict_for",
    "sent_record", "recipient_fields",
}  # fmt: skip


def test_the_names_of_the_provider_api_are_fixed() -> None:
    assert set(provider_api.__all__) == NAMES
    assert len(provider_api.__all__) == len(NAMES)


def test_every_name_exists_and_explains_itself() -> None:
    for name in NAMES:
        assert getattr(provider_api, name).__doc__, name
