"""A whole simulation: sources out of the settings, posting, the truth file. IO."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.simulator.facts import Account, Request
from deploy.simulator.poster import Poster
from deploy.simulator.provider_delivery import ProviderRun
from deploy.simulator.running_truth import Book
from deploy.simulator.stats import Stats
from deploy.simulator.stream import Part, Script, Stream
from deploy.simulator.truth_file import Header, Line, TruthWriter
from deploy.simulator.world import PROVIDERS
from schemas.errors import ConfigError
from schemas.settings.config import Config
from schemas.settings.sections import Source


@dataclass(slots=True, frozen=True)
class Orders:
    """How a script is posted. `tell` hears every `every` seconds how far it is."""

    base_url: str
    drain_seconds: float
    give_up: bool
    every: float
    tell: Callable[[Stats], None]


def accounts(config: Config, names: Iterable[str], *, rotate: bool) -> tuple[Account, ...]:
    """The named sources; without names those of the demo. Raises ConfigError that says what a source lacks."""
    named = tuple(names) or tuple(name for name in config.sources if name.startswith("demo-"))
    if not named:
        raise ConfigError("no source is named demo-...: name those to simulate with --sources")
    return tuple(_account(config.sources.get(name), name, rotate=rotate) for name in named)


def _account(source: Source | None, name: str, *, rotate: bool) -> Account:
    if source is None:
        raise ConfigError(f"the settings have no source {name}: add [sources.{name}], or name another one")
    if source.provider not in PROVIDERS:
        raise ConfigError(f"sources.{name}: {source.provider} is not simulated, only {', '.join(PROVIDERS)} are")
    if not source.sent_tokens:
        raise ConfigError(f"sources.{name} has no sent_tokens: sent records are posted too, so add one")
    if rotate and len(source.secrets) == 1:
        raise ConfigError(f"sources.{name} has one secret: add the one that --rotate changes to as a second")
    secrets = [secret.read() for secret in source.secrets]
    return Account(
        source.provider, name, secret=secrets[0] if secrets else "", token=source.sent_tokens[0].read(),
        next_secret=secrets[1] if rotate and secrets else "",
    )  # fmt: skip


def simulate(script: Script, orders: Orders, truth: Path | None) -> Stats:
    """Posts everything at its time, writes the truth, and says what became of it. Raises OSError of the truth file.

    SIGINT and SIGTERM end the posting early; the truth is whole even then.
    """
    if truth is None:
        return asyncio.run(_posted(Stream(script), orders, lambda _: None))
    with TruthWriter(truth) as out:
        stream = Stream(script)
        sources = tuple(account.source for account in script.accounts)
        out.write(Header(script.run, script.seed, sources, stream.ids.prefixes))
        return asyncio.run(_posted(stream, orders, out.write))


async def _posted(stream: Stream, orders: Orders, write: Callable[[Line], None]) -> Stats:
    book = Book(write)
    run = ProviderRun(book, stream.script.speed, orders.give_up)
    poster = Poster(orders.base_url, run.deliver, on_late=run.late)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, poster.stopped.set)
    began = time.time_ns() // 1_000_000
    ticker = asyncio.create_task(_report(run.stats, orders))
    try:
        await poster.run(schedule(_parts(stream), book), orders.drain_seconds)
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker
    book.close(began, time.time_ns() // 1_000_000)
    orders.tell(run.stats)
    return run.stats


async def _report(stats: Stats, orders: Orders) -> None:
    """Reports the progress every `orders.every` seconds until it is cancelled."""
    while True:
        await asyncio.sleep(orders.every)
        orders.tell(stats)


async def schedule(parts: AsyncIterator[Part], book: Book) -> AsyncIterator[tuple[float, Request]]:
    """The requests of all parts with their seconds of the run; `book` learns what to expect of a part first."""
    async for part in parts:
        book.expect(part.expected)
        for at, request in part.due:
            yield at, request


async def _parts(stream: Stream) -> AsyncIterator[Part]:
    """The parts, the next one being made in a thread while one is posted: to make one takes a third of a second."""
    made = iter(stream)
    coming = asyncio.create_task(asyncio.to_thread(next, made, None))
    while (part := await coming) is not None:
        coming = asyncio.create_task(asyncio.to_thread(next, made, None))
        yield part
