"""What `parlance explain` tells of a row that has a worse side."""

from collections.abc import Iterator

import pyarrow.compute as pc

from pipeline.contract.run import Run


def worse_side(run: Run, row: str) -> Iterator[str]:
    """A line, when what was rejected in favour of the row lies beside it."""
    artifact = run.artifact("acquire")
    if any((artifact.path / "rejected").glob("*.parquet")):
        for found in artifact.read("rejected").to_table(filter=pc.field("row_id") == row).to_pylist():
            turns = len(found["messages"])
            yield f"preferred to a rejected side of {turns} turn{'s' * (turns > 1)}, which lies in rejected/"
