"""One small run through Airflow's scheduler, which the tests here look at from all sides."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent

SMALL = [
    "acquire.sources.0.limit=250",
    "acquire.sources.1.limit=400",
    "tokenise.vocabulary=1024",
    "tokenise.sequence_length=128",
    "train.steps=24",
    "train.batch_tokens=1024",
    "train.warmup_steps=4",
    "train.validation_every=8",
    "train.checkpoint_every=8",
    "launch.micro_batch=4",
    "evaluate.generations=4",
    "evaluate.samples=3",
    "evaluate.max_new_tokens=8",
    "evaluate.probe_items=4",
    "promote.max_perplexity_over_unigram=100",
    "promote.max_broken_replies=1.0",  # after 24 steps nothing is said at all
]
"""Overrides that make the profile scratch small: minutes become seconds, every stage still does its work."""


@dataclass
class Small:
    """A finished command: where it worked, what it printed."""

    root: Path
    status: int
    output: str

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.root / "runs" / "latest" / "report.json").read_text())


def parlance(root: Path, *arguments: str, seconds: float = 600) -> Small:
    """Runs the command line as a user does."""
    return _run([sys.executable, "-m", "pipeline.cli", *arguments], root, seconds)


def demonstrate(root: Path, profile: str = "scratch", seconds: float = 900) -> Small:
    """Runs what `make demo` runs, small."""
    overrides = [part for setting in SMALL for part in ("-o", setting)]
    command = [sys.executable, "-m", "plugins.standalone", "demo", "--profile", profile, *overrides]
    return _run(command, root, seconds)


def _run(command: list[str], root: Path, seconds: float) -> Small:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")} | {"PARLANCE_ROOT": str(root)}
    done = subprocess.run(
        command,
        env=environment,
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    return Small(root, done.returncode, done.stdout)


PLANTED = {
    "description": "Zebra01Quagga, https://user:Zebra02Quagga@host/x?api_key=Zebra03Quagga, hf_Zebra04QuaggaZebra04",
    "spark": {
        "conf": {
            "spark.hadoop.fs.s3a.secret.key": "Zebra05Quagga",
            "spark.hadoop.fs.s3a.access.key": "Zebra06Quagga",
            "spark.hadoop.stores": "a.secret.key=Zebra07Quagga,b.secret.key=Zebra08Quagga",
            "spark.hadoop.mirrors": "http://user:Zebra09Quagga@a/x,http://user:Zebra10Quagga@b/y",
            "spark.driver.extraJavaOptions": "-Dstore.trustStorePassword=Zebra11Quagga -Dx=y",
            "spark.hadoop.header": "Authorization: Bearer Zebra12Quagga",
            "spark.hadoop.authToken": "Zebra13Quagga",
            "spark.hadoop.pem": "-----BEGIN PRIVATE KEY-----Zebra14Quagga-----END PRIVATE KEY-----",
        }
    },
}
"""Credentials of ten kinds, in keys that decide nothing; Zebra01Quagga is none, and shows that the search finds."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small demo, run once, on a profile that holds credentials."""
    profile = tmp_path_factory.mktemp("profiles") / "ours.yaml"
    text = (PROJECT / "configs" / "profiles" / "scratch.yaml").read_text()
    profile.write_text(yaml.safe_dump(yaml.safe_load(text) | PLANTED))
    done = demonstrate(tmp_path_factory.mktemp("demo"), str(profile))
    assert done.status == 0, done.output
    return done


KILLED_IN = ("clean", "embed", "train")
"""Tasks in the middle of which the interrupted run is killed: Spark, torch, DeepSpeed."""


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The same run from the command line, killed with SIGKILL inside three stages, each time started again."""
    root = tmp_path_factory.mktemp("interrupted")
    overrides = [part for setting in SMALL for part in ("-o", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--profile", "scratch", "--root", str(root), *overrides]
    for task in KILLED_IN:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not _inside(root, task) and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, f"the run ended before it could be killed in {task}"
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = parlance(root, *command[3:])
    assert done.status == 0, done.output
    return done


def _inside(root: Path, task: str) -> bool:
    """Whether the task has begun to make parts; in train, whether it has a checkpoint to resume from."""
    if task == "train":
        return bool(list(root.glob("artifacts/train/.*.scratch/*/complete.json")))
    return any(root.glob(f"parts/{task}/*"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: starts a Spark standalone cluster on this machine")
