"""The files of the page: its own and Plotly's, which come with installed packages. IO: reads them once.

They stand under an address that changes with their content, so browsers may keep them for ever.
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
# Plotly's bundle holds a map library that puts a style sheet into the document unless an element of this id is there.
# The content security policy would refuse it and the browser complain; the page shows no maps.
_MAP_STYLE = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')
_LEVEL: Final = 6  # 4.8 MB become 1.5 MB in 0.3 s; higher levels take seconds for 2 % more


@dataclass(slots=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    content_type: str
    compressible: bool
    _packed: bytes | None = field(default=None, repr=False)

    async def packed(self) -> bytes:
        """The file compressed with gzip; made once, in a thread."""
        if self._packed is None:
            self._packed = await asyncio.to_thread(gzip.compress, self.body, _LEVEL, mtime=0)
        return self._packed


class Assets:
    """All files by name; `version` stands in their addresses; `shell` is the HTML of every dashboard."""

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
