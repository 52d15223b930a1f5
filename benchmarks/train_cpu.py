"""CPU seconds of a training step as the demo takes it, by setting: python benchmarks/train_cpu.py --help

Prints a JSON line for each setting. What can be compared on a machine that others use too is the CPU time
of all ranks, not the wall time. The sequences are made: random tokens in documents as long as the demo's
(a mean of 116 tokens, two in a sequence of 256), of which 35% of the tokens are learned, as there.
"""

import argparse
import json
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.load import load_architecture
from configs.train import Launch, Train
from pipeline.contract.chat_template import BEGIN
from pipeline.contract.tokenised import UNLEARNED
from pipeline.tokenise.tokenizer import save_tokenizer, train_tokenizer
from training.arrow import arrow_copy
from training.job_config import JobConfig
from training.launcher import end_with_stdin, launch, report_failure

LENGTH, VOCABULARY, SEQUENCES, DOCUMENT, LEARNED = 256, 4096, 512, 116, 0.35
WARM = 3


def main() -> None:
    """Every combination of the settings given, one after the other."""
    options = parser().parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_data(folder)
        names = ("ranks", "threads", "zero", "micro_batch", "precision")
        for values in product(*(getattr(options, name) for name in names)):
            setting = dict(zip(names, values, strict=True))
            print(json.dumps(measure(folder, options.model, options.batch_tokens, options.steps, setting)), flush=True)


def measure(folder: Path, model: str, batch_tokens: int, steps: int, setting: dict) -> dict:
    """One launch of the ranks."""
    train = Train(steps=WARM + steps, batch_tokens=batch_tokens, warmup_steps=1, precision=setting["precision"])
    settings = Launch(
        ranks=setting["ranks"],
        threads=setting["threads"],
        zero_stage=setting["zero"],
        micro_batch=min(setting["micro_batch"], batch_tokens // LENGTH // setting["ranks"]),
    )
    job = JobConfig(
        train=train,
        launch=settings,
        seed=0,
        architecture=load_architecture(model),
        pretrained=None,
        vocabulary=VOCABULARY,
        sequence_length=LENGTH,
        world_size=setting["ranks"],
        tokenizer=folder / "tokenizer",
        sequences=folder / "sequences",
        out=folder,
        checkpoints=folder / "checkpoints",
    )
    path = folder / "job.json"
    path.write_text(job.model_dump_json())
    launch(path, settings, folder, Path(__file__))
    found = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(setting["ranks"])]
    cpu = sum(rank["cpu_seconds"] for rank in found) / steps
    return {
        **setting,
        "micro_batch": settings.micro_batch,
        "cpu_seconds_per_step": round(cpu, 4),
        "tokens_per_cpu_second": round(batch_tokens / cpu),
        "seconds_per_step": round(found[0]["seconds"] / steps, 4),
        "communication_share": round(found[0]["communication_seconds"] / found[0]["seconds"], 3),
        "loss": round(found[0]["loss"], 4),
    }


def make_data(folder: Path) -> None:
    """Random sequences with documents as long as the demo's."""
    random = np.random.default_rng(0)
    shape = (SEQUENCES, LENGTH)
    input_ids = random.integers(0, VOCABULARY, shape, dtype=np.int32)
    labels = np.where(random.random(shape) < LEARNED, input_ids, UNLEARNED).astype(np.int32)
    begins = random.random(shape) < 1 / DOCUMENT
    write_sequences(
        folder, {"input_ids": input_ids, "labels": labels, "document_ids": begins.cumsum(1).astype(np.int32)}
    )


def write_sequences(folder: Path, columns: dict[str, np.ndarray]) -> None:
    """Leaves folder/sequences/train and folder/tokenizer. columns: int32 [sequences, length] each."""
    table = pa.table({name: pa.array(list(values), pa.list_(pa.int32())) for name, values in columns.items()})
    (folder / "packed").mkdir()
    pq.write_table(table, folder / "packed" / "part-00000.parquet")
    arrow_copy(folder / "packed", folder / "sequences" / "train", columns["input_ids"].shape[1], lambda: None)
    save_tokenizer(train_tokenizer([f"{BEGIN} a few words"], 512), folder / "tokenizer")


def rank(path: Path) -> None:
    """One rank: WARM steps, then the measured ones."""
    import torch.distributed as dist

    from training.communication import CommunicationClock
    from training.data import PackedSequences
    from training.engine import build_engine, start_distributed
    from training.prefetch import Prefetch
    from training.step import optimiser_step

    job = JobConfig.model_validate_json(path.read_text())
    end_with_stdin()
    device = start_distributed(job)
    engine, _ = build_engine(job, device)
    clock, communication, outcome = CommunicationClock(device), 0.0, None
    with Prefetch(job, PackedSequences(job.sequences / "train"), 1, dist.get_rank(), device) as batches:
        for batch in batches:
            if batch.step == WARM + 1:
                wall, cpu, communication = time.perf_counter(), time.process_time(), 0.0
            outcome = optimiser_step(engine, job, batch, clock)
            communication += outcome.communication_seconds()
    assert outcome is not None
    found = {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "communication_seconds": communication,
        "loss": outcome.loss,
    }
    (job.out / f"rank-{dist.get_rank()}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--ranks", type=int, nargs="+", default=[2])
    found.add_argument("--threads", type=int, nargs="+", default=[1], help="a rank")
    found.add_argument("--zero", type=int, nargs="+", default=[1], choices=(0, 1, 2, 3))
    found.add_argument("--micro-batch", type=int, nargs="+", default=[4], help="sequences of 256 tokens")
    found.add_argument("--precision", nargs="+", default=["fp32"], choices=("fp32", "bf16"))
    found.add_argument("--model", default="tiny")
    found.add_argument("--batch-tokens", type=int, default=2048)
    found.add_argument("--steps", type=int, default=20, help="measured, after three that are not")
    return found


if __name__ == "__main__":
    if sys.argv[-1].endswith("job.json"):
        try:
            rank(Path(sys.argv[-1]))
        except BaseException as error:
            report_failure(0, error)
            raise
    else:
        main()
