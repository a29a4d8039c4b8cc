"""Takes the pictures that README shows, from the page of the running stack with the demo's data in it.

    make up && make demo && make screenshots        (python -m tests.support.screenshots [--url URL] [--out DIR])

Shows the demo's sources alone, so that nobody's own numbers get into a picture. IO.
"""

import argparse
import json
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

from schemas.errors import ConfigError
from schemas.settings.config import load
from tests.support.browser import chromium

FOLDER = Path(__file__).parents[2] / "dashboards" / "pictures"
MAX_BYTES = 250_000  # of one picture: README loads all of them
WAIT_MS = 60_000
DEMO = "demo-"


@dataclass(slots=True, frozen=True)
class Shot:
    """One picture: its file, the dashboard, the window in CSS pixels."""

    name: str
    dashboard: str
    width: int = 1440
    height: int = 1180
    theme: str = "light"
    scale: float = 1
    range: str = "7d"


SHOTS = (
    Shot("overview", "overview"),
    Shot("overview-dark", "overview", theme="dark"),
    Shot("delivery", "delivery"),
    Shot("failures", "failures"),
    Shot("senders", "senders", height=900),
    Shot("phone", "overview", 390, 844, scale=1.5),
)


class NothingToShowError(Exception):
    """There is no page, or no demo data in it; the text is one sentence that says what to do."""


def get(url: str) -> Any:
    """The JSON at an address. Raises NothingToShowError."""
    try:
        with urlopen(url, timeout=60) as answer:  # noqa: S310  (http, from the settings)
            return json.load(answer)
    except URLError as error:
        raise NothingToShowError(f"the page at {url} does not answer ({error}): run `make up`") from None


def addresses(base: str, shot: Shot) -> str:
    """The address of a shot: the demo's sources alone."""
    found = get(f"{base}/api/filters?" + urlencode({"kind": "source", "range": "all", "q": DEMO}))["values"]
    sources = sorted(entry["value"] for entry in found if entry["messages"] and entry["value"].startswith(DEMO))
    if not sources:
        raise NothingToShowError("the page has no demo data: run `make demo`")
    chosen = [("range", shot.range), ("zone", "UTC"), *(("source", name) for name in sources)]
    return f"{base}/{shot.dashboard}?{urlencode(chosen)}"


def take(browser: Browser, base: str, shot: Shot) -> bytes:
    """The picture as PNG, once every panel has its numbers."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        device_scale_factor=shot.scale,
        color_scheme=shot.theme,  # type: ignore[arg-type]
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(addresses(base, shot))
    page.wait_for_selector(".panel", timeout=WAIT_MS)
    page.wait_for_selector('.panel[aria-busy="true"]', state="detached", timeout=WAIT_MS)
    page.evaluate("() => document.fonts.ready")
    made = page.screenshot()
    context.close()
    return smaller(made)


def smaller(png: bytes) -> bytes:
    """The same picture, packed as tightly as zlib can."""
    pieces, at, packed = [png[:8]], 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12
        if kind == b"IDAT":
            packed += body
            continue
        if kind == b"IEND":
            pieces.append(_chunk(b"IDAT", zlib.compress(zlib.decompress(packed), 9)))
        pieces.append(_chunk(kind, body))
    return b"".join(pieces)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def main(arguments: list[str] | None = None) -> int:
    """Takes every picture; 1 with a sentence when it cannot."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.screenshots", description="Take the pictures of README."
    )
    parser.add_argument("--url", help="address of the page (default: that of the settings)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures")
    given = parser.parse_args(arguments)
    try:
        base = (given.url or load().dashboards.url).rstrip("/")
        given.out.mkdir(parents=True, exist_ok=True)
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
            for shot in SHOTS:
                made = take(browser, base, shot)
                if len(made) > MAX_BYTES:
                    raise NothingToShowError(f"{shot.name}.png has {len(made)} bytes: make its window smaller")
                (given.out / f"{shot.name}.png").write_bytes(made)
                sys.stdout.write(f"{given.out / shot.name}.png {len(made) // 1000} kB\n")
            browser.close()
    except (NothingToShowError, ConfigError) as error:
        sys.stderr.write(f"screenshots: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
