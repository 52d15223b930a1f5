"""What may import what. The table is the picture of the house: a folder stands on a floor and sees those below."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

FLOORS = """
    dags
    plugins
    pipeline                    the doors: cli, spark_stage
    serving/commands
    pipeline/commands           eval/commands
    serving/erasure             serving/dialogue/migrations  serving/dialogue/migrations/versions
    serving/dialogue
    serving
    pipeline/report
    pipeline/planning           pipeline/watch
    pipeline/index  pipeline/review  pipeline/generate  pipeline/balance  pipeline/drift  serving/filter  serving/engine
    pipeline/tokenise
    pipeline/selection
    pipeline/deduplicate        pipeline/audit
    pipeline/acquire  pipeline/clean  pipeline/embed  pipeline/sentiment
    pipeline/acquire/shapes     pipeline/clean/scores
    pipeline/acquire/containers  pipeline/clean/privacy      pipeline/clean/repair      pipeline/clean/rules
    pipeline/spark
    pipeline/rows               pipeline/people             training                    eval
    eval/probes
    pipeline/contract           eval/metrics
    configs
"""
"""From the roof to the ground; two spaces or more lie between the folders of a floor, which do not see each other."""

FLOOR = {
    folder: height
    for height, line in enumerate(reversed(FLOORS.strip().splitlines()))
    for folder in re.split(r"  +", line.strip())
    if not folder.startswith("the doors")
}

NEIGHBOURS = ("pipeline", "training", "eval")
"""They meet only in artifacts and the contract."""

TABLES = ("pipeline/contract/stages.py", "pipeline/contract/metrics.py", "pipeline/cli.py")
"""Name what lies above them, by text, for whoever runs it to load: a stage's entry, a metric's, a command's."""


@cache
def files() -> dict[str, Path]:
    """Module to file, of every folder that stands on a floor."""
    tops = {folder.split("/")[0] for folder in FLOOR}
    found = [path for top in sorted(tops) for path in sorted((PROJECT / top).rglob("*.py"))]
    return {module_of(path): path for path in found}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def folder_of(module: str) -> str:
    return files()[module].parent.relative_to(PROJECT).as_posix()


def named(tree: ast.AST) -> Iterator[str]:
    """Modules that a file imports, wherever it does: at its top, in a function, for types only, by import_module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.:]+", node.value):
            yield node.value.partition(":")[0]


def owner(name: str) -> str | None:
    """The module of this project that a name is, or is taken from."""
    return next((m for m in (name, name.rpartition(".")[0]) if m in files() and ("." in name or m == name)), None)


@cache
def imports() -> dict[str, set[str]]:
    """Module to the modules of this project that it imports, and not those that a table names."""
    found = {}
    for module, path in files().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.relative_to(PROJECT).as_posix() in TABLES:
            tree = ast.Module([n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)], [])
        # A bare word that happens to be the name of a folder is no import.
        owners = {owner(name) for name in named(tree) if "." in name or name in ("configs", "eval")}
        found[module] = {m for m in owners if m and m != module and "." in m}
    return found


def test_every_folder_has_a_floor() -> None:
    folders = {folder_of(module) for module in files()}
    assert folders == FLOOR.keys(), "add the folder to FLOORS, above all that it imports"


def test_imports_run_downwards_only() -> None:
    upwards = [
        f"{a} imports {b}"
        for a, found in imports().items()
        for b in sorted(found)
        if folder_of(a) != folder_of(b) and FLOOR[folder_of(a)] <= FLOOR[folder_of(b)]
    ]
    assert not upwards, "\n".join(upwards)


def test_pipeline_training_and_eval_meet_only_in_the_contract() -> None:
    def top(module: str) -> str:
        return module.split(".")[0]

    crossing = [
        f"{a} imports {b}"
        for a, found in imports().items()
        for b in sorted(found)
        if top(a) in NEIGHBOURS and top(b) in NEIGHBOURS and top(a) != top(b) and folder_of(b) != "pipeline/contract"
    ]
    assert not crossing, "\n".join(crossing)


def test_no_file_imports_itself_by_a_detour() -> None:
    graph = imports()
    seen: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in seen:
            path.append(module)
            for other in sorted(graph[module]):
                visit(other)
            path.pop()
            seen.add(module)

    for module in graph:
        visit(module)


@pytest.mark.parametrize("table", TABLES)
def test_what_a_table_names_exists(table: str) -> None:
    entries = re.findall(r'"([\w.]+):(\w+)"', (PROJECT / table).read_text(encoding="utf-8"))
    assert entries
    for module, function in entries:
        tree = ast.parse(files()[module].read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (module, function)
