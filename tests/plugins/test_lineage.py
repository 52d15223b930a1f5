"""What a task sends by Airflow's OpenLineage provider, and what of its stages Airflow's metrics say."""

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.statsd_logger import get_statsd_logger
from openlineage.client import OpenLineageClient
from openlineage.client.transport.file import FileConfig, FileTransport

from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from plugins.stage_metrics import count_stages
from plugins.stage_operator import StageOperator
from tests import artifacts
from tests.plugins.conftest import commit
from tests.plugins.openlineage_schema import faults

ROWS = pa.schema([("row_id", pa.string()), ("text", pa.string())])


def operator(run: Run, task: str) -> StageOperator:
    return StageOperator(task_id=task, task=task, run=str(run.folder))


def event_of(lineage: OperatorLineage, folder: Path) -> dict[str, Any]:
    """The event that the provider writes when a task has ended with this lineage, read back from its file."""
    file = folder / f"{uuid.uuid4()}.json"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(file), append=True)))
    OpenLineageAdapter(client).complete_task(
        run_id=str(uuid.uuid4()),
        job_name="train_chat_model.clean",
        end_time=datetime.now(UTC).isoformat(),
        task=lineage,
        nominal_start_time=None,
        nominal_end_time=None,
        owners=["parlance"],
        tags=[],
        job_description="Rules keep or drop.",
    )
    [line] = file.read_text().splitlines()
    return json.loads(line)


@pytest.fixture
def cleaned(run: Run) -> Run:
    """A run up to clean, whose score kept all of three rows and whose clean dropped one."""
    commit(run, "acquire")
    artifacts.commit_parts(run, "score", [[{"row_id": str(i), "text": "Hello."} for i in range(3)]], ROWS)
    ledger = Ledger(rows_in=3, rows_out=2, dropped={"min_chars": 1})
    artifacts.commit(run, "clean", 2, ledger=ledger)
    for name in ("score", "clean"):
        run.record(name, run.fingerprint(name), False, 1.5, datetime.now(UTC))
    return run


def test_a_task_tells_what_it_read_and_made_as_the_specification_demands(cleaned: Run, tmp_path: Path) -> None:
    event = event_of(operator(cleaned, "clean").get_openlineage_facets_on_complete(None), tmp_path)
    assert faults(event) == []
    [read] = event["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(cleaned.artifact("acquire").path))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 3
    score, clean = event["outputs"]
    assert score["name"] == str(cleaned.artifact("score").path)
    assert [field["name"] for field in score["facets"]["schema"]["fields"]] == ["row_id", "text"]
    assert score["facets"]["version"]["datasetVersion"] == cleaned.fingerprint("score")
    assert clean["outputFacets"]["outputStatistics"]["rowCount"] == 2
    ledger = clean["outputFacets"]["parlance_ledger"]
    assert (ledger["rowsIn"], ledger["rowsOut"], ledger["dropped"]) == (3, 2, {"min_chars": 1})


def test_acquire_reads_the_sources_files(cleaned: Run, tmp_path: Path) -> None:
    event = event_of(operator(cleaned, "acquire").get_openlineage_facets_on_complete(None), tmp_path)
    assert faults(event) == []
    source = Path(str(cleaned.profile.acquire.sources[0].path))
    [read] = event["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(source.resolve()))
    hash_ = cleaned.outcomes()["acquire"]["raw"][f"{cleaned.profile.acquire.sources[0].name}/{source.name}"]
    assert read["facets"]["version"]["datasetVersion"] == hash_


def test_the_output_of_a_task_is_the_input_of_the_next(cleaned: Run, tmp_path: Path) -> None:
    made, read = (
        event_of(operator(cleaned, task).get_openlineage_facets_on_complete(None), tmp_path)
        for task in ("acquire", "clean")
    )
    assert made["outputs"][0]["name"] == read["inputs"][0]["name"]


def test_a_task_that_failed_tells_what_there_is(run: Run, tmp_path: Path) -> None:
    commit(run, "acquire")
    lineage = operator(run, "clean").get_openlineage_facets_on_complete(None)
    assert (len(lineage.inputs), lineage.outputs) == (1, [])
    assert faults(event_of(lineage, tmp_path)) == []


def test_the_schema_notices_what_is_missing(cleaned: Run, tmp_path: Path) -> None:
    event = event_of(operator(cleaned, "clean").get_openlineage_facets_on_complete(None), tmp_path)
    del event["outputs"][0]["namespace"], event["outputs"][1]["outputFacets"]["parlance_ledger"]["_schemaURL"]
    event["run"]["runId"] = "17"
    assert len(faults(event)) == 3


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, str]]]:
    """A StatsD server's socket, to which Airflow's metrics go; returns what arrived, name to value."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        for name, value in {"ON": "True", "HOST": "127.0.0.1", "PORT": str(receiver.getsockname()[1])}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)
        stats.initialize(factory=get_statsd_logger, export_legacy_names=False)  # type: ignore[arg-type]

        def arrived() -> dict[str, str]:
            found = {}
            try:
                while True:
                    name, _, value = receiver.recv(4096).decode().partition(":")
                    found[name] = value
            except TimeoutError:
                return found

        yield arrived
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


def test_stages_are_counted_in_airflows_metrics(
    cleaned: Run, statsd: Callable[[], dict[str, str]], context: Callable[..., Any]
) -> None:
    count_stages(cleaned, "clean", found=False)
    found = statsd()
    assert found["airflow.parlance.stage.clean.made"] == "1|c"
    assert found["airflow.parlance.stage.clean.rows_in"] == "3|g"
    assert found["airflow.parlance.stage.clean.rows_out"] == "2|g"
    assert found["airflow.parlance.stage.clean.rows_dropped"] == "1|g"
    assert found["airflow.parlance.stage.clean.duration"] == "1500.000000|ms"
    size = sum(file["bytes"] for file in cleaned.artifact("score").manifest["files"])
    assert found["airflow.parlance.stage.score.bytes"] == f"{size}|g"

    later = Run.begin(cleaned.profile, "later")
    operator(later, "clean").execute(context())
    found = statsd()
    assert found["airflow.parlance.stage.clean.found"] == "1|c"
    assert "airflow.parlance.stage.clean.rows_out" not in found
