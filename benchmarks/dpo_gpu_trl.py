"""TRL's side of benchmarks/dpo_gpu.py: dpo_gpu_trl.py options.json. Written for TRL 1.16."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import transformers
import trl
from datasets import Dataset
from peft import LoraConfig
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer


class GivenPairs(DPOTrainer):
    """DPOTrainer on pairs that are tokens already, in the order that they are given in."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def _precompute_ref_logps(self, *arguments: Any) -> Dataset:
        started = time.perf_counter()
        self.model.to(self.args.device)
        found = super()._precompute_ref_logps(*arguments)
        self.reference_seconds = time.perf_counter() - started
        return found


class Clock(TrainerCallback):
    """Times the steps after the first `warm_up`, and keeps what each logs."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self.started, self.seconds = warm_up, 0.0, 0.0
        self.logged: list[dict[str, float]] = []

    def on_step_begin(self, *given: Any, **_: Any) -> None:
        state = given[1]
        if state.global_step == self.warm_up:
            self.started = now()

    def on_step_end(self, *given: Any, **_: Any) -> None:
        state = given[1]
        if state.global_step == state.max_steps:
            self.seconds = now() - self.started

    def on_log(self, *_: Any, **named: Any) -> None:
        if "rewards/margins" in named["logs"]:
            self.logged.append(named["logs"])


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def read(folder: Path) -> tuple[Dataset, list[int]]:
    """The pairs as TRL takes them, and the tokens of each step."""
    rows, tokens = [], []
    for part in sorted(folder.glob("*.parquet")):
        table = pq.read_table(part)
        tokens.append(sum(len(side) for name in ("chosen", "rejected") for side in table[name].to_pylist()))
        for row in table.to_pylist():
            prompt = row["chosen_learned"].index(True)
            assert row["rejected_learned"].index(True) == prompt, "sides of one prompt"
            assert all(row["chosen_learned"][prompt:] + row["rejected_learned"][prompt:]), "a reply learned to its end"
            rows.append(
                {
                    "prompt_ids": row["chosen"][:prompt],
                    "chosen_ids": row["chosen"][prompt:],
                    "rejected_ids": row["rejected"][prompt:],
                }
            )
    return Dataset(pa.Table.from_pylist(rows)), tokens


def main() -> None:
    options = json.loads(Path(sys.argv[1]).read_text())
    on_gpu, lora = torch.cuda.is_available(), options["lora"]
    dataset, tokens = read(Path(options["data"]))
    small = on_gpu and (options["variant"] == "trl-bf16" or lora)
    model = AutoModelForCausalLM.from_pretrained(
        options["model"], dtype=torch.bfloat16 if small else torch.float32, attn_implementation="sdpa"
    )
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    clock = Clock(options["warm_up"])
    trainer = GivenPairs(
        model=model,
        args=DPOConfig(
            output_dir=str(Path(sys.argv[1]).parent / "trl"),
            beta=options["beta"],
            max_length=options["length"],
            precompute_ref_log_probs=True,
            precompute_ref_batch_size=options["micro_batch"],
            per_device_train_batch_size=options["micro_batch"],
            gradient_accumulation_steps=options["pairs"] // options["micro_batch"],
            max_steps=options["steps"],
            learning_rate=options["learning_rate"],
            lr_scheduler_type="constant",
            weight_decay=0.0,
            adam_beta2=0.999,
            max_grad_norm=1.0,
            bf16=on_gpu,
            gradient_checkpointing=False,
            optim="adamw_torch_fused",
            dataloader_num_workers=2 if on_gpu else 0,
            dataloader_pin_memory=on_gpu,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=0,
        ),
        train_dataset=dataset,
        processing_class=AutoTokenizer.from_pretrained(options["model"]),
        peft_config=LoraConfig(r=lora, lora_alpha=2 * lora, target_modules=modules) if lora else None,
        callbacks=[clock],
    )
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    timed = tokens[options["warm_up"] :]
    line = {
        "variant": options["variant"],
        "gpu": torch.cuda.get_device_name() if on_gpu else None,
        "tokens_per_second": round(sum(timed) / clock.seconds),
        "step_seconds": round(clock.seconds / len(timed), 4),
        "tokens_a_step": round(sum(timed) / len(timed)),
        "reference_seconds": round(trainer.reference_seconds, 2),
        "peak_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 1) if on_gpu else None,
        "pairs": options["pairs"],
        "trl_pairs": options["micro_batch"],
        "lora": lora,
        "weights": str(model.dtype).removeprefix("torch."),
        "losses": [round(float(logs["loss"]), 6) for logs in clock.logged],
        "margins": [round(float(logs["rewards/margins"]), 6) for logs in clock.logged],
        "accuracies": [round(float(logs["rewards/accuracies"]), 4) for logs in clock.logged],
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "trl": trl.__version__,
    }
    Path(options["result"]).write_text(json.dumps(line))


if __name__ == "__main__":
    main()
