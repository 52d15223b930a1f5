"""A shape is one file and one row, a container is one file and one row: the examples of docs/extending.md are both."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs.acquire import CONTAINERS, SHAPES
from pipeline.acquire.shapes.detect import shape_of

PROJECT = Path(__file__).resolve().parents[3]

READ = """
import json, sys
from pathlib import Path
from configs.acquire import Source
from configs.reference import reference
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import source_files

file, shape = Path(sys.argv[1]), sys.argv[2]
source = Source(name="s", path=str(file), shape=shape)
found = plan(source, source_files(source))
batches = [batch for unit in found.units for batch in batches_of(unit, Held(), lambda _: None)]
rows = [row for batch in batches for row in batch.to_pylist()]
said = [[[m["role"], m["content"]] for m in row["messages"]] if "messages" in row else row["rule"] for row in rows]
print(json.dumps({
    "description": found.description(),
    "rows": said,
    "reference": reference(),
}))
"""


def example(section: str) -> str:
    """The diff of a section of docs/extending.md."""
    page = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {section}\n.*?```diff\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert found is not None, section
    return found.group(1)


def read_with(folder: Path, diff: str, data: bytes, shape: str = "auto") -> dict:
    """What a copy of the project to which a diff was applied makes of a file."""
    for name in ("configs", "pipeline"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=folder, check=True)
    (folder / "data").write_bytes(data)
    command = [sys.executable, "-c", READ, "data", shape]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("section", ["A shape", "A container"])
def test_an_example_is_one_new_file_and_one_row(section):
    changed = re.findall(r"^diff --git a/(\S+)\n?.*\n(new file)?", example(section), re.MULTILINE)
    assert [new for _, new in changed].count("new file") == len(changed) - 1 == 1
    row = example(section).split("diff --git")[1]
    assert len(re.findall(r"^[+-][^+-]", row, re.MULTILINE)) == 1


@pytest.mark.parametrize("shape", ["auto", "interview"])
def test_a_shape_of_one_file_and_one_row_is_detected_read_and_documented(tmp_path, shape):
    records = [
        {"questions": ["Where?", "When?"], "answers": ["Here.", "Now."], "id": "a"},
        {"questions": ["Where?"], "answers": []},
    ]
    found = read_with(tmp_path, example("A shape"), b"".join(json.dumps(r).encode() + b"\n" for r in records), shape)
    assert found["description"] == ["s: 1 file, JSON Lines, interview: questions → answers"]
    assert found["rows"] == [
        [["user", "Where?"], ["assistant", "Here."], ["user", "When?"], ["assistant", "Now."]],
        "wrong_type",
    ]
    assert "`interview`" in found["reference"]
    assert "interviews" in found["reference"]


def test_a_container_of_one_file_and_one_row_is_detected_read_and_documented(tmp_path):
    data = b'\x1e{"prompt": "hi",\n "response": "hello"}\n\x1enonsense\n\x1e{"prompt": "a", "response": "b"}\n'
    found = read_with(tmp_path, example("A container"), data)
    assert found["description"] == ["s: 1 file, JSON sequences, columns: prompt → response"]
    assert sorted(map(str, found["rows"])) == [
        "[['user', 'a'], ['assistant', 'b']]",
        "[['user', 'hi'], ['assistant', 'hello']]",
        "bad_json",
    ]
    assert "JSON, JSON Lines, CSV, Parquet or JSON sequences, also gzipped" in found["reference"]


def test_every_row_names_a_file_and_every_file_with_detect_has_its_row():
    for folder, table in (("shapes", SHAPES), ("containers", CONTAINERS)):
        files = (PROJECT / "pipeline" / "acquire" / folder).glob("*.py")
        detecting = {f.stem for f in files if "\ndef detect(" in f.read_text(encoding="utf-8")}
        assert detecting == set(table)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_a_layout_for_names_alone(name):
    layout = shape_of(name).arrange([], None)
    assert layout.shape == name
    assert layout.text_columns
    assert callable(shape_of(name).read)
