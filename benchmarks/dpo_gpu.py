"""Direct preference optimisation on a GPU: Parlance's engine, and TRL's DPOTrainer, on the same pairs and weights.

    PYTHONPATH=/tmp/trl python -m benchmarks.dpo_gpu --data var/artifacts/tokenise/FINGERPRINT

Both take the same pairs in the same order, as many a step, with the same β, learning rate and AdamW, from the same
weights. Prints a JSON line a variant: tokens_per_second counts the tokens of both sides, padding left out, over the
steps after the first ones; reference_seconds is what the reference's log-probabilities took, once, beforehand;
`margins` and `losses` are of each step's own pairs before the step. Then a line that compares the first two variants:
how many times faster, and how far apart losses and margins are.

TRL pads the sides of a micro-batch to the longest, so it is tried with each of --trl-pairs; precomputed reference,
fused AdamW, no gradient checkpointing, batches read ahead from pinned memory, SDPA. Install it beside, not into, the
environment: pip install --no-deps --target /tmp/trl trl==1.16.0
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

VARIANTS = {
    "parlance": "what the stage train does with train.objective: dpo",
    "trl": "DPOTrainer, weights in fp32 under autocast (with --lora: frozen weights in bf16)",
    "trl-bf16": "DPOTrainer, weights and AdamW in bf16: faster, but small updates are rounded away",
}

SMOLLM2_135M: dict[str, Any] = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
"""Source: config.json of HuggingFaceTB/SmolLM2-135M."""

LENGTHS = {"prompt": (4.43, 0.98), "chosen": (3.34, 0.87), "rejected": (3.54, 0.91)}
"""Mean and deviation of the logarithm of lengths in tokens of SmolLM2's tokenizer, with ChatML's markers: 2,303 pairs
of HH-RLHF's harmless test set."""


def main() -> None:
    """Measures each variant in a process of its own, then compares."""
    arguments = parser().parse_args()
    variants = arguments.variant.split(",")
    if unknown := sorted(set(variants) - set(VARIANTS)):
        sys.exit(f"error: --variant: {', '.join(unknown)} is not one of {', '.join(VARIANTS)}")
    with tempfile.TemporaryDirectory(prefix="parlance-dpo-gpu-") as folder:
        scratch = Path(folder)
        target = scratch / "model"
        model = saved_model(arguments.model, target) if arguments.model else random_model(target, arguments.tiny)
        if not divide(arguments, scratch / "pairs", vocabulary(model)):
            sys.exit(
                f"error: --data: {arguments.data} holds no pairs/train/*.parquet, or fewer pairs than a step takes"
            )
        best: dict[str, dict[str, Any]] = {}
        for variant in variants:
            for micro_batch in [0] if variant == "parlance" else arguments.trl_pairs:
                line = measure(variant, micro_batch, model, arguments, scratch)
                print(json.dumps(line), flush=True)
                if line.get("tokens_per_second", 0) > best.get(variant, {}).get("tokens_per_second", 0):
                    best[variant] = line
        if len(best) > 1:
            print(json.dumps(compared(*list(best.values())[:2])), flush=True)
    sys.exit(len(best) < len(variants))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="variants:\n" + "\n".join(f"  {name:8} {what}" for name, what in VARIANTS.items()),
    )
    found.add_argument("--variant", default="parlance,trl", help="what to measure, see below (default: parlance,trl)")
    found.add_argument(
        "--data",
        type=Path,
        help="an artifact of the stage tokenise with pairs/train/*.parquet; without it pairs of random tokens, as long "
        "as HH-RLHF's, whose rejected sides use half of the vocabulary",
    )
    found.add_argument(
        "--model",
        help="weights and tokenizer as model.pretrained names them; without it SmolLM2-135M's shape, random",
    )
    found.add_argument("--tiny", action="store_true", help="instead of SmolLM2's shape two narrow layers, to try it")
    found.add_argument("--pairs", type=int, default=64, help="pairs in a step (default: 64)")
    found.add_argument("--steps", type=int, default=30, help="steps (default: 30)")
    found.add_argument("--warm-up", type=int, default=5, help="steps that are not timed (default: 5)")
    found.add_argument("--length", type=int, default=1024, help="most tokens of a side (default: 1024)")
    found.add_argument("--accumulation", type=int, default=1, help="Parlance's micro-batches in a step (default: 1)")
    found.add_argument(
        "--trl-pairs",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[16, 32, 64],
        help="pairs that TRL holds at once, each of which divides --pairs (default: 16,32,64)",
    )
    found.add_argument("--lora", type=int, help="rank of adapters; without it all weights are trained")
    found.add_argument("--beta", type=float, default=0.1, help="β (default: 0.1)")
    found.add_argument("--learning-rate", type=float, default=5e-6, help="constant (default: 5e-6)")
    return found


def random_model(folder: Path, tiny: bool) -> Path:
    """A Llama with random weights from a seed, and a tokenizer, which only its template and padding are used of."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from pipeline.tokenise.tokenizer import save_tokenizer, train_tokenizer

    shape: dict[str, Any] = dict(SMOLLM2_135M)
    if tiny:
        shape = shape | {"hidden_size": 72, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512}
    torch.manual_seed(0)
    config = LlamaConfig(**shape, pad_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    save_tokenizer(train_tokenizer(["No text: what is measured are tokens."], 512), folder)
    return folder


def saved_model(name: str, folder: Path) -> Path:
    """Pretrained weights in fp32 and their tokenizer, as a folder that both load."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from pipeline.contract.pretrained import pretrained_source
    from training.model import forget_quantisation

    source = pretrained_source(name)
    if not source.gguf:
        return Path(source.folder)
    model = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32, **source.options)
    forget_quantisation(model)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.folder, **source.options).save_pretrained(folder)
    return folder


def vocabulary(model: Path) -> int:
    return json.loads((model / "config.json").read_text())["vocab_size"]


def divide(arguments: argparse.Namespace, folder: Path, tokens: int) -> bool:
    """Writes the pairs of each step as a file; whether there are enough for one. Pairs repeat when all were taken."""
    table = synthetic(arguments, tokens) if arguments.data is None else given(arguments.data, arguments.length)
    if len(table) < arguments.pairs:
        return False
    folder.mkdir(parents=True)
    for step in range(arguments.steps):
        picked = np.arange(step * arguments.pairs, (step + 1) * arguments.pairs) % len(table)
        pq.write_table(table.take(picked), folder / f"part-{step:05d}.parquet")
    return True


def given(data: Path, length: int) -> pa.Table:
    """The pairs of an artifact whose sides are short enough, each side up to the last token that is learned: TRL learns
    all of a reply, and some templates write a line break after the token that ends it."""
    table = pa.concat_tables(pq.read_table(part) for part in sorted((data / "pairs/train").glob("*.parquet")))
    rows = table.to_pylist()
    for row, side in product(rows, ("chosen", "rejected")):
        end = len(row[side]) - row[f"{side}_learned"][::-1].index(True)
        row |= {name: row[name][:end] for name in (side, f"{side}_learned")}
    table = pa.Table.from_pylist(rows, table.schema)
    longest = np.maximum(*(table[side].combine_chunks().value_lengths().to_numpy() for side in ("chosen", "rejected")))
    return table.filter(pa.array(longest <= length))


def synthetic(arguments: argparse.Namespace, tokens: int) -> pa.Table:
    """Pairs of random tokens with the lengths of HH-RLHF's."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(arguments.pairs * arguments.steps):
        sizes = {name: int(random.lognormal(*normal)) + 1 for name, normal in LENGTHS.items()}
        room = arguments.length - max(sizes["chosen"], sizes["rejected"])
        if room < 1:
            sizes = {"prompt": 1, "chosen": arguments.length // 2, "rejected": arguments.length // 2}
            room = 1
        prompt = random.integers(3, tokens, min(sizes["prompt"], room)).tolist()
        row: dict[str, Any] = {"row_id": str(number)}
        for side, most in (("chosen", tokens), ("rejected", tokens // 2)):
            reply = random.integers(3, most, sizes[side]).tolist()
            row |= {side: prompt + reply, f"{side}_learned": [False] * len(prompt) + [True] * len(reply)}
        rows.append(row)
    return pa.Table.from_pylist(rows)


def measure(
    variant: str, micro_batch: int, model: Path, arguments: argparse.Namespace, scratch: Path
) -> dict[str, Any]:
    """The line of one variant. micro_batch: TRL's pairs at once."""
    work = scratch / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    names = ("pairs", "steps", "warm_up", "length", "accumulation", "lora", "beta", "learning_rate")
    options = {name: getattr(arguments, name) for name in names}
    options |= {"variant": variant, "micro_batch": micro_batch, "model": str(model), "data": str(scratch / "pairs")}
    result = work / "result.json"
    (work / "options.json").write_text(json.dumps(options | {"result": str(result)}))
    script = Path(__file__).with_name("dpo_gpu_parlance.py" if variant == "parlance" else "dpo_gpu_trl.py")
    environment = dict(os.environ, TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1", HF_HUB_OFFLINE="1")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        [sys.executable, str(script), str(work / "options.json")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if not result.is_file():
        said = [line for line in ended.stdout.strip().splitlines() if line.strip()]
        return {"variant": variant, "trl_pairs": micro_batch, "error": " | ".join(said[-3:])[-600:]}
    return json.loads(result.read_text())


def compared(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """How the first variant does against the second."""
    apart = {
        f"largest_difference_of_{name}": round(float(np.abs(np.subtract(first[name], second[name])).max()), 6)
        for name in ("losses", "margins")
    }
    return {
        "compared": [first["variant"], second["variant"]],
        "times_the_tokens_per_second": round(first["tokens_per_second"] / second["tokens_per_second"], 2),
        "times_the_speed_of_the_reference": round(second["reference_seconds"] / first["reference_seconds"], 2),
        "last_margins": [first["margins"][-1], second["margins"][-1]],
        **apart,
    }


if __name__ == "__main__":
    main()
