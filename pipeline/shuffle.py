"""What Spark has moved between tasks."""

from pyspark.sql import SparkSession


def shuffled_bytes(spark: SparkSession) -> int:
    """Bytes that the session's executors have written for shuffles so far, compressed."""
    store = spark.sparkContext._jsc.sc().statusStore()  # type: ignore[union-attr]
    executors = store.executorList(False)
    return sum(executors.apply(i).totalShuffleWrite() for i in range(executors.size()))
