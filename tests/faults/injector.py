"""Does the faults of a plan at their times and measures how long everything needs afterwards. IO: threads."""

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

# After so long without anything new in the tables a fault counts as not recovered; the comparison says what is missing.
GIVE_UP_SECONDS = 240.0
_POLL_SECONDS = 0.1
_REPLAY_SECONDS = 180.0
# Of a file of the edge while its disk is full: SQLite's header fits and no body does.
_FULL_BYTES = 4096
_MODES: dict[str, Mode] = {"link cut": "cut", "link stalled": "stall", "link slow": "slow"}


@dataclass(slots=True)
class InjectedFault:
    """A fault that was done: began and ended at these seconds of the run; None = nothing new came afterwards."""

    fault: Fault
    began: float
    healed: float
    recovered: float | None = None
    problem: str = ""

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault until what arrived after it stood in the tables."""
        return GIVE_UP_SECONDS if self.recovered is None else self.recovered - self.healed


@dataclass(slots=True)
class Injector:
    """All faults of one run. `is_through`: the traffic is over and done with. `say` hears of each when it begins."""

    stack: ChaosStack
    progress: TableProgress
    is_through: Callable[[], bool]
    say: Callable[[str], None]
    done: list[InjectedFault] = field(default_factory=list)
    _began: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, faults: list[Fault]) -> None:
        """From now on every fault happens at its time, or as soon as what it hits is free."""
        self._began = time.monotonic()
        for fault in faults:
            thread = threading.Thread(target=self._one, args=(fault,), name=str(fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Waits until all are over and everything has come back, or was given up."""
        for thread in self._threads:
            thread.join()

    def cancel(self) -> None:
        """No fault begins any more, and those under way are ended."""
        self._over.set()
        self.join()

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _one(self, fault: Fault) -> None:
        if self._over.wait(max(0.0, fault.at - self._now())):
            return
        with contextlib.ExitStack() as held:
            for name in locks(fault):
                held.enter_context(self.stack.guards[name])
            if self._over.is_set():
                return
            self.say(str(fault))
            done = InjectedFault(fault, self._now(), 0.0)
            try:
                self._do(fault)
            except Exception as error:  # a fault that cannot be done must not end the run unseen
                done.problem = f"{type(error).__name__}: {error}"
            done.healed, moment = self._now(), now_ms()
        self.done.append(done)
        done.recovered = self._recovered(fault.part, moment)

    def _recovered(self, part: str, moment: int) -> float | None:
        """When it had: something new was in the tables, or the traffic had ended and all of it was through."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline and not self._over.is_set():
            if self.progress.reached(part, moment) or self.is_through():
                return self._now()
            time.sleep(_POLL_SECONDS)
        return None

    def _do(self, fault: Fault) -> None:
        match fault.kind:
            case "TERM" | "KILL":
                self.stack.end(fault.part, signal.SIGTERM if fault.kind == "TERM" else signal.SIGKILL)
                self._over.wait(fault.seconds)
                self.stack.again(fault.part)
            case "STOP":
                with self._stopped(fault.part):
                    self._over.wait(fault.seconds)
            case "link cut" | "link stalled" | "link slow":
                with self._link(fault.part, _MODES[fault.kind]):
                    self._over.wait(fault.seconds)
            case "disk full":
                with self._link(LINKS[0], "cut"), self._full_disk():
                    self._over.wait(fault.seconds)
            case "state deleted":
                self.stack.end(fault.part, signal.SIGKILL)
                shutil.rmtree(self.stack.config.data_dir / "state" / f"{fault.part}-0", ignore_errors=True)
                self.stack.again(fault.part)
            case "wrong clock":  # the simulator does it, by the same plan
                self._over.wait(fault.seconds)
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
        """No file of the edge grows past a few KB; the kernel answers as it does for a disk that is full."""
        pid = self.stack.pid("ingest")
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FULL_BYTES, before[1]))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # ended meanwhile; the next one begins without the bound
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def _replay(self, fault: Fault) -> None:
        """The last one to three minutes once more; what is away meanwhile makes it begin where it was."""
        start = datetime.now(UTC) - timedelta(seconds=60 + fault.random_bits % 120)
        deadline = time.monotonic() + _REPLAY_SECONDS
        while not self._over.is_set():
            ran = self.stack.run("replay", "--from", start.isoformat(timespec="seconds"), "--no-wait", check=False)
            if ran.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(ran.stderr.strip() or "the replay did not end")
            self._over.wait(1.0)

    def _rebalance(self, fault: Fault) -> None:
        """More workers come and go, in order or not."""
        more = instances(fault)
        for name in more:
            self.stack.start(name)
        self._over.wait(fault.seconds)
        for number, name in enumerate(more):
            self.stack.end(name, signal.SIGKILL if fault.random_bits >> number & 2 else signal.SIGTERM)
