"""Injects the faults of a plan at their times, one thread each, and measures the time of recovery."""

import contextlib
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingest.http.context import now_ms
from tests.faults.chaos_stack import ChaosStack
from tests.faults.plan import LINKS, Fault, instances, locks
from tests.faults.proxy import Mode
from tests.faults.table_progress import TableProgress

# Without anything new in the tables for so long a fault counts as not recovered; the comparison finds what is missing.
GIVE_UP_SECONDS = 240.0
_POLL_SECONDS = 0.1
_REPLAY_SECONDS = 180.0
# Largest file of the edge while its disk is full: enough for SQLite's header and for no body.
_FULL_DISK_BYTES = 4096
_MODES: dict[str, Mode] = {"link cut": "cut", "link stalled": "stall", "link slow": "slow"}


@dataclass(slots=True)
class InjectedFault:
    """An injected fault with its times in seconds of the run. `recovered` None: nothing new arrived afterwards."""

    fault: Fault
    began: float
    ended: float
    recovered: float | None = None
    problem: str = ""

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault until something received after it is in the tables."""
        return GIVE_UP_SECONDS if self.recovered is None else self.recovered - self.ended


@dataclass(slots=True)
class Injector:
    """All faults of one run. `is_complete`: whether the traffic has ended and is processed. `log` gets each fault."""

    stack: ChaosStack
    progress: TableProgress
    is_complete: Callable[[], bool]
    log: Callable[[str], None]
    injected: list[InjectedFault] = field(default_factory=list)
    _began: float = 0.0
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, faults: list[Fault]) -> None:
        """Starts the clock: every fault happens at its time, or later when its part has another fault then."""
        self._began = time.monotonic()
        for fault in faults:
            thread = threading.Thread(target=self._run, args=(fault,), name=str(fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Waits until all faults have ended and are recovered from, or have timed out."""
        for thread in self._threads:
            thread.join()

    def cancel(self) -> None:
        """Ends the active faults and prevents further ones."""
        self._cancelled.set()
        self.join()

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _run(self, fault: Fault) -> None:
        if self._cancelled.wait(max(0.0, fault.at - self._now())):
            return
        with contextlib.ExitStack() as locked:
            for name in locks(fault):
                locked.enter_context(self.stack.locks[name])
            if self._cancelled.is_set():
                return
            self.log(str(fault))
            injected = InjectedFault(fault, self._now(), 0.0)
            try:
                self._inject(fault)
            except Exception as error:  # a fault that fails must be in the report
                injected.problem = f"{type(error).__name__}: {error}"
            injected.ended, moment = self._now(), now_ms()
        self.injected.append(injected)
        injected.recovered = self._recovered(fault.part, moment)

    def _recovered(self, part: str, moment: int) -> float | None:
        """When something new was in the tables, or the traffic had ended and was processed; None at the deadline."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline and not self._cancelled.is_set():
            if self.progress.reached(part, moment) or self.is_complete():
                return self._now()
            time.sleep(_POLL_SECONDS)
        return None

    def _inject(self, fault: Fault) -> None:
        match fault.kind:
            case "TERM" | "KILL":
                self.stack.stop(fault.part, signal.SIGTERM if fault.kind == "TERM" else signal.SIGKILL)
                self._cancelled.wait(fault.seconds)
                self.stack.restart(fault.part)
            case "STOP":
                with self._stopped(fault.part):
                    self._cancelled.wait(fault.seconds)
            case "link cut" | "link stalled" | "link slow":
                with self._link(fault.part, _MODES[fault.kind]):
                    self._cancelled.wait(fault.seconds)
            case "disk full":
                with self._link(LINKS[0], "cut"), self._full_disk():
                    self._cancelled.wait(fault.seconds)
            case "state deleted":
                self.stack.stop(fault.part, signal.SIGKILL)
                shutil.rmtree(self.stack.config.data_dir / "state" / f"{fault.part}-0", ignore_errors=True)
                self.stack.restart(fault.part)
            case "wrong clock":  # the simulator does it, by the same plan
                self._cancelled.wait(fault.seconds)
            case "replay":
                self._replay(fault)
            case "rebalance":
                self._rebalance(fault)

    @contextlib.contextmanager
    def _stopped(self, part: str) -> Iterator[None]:
        pid = self.stack.pid(part)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def _link(self, name: str, mode: Mode) -> Iterator[None]:
        self.stack.links[name].set(mode)
        try:
            yield
        finally:
            self.stack.links[name].set("pass")

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        """No file of the edge can be larger than a few KB; the kernel reports an error as for a full disk."""
        pid = self.stack.pid("ingest")
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FULL_DISK_BYTES, before[1]))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended; its successor has no limit
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def _replay(self, fault: Fault) -> None:
        """Replays the last one to three minutes; tries again while a part that it needs is down."""
        start = datetime.now(UTC) - timedelta(seconds=60 + fault.random_bits % 120)
        deadline = time.monotonic() + _REPLAY_SECONDS
        while not self._cancelled.is_set():
            result = self.stack.run("replay", "--from", start.isoformat(timespec="seconds"), "--no-wait", check=False)
            if result.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(result.stderr.strip() or "the replay did not end")
            self._cancelled.wait(1.0)

    def _rebalance(self, fault: Fault) -> None:
        """Starts more workers and stops them, with SIGTERM or SIGKILL."""
        names = instances(fault)
        for name in names:
            self.stack.start(name)
        self._cancelled.wait(fault.seconds)
        for number, name in enumerate(names):
            self.stack.stop(name, signal.SIGKILL if fault.random_bits >> number & 2 else signal.SIGTERM)
