"""`ackstream diff`: compares a shadow with the live tables, as the full user, after completing the shadow."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from dashboards.terminal import console, table
from deploy.cli.options import ShadowName
from deploy.cli.progress_bar import progress_bar
from deploy.cli.service_errors import comparing
from schemas.errors import Failure
from schemas.parsing.json_text import dumps
from schemas.settings.config import Config, load
from streams.replay import saved_state
from streams.replay.run import refuse_half_swap
from streams.replay.saved_state import READING, READY, SWAPPED
from streams.replay.shadow import database
from streams.replay.shadow.difference import RateChange, ShadowDiff, difference

# Rows of one table on the screen; --json prints all.
_ROWS = 40


@click.command()
@click.argument("name", type=ShadowName(), metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--samples", default=3, show_default=True, type=click.IntRange(0, 1000), help="Units shown of each kind.")
def command(name: str, as_json: bool, samples: int) -> None:
    """Show which numbers would change if the tables of `replay --into NAME` became the live ones, and why.

    Exit code 0: none; 1: some; 2: the comparison could not be made. Phone numbers and ids of people are masked.
    """
    with comparing():
        found = _compare(load(), name, samples)
    if as_json:
        click.echo(dumps(found.as_json()))
    else:
        _print(name, found)
    raise SystemExit(0 if found.is_empty else 1)


def _compare(config: Config, name: str, samples: int) -> ShadowDiff:
    with saved_state.exclusive(config, saved_state.shadow_id(name)):
        refuse_half_swap(config)
        _check_ready(config, name)
        with progress_bar() as progress:
            task = progress.task("comparing")
            database.update(config, name)
            return difference(config, name, samples, task.update)


def _check_ready(config: Config, name: str) -> None:
    state = saved_state.find(config, saved_state.shadow_id(name))
    if state is None or name not in database.names(config):
        raise Failure(f"there is no shadow {name}: there are {', '.join(database.names(config)) or 'none'}")
    if state.step == SWAPPED:
        raise Failure(f"the shadow {name} has been swapped: it holds the previous tables")
    if state.step != READY:
        why = "is still being read" if state.step == READING else "is not complete"
        raise Failure(f"the shadow {name} {why}: finish it with `ackstream replay --resume`")


def _print(name: str, found: ShadowDiff) -> None:
    screen = console()
    screen.print(f"{found.messages_compared:,} messages compared with those of the shadow {name}", markup=False)
    if found.messages_not_covered:
        screen.print(f"{found.messages_not_covered:,} messages are not part of its replay: they stay as they are")
    if found.messages_changing:
        screen.print(f"{found.messages_changing:,} messages are left out: events of them are being stored right now")
    if found.is_empty:
        screen.print("no number would change")
        return
    _table("units", ("added", "removed", "changed"), [tuple(found.units[one] for one in found.units)])
    _table("columns of changed units", ("column", "units"), list(found.columns.items()))
    rates = ("source", "day", "template", "campaign", "category", "group", "sent", "delivered", "read", "failed")
    _table("rates", (*rates, "delivery rate"), [_rate(one) for one in found.rates])
    _table("events", ("source", "change", "kind", "word", "events"), found.events)
    _table("dead letters of the replayed bodies", ("source", "reason", "before", "after"), found.dead_letters)
    samples = [
        (one.change, one.source, one.message_id, one.participant, column, was, now)
        for one in found.samples
        for column, (was, now) in one.facts.items()
    ]
    _table("samples", ("change", "source", "message_id", "participant", "column", "before", "after"), samples)


def _table(title: str, columns: Sequence[str], rows: Sequence[Iterable[Any]]) -> None:
    if not rows:
        return
    screen = console()
    made = table(columns, [tuple(row) for row in rows[:_ROWS]])
    made.title, made.title_justify = title, "left"
    screen.print(made)
    if len(rows) > _ROWS:
        screen.print(f"{len(rows) - _ROWS:,} more rows: all of them with --json")


def _rate(one: RateChange) -> tuple[Any, ...]:
    counts = (
        f"{was:,} → {now:,}" if was != now else f"{was:,}" for was, now in zip(one.before, one.after, strict=True)
    )
    words = one.source, one.cohort_day, one.template, one.campaign, one.category, "yes" if one.is_group else ""
    return *words, *counts, f"{_delivery_rate(one.before)} → {_delivery_rate(one.after)}"


def _delivery_rate(counts: Sequence[int]) -> str:
    return f"{counts[1] / counts[0]:.4f}" if counts[0] else "none"
