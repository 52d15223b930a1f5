"""Airflow on one machine: `make ui` serves it, `make demo` takes one run through its scheduler.

python -m plugins.standalone ui --port 8080
python -m plugins.standalone demo --profile demo --data chats.jsonl
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from configs.errors import UserError
from pipeline.contract.fingerprint import write_atomically
from pipeline.process_group import end, guarded
from pipeline.progress import say

PROJECT = Path(__file__).resolve().parent.parent
COMPONENTS = ("api-server", "scheduler", "dag-processor")
"""No triggerer: nothing here defers, and an approval waits without one."""
START_SECONDS = 120


def main() -> int:
    """Serves or demonstrates; returns 0, or 2 for what the user can act on, or 1 for a failed run."""
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return options.command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("\nstopped; the same command goes on from here")
        return 130


def ui(options: argparse.Namespace) -> int:
    """Airflow in the foreground, until Ctrl-C."""
    _refuse_taken(options.port)
    with Airflow(_root(), options.port) as airflow:
        say(f"Airflow: {airflow.address}   login: admin   password: {airflow.password}")
        say(f"logs: {airflow.home / 'logs'}   stop: Ctrl-C")
        while not airflow.ended():
            time.sleep(1)
        raise UserError(f"Airflow's {airflow.ended()} ended by itself; its log: {airflow.log(airflow.ended())}")


def demo(options: argparse.Namespace) -> int:
    """One run of train_chat_model through the scheduler and the real operators, shown live."""
    from plugins.demonstration import demonstrate

    _check(options)
    port = options.port if _free(options.port) else _free_port()
    with Airflow(_root(), port) as airflow:
        return demonstrate(airflow, options.profile, options.data, options.override)


class Airflow:
    """The processes of Airflow, over SQLite in <root>/airflow, as a context manager.

    Each runs under a guard, so none survives this process, however it ends.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port
        self.home = root / "airflow"
        self.address = f"http://localhost:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = airflow_environment(root, port)

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
        for process in self.processes.values():
            if process.stdin:
                process.stdin.close()
        for process in self.processes.values():
            end(process, seconds=10)

    def _password(self) -> str:
        path = self.home / "passwords.json"
        if not path.is_file():
            write_atomically(path, json.dumps({"admin": secrets.token_urlsafe(12)}))
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
    """What Airflow needs to know to run Parlance on this machine. A variable that is set already wins."""
    home = root / "airflow"
    defaults = {
        "AIRFLOW_HOME": str(home),
        "PARLANCE_ROOT": str(root),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "plugins.warm_executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[*]"}',
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return {**defaults, **os.environ, "PATH": defaults["PATH"]}


def _check(options: argparse.Namespace) -> None:
    """Refuses before Airflow starts what the run would refuse in its first task."""
    from configs.load import load_profile
    from pipeline.preflight import check

    check(load_profile(options.profile, [f"storage.root={_root()}", *options.override], options.data))


def _root() -> Path:
    return Path(os.environ.get("PARLANCE_ROOT") or PROJECT / "var").resolve()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _refuse_taken(port: int) -> None:
    if not _free(port):
        raise UserError(f"port {port} is taken; end what listens there, or choose another: make ui PORT={port + 1}")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m plugins.standalone", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, help_ in (("ui", ui, "serve Airflow"), ("demo", demo, "take one run through Airflow")):
        command = commands.add_parser(name, help=help_, description=(function.__doc__ or "").strip())
        command.add_argument("--port", type=int, default=8080, help="port of Airflow's API and pages (default: 8080)")
        command.set_defaults(command=function)
    command.add_argument("--profile", default="demo", help="name or path of a profile (default: demo)")
    command.add_argument("--data", help="file or folder of conversations that replaces the profile's sources")
    command.add_argument("-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
