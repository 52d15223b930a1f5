"""Measures this machine: the real stages on two seeded samples of the profile's sources, small and large.

Every task runs in a process of its own, as in a run, so its start is that of Python, of a JVM that has compiled
nothing and of its models; the difference between the samples tells what a unit costs. Training takes a few steps.
"""

import json
import subprocess
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from configs.errors import UserError
from configs.load import load_architecture
from configs.profile import Profile
from configs.size import parameters
from pipeline.contract.atomic_write import write_text
from pipeline.contract.progress import Progress, say
from pipeline.contract.run import Run
from pipeline.contract.stages import TASKS, command_of
from pipeline.planning.history import measurements, shape
from pipeline.planning.sample import Messages, drawn, sample_sources

SMALL_BYTES, LARGE_BYTES = 150_000, 4_000_000
"""Text of the two samples."""

LEAST_ROWS = 40
TRAINING_STEPS = 12
LARGEST_ON_CPU = 100_000_000
"""Parameters of a model that a CPU can take a few steps of in half a minute."""

BEFORE_TRAINING = TASKS[: TASKS.index("train")]
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
        with Progress("calibrate", 2 * len(BEFORE_TRAINING) + len(MODEL_TASKS), "tasks") as progress:
            for name, conversations in (("small", small), ("large", large)):
                run = _run(profile, folder / name, conversations)
                for task in BEFORE_TRAINING:
                    _execute(run, task)
                    progress.advance(note=f"{name}: {task}")
            if _trainable(profile):
                for task in MODEL_TASKS:
                    _execute(run, task)
                    progress.advance(note=task)
        found = [m for name in ("small", "large") for m in measurements(folder / name)]
        seen = shape(folder / "large", ["sample"])
    assert seen is not None
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {
        "date": moment,
        "sources": sorted(s.name for s in profile.acquire.sources),
        "measurements": [asdict(replace(m, origin="calibration")) for m in found],
        "shape": asdict(replace(seen, origin=f"the calibration of {moment[:10]}")),
    }
    root.mkdir(parents=True, exist_ok=True)
    path = root / "calibration.json"
    write_text(path, json.dumps(facts, indent=1))
    return path


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


def _trainable(profile: Profile) -> bool:
    """Whether a few steps of the model can be taken here in the time."""
    if profile.launch.hostfile or profile.model.pretrained or profile.plan.hardware.gpu:
        say("calibrate: training is not measured here: it needs the profile's own GPUs")
        return False
    size = parameters(load_architecture(profile.model.name), profile.tokenise.vocabulary)
    if size > LARGEST_ON_CPU:
        say(f"calibrate: training is not measured here: {size:,} parameters take too long on a CPU")
    return size <= LARGEST_ON_CPU


def _execute(run: Run, task: str) -> None:
    """Executes a task in its own process. Raises UserError with the last lines of one that failed."""
    done = subprocess.run(command_of(task, run.folder), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"calibrate: {task} failed: {' | '.join((done.stdout + done.stderr).splitlines()[-3:])}")
