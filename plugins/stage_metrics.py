"""Figures of stages in Airflow's own metrics: StatsD or OpenTelemetry, as its section [metrics] says.

    parlance.stage.NAME.made, .found        a stage has made its artifact, or found it (counters)
    parlance.stage.NAME.duration            time that the making took (timer)
    parlance.stage.NAME.rows_in, .rows_out, .rows_dropped, .bytes, .peak_memory_mb    of the artifact (gauges)

The name is a part of the metric's, since plain StatsD has no tags.
"""

from datetime import timedelta

from airflow.sdk.observability import stats

from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of


def count_stages(run: Run, task: str, found: bool) -> None:
    """Sends the figures of the stages of a task that has ended well. found: all of them were there before."""
    recorded = run.outcomes()
    for stage in stages_of(task):
        name = f"parlance.stage.{stage.name}"
        if found or recorded[stage.name]["cached"]:
            stats.incr(f"{name}.found")
            continue
        manifest = run.artifact(stage.name).manifest
        ledger = run.artifact(stage.name).ledger
        stats.incr(f"{name}.made")
        stats.timing(f"{name}.duration", timedelta(seconds=recorded[stage.name]["seconds"]))
        figures = {
            "rows_in": ledger.rows_in,
            "rows_out": ledger.rows_out,
            "rows_dropped": sum(ledger.dropped.values()),
            "bytes": sum(file["bytes"] for file in manifest["files"]),
            "peak_memory_mb": manifest["timing"]["peak_memory_mb"],
        }
        for figure, value in figures.items():
            stats.gauge(f"{name}.{figure}", value)
