"""Content types of the engine's output formats."""

from __future__ import annotations

from typing import Final

DEFAULT_FORMAT: Final = "TabSeparated"

_BINARY: Final = (
    "native", "rowbinary", "parquet", "arrow", "orc", "avro", "msgpack", "protobuf", "capnproto", "bson", "npy",
    "buffers", "rawblob",
)  # fmt: skip


def content_type(name: str) -> str:
    """The Content-Type that ClickHouse's server sends for an output format."""
    low = name.lower()
    if low.startswith(("jsoneachrow", "jsonlines", "ndjson", "jsoncompacteachrow", "jsonstringseachrow")):
        return "application/x-ndjson; charset=UTF-8"
    if low.startswith(("json", "geojson")):
        return "application/json; charset=UTF-8"
    if low.startswith(("tabseparated", "tsv", "tskv")):
        return "text/tab-separated-values; charset=UTF-8"
    if low.startswith("csv"):
        return f"text/csv; charset=UTF-8; header={'present' if 'withnames' in low else 'absent'}"
    if low == "xml":
        return "application/xml; charset=UTF-8"
    if low.startswith(_BINARY):
        return "application/octet-stream"
    return "text/plain; charset=UTF-8"
