"""One Spark task for each of N numbered pieces of work."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession

from configs.errors import UserError


def one_task_each(spark: SparkSession, number: int) -> DataFrame:
    """A frame of `number` partitions, each with its own index as its only id."""
    return spark.range(0, number, 1, numPartitions=number)


def numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    """What a task of one_task_each is given: its own index, and no other."""
    return (number for batch in batches for number in batch["id"].to_pylist())


@contextmanager
def user_errors() -> Iterator[None]:
    """What a task raised as UserError is raised as that, and not as Spark's error about it."""
    try:
        yield
    except PythonException as error:
        if found := re.search(rf"^{UserError.__module__}\.{UserError.__name__}: (.+)$", str(error), re.MULTILINE):
            raise UserError(found[1]) from None
        raise


def sum_of_tasks(spark: SparkSession, number: int, work: Callable[[int], int]) -> int:
    """work(0) + … + work(number - 1), each called by a task of its own: mostly the rows of the file that it wrote."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in numbers(batches):
            yield pa.RecordBatch.from_pydict({"result": [work(index)]})

    return sum(row.result for row in one_task_each(spark, number).mapInArrow(run, "result bigint").collect())
