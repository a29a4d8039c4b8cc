"""The documentation against the code: generated pages, links, commands, make targets and the length of README."""

import re
from pathlib import Path

import pytest

from deploy import reference_docs

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / "deploy" / "cli" / "commands"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "deploy" / "docs").glob("*.md"), ROOT / "schemas" / "providers" / "README.md"]
)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", reference_docs.PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    page = ROOT / "deploy" / "docs" / name
    assert page.read_text() == reference_docs.PAGES[name](), "run python -m deploy.reference_docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]*(?:#[^)\s]*)?)\)", page.read_text()):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_make_targets_and_files_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text)) <= targets
    commands = {file.stem.replace("_", "-") for file in COMMANDS.glob("[a-z]*.py")}
    assert set(re.findall(r"(?:`|\$ )ackstream ([a-z-]+)", text)) <= commands
    files = re.findall(r"`((?:schemas|ingest|streams|dashboards|deploy|tests)/[\w./-]+)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
