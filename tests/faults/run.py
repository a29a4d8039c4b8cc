"""One run: a stack, the simulator, the faults, the comparison, the report. IO."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.worker_lag import lags
from deploy.simulator.demo.tables import Tables
from ingest.storage import spool_folder
from tests.faults.chaos_stack import ChaosStack
from tests.faults.injector import InjectedFault, Injector
from tests.faults.plan import SOURCES, Fault, plan, skews
from tests.faults.proxy import Proxies
from tests.faults.table_progress import TableProgress
from tests.support.stack import wait_until

# After the last fault: for the answers, for the workers, for the dashboards' tables.
_ANSWERS_SECONDS = 240.0
_SETTLE_SECONDS = 300.0
_CHECK_SECONDS = 1800.0


@dataclass(slots=True, frozen=True)
class Options:
    """What to run. `rate` = requests a second."""

    seed: int
    faults: int
    seconds: float
    rate: float
    folder: Path


@dataclass(slots=True)
class Result:
    """What came of it. A unit with a wrong column counts as lost: something that was told about it is missing.

    `lost`, `double` or `residual` None: the check could not look, and `words` say why.
    """

    faults: list[Fault]
    done: list[InjectedFault] = field(default_factory=list)
    answered: int = 0
    posted: bool = False  # everything was answered 200 in the end
    units: int = 0
    lost: int | None = None
    double: int | None = None
    residual: int | None = None
    words: list[str] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing lost, nothing double, no residual; every fault was really done, and all came back by itself."""
        done = len(self.done) == len(self.faults)
        done = done and not any(done.problem or done.recovered is None for done in self.done)
        return self.posted and done and (self.lost, self.double, self.residual) == (0, 0, 0)

    def longest(self) -> dict[str, float]:
        """The longest recovery of each part and link, seconds."""
        worst: dict[str, float] = {}
        for done in self.done:
            name = "source's clock" if done.fault.kind == "wrong clock" else done.fault.part
            worst[name] = max(worst.get(name, 0.0), done.recovery)
        return dict(sorted(worst.items()))


def run(options: Options, say: Callable[[str], None]) -> Result:
    """Runs it in `options.folder`, which keeps logs and the truth; everything that was started has ended afterwards."""
    result = Result(plan(options.seed, options.faults, options.seconds))
    with Proxies() as proxies:
        stack = ChaosStack(options.folder, proxies)
        try:
            with stack.environ():
                stack.everything()
                _under_fire(order, stack, result, say)
                _compare(order, stack, result, say)
        except AssertionError as error:  # something was waited for in vain; that is a result too
            result.words.append(str(error))
        finally:
            result.ended = dict(stack.ended)
            stack.close()
    return result


def _under_fire(options: Options, stack: ChaosStack, result: Result, say: Callable[[str], None]) -> None:
    """Traffic and faults until both are over."""
    with TableProgress(stack.config) as progress, (options.folder / "simulate.log").open("wb") as log:
        posting = subprocess.Popen(_simulator(order, result.faults), env=stack.env, stdout=log, stderr=log)
        injector = Injector(
            stack, progress, lambda: posting.poll() is not None and _is_through(stack), say, result.done
        )
        try:
            injector.start(result.faults)
            injector.join()
            say(f"{options.seconds:6.1f} s  the traffic ends, the last answers are waited for")
            result.posted = posting.wait(options.seconds + _ANSWERS_SECONDS + 60) == 0
        finally:
            injector.cancel()
            if posting.poll() is None:
                posting.send_signal(signal.SIGINT)
                posting.wait(60)
    told = (options.folder / "simulate.log").read_text()
    found = re.findall(r"in ([\d,]+) requests answered 200", told)
    result.answered = int(found[-1].replace(",", "")) if found else 0
    if not result.posted:
        result.words.append(f"the simulator said: {told.splitlines()[-1] if told else 'nothing'}")


def _simulator(options: Options, faults: list[Fault]) -> list[str]:
    options = {
        "--duration": f"{options.seconds:g}s", "--rate": f"{options.rate:g}", "--burst": "3", "--seed": str(options.seed),
        "--sources": ",".join(SOURCES), "--truth": str(options.folder / "truth.jsonl"),
        "--drain": f"{_ANSWERS_SECONDS:g}s",
    }  # fmt: skip
    given = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "deploy.cli", "simulate", *given, "--rotate", "--plain", *skews(faults)]


def _compare(options: Options, stack: ChaosStack, result: Result, say: Callable[[str], None]) -> None:
    """Waits until everything is through, then asks `ackstream check`: by the truth, and by the bodies in Kafka."""
    say("        everything is waited for and compared")
    _settle(stack)
    by_truth = _asked(stack, result, "--truth", str(options.folder / "truth.jsonl"))
    if by_truth is not None:
        result.units, result.lost = by_truth["units"], by_truth["lost"] + by_truth["wrong"]
        result.double = by_truth["double"] + by_truth["extra"]
    by_bodies = _asked(stack, result)
    if by_bodies is not None:
        result.residual = by_bodies["residual"]


def _asked(stack: ChaosStack, result: Result, *more: str) -> dict[str, Any] | None:
    """What the check says; None when it could not look."""
    ran = stack.run("check", "--json", "--wait", *more, check=False, timeout=_CHECK_SECONDS)
    try:
        said: dict[str, Any] = json.loads(ran.stdout)
    except ValueError:
        result.words.append(f"the check could not look: {ran.stderr.strip()[-500:]}")
        return None
    result.words += [f"{named['kind']}: {named['what']}" for named in said["named"]]
    return said


def _is_through(stack: ChaosStack) -> bool:
    """Whether the workers have taken everything that the edge has answered."""
    return spool_folder.count(stack.config.data_dir) == 0 and set(lags(stack.broker.bootstrap).values()) == {0}


def _settle(stack: ChaosStack) -> None:
    wait_until("the spool and the workers are through", lambda: _is_through(stack), _SETTLE_SECONDS)
    tables = Tables(stack.client, SOURCES)
    stored = tables.now()
    wait_until("the dashboards' tables are kept up", lambda: tables.shown_up_to() >= stored, _SETTLE_SECONDS)
