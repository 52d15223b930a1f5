"""Tasks of a run, killed before single file-system calls and run again, end as if nothing had happened.

    python -m tests.kills RUN SEED TASK:SAMPLES …

Every trial begins with the root as it is, kills the task with SIGKILL before one of the calls that change files under
the root (SAMPLES of them, drawn by SEED), runs it again, and compares what it left with an undisturbed one; from that
the next task goes on. Calls are those that Python makes, in the task's process, in those it forks and in Spark's
workers: opening a file to write, renaming, linking, deleting, making folders, syncing. A worker's call kills the task
and the worker.

Each attempt is a fork of this process, which has loaded the stage, and what an attempt imports while it works: a trial
costs what the stage does. Spark's JVM is this process's own and outlives the attempts. So what it writes itself is not
counted, and what it would leave by dying is not seen: it abandons the jobs of the killed, and deletes what they had not
finished. Nor is seen what the ranks of a training do, which are processes that are started and not forked.
"""

import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from pipeline.contract.atomic_write import LOCKING_SECONDS
from pipeline.contract.execute import StageContext, execute
from pipeline.contract.finished import Finished
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES, stages_of
from tests.counted_calls import OF_WORKERS, CountedCalls

PROJECT = Path(__file__).resolve().parents[1]
UNLIKE = ("store/",)
"""How the names of files begin whose bytes differ from one run to the next: those of the index."""


def killed_and_run_again(run: Run, seed: int = 0, **samples: int) -> dict[str, dict[str, Any]]:
    """Task to {calls, by_workers, trials, differing}, of trials in a process of its own; differing: what of each trial
    was not as undisturbed. samples: how many trials of each task, in the order in which a run has them."""
    tasks = [f"{task}:{count}" for task, count in samples.items()]
    command = [sys.executable, "-m", "tests.kills", str(run.folder), str(seed), *tasks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def toy(context: StageContext) -> None:
    """Three files, each taken over from an earlier attempt or written anew, and what is beside them for nobody."""
    finished = Finished(context.scratch / "finished.journal", context.out)
    (context.out / "data").mkdir(exist_ok=True)
    for number in range(3):
        file = context.out / "data" / f"{number}.txt"
        if not finished.has(file):
            file.write_text(f"the file {number}\n" * 100)
            finished.add(file)
    (context.out / "note.json").write_text("{}")


def main() -> None:
    folder, seed, *tasks = sys.argv[1:]
    STAGES["toy"] = Stage("toy", entry="tests.kills:toy", resumable=True)
    found = {}
    for task, _, samples in (task.partition(":") for task in tasks):
        found[task] = Trials(Path(folder), task).made(int(samples), random.Random(seed))
    print(json.dumps(found))


class Trials:
    """Attempts at one task of a run, each a fork of this process."""

    def __init__(self, run: Path, task: str) -> None:
        self.run, self.task = run, task
        self.root = run.parent.parent
        self.log = self.root.with_name(f"{self.root.name}.log")
        self.calls = CountedCalls(self.root, self.root.with_name(f"{self.root.name}.calls"))
        self.imported = self.root.with_name(f"{self.root.name}.imported")
        self.spark: Any = None
        for stage in stages_of(task):
            stage.load()
            if stage.engine == "spark":
                self.spark = session(run, self.calls)

    def made(self, samples: int, draw: random.Random) -> dict[str, Any]:
        before, after = (self.root.with_name(f"{self.root.name}-{when}") for when in ("before", "after"))
        shutil.copytree(self.root, before, symlinks=True)
        made = self.attempt(None)
        self.import_what_it_imported()
        expected = self.left()
        self.root.rename(after)
        chosen = sorted(draw.sample(range(1, len(made) + 1), min(len(made), samples)))
        differing = []
        for call in chosen:
            shutil.copytree(before, self.root, symlinks=True)
            self.attempt(call)
            for partial in self.root.rglob(".*.partial"):  # as if it had taken longer to start again
                os.utime(partial, (partial.stat().st_mtime - 2 * LOCKING_SECONDS,) * 2)
            self.attempt(None)
            if (found := self.left()) != expected:
                differing.append([call, found, expected])
            shutil.rmtree(self.root)
        after.rename(self.root)
        shutil.rmtree(before)
        by_workers = made.count(OF_WORKERS)
        return {"calls": len(made), "by_workers": by_workers, "trials": len(chosen), "differing": differing}

    def attempt(self, call: int | None) -> bytes:
        """Runs the task, which is killed before that call if it comes to it; the calls that were made, a byte each.

        How many there are differs a little: what has just changed is not remembered in the root's hashes.journal, and
        tasks of Spark run side by side.
        """
        self.calls.clear(call)
        child = os.fork()
        if not child:
            self._execute()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if self.spark and status:
            settle(self.spark, self.calls.workers())
        made = self.calls.made()
        if call is None or status != -signal.SIGKILL:
            assert status == 0, f"{self.task}, call {call}, status {status}: {self.log.read_text()}"
            assert call is None or len(made) < call, f"{self.task} was not killed before call {call} of {len(made)}"
        return made

    def import_what_it_imported(self) -> None:
        """Imports here what the last attempt has imported, some of which takes seconds, so that the next need not."""
        for name in json.loads(self.imported.read_text()):
            with suppress(ImportError):  # not all that is in sys.modules has a file
                importlib.import_module(name)

    def _execute(self) -> None:
        """What a fork does."""
        before = set(sys.modules)
        try:
            output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if self.spark:
                reconnect()
            self.calls.begin()
            execute(Run(self.run), self.task)
            self.imported.write_text(json.dumps([name for name in sys.modules if name not in before]))
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(1)

    def left(self) -> dict[str, Any]:
        """What the task left: files by name and hash, the ledger, and whatever lies beside artifacts and records."""
        this = Run(self.run)
        left: dict[str, Any] = {}
        for stage in stages_of(self.task):
            artifact = this.artifact(stage.name)
            assert artifact.damage() == []
            manifest = artifact.manifest
            files = [file for file in manifest["files"] if not file["path"].startswith(UNLIKE)]
            left[stage.name] = [manifest["fingerprint"], manifest["ledger"], manifest["metrics"], files]
        hidden = [p.relative_to(self.root).as_posix() for p in self.root.rglob(".*") if p.suffix != ".lock"]
        return left | {"hidden": sorted(hidden)}


def session(run: Path, calls: CountedCalls) -> Any:
    """The session of this process, whose workers count their calls."""
    from pipeline.spark.session import spark_session

    os.environ |= calls.environment()
    settings = Run(run).profile.spark
    conf = {**settings.conf, "spark.python.daemon.module": "tests.counted_calls"}
    return spark_session(settings.model_copy(update={"conf": conf}), "kills")


def reconnect() -> None:
    """Gives a fork connections of its own to the JVM; those it inherited are its parent's."""
    from pyspark import SparkContext

    client = SparkContext._gateway._gateway_client  # type: ignore[union-attr]
    client.inherited = list(client.deque)  # not closed, as long as this process lives
    client.deque.clear()
    client.thread_connection = threading.local()


def settle(spark: Any, workers: list[psutil.Process]) -> None:
    """Ends the jobs of a killed process, and the workers, which would have gone with its JVM."""
    context = spark.sparkContext
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    psutil.wait_procs(workers)
    context.cancelAllJobs()
    executors = context._jsc.sc().statusStore()
    while any(
        executors.executorList(False).apply(i).activeTasks() for i in range(executors.executorList(False).size())
    ):
        time.sleep(0.02)
    spark.catalog.clearCache()


if __name__ == "__main__":
    main()
