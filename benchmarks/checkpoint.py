"""How long a checkpoint stops training: written while it waits, and while it goes on.

    python benchmarks/checkpoint.py                                  two ranks on CPU, a small model
    python benchmarks/checkpoint.py --ranks 1 --model llama-3.2-3b --sequence 4096 --micro-batch 2 --accumulation 8

Prints JSON lines, all of one run of the same ranks; seconds throughout:
- steps: the median step without a checkpoint.
- blocking: `stall`, which is all of it: files written, then read for their hashes.
- resume: from that checkpoint, every hash checked.
- prepare: memory of the host is taken once, beside the steps; the slowest of them.
- background, --checkpoints times: `call`, until training goes on; `stall`, by how much that and the next two steps take longer than
  two steps; `write`, until the checkpoint is complete; `slowdown`, by how much all steps until then take longer.

Random tokens, weights from scratch. The folder needs room for one checkpoint (13 to 16 bytes a parameter).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WARM, VOCABULARY, SEQUENCES = 2, 4096, 64


def main() -> None:
    """Launches the ranks, which measure."""
    from configs.load import load_architecture
    from configs.train import Launch, Train
    from training.job_config import JobConfig
    from training.launcher import launch

    options = parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="parlance-checkpoint-", dir=options.folder) as scratch:
        folder = Path(scratch)
        architecture = load_architecture(options.model)
        make_data(folder, options.sequence)
        sequences = options.ranks * options.micro_batch * options.accumulation
        settings = Launch(
            ranks=options.ranks,
            micro_batch=options.micro_batch,
            zero_stage=options.zero,
            threads=options.threads,
            keep_checkpoints=1,
        )
        job = JobConfig(
            train=Train(steps=10_000, warmup_steps=10, batch_tokens=sequences * options.sequence, learning_rate=1e-4),
            launch=settings,
            seed=0,
            architecture=architecture,
            pretrained=None,
            vocabulary=architecture.vocab_size or VOCABULARY,
            sequence_length=options.sequence,
            world_size=options.ranks,
            tokenizer=folder / "tokenizer",
            sequences=folder / "sequences",
            out=folder,
            checkpoints=folder / "checkpoints",
        )
        (folder / "options.json").write_text(
            json.dumps({"model": options.model, "steps": options.steps, "checkpoints": options.checkpoints})
        )
        path = folder / "job.json"
        path.write_text(job.model_dump_json())
        launch(path, settings, folder, Path(__file__))


def make_data(folder: Path, length: int) -> None:
    """Random sequences of two documents each."""
    from benchmarks.train_cpu import write_sequences

    input_ids = np.random.default_rng(0).integers(0, VOCABULARY, (SEQUENCES, length), dtype=np.int32)
    documents = np.tile((np.arange(length) >= length // 2).astype(np.int32), (SEQUENCES, 1))
    write_sequences(folder, {"input_ids": input_ids, "labels": input_ids, "document_ids": documents})


def rank(path: Path) -> None:
    """One rank: both ways, one after the other."""
    import torch
    import torch.distributed as dist

    from training.background_checkpoint import BackgroundCheckpoints
    from training.checkpoint import State, checkpoint_bytes, checkpoint_of, load_newest, save_checkpoint
    from training.communication import CommunicationClock
    from training.data import PackedSequences
    from training.engine import build_engine, precision, start_distributed
    from training.job_config import JobConfig
    from training.launcher import end_with_stdin
    from training.markers import delete
    from training.prefetch import Prefetch
    from training.step import optimiser_step

    job = JobConfig.model_validate_json(path.read_text())
    options = json.loads((job.out / "options.json").read_text())
    end_with_stdin()
    device = start_distributed(job)
    engine, parameters = build_engine(job, device)
    clock, first = CommunicationClock(device), dist.get_rank() == 0
    metrics = job.out / "options.json"  # any small file
    gpu = device.type == "cuda"
    facts = {
        "model": options["model"],
        "parameters": parameters,
        "ranks": job.world_size,
        "device": torch.cuda.get_device_name(device) if gpu else "cpu",
        "zero": job.launch.zero_stage,
        "precision": precision(job, device),
        "batch_tokens": job.train.batch_tokens,
        "gigabytes": round(checkpoint_bytes(engine.module) / 1e9, 3),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }

    def tell(what: str, **seconds: float) -> None:
        if first:
            print(json.dumps({"what": what, **{n: round(s, 4) for n, s in seconds.items()}, **facts}), flush=True)

    def settled() -> float:
        """The time, after all that is queued on the device is done."""
        if gpu:
            torch.cuda.synchronize(device)
        return time.perf_counter()

    def empty(step: int) -> None:
        dist.barrier()
        if first:
            delete(checkpoint_of(job.checkpoints, step))
        dist.barrier()

    with (
        Prefetch(job, PackedSequences(job.sequences / "train"), 1, dist.get_rank(), device) as batches,
        BackgroundCheckpoints(engine, job, {}) as checkpoints,
    ):
        supply = iter(batches)

        def step() -> float:
            """Takes a step; returns its seconds."""
            started = settled()
            optimiser_step(engine, job, next(supply), clock)
            ended = settled()
            checkpoints.advance()
            return ended - started

        for _ in range(WARM):
            step()
        usual = statistics.median(step() for _ in range(options["steps"]))
        tell("steps", median=usual)

        started = settled()
        save_checkpoint(engine, job.checkpoints, State(step=1), metrics, {}, keep=1)
        tell("blocking", stall=settled() - started)
        started = settled()
        load_newest(engine, job.checkpoints, {})
        tell("resume", seconds=settled() - started)
        empty(1)

        step()
        started = settled()
        checkpoints.prepare()
        called = settled() - started
        slowest, taken = 0.0, 0
        while until_all(checkpoints.preparing) or not taken:
            slowest, taken = max(slowest, step()), taken + 1
        tell("prepare", call=called, seconds=settled() - started, slowest_step=slowest, steps=taken)

        for number in range(2, 2 + options["checkpoints"]):
            started = settled()
            checkpoints.save(State(step=number), metrics)
            call = settled() - started
            lasted: list[float] = []
            while until_all(checkpoints.under_way) or len(lasted) < 2:
                lasted.append(step())
            write = settled() - started
            tell(
                "background",
                call=call,
                stall=call + sum(lasted[:2]) - 2 * usual,
                write=write,
                steps=len(lasted),
                slowdown=call + sum(lasted) - len(lasted) * usual,
                slowest_step=max(lasted),
            )
            empty(number)
    dist.barrier()
    dist.destroy_process_group()


def until_all(busy: bool) -> bool:
    """Whether any rank still is."""
    import torch.distributed as dist

    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, busy)
    return any(found)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--ranks", type=int, default=2, help="on this machine, one a GPU (default: 2)")
    found.add_argument("--model", default="tiny", help="a name in configs/models (default: tiny)")
    found.add_argument("--sequence", type=int, default=256, help="tokens of a sequence (default: 256)")
    found.add_argument("--micro-batch", type=int, default=2, help="sequences that a rank holds at once (default: 2)")
    found.add_argument("--accumulation", type=int, default=2, help="micro-batches in a step (default: 2)")
    found.add_argument("--zero", type=int, default=1, choices=range(4), help="DeepSpeed's ZeRO stage (default: 1)")
    found.add_argument("--threads", type=int, default=1, help="CPU threads of a rank (default: 1)")
    found.add_argument("--steps", type=int, default=5, help="steps that the median is of (default: 5)")
    found.add_argument("--checkpoints", type=int, default=2, help="written in the background (default: 2)")
    found.add_argument("--folder", type=Path, help="where checkpoints are written (default: the system's temporary)")
    return found


if __name__ == "__main__":
    if sys.argv[-1].endswith("job.json"):
        import os
        import traceback

        from training.launcher import report_failure

        try:
            rank(Path(sys.argv[-1]))
        except BaseException as error:
            traceback.print_exc()
            report_failure(int(os.environ["RANK"]), error)
            os._exit(1)
    else:
        main()
