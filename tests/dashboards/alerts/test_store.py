"""The memory on disk: whole at every moment, one writer, and no end of the world when it is broken."""

from pathlib import Path

from dashboards.alerts.memory import Look, Memory, dump
from dashboards.alerts.state_file import Store


def test_what_was_saved_is_there_again_and_for_the_owner_alone(tmp_path: Path) -> None:
    store, memory = Store(tmp_path), Memory(looks={"test-rule": Look(seen_at=1.5)})
    assert store.load() == Memory()
    store.save(dump(memory))
    store.save(dump(memory))
    assert store.load() == memory
    assert store.file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["alerts.json"]


def test_a_save_that_was_cut_off_changes_nothing(tmp_path: Path) -> None:
    store, memory = Store(tmp_path), Memory(looks={"test-rule": Look(seen_at=1.5)})
    store.save(dump(memory))
    (tmp_path / "alerts.new").write_bytes(dump(memory)[:20])
    assert store.load() == memory
    store.save(dump(Memory()))
    assert store.load() == Memory()


def test_a_broken_file_is_set_aside_and_nothing_is_remembered(tmp_path: Path) -> None:
    for broken in (b"", b"{", b"[]", b'{"version": 99}', b'{"version": 1, "looks": {"a": {"b": 1}}}', b"\xff\x00"):
        store = Store(tmp_path)
        store.file.write_bytes(broken)
        assert store.load() == Memory()
        assert store.file.with_suffix(".broken").read_bytes() == broken
        assert not store.file.exists()


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    with Store(folder).locked() as first, Store(folder).locked() as second:
        assert (first, second) == (True, False)
    with Store(folder).locked() as again:
        assert again
