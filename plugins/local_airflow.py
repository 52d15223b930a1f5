"""Airflow's processes on this machine, over SQLite."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from configs.errors import UserError
from configs.guard import GRANTED
from pipeline.contract.atomic_write import write_text
from pipeline.contract.process_group import end, guarded
from pipeline.contract.progress import say
from plugins.project import PROJECT

COMPONENTS = ("api-server", "scheduler", "dag-processor")
"""No triggerer: nothing here defers, and an approval waits without one."""

START_SECONDS = 120


class Airflow:
    """The processes of Airflow, over SQLite in <root>/airflow, as a context manager.

    Each runs under a guard, so none survives this process, however it ends.

    granted: settings, key=value, that a run of this server may be triggered with besides what the guard file allows.
    """

    def __init__(self, root: Path, port: int, granted: Sequence[str] = ()) -> None:
        self.root, self.port = root, port
        self.home = root / "airflow"
        self.address = f"http://localhost:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = airflow_environment(root, port) | {GRANTED: json.dumps(list(granted))}

    def __enter__(self) -> "Airflow":
        started = time.monotonic()
        try:
            (self.home / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.home}: cannot be written ({error.strerror}); set PARLANCE_ROOT") from error
        self.password = self._password()
        self._migrate()
        try:
            for component in COMPONENTS:
                self._start(component)
            self._await_health(started)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ended(self) -> str:
        """Name of a component that has ended, or nothing."""
        return next((name for name, p in self.processes.items() if p.poll() is not None), "")

    def log(self, component: str) -> Path:
        return self.home / "logs" / f"{component}.log"

    def client(self) -> httpx.Client:
        """A client of the REST API, logged in as admin."""
        login = {"username": "admin", "password": self.password}
        token = httpx.post(f"{self.address}/auth/token", json=login, timeout=30).raise_for_status().json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return httpx.Client(base_url=f"{self.address}/api/v2", headers=headers, timeout=30)

    def _start(self, component: str) -> None:
        with self.log(component).open("ab") as log:
            self.processes[component] = subprocess.Popen(
                guarded([str(Path(sys.executable).parent / "airflow"), component]),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=PROJECT,
                start_new_session=True,
            )

    def _end(self) -> None:
        """The API server first: a task that is ended with the scheduler then cannot report that as its failure, and
        the next scheduler begins it again."""
        server = self.processes.pop("api-server", None)
        if server:
            end(server, seconds=10)
        for process in self.processes.values():
            if process.stdin:
                process.stdin.close()
        for process in self.processes.values():
            end(process, seconds=10)

    def _password(self) -> str:
        path = self.home / "passwords.json"
        if not path.is_file():
            write_text(path, json.dumps({"admin": secrets.token_urlsafe(12)}))
            path.chmod(0o600)
        return json.loads(path.read_text())["admin"]

    def _migrate(self) -> None:
        """Creates the database once for each version of Airflow."""
        stamp = self.home / f"database-{version('apache-airflow')}"
        if stamp.is_file():
            return
        say("Airflow: creating its database")
        with self.log("migrate").open("wb") as log:
            for command in (["db", "migrate"], ["pools", "set", "gpu", "1", "Training: one run at a time on the GPUs"]):
                status = subprocess.run(
                    [str(Path(sys.executable).parent / "airflow"), *command],
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                ).returncode
                if status:
                    raise UserError(f"airflow {' '.join(command)} failed; its log: {self.log('migrate')}")
        stamp.touch()

    def _await_health(self, started: float) -> None:
        while time.monotonic() - started < START_SECONDS:
            if self.ended():
                raise UserError(f"Airflow's {self.ended()} did not start; its log: {self.log(self.ended())}")
            try:
                health = httpx.get(f"{self.address}/api/v2/monitor/health", timeout=5).json()
                parts: dict[str, Any] = {k: v.get("status") for k, v in health.items()}
                if parts.get("scheduler") == parts.get("dag_processor") == "healthy":
                    say(f"Airflow: ready in {time.monotonic() - started:.0f} s at {self.address}")
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.25)
        raise UserError(f"Airflow did not become healthy in {START_SECONDS} s; its logs: {self.home / 'logs'}")


def airflow_environment(root: Path, port: int) -> dict[str, str]:
    """What Airflow needs to know to run Parlance on this machine. A variable that is set already wins.

    Airflow writes the paths that it starts with into airflow.cfg, once. All of them are given here, so that a project
    that was copied or moved uses its own database and logs.
    """
    home = root / "airflow"
    defaults = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "PARLANCE_ROOT": str(root),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "plugins.warm_executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__FAB__CONFIG_FILE": str(home / "webserver_config.py"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",  # after a SIGKILL they wait 30 s, and not 300
        "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[*]"}',
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return {**defaults, **os.environ, "PATH": defaults["PATH"]}
