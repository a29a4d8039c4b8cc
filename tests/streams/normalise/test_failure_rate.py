"""When the share of what is not understood says that the fault is ours, and when it does not."""

import random
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import Reason
from schemas.settings.config import Config, parse
from streams.normalise.circuit_breaker import sentence
from streams.normalise.failure_rate import MIN_BODIES, PARSED_WITHIN_MS, RECENT, WINDOW, FailureRates, Trip

NOON = 1_795_176_000_000


class Seen:
    """A tally and the ways to fill it."""

    def __init__(self, limit: float = 0.5) -> None:
        self.shares = FailureRates(limit)
        self.now = NOON

    def say(self, source: str, bodies: int, *reasons: str, understood: bool | None = None, **headers: str) -> "Seen":
        told = {"source": source, "provider": "meta", "auth": "hmac;key=1", **headers}
        for _ in range(bodies):
            self.now += 1000
            letters: list[dict[str, Any]] = [{"reason": reason} for reason in reasons]
            gave = not reasons if understood is None else understood
            self.shares.add({name: value.encode() for name, value in told.items()}, gave, letters, self.now)
        return self

    @property
    def broken(self) -> Trip | None:
        return self.shares.trip()


def test_the_only_source_that_is_not_understood_any_more_stops_the_worker() -> None:
    seen = Seen().say("shop", 50).say("shop", 49, Reason.UNKNOWN_SHAPE)
    assert seen.broken is None
    seen.say("shop", 1, Reason.UNKNOWN_SHAPE)
    assert seen.broken == Trip("shop", "meta", 50, MIN_BODIES, "unknown_shape", 1, 0)


def test_too_few_bodies_say_nothing() -> None:
    assert Seen().say("shop", MIN_BODIES - 1, Reason.PARSER_ERROR).broken is None


def test_who_proves_nothing_stops_nothing_whatever_they_send() -> None:
    rng = random.Random(1)  # noqa: S311
    seen = Seen(limit=0.01)
    for _ in range(3000):
        seen.say(rng.choice("abc"), 1, rng.choice(list(Reason)), auth="unsigned")
    assert seen.broken is None


@pytest.mark.parametrize("reason", [Reason.INVALID_JSON, Reason.TOO_LARGE, Reason.BAD_ENVELOPE])
def test_what_is_theirs_says_nothing_about_us(reason: Reason) -> None:
    assert Seen().say("shop", WINDOW, reason).broken is None


def test_what_users_say_about_sent_messages_is_not_counted() -> None:
    assert Seen().say("shop", WINDOW, Reason.BAD_ELEMENT, kind="sent").broken is None


def test_a_body_with_a_sibling_that_is_understood_counts_only_when_a_parser_raised() -> None:
    assert Seen().say("shop", WINDOW, Reason.BAD_ELEMENT, understood=True).broken is None
    assert Seen().say("shop", WINDOW, Reason.PARSER_ERROR, understood=True).broken is not None
    assert Seen().say("shop", WINDOW, Reason.UNKNOWN_PROVIDER).broken is not None


def test_one_hostile_source_does_not_stop_another_however_much_it_sends() -> None:
    seen = Seen()
    for _ in range(20):
        seen.say("good", 1).say("hostile", 1000, Reason.UNKNOWN_SHAPE)
        assert seen.broken is None


def test_several_sources_are_outvoted_only_by_more() -> None:
    seen = (
        Seen()
        .say("a", MIN_BODIES, Reason.PARSER_ERROR)
        .say("b", MIN_BODIES, Reason.PARSER_ERROR)
        .say("c", 1)
        .say("d", 1)
    )
    assert seen.broken is None
    seen.say("d", RECENT, Reason.PARSER_ERROR)  # too few to fail, and understood no more
    broken = seen.broken
    assert broken is not None
    assert (broken.failing, broken.parsed) == (2, 1)


def test_a_source_that_was_understood_yesterday_has_no_voice_today() -> None:
    seen = Seen().say("quiet", 5).say("shop", MIN_BODIES, Reason.UNKNOWN_SHAPE)
    assert seen.broken is None
    seen.now += PARSED_WITHIN_MS
    assert seen.say("shop", 1, Reason.UNKNOWN_SHAPE).broken is not None


def test_a_source_that_fell_silent_a_day_ago_stops_nothing() -> None:
    seen = Seen().say("other", 1).say("shop", MIN_BODIES, Reason.UNKNOWN_SHAPE)
    seen.now += PARSED_WITHIN_MS + 1000
    assert seen.say("third", 1, Reason.UNKNOWN_SHAPE).broken is None


def test_after_the_trouble_the_source_is_well_again() -> None:
    seen = Seen().say("shop", WINDOW, Reason.UNKNOWN_SHAPE)
    assert seen.broken is not None
    assert seen.say("shop", WINDOW // 2 + 1).broken is None


def test_zero_is_off_and_one_means_all() -> None:
    assert Seen(limit=0).say("shop", WINDOW, Reason.PARSER_ERROR).broken is None
    seen = Seen(limit=1).say("shop", 1).say("shop", WINDOW - 1, Reason.PARSER_ERROR)
    assert seen.broken is None
    assert seen.say("shop", 1, Reason.PARSER_ERROR).broken is not None


def test_the_sentence_names_source_reason_and_both_ways_on() -> None:
    told = sentence(Trip("shop", "meta", 120, 150, "parser_error", 2, 0))
    for part in ("shop (meta)", "120 of the last 150", "exit code 78", "dead retry --reason parser_error",
                 "streams.dead_share_limit = 0"):  # fmt: skip
        assert part in told
    assert len(told) < 400


def test_the_default_is_half_and_shares_are_from_0_to_1() -> None:
    assert Config().streams.dead_share_limit == 0.5
    env = {"ACKSTREAM_STREAMS_DEAD_SHARE_LIMIT": "0"}
    assert parse("", Path("/nowhere/ackstream.toml"), env).streams.dead_share_limit == 0
