"""A Spark standalone cluster of one master and two workers gives the bytes that local mode gives, also
when a worker is killed in the middle, and with executors that have never seen the repository."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyspark
import pytest

from configs.load import load_profile
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of
from pipeline.spark.package import NEEDED, settings, write_code, write_environment
from plugins.spark_operator import ParlanceSparkOperator

pytestmark = pytest.mark.cluster

SPARK = Path(pyspark.__file__).parent
BASE_PYTHON = shutil.which(f"python3.{sys.version_info.minor}", path=f"{sys.base_prefix}/bin") or sys.executable
SMALL = {
    "spark.executor.memory": "512m",
    "spark.sql.shuffle.partitions": "4",
    "spark.network.timeout": "60s",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


WORDS = ("river", "tram", "castle", "rain", "ticket", "bridge", "market", "early", "north", "garden", "lamp", "bread")


class Cluster:
    """A master and its workers, each its own process, on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._started: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        _, log = self._start("master", "master.Master", "--port 0")
        self.url = self._said(log, r"Starting Spark master at (spark://\S+)")
        self.add_worker()
        self.add_worker()

    def add_worker(self) -> None:
        name = f"worker-{len(self._started)}"
        arguments = f"--cores 1 --memory 1g --work-dir {self._folder / name} {self.url}"
        worker, log = self._start(name, "worker.Worker", arguments)
        self._said(log, "Successfully registered with master")
        self.workers.append(worker)

    def kill_worker(self, stop: threading.Event) -> bool:
        """Kills the first worker of which a Python worker is at work, with its executor; False when stopped."""
        while not stop.wait(0.02):
            for worker in self.workers:
                family = psutil.Process(worker.pid).children(recursive=True)
                if sum("pyspark.daemon" in " ".join(_command(process)) for process in family) >= 2:
                    for process in (psutil.Process(worker.pid), *family):
                        process.kill()
                    self.workers.remove(worker)
                    return True
        return False

    def close(self) -> None:
        for process in self._started:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            for member in family:
                member.kill()
            process.wait()
        shutil.rmtree(self._folder)  # executors that were killed leave half a gigabyte each

    def _start(self, name: str, main: str, arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"{name}.log"
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_HOME": str(SPARK),
            "SPARK_LOCAL_DIRS": str(self.temporary),
            "SPARK_WORKER_OPTS": "-Dspark.worker.cleanup.enabled=false",
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                f"{SPARK}/bin/spark-class org.apache.spark.deploy.{main}".split()
                + f"--host 127.0.0.1 --webui-port 0 {arguments}".split(),
                cwd=self._folder,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process, log

    def _said(self, log: Path, pattern: str) -> str:
        """The first group of a line of a log, or the whole match, once it is there."""
        deadline = time.monotonic() + 120
        while (found := re.search(pattern, log.read_text(errors="replace"))) is None:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return found.group(found.re.groups)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a package as `make spark-package` writes it."""
    folder = tmp_path_factory.mktemp("dist")
    light = [name for name in NEEDED if name not in ("transformers", "tokenizers")]
    environment = write_environment(folder / "parlance-environment.tar", light)
    return {**settings(write_code(folder / "parlance.zip"), environment), "spark.pyspark.python": BASE_PYTHON}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """3,000 conversations in four files, some of them twice, and a line that is none."""
    folder = tmp_path / "data"
    folder.mkdir()
    for part in range(4):
        draw = random.Random(part)
        with (folder / f"{part}.jsonl").open("w") as file:
            file.write("{cut\n")
            for number in range(750):
                said = " ".join(draw.choices(WORDS, k=14))
                record = {"prompt": f"Tell me about the {said}?", "response": f"It is near the {said} {number % 700}."}
                file.write(json.dumps(record) + "\n")
    return folder


def begin(root: Path, data: Path, conf: dict[str, str], master: str = "local[2]") -> Run:
    overrides = [f"storage.root={root}", f"spark.master={master}", "spark.driver_memory=512m", "spark.from_rows=0"]
    return Run.begin(load_profile("scratch", [*overrides, f"spark.conf={json.dumps(conf)}"], str(data)), "test")


def checksums(run: Run, *tasks: str) -> dict[str, list[tuple[str, str]]]:
    return {
        stage.name: [(file["path"], file["sha256"]) for file in run.artifact(stage.name).manifest["files"]]
        for task in tasks
        for stage in stages_of(task)
    }


def test_a_killed_worker_does_not_change_a_byte(
    cluster: Cluster,
    package: dict[str, str],
    data: Path,
    tmp_path: Path,
    make_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = ("acquire", "clean", "deduplicate")
    local = make_run(data=data)
    for task in tasks:
        execute(local, task)
    host, port = cluster.url.rpartition(":")[::2]
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": host, "port": int(port)})
    )
    elsewhere = {"spark.executor.extraJavaOptions": f"-Djava.io.tmpdir={cluster.temporary}"}
    remote = begin(tmp_path / "remote", data, {**SMALL, **package, **elsewhere})
    for task in tasks:
        stop, killed = threading.Event(), list[bool]()
        killer = threading.Thread(target=lambda stop=stop, killed=killed: killed.append(cluster.kill_worker(stop)))
        killer.start()
        try:
            ParlanceSparkOperator(task_id=task, task=task, run=str(remote.folder)).execute(_context())
        finally:
            stop.set()
            killer.join()
        assert killed == [True], f"{task} ended before its worker was killed"
        if task != tasks[-1]:
            cluster.add_worker()
    assert checksums(remote, *tasks) == checksums(local, *tasks)


def _context() -> Any:
    class Store:
        def set(self, key: str, value: Any) -> None: ...

    return {"task_state_store": Store()}
