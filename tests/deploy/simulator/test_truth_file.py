"""Truth files: what is written can be read; any other file and an incomplete one are refused with a sentence."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.simulator import truth_file
from deploy.simulator.truth import EDGE, Counts, Group, Unit
from deploy.simulator.truth_file import (  # fmt: skip
    DeadLetters,
    Deliveries,
    End,
    Events,
    Expected,
    Header,
    Line,
    Rates,
    TruthError,
    TruthWriter,
    from_json,
    to_json,
)

TEXTS = st.text(max_size=5)
TIMES = st.sampled_from([None, EDGE, 1_795_000_000_000, 1_795_000_000_001])
NUMBERS = st.integers(0, 2**40)
UNITS = st.builds(
    Unit, source=TEXTS, message_id=TEXTS, participant=TEXTS, direction=TEXTS, origin=TEXTS, type=TEXTS, template=TEXTS,
    campaign=TEXTS, category=TEXTS, status=TEXTS, sent_at=TIMES, delivered_at=TIMES, read_at=TIMES, played_at=TIMES,
    failed_at=TIMES, deleted_at=TIMES, error_code=TEXTS, is_group=st.booleans(),
    cohort_at=st.sampled_from([EDGE, 1_795_000_000_000]), counted=st.booleans(),
)  # fmt: skip
COUNTS = st.builds(Counts, *[NUMBERS] * 6)
GROUPS = st.builds(Group, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.booleans())
LINES: st.SearchStrategy[Line] = st.one_of(
    st.builds(Expected, UNITS, st.booleans(), st.lists(UNITS, max_size=3).map(tuple)),
    st.builds(Rates, GROUPS, COUNTS, COUNTS),
    st.builds(Events, TEXTS, TEXTS, NUMBERS, NUMBERS),
    st.builds(Deliveries, TEXTS, NUMBERS, NUMBERS),
    st.builds(DeadLetters, TEXTS, TEXTS, NUMBERS, NUMBERS),
    st.builds(End, NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS),
)
HEADER = Header("run", 1, ("a", "b"), ("wamid.X", "3EB0"))


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_every_line_is_read_as_it_was_written(line: Line) -> None:
    assert from_json(orjson.loads(orjson.dumps(to_json(line)))) == line


def write(path: Path, *lines: Line) -> Path:
    with TruthWriter(path) as out:
        for line in lines:
            out.write(line)
    return path


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    lines = (HEADER, Events("a", "status", 3, 3), Deliveries("a", 4, 5), End(0, 1, 2))
    assert tuple(truth_file.read(write(tmp_path / "truth", *lines))) == lines


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((HEADER,), "ends early"),
        ((), "ends early"),
        ((Events("a", "b", 1, 1), End(0)), "no truth file of this version .line 1"),
        ((HEADER, HEADER, End(0)), "line 2"),
        ((HEADER, End(0), End(0)), "line 3"),
    ],
)
def test_an_incomplete_file_is_refused(tmp_path: Path, lines: tuple[Line, ...], sentence: str) -> None:
    with pytest.raises(TruthError, match=sentence):
        list(truth_file.read(write(tmp_path / "truth", *lines)))


@pytest.mark.parametrize("text", [b"[]\n", b"\xff\n", b'{"kind":"truth","format":99}\n', b'{"kind":"unit"}\n', b"17\n"])
def test_any_other_file_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(text)
    with pytest.raises(TruthError, match="line 1"):
        list(truth_file.read(path))
    with pytest.raises(TruthError, match="cannot be read"):
        list(truth_file.read(tmp_path / "none"))
