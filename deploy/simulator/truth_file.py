"""The truth of a run as a file: JSON objects, one a line, written and read one by one. IO: the file alone.

The first line is the Header, the last one the End: a file without it was cut off. In between, in any order: one
Expected a unit, then sums. A sum has a least and a most, which differ only where a request was sent and never answered
200 (it may be stored, and may be not), or may be stored twice because its first answer was lost.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from deploy.simulator.truth import EDGE, TIMES, Counts, Group, Unit
from schemas.errors import Failure

FORMAT = 1
_UNIT = tuple(field.name for field in fields(Unit))
_GROUP = tuple(field.name for field in fields(Group))
_COUNTS = tuple(field.name for field in fields(Counts))


class TruthError(Failure):
    """The file cannot be used; the text is one sentence that says what to do."""


@dataclass(slots=True, frozen=True)
class Header:
    """Whose truth it is. `prefixes`: every message id of the run begins with one of them."""

    run: str
    seed: int
    sources: tuple[str, ...]
    prefixes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Expected:
    """What the tables must say of one unit: `unit`, or one of `others`; when not `sure`, also no row at all.

    A time EDGE in them is the moment of receipt, which only the edge knows: it lies between End.began and End.ended.
    """

    unit: Unit
    sure: bool = True
    others: tuple[Unit, ...] = ()

    @property
    def allowed(self) -> tuple[Unit, ...]:
        """Every row that is right."""
        return (self.unit, *self.others)


@dataclass(slots=True, frozen=True)
class Rates:
    """One row of `delivery_rates`, of this run alone: each number lies between `least` and `most`."""

    group: Group
    least: Counts
    most: Counts


@dataclass(slots=True, frozen=True)
class Events:
    """Distinct events of one source; `of` is their kind: inbound, status, sent, system."""

    source: str
    of: str
    count: int
    most: int


@dataclass(slots=True, frozen=True)
class Deliveries:
    """Arrivals of events of one source, repetitions included."""

    source: str
    count: int
    most: int


@dataclass(slots=True, frozen=True)
class Dead:
    """Dead letters of one source and reason."""

    source: str
    reason: str
    count: int
    most: int


@dataclass(slots=True, frozen=True)
class End:
    """How many units there are, and the window in which everything was posted, ms; None: it was not posted yet."""

    units: int
    began: int | None = None
    ended: int | None = None


Line = Header | Expected | Rates | Events | Deliveries | Dead | End


class TruthWriter:
    """Writes a file line by line; memory does not grow. Use as a context; raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")

    def write(self, line: Line) -> None:
        self._file.write(orjson.dumps(to_json(line), option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Line]:
    """Line by line, the Header first and the End last. Raises TruthError for a file that is none, or was cut off."""
    try:
        with path.open("rb") as file:
            last: Line | None = None
            for number, text in enumerate(file, 1):
                line = _parsed(path, number, text)
                if isinstance(line, Header) is not (number == 1) or isinstance(last, End):
                    raise TruthError(_damaged(path, number))
                last = line
                yield line
    except OSError as error:
        raise TruthError(f"{path} cannot be read ({error.strerror}): give the file that --truth wrote") from None
    if not isinstance(last, End):
        raise TruthError(f"{path} ends early: the run that wrote it was killed or is not over; run it again")


def _parsed(path: Path, number: int, text: bytes) -> Line:
    try:
        return from_json(orjson.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TruthError(_damaged(path, number)) from None


def _damaged(path: Path, number: int) -> str:
    return f"{path} is no truth file of this version (line {number}): write it anew with `ackstream simulate --truth`"


def to_json(line: Line) -> dict[str, Any]:
    """The object of one line. Pure."""
    match line:
        case Header():
            return {"kind": "truth", "format": FORMAT, **asdict(line)}
        case Expected():
            said: dict[str, Any] = {"kind": "unit", **_unit_json(line.unit), "sure": line.sure}
            return {**said, "or": [_changes(line.unit, other) for other in line.others]} if line.others else said
        case Rates():
            said = {"kind": "rates", **asdict(line.group), **asdict(line.least)}
            return said if line.most == line.least else {**said, "most": asdict(line.most)}
        case Events() | Deliveries() | Dead():
            return {"kind": type(line).__name__.lower(), **asdict(line)}
        case End():
            return {"kind": "end", **asdict(line)}


def from_json(said: dict[str, Any]) -> Line:
    """The line of one object. Pure. Raises ValueError, KeyError or TypeError for any other object."""
    match said["kind"]:
        case "truth":
            if said["format"] != FORMAT:
                raise ValueError("another version")
            return Header(said["run"], said["seed"], tuple(said["sources"]), tuple(said["prefixes"]))
        case "unit":
            whole = {name: said[name] for name in _UNIT}
            others = tuple(_unit({**whole, **changes}) for changes in said.get("or", ()))
            return Expected(_unit(whole), said["sure"], others)
        case "rates":
            least = Counts(**{name: said[name] for name in _COUNTS})
            most = Counts(**said["most"]) if "most" in said else Counts() + least
            return Rates(Group(**{name: said[name] for name in _GROUP}), least, most)
        case "events":
            return Events(said["source"], said["of"], said["count"], said["most"])
        case "deliveries":
            return Deliveries(said["source"], said["count"], said["most"])
        case "dead":
            return Dead(said["source"], said["reason"], said["count"], said["most"])
        case "end":
            return End(said["units"], said["began"], said["ended"])
        case _:
            raise ValueError("an unknown kind of line")


def _unit_json(unit: Unit) -> dict[str, Any]:
    said = asdict(unit)
    return said | {name: "edge" for name in TIMES if said[name] == EDGE}


def _unit(said: dict[str, Any]) -> Unit:
    return Unit(**said | {name: EDGE for name in TIMES if said[name] == "edge"})


def _changes(unit: Unit, other: Unit) -> dict[str, Any]:
    """What of `other` differs."""
    one, two = _unit_json(unit), _unit_json(other)
    return {name: two[name] for name in _UNIT if one[name] != two[name]}
