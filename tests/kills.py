"""A task of a run, killed before single file-system calls and run again, ends as if nothing had happened.

    python -m tests.kills RUN TASK SAMPLES SEED

Every trial begins with the root as it is, kills the task with SIGKILL before one of the calls that change files under
the root (all of them, or SAMPLES drawn by SEED), runs it again, and compares what it left with an undisturbed one.
Calls are those that Python makes: opening a file to write, renaming, linking, deleting, making folders, syncing.
Each attempt is a fork of this process, which has loaded the stage: a trial costs what the stage does.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.contract.atomic_write import LOCKING_SECONDS
from pipeline.contract.execute import StageContext, execute
from pipeline.contract.finished import Finished
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES, stages_of

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"}
PROJECT = Path(__file__).resolve().parents[1]


def killed_and_run_again(run: Run, task: str, samples: int, seed: int = 0) -> dict[str, Any]:
    """{calls, differing} of trials in a process of its own; differing: what of each trial was not as undisturbed."""
    command = [sys.executable, "-m", "tests.kills", str(run.folder), task, str(samples), str(seed)]
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
    folder, task, samples, seed = sys.argv[1:]
    STAGES["toy"] = Stage("toy", entry="tests.kills:toy", resumable=True)
    run = Path(folder)
    root = run.parent.parent
    for stage in stages_of(task):
        stage.load()
    before, log = root.with_name(f"{root.name}-before"), root.with_name(f"{root.name}.log")
    shutil.copytree(root, before, symlinks=True)
    calls = _attempt(run, task, log, None)
    expected = _left(run, task)
    chosen = sorted(random.Random(int(seed)).sample(range(1, calls + 1), min(calls, int(samples))))
    differing = []
    for call in chosen:
        shutil.rmtree(root)
        shutil.copytree(before, root, symlinks=True)
        _attempt(run, task, log, call)
        for left in root.rglob(".*.partial"):  # as if it had taken longer to start again
            os.utime(left, (left.stat().st_mtime - 2 * LOCKING_SECONDS,) * 2)
        _attempt(run, task, log, None)
        if (found := _left(run, task)) != expected:
            differing.append([call, found, expected])
    print(json.dumps({"calls": calls, "trials": len(chosen), "differing": differing}))


def _attempt(run: Path, task: str, log: Path, call: int | None) -> int:
    """Runs the task in a fork, which is killed before that call if it comes to it; the calls that it made.

    How many there are differs a little: what has just changed is not remembered in the root's hashes.journal.
    """
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if call is not None and status == -signal.SIGKILL:
            return call - 1
        said = log.read_text()
        assert status == 0, f"call {call}, status {status}: {said}"
        made = int(said.splitlines()[-1])
        assert call is None or made < call, f"was not killed before call {call} of {made}"
        return made
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        counted = _counted(str(run.parent.parent), call)
        execute(Run(run), task)
        print(counted[0], flush=True)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(1)


def _counted(root: str, call: int | None) -> list[int]:
    """Counts this process's changes of files under the root from now on, and kills it before that call."""
    made = [0]

    def count() -> None:
        made[0] += 1
        if made[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in CHANGES or writes) and str(arguments[0]).startswith(root):
            count()

    real = os.fsync

    def fsync(fd: Any) -> None:
        count()
        real(fd)

    sys.addaudithook(hear)
    os.fsync = fsync
    return made


def _left(run: Path, task: str) -> dict[str, Any]:
    """What the task left: files by name and hash, the ledger, and whatever lies beside artifacts and records."""
    this = Run(run)
    left: dict[str, Any] = {}
    for stage in stages_of(task):
        artifact = this.artifact(stage.name)
        assert artifact.damage() == []
        manifest = artifact.manifest
        left[stage.name] = [manifest["fingerprint"], manifest["ledger"], manifest["files"]]
    hidden = [p.relative_to(this.root).as_posix() for p in this.root.rglob(".*") if p.suffix != ".lock"]
    return left | {"hidden": sorted(hidden)}


if __name__ == "__main__":
    main()
