"""What `parlance explain` tells of a row that was learned from."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.train import Train
from pipeline.contract.artifact import Artifact
from pipeline.contract.packed_rows import counted, sequences_with
from pipeline.contract.run import Run
from training.order import Mixture, global_batch
from training.pair_packing import packed_rows

Order = Callable[[int, int], NDArray[np.int64]]


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
    order = _order(packed, None if train.prefers else config.get("acquire.mix"), sequences, config["seed"])
    held, times = [], Counter[int]()
    for step in steps if places else ():
        batch = order(step, size)
        if found := batch[np.isin(batch, places)].tolist():
            held.append(step)
            times.update(found)
    if held:
        epochs = sorted({epoch for times_of in times.values() for epoch in range(1, times_of + 1)})
        yield f"learned from in {counted('epoch', epochs)}, {counted('step', held)} of {len(steps):,}"
    elif places:
        yield f"not reached: {len(steps):,} steps of {size} sequences ended before its turn"


def _order(packed: Artifact, mix: dict[str, float] | None, sequences: int, seed: int) -> Order:
    """The sequences of a step, by step and size of the batch."""
    if not mix:
        return lambda step, size: global_batch(step, size, sequences, seed)
    table = packed.read("packed/train").to_table(columns=["source", "learned_tokens"])
    source = pc.index_in(table["source"], pa.array([*mix])).to_numpy()
    return Mixture(source, table["learned_tokens"].to_numpy(), mix, seed).batch
