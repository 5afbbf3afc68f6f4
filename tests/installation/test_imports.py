"""Which module may import which, function-level imports and dotted names in strings included.

`make check` runs import-linter on the same layers; it sees no name that is a string.
"""

import ast
import graphlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pipeline", "components", "custom_objects")
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LAYERS = [contract for contract in LINTER["contracts"] if contract["type"] == "layers"]


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    """The dotted name of a file of the product."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else ("huberflow", *parts)
    return ".".join(parts).removesuffix(".__init__")


PRODUCT = {module_of(path): path for path in sources("src/huberflow", *FOLDERS)}


@cache
def imports(path: Path) -> frozenset[tuple[int, str]]:
    """Line and dotted name of each import in a file, and of each string that names a module."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ""
            if node.level:
                inside = module_of(path).split(".")
                up = node.level - (path.name == "__init__.py")
                package = ".".join(inside[: len(inside) - up]) + "." * bool(node.module)
            yield from (
                (node.lineno, f"{package}{node.module or ''}.{alias.name}") for alias in node.names
            )
        elif isinstance(node, ast.Constant) and names_module(node.value):
            yield node.lineno, node.value


def names_module(value: object) -> bool:
    dotted = isinstance(value, str) and re.fullmatch(r"\w+(\.\w+)+", value)
    return bool(dotted and named_module(value))


def named_module(name: str) -> str | None:
    """The product's module that a dotted name, with or without `huberflow`, lies in."""
    name = name if name.startswith("huberflow.") else f"huberflow.{name}"
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 2, -1))
    return next((prefix for prefix in prefixes if prefix in PRODUCT), None)


def arrows() -> Iterator[tuple[str, str, str]]:
    """Every import between the product's modules: from, to, and where it is written."""
    for module, path in PRODUCT.items():
        for line, name in imports(path):
            target = named_module(name) if name.startswith("huberflow.") else None
            if target not in (None, module):
                yield module, target, f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_imports_a_folder_by_its_own_name(folder):
    everything = sources("src/huberflow/installation", *FOLDERS, "tests", "benchmarks", "scripts")
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; write: huberflow.{name}"
        for path in everything
        for line, name in imports(path)
        if name.partition(".")[0] == folder
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("contract", LAYERS, ids=lambda contract: contract["name"])
def test_no_import_goes_to_a_higher_layer_or_to_a_sibling(contract):
    (container,) = contract["containers"]
    layers = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    rank = {name: place for place, layer in enumerate(layers) for name in layer}

    def layer_of(module: str) -> str | None:
        inside = module.removeprefix(f"{container}.") if module.startswith(container) else ""
        return next(iter(set(inside.split(".")[:1]) & rank.keys()), None)

    wrong = []
    for source, target, place in arrows():
        low, high = layer_of(source), layer_of(target)
        if low and high and low != high and rank[low] >= rank[high]:
            wrong.append(f"{place}: {low} imports {high} ({target})")
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for source, target, _ in arrows():
        graph.setdefault(source, set()).add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("a circle: " + " -> ".join(reversed(error.args[1])))


def test_pipeline_holds_folders_and_at_most_six_modules():
    assert len(list((ROOT / "pipeline").glob("*.py"))) <= 6


def test_components_hold_folders_alone():
    assert [path.name for path in (ROOT / "components").glob("*.py")] == ["__init__.py"]
