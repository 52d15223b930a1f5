"""The Spark operator with a real spark-submit: same door, same log, nothing left behind."""

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from configs.engines import LOCAL_JVM
from pipeline.contract.run import Run
from plugins.spark_operator import ParlanceSparkOperator
from tests.plugins.conftest import commit

LOCAL = json.dumps({"conn_type": "spark", "host": "local[1]"})


def operator(run: Run, task: str = "acquire") -> ParlanceSparkOperator:
    return ParlanceSparkOperator(task_id=task, task=task, run=str(run.folder))


def test_a_stage_runs_under_spark_submit_and_only_its_own_lines_are_logged(
    run: Run, context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # spark-submit is found beside the interpreter
    given = context()
    returned = operator(run).execute(given)
    assert returned["acquire"] == {
        **{"fingerprint": run.fingerprint("acquire"), "cached": False},
        **{"rows_in": 3, "rows_out": 3},
    }
    parts = run.artifact("acquire").parquet().glob("*.parquet")
    assert sum(pq.read_metadata(part).num_rows for part in parts) == 3
    assert given["task_state_store"].values["stage:acquire"]["rows_out"] == 3
    log = (run.folder / "logs" / "acquire.log").read_text()
    assert "acquire: done in" in log
    assert not [line for line in log.splitlines() if "WARN" in line or "INFO" in line or "incubator" in line], log


def test_a_found_artifact_needs_neither_spark_nor_its_connection(
    run: Run, context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT", raising=False)
    commit(run, "acquire")
    assert operator(run).execute(context())["acquire"]["rows_out"] == 3


def test_a_missing_connection_is_named_instead_of_falling_back_to_yarn(
    run: Run, context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPARK_DEFAULT", raising=False)
    with pytest.raises(AirflowFailException, match="connection spark_default is missing; add it under Admin"):
        operator(run).execute(context())


def test_the_profile_sets_memory_and_settings(run: Run) -> None:
    task = operator(run)
    settings = {"spark.sql.shuffle.partitions": "3", "spark.driver.extraJavaOptions": "-Xss4m"}
    spark = run.profile.spark.model_copy(update={"conf": settings, "driver_memory": "3g"})
    run.__dict__["profile"] = run.profile.model_copy(update={"spark": spark})
    task._settle(run, "local[2]")
    assert task._driver_memory == "3g"
    assert (task.conf or {})["spark.sql.shuffle.partitions"] == "3"
    assert (task.conf or {})["spark.driver.extraJavaOptions"].endswith(f"log4j2.properties {LOCAL_JVM} -Xss4m")
    assert (task.conf or {})["spark.driver.host"] == "127.0.0.1"
    other = operator(run)
    other._settle(run, "spark://master:7077")
    assert LOCAL_JVM not in (other.conf or {})["spark.driver.extraJavaOptions"]
    assert "spark.driver.host" not in (other.conf or {})


def test_no_jvm_starts_while_another_run_makes_the_artifact(
    run: Run, context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one commits meanwhile, so that nothing is submitted at all."""
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL)
    monkeypatch.setattr(
        "pipeline.contract.artifact.ArtifactStore.await_others", lambda *_: commit(run, "acquire"), raising=True
    )
    monkeypatch.setattr(
        "plugins.spark_operator.ParlanceSparkOperator._submit", lambda *_: pytest.fail("a JVM was started")
    )
    assert operator(run).execute(context())["acquire"]["rows_out"] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal")
def test_a_killed_worker_leaves_no_jvm(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", LOCAL)
    code = f"""
        from pathlib import Path
        from pipeline.contract.run import Run
        from tests.plugins.test_spark_operator import operator
        operator(Run(Path({str(run.folder)!r}))).execute({{}})
    """
    worker = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    family: dict[psutil.Process, str] = {}
    while "java" not in family.values():
        assert worker.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
        family = _family(worker.pid)
    worker.kill()
    worker.wait()
    _, alive = psutil.wait_procs(list(family), timeout=8)
    assert not [process for process in alive if process.is_running()]


def _family(pid: int) -> dict[psutil.Process, str]:
    """Every descendant and its program."""
    family = {}
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            family[process] = process.name()
    return family
