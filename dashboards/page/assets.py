"""The static files of the page: its own and Plotly's, read once from the installed packages.

Their addresses contain a hash of the content, so browsers may cache them forever.
"""

import asyncio
import gzip
import mimetypes
import re
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import metadata
from importlib.resources import files
from typing import Final

PLOTLY: Final = "plotly.min.js"
SHELL: Final = "index.html"

_COMPRESSED: Final = frozenset({".css", ".html", ".js", ".svg"})
# Plotly's bundle contains a map library that adds a style sheet unless the document has an element with this id. The
# content security policy would block the style sheet with an error in the console; the page shows no maps.
_MAP_STYLE = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')
_LEVEL: Final = 6  # 4.8 MB to 1.5 MB in 0.3 s; higher levels take seconds for another 2 %


@dataclass(slots=True)
class Asset:
    """A static file."""

    body: bytes
    content_type: str
    compressible: bool
    _gzipped: bytes | None = field(default=None, repr=False)

    async def gzipped(self) -> bytes:
        """The file compressed with gzip; compressed once, in a thread."""
        if self._gzipped is None:
            self._gzipped = await asyncio.to_thread(gzip.compress, self.body, _LEVEL, mtime=0)
        return self._gzipped


class Assets:
    """All files by name. `version` is part of their addresses; `shell` is the HTML of every dashboard."""

    def __init__(self) -> None:
        self.files = {name: _asset(name, body) for name, body in _own_files()}
        shell = self.files.pop(SHELL).body
        plotly = files("plotly").joinpath("package_data", PLOTLY).read_bytes()
        digest = sha256(metadata.version("plotly").encode())
        for name, asset in sorted(self.files.items()):
            digest.update(name.encode() + asset.body)
        self.files[PLOTLY] = _asset(PLOTLY, plotly)
        self.version = digest.hexdigest()[:12]
        self.shell = self._shell(shell.decode(), plotly).encode()

    def _shell(self, text: str, plotly: bytes) -> str:
        modules = [name for name in sorted(self.files) if name.endswith(".js") and name != PLOTLY]
        preload = "\n".join(f'<link rel="modulepreload" href="/static/{self.version}/{name}">' for name in modules)
        found = _MAP_STYLE.search(plotly)
        return (
            text.replace("{{static}}", f"/static/{self.version}")
            .replace("{{preload}}", preload)
            .replace("{{plotly}}", PLOTLY)
            .replace("{{map-style}}", found[1].decode() if found else "no-map-style")
        )


def _own_files() -> list[tuple[str, bytes]]:
    folder = files("dashboards.page").joinpath("static")
    return sorted((file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file())


def _asset(name: str, body: bytes) -> Asset:
    suffix = "." + name.rpartition(".")[2]
    kind = {".js": "text/javascript", ".svg": "image/svg+xml"}.get(suffix) or mimetypes.guess_type(name)[0]
    return Asset(body, kind or "application/octet-stream", suffix in _COMPRESSED)
