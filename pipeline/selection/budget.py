"""The best rows of a ranking, up to a number of rows or tokens: where to cut, without sorting all of them."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from configs.errors import UserError
from pipeline.spark.session import task_progress

BINS = 1 << 14
"""Slices of the values, of which only the one that the cut falls into is sorted."""


@dataclass(frozen=True)
class Cut:
    """The last row that is kept, in the order: greatest value first, then smallest place, then smallest row_id. kept,
    spent: how many rows that are, and their weight."""

    value: float
    place: int
    row_id: str
    kept: int
    spent: int

    def holds(self, value: float, place: int, row_id: str) -> bool:
        """Whether a row is kept."""
        return (-value, place, row_id) <= (-self.value, self.place, self.row_id)

    def keeps(self, value: str = "value", place: str = "place") -> Column:
        """The same of the rows of a ranking, whose columns of value and place are named; an empty name is place 0."""
        at, number = F.col(value), F.col(place) if place else F.lit(0)
        same = (number < self.place) | ((number == self.place) & (F.col("row_id") <= self.row_id))
        return (at > self.value) | ((at == self.value) & same)


def cut(ranked: DataFrame, most: int) -> Cut | None:
    """Where the weights have added up to `most`, or the next row's would exceed it; None where all rows fit.

    ranked: row_id, value (-1 to 2), place int, weight bigint. Raises UserError when not even the first row fits.
    """
    with task_progress(ranked.sparkSession, "selection"):
        bins = ranked.groupBy(_bin().alias("bin")).agg(F.count("*").alias("rows"), F.sum("weight").alias("weight"))
        found = sorted(bins.collect(), key=lambda row: row["bin"])
        kept = spent = 0
        for row in found:
            if spent + row["weight"] > most:
                return _within(ranked, row["bin"], kept, spent, most)
            kept, spent = kept + row["rows"], spent + row["weight"]
    return None


def _within(ranked: DataFrame, number: int, kept: int, spent: int, most: int) -> Cut:
    order = Window.orderBy(F.desc("value"), "place", "row_id")
    summed = ranked.where(_bin() == number).withColumns(
        {"sum": F.sum("weight").over(order), "number": F.row_number().over(order)}
    )
    last: Row | None = summed.where(F.col("sum") <= most - spent).orderBy(F.desc("number")).first()
    if last is not None:
        return Cut(last["value"], last["place"], last["row_id"], kept + last["number"], spent + last["sum"])
    before = ranked.where(_bin() < number).orderBy("value", F.desc("place"), F.desc("row_id")).first()
    if before is None:
        raise UserError(f"balance.selection.tokens: {most:,} are fewer than the first row has; give more")
    return Cut(before["value"], before["place"], before["row_id"], kept, spent)


def _bin() -> Column:
    return F.floor((F.lit(2.0) - F.col("value")) * BINS)
