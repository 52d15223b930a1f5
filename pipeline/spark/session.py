"""The Spark session, and progress over its tasks."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from configs.engines import LOCAL_JVM, Spark
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import Progress, watching

DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}


def session_of(context: StageContext) -> SparkSession:
    """The session that a stage works with, started on first use."""
    return spark_session(context.config("spark"), f"parlance {context.stage.name}")


def spark_session(settings: Spark, name: str) -> SparkSession:
    """The session of this process. Under spark-submit the master is the submitter's."""
    os.environ.setdefault("PYSPARK_PYTHON", settings.conf.get("spark.pyspark.python", sys.executable))
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    submitted = os.environ.get("PARLANCE_SPARK_SUBMIT") == "1"
    if settings.master.startswith("local") and not submitted:
        builder = builder.config("spark.driver.extraJavaOptions", LOCAL_JVM)
    for key, value in {**DEFAULTS, **settings.conf}.items():
        builder = builder.config(key, value)
    if not submitted:
        builder = builder.master(settings.master).config("spark.driver.memory", settings.driver_memory)
        if settings.master.startswith("local"):
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    return session


@contextmanager
def task_progress(spark: SparkSession, label: str) -> Iterator[None]:
    """Says how many Spark tasks of the running job are done, while the body runs."""
    tracker = spark.sparkContext.statusTracker()
    finished: dict[int, int] = {}
    total: dict[int, int] = {}

    with Progress(label, total=0, unit="tasks") as progress:

        def look() -> None:
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                if info:
                    total[stage], finished[stage] = info.numTasks, info.numCompletedTasks
            active = set(tracker.getActiveStageIds())
            for stage in total.keys() - active:
                finished[stage] = total[stage]
            progress.total = sum(total.values())
            if total:
                progress.update(sum(finished.values()))

        with watching(look):
            yield
        progress.done = progress.total


def shuffled_bytes(spark: SparkSession) -> int:
    """Bytes that the session's executors have written for shuffles so far, compressed."""
    store = spark.sparkContext._jsc.sc().statusStore()  # type: ignore[union-attr]
    executors = store.executorList(False)
    return sum(executors.apply(i).totalShuffleWrite() for i in range(executors.size()))
