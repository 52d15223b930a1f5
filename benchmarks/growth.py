"""What a corpus costs that grows by a file, beside another build of the project: JSON lines.

    python -m benchmarks.growth --rows 50000 [--files 50] [--tasks acquire,…] [--beside TREE] [--root FOLDER]

Rows of benchmarks/corpus.py lie in so many files. The second run has one file more, the third another tenth of the
files. Every task is a process of its own, as under Airflow, with its start: what starts alone cost, a corpus of 1,000
rows tells.
--beside: a working tree of the build to compare with (`git worktree add TREE REVISION`); its tasks alternate with ours,
each build on a root of its own, so that other load on the machine meets both alike.

seconds: wall time of the task's process, under a guard that ends it with the benchmark (0.1 s). cpu_seconds: of it and
all that it started, as looked at twice a second; on a machine that does other work, the figure to compare.
peak_memory_mb: largest sum of proportional set sizes.
bytes_a_row: of all that lies under the root after a run, a file with several names once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from benchmarks.corpus import write_corpus
from pipeline.contract.process_group import guarded

PROJECT = Path(__file__).resolve().parents[1]
TASKS = "acquire,clean,deduplicate,embed"


class Build:
    """A working tree of the project, and the root that its runs share."""

    def __init__(self, name: str, folder: Path, root: Path, settings: list[str]) -> None:
        self.name, self._folder, self.root, self._settings = name, folder, root, settings

    def begin(self, data: Path, run: str) -> Path:
        """Begins a run on the files of a folder; the run's folder."""
        code = (
            "import sys; from configs.load import load_profile; from pipeline.contract.run import Run; "
            "print(Run.begin(load_profile('demo', sys.argv[3:], sys.argv[1]), sys.argv[2]).folder)"
        )
        overrides = [f"storage.root={self.root}", *self._settings]
        done = subprocess.run(
            [sys.executable, "-c", code, str(data), run, *overrides],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(done.stdout.split()[-1])

    def task(self, task: str, run: Path) -> dict[str, Any]:
        """Runs a task in a process; what it cost."""
        started = time.monotonic()
        log = self.root / "log.txt"
        with log.open("a") as output:
            command = guarded([sys.executable, "-m", "pipeline.cli", "stage", task, "--run", str(run)])
            process = psutil.Popen(
                command,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.PIPE,  # the task ends with this process
                stdout=output,
                stderr=output,
            )
            use = Use(process)
            status = process.wait()
            use.ended.set()
        if status:
            sys.exit(f"{self.name}: {task} failed; {log} says why")
        return {
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(sum(use.cpu_seconds.values()), 1),
            "peak_memory_mb": use.peak_memory_mb,
        }

    def stored(self) -> int:
        """Bytes under the root, on the disk: Qdrant Edge's files have holes."""
        stats = (path.lstat() for path in self.root.rglob("*") if path.is_file())
        return sum({(stat.st_dev, stat.st_ino): stat.st_blocks * 512 for stat in stats}.values())

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self._folder),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
        }


class Use:
    """Watches a process and its descendants. Spark's JVM and workers end without being waited for, so that the
    operating system adds their time to nobody's. cpu_seconds: process number to its own."""

    def __init__(self, process: psutil.Popen) -> None:
        self.peak_memory_mb, self.ended, self._process = 0, threading.Event(), process
        self.cpu_seconds: dict[int, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.ended.wait(0.5):
            memory = 0
            for process in self._all():
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    self.cpu_seconds[process.pid] = times.user + times.system
                    memory += process.memory_full_info().pss
            self.peak_memory_mb = max(self.peak_memory_mb, memory >> 20)

    def _all(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [self._process, *self._process.children(recursive=True)]
        return []


def write_files(folder: Path, rows: int, files: int, spare: int) -> tuple[Path, list[Path]]:
    """The corpus in `files` files of a folder that is new, and `spare` more beside it."""
    corpus = folder / "corpus.jsonl"
    each = rows // files
    write_corpus(corpus, each * (files + spare))
    data, more = folder / "data", folder / "more"
    data.mkdir()
    more.mkdir()
    with corpus.open(encoding="utf-8") as lines:
        for number in range(files + spare):
            target = (data if number < files else more) / f"{number:04d}.jsonl"
            target.write_text("".join(islice(lines, each)), encoding="utf-8")
    return data, sorted(more.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("--beside", type=Path, help="working tree of another build")
    parser.add_argument("--root", help="folder for everything (default: a temporary one)")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of the profile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parlance-growth-", dir=options.root) as scratch:
        folder = Path(scratch)
        replaced = max(1, options.files // 10)
        data, spare = write_files(folder, options.rows, options.files, replaced + 1)
        settings = ["spark.master=local[2]", *options.set]
        builds = [Build("this", PROJECT, folder / "this", settings)]
        if options.beside:
            builds.append(Build("beside", options.beside.resolve(), folder / "beside", settings))
        for build in builds:
            build.root.mkdir()
        for step in ("first", "one file more", "a tenth replaced"):
            if step == "one file more":
                spare.pop().rename(data / f"{options.files:04d}.jsonl")
            elif step == "a tenth replaced":
                for old, new in zip(sorted(data.iterdir()), spare, strict=False):
                    new.replace(old)
            for line in measured(step, builds, data, options.tasks.split(",")):
                print(json.dumps(line), flush=True)


def measured(step: str, builds: list[Build], data: Path, tasks: list[str]) -> Iterator[dict[str, Any]]:
    """A line for each task and build, once it is done, and one for the sum."""
    rows = sum(file.read_bytes().count(b"\n") for file in data.iterdir())
    runs = {build.name: build.begin(data, step.replace(" ", "-")) for build in builds}
    lines = []
    for task in tasks:
        for build in builds:
            lines.append({"run": step, "build": build.name, "task": task, **build.task(task, runs[build.name])})
            yield lines[-1]
    for build in builds:
        own = [line for line in lines if line["build"] == build.name]
        total = {key: round(sum(line[key] for line in own), 1) for key in ("seconds", "cpu_seconds")}
        peak, stored = max(line["peak_memory_mb"] for line in own), round(build.stored() / rows)
        total |= {"rows": rows, "peak_memory_mb": peak, "bytes_a_row": stored}
        yield {"run": step, "build": build.name, "task": "all", **total}


if __name__ == "__main__":
    main()
