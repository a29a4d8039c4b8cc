"""Each provider's parse on one core: events a second of its examples, and how large bodies fare.

python -m tests.bench.providers [--rounds N] [PROVIDER...]

The reference is orjson.loads of the same bytes. Large bodies hold 1,000 updates in 3 MB, whatever fills them, and make
up to 2,500 events; parsers that need more than LIMIT_MS for a megabyte of them are named at the end. Two fillings are
only looked at: a megabyte of nothing but small or deeply nested objects takes its time to be decoded, by anybody.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from typing import Any

import orjson

from schemas.normalisation.raw_topic import normalise
from schemas.parsing.json_text import loads
from schemas.providers.registry import built_in
from tests.support.examples import Case, body_of, load_cases

LIMIT_MS = 30.0
UPDATES = 1_000
BODY_BYTES = 3_000_000
BODIES = 2_000  # of one round over the examples
POSITION = {"topic": "wa.raw", "partition": 0, "offset": 0}
# What an update is filled up with: (opening, what is repeated, closing), as JSON texts.
FILLINGS = {
    "text": ('"', "x", '"'),
    "escapes": ('"', "\\u00e1", '"'),
    "numbers": ("[0", "," + "9" * 400, "]"),
    "surrogates": ('"', "\\ud800", '"'),
    "objects": ("[0", ',{"id":"a","type":"text","timestamp":"1795176000"}', "]"),
    "deep": ("[0", "," + '{"message":' * 100 + "1" + "}" * 100, "]"),
}
UNLIMITED = ("objects", "deep")


def batched(provider: str, updates: list[str]) -> str:
    """The updates in one body, where the provider is known to batch; else a list of bodies, which is taken as well."""
    listed = f"[{','.join(updates)}]"
    if provider in ("meta", "360dialog", "gupshup"):
        return f'{{"object":"whatsapp_business_account","entry":{listed}}}'
    return f'{{"results":{listed}}}' if provider == "infobip" else listed


def updates_of(provider: str) -> list[Any]:
    """One update of each example, in the form that `batched` takes."""
    found: list[Any] = []
    for _, case in load_cases(provider):
        roots = case.get("body", case.get("form"))
        for root in roots if isinstance(roots, list) else [roots]:
            if not isinstance(root, dict) or case["outcome"] != "accepted":
                continue
            parts = root.get("entry" if provider in ("meta", "360dialog", "gupshup") else "results", [root])
            found += [
                part for part in (parts if isinstance(parts, list) else [parts]) if isinstance(part, dict) and part
            ]
    return [one for one in found if "changes" in one] if provider in ("meta", "360dialog", "gupshup") else found


def large(provider: str, filling: str, size: int = BODY_BYTES) -> bytes:
    """A body of UPDATES updates and about `size` bytes."""
    opening, unit, closing = FILLINGS[filling]
    made = []
    for update in islice(cycle(updates_of(provider)), UPDATES):
        text = json.dumps(update)
        room = max(0, size // UPDATES - len(text) - len(opening) - len(closing) - 12)
        made.append(f'{text[:-1]},"filling":{opening}{unit * (room // len(unit))}{closing}}}')
    return batched(provider, made).encode()


def best(rounds: int, work: Callable[[], object]) -> float:
    """The least CPU seconds of the rounds: what disturbs only adds."""
    least = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return least


def small(provider: str, rounds: int) -> str:
    """Events a second of the examples, and the ratio to decoding them."""
    cases: Iterator[Case] = cycle(case for _, case in load_cases(provider) if case["outcome"] == "accepted")
    chosen = list(islice(cases, BODIES))
    raw = [body_of(case) for case in chosen]
    as_json = [
        body if "body" in case else json.dumps(case.get("form", "")).encode()
        for case, body in zip(chosen, raw, strict=True)
    ]
    parse = built_in()[provider].parse
    events = sum(len(list(parse(body))) for body in raw)
    seconds = best(rounds, lambda: [list(parse(body)) for body in raw])
    reference = best(rounds, lambda: [orjson.loads(body) for body in as_json])
    each = seconds / events * 1e6
    return f"{events / seconds:9,.0f} events/s {each:6.1f} us an event {seconds / reference:6.1f} x decode"


def measured(provider: str, rounds: int) -> tuple[str, float]:
    """Milliseconds a megabyte by filling: of parse, of decoding alone, of all until the events; and the worst parse."""
    report, worst = [], 0.0
    head = {"source": "s", "provider": provider, "received_at": "2026-11-20T12:00:00.000Z", "request_id": "r"}
    parse = built_in()[provider].parse
    for filling in FILLINGS:
        body = large(provider, filling)
        if len(list(parse(body))) < UPDATES:
            raise SystemExit(f"{provider}: its large body is not read")
        works = partial(_drain, parse, body), partial(loads, body), partial(normalise, head, body, POSITION)
        parsed, decoded, whole = (best(rounds, work) * 1e9 / len(body) for work in works)
        report.append(f"{filling} {parsed:.1f} ({decoded:.1f}, {whole:.1f})")
        if filling not in UNLIMITED:
            worst = max(worst, parsed)
    return ", ".join(report), worst


def _drain(parse: Callable[[bytes], Iterable[Any]], body: bytes) -> None:
    for _ in parse(body):
        pass


def main() -> None:
    """Prints two lines a provider."""
    parser = argparse.ArgumentParser(description="Speed of each provider's parse, one core.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("providers", nargs="*", default=[], help="default: all that have examples")
    options = parser.parse_args()
    # What a mapping costs is decided by the mapping.
    ours = [name for name, provider in built_in().items() if provider.configured is None and load_cases(name)]
    names = options.providers or ours
    slow = []
    for name in names:
        sys.stdout.write(f"{name:18s} {small(name, options.rounds)}\n")
        report, worst = measured(name, options.rounds)
        sys.stdout.write(f"{'':18s} ms/MB of parse (decoding, all until the events): {report}\n")
        sys.stdout.flush()
        if worst > LIMIT_MS:
            slow.append(f"{name} {worst:.0f}")
    if slow:
        sys.stdout.write(f"slower than {LIMIT_MS:.0f} ms/MB, look again on an idle machine: {', '.join(slow)}\n")


if __name__ == "__main__":
    main()
