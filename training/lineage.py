"""What `parlance explain` tells of a row that was learned from."""

from collections.abc import Iterator

import numpy as np

from configs.train import Train
from pipeline.contract.packed_rows import counted, sequences_with
from pipeline.contract.run import Run
from training.order import global_batch
from training.pair_packing import packed_rows


def trained(run: Run, row: str) -> Iterator[str]:
    """The steps whose batches held the row: the order of training follows from seed and step."""
    packed, training = run.find("tokenise"), run.artifact("train")
    config = training.manifest["config"]
    train = Train.model_validate(config["train"])
    source = "pairs/train" if train.prefers else "packed/train"
    if packed is None or not any(packed.parquet(source).glob("*.parquet")):
        return
    length = train.sides * packed.manifest["config"]["tokenise"]["sequence_length"]
    if train.prefers:
        rows = list(packed_rows(packed.parquet(source), length))
        places, sequences = [number for number, held in enumerate(rows) if row in held], len(rows)
    else:
        places, sequences = sequences_with(packed, "train", row)
    size = train.batch_tokens // length
    steps = range(1, training.metrics["steps"] + 1)
    held = [s for s in steps if places and np.isin(global_batch(s, size, sequences, config["seed"]), places).any()]
    if held:
        epochs = sorted({(s - 1) * size // sequences + 1 for s in held})
        yield f"learned from in {counted('epoch', epochs)}, {counted('step', held)} of {len(steps):,}"
    elif places:
        yield f"not reached: {len(steps):,} steps of {size} sequences ended before its turn"
