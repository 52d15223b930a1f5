"""One task for each of N numbered pieces of work: Spark's, or, where the work is little, this process's."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession

from configs.errors import UserError
from pipeline.contract.execute import StageContext
from pipeline.spark.session import in_cluster, session_of, task_progress


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


KEYS_SHARE = 1 / 50
"""Of the work on a row from its text, that on its keys and figures alone."""


def is_little(context: StageContext, rows: float) -> bool:
    """Whether work on so many rows is done sooner than Spark has started. In a cluster's container it has, and YARN
    takes an application without a session for a failed one."""
    return rows < context.config("spark").from_rows and not in_cluster()


def done_by_tasks(context: StageContext, label: str, number: int, work: Callable[[int], int], rows: float) -> int:
    """The same, with progress. rows: how many are worked on; where they are few, in this process."""
    if is_little(context, rows):
        total = 0
        with context.progress(number, "tasks", label) as progress:
            for index in range(number):
                total += work(index)
                progress.advance()
        return total
    spark = session_of(context)
    with task_progress(spark, label), user_errors():
        return sum_of_tasks(spark, number, work)
