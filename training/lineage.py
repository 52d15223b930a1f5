"""What `parlance explain` tells of a row that was learned from."""

from collections.abc import Iterator

import numpy as np

from pipeline.contract.packed_rows import counted, sequences_with
from pipeline.contract.run import Run
from training.order import global_batch


def trained(run: Run, row: str) -> Iterator[str]:
    """The steps whose batches held the row: the order of training follows from seed and step."""
    packed, training = run.find("tokenise"), run.artifact("train")
    if packed is None or not any(packed.parquet("packed/train").glob("*.parquet")):
        return
    places, sequences = sequences_with(packed, "train", row)
    config = training.manifest["config"]
    size = config["train"]["batch_tokens"] // packed.manifest["config"]["tokenise"]["sequence_length"]
    steps = range(1, training.metrics["steps"] + 1)
    held = [s for s in steps if places and np.isin(global_batch(s, size, sequences, config["seed"]), places).any()]
    if held:
        epochs = sorted({(s - 1) * size // sequences + 1 for s in held})
        yield f"learned from in {counted('epoch', epochs)}, {counted('step', held)} of {len(steps):,}"
    elif places:
        yield f"not reached: {len(steps):,} steps of {size} sequences ended before its turn"
