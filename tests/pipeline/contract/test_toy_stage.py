"""A stage is one folder and one row: docs/extending.md's diff, applied to a copy of the house, and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES, TASKS
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import CONVERSATIONS

PROJECT = Path(__file__).resolve().parents[3]
HOUSE = ("configs", "pipeline", "training", "eval", "plugins", "dags")

TALKS = {
    "asking": [("user", "Where is the station?"), ("assistant", "Behind the bridge.")],
    "telling": [("user", "The kettle is on."), ("assistant", "Shall I fetch cups?")],
}
IDS = {name: row_id("talks", "talks.jsonl", ordinal, turns) for ordinal, (name, turns) in enumerate(TALKS.items())}

TASKS_OF_THE_DAG = """
import json
from airflow.sdk import DAG
from dags.pipeline_tasks import pipeline_tasks
with DAG("toy"):
    tasks = pipeline_tasks().values()
print(json.dumps({t.task_id: [type(t).__name__, t.doc_md, sorted(t.upstream_task_ids)] for t in tasks}))
"""


@dataclass(frozen=True)
class House:
    """A copy of the house to which the diff was applied, and a storage root with a run."""

    folder: Path
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "talks.jsonl"

    def python(self, *arguments: str) -> tuple[int, str]:
        """Status and output of Python in the copy."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PARLANCE_ROOT": str(self.root)}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def parlance(self, *arguments: str) -> str:
        """What a command of the copy prints, which must succeed."""
        status, output = self.python("-m", "pipeline.cli", *arguments)
        assert status == 0, output
        return output


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Its run has what the stages up to deduplicate make of two conversations; the command line has run the new one."""
    house = House(tmp_path_factory.mktemp("house"), tmp_path_factory.mktemp("root"))
    for folder in HOUSE:
        shutil.copytree(PROJECT / folder, house.folder / folder)
    section = (PROJECT / "docs/extending.md").read_text(encoding="utf-8").partition("## A stage\n")[2].split("\n## ")[0]
    [diff] = re.findall(r"```diff\n(.*?)```", section, re.DOTALL)
    subprocess.run(["git", "apply", "-"], cwd=house.folder, input=diff, text=True, check=True)
    turns = [[{"role": role, "content": content} for role, content in talk] for talk in TALKS.values()]
    house.data.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in turns))
    run = Run.begin(load_profile("scratch", [f"storage.root={house.root}"], str(house.data)), "toy")
    for stage in ("acquire", "score", "clean", "deduplicate"):
        leave(run, stage, turns)
    house.parlance("stage", "questions")
    return house


def leave(run: Run, name: str, turns: list[list[dict[str, str]]]) -> None:
    """Commits the conversations as the artifact of a stage of this run."""
    rows = [
        {"row_id": i, "source": "talks", "origin": {"file": "talks.jsonl", "ordinal": n}, "messages": messages}
        for n, (i, messages) in enumerate(zip(IDS.values(), turns, strict=True))
    ]
    manifest = {
        "stage": name,
        "version": STAGES[name].version,
        "fingerprint": run.fingerprint(name),
        "inputs": run.input_fingerprints(name),
        "config": config_slice(STAGES[name], run.profile),
        "ledger": Ledger(len(rows), len(rows)),
        "metrics": {},
        "timing": {"started": "2026-11-28T00:00:00+00:00", "seconds": 1.0},
    }
    with run.store.building(name, run.fingerprint(name), resume=False) as partial:
        (partial / "data").mkdir()
        pq.write_table(pa.Table.from_pylist(rows, CONVERSATIONS), partial / "data" / "part-00000.parquet")
        run.store.commit(partial, manifest)


def test_it_is_one_folder_and_one_row(house: House) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        found = (p for top in HOUSE for p in (folder / top).rglob("*") if p.is_file() and p.suffix != ".pyc")
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}

    before, after = files(PROJECT), files(house.folder)
    changed = {name for name, contents in after.items() if before.get(name) != contents}
    assert changed == {
        "pipeline/contract/stages.py",
        "pipeline/questions/__init__.py",
        "pipeline/questions/questions.py",
    }


def test_the_command_line_runs_it_once_and_finds_it_then(house: House) -> None:
    again = house.parlance("stage", "questions")
    assert re.search(r"questions: found in .* s, 2 rows in, 1 out", again)


def test_the_dags_have_its_task_with_its_documentation_after_what_it_reads(house: House) -> None:
    tasks = json.loads(house.python("-c", TASKS_OF_THE_DAG)[1].splitlines()[-1])
    doc = "Keeps the conversations in which the user asks something."
    assert tasks["questions"] == ["StageOperator", doc, ["deduplicate"]]
    assert tasks["report"][2] == ["index", "promote", "questions"]
    assert set(tasks) - {"questions"} == {*TASKS, "configure", "drift", "choose_reviewer", "approve", "report"}


def test_the_report_shows_it_its_bar_and_what_it_dropped(house: House) -> None:
    page = Path(house.parlance("report").split("report: ")[-1].strip())
    report = json.loads(page.with_name("report.json").read_text())
    [entry] = [stage for stage in report["stages"] if stage["name"] == "questions"]
    assert (entry["status"], entry["rows_in"], entry["rows_out"]) == ("made", 2, 1)
    [rule] = report["rules"]
    assert (rule["stage"], rule["rule"], rule["share"]) == ("questions", "no_question", 0.5)
    assert rule["examples"][0]["row_id"] == IDS["telling"]
    kept = {"read": 2, "quarantined": 0, "kept": 2, "added": 0}
    assert report["data"]["by_source"] == {"talks": kept}  # of deduplicate: what a branch drops is not lost to training
    html = page.read_text()
    assert '<span class="label">asking<small>questions</small></span>' in html
    assert "<dd>The kettle is on.</dd>" in html


def test_the_plan_gives_it_time_and_room_and_says_how_it_knows(house: House) -> None:
    plan = json.loads(house.parlance("plan", "--data", str(house.data), "--json"))
    [stage] = [stage for stage in plan["stages"] if stage["stage"] == "questions"]
    assert stage["seconds"] > 0
    assert stage["origin"].startswith("measured here")
    assert plan["data"]["rows"]["questions"] == 1  # half of the two, as the run saw
    assert plan["storage"]["artifacts"]["questions"] > 0
    elsewhere = json.loads(
        house.parlance("plan", "--root", "nowhere", "--data", str(house.data), "--json", "-o", "launch.ranks=1")
    )
    [stage] = [stage for stage in elsewhere["stages"] if stage["stage"] == "questions"]
    assert stage["seconds"] > 1
    assert stage["origin"].startswith("no rate known")


def test_explain_tells_what_it_did_with_a_row_and_which_its_rule_dropped(house: House) -> None:
    story = house.parlance("explain", IDS["telling"]).splitlines()
    assert story[-2:] == ["  deduplicate: kept", "  questions: dropped by rule no_question, evidence {}"]
    [row] = map(json.loads, house.parlance("explain", "--rule", "no_question").splitlines())
    assert (row["stage"], row["messages"][0]["content"]) == ("questions", "The kettle is on.")


def test_verify_knows_its_files_and_finds_one_that_changed(house: House) -> None:
    assert "5 artifacts, 16 files: all as their manifests say" in house.parlance("verify", "--run", "latest")
    [part] = (house.root / "artifacts/questions").glob("*/data/part-00000.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + b"?")
    status, said = house.python("-m", "pipeline.cli", "verify", "--run", "latest")
    assert (status, f"{part}: contents changed" in said) == (1, True)
    part.write_bytes(whole)
