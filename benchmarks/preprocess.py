"""Rows a second and memory of acquire, clean and deduplicate on two cores: one JSON line a stage, and a total.

    python benchmarks/preprocess.py --rows 500000 [--root FOLDER] [--peer NAME]

The corpus (benchmarks/corpus.py) is made of real conversations, repeated with seeded edits beyond their
number, and kept under the root for the next call. The stages run through the same door as in a run.

seconds: wall time of the task, without the start of Spark, which `total` gives as session_seconds.
cpu_seconds: of all processes, which another load on the machine changes less than wall time.
peak_memory_mb: largest sum of the proportional set sizes of the driver, its JVM and the Python workers,
  sampled once a second; driver_memory_mb: of the Python driver alone, resident.
shuffle_bytes_per_row: what Spark wrote for its shuffles, and acquire for its own shuffle.
"""

import argparse
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
from pyspark.sql import SparkSession

from benchmarks.corpus import write_corpus
from benchmarks.peers import PEERS, run_peer
from configs.load import load_profile
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.spark.session import spark_session

TASKS = ("acquire", "clean", "deduplicate")


class Memory:
    """Peak memory of this process and its descendants, in MB, while the body runs."""

    def __init__(self) -> None:
        self.peak = self.driver = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            total = 0
            for process in [own, *own.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total >> 20)
            self.driver = max(self.driver, own.memory_info().rss >> 20)
            if self._ended.wait(1.0):
                return


def shuffled_bytes(spark: SparkSession) -> int:
    """Bytes that the stages of this session have written for shuffles so far (of the latest 1,000 stages)."""
    context = spark.sparkContext
    jvm: Any = context._jvm
    gateway: Any = context._gateway
    store = context._jsc.sc().statusStore()
    found = store.stageList(None, False, False, gateway.new_array(jvm.double, 0), None)
    return sum(found.apply(i).shuffleWriteBytes() for i in range(found.size()))


def cpu_seconds() -> float:
    """CPU time of this process and its descendants so far; those that nobody has waited for are missing."""
    own = psutil.Process()
    times = [process.cpu_times() for process in [own, *own.children(recursive=True)]]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def measure(run: Run, task: str, rows: int, spark: SparkSession, log: Path) -> dict[str, Any]:
    """One task of a run, and what it cost. What the stages say goes to the log."""
    said = len(log.read_text()) if log.exists() else 0
    before, cpu, started = shuffled_bytes(spark), cpu_seconds(), time.monotonic()
    with Memory() as memory, log.open("a") as out, redirect_stdout(out):
        artifacts = execute(run, task)
    seconds = time.monotonic() - started
    cpu = cpu_seconds() - cpu
    moved = shuffled_bytes(spark) - before
    moved += sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) bytes exchanged", log.read_text()[said:]))
    return {
        "stage": task,
        "rows": rows,
        "rows_out": artifacts[-1].ledger.rows_out,
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "cpu_seconds": round(cpu, 2),
        "peak_memory_mb": memory.peak,
        "driver_memory_mb": memory.driver,
        "shuffle_bytes_per_row": round(moved / rows, 1),
        "dropped": {rule: n for artifact in artifacts for rule, n in artifact.ledger.dropped.items()},
    }


@contextmanager
def rooted(given: str | None) -> Iterator[Path]:
    """The folder for corpora and artifacts; a temporary one when none is given."""
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
        yield Path(given)
    else:
        with tempfile.TemporaryDirectory(prefix="parlance-benchmark-") as folder:
            yield Path(folder)


def corpus(root: Path, rows: int) -> Path:
    """The corpus of that many rows, made once; says what it is made of."""
    path, about = root / f"corpus-{rows}.jsonl", root / f"corpus-{rows}.json"
    if not (path.is_file() and about.is_file()):
        about.write_text(json.dumps(write_corpus(path, rows)))
    print(json.dumps({"corpus": path.name, **json.loads(about.read_text())}), flush=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--root", help="folder for corpus and artifacts; default: a temporary one")
    parser.add_argument("--master", default="local[2]", help="Spark master")
    parser.add_argument("--tasks", default=",".join(TASKS), help="tasks to run, in order")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of the profile")
    parser.add_argument("--peer", choices=sorted(PEERS), help="also run this tool on the same rows")
    options = parser.parse_args()
    with rooted(options.root) as root:
        path = corpus(root, options.rows)
        with tempfile.TemporaryDirectory(prefix="artifacts-", dir=root) as artifacts:
            overrides = [f"storage.root={artifacts}", f"spark.master={options.master}", *options.set]
            run = Run.begin(load_profile("demo", overrides, str(path)), "benchmark")
            started = time.monotonic()
            spark = spark_session(run.profile.spark, "benchmark")
            session = time.monotonic() - started
            measured = []
            for task in options.tasks.split(","):
                measured.append(measure(run, task, options.rows, spark, Path(artifacts) / "log.txt"))
                print(json.dumps(measured[-1]), flush=True)
            spark.stop()
        seconds = sum(m["seconds"] for m in measured)
        total = {
            "stage": "total",
            "rows": options.rows,
            "rows_out": measured[-1]["rows_out"],
            "seconds": round(seconds, 2),
            "rows_per_second": round(options.rows / seconds),
            "peak_memory_mb": max(m["peak_memory_mb"] for m in measured),
            "driver_memory_mb": max(m["driver_memory_mb"] for m in measured),
            "shuffle_bytes_per_row": round(sum(m["shuffle_bytes_per_row"] for m in measured), 1),
            "session_seconds": round(session, 2),
        }
        print(json.dumps(total), flush=True)
        if options.peer:
            print(json.dumps(run_peer(options.peer, path, options.rows, root)), flush=True)


if __name__ == "__main__":
    main()
