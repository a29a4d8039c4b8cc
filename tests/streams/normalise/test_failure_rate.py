"""When the failure rate of parsing proves that the fault is ours, and when it does not."""

import random
from pathlib import Path
from typing import Any

import pytest

from schemas.reasons import Reason
from schemas.settings.config import Config, parse
from streams.normalise.circuit_breaker import SavedCircuit, sentence
from streams.normalise.failure_rate import MIN_BODIES, PARSED_WITHIN_MS, RECENT, WINDOW, FailureRates, Trip

NOON = 1_795_176_000_000


class Worker:
    """The failure rates of a worker, with a clock that moves a second a body."""

    def __init__(self, limit: float = 0.5) -> None:
        self.rates = FailureRates(limit)
        self.now = NOON

    def add(self, source: str, bodies: int, *reasons: str, parsed: bool | None = None, **headers: str) -> "Worker":
        """Adds bodies of a source with dead letters for these reasons; `parsed` = a body gave an event as well."""
        texts = {"source": source, "provider": "meta", "auth": "hmac;key=1", **headers}
        for _ in range(bodies):
            self.now += 1000
            letters: list[dict[str, Any]] = [{"reason": reason} for reason in reasons]
            gave_events = not reasons if parsed is None else parsed
            self.rates.add({name: text.encode() for name, text in texts.items()}, gave_events, letters, self.now)
        return self

    @property
    def trip(self) -> Trip | None:
        return self.rates.trip()


def test_the_only_source_that_is_not_parsed_any_more_stops_the_worker() -> None:
    worker = Worker().add("shop", 50).add("shop", 49, Reason.UNKNOWN_SHAPE)
    assert worker.trip is None
    worker.add("shop", 1, Reason.UNKNOWN_SHAPE)
    assert worker.trip == Trip("shop", "meta", 50, MIN_BODIES, "unknown_shape", 1, 0)


def test_too_few_bodies_prove_nothing() -> None:
    assert Worker().add("shop", MIN_BODIES - 1, Reason.PARSER_ERROR).trip is None


def test_unauthenticated_senders_stop_nothing_whatever_they_send() -> None:
    rng = random.Random(1)  # noqa: S311
    worker = Worker(limit=0.01)
    for _ in range(3000):
        worker.add(rng.choice("abc"), 1, rng.choice(list(Reason)), auth="unsigned")
    assert worker.trip is None


@pytest.mark.parametrize("reason", [Reason.INVALID_JSON, Reason.TOO_LARGE, Reason.BAD_ENVELOPE])
def test_faults_of_the_sender_do_not_count(reason: Reason) -> None:
    assert Worker().add("shop", WINDOW, reason).trip is None


def test_sent_records_do_not_count() -> None:
    assert Worker().add("shop", WINDOW, Reason.BAD_ELEMENT, kind="sent").trip is None


def test_a_body_that_gave_an_event_counts_only_when_a_parser_raised() -> None:
    assert Worker().add("shop", WINDOW, Reason.BAD_ELEMENT, parsed=True).trip is None
    assert Worker().add("shop", WINDOW, Reason.PARSER_ERROR, parsed=True).trip is not None
    assert Worker().add("shop", WINDOW, Reason.UNKNOWN_PROVIDER).trip is not None


def test_one_hostile_source_does_not_stop_another_however_much_it_sends() -> None:
    worker = Worker()
    for _ in range(20):
        worker.add("good", 1).add("hostile", 1000, Reason.UNKNOWN_SHAPE)
        assert worker.trip is None


def test_the_worker_stops_only_when_failing_sources_outnumber_parsed_ones() -> None:
    worker = Worker().add("a", MIN_BODIES, Reason.PARSER_ERROR).add("b", MIN_BODIES, Reason.PARSER_ERROR)
    worker.add("c", 1).add("d", 1)
    assert worker.trip is None
    worker.add("d", RECENT, Reason.PARSER_ERROR)  # too few to fail, and not parsed any more
    trip = worker.trip
    assert trip is not None
    assert (trip.failing, trip.parsed) == (2, 1)


def test_a_source_that_was_parsed_yesterday_has_no_vote_today() -> None:
    worker = Worker().add("quiet", 5).add("shop", MIN_BODIES, Reason.UNKNOWN_SHAPE)
    assert worker.trip is None
    worker.now += PARSED_WITHIN_MS
    assert worker.add("shop", 1, Reason.UNKNOWN_SHAPE).trip is not None


def test_a_source_that_sent_nothing_for_a_day_stops_nothing() -> None:
    worker = Worker().add("other", 1).add("shop", MIN_BODIES, Reason.UNKNOWN_SHAPE)
    worker.now += PARSED_WITHIN_MS + 1000
    assert worker.add("third", 1, Reason.UNKNOWN_SHAPE).trip is None


def test_a_source_that_is_parsed_again_does_not_fail_any_more() -> None:
    worker = Worker().add("shop", WINDOW, Reason.UNKNOWN_SHAPE)
    assert worker.trip is not None
    assert worker.add("shop", WINDOW // 2 + 1).trip is None


def test_a_limit_of_zero_is_off_and_one_means_all_bodies() -> None:
    assert Worker(limit=0).add("shop", WINDOW, Reason.PARSER_ERROR).trip is None
    worker = Worker(limit=1).add("shop", 1).add("shop", WINDOW - 1, Reason.PARSER_ERROR)
    assert worker.trip is None
    assert worker.add("shop", 1, Reason.PARSER_ERROR).trip is not None


def test_the_sentence_names_the_source_the_reason_and_both_remedies() -> None:
    text = sentence(Trip("shop", "meta", 120, 150, "parser_error", 2, 0))
    for part in ("shop (meta)", "120 of the last 150", "exit code 78", "dead retry --reason parser_error",
                 "streams.dead_share_limit = 0"):  # fmt: skip
        assert part in text
    assert len(text) < 400


def test_the_default_limit_is_half_and_the_environment_can_switch_it_off() -> None:
    assert Config().streams.dead_share_limit == 0.5
    env = {"ACKSTREAM_STREAMS_DEAD_SHARE_LIMIT": "0"}
    assert parse("", Path("/nowhere/ackstream.toml"), env).streams.dead_share_limit == 0


def test_a_saved_circuit_is_open_until_it_is_closed_or_the_settings_change(tmp_path: Path) -> None:
    def config(limit: str) -> Config:
        text = f'data_dir = "{tmp_path}"\n[streams]\ndead_share_limit = {limit}\n'
        return parse(text, tmp_path / "ackstream.toml", {})

    saved = SavedCircuit(config("0.5"))
    assert saved.reason() is None
    assert not saved.close()
    saved.open("a reason")
    assert SavedCircuit(config("0.5")).reason() == "a reason"
    assert SavedCircuit(config("0.6")).reason() is None
    assert saved.close()
    assert saved.reason() is None
