"""The operator in front of a real process: what it shows, what it returns, how it fails, how it ends."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from pipeline.contract.process_group import GRACE
from pipeline.contract.run import Run
from plugins.stage_operator import OUTLIVED_SECONDS, StageOperator, raise_for_status
from tests.alive import alive, processes_of
from tests.plugins.conftest import COMMIT, commit

FAMILY = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
Path(sys.argv[1], "pids.partial").write_text(f"{os.getpid()} {child.pid}")
Path(sys.argv[1], "pids.partial").rename(Path(sys.argv[1], "pids"))
time.sleep(600)
"""


class Snippet(StageOperator):
    """A StageOperator whose command is a few lines of Python, with the run's folder as its argument."""

    def __init__(self, *, code: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.code = code

    def command(self, run: Run, context: Context) -> list[str]:  # noqa: ARG002
        return [sys.executable, "-c", textwrap.dedent(self.code), str(run.folder), self.stage_task]


def snippet(code: str, run: Run, task: str = "acquire") -> Snippet:
    return Snippet(code=code, task_id=task, task=task, run=str(run.folder))


def test_lines_go_to_the_task_log_and_to_the_runs_folder(
    run: Run, context: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    snippet("print('acquire: 3 rows of ünïcode')" + COMMIT, run).execute(context())
    assert "acquire: 3 rows of ünïcode" in capsys.readouterr().out
    assert (run.folder / "logs" / "acquire.log").read_text() == "acquire: 3 rows of ünïcode\n"


def test_bytes_that_are_no_text_do_not_stop_the_task(run: Run, context: Callable[..., Any]) -> None:
    code = "import sys; sys.stdout.buffer.write(bytes([0xff, 0xfe, 10])); sys.stdout.flush()"
    snippet(code + COMMIT, run).execute(context())
    assert "\ufffd" in (run.folder / "logs" / "acquire.log").read_text()


def test_progress_events_become_live_state_and_stay_out_of_the_log(
    run: Run, context: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code = """
        from pipeline.contract.progress import emit
        emit("progress", label="acquire", done=2, total=3, unit="rows", line="67%")
        emit("stage", name="acquire", cached=False, seconds=1.0, rows_in=3, rows_out=3)
        print("@parlance not json")
    """
    given = context()
    snippet(textwrap.dedent(code) + COMMIT, run).execute(given)
    assert given["task_state_store"].values["progress"]["done"] == 2
    assert given["task_state_store"].values["stage:acquire"]["rows_out"] == 3
    assert "@parlance" not in capsys.readouterr().out
    assert "@parlance" not in (run.folder / "logs" / "acquire.log").read_text()


def test_a_store_that_fails_does_not_stop_the_stage(run: Run, context: Callable[..., Any]) -> None:
    class Broken:
        def set(self, key: str, value: object) -> None:
            raise ConnectionError(f"{key} {value}")

    code = "from pipeline.contract.progress import emit; emit('stage', name='acquire')"
    assert snippet(code + COMMIT, run).execute(context(task_state_store=Broken()))


def test_returns_small_numbers_of_each_stage(run: Run, context: Callable[..., Any]) -> None:
    commit(run, "acquire")
    returned = snippet(COMMIT, run, task="clean").execute(context())
    expected = {"cached": False, "rows_in": 3, "rows_out": 3}
    assert returned == {name: {**expected, "fingerprint": run.fingerprint(name)} for name in ("score", "clean")}


def test_a_found_artifact_starts_no_process(run: Run, context: Callable[..., Any], capsys: Any) -> None:
    commit(run, "acquire")
    again = Run.begin(run.profile, "again")
    started = time.monotonic()
    returned = snippet("raise SystemExit('must not run')", again).execute(context())
    assert returned["acquire"]["cached"] is True
    assert again.outcomes()["acquire"]["cached"] is True
    assert "acquire: found" in capsys.readouterr().out
    assert "acquire: found" in (again.folder / "logs" / "acquire.log").read_text()
    assert time.monotonic() - started < 1


def test_a_users_error_fails_without_retry_and_with_its_own_words(run: Run, context: Callable[..., Any]) -> None:
    code = "import sys; print('error: clean.rules: too strict; relax them', file=sys.stderr); sys.exit(2)"
    with pytest.raises(AirflowFailException, match=r"^clean.rules: too strict; relax them$"):
        snippet(code, run).execute(context())


def test_another_error_fails_with_its_last_line_and_may_be_retried(run: Run, context: Callable[..., Any]) -> None:
    code = "print('error: unexpected ValueError: 3'); raise SystemExit(1)"
    with pytest.raises(AirflowException, match=r"^unexpected ValueError: 3$") as caught:
        snippet(code, run).execute(context())
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("status", [-9, 137])
def test_a_stage_that_a_signal_ended_is_no_failure_before_it_was_outlived(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a server that is killed with its tasks would take a retry from each."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    with pytest.raises(AirflowException, match="acquire: ended by SIGKILL"):
        raise_for_status("acquire", status, "")
    assert waited == [OUTLIVED_SECONDS]
    assert OUTLIVED_SECONDS > GRACE
    with pytest.raises(AirflowException, match="unexpected"):
        raise_for_status("acquire", 1, "unexpected ValueError")
    assert len(waited) == 1


def test_a_stage_that_is_killed_says_so(run: Run, context: Callable[..., Any]) -> None:
    with pytest.raises(AirflowException, match="acquire: ended by SIGKILL, perhaps for want of memory"):
        snippet("import os; os.kill(os.getpid(), 9)", run).execute(context())


def test_a_source_that_has_gone_is_named(run: Run, context: Callable[..., Any]) -> None:
    Path(str(run.profile.acquire.sources[0].path)).unlink()
    with pytest.raises(AirflowFailException, match=r"conversations.jsonl does not exist; correct the path"):
        snippet(COMMIT, run).execute(context())


def test_a_folder_that_is_no_run_is_named(context: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="not a run's folder"):
        StageOperator(task_id="acquire", task="acquire", run=str(tmp_path)).execute(context())


def test_a_task_that_times_out_leaves_no_process(run: Run, context: Callable[..., Any]) -> None:
    operator = snippet(FAMILY, run)
    with pytest.raises(AirflowTaskTimeout), timeout(3):
        operator.execute(context())
    assert all(not psutil.pid_exists(pid) for pid in _pids(run))


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal")
@pytest.mark.parametrize("victim", ["operator", "its supervisor"])
def test_a_killed_worker_leaves_no_process(run: Run, victim: str) -> None:
    code = f"""
        import os, sys, time
        from pathlib import Path
        from pipeline.contract.run import Run
        from tests.plugins.test_stage_operator import FAMILY, snippet
        if os.fork():
            print("supervisor", flush=True)
            time.sleep(600)
        Path({str(run.folder)!r}, "operator").write_text(str(os.getpid()))
        snippet(FAMILY, Run(Path({str(run.folder)!r}))).execute({{}})
    """
    supervisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.DEVNULL)
    pids = _pids(run)
    operator = int((run.folder / "operator").read_text())
    psutil.Process(operator if victim == "operator" else supervisor.pid).kill()
    _, left = psutil.wait_procs(processes_of([*pids, operator]), timeout=8)
    supervisor.kill()
    supervisor.wait()
    assert not alive(left)


def _pids(run: Run) -> list[int]:
    """The processes of FAMILY, as soon as it has named them."""
    deadline = time.monotonic() + 60
    while not (run.folder / "pids").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [int(pid) for pid in (run.folder / "pids").read_text().split()]
