"""Builds the files that ship for Grafana, below `files/`: `make grafana`, or `python -m dashboards.grafana.build`.

Needs Grafana's SDK, which only developers install; no command of the product imports this module.
"""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.alerts.rules import RULES
from dashboards.catalogue import DASHBOARDS
from dashboards.grafana import board, provision
from dashboards.grafana.rules import groups

FILES = Path(__file__).with_name("files")


def build_files() -> dict[str, str]:
    """The content of every file that ships, by its path below `files/`."""
    boards: dict[str, provision.GrafanaJson] = {
        f"{dashboard.id}.json": json.loads(json.dumps(board.build_dashboard(dashboard), cls=JSONEncoder))
        for dashboard in DASHBOARDS
    }
    return provision.render(boards, groups(RULES), provision.Target())


def main() -> None:
    """Writes the files that differ and removes those that are no longer built."""
    wanted = build_files()
    for path in FILES.rglob("*"):
        if path.is_file() and path.relative_to(FILES).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        file = FILES / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != content:
            file.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
