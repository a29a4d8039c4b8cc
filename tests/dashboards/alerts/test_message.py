"""What is posted: forms that receivers know, words for people, nothing private."""

import json
from decimal import Decimal
from typing import Any

import pytest

from dashboards.alerts.groups import News, Told
from dashboards.alerts.inner import INNER
from dashboards.alerts.message import body, fingerprint, only_text, text, trial
from dashboards.alerts.rules import RULES
from dashboards.alerts.words import duration, row, summary, word
from tests.dashboards.alerts.make import labels, rule

BEGAN = 1_795_176_000.0  # 2026-11-20T12:00:00Z
FIRES = Told(labels(), "shop is at 2", 2.0, BEGAN)
OVER = Told(labels("hotel"), "hotel was at 3", 3.0, BEGAN, BEGAN + 600)
PAGE = "http://127.0.0.1:8080/pipeline"


def posted(news: News, **facts: Any) -> dict[str, Any]:
    watched = rule(group=("source",), **facts)
    return body(watched, (watched.id, labels()), news, 0, PAGE)


def test_it_has_the_form_of_alertmanagers_webhook() -> None:
    made = posted(News((FIRES,), (OVER,), still=1))
    json.dumps(made)
    assert (made["version"], made["status"], made["receiver"], made["truncatedAlerts"]) == (
        "4",
        "firing",
        "ackstream",
        0,
    )
    assert made["groupLabels"] == {"alertname": "Test rule", "source": "shop"}
    assert made["commonLabels"]["severity"] == "warning"
    fires, over = made["alerts"]
    assert fires["status"] == "firing"
    assert fires["labels"] == {"alertname": "Test rule", "rule": "test-rule", "severity": "warning", "source": "shop"}
    assert fires["annotations"]["summary"] == "shop is at 2"
    assert (fires["startsAt"], fires["endsAt"]) == ("2026-11-20T12:00:00.000Z", "0001-01-01T00:00:00Z")
    assert (over["status"], over["endsAt"]) == ("resolved", "2026-11-20T12:10:00.000Z")
    assert fires["fingerprint"] == fingerprint("test-rule", labels()) != over["fingerprint"]
    assert fires["generatorURL"] == made["externalURL"] == PAGE


def test_the_text_says_what_since_when_and_what_to_do() -> None:
    assert text(rule(), News((FIRES,), (OVER,), still=2), PAGE).splitlines() == [
        "🔴 Test rule (warning)",
        "• shop is at 2 (since 2026-11-20 12:00 UTC)",
        "✅ Test rule: over",
        "• hotel was at 3 (from 2026-11-20 12:00 to 2026-11-20 12:10 UTC)",
        "2 more of this still fire.",
        "What to do: Do something.",
        PAGE,
    ]
    assert text(rule(), News((FIRES,), (), 0, repeat=True), PAGE).startswith("🔴 Test rule (warning, still)")


def test_only_an_end_is_told_as_resolved() -> None:
    assert posted(News((), (OVER,), still=0))["status"] == "resolved"
    assert posted(News((), (OVER,), still=1))["status"] == "firing"
    assert "What to do" not in posted(News((), (OVER,), still=0))["text"]


def test_a_crowd_is_cut_and_counted() -> None:
    crowd = tuple(Told(labels(f"s{place}"), f"s{place} is bad", 2.0, BEGAN) for place in range(120))
    made = posted(News(crowd, (), 0))
    assert (len(made["alerts"]), made["truncatedAlerts"]) == (50, 70)
    assert "• and 110 more" in made["text"]


def test_chats_that_refuse_other_fields_get_the_text_alone() -> None:
    made = posted(News((FIRES,), (), 0))
    assert only_text(made) == {"text": made["text"]}
    assert only_text(trial(PAGE))["text"].endswith(PAGE)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("marketing", "marketing"),
        ("131026", "131026"),
        ("+5511955550001", "…001"),
        ("to 55 11 95555-0001 failed", "to …001 failed"),
        ("123456789012345", "…345"),
        ("<!channel> & @here `x`", "‹!channel› + (at)here 'x'"),
        ("two\nlines\x00", "two lines "),
        ("x" * 70, "x" * 59 + "…"),
        (Decimal("1.5"), "1.5"),
    ],
)
def test_words_are_short_plain_and_no_phone_numbers(given: Any, kept: str) -> None:
    assert word(given) == kept


def test_a_row_becomes_labels_a_number_and_a_sentence() -> None:
    watched = rule(labels=("source", "code"), summary="{source}: {n:,} with {code}, {share:.1%}, for {old_seconds}")
    columns = {"source": "shop", "code": "", "value": 3, "n": 12345, "share": None, "old_seconds": 7500.0}
    made = row(watched, columns)
    assert made.labels == (("source", "shop"), ("code", ""))
    assert (made.value, made.summary) == (3.0, "shop: 12,345 with (none), –, for 2 h 5 min")
    assert row(watched, {**columns, "value": None}).value is None
    assert row(watched, {**columns, "value": float("nan")}).value is None


def test_a_summary_cannot_be_made_to_show_anything_else() -> None:
    assert summary("{source}", {"source": "{value.__class__} {0}"}) == "{value.__class__} {0}"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
        (-5, "0 s"),
    ],
)
def test_spans_of_time(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize("each", [*RULES, *INNER], ids=lambda each: each.id)
def test_a_rule_says_what_it_means_and_what_to_do(each: Any) -> None:
    assert each.id.replace("-", "").isalnum()
    assert each.id == each.id.lower()
    assert each.title
    assert each.meaning.endswith(".")
    assert each.remediation[-1] in ".?"
    assert each.clear <= each.above
    assert set(each.group) <= set(each.labels)


def test_ids_of_rules_are_unique() -> None:
    every = [each.id for each in (*RULES, *INNER)]
    assert len(set(every)) == len(every)
