"""Runs a command so that nothing of it is left behind, whatever dies.

    python -m pipeline.contract.process_group -- COMMAND…

The caller holds the other end of this program's standard input, a pipe. When that pipe closes (the
caller ended, was cleared, or was killed with SIGKILL), or on SIGTERM, every descendant of the
command gets SIGTERM and, GRACE seconds later, SIGKILL: also those that started sessions of their
own, as a JVM's Python workers or DeepSpeed's ranks do. When the command ends by itself, what it
left running is ended too. Output is inherited; the exit status is the command's, or 128 + the
signal that ended it.

Mechanism: two guards, one the parent of the other, and the command below them. Each guard is a
child subreaper, so descendants that lose their parent become its children instead of init's, and
each end of the pair ends the other's tree: the inner guard gets SIGTERM when the outer one dies
(PR_SET_PDEATHSIG), and the outer one inherits the tree when the inner one dies.

Known limitations: both guards killed with SIGKILL at the same instant leave what the command
started (the command itself still dies with its parent). Outside Linux there is neither subreaper
nor death signal: closing the pipe and SIGTERM still end the tree, killing a guard does not.
"""

import ctypes
import multiprocessing
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import psutil

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL. Airflow allows an operator five in all."""

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def guarded(command: list[str]) -> list[str]:
    """The command line that runs `command` under guard; start it with start_guarded."""
    return [sys.executable, "-m", "pipeline.contract.process_group", "--", *command]


def start_guarded(command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a command under guard, in its own session, with its output on `.stdout`.

    Close `.stdin` to end it; it also closes when this process dies.
    """
    return subprocess.Popen(
        guarded(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def run_attached(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Runs a command under guard in this terminal and returns its exit status.

    Ctrl-C, or any other end of this process, ends the command and all that it started.
    """
    process = subprocess.Popen(guarded(command), stdin=subprocess.PIPE, env=environment, start_new_session=True)
    try:
        return process.wait()
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], seconds: float = GRACE + 1) -> None:
    """Closes the guard's pipe and waits, at most so long, until all it guards has ended."""
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()


def die_with_parent(number: int, parent: int | None = None) -> None:
    """Asks for signal `number` when the parent of this process dies (0: no longer), and gets it now if that has died
    already. parent: its process id, which is all that tells afterwards; without it only what comes is asked for.

    Outside Linux the parent is looked at now, and never again.
    """
    _prctl(PR_SET_PDEATHSIG, number)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def die_with_spawner() -> None:
    """Asks to be killed when the process dies that had multiprocessing spawn this one."""
    spawner = multiprocessing.parent_process()
    assert spawner, "this process was not spawned"
    die_with_parent(signal.SIGKILL, spawner.pid)


def main(arguments: list[str]) -> int:
    """Guards the command after `--` and returns its exit status."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print("error: usage: python -m pipeline.contract.process_group -- COMMAND…", file=sys.stderr)
        return 2
    kind = os.fstat(0).st_mode
    lifeline = 0 if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) else None
    outer = os.getpid()

    def start_inner() -> NoReturn:
        die_with_parent(signal.SIGTERM, outer)
        inner = os.getpid()
        os._exit(_guard(lambda: _start(command, inner), None))

    return _guard(start_inner, lifeline)


def _guard(start: Callable[[], NoReturn], lifeline: int | None) -> int:
    """Forks `start` and waits for its end, a stop signal, or the end of file on `lifeline`."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handled = (*STOP_SIGNALS, signal.SIGCHLD)
    for number in handled:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        start()
    status, stopped = None, False
    watched = [wake] if lifeline is None else [wake, lifeline]
    while status is None and not stopped:
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            stopped = any(number in STOP_SIGNALS for number in os.read(wake, 512))
        if lifeline in ready:
            stopped = stopped or not os.read(0, 512)
        status = _reap().get(pid)
    status = _end_descendants().get(pid, status)
    return 128 + signal.SIGTERM if status is None else status


def _end_descendants() -> dict[int, int]:
    """SIGTERM, then SIGKILL, to every descendant until none is left; statuses as _reap's."""
    found = _reap()
    deadline = time.monotonic() + GRACE
    asked: set[int] = set()
    while descendants := psutil.Process().children(recursive=True):
        late = time.monotonic() > deadline
        for process in descendants:
            if late or process.pid not in asked:
                asked.add(process.pid)
                try:
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
                except psutil.NoSuchProcess:
                    continue
        time.sleep(0.02)
        found |= _reap()
    return found


def _reap() -> dict[int, int]:
    """pid to exit status of every child that has ended."""
    found: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        code = os.waitstatus_to_exitcode(status)
        found[pid] = 128 - code if code < 0 else code


def _start(command: list[str], parent: int) -> NoReturn:
    """Becomes the command, in a session of its own and without input."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    die_with_parent(signal.SIGKILL, parent)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
