"""Every diff of docs/extending.md applies to the tree, and what it adds is found by its table and works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
BLOCK = re.compile(r"^```diff\n(.*?)^```$", re.M | re.S)

FOUND = """
import importlib, sys
new, changed = {new!r}, {changed!r}
for module in changed:
    importlib.import_module(module)
texts = [open(sys.modules[module].__file__).read() for module in changed]
for module in new:
    entry, key = f'"{{module}}:', f'"{{module.rpartition(".")[2]}}":'
    assert module in sys.modules or any(entry in t or key in t for t in texts), f"no table holds {{module}}"
    importlib.import_module(module)
"""
"""A table has imported the new module, names it as an entry, or has its file's name as a key."""

MEASURED = """
from eval.evaluate import headline_of
from eval.measurement import measure
from eval.model_card import card_figures
from pipeline.contract.metrics import METRICS
from pipeline.contract.stages import STAGES
from pipeline.report.page import render_page
from tests.eval.test_measures import KEYS, OUTCOME

evaluation = measure(OUTCOME)
assert list(evaluation) == [*KEYS, "probes", "tasks", "distinct2"]
assert evaluation["distinct2"] == 8 / 10  # "a b c d e" and "we met at noon today": four pairs of five words each
assert headline_of(evaluation)["distinct2"] == 8 / 10
assert ("distinct-2", "0.800") in card_figures(evaluation | {"generations": 2})
parts = dict.fromkeys(("promotion", "training", "audit", "review", "data", "plan", "vectors"))
stages = [{"name": name, "status": "missing", "rows_in": None} for name in STAGES]
report = {"run": "r", "stages": stages, "profile": {}, "evaluation": evaluation, "legs": [], **parts}
row = '<th scope="row">Distinct-2</th><td class="n">0.800</td>'
assert row in render_page(report, {})
"""


CODE = ("configs", "pipeline", "training", "eval")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that git tracks, as they are now."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (PROJECT / name).is_file():
            target = tmp_path / "tree" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target)
    return tmp_path / "tree"


@pytest.mark.parametrize("heading", SECTIONS)
def test_what_a_section_shows_is_all_that_it_takes(heading: str, tree: Path) -> None:
    [diff] = BLOCK.findall(SECTIONS[heading])
    applied = subprocess.run(["git", "apply", "-"], cwd=tree, input=diff, text=True, capture_output=True)
    assert applied.returncode == 0, applied.stderr
    new = modules(re.findall(r"^--- /dev/null\n\+\+\+ b/(.+)$", diff, re.M))
    changed = modules(re.findall(r"^--- a/(.+)$", diff, re.M))
    assert new
    found = FOUND.format(new=new, changed=changed)
    run(tree, ["-c", found + MEASURED if heading == "A metric" else found])
    if heading == "A rule":
        tests = ["tests/pipeline/clean/rules", "tests/configs/test_reference.py"]
        told = run(tree, ["-m", "pytest", "-v", "--noconftest", *tests])
        [name] = (module.rpartition(".")[2] for module in new)
        assert re.search(rf"test_each_rule_has_its_border\[{name}-.*PASSED", told)
        assert re.search(rf"test_a_dropped_row_leaves_its_scores_and_the_threshold\[{name}\] PASSED", told)
        assert f"| {name} |" in (tree / "docs" / "preprocessing.md").read_text(encoding="utf-8")


def test_a_diff_that_has_gone_stale_is_refused(tree: Path) -> None:
    [diff] = BLOCK.findall(SECTIONS["A rule"])
    stale = diff.replace(" max_chars: int", " most_chars: int").replace("    too_long.RULE,", "    too_wide.RULE,")
    assert subprocess.run(["git", "apply", "-"], cwd=tree, input=stale, text=True, capture_output=True).returncode == 1


def modules(paths: list[str]) -> list[str]:
    """Those that are code, and not a test, as modules."""
    code = (path for path in paths if path.endswith(".py") and path.split("/")[0] in CODE)
    return [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in code]


def run(tree: Path, arguments: list[str]) -> str:
    """What Python says of the arguments in that tree alone; fails with it when Python does."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
