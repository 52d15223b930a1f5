"""Measures this machine: the real stages on a seeded sample of the profile's sources.

Stages on Spark share one session, so that it starts once. A small sample on the cold session tells what a
stage costs to start; the difference between a large and a small sample on the warm session tells what
a unit costs. The start of the session is added to each task that has one of its own in a run. All other
stages are measured in processes of their own, as a run executes them; training takes a few steps.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from configs.errors import UserError
from configs.load import load_architecture
from configs.profile import Profile
from pipeline.fingerprint import write_atomically
from pipeline.planning.history import Measurement, measurements, shape
from pipeline.planning.sample import Messages, drawn, sample_sources
from pipeline.progress import Progress, say
from pipeline.run import Run
from pipeline.stages import STAGES, stages_of
from training.memory import parameters

SMALL_BYTES, LARGE_BYTES = 150_000, 2_000_000
"""Text of the two samples."""

LEAST_ROWS = 40
SPARK_TASKS = ("acquire", "clean", "deduplicate", "audit", "review", "balance", "tokenise")
TRAINING_STEPS = 12
LARGEST_ON_CPU = 100_000_000
"""Parameters of a model that a CPU can take a few steps of in half a minute."""

ORDER = ("acquire", "clean", "deduplicate", "embed", "audit", "review", "balance", "index", "tokenise")
"""The tasks before training."""

MODEL_TASKS = ("train", "evaluate")


def calibrate(profile: Profile, root: Path) -> Path:
    """Runs the benchmarks and writes <root>/calibration.json, which later plans read.

    Raises UserError when the sources are not at hand, for there is nothing to measure with.
    """
    sample = sample_sources(profile.acquire.sources, keep=2 * LARGE_BYTES)
    small, large = (drawn(sample, most, profile.seed) for most in (SMALL_BYTES, LARGE_BYTES))
    if len(small) < LEAST_ROWS:
        small = large
    if len(large) < LEAST_ROWS:
        raise UserError(f"acquire.sources: {len(large)} conversations are too few to measure with; give {LEAST_ROWS}")
    with tempfile.TemporaryDirectory(prefix="parlance-calibration-") as scratch:
        folder = Path(scratch)
        with Progress("calibrate", 3 * len(ORDER) + 1, "tasks") as progress:
            start = _spark_start(profile)
            for name, conversations in (("cold", small), ("warm", small), ("large", large)):
                run = _run(profile, folder / name, conversations)
                for task in ORDER:
                    if task == "index" and name != "cold":
                        continue  # nearly all of it is its start
                    _execute(run, task, reuse=folder / "cold" if name == "warm" else None)
                    progress.advance(note=f"{name}: {task}")
            _stop_spark()
            if _trainable(profile):
                for task in MODEL_TASKS:
                    _execute(run, task)
                    progress.advance(note=task)
        taken = {name: measurements(folder / name) for name in ("cold", "warm", "large")}
        seen = shape(folder / "large", ["sample"])
    assert seen is not None
    passes = {name: {m.stage: m for m in ones if m.stage not in MODEL_TASKS} for name, ones in taken.items()}
    found = [*combine(passes, start), *(m for m in taken["large"] if m.stage in MODEL_TASKS)]
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {
        "date": moment,
        "sources": sorted(s.name for s in profile.acquire.sources),
        "spark_start": round(start, 3),
        "measurements": [asdict(replace(m, origin="calibration")) for m in found],
        "shape": asdict(replace(seen, origin=f"the calibration of {moment[:10]}")),
    }
    root.mkdir(parents=True, exist_ok=True)
    path = root / "calibration.json"
    write_atomically(path, json.dumps(facts, indent=1))
    return path


def combine(passes: dict[str, dict[str, Measurement]], spark_start: float) -> list[Measurement]:
    """Each stage as it would have run alone, on the small and on the large sample.

    passes: cold, warm and large, each stage to what was measured. A Spark stage takes its cold time, the start
    of the session if it is the first of its task, and, on the large sample, what that took longer than
    the warm small one.
    """
    found = []
    for name in STAGES:
        cold, warm, large = (passes[p].get(name) for p in ("cold", "warm", "large"))
        if STAGES[name].engine != "spark" or cold is None or warm is None or large is None:
            found += [m for m in (cold, large) if m is not None]
            continue
        first = next(s for s in STAGES.values() if s.task == STAGES[name].task)
        begun = cold.seconds + (spark_start if first.name == name else 0.0)
        found.append(replace(cold, seconds=begun))
        found.append(replace(large, seconds=begun + max(0.0, large.seconds - warm.seconds)))
    return found


def _run(profile: Profile, root: Path, conversations: list[Messages]) -> Run:
    """A run of the profile over a file of conversations, small where its length does not matter."""
    root.mkdir(parents=True)
    file = root / "sample.jsonl"
    lines = ({"messages": [{"role": role, "content": text} for role, text in turns]} for turns in conversations)
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    values = profile.model_dump(mode="json")
    values["acquire"] = {"sources": [{"name": "sample", "path": str(file), "shape": "messages"}]}
    values["storage"]["root"] = str(root)
    values["tracking"]["uri"] = None
    values["vectors"]["url"] = None
    values["review"] = {"mode": "automatic", "max_severity": "critical"}
    values["deduplicate"] |= {"validation_share": 0.1, "test_share": 0.1}
    values["train"] |= {
        "steps": TRAINING_STEPS,
        "warmup_steps": 1,
        "validation_every": TRAINING_STEPS,
        "checkpoint_every": TRAINING_STEPS,
    }
    values["evaluate"] |= {"generations": 4, "samples": 3}
    return Run.begin(Profile.model_validate(values), "calibration")


def _spark_start(profile: Profile) -> float:
    """Seconds until a Spark session of the profile's kind has run its first job."""
    from pipeline.session import spark_session

    began = time.monotonic()
    session = spark_session(profile.spark, "calibration")
    session.range(0, 8, 1, 2).selectExpr("sum(id)").collect()
    return time.monotonic() - began


def _stop_spark() -> None:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session:
        session.stop()


def _trainable(profile: Profile) -> bool:
    """Whether a few steps of the model can be taken here in the time."""
    if profile.launch.hostfile or profile.model.pretrained or profile.plan.hardware.gpu:
        say("calibrate: training is not measured here: it needs the profile's own GPUs")
        return False
    size = parameters(load_architecture(profile.model.name), profile.tokenise.vocabulary)
    if size > LARGEST_ON_CPU:
        say(f"calibrate: training is not measured here: {size:,} parameters take too long on a CPU")
    return size <= LARGEST_ON_CPU


def _execute(run: Run, task: str, reuse: Path | None = None) -> None:
    """Executes a task without its output: on Spark in this process, any other in its own.

    reuse: a root whose artifacts of tasks outside Spark are taken instead of being made again.
    Raises UserError with the last lines of a process that failed.
    """
    if task in SPARK_TASKS:
        with redirect_stdout(io.StringIO()):
            run.execute(task)
        return
    if reuse:
        for stage in stages_of(task):
            shutil.copytree(reuse / "artifacts" / stage.name, run.root / "artifacts" / stage.name)
        return
    command = [sys.executable, "-m", "pipeline.cli", "stage", task, "--run", str(run.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"calibrate: {task} failed: {' | '.join((done.stdout + done.stderr).splitlines()[-3:])}")
