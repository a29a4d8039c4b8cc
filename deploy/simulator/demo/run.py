"""The demo from start to verdict: posts, waits for the tables, compares, prints."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deploy.simulator.demo import compare, delivery, report
from deploy.simulator.demo.compare import Difference, Posted, Totals
from deploy.simulator.demo.tables import Tables
from deploy.simulator.facts import Answer
from deploy.simulator.traffic import Traffic
from schemas.errors import Failure
from schemas.process.waiting import wait_for

_QUIET_SECONDS = 30.0  # when nothing new has arrived for so long, the rest is lost
_DEADLINE_SECONDS = 180.0
_POLL_SECONDS = 1.0
# The views of an INSERT get their rows one after the other, on a slow machine within seconds: tables that are
# unchanged for so long are complete.
_SETTLE_SECONDS = 10.0


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
        with self._progress() as progress:
            answers, posted = self._post(progress, rate)
            self._wait_until_loaded(progress, before)
            self._wait_for_dashboards(progress)
        differences, after = self._compare(before, answers, posted)
        rates = compare.added(before.rates, after.rates)
        self.console.print(report.rates_table(self.traffic.truth.rates, rates, plain=self.plain))
        equal = self._print_verdict(differences, answers)
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

    def _post(self, progress: Progress, rate: float | None) -> tuple[list[Answer], Posted]:
        task = progress.add_task("posting", total=len(self.traffic.requests))
        run = delivery.DemoRun(self.base_url, lambda count: progress.advance(task, count))
        began = _now_ms()
        answers = asyncio.run(run.post(self.traffic.requests, rate))
        return answers, Posted(began, _now_ms())

    def _wait_until_loaded(self, progress: Progress, before: Totals) -> None:
        """Waits until everything has arrived in the tables, or nothing new has for _QUIET_SECONDS."""
        wanted = (self.traffic.truth.deliveries, self.traffic.truth.dead_letters.total())
        task = progress.add_task("loading", total=sum(wanted))
        changed, last = time.monotonic(), (0, 0)

        def loaded_or_quiet() -> bool:
            nonlocal changed, last
            deliveries, dead_letters = self.tables.stored()
            found = (deliveries - before.deliveries, dead_letters - before.dead_letters)
            if found != last:
                changed, last = time.monotonic(), found
            progress.update(task, completed=min(sum(found), sum(wanted)))
            complete = found[0] >= wanted[0] and found[1] >= wanted[1]
            return complete or time.monotonic() - changed > _QUIET_SECONDS

        wait_for(loaded_or_quiet, _DEADLINE_SECONDS, _POLL_SECONDS)

    def _wait_for_dashboards(self, progress: Progress) -> None:
        """Waits until the dashboards' tables contain everything that is stored now. Raises Failure at the deadline."""
        stored = self.tables.now()
        task = progress.add_task("counting", total=None)
        if not wait_for(lambda: self.tables.shown_up_to() >= stored, _DEADLINE_SECONDS, _POLL_SECONDS):
            raise Failure("the tables of the dashboards are not kept up: see analytics in `make status`")
        progress.update(task, total=1, completed=1)

    def _compare(self, before: Totals, answers: list[Answer], posted: Posted) -> tuple[list[Difference], Totals]:
        """Compares until everything is equal or the tables do not change any more."""
        after, changed = self.tables.totals(), time.monotonic()
        deadline = changed + _DEADLINE_SECONDS
        while differences := self._differences(before, after, answers, posted):
            time.sleep(_POLL_SECONDS)
            with self._progress() as progress:
                self._wait_for_dashboards(progress)
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
            *compare.deliveries(truth, answers, arrivals, len(distinct), self.tables.dead_letters(ids)),
            *compare.rates("delivery_rates", truth.rates, compare.added(before.rates, after.rates)),
            *compare.rates("dashboards", truth.rates, compare.added(before.shown, after.shown)),
            *compare.units(truth.units, self.tables.units(self.traffic.prefixes), posted),
        ]

    def _print_verdict(self, differences: list[Difference], answers: list[Answer]) -> bool:
        truth = self.traffic.truth
        retried = sum(answer.tries > 1 for answer in answers)
        if retried:
            self.console.print(f"{retried:,} requests had to be sent more than once.", highlight=False)
        counts = (
            f"{self.traffic.messages:,} messages, {truth.events.total():,} events, "
            f"{truth.repeated:,} repeated deliveries, {truth.dead_letters.total():,} dead letters"
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
    """Path and query of the page that shows the demo's messages alone: its UTC days and its sources."""
    days = sorted({group.cohort_day for group in traffic.truth.rates})
    span = [("from", days[0]), ("to", days[-1])] if days else [("range", "all")]
    return "/overview?" + urlencode([*span, ("zone", "UTC"), *(("source", source) for source in traffic.sources)])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
