"""A run to operate on, a home for Airflow that is nobody's own, and what an operator's context holds."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of
from tests import artifacts

COMMIT = """
import sys
from pathlib import Path
from pipeline.contract.run import Run
from tests.plugins.conftest import commit
commit(Run(Path(sys.argv[1])), sys.argv[2])
"""


class Store:
    """The part of the context's task_state_store that operators use."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.values[key] = value


Tokens = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    """tokens(role, name="ada") makes the cookie that Airflow gives a signed-in user; its database is real and empty."""
    from airflow import settings
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models import import_all_models
    from airflow.models.base import Base

    with pytest.MonkeyPatch.context() as patch:
        database = tmp_path_factory.mktemp("airflow") / "airflow.db"
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{database}")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of this test " * 3)
        settings.dispose_orm()
        settings.configure_vars()
        settings.configure_orm()
        import_all_models()
        Base.metadata.create_all(settings.engine)
        manager = init_auth_manager()

        def cookie(role: str | None, name: str = "ada") -> dict[str, str]:
            return {"_token": manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role))}

        yield cookie
        settings.dispose_orm()
    settings.configure_vars()
    settings.configure_orm()


def note_dag_run(dag_id: str, run_id: str, by: str | None = None) -> None:
    """Tells Airflow's database of a DAG run, triggered by a user or by nobody."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    with create_session() as session:
        now = datetime.now(UTC)
        run = DagRun(
            dag_id=dag_id,
            run_id=run_id,
            run_type=DagRunType.MANUAL,
            run_after=now,
            queued_at=now,
            triggering_user_name=by,
        )
        session.add(run)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run over one file of three conversations."""
    turns = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "I am well, thank you."}]
    data = tmp_path / "conversations.jsonl"
    data.write_text("".join(json.dumps({"messages": turns, "number": i}) + "\n" for i in range(3)))
    return Run.begin(
        load_profile("scratch", [f"storage.root={tmp_path / 'root'}", "spark.driver_memory=1g"], str(data))
    )


@pytest.fixture
def context() -> Callable[..., Any]:
    """context(**more) is what Airflow would hand to an operator, as far as ours look at it."""
    return lambda **more: {"task_state_store": Store(), **more}


def commit(run: Run, task: str, rows: int = 3) -> None:
    """Makes the artifacts of a task by hand, without its engine, and records them as made by the run."""
    for stage in stages_of(task):
        artifacts.commit(run, stage.name, rows)
        run.record(stage.name, run.fingerprint(stage.name), False, 0.0, datetime.now(UTC))
