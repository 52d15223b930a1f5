"""Parlance's side of benchmarks/dpo_gpu.py: dpo_gpu_parlance.py options.json"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import deepspeed
import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from configs.model import Lora
from configs.train import Launch, Train
from pipeline.contract.tokenised import PADDING
from training.communication import CommunicationClock
from training.data import on_device
from training.engine import build_engine, precision, start_distributed
from training.job_config import JobConfig
from training.launcher import free_port
from training.pair_packing import packed_pairs
from training.pairs import PairSequences
from training.prefetch import RankBatch
from training.reference import reference_log_probabilities
from training.step import optimiser_step

REFERENCE_SEQUENCES = 8
"""Held at once while the reference is measured."""


def job_of(options: dict[str, Any], scratch: Path) -> JobConfig:
    """The stage's job for these options: one rank, a constant learning rate, AdamW as TRL's."""
    model, accumulation = Path(options["model"]), options["accumulation"]
    return JobConfig(
        train=Train(
            objective="dpo",
            dpo={"beta": options["beta"]},
            steps=options["steps"],
            batch_tokens=accumulation * 2 * options["length"],
            learning_rate=options["learning_rate"],
            min_learning_rate_share=1.0,
            warmup_steps=0,
            weight_decay=0.0,
            beta2=0.999,
        ),
        launch=Launch(ranks=1, micro_batch=1, zero_stage=1, threads=os.cpu_count() or 1),
        seed=0,
        architecture=None,
        pretrained=str(model),
        lora=Lora(rank=options["lora"], alpha=2 * options["lora"]) if options["lora"] else None,
        vocabulary=json.loads((model / "config.json").read_text())["vocab_size"],
        sequence_length=options["length"],
        world_size=1,
        tokenizer=model,
        sequences=scratch / "sequences",
        out=scratch,
        checkpoints=scratch,
    )


def batches_of(data: PairSequences, steps: list[int], job: JobConfig) -> list[RankBatch]:
    """A batch a step. steps: sequences of each, one after the other."""
    found, first = [], 0
    for number, count in enumerate(steps, 1):
        rows = np.arange(first, first + count)
        parts = np.array_split(rows, job.accumulation)
        found.append(RankBatch(number, [data.batch(part, max(1, len(part))) for part in parts], data.learned(rows)))
        first += count
    return found


def tokens_of(data: PairSequences, sequences: NDArray[np.int64]) -> int:
    """Tokens of both sides of the pairs in these sequences, without padding."""
    _, document_ids, _ = data.rows(sequences, len(sequences))
    return int((document_ids != PADDING).sum())


def main() -> None:
    options = json.loads(Path(sys.argv[1]).read_text())
    scratch = Path(sys.argv[1]).parent
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ["MASTER_PORT"] = str(free_port())
    job = job_of(options, scratch)
    device = start_distributed(job)
    on_gpu = device.type == "cuda"
    counts = []
    for part in sorted(Path(options["data"]).glob("*.parquet")):
        alone = scratch / "parts" / part.stem
        alone.mkdir(parents=True)
        (alone / part.name).symlink_to(part)
        counts.append(packed_pairs(alone, job.sequences / "train", job.packed_length, lambda: None))
    data = PairSequences(job.sequences / "train")
    engine, _ = build_engine(job, device)
    started = time.perf_counter()
    held = job.launch.model_copy(update={"micro_batch": REFERENCE_SEQUENCES})
    every = np.arange(len(data))
    data.reference = reference_log_probabilities(
        engine, job.model_copy(update={"launch": held}), device, data, every, "train"
    )
    reference = time.perf_counter() - started
    batches = batches_of(data, counts, job)
    tokens = [
        tokens_of(data, np.arange(last - count, last)) for last, count in zip(np.cumsum(counts), counts, strict=True)
    ]
    clock = CommunicationClock(device)
    outcomes = []
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    for number, batch in enumerate(batches):
        if number == options["warm_up"]:
            if on_gpu:
                torch.cuda.synchronize(device)
            started = time.perf_counter()
        batch.batches = [on_device(part, device) for part in batch.batches]
        outcomes.append(optimiser_step(engine, job, batch, clock))
    if on_gpu:
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    timed = tokens[options["warm_up"] :]
    rows = sum(counts[options["warm_up"] :]) * job.packed_length
    line = {
        "variant": options["variant"],
        "gpu": torch.cuda.get_device_name(device) if on_gpu else None,
        "tokens_per_second": round(sum(timed) / seconds),
        "step_seconds": round(seconds / len(timed), 4),
        "tokens_a_step": round(sum(timed) / len(timed)),
        "padding_share": round(1 - sum(timed) / rows, 4),
        "reference_seconds": round(reference, 2),
        "peak_memory_gb": round(torch.cuda.max_memory_allocated(device) / 1e9, 1) if on_gpu else None,
        "pairs": options["pairs"],
        "lora": options["lora"],
        "precision": precision(job, device),
        "losses": [round(outcome.loss, 6) for outcome in outcomes],
        "margins": [round(outcome.others[1], 6) for outcome in outcomes],
        "accuracies": [round(outcome.others[0], 4) for outcome in outcomes],
        "torch": torch.__version__,
        "deepspeed": deepspeed.__version__,
    }
    Path(options["result"]).write_text(json.dumps(line))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
