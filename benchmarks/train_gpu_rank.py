"""One rank of benchmarks/train_gpu.py. Started by the deepspeed launcher as: train_gpu_rank.py job.json"""

import json
import os
import statistics
import sys
import time
import traceback
from datetime import date
from pathlib import Path
from typing import Any

import deepspeed
import numpy as np
import torch
import torch.distributed as dist
import transformers
from deepspeed import DeepSpeedEngine
from torch import nn
from transformers import PreTrainedModel

from configs.errors import UserError
from configs.flops import flops_per_token, peak_flops
from pipeline.contract.tokenised import UNLEARNED
from training.communication import CommunicationClock
from training.data import Batch, PackedSequences, packed_batch
from training.engine import build_engine, engine_of, precision, start_distributed
from training.job_config import JobConfig
from training.launcher import end_with_stdin, report_failure
from training.layers import kind_of, prepare_layers
from training.model import build_model
from training.prefetch import Prefetch
from training.step import optimiser_step

WARM_UP = 2

KINDS = {
    "attention": ("fmha", "flash", "attention", "sdpa"),
    "matrix products": ("gemm", "nvjet", "cutlass", "cublas", "xmma", "splitk"),
    "communication": ("nccl",),
    "optimizer": ("adam", "multi_tensor", "fusedopti", "lpnorm"),
    "loss over the vocabulary": ("cross_entropy", "nll", "softmax"),
    "norms, activations, sums, copies": ("",),
}
"""Kind of kernel to parts of its name; the first that matches."""


class UnbrokenSequences(PackedSequences):
    """Every sequence as one document of which all but the first token is learned."""

    def batch(self, indices: Any, size: int) -> Batch:
        """The sequences at `indices`, which are always `size` of them."""
        assert len(indices) == size
        rows = np.asarray(self._rows[[int(i) for i in indices]]["input_ids"])  # type: ignore[index]
        return packed_batch(rows, np.zeros_like(rows), np.ones_like(rows, np.bool_))

    def learned(self, indices: Any) -> int:
        return len(indices) * (len(self._rows[0]["input_ids"]) - 1)  # type: ignore[index]


class TransformersLoss(nn.Module):
    """The model as transformers runs it: its own attention, causal over the whole sequence, and its own loss."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, kept: torch.Tensor, targets: torch.Tensor, **_: Any) -> torch.Tensor:
        """The summed loss of a batch of training.data.packed_batch, without regard to documents."""
        labels = torch.full_like(input_ids, UNLEARNED).view(-1)
        labels[kept + 1] = targets
        labels = labels.view_as(input_ids)
        return self.model(input_ids=input_ids, labels=labels, use_cache=False).loss * len(targets)


def run(job: JobConfig, options: dict[str, Any]) -> None:
    """Trains a few steps, and rank 0 prints the line."""
    device = start_distributed(job)
    if options["memory_gb"]:
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, options["memory_gb"] * 1e9 / whole), device)
    if options["variant"] == "liger":
        use_liger()
    engine = build(job, device, options["variant"])
    sequences = UnbrokenSequences if options["data"] == "unbroken" else PackedSequences
    data = sequences(job.sequences / "train")
    clock = CommunicationClock(device)
    seconds, waited, talked, losses = [], 0.0, 0.0, []
    first = dist.get_rank() == 0
    with Prefetch(job, data, 1, dist.get_rank(), device) as batches:
        supply = iter(batches)
        for number in range(WARM_UP + options["steps"]):
            if number == WARM_UP:
                batches.take_waited()
                torch.cuda.reset_peak_memory_stats(device)
            started = time.perf_counter()
            outcome = optimiser_step(engine, job, next(supply), clock)
            torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - started)
            losses.append(outcome.loss)
            talked += outcome.communication_seconds() if number >= WARM_UP else 0.0
        waited = batches.take_waited()
        peak = torch.cuda.max_memory_allocated(device)
        kinds = by_kind(lambda: optimiser_step(engine, job, next(supply), clock), device) if options["profile"] else {}
    if not first:
        return
    step = statistics.median(seconds[WARM_UP:])
    tokens = job.train.batch_tokens / job.world_size / step
    name = torch.cuda.get_device_name(device)
    top, length, config = peak_flops(name), job.sequence_length, engine.module.model.config
    share = lambda flops: round(flops * tokens / top, 4) if top else None  # noqa: E731
    line = {
        "variant": options["variant"],
        "layers": kind_of(engine.module.model),
        "data": options["data"],
        "gpus": job.world_size,
        "gpu": name,
        "tokens_per_second_per_gpu": round(tokens),
        "mfu": share(flops_per_token(config, length)),
        "mfu_causal": share(flops_per_token(config, length, causal=True)),
        "mfu_documents": share(flops_per_token(config, round(attended(data)), causal=True)),
        "step_seconds": round(step, 4),
        "slowest_step_seconds": round(max(seconds[WARM_UP:]), 4),
        "first_step_seconds": round(seconds[0], 1),
        "peak_memory_gb": round(peak / 1e9, 1),
        "loss": round(losses[-1], 4),
        "losses": [round(x, 4) for x in losses],
        "data_wait_share": round(waited / sum(seconds[WARM_UP:]), 5),
        "communication_share": round(talked / sum(seconds[WARM_UP:]), 4),
        "micro_batch": job.micro_batch,
        "accumulation": job.accumulation,
        "sequence": length,
        "zero": job.launch.zero_stage,
        "memory_limit_gb": options["memory_gb"],
        "checkpointing": job.train.activation_checkpointing,
        "precision": precision(job, device),
        "date": date.today().isoformat(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "deepspeed": deepspeed.__version__,
    }
    print(json.dumps(line | ({"milliseconds": kinds} if kinds else {})), flush=True)


def attended(data: PackedSequences) -> float:
    """Tokens that a causal document of full attention would have, for the attention that these documents need.

    A document of n tokens takes n²/2 products; averaged over tokens and doubled, that is the length to count.
    """
    batch = data.batch(np.arange(min(64, len(data))), min(64, len(data)))
    lengths = batch["boundaries"].diff().double()
    return float((lengths**2).sum() / lengths.sum())


def build(job: JobConfig, device: torch.device, variant: str) -> DeepSpeedEngine:
    """The engine of a variant: the stage's own, or transformers' model in the same DeepSpeed engine."""
    if variant not in ("plain", "liger"):
        return build_engine(job, device)[0]
    model = build_model(job, device)
    model.config._attn_implementation = "sdpa"
    prepare_layers(model, job, device, fp8=False)
    return engine_of(TransformersLoss(model), job, device)


def use_liger() -> None:
    """Replaces transformers' Llama by Liger's, before it is built. Raises UserError when it is missing."""
    try:
        from liger_kernel.transformers import apply_liger_kernel_to_llama
    except ImportError as error:
        raise UserError("variant liger: pip install liger-kernel") from error
    apply_liger_kernel_to_llama()


def by_kind(step: Any, device: torch.device) -> dict[str, float]:
    """Milliseconds of GPU time by kind of kernel over one step, and the longest kernels."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize(device)
    kinds = dict.fromkeys(KINDS, 0.0)
    slowest = sorted(profiler.key_averages(), key=lambda e: -e.self_device_time_total)
    for event in slowest:
        kind = next(k for k, parts in KINDS.items() if any(p in event.key.lower() for p in parts))
        kinds[kind] += event.self_device_time_total / 1000
    if dist.get_rank() == 0:
        for event in slowest[:25]:
            print(f"{event.self_device_time_total / 1000:10.1f} ms {event.count:6} × {event.key[:110]}", flush=True)
    return {kind: round(value, 1) for kind, value in kinds.items()}


def main() -> None:
    """Reads the job, and trains."""
    end_with_stdin()
    job = JobConfig.model_validate_json(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    options = json.loads((job.out / "options.json").read_text(encoding="utf-8"))
    try:
        run(job, options)
    except BaseException as error:
        traceback.print_exc()
        report_failure(int(os.environ["RANK"]), error)
        os._exit(1)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
