"""The folder of a load worker's states: which life of the changelog topic it belongs to.

Kafka may lose its log, or the topic may be deleted and made anew, while the folder keeps states and the offset up to
which the changelog is in them. Faust ends a worker whose offset is beyond the changelog's end, again at every start. So
the ids of cluster and topic are kept beside the states; a folder of another life is set aside, and the states are
rebuilt from the changelog that there is.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import rocksdict
from faust.stores.rocksdb import Store

from schemas.topics import STATE
from streams.runtime.topic_identity import TopicIdentity

IDENTITY_FILE: Final = "changelog.json"
_ASIDE: Final = ".aside-"


def strangeness(folder: Path, identity: TopicIdentity, ends: Mapping[int, int]) -> str | None:
    """Why the states in a folder do not belong to the changelog; None when they do, or when there are none.

    `ends`: the end of the changelog by partition. Blocks.
    """
    known = _known(folder)
    if known is not None and (known.cluster, known.topic) != (identity.cluster, identity.topic):
        what = "another cluster" if known.cluster != identity.cluster else f"a {STATE.name} that was deleted"
        return f"the states are those of {what}"
    for partition, offset in stored_offsets(folder).items():
        if offset >= ends.get(partition, 0):
            return f"the states have records of {STATE.name}/{partition} that Kafka has lost"
    return None


def moved_keys(folder: Path, identity: TopicIdentity) -> str | None:
    """Why the states cannot be used with the changelog's number of partitions; None when they can. Blocks.

    A key's partition follows from that number: with another one, events would come to a worker without their state.
    """
    known = _known(folder)
    if known is None or known.partitions == identity.partitions or known.topic != identity.topic:
        return None
    return (
        f"{STATE.name} has {identity.partitions} partitions now, but the states were made with {known.partitions}, and "
        "other partitions have other keys. The way to more partitions is in deploy/docs/operations.md"
    )


def _known(folder: Path) -> TopicIdentity | None:
    """The identity in the folder; None in a new one, and in one of a version that kept none."""
    try:
        return TopicIdentity(**json.loads((folder / IDENTITY_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def stored_offsets(folder: Path) -> dict[int, int]:
    """The offset of the last changelog record in the states, by partition. Blocks."""
    found = {}
    for path in sorted(folder.glob("**/state-*.db")):
        options = rocksdict.Options(raw_mode=True)
        database = rocksdict.Rdict(str(path), options=options, access_type=rocksdict.AccessType.read_only())
        try:
            offset = database.get(Store.offset_key)
        finally:
            database.close()
        if offset is not None:
            found[int(path.stem.rpartition("-")[2])] = int(offset)
    return found


def set_aside(folder: Path) -> Path:
    """Renames the folder and makes an empty one; of those that were set aside before, none is kept. Blocks."""
    for old in folder.parent.glob(folder.name + _ASIDE + "*"):
        shutil.rmtree(old, ignore_errors=True)
    aside = folder.with_name(f"{folder.name}{_ASIDE}{int(time.time())}")
    folder.rename(aside)
    folder.mkdir()
    return aside


def mark(folder: Path, identity: TopicIdentity) -> None:
    """Keeps the identity of the changelog in the folder; a crash leaves the whole file or none. Blocks."""
    scratch = folder / f"{IDENTITY_FILE}.tmp"
    scratch.write_text(json.dumps(asdict(identity)))
    scratch.replace(folder / IDENTITY_FILE)
