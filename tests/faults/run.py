"""One chaos run: starts a stack, simulator and faults, then compares everything."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from deploy.local.worker_lag import lags
from deploy.simulator.demo.tables import Tables
from ingest.storage import spool_folder
from tests.faults.chaos_stack import ChaosStack
from tests.faults.injector import InjectedFault, Injector
from tests.faults.plan import SOURCES, Fault, plan, skews
from tests.faults.proxy import Proxies
from tests.faults.table_progress import TableProgress
from tests.support.waiting import wait_until

# Deadlines after the last fault: of the answers, of the workers and dashboards, of the comparison.
_ANSWERS_SECONDS = 240.0
_SETTLE_SECONDS = 300.0
_CHECK_SECONDS = 1800.0


class Finding(TypedDict):
    """One residual, or one mismatch with the truth."""

    kind: str
    what: str


class CheckOutput(TypedDict, total=False):
    """The output of `ackstream check --json`; without --truth it has `residual`, with it the other numbers."""

    named: list[Finding]
    residual: int
    units: int
    lost: int
    double: int
    wrong: int
    extra: int


@dataclass(slots=True, frozen=True)
class Options:
    """Describes a run. `rate`: requests per second."""

    seed: int
    faults: int
    seconds: float
    rate: float
    folder: Path


@dataclass(slots=True)
class Result:
    """The result of a run. A unit with a wrong column counts as lost: a report about it is missing.

    `lost`, `double` or `residual` None: the check could not be made; `problems` contain the reason.
    """

    faults: list[Fault]
    injected: list[InjectedFault] = field(default_factory=list)
    answered: int = 0
    posted: bool = False  # everything was answered 200 in the end
    units: int = 0
    lost: int | None = None
    double: int | None = None
    residual: int | None = None
    problems: list[str] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)

    @property
    def successful(self) -> bool:
        """Nothing lost, nothing double, no residual; every fault was injected and the stack recovered by itself."""
        failed = any(each.problem or each.recovered is None for each in self.injected)
        complete = self.posted and len(self.injected) == len(self.faults) and not failed
        return complete and (self.lost, self.double, self.residual) == (0, 0, 0)

    def longest(self) -> dict[str, float]:
        """The longest recovery of each part and link, seconds."""
        longest: dict[str, float] = {}
        for each in self.injected:
            name = "source's clock" if each.fault.kind == "wrong clock" else each.fault.part
            longest[name] = max(longest.get(name, 0.0), each.recovery)
        return dict(sorted(longest.items()))


def run(options: Options, log: Callable[[str], None]) -> Result:
    """Runs in `options.folder`, where logs and the truth stay; every process that was started ends."""
    result = Result(plan(options.seed, options.faults, options.seconds))
    with Proxies() as proxies:
        stack = ChaosStack(options.folder, proxies)
        try:
            with stack.environ():
                stack.start_all()
                _inject_faults(options, stack, result, log)
                _compare(options, stack, result, log)
        except AssertionError as error:  # a wait timed out
            result.problems.append(str(error))
        finally:
            result.restarts = dict(stack.restarts)
            stack.close()
    return result


def _inject_faults(options: Options, stack: ChaosStack, result: Result, log: Callable[[str], None]) -> None:
    """Posts traffic and injects faults until both have ended."""
    with TableProgress(stack.config) as progress, (options.folder / "simulate.log").open("wb") as file:
        command = _simulator_command(options, result.faults)
        posting = subprocess.Popen(command, env=stack.env, stdout=file, stderr=file)
        injector = Injector(
            stack, progress, lambda: posting.poll() is not None and _is_complete(stack), log, result.injected
        )
        try:
            injector.start(result.faults)
            injector.join()
            log(f"{options.seconds:6.1f} s  the traffic ends; waiting for the last answers")
            result.posted = posting.wait(options.seconds + _ANSWERS_SECONDS + 60) == 0
        finally:
            injector.cancel()
            if posting.poll() is None:
                posting.send_signal(signal.SIGINT)
                posting.wait(60)
    output = (options.folder / "simulate.log").read_text()
    found = re.findall(r"in ([\d,]+) requests answered 200", output)
    result.answered = int(found[-1].replace(",", "")) if found else 0
    if not result.posted:
        result.problems.append(f"last line of the simulator: {output.splitlines()[-1] if output else 'none'}")


def _simulator_command(options: Options, faults: list[Fault]) -> list[str]:
    arguments = {
        "--duration": f"{options.seconds:g}s", "--rate": f"{options.rate:g}", "--burst": "3",
        "--seed": str(options.seed),
        "--sources": ",".join(SOURCES), "--truth": str(options.folder / "truth.jsonl"),
        "--drain": f"{_ANSWERS_SECONDS:g}s",
    }  # fmt: skip
    given = [value for pair in arguments.items() for value in pair]
    return [sys.executable, "-m", "deploy.cli", "simulate", *given, "--rotate", "--plain", *skews(faults)]


def _compare(options: Options, stack: ChaosStack, result: Result, log: Callable[[str], None]) -> None:
    """Waits until everything is processed, then runs `ackstream check`, with the truth and with the bodies in Kafka."""
    log("        waiting until everything is processed, then comparing")
    _settle(stack)
    by_truth = _check(stack, result, "--truth", str(options.folder / "truth.jsonl"))
    if by_truth is not None:
        result.units, result.lost = by_truth["units"], by_truth["lost"] + by_truth["wrong"]
        result.double = by_truth["double"] + by_truth["extra"]
    by_bodies = _check(stack, result)
    if by_bodies is not None:
        result.residual = by_bodies["residual"]


def _check(stack: ChaosStack, result: Result, *more: str) -> CheckOutput | None:
    """The result of `ackstream check`; None when the check could not be made."""
    done = stack.run("check", "--json", "--wait", *more, check=False, timeout=_CHECK_SECONDS)
    try:
        found: CheckOutput = json.loads(done.stdout)
    except ValueError:
        result.problems.append(f"the check could not be made: {done.stderr.strip()[-500:]}")
        return None
    result.problems += [f"{named['kind']}: {named['what']}" for named in found["named"]]
    return found


def _is_complete(stack: ChaosStack) -> bool:
    """Whether the workers have processed everything that the edge has answered 200."""
    return spool_folder.count(stack.config.data_dir) == 0 and set(lags(stack.broker.bootstrap).values()) == {0}


def _settle(stack: ChaosStack) -> None:
    wait_until("the spool is empty and the workers have no lag", lambda: _is_complete(stack), _SETTLE_SECONDS)
    tables = Tables(stack.client, SOURCES)
    stored = tables.now()
    wait_until("the dashboards' tables are complete", lambda: tables.shown_up_to() >= stored, _SETTLE_SECONDS)
