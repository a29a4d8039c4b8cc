"""Bodies that are still on their way and have proven nothing: how much memory and time they get.

A body counts here only if it is not complete when its headers are read and if its headers, path or address prove
nothing. All these bodies together take a part of the memory budget, those of one unknown address a smaller part. When a
part is full, the body that is on its way for the longest time is given up. An honest body arrives within moments, so
those that are given up are the slow ones. Everything else, such as a body that is complete, may use the whole budget:
while that is full, bodies that have proven nothing are given up for it.
"""

import asyncio
from typing import Final

from ingest.storage.memory_budget import REQUEST_OVERHEAD, Charge, MemoryBudget

# The parts of the budget: strangers in all, known addresses in all, one stranger. Each has room for one body at least.
_PART_OF_ALL: Final = 4
_PART_OF_ADDRESS: Final = 16
# A body has this long, and beyond that as long as it is at least this fast on average.
GRACE_SECONDS: Final = 5.0
BYTES_PER_SECOND: Final = 64 * 1024
# What a client above the limit of strangers gets instead of all this.
BEYOND_LIMIT_SECONDS: Final = 2.0


class _Share:
    """`used` of `limit` bytes are taken by `uploads`, the oldest first."""

    __slots__ = ("limit", "uploads", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.uploads: dict[Upload, None] = {}


class Uploads:
    """The uploads of one process. Sets `budget.reclaim`."""

    def __init__(self, budget: MemoryBudget, max_body_bytes: int) -> None:
        one = max_body_bytes + REQUEST_OVERHEAD
        self._strangers = _Share(max(budget.limit // _PART_OF_ALL, one))
        self._known = _Share(max(budget.limit // _PART_OF_ALL, one))
        self._limit_of_address = max(budget.limit // _PART_OF_ADDRESS, one)
        self._addresses: dict[str | None, _Share] = {}
        self._budget = budget
        budget.reclaim = self._give_up

    def open(self, address: str | None, charge: Charge, timer: asyncio.Timeout, *, known: bool) -> "Upload":
        """A body that begins; what `charge` has so far counts. It must be closed. `timer` ends its reading."""
        if known:
            return Upload(self, address, (self._known,), charge, timer)
        of_address = self._addresses.setdefault(address, _Share(self._limit_of_address))
        return Upload(self, address, (of_address, self._strangers), charge, timer)

    def forget(self, address: str | None) -> None:
        """Drops the share of an address that has no uploads."""
        share = self._addresses.get(address)
        if share is not None and not share.uploads:
            del self._addresses[address]

    def _give_up(self, size: int) -> None:
        for share in (self._strangers, self._known):
            while share.uploads and self._budget.used + size > self._budget.limit:
                next(iter(share.uploads)).give_up()


class Upload:
    """One body on its way. `given_up`: its memory went to another; what was read of it has to be dropped."""

    __slots__ = ("_address", "_began", "_charge", "_latest", "_owner", "_shares", "_size", "_timer", "given_up")

    def __init__(
        self, owner: Uploads, address: str | None, shares: tuple[_Share, ...], charge: Charge, timer: asyncio.Timeout
    ) -> None:
        self.given_up = False
        self._owner = owner
        self._address = address
        self._shares = shares
        self._charge = charge
        self._timer = timer
        self._size = 0
        self._began = asyncio.get_running_loop().time()
        self._latest = timer.when()
        for share in shares:
            share.uploads[self] = None
        self._take(charge.size)
        self._set_timer()

    def add(self, size: int) -> bool:
        """Charges `size` more bytes; False when they do not fit."""
        if not self._take(size) or not self._charge.add(size) or self.given_up:
            return False
        self._set_timer()
        return True

    def close(self) -> None:
        """Ends the upload; its bytes stay charged to the budget."""
        for share in self._shares:
            if self in share.uploads:
                del share.uploads[self]
                share.used -= self._size
        self._owner.forget(self._address)

    def give_up(self) -> None:
        """Returns its memory and ends its reading."""
        self.given_up = True
        self.close()
        self._charge.release()
        if not self._timer.expired():
            self._timer.reschedule(self._began)

    def _take(self, size: int) -> bool:
        """Counts bytes in every share; the oldest uploads make room for them, which may be this one."""
        for share in self._shares:
            while not self.given_up and share.used + size > share.limit:
                next(iter(share.uploads)).give_up()
        if self.given_up:
            return False
        self._size += size
        for share in self._shares:
            share.used += size
        return True

    def _set_timer(self) -> None:
        if self.given_up:
            return
        end = self._began + GRACE_SECONDS + self._size / BYTES_PER_SECOND
        self._timer.reschedule(end if self._latest is None else min(self._latest, end))
