"""Training speed on GPUs, through the engine and the step that the stage train uses.

    python benchmarks/train_gpu.py --variant liger,fast --data var/artifacts/tokenise/FINGERPRINT

Prints a JSON line a variant: variant, layers, data, gpus, tokens_per_second_per_gpu, mfu, mfu_causal, step_seconds,
peak_memory_gb, loss, and what else the run was. Needs neither Airflow nor Spark.

mfu counts 6·N + 12·layers·hidden·sequence operations a token (Chowdhery et al. 2022, appendix B) over the peak of
the GPU in dense bf16, whatever the documents' lengths are and whatever is recomputed; mfu_causal counts half of
the attention; mfu_documents only what tokens of one document do to each other. An unknown GPU has none (null).
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

VARIANTS = {
    "plain": "transformers' own layers and loss, SDPA, documents not kept apart",
    "liger": "the same with Liger kernels (pip install liger-kernel)",
    "fast": "what Parlance trains with: document attention, fused layers, fused loss",
    "compiled": "the same with layers by torch.compile",
    "unfused": "the same with transformers' own layers",
    "fp8": "fast, with the layers' matrix products in 8 bits",
}

LAYERS: dict[str, Literal["plain", "compiled"]] = {
    "plain": "plain",
    "liger": "plain",
    "compiled": "compiled",
    "unfused": "plain",
}
"""launch.layers of the variants that are not as `auto` has them. The line tells what it came to."""


def main() -> None:
    """Measures each variant in processes of its own."""
    arguments = parser().parse_args()
    variants = arguments.variant.split(",")
    unknown = sorted(set(variants) - set(VARIANTS))
    if unknown:
        sys.exit(f"error: --variant: {', '.join(unknown)} is not one of {', '.join(VARIANTS)}")
    from configs.errors import UserError

    failed = False
    for variant in variants:
        with tempfile.TemporaryDirectory(prefix="parlance-train-gpu-") as scratch:
            try:
                measure(variant, arguments, Path(scratch))
            except (UserError, RuntimeError) as error:
                failed = True
                print(json.dumps({"variant": variant, "error": str(error)}), flush=True)
    sys.exit(failed)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="variants:\n" + "\n".join(f"  {name:8} {what}" for name, what in VARIANTS.items()),
    )
    found.add_argument("--gpus", type=int, default=1, help="ranks on this machine, one a GPU (default: 1)")
    found.add_argument("--model", default="llama-3.2-3b", help="a name in configs/models (default: llama-3.2-3b)")
    found.add_argument("--sequence", type=int, default=4096, help="tokens of a sequence (default: 4096)")
    found.add_argument("--micro-batch", type=int, default=4, help="sequences that a GPU holds at once (default: 4)")
    found.add_argument("--accumulation", type=int, default=4, help="micro-batches in a step (default: 4)")
    found.add_argument("--zero", type=int, default=1, choices=range(4), help="DeepSpeed's ZeRO stage (default: 1)")
    found.add_argument("--variant", default="plain,fast", help="what to compare, see below (default: plain,fast)")
    found.add_argument(
        "--checkpointing",
        choices=("none", "selective", "full"),
        default="none",
        help="what the backward pass recomputes (default: none)",
    )
    found.add_argument(
        "--data",
        type=Path,
        required=True,
        help="an artifact of the stage tokenise, with sequences of --sequence tokens: "
        "parlance run --profile demo --until tokenise -o model.name=llama-3.2-3b -o tokenise.sequence_length=4096 "
        "-o launch.micro_batch=1 -o train.batch_tokens=8192",
    )
    found.add_argument("--unbroken", action="store_true", help="take each sequence as one document, learned whole")
    found.add_argument("--steps", type=int, default=6, help="steps that are measured, after two (default: 6)")
    found.add_argument("--profile", action="store_true", help="add the time by kind of kernel over one more step")
    found.add_argument("--memory-gb", type=float, help="let torch have no more than this much of the GPU's memory")
    found.add_argument("--deepspeed", default="{}", help="JSON merged into DeepSpeed's configuration")
    return found


def measure(variant: str, arguments: argparse.Namespace, scratch: Path) -> None:
    """Starts the ranks of one variant, which print its line."""
    from configs.load import load_architecture
    from configs.train import Launch, Train
    from training.arrow import arrow_copy
    from training.job_config import JobConfig
    from training.launcher import launch

    packed = arguments.data / "packed" if (arguments.data / "packed").is_dir() else arguments.data
    (scratch / "sequences/validation").mkdir(parents=True)
    if not arrow_copy(packed / "train", scratch / "sequences/train", arguments.sequence, lambda: None):
        sys.exit(f"error: --data: {arguments.data} holds no packed/train/*.parquet")
    architecture = load_architecture(arguments.model)
    settings = Launch(
        ranks=arguments.gpus,
        micro_batch=arguments.micro_batch,
        zero_stage=arguments.zero,
        threads=8,
        layers=LAYERS.get(variant, "auto"),
        deepspeed=json.loads(arguments.deepspeed),
    )
    job = JobConfig(
        train=Train(
            steps=10_000,
            warmup_steps=100,
            learning_rate=1e-4,
            batch_tokens=arguments.gpus * arguments.micro_batch * arguments.accumulation * arguments.sequence,
            precision="fp8" if variant == "fp8" else "bf16",
            activation_checkpointing=arguments.checkpointing,
        ),
        launch=settings,
        seed=0,
        architecture=architecture,
        pretrained=None,
        vocabulary=architecture.vocab_size or 32_768,
        sequence_length=arguments.sequence,
        world_size=arguments.gpus,
        tokenizer=arguments.data / "tokenizer",
        sequences=scratch / "sequences",
        out=scratch,
        checkpoints=scratch,
    )
    path = scratch / "job.json"
    path.write_text(job.model_dump_json())
    options = {
        "variant": variant,
        "data": "unbroken" if arguments.unbroken else "documents",
        "steps": arguments.steps,
        "profile": arguments.profile,
        "memory_gb": arguments.memory_gb,
    }
    (scratch / "options.json").write_text(json.dumps(options))
    launch(path, settings, scratch, Path(__file__).with_name("train_gpu_rank.py"))
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
