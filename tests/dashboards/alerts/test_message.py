"""The body of a notification: a known format, a text for people, no private data."""

import json
from decimal import Decimal
from typing import Any

import pytest

from dashboards.alerts.builtin_rules import BUILTIN_RULES
from dashboards.alerts.message import Body, body, fingerprint, only_text, text, trial
from dashboards.alerts.notifications import Notice, Notification
from dashboards.alerts.row_text import duration, label_text, summary, to_row
from dashboards.alerts.rule import Rule
from dashboards.alerts.rules import RULES
from tests.dashboards.alerts.samples import labels, rule

BEGAN = 1_795_176_000.0  # 2026-11-20T12:00:00Z
FIRING = Notice(labels(), "shop is at 2", 2.0, BEGAN)
RESOLVED = Notice(labels("hotel"), "hotel was at 3", 3.0, BEGAN, BEGAN + 600)
PAGE = "http://127.0.0.1:8080/pipeline"


def posted(sent: Notification, **facts: Any) -> Body:
    watched = rule(group=("source",), **facts)
    return body(watched, (watched.id, labels()), sent, 0, PAGE)


def test_the_body_has_the_format_of_alertmanagers_webhook() -> None:
    made = posted(Notification((FIRING,), (RESOLVED,), still_firing=1))
    json.dumps(made)
    assert (made["version"], made["status"], made["receiver"], made["truncatedAlerts"]) == (
        "4",
        "firing",
        "ackstream",
        0,
    )
    assert made["groupLabels"] == {"alertname": "Test rule", "source": "shop"}
    assert made["commonLabels"]["severity"] == "warning"
    fires, resolved = made["alerts"]
    assert fires["status"] == "firing"
    assert fires["labels"] == {"alertname": "Test rule", "rule": "test-rule", "severity": "warning", "source": "shop"}
    assert fires["annotations"]["summary"] == "shop is at 2"
    assert (fires["startsAt"], fires["endsAt"]) == ("2026-11-20T12:00:00.000Z", "0001-01-01T00:00:00Z")
    assert (resolved["status"], resolved["endsAt"]) == ("resolved", "2026-11-20T12:10:00.000Z")
    assert fires["fingerprint"] == fingerprint("test-rule", labels()) != resolved["fingerprint"]
    assert fires["generatorURL"] == made["externalURL"] == PAGE


def test_the_text_states_what_fires_since_when_and_what_to_do() -> None:
    assert text(rule(), Notification((FIRING,), (RESOLVED,), still_firing=2), PAGE).splitlines() == [
        "🔴 Test rule (warning)",
        "• shop is at 2 (since 2026-11-20 12:00 UTC)",
        "✅ Resolved: Test rule",
        "• hotel was at 3 (from 2026-11-20 12:00 to 2026-11-20 12:10 UTC)",
        "2 other alerts still fire.",
        "What to do: Do something.",
        PAGE,
    ]
    assert text(rule(), Notification((FIRING,), (), 0, repeat=True), PAGE).startswith(
        "🔴 Test rule (warning, still firing)"
    )


def test_the_status_is_resolved_only_when_nothing_fires() -> None:
    assert posted(Notification((), (RESOLVED,), still_firing=0))["status"] == "resolved"
    assert posted(Notification((), (RESOLVED,), still_firing=1))["status"] == "firing"
    assert "What to do" not in posted(Notification((), (RESOLVED,), still_firing=0))["text"]


def test_many_alerts_are_truncated_and_counted() -> None:
    many = tuple(Notice(labels(f"s{place}"), f"s{place} is bad", 2.0, BEGAN) for place in range(120))
    made = posted(Notification(many, (), 0))
    assert (len(made["alerts"]), made["truncatedAlerts"]) == (50, 70)
    assert "• and 110 more" in made["text"]


def test_receivers_that_reject_unknown_fields_get_only_the_text() -> None:
    made = posted(Notification((FIRING,), (), 0))
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
def test_label_texts_are_short_plain_and_without_phone_numbers(given: object, kept: str) -> None:
    assert label_text(given) == kept


def test_a_row_becomes_labels_a_value_and_a_summary() -> None:
    watched = rule(labels=("source", "code"), summary="{source}: {n:,} with {code}, {share:.1%}, for {old_seconds}")
    columns = {"source": "shop", "code": "", "value": 3, "n": 12345, "share": None, "old_seconds": 7500.0}
    made = to_row(watched, columns)
    assert made.labels == (("source", "shop"), ("code", ""))
    assert (made.value, made.summary) == (3.0, "shop: 12,345 with (none), –, for 2 h 5 min")
    assert to_row(watched, {**columns, "value": None}).value is None
    assert to_row(watched, {**columns, "value": float("nan")}).value is None


def test_braces_in_a_value_are_not_formatted() -> None:
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
def test_durations_have_at_most_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize("each", [*RULES, *BUILTIN_RULES], ids=lambda each: each.id)
def test_a_rule_states_its_meaning_and_remediation(each: Rule) -> None:
    assert each.id.replace("-", "").isalnum()
    assert each.id == each.id.lower()
    assert each.title
    assert each.meaning.endswith(".")
    assert each.remediation.endswith(".")
    assert each.clear <= each.above
    assert set(each.group) <= set(each.labels)


def test_ids_of_rules_are_unique() -> None:
    every = [each.id for each in (*RULES, *BUILTIN_RULES)]
    assert len(set(every)) == len(every)
