"""The stack, run once: an undisturbed run from the command line, and the same through Airflow with its parts killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline.contract.run import Run
from pipeline.contract.run_folder import folder_name
from plugins.project import run_name
from tests.end_to_end.conftest import SMALL
from tests.stack.compose import PROJECT
from tests.stack.native import Stack, lacking

DAG = "/dags/train_chat_model"
RUN_SECONDS = 900
TURNS = (
    "Where is the {0}?",
    "It is behind the {1}, on the left.",
    "Is it far to the {0}?",
    "No, two stops past the {1}.",
)
THINGS = ("station", "market", "library", "museum", "castle", "bakery", "harbour", "theatre", "garden", "school")

OURS: dict[str, Any] = {
    "spark": {
        "driver_memory": "640m",
        "from_rows": 0,
        "conf": {"spark.executor.memory": "512m", "spark.sql.shuffle.partitions": "4"},
    },
    "launch": {"ranks": 1, "threads": 1},
}
"""As little memory as will do."""

USERS = {"vic": "Viewer", "uma": "User", "rita": "User", "otto": "Op"}


@dataclass
class Site:
    """The stack, and what its operator and users know of it."""

    stack: Stack

    def __post_init__(self) -> None:
        data = self.stack.volume("data")
        (data / "raw").mkdir()
        (data / "raw" / "ours.jsonl").write_text("".join(_conversations()))
        profiles = data / "profiles"
        profiles.mkdir()
        scratch = yaml.safe_load((PROJECT / "configs" / "profiles" / "scratch.yaml").read_text())
        ours = {"name": "ours", "path": str(data / "raw" / "ours.jsonl")}
        scratch["acquire"]["sources"][1:] = [ours]  # the other package is of 237 files, a task of Spark's each
        scratch |= OURS | {"tracking": {"uri": f"http://{self.stack.address('mlflow', 5000)}"}}
        self.profile = profiles / "small.yaml"
        self.profile.write_text(yaml.safe_dump(scratch))
        asking = {"review": {"mode": "human"}, "approval": {"approvers": ["uma", "rita"], "own_runs": False}}
        (profiles / "asking.yaml").write_text(yaml.safe_dump(scratch | asking))
        guard = yaml.safe_load((PROJECT / "configs" / "guard.yaml").read_text())
        guard |= {"profiles": [str(profiles)], "data": [str(data / "raw")]}
        (data / "guard.yaml").write_text(yaml.safe_dump(guard))
        self.airflow = f"http://{self.stack.address('api-server', 8080)}"
        self.root = data / "var"

    def client(self, name: str = "admin") -> httpx.Client:
        """Airflow's REST API as a user whose password is his name, or as the admin."""
        password = self.stack.secret("admin_password") if name == "admin" else name
        answer = httpx.post(f"{self.airflow}/auth/token", json={"username": name, "password": password}, timeout=60)
        token = answer.raise_for_status().json()["access_token"]
        return httpx.Client(
            base_url=f"{self.airflow}/api/v2",
            headers={"Authorization": f"Bearer {token}"},
            cookies={"_token": token},
            timeout=60,
        )

    def add_users(self) -> None:
        with self.client() as admin:
            for name, role in USERS.items():
                user = {"username": name, "password": name, "email": f"{name}@localhost", "first_name": name}
                body = user | {"last_name": "Tester", "roles": [{"name": role}]}
                admin.post(f"{self.airflow}/auth/fab/v1/users", json=body).raise_for_status()

    def trigger(self, client: httpx.Client, run_id: str, **conf: Any) -> httpx.Response:
        """Starts a run of the small profile, unless conf names another."""
        conf = {"profile": "small", "overrides": SMALL} | conf
        return client.post(f"{DAG}/dagRuns", json={"dag_run_id": run_id, "logical_date": None, "conf": conf})

    def folder(self, run_id: str) -> Path:
        return self.root / "runs" / folder_name(run_name("train_chat_model", run_id))


def get(client: httpx.Client, path: str) -> Any:
    """An answer, also of an API server whose database comes back just now."""
    for _ in range(60):
        try:
            answer = client.get(path)
            if answer.status_code < 500:
                return answer.raise_for_status().json()
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(f"{path} is not answered")


def tasks(client: httpx.Client, run_id: str) -> dict[str, dict[str, Any]]:
    return {t["task_id"]: t for t in get(client, f"{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]}


def until(holds: Callable[[], Any], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    if lacking():
        pytest.skip(lacking())
    started = time.monotonic()
    values = {"WORKER_CONCURRENCY": "2", "PARLANCE_GUARD": "/data/guard.yaml"}
    with Stack(**values) as stack:
        found = Site(stack)
        print(f"\nthe stack is healthy after {time.monotonic() - started:.0f} s")
        found.add_users()
        with found.client() as admin:
            until(lambda: admin.patch(DAG, json={"is_paused": False}).is_success, 120, "the DAG is known")
        yield found


@pytest.fixture(scope="session")
def undisturbed(site: Site) -> Run:
    """A run of the same profile in a terminal, on a Spark of its own with as many cores, which the order of balance's
    rows depends on. The stack's registry forgets it again."""
    from mlflow import MlflowClient

    root = site.stack.volume("undisturbed")
    environment = site.stack.environment(("worker", 0)) | {"PARLANCE_ROOT": str(root)}
    overrides = [part for setting in (*SMALL, "spark.master=local[2]") for part in ("-o", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--profile", str(site.profile), "--root", str(root)]
    done = subprocess.run(
        [*command, *overrides], env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    registry = MlflowClient(f"http://{site.stack.address('mlflow', 5000)}")
    for model in registry.search_registered_models():
        registry.delete_registered_model(model.name)
    return Run.open(root)


@dataclass
class Disturbed:
    """A run that ended, its tasks as Airflow tells of them, and what was done to the stack meanwhile."""

    run: Run
    state: str
    tasks: dict[str, dict[str, Any]]
    done: list[str]
    seconds: float


@pytest.fixture(scope="session")
def disturbed(site: Site, undisturbed: Run) -> Disturbed:  # noqa: ARG001
    """A run that a user triggers. Workers are killed in a task of Spark's and in training, the scheduler in between,
    PostgreSQL and Redis started again."""
    started, done, stack = time.monotonic(), list[str](), site.stack

    def kill_worker_in(task: str, folder: str) -> None:
        until(lambda: _writing(site.root, folder), RUN_SECONDS, f"{task} writes")
        replica = stack.running("worker", ["stage", task])
        assert replica, f"no worker has {task}"
        stack.kill(replica)
        done.append(f"{time.monotonic() - started:.0f} s: {replica[0]} {replica[1]} killed in {task}")

    with site.client("uma") as client:
        site.trigger(client, "disturbed").raise_for_status()
        kill_worker_in("clean", "score/.*.partial")  # the first of the task: cleaning is done in a second
        until(lambda: tasks(client, "disturbed")["deduplicate"]["state"] == "running", RUN_SECONDS, "deduplicate runs")
        stack.restart("postgres", signal.SIGINT)
        stack.restart("redis", signal.SIGTERM)
        done.append(f"{time.monotonic() - started:.0f} s: PostgreSQL and Redis started again in deduplicate")
        until(lambda: tasks(client, "disturbed")["audit"]["state"] == "running", RUN_SECONDS, "audit runs")
        stack.kill(("scheduler", 0))
        done.append(f"{time.monotonic() - started:.0f} s: the scheduler killed in audit")
        kill_worker_in("train", "train/.*.scratch/*/complete.json")
        state = ["running"]

        def ended() -> bool:
            state[0] = get(client, f"{DAG}/dagRuns/disturbed")["state"]
            return state[0] in ("success", "failed")

        until(ended, RUN_SECONDS, "the run ends")
        seconds = time.monotonic() - started
        print("\n".join(["", *done, f"{seconds:.0f} s: {state[0]}"]))
        return Disturbed(Run(site.folder("disturbed")), state[0], tasks(client, "disturbed"), done, seconds)


def _writing(root: Path, pattern: str) -> bool:
    """Whether a stage has begun to write there, or to leave a checkpoint."""
    found = list((root / "artifacts").glob(pattern))
    return any(not path.is_dir() or any(path.iterdir()) for path in found)


def _conversations() -> Iterator[str]:
    """A hundred short ones, all different, as JSON Lines."""
    for first in THINGS:
        for second in THINGS:
            texts = [text.format(first, second) for text in TURNS]
            turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
            yield json.dumps({"messages": turns}) + "\n"
