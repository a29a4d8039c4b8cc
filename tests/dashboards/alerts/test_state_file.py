"""The state file: complete at every moment, one writer, and a damaged file stops nothing."""

from pathlib import Path

from dashboards.alerts.saved_state import Evaluation, SavedState, dump
from dashboards.alerts.state_file import StateFile

STATE = SavedState(evaluations={"test-rule": Evaluation(succeeded_at=1.5)})


def test_a_saved_state_is_loaded_again_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    assert file.load() == SavedState()
    file.save(dump(STATE))
    file.save(dump(STATE))
    assert file.load() == STATE
    assert file.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["alerts.json"]


def test_an_interrupted_save_changes_nothing(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.save(dump(STATE))
    (tmp_path / "alerts.new").write_bytes(dump(STATE)[:20])
    assert file.load() == STATE
    file.save(dump(SavedState()))
    assert file.load() == SavedState()


def test_a_damaged_file_is_renamed_and_the_state_is_empty(tmp_path: Path) -> None:
    damaged = (b"", b"{", b"[]", b'{"version": 99}', b'{"version": 1, "evaluations": {"a": {"b": 1}}}', b"\xff\x00")
    for content in damaged:
        file = StateFile(tmp_path)
        file.path.write_bytes(content)
        assert file.load() == SavedState()
        assert file.path.with_suffix(".broken").read_bytes() == content
        assert not file.path.exists()


def test_only_one_process_has_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    with StateFile(folder).locked() as first, StateFile(folder).locked() as second:
        assert (first, second) == (True, False)
    with StateFile(folder).locked() as again:
        assert again
