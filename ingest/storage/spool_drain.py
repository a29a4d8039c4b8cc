"""Sends the bodies of the spool to Kafka, and deletes from the spool what Kafka has acknowledged.

A crash between the two makes a repetition of the same delivery, which the tables absorb, and never a loss.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from ingest.storage.open_files import OpenFiles
from ingest.storage.record import RecordHeaders
from ingest.storage.spool_file import Entry
from ingest.storage.spool_folder import OwnedFile
from ingest.storage.spool_thread import SpoolThread
from schemas.process.backoff import Backoff
from schemas.process.logs import get_logger

log = get_logger("ingest.spool")

# In flight to Kafka at once, so that new bodies have the better part of the connection.
PORTION_BYTES = 1024 * 1024
PORTION_RECORDS = 500
# After Kafka refused a body that was sent alone; doubles with each refusal of that body.
REFUSAL_SECONDS = 1.0
LONGEST_REFUSAL_SECONDS = 300.0
# Added to the headers of a record that came through the spool; its other headers and its body are unchanged.
SPOOLED = ("spooled", b"1")


class Sink(Protocol):
    """Where the bodies go: a RecordStore."""

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records."""

    @property
    def refusals(self) -> int:
        """Writes that Kafka answered with an error, so far."""

    def offer(self, value: bytes, headers: RecordHeaders, timestamp_ms: int) -> asyncio.Future[bool] | None:
        """Takes a record; the future's result is whether it is stored. None: not now."""


class SpoolDrain:
    """Sends one file after another, in portions; used in the event loop."""

    def __init__(self, files: OpenFiles, thread: SpoolThread, sink: Sink) -> None:
        self._files = files
        self._thread = thread
        self._sink = sink
        self._refusal_backoff = Backoff(REFUSAL_SECONDS, LONGEST_REFUSAL_SECONDS)
        self._refused_until = 0.0

    async def send_portion(self, owned: OwnedFile) -> tuple[int, bool]:
        """Sends the next portion of a file: how many bodies Kafka stored, and whether to go on with this file now.

        Raises sqlite3.Error or OSError; what was not deleted is sent again then.
        """
        if owned not in self._files.files():  # closed meanwhile
            return 0, False
        try:
            entries = await self._thread.run(owned.file.peek, PORTION_BYTES, PORTION_RECORDS)
            if not entries:
                await self._thread.run(self._files.delete_if_empty, owned)
                return 0, False
            if entries[0].tries and monotonic() < self._refused_until:
                return 0, False
            return await self._move(owned, entries)
        except sqlite3.Error as error:
            await self._thread.run(self._files.close_if_corrupt, owned, error)
            raise

    async def _move(self, owned: OwnedFile, entries: Sequence[Entry]) -> tuple[int, bool]:
        refusals = self._sink.refusals
        offered: list[tuple[Entry, asyncio.Future[bool]]] = []
        for entry in entries:
            body, headers, received_ms = entry.record
            waiter = self._sink.offer(body, [*headers, SPOOLED], received_ms)
            if waiter is None:
                break
            offered.append((entry, waiter))
        results = [(entry, await waiter) for entry, waiter in offered]
        stored = [entry for entry, is_stored in results if is_stored]
        if stored:
            await self._thread.run(owned.file.remove, stored)
        refused = [entry for entry, is_stored in results if not is_stored]
        if refused and self._sink.refusals > refusals:  # Kafka answers, and did not take these
            await self._thread.run(owned.file.defer, refused)
            if len(results) == 1:
                self._pause(owned, refused[0])
        return len(stored), len(stored) == len(entries) or bool(refused and len(results) > 1)

    def _pause(self, owned: OwnedFile, entry: Entry) -> None:
        self._refused_until = monotonic() + self._refusal_backoff.after(entry.tries)
        log.error(
            "spool_refused",
            file=owned.file.path.name,
            tries=entry.tries + 1,
            reason="Kafka does not take a body; check message.max.bytes of wa.raw",
        )
