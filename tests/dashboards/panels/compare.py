"""Panels compared with what plain Python counts of the same events."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import catalogue
from tests.dashboards.panels.expected import Answer, Question
from tests.dashboards.panels.model import Unit
from tests.dashboards.panels.tables import Tables


def wrong(tables: Tables, truth: Sequence[Unit], answers: Mapping[str, Answer], chosen: dict[str, Any]) -> list[str]:
    """The panels of `answers` (by id) that do not answer what is counted of `truth`: both answers of each."""
    question = Question(now=tables.now(), **chosen)
    found = []
    for identifier, answer in answers.items():
        shown, counted = tables.rows(catalogue.panel(identifier), **chosen), answer(list(truth), question)
        if shown != counted:
            found.append(f"{identifier}: {chosen}\n  counted {counted}\n  shown   {shown}")
    return found
