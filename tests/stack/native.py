"""docker-compose.yml without a container engine: its services, by its commands and settings, on this machine.

What an engine does is done here. A service's name is 127.0.0.1, and each port that it exposes a free one, wherever
they stand in commands, settings and health checks; volumes and secrets are folders below one. A replica is a tree of
processes under guard (pipeline/contract/process_group.py), which is killed as a whole, as a container is. Services
start when those that they depend on are as they must be, and are started again when they end, as their policy says.

Images are programs of this machine: Parlance's is this Python, those of PostgreSQL and Redis are Debian's packages.
Qdrant has none, so that the index is the embedded one.
"""

import glob
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psutil

from pipeline.contract.process_group import end, guarded
from tests.stack.compose import PROJECT, Service, image_environment, services

PROGRAMS = ("parlance", "postgres", "redis")
"""Images that this machine has programs for."""

PATH = [
    str(Path(sys.executable).parent),
    *sorted(glob.glob("/usr/lib/postgresql/*/bin")),
    "/usr/sbin",
    "/usr/bin",
    "/bin",
]

SMALL = {
    "OMP_NUM_THREADS": "1",
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_WORKER_CORES": "1",
    "SPARK_WORKER_MEMORY": "768m",
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
}
"""A container's network and limits, which processes of one machine must be told."""

Replica = tuple[str, int]


class Stack:
    """The services that have no profile, as a context manager.

    Raises AssertionError, with the end of its log, for a service that does not become healthy.
    """

    def __init__(self, **values: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="parlance-stack-"))
        self.folder.chmod(0o711)  # PostgreSQL runs as another user than root
        (self.folder / "logs").mkdir()
        secrets_folder = self.folder / "secrets"
        subprocess.run(["sh", str(PROJECT / "docker" / "make_secrets.sh"), str(secrets_folder)], check=True)
        found = services({"PARLANCE_SECRETS": str(secrets_folder), **values})
        self.services = {n: s for n, s in found.items() if not s.profiles and s.image.split(":")[0] in PROGRAMS}
        self.ports = _free_ports(
            [(s.name, i, p) for s in self.services.values() for i in range(s.replicas) for p in s.ports]
        )
        self.processes: dict[Replica, subprocess.Popen[bytes]] = {}
        self.restarted: list[Replica] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> "Stack":
        try:
            _make_database(self)
            self._keeper.start()
            waiting = list(self.services.values())
            while waiting:
                ready = [s for s in waiting if all(self._holds(n, c) for n, c in s.depends_on.items())]
                for service in ready:
                    for number in range(service.replicas):
                        self._start((service.name, number))
                waiting = [s for s in waiting if s not in ready]
                time.sleep(0.5)
            self.await_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            for process in self.processes.values():
                if process.stdin:
                    process.stdin.close()
            for process in self.processes.values():
                end(process, seconds=10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, name: str, port: int) -> str:
        return f"127.0.0.1:{self.ports[name, 0, port]}"

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def volume(self, name: str, *below: str) -> Path:
        """The folder that is a volume, or one below a container's own."""
        folder = self.folder.joinpath("volumes", name, *below)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str, number: int = 0) -> Path:
        return self.folder / "logs" / f"{name}-{number}.log"

    def await_healthy(self, seconds: float = 300) -> None:
        """Until every health check passes."""
        until = time.monotonic() + seconds
        for replica in [(s.name, i) for s in self.services.values() if s.health for i in range(s.replicas)]:
            while not self.healthy(replica):
                assert time.monotonic() < until, f"{replica} is not healthy: {self._end_of_log(*replica)}"
                time.sleep(0.5)

    def healthy(self, replica: Replica) -> bool:
        service = self.services[replica[0]]
        command = [self.here(part, replica) for part in service.health]
        done = subprocess.run(command, env=self.environment(replica), cwd=PROJECT, capture_output=True, check=False)
        return done.returncode == 0

    def kill(self, replica: Replica) -> None:
        """SIGKILL to all processes of a replica at once. Its policy has it started again."""
        _kill_tree(self.processes[replica].pid)

    def restart(self, name: str, number: signal.Signals) -> None:
        """Asks a service to end by a signal, and waits until it is healthy again."""
        process = self.processes[name, 0]
        command = psutil.Process(process.pid).children()[0].children()[0]
        command.send_signal(number)
        process.wait(60)
        _await(lambda: self.processes[name, 0] is not process and self.healthy((name, 0)), 60, f"{name} is not back")

    def running(self, name: str, words: list[str]) -> Replica | None:
        """The replica of a service that has a process whose command line holds all words."""
        for number in range(self.services[name].replicas):
            for process in psutil.Process(self.processes[name, number].pid).children(recursive=True):
                try:
                    line = process.cmdline()
                except psutil.Error:
                    continue
                if all(word in line for word in words):
                    return name, number
        return None

    def command(self, replica: Replica) -> list[str]:
        """What starts a replica."""
        service = self.services[replica[0]]
        if service.image.startswith("postgres"):
            return _postgres(self)
        command = [self.here(part, replica) for part in service.command]
        return ["127.0.0.1" if flag == "--host" else part for flag, part in pairwise(["", *command])]

    def environment(self, replica: Replica) -> dict[str, str]:
        service, name = self.services[replica[0]], f"{replica[0]}-{replica[1]}"
        own = image_environment() if service.image.startswith("parlance") else {}
        said = {key: self.here(value, replica) for key, value in {**own, **service.environment}.items()}
        machine = {
            "HOSTNAME": name,
            "HOME": str(self.volume(name, "home")),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join(PATH),
            "PYTHONPATH": str(PROJECT),
            "SPARK_LOCAL_DIRS": str(self.volume(name, "tmp")),
            "TMPDIR": str(self.volume(name, "tmp")),
        }
        return {**machine, **SMALL, **said}

    def here(self, text: str, replica: Replica) -> str:
        """A text of docker-compose.yml with the addresses and folders of this machine."""
        service = self.services[replica[0]]
        for other in self.services.values():
            for port in other.ports:
                text = text.replace(f"{other.name}:{port}", self.address(other.name, port))
        text = text.replace("--host 0.0.0.0", "--host 127.0.0.1").replace(
            "redis-server -", "redis-server - --bind 127.0.0.1"
        )
        for port in service.ports:
            text = re.sub(rf"(?<![\w.:/]){port}(?!\w)|(?<=localhost:){port}", str(self.ports[*replica, port]), text)
        folders = self._folders(service, replica)
        return re.sub(rf"(?<![\w.-])({'|'.join(folders)})(?![\w-])", lambda found: folders[found[1]], text)

    def _folders(self, service: Service, replica: Replica) -> dict[str, str]:
        """Path in the container to path on this machine."""
        mounts = {inside: str(self.volume(name)) for inside, name in service.mounts.items() if "/" not in name}
        own_name = f"{replica[0]}-{replica[1]}"
        own = {inside: str(self.volume(own_name, inside.strip("/"))) for inside in ("/opt/airflow", "/tmp")}
        return {**mounts, **own, "/run/secrets": str(self.folder / "secrets"), "/opt/parlance": str(PROJECT)}

    def _start(self, replica: Replica) -> None:
        with self._lock, self.log(*replica).open("ab") as log:
            if self._closing.is_set():
                return
            self.processes[replica] = subprocess.Popen(
                guarded(self.command(replica)),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(replica),
                cwd=PROJECT,
                start_new_session=True,
            )

    def _keep(self) -> None:
        """Starts what has ended again, until this is closed."""
        while not self._closing.wait(0.5):
            for replica, process in list(self.processes.items()):
                policy, status = self.services[replica[0]].restart, process.poll()
                if status is not None and (policy == "unless-stopped" or (policy == "on-failure" and status)):
                    self.restarted.append(replica)
                    self._start(replica)

    def _holds(self, name: str, condition: str) -> bool:
        """Whether a service is as another waits for."""
        if name not in self.services:
            return True
        started = [self.processes.get((name, number)) for number in range(self.services[name].replicas)]
        if condition == "service_completed_successfully":
            assert self.restarted.count((name, 0)) < 3, f"{name} fails: {self._end_of_log(name)}"
            return all(process and process.poll() == 0 for process in started)
        return all(started) and all(self.healthy((name, number)) for number in range(len(started)))

    def _end_of_log(self, name: str, number: int = 0) -> str:
        return self.log(name, number).read_text(errors="replace")[-4000:]


def lacking() -> str:
    """What must be installed; empty when all is there."""
    path = os.pathsep.join(PATH)
    missing = [name for name in ("postgres", "redis-server") if not shutil.which(name, path=path)]
    return f"{' and '.join(missing)}: make test-stack installs them" if missing else ""


def _make_database(stack: Stack) -> None:
    """What the image of PostgreSQL does at its first start: the user, its database, the scripts that are mounted."""
    service, folder = stack.services["postgres"], stack.volume("postgres")
    user, database = service.environment["POSTGRES_USER"], service.environment["POSTGRES_DB"]
    password = Path(stack.here(service.environment["POSTGRES_PASSWORD_FILE"], ("postgres", 0)))
    copied = folder.parent / f"password-{secrets.token_hex(4)}"
    shutil.copy(password, copied)
    copied.chmod(0o444)
    folder.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    folder.parent.chmod(0o711)

    def run(*command: str) -> None:
        environment = stack.environment(("postgres", 0))
        done = subprocess.run(
            [*_as_postgres(), *command], env=environment, cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(
        "initdb", "-D", str(folder), "-U", user, f"--pwfile={copied}", "--auth-local=trust", "--auth-host=scram-sha-256"
    )
    copied.unlink()
    log = f"{folder}/first.log"
    run("pg_ctl", "-D", str(folder), "-w", "-l", log, "-o", f"-k {folder} -c listen_addresses=''", "start")
    try:
        run("createdb", "-h", str(folder), "-U", user, database)
        for inside, source in service.mounts.items():
            if inside.startswith("/docker-entrypoint-initdb.d/"):
                run("psql", "-h", str(folder), "-U", user, "-d", database, "-c", (PROJECT / source).read_text())
    finally:
        run("pg_ctl", "-D", str(folder), "-w", "stop")


def _postgres(stack: Stack) -> list[str]:
    """The server, as the image starts it, as no superuser."""
    folder, port = stack.volume("postgres"), stack.ports["postgres", 0, 5432]
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "shared_buffers": "32MB"}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return [*_as_postgres(), "postgres", "-D", str(folder), "-p", str(port), *options]


def _as_postgres() -> list[str]:
    """PostgreSQL refuses root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.geteuid() == 0 else []


def _kill_tree(pid: int) -> None:
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(tree, timeout=10)


def _free_ports(names: list[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
    """A free port for each, all different."""
    held = [socket.socket() for _ in names]
    for each in held:
        each.bind(("127.0.0.1", 0))
    found = {name: each.getsockname()[1] for name, each in zip(names, held, strict=True)}
    for each in held:
        each.close()
    return found


def _await(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, otherwise
        time.sleep(0.2)
