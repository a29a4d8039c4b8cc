"""The reference pages that are generated from code: `python -m deploy.reference_docs` writes them to deploy/docs."""

from collections.abc import Callable
from pathlib import Path

from deploy.local import settings_file
from schemas.metrics import METRICS, Metric

FOLDER = Path(__file__).parent / "docs"

_SETTINGS = """\
# Settings

`make up` writes this file, `ackstream.toml`, with fresh random secrets. `.venv/bin/python -m
deploy.reference_docs` generates this page from the same text.

```toml
{text}```
"""

_METRICS = """\
# Metrics

`GET /metrics` of ingest, in the format of Prometheus: the sums over all ingest processes of one data folder. Label
values come from closed lists (sources of the settings, providers, outcomes, classes of errors), never from a client.
`.venv/bin/python -m deploy.reference_docs` generates this page from `schemas/metrics.py`.

| metric | type | labels | meaning |
|---|---|---|---|
{rows}
"""


def settings() -> str:
    """The page of all settings: the text of a fresh settings file."""
    default = settings_file.DEFAULT_DATA_DIR
    return _SETTINGS.format(text=settings_file.render(default, f"{default}/secrets"))


def metrics() -> str:
    """The page of all metrics."""
    return _METRICS.format(rows="\n".join(map(_row, METRICS)))


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {labels} | {metric.meaning} |"


PAGES: dict[str, Callable[[], str]] = {"settings.md": settings, "metrics.md": metrics}


def main() -> None:
    """Writes every page."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
