"""The saved state of replays, in data_dir/replay/<id>.json, so that an interrupted one continues.

Positions are written after everything before them is durable, so a killed replay only repeats some work.
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
from streams.replay.reader import Run, Selection

# The steps in their order; the last four are those of shadows.
READING, READ, READY, SWAPPING, EXCHANGED, SWAPPED = "reading", "read", "ready", "swapping", "exchanged", "swapped"


@dataclass(slots=True)
class SavedReplay:
    """A replay: its arguments (`into` = the shadow's name, '' = the live tables) and its progress."""

    selection: Selection
    into: str
    started_at: str
    run: Run = field(default_factory=Run)
    step: str = READING
    # The UUIDs of the tables before a swap: {name: [live, shadow]}.
    tables: dict[str, list[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of its file: from the shadow's name, or from the arguments."""
        arguments = orjson.dumps(asdict(self.selection), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        return shadow_id(self.into) if self.into else hashlib.sha256(arguments).hexdigest()[:12]


def shadow_id(name: str) -> str:
    """The id of the replay into a shadow."""
    return f"into-{name}"


def folder(config: Config) -> Path:
    """The folder of the files; created when it does not exist."""
    made = config.data_dir / "replay"
    made.mkdir(parents=True, exist_ok=True)
    return made


def find(config: Config, state_id: str) -> SavedReplay | None:
    """The replay with that id, None when there is none. Raises Failure for a file that cannot be read."""
    path = folder(config) / f"{state_id}.json"
    try:
        content = orjson.loads(path.read_bytes())
        run, selection = Run(**content.pop("run")), content.pop("selection")
        for bound in ("from_offsets", "to_offsets"):  # JSON knows only text as keys
            selection[bound] = {int(number): offset for number, offset in selection[bound].items()}
        selection["topics"] = tuple(selection["topics"])
        return SavedReplay(selection=Selection(**selection), run=run, **content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Failure(f"{path} is not the state of a replay: remove it, then start again with --restart") from None


def all_saved(config: Config) -> list[SavedReplay]:
    """All saved replays, the oldest first."""
    found = [find(config, path.stem) for path in folder(config).glob("*.json")]
    return sorted((state for state in found if state is not None), key=lambda state: state.started_at)


def save(config: Config, state: SavedReplay) -> None:
    """Writes it durably and atomically."""
    path = folder(config) / f"{state.id}.json"
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(orjson.dumps(asdict(state), option=orjson.OPT_NON_STR_KEYS))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def forget(config: Config, state_id: str) -> None:
    """Removes it; does nothing when there is none."""
    (folder(config) / f"{state_id}.json").unlink(missing_ok=True)


@contextmanager
def exclusive(config: Config, name: str) -> Iterator[None]:
    """A lock by name, which a process that dies releases. Raises Failure when another process holds it."""
    with (folder(config) / f"{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another process runs this replay: wait until it ends, or stop it") from None
        yield
