"""Which folders the stack takes as its own."""

from pathlib import Path

import pytest

from deploy.local.layout import MARK, Layout
from ingest.metrics import folder as metrics_folder
from ingest.storage import spool_folder
from schemas.errors import Failure
from schemas.settings.config import Config
from streams.replay import saved_state


def test_what_processes_left_that_ran_without_the_stack_is_ours(tmp_path: Path) -> None:
    for folder in (spool_folder.folder(tmp_path), metrics_folder(tmp_path), tmp_path / "state"):
        folder.mkdir(parents=True)
    saved_state.folder(Config(data_dir=tmp_path))
    Layout(tmp_path).create()
    assert (tmp_path / MARK).exists()


def test_files_of_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(Failure, match="holds other files \\(letters\\)"):
        Layout(tmp_path).create()
    assert not (tmp_path / MARK).exists()
