"""The truth of a run as a file: one JSON object per line, written and read line by line.

The first line is the Header, the last one the End: a file without End is incomplete. Between them, in any order: one
Expected per unit, and sums. A sum has a least and a most. They differ only where a request was never answered 200 (it
may be stored or not), or may be stored twice because its first answer was lost.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from deploy.simulator.truth import EDGE, TIME_COLUMNS, Counts, Group, Unit
from schemas.errors import Failure
from schemas.parsing.json_types import JsonObject

FORMAT = 1
_UNIT = tuple(field.name for field in dataclasses.fields(Unit))
_GROUP = tuple(field.name for field in dataclasses.fields(Group))
_COUNTS = tuple(field.name for field in dataclasses.fields(Counts))


class TruthError(Failure):
    """The file cannot be used; the text is one sentence with what to do."""


@dataclass(slots=True, frozen=True)
class Header:
    """The run. `prefixes`: every message id of the run begins with one of them."""

    run: str
    seed: int
    sources: tuple[str, ...]
    prefixes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Expected:
    """The row that the tables must contain for one unit: `unit` or one of `others`; no row is allowed if not `sure`.

    A time EDGE is the time of receipt, which only the edge knows: it is between End.began and End.ended.
    """

    unit: Unit
    sure: bool = True
    others: tuple[Unit, ...] = ()

    @property
    def allowed(self) -> tuple[Unit, ...]:
        """Every row that is correct."""
        return (self.unit, *self.others)


@dataclass(slots=True, frozen=True)
class Rates:
    """One row of `delivery_rates`, counting this run alone: each number is between `least` and `most`."""

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
class DeadLetters:
    """The number of dead letters of one source and reason."""

    source: str
    reason: str
    count: int
    most: int


@dataclass(slots=True, frozen=True)
class End:
    """The number of units, and when the first and the last request were posted, ms; None: nothing was posted yet."""

    units: int
    began: int | None = None
    ended: int | None = None


Line = Header | Expected | Rates | Events | Deliveries | DeadLetters | End


class TruthWriter:
    """Writes a file line by line, in constant memory. A context manager; raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")

    def write(self, line: Line) -> None:
        """Appends one line."""
        self._file.write(orjson.dumps(to_json(line), option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Line]:
    """Line by line, the Header first and the End last. Raises TruthError for any other and for an incomplete file."""
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
        raise TruthError(f"{path} ends early: its run was killed or has not ended yet; run it again")


def _parsed(path: Path, number: int, text: bytes) -> Line:
    try:
        return from_json(orjson.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TruthError(_damaged(path, number)) from None


def _damaged(path: Path, number: int) -> str:
    return f"{path} is no truth file of this version (line {number}): write it again with `ackstream simulate --truth`"


def to_json(line: Line) -> JsonObject:
    """The JSON object of one line."""
    match line:
        case Header():
            return {"kind": "truth", "format": FORMAT, **asdict(line)}
        case Expected():
            fields: JsonObject = {"kind": "unit", **_unit_json(line.unit), "sure": line.sure}
            return {**fields, "or": [_changes(line.unit, other) for other in line.others]} if line.others else fields
        case Rates():
            fields = {"kind": "rates", **asdict(line.group), **asdict(line.least)}
            return fields if line.most == line.least else {**fields, "most": asdict(line.most)}
        case Events():
            return {"kind": "events", **asdict(line)}
        case Deliveries():
            return {"kind": "deliveries", **asdict(line)}
        case DeadLetters():
            return {"kind": "dead", **asdict(line)}
        case End():
            return {"kind": "end", **asdict(line)}


def from_json(fields: dict[str, Any]) -> Line:
    """The line of one JSON object. Raises ValueError, KeyError or TypeError for any other object."""
    match fields["kind"]:
        case "truth":
            if fields["format"] != FORMAT:
                raise ValueError("another version")
            return Header(fields["run"], fields["seed"], tuple(fields["sources"]), tuple(fields["prefixes"]))
        case "unit":
            whole = {name: fields[name] for name in _UNIT}
            others = tuple(_unit({**whole, **changes}) for changes in fields.get("or", ()))
            return Expected(_unit(whole), fields["sure"], others)
        case "rates":
            least = Counts(**{name: fields[name] for name in _COUNTS})
            most = Counts(**fields["most"]) if "most" in fields else Counts() + least
            return Rates(Group(**{name: fields[name] for name in _GROUP}), least, most)
        case "events":
            return Events(fields["source"], fields["of"], fields["count"], fields["most"])
        case "deliveries":
            return Deliveries(fields["source"], fields["count"], fields["most"])
        case "dead":
            return DeadLetters(fields["source"], fields["reason"], fields["count"], fields["most"])
        case "end":
            return End(fields["units"], fields["began"], fields["ended"])
        case _:
            raise ValueError("an unknown kind of line")


def _unit_json(unit: Unit) -> JsonObject:
    fields = asdict(unit)
    return fields | {name: "edge" for name in TIME_COLUMNS if fields[name] == EDGE}


def _unit(fields: dict[str, Any]) -> Unit:
    return Unit(**fields | {name: EDGE for name in TIME_COLUMNS if fields[name] == "edge"})


def _changes(unit: Unit, other: Unit) -> JsonObject:
    """The fields in which `other` differs."""
    one, two = _unit_json(unit), _unit_json(other)
    return {name: two[name] for name in _UNIT if one[name] != two[name]}
