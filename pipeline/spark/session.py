"""The Spark session, and progress over its tasks."""

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from configs.engines import LOCAL_JVM, Spark
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import Progress, watching
from pipeline.contract.temporary_folder import TemporaryFolder

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
    spills = _spill_folders(settings) if _is_local(settings, submitted) else []
    if spills and not submitted:
        options = f"{LOCAL_JVM} -Djava.io.tmpdir={spills[0]}"
        builder = builder.config("spark.driver.extraJavaOptions", options)
    for key, value in {**DEFAULTS, **settings.conf}.items():
        builder = builder.config(key, value)
    if spills:
        builder = builder.config("spark.local.dir", ",".join(map(str, spills)))
    if not submitted:
        builder = builder.master(settings.master).config("spark.driver.memory", settings.driver_memory)
        if settings.master.startswith("local"):
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    return session


def _is_local(settings: Spark, submitted: bool) -> bool:
    """Whether executors run in this process. Under spark-submit the submitter's master says so."""
    if not submitted:
        return settings.master.startswith("local")
    SparkContext._ensure_initialized()  # type: ignore[attr-defined]
    return SparkConf().get("spark.master", "").startswith("local")


def in_cluster() -> bool:
    """Whether this process is the driver of a Spark application in a cluster's container (deploy mode cluster)."""
    if os.environ.get("PARLANCE_SPARK_SUBMIT") != "1":
        return False
    SparkContext._ensure_initialized()  # type: ignore[attr-defined]
    return SparkConf().get("spark.submit.deployMode", "client") == "cluster"


def _spill_folders(settings: Spark) -> list[Path]:
    """Where the JVM of a local session keeps what it spills, below the folders of spark.local.dir or the machine's
    temporary folder. Deleted when this process ends, or, if it is killed, when the next session starts."""
    given = settings.conf.get("spark.local.dir")
    found = [TemporaryFolder("spark", Path(base)) for base in given.split(",")] if given else [TemporaryFolder("spark")]
    for folder in found:
        atexit.register(folder.cleanup)
    return [folder.path for folder in found]


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
