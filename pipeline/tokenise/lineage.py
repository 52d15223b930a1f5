"""What `parlance explain` tells of a row that was packed."""

from collections.abc import Iterator

from pipeline.contract.packed_rows import counted, pairs_with, sequences_with
from pipeline.contract.run import Run


def packed(run: Run, row: str) -> Iterator[str]:
    """A line a split whose sequences hold the row."""
    artifact = run.artifact("tokenise")
    for split in sorted(p.name for p in artifact.parquet("packed").iterdir()):
        places, sequences = sequences_with(artifact, split, row)
        if places:
            yield f"packed into {split} {counted('sequence', places)} of {sequences:,}"
        if pairs := pairs_with(artifact, split, row):
            yield f"the chosen side of {pairs:,} preference pair{'s' * (pairs > 1)} of {split}"
