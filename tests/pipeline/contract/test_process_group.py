"""Whatever dies, nothing that a guarded command started survives it. Real processes throughout."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.contract.process_group import GRACE, end, run_attached, start_guarded
from tests.alive import alive

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal and child subreapers")

FAMILY = textwrap.dedent("""
    import os, signal, subprocess, sys, time
    from pathlib import Path
    folder = Path(sys.argv[1])
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    same = subprocess.Popen(sleeper)
    apart = subprocess.Popen(sleeper, start_new_session=True)
    abandoned = subprocess.run(
        [sys.executable, "-c", f"import subprocess; print(subprocess.Popen({sleeper!r}, start_new_session=True, "
         "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"], capture_output=True, text=True).stdout.strip()
    (folder / "pids.partial").write_text(f"{os.getpid()} {same.pid} {apart.pid} {abandoned}")
    (folder / "pids.partial").rename(folder / "pids")
    print("family complete", flush=True)
    if "leave" not in sys.argv:
        time.sleep(600)
""")
"""A command with a child, a child in its own session, and a grandchild that lost its parent."""

OPERATOR = textwrap.dedent("""
    import sys, time
    from pipeline.contract.process_group import start_guarded
    process = start_guarded(sys.argv[1:])
    print(process.pid, flush=True)
    time.sleep(600)
""")


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[..., list[psutil.Process]]]:
    """family() waits for the command above and returns its four processes."""
    known: list[psutil.Process] = []

    def wait() -> list[psutil.Process]:
        deadline = time.monotonic() + 20
        while not (tmp_path / "pids").exists():
            assert time.monotonic() < deadline, "the command did not start"
            time.sleep(0.02)
        known.extend(psutil.Process(int(pid)) for pid in (tmp_path / "pids").read_text().split())
        assert len(known) == 4
        return known

    yield wait
    for process in known:
        if process.is_running():
            process.kill()


def command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-c", FAMILY, str(folder), *options]


def all_dead(processes: list[psutil.Process], seconds: float = 2.0) -> bool:
    deadline = time.monotonic() + seconds
    while left := alive(processes):
        if time.monotonic() > deadline:
            print("alive:", left)
            return False
        time.sleep(0.02)
    return True


def test_output_and_exit_status_are_the_commands() -> None:
    process = start_guarded(["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert process.stdout is not None
    assert process.stdout.read() == b"out\nerr\n"
    assert process.wait() == 7


def test_a_command_ended_by_a_signal_exits_with_128_plus_it() -> None:
    assert run_attached(["sh", "-c", "kill -9 $$"]) == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_attached(["no-such-program"]) == 127
    assert "error: no-such-program: No such file or directory" in capfd.readouterr().err


def test_the_command_has_no_standard_input() -> None:
    assert run_attached([sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.read()))"]) == 0


@linux
def test_what_a_finished_command_left_running_is_ended(tmp_path: Path) -> None:
    assert run_attached(command(tmp_path, "leave")) == 0
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 4
    assert not any(psutil.pid_exists(pid) for pid in pids)


@linux
def test_closing_the_pipe_ends_the_whole_family(tmp_path: Path, family: Callable[..., list[psutil.Process]]) -> None:
    process = start_guarded(command(tmp_path))
    processes = family()
    end(process)
    assert process.poll() == 128 + signal.SIGTERM
    assert all_dead(processes, seconds=0)


@linux
def test_a_family_that_ignores_sigterm_is_killed_after_the_grace(
    tmp_path: Path, family: Callable[..., list[psutil.Process]]
) -> None:
    process = start_guarded(command(tmp_path, "stubborn"))
    processes = family()
    started = time.monotonic()
    end(process, GRACE + 3)
    assert all_dead(processes, seconds=0)
    assert GRACE <= time.monotonic() - started < GRACE + 2


@linux
def test_the_family_dies_when_the_operator_is_killed(
    tmp_path: Path, family: Callable[..., list[psutil.Process]]
) -> None:
    operator = subprocess.Popen([sys.executable, "-c", OPERATOR, *command(tmp_path)], stdout=subprocess.PIPE)
    assert operator.stdout is not None
    guard = psutil.Process(int(operator.stdout.readline()))
    processes = [*family(), guard, *guard.children()]
    operator.kill()
    operator.wait()
    assert all_dead(processes)


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
@pytest.mark.parametrize("which", ["outer", "inner"])
def test_the_family_dies_when_a_guard_is(
    tmp_path: Path, family: Callable[..., list[psutil.Process]], number: int, which: str
) -> None:
    process = start_guarded(command(tmp_path))
    processes = family()
    outer = psutil.Process(process.pid)
    (inner,) = outer.children()
    os.kill((outer if which == "outer" else inner).pid, number)
    assert all_dead([*processes, inner])
    process.wait(5)
    assert process.returncode not in (0, None)


SPAWNED_LATE = textwrap.dedent("""
    import multiprocessing, os, sys, time
    from pathlib import Path
    from pipeline.contract.process_group import die_with_spawner

    def asks_late(folder, spawner):
        (folder / "started").touch()
        while (folder / "spawner dies").exists() and os.getppid() == spawner:
            time.sleep(0.01)
        die_with_spawner()
        (folder / "outlived").touch()

    if __name__ == "__main__":
        folder = Path(sys.argv[1])
        process = multiprocessing.get_context("spawn").Process(target=asks_late, args=(folder, os.getpid()))
        process.start()
        while (folder / "spawner dies").exists() and not (folder / "started").exists():
            time.sleep(0.01)
        if (folder / "spawner dies").exists():
            os._exit(0)
        process.join()
""")


@pytest.mark.parametrize("dies", [True, False])
def test_a_spawned_process_whose_parent_died_before_it_asked_dies_too(tmp_path: Path, dies: bool) -> None:
    script = tmp_path / "spawner.py"
    script.write_text(SPAWNED_LATE)
    if dies:
        (tmp_path / "spawner dies").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(  # which waits until the spawned one has ended too: it has this pipe
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment, timeout=60
    )
    assert told.returncode == 0
    assert (tmp_path / "started").exists()
    assert (tmp_path / "outlived").exists() != dies
