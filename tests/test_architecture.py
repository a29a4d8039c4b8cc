"""The layers: which package may import which, and what every module has to have. Most tests read source text only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "ingest", "streams", "dashboards", "deploy")
# Beside the package itself, deploy and the tests excepted: they may import all.
ALLOWED = {"schemas": set(), "ingest": {"schemas"}, "streams": {"schemas"}, "dashboards": {"schemas"}}
CLIENT_LIBRARIES = ("aiohttp", "aiokafka", "clickhouse_connect", "faust", "mode", "rocksdict", "chdb")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def module_files(package: str) -> dict[str, Path]:
    """The files of a package by the dotted names of their modules; a package has the name of its folder."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def product_modules() -> frozenset[str]:
    return frozenset(name for package in PACKAGES for name in module_files(package))


@cache
def all_files() -> dict[str, Path]:
    return {name: path for package in (*PACKAGES, "tests") for name, path in module_files(package).items()}


def imported_names(path: Path) -> Iterator[tuple[str, int]]:
    """The dotted name of everything that a file imports, also inside functions, with its line."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import with its full name"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    """Our own modules that a file imports: `from a.b import c` is a.b.c where c is a module, else a.b."""
    found = set()
    for name, _ in imported_names(path):
        module = name if name in product_modules() else name.rpartition(".")[0]
        if module in product_modules():
            found.add(module)
    return found


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_the_layers_below_it(package: str) -> None:
    wrong = {
        f"{name} imports {module}"
        for name, path in module_files(package).items()
        for module in imported_modules(path)
        if module.partition(".")[0] not in {package, *ALLOWED[package]}
    }
    assert wrong == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_parts_of_a_package_import_each_other_in_one_direction(package: str) -> None:
    """The parts are its sub-packages and the modules beside them."""
    graph: dict[str, set[str]] = {}
    for name, path in module_files(package).items():
        part = ".".join(name.split(".")[:2])
        parts = {".".join(module.split(".")[:2]) for module in imported_modules(path)}
        graph.setdefault(part, set()).update(each for each in parts if each.startswith(f"{package}.") and each != part)
    assert cycle_in(graph) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_through_others(package: str) -> None:
    assert cycle_in({name: imported_modules(path) for name, path in module_files(package).items()}) == []


def test_schemas_load_no_client_library() -> None:
    program = (
        f"import sys, importlib\nfor name in {sorted(module_files('schemas'))!r}: importlib.import_module(name)\n"
        f"print(sorted(set({CLIENT_LIBRARIES!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_begins_with_a_docstring() -> None:
    missing = {name for name, path in all_files().items() if not ast.get_docstring(tree_of(path))}
    assert missing == set()


def is_private(word: str) -> bool:
    return word.startswith("_") and not word.startswith("__")


def private_uses(name: str, path: Path) -> Iterator[str]:
    """Private names that a file takes from elsewhere: a module outside its folder, a name of another module."""
    ours = set()
    for imported, line in imported_names(path):
        words = imported.split(".")
        if words[0] not in (*PACKAGES, "tests"):
            continue
        ours.add(words[-1])
        for index, word in enumerate(words):
            # A private module or package is for the package that holds it.
            outside = imported not in product_modules() and index == len(words) - 1
            if is_private(word) and (outside or not name.startswith(".".join(words[:index]) + ".")):
                yield f"{name}:{line} imports {imported}"
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in ours and is_private(attribute):
                yield f"{name}:{node.lineno} uses {owner}.{attribute}"


def test_private_names_are_not_used_from_elsewhere() -> None:
    assert [use for name, path in all_files().items() for use in private_uses(name, path)] == []


def test_a_provider_of_your_own_needs_one_module() -> None:
    imported = {
        name.rpartition(".")[0]
        for path in (ROOT / "tests" / "own_provider").glob("*.py")
        for name, _ in imported_names(path)
    }
    assert imported == {"schemas.provider_api"}
