"""The demo from start to verdict: post, wait for the tables, compare, print. IO."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deploy.simulator.demo import compare, delivery, report
from deploy.simulator.demo.compare import Difference, Posted, Totals
from deploy.simulator.demo.tables import Tables
from deploy.simulator.facts import Account, Answer
from deploy.simulator.traffic import Traffic
from schemas.errors import ConfigError, Failure
from schemas.settings.config import Config

SOURCES = {"meta": "demo-meta", "wasender": "demo-wasender", "zapini": "demo-zapini"}
_QUIET_SECONDS = 30.0  # nothing new for so long: what is missing does not come any more
_DEADLINE_SECONDS = 180.0
_POLL_SECONDS = 1.0
# The views of an INSERT get their rows one after the other, on a slow machine over seconds: tables that stand still for
# so long are complete.
_SETTLE_SECONDS = 10.0


def accounts(config: Config) -> tuple[Account, ...]:
    """The demo's sources with their secrets. Raises ConfigError for one that is missing or cannot be posted to."""
    return tuple(_account(config, provider, source) for provider, source in SOURCES.items())


def _account(config: Config, provider: str, source: str) -> Account:
    settings = config.sources.get(source)
    if settings is None or settings.provider != provider:
        raise ConfigError(f'the settings have no source {source}: add [sources.{source}] with provider = "{provider}"')
    if not settings.sent_tokens:
        raise ConfigError(f"sources.{source} has no sent_tokens: the demo posts sent records too, so add one")
    return Account(
        provider,
        source,
        secret=settings.secrets[0].read() if settings.secrets else "",
        token=settings.sent_tokens[0].read(),
        verify_token=settings.verify_tokens[0].read() if settings.verify_tokens else "",
    )


@dataclass(slots=True)
class Demo:
    """One run against one stack."""

    traffic: Traffic
    tables: Tables
    base_url: str
    page_url: str
    console: Console
    plain: bool

    def run(self, rate: float | None) -> bool:
        """Posts everything and prints the verdict; True when every number equals the truth. Raises PostError."""
        asyncio.run(delivery.check_ready(self.base_url))
        if self.tables.count_units(self.traffic.prefixes):
            raise delivery.PostError(
                f"the tables already hold run {self.traffic.run}: leave out --run, or give another one"
            )
        before = self.tables.totals()
        began = _now()
        with self._progress() as progress:
            task = progress.add_task("posting", total=len(self.traffic.requests))
            answers = asyncio.run(
                delivery.DemoRun(self.base_url, lambda count: progress.advance(task, count)).post(
                    self.traffic.requests, rate
                )
            )
            posted = Posted(began, _now())
            self._wait(progress, before)
            self._wait_shown(progress)
        differences, after = self._look(before, answers, posted)
        table = compare.grown(before.rates, after.rates)
        self.console.print(report.rates_table(self.traffic.truth.rates, table, plain=self.plain))
        equal = self._verdict(differences, answers)
        self.console.print(f"Dashboards: {self.page_url}{page_query(self.traffic)}", soft_wrap=True, highlight=False)
        return equal

    def _progress(self) -> Progress:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        return Progress(*columns, console=self.console, disable=self.plain)

    def _wait(self, progress: Progress, before: Totals) -> None:
        """Returns once everything has arrived in the tables, or nothing has for a while."""
        wanted = (self.traffic.truth.deliveries, self.traffic.truth.dead.total())
        task = progress.add_task("loading", total=sum(wanted))
        deadline = time.monotonic() + _DEADLINE_SECONDS
        changed, last = time.monotonic(), (0, 0)
        while True:
            deliveries, dead = self.tables.stored()
            now, found = time.monotonic(), (deliveries - before.deliveries, dead - before.dead)
            if found != last:
                changed, last = now, found
            progress.update(task, completed=min(sum(found), sum(wanted)))
            complete = found[0] >= wanted[0] and found[1] >= wanted[1]
            if complete or now > deadline or now - changed > _QUIET_SECONDS:
                return
            time.sleep(_POLL_SECONDS)

    def _wait_shown(self, progress: Progress) -> None:
        """Returns once the dashboards' tables have everything that is stored now. Raises Failure when they do not."""
        stored, deadline = self.tables.now(), time.monotonic() + _DEADLINE_SECONDS
        task = progress.add_task("counting", total=None)
        while self.tables.shown_up_to() < stored:
            if time.monotonic() > deadline:
                raise Failure("the tables of the dashboards are not kept up: see analytics in `make status`")
            time.sleep(_POLL_SECONDS)
        progress.update(task, total=1, completed=1)

    def _look(self, before: Totals, answers: list[Answer], posted: Posted) -> tuple[list[Difference], Totals]:
        """Compares until everything is equal or the tables stand still."""
        after, changed = self.tables.totals(), time.monotonic()
        deadline = changed + _DEADLINE_SECONDS
        while differences := self._differences(before, after, answers, posted):
            time.sleep(_POLL_SECONDS)
            with self._progress() as progress:
                self._wait_shown(progress)
            later, now = self.tables.totals(), time.monotonic()
            if later != after:
                after, changed = later, now
            elif now - changed > _SETTLE_SECONDS or now > deadline:
                break
        return differences, after

    def _differences(self, before: Totals, after: Totals, answers: list[Answer], posted: Posted) -> list[Difference]:
        truth = self.traffic.truth
        ids = [answer.request_id for answer in answers if answer.request_id]
        arrivals, distinct = self.tables.deliveries(ids)
        return [
            *compare.answers(answers),
            *compare.events(truth, before, after),
            *compare.deliveries(truth, answers, arrivals, len(distinct), self.tables.dead(ids)),
            *compare.rates("delivery_rates", truth.rates, compare.grown(before.rates, after.rates)),
            *compare.rates("dashboards", truth.rates, compare.grown(before.shown, after.shown)),
            *compare.units(truth.units, self.tables.units(self.traffic.prefixes), posted),
        ]

    def _verdict(self, differences: list[Difference], answers: list[Answer]) -> bool:
        truth = self.traffic.truth
        again = sum(answer.tries > 1 for answer in answers)
        if again:
            self.console.print(f"{again:,} requests had to be sent more than once.", highlight=False)
        counts = (
            f"{self.traffic.messages:,} messages, {truth.events.total():,} events, "
            f"{truth.repeated:,} repeated deliveries, {truth.dead.total():,} dead letters"
        )
        if not differences:
            self.console.print(f"{counts}: every number equals the truth", soft_wrap=True, highlight=False)
            return True
        report.print_differences(self.console, differences)
        self.console.print(
            f"{counts}: {len(differences):,} differences from the truth", soft_wrap=True, highlight=False
        )
        return False


def page_query(traffic: Traffic) -> str:
    """What makes the page show the demo's messages and no others: its days, which are those of UTC, and its sources."""
    days = sorted({group.cohort_day for group in traffic.truth.rates})
    span = [("from", days[0]), ("to", days[-1])] if days else [("range", "all")]
    return "/overview?" + urlencode([*span, ("zone", "UTC"), *(("source", source) for source in traffic.sources)])


def _now() -> int:
    return time.time_ns() // 1_000_000
