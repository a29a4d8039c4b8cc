"""What a replay remembers on the disk, so that one that was killed goes on: data_dir/replay/<id>.json. IO: that file.

Positions are written after what comes before them is durable, so what a kill costs is some work done twice.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from schemas.errors import Failure
from schemas.settings.config import Config
from streams.replay.reader import Run, Wanted

# What has been reached, in this order; the last four are those of shadows.
READING, READ, READY, SWAPPING, EXCHANGED, SWAPPED = "reading", "read", "ready", "swapping", "exchanged", "swapped"


@dataclass(slots=True)
class State:
    """A replay: what was asked for (`into` = the shadow's name, '' = the live tables) and how far it is."""

    wanted: Wanted
    into: str
    started_at: str
    run: Run = field(default_factory=Run)
    step: str = READING
    # Of a swap, tables' UUIDs before it: {name: [live, shadow]}.
    tables: dict[str, list[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of its file: the shadow's, or the same for the same arguments."""
        asked = orjson.dumps(asdict(self.wanted), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        return shadow_id(self.into) if self.into else hashlib.sha256(asked).hexdigest()[:12]


def shadow_id(name: str) -> str:
    return f"into-{name}"


def folder(config: Config) -> Path:
    """Where the files are; made when it is not there."""
    made = config.data_dir / "replay"
    made.mkdir(parents=True, exist_ok=True)
    return made


def find(config: Config, wanted_id: str) -> State | None:
    """The replay of that id, None when there is none. Raises Failure for a file that cannot be read."""
    path = folder(config) / f"{wanted_id}.json"
    try:
        said = orjson.loads(path.read_bytes())
        run, wanted = Run(**said.pop("run")), said.pop("wanted")
        for bound in ("from_offsets", "to_offsets"):  # JSON knows only text as keys
            wanted[bound] = {int(number): offset for number, offset in wanted[bound].items()}
        wanted["topics"] = tuple(wanted["topics"])
        return State(wanted=Wanted(**wanted), run=run, **said)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Failure(f"{path} is no state of a replay: remove it, and begin anew with --restart") from None


def every(config: Config) -> list[State]:
    """All replays that are remembered, the oldest first."""
    found = [find(config, path.stem) for path in folder(config).glob("*.json")]
    return sorted((state for state in found if state is not None), key=lambda state: state.started_at)


def save(config: Config, state: State) -> None:
    """Writes it durably, as a whole or not at all."""
    path = folder(config) / f"{state.id}.json"
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(orjson.dumps(asdict(state), option=orjson.OPT_NON_STR_KEYS))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    place = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def forget(config: Config, state_id: str) -> None:
    """Removes it; it is no matter when there is none."""
    (folder(config) / f"{state_id}.json").unlink(missing_ok=True)


@contextmanager
def alone(config: Config, name: str) -> Iterator[None]:
    """One process at a time for each name; a process that dies lets go. Raises Failure when another is at it."""
    with (folder(config) / f"{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another process is at this replay: wait for its end, or end it") from None
        yield
