"""Starts the ranks, and ties their lives to this process.

Those of this machine are its children; those of a hostfile are reached by the deepspeed launcher through pdsh and ssh,
also where it names one host. A signal can get lost: the former inherit the reading end of a pipe as standard input, and
end when it closes, which the kernel does for this process however it ends.
"""

import os
import re
import socket
import threading
from collections import deque
from importlib.metadata import version
from pathlib import Path

from configs.errors import EndedError, RestartError, UserError
from configs.hostfile import hosts
from configs.train import Launch
from pipeline.contract.progress import say
from pipeline.contract.shortage import killed
from pipeline.contract.stages import STAGES
from training.local_ranks import LocalRanks
from training.machines import RanksOfHosts, check_machines

FAILURE = re.compile(r"^rank (\d+) failed: (\w+): (.*)$")
EXIT = re.compile(r"exits with return code = (-?\d+)$")
LOST = re.compile(r"connection (reset|closed) by peer|broken pipe|remote process exit", re.IGNORECASE)
"""What Gloo and NCCL say in a rank to which another one no longer speaks."""

TOLD = {kind.__name__: kind for kind in (UserError, RestartError, EndedError)}
"""What a rank tells in one line that needs no trace."""

HUNG_SECONDS = 5.0
"""Between the first word of a hung rank and the end of all on this machine: the others say theirs."""

WORKER = Path(__file__).with_name("worker.py")


def launch(job: Path, settings: Launch, scratch: Path, script: Path = WORKER) -> None:
    """Runs `script`, training/worker.py, on all ranks, and streams what they print.

    scratch: folder for what the launch itself needs. Raises the UserError of a rank, or of machines that cannot
    run one, RestartError of ranks that were told to stop, EndedError for a rank that was killed, hung or lost, or
    RuntimeError with the first failure of any rank, or with the last lines when none was told.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    environment, command = _environment(settings, scratch), [str(script), str(job)]
    process: LocalRanks | RanksOfHosts
    if settings.hostfile:
        machines = hosts(Path(settings.hostfile))
        check_machines(machines, job)
        process = RanksOfHosts(command, machines, scratch / "hostfile", free_port(), environment)
    else:
        process = LocalRanks(command, settings.ranks, free_port(), environment)
    failure = None
    last: deque[str] = deque(maxlen=5)
    try:
        for line in process.stdout:
            say(line.rstrip("\n"))
            last.append(line.strip())
            if failure is None and (failure := FAILURE.match(line)) and failure[2] == EndedError.__name__:
                threading.Timer(HUNG_SECONDS, process.kill).start()
        code = process.wait()
    finally:
        process.end()
    rank, kind, message = failure.groups() if failure else ("", "", "")
    if kind in TOLD:
        raise TOLD[kind](message)
    ended = next((int(found[1]) for line in last if (found := EXIT.search(line))), code)
    if because := killed("train: a rank", ended, [STAGES["train"]]):
        raise EndedError(because)  # the others then fail for want of it
    if failure and LOST.search(message):
        raise EndedError(f"train: a rank ended without a word, as one does that is killed; rank {rank}: {message}")
    if failure:
        raise RuntimeError(f"train: rank {rank}: {kind}: {message}")
    if code:
        raise RuntimeError(f"train: the ranks ended with status {code}; their last words: {' | '.join(last)}")


def report_failure(rank: int, error: BaseException) -> None:
    """One line that `launch` recognises, in one write, since ranks share the pipe."""
    message = " ".join(str(error).split())
    os.write(1, f"\nrank {rank} failed: {type(error).__name__}: {message}\n".encode())


def end_with_stdin() -> None:
    """Ends this process as soon as standard input closes."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="end with stdin").start()


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _environment(settings: Launch, scratch: Path) -> dict[str, str]:
    """The environment of ranks, and of the launcher of those of a hostfile.

    DeepSpeed imports MLflow wherever it is installed, for its autotuner, which costs each process
    four seconds: a module of that name that refuses to load, first
    on the path, spares them. Ranks need no MLflow (see training/mlflow_logger.py).
    """
    shadow = scratch / "path"
    shadow.mkdir(parents=True, exist_ok=True)
    (shadow / "mlflow.py").write_text('raise ImportError("MLflow is not used by ranks")\n')
    environment = dict(os.environ)
    root = str(WORKER.parent.parent)
    path = [str(shadow), root, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    environment["PYTHONSAFEPATH"] = "1"  # or a file of training/ would hide a package of its name from all libraries
    environment["OMP_NUM_THREADS"] = str(settings.threads)
    environment["TOKENIZERS_PARALLELISM"] = "false"
    if version("torch").endswith("+cpu"):
        environment["DS_ACCELERATOR"] = "cpu"
    environment["PYTHONWARNINGS"] = "ignore::FutureWarning"
    environment["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    return environment
