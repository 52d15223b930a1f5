"""Tasks reach an object store by an Airflow connection, and find there the run that another worker configured."""

import json
import uuid
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.mirror import CACHE
from pipeline.contract.run import Run
from plugins.opened_run import open_run
from plugins.store_connection import VARIABLE, use_store_connection
from tests.object_store import BUCKET, KEY, SECRET, Store, forget_stores


def connect(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OBJECTS", json.dumps(settings))
    monkeypatch.setenv(VARIABLE, "objects")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "unset")  # so that what is set in its place goes with the test
        monkeypatch.delenv(name)
    forget_stores()


def test_a_task_on_another_worker_opens_the_run(s3: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    extra = {"endpoint_url": s3.url, "region_name": "us-east-1"}
    connect(monkeypatch, conn_type="aws", login=KEY, password=SECRET, extra=extra)
    use_store_connection()
    s3.files.pipe_file(f"{BUCKET}/chat.jsonl", b"{}\n")
    root = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    monkeypatch.setenv(CACHE, str(tmp_path / "one"))
    run = Run.begin(load_profile("scratch", [f"storage.root={root}"], f"s3://{BUCKET}/chat.jsonl"), "manual__1")

    connect(monkeypatch, conn_type="aws", login=KEY, password=SECRET, extra=extra)
    monkeypatch.setenv(CACHE, str(tmp_path / "other"))
    opened = open_run(run.place)
    assert (opened.id, opened.profile) == (run.id, run.profile)
    assert opened.folder != run.folder

    monkeypatch.setenv("PARLANCE_ROOT", root)
    assert open_run("runs/manual__1").folder == opened.folder
    with pytest.raises(AirflowFailException, match="not one of this server's"):
        open_run(f"s3://{BUCKET}/elsewhere/runs/manual__1")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"conn_type": "http", "password": SECRET}, "is of type http; give one of type aws"),
        (None, "there is no connection objects; add it under Admin, Connections"),
    ],
)
def test_a_connection_that_says_nothing_of_a_store_is_one_line(
    settings: dict[str, str] | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, **settings or {})
    if settings is None:
        monkeypatch.delenv("AIRFLOW_CONN_OBJECTS")
    with pytest.raises(UserError, match=said) as told:
        use_store_connection()
    assert SECRET not in str(told.value)
