"""Tasks of lm-eval, the Language Model Evaluation Harness (Gao et al. 2021), by its own command."""

import json
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from configs.errors import UserError
from configs.evaluate import Evaluate
from pipeline.contract.progress import say

AT_ONCE = 8
"""Requests in one forward pass. The scores do not depend on it, but for rounding."""


def check(settings: Evaluate) -> None:
    """Raises UserError when tasks are named and lm-eval is not installed, or does not know one of them."""
    if not settings.tasks:
        return
    if not find_spec("lm_eval"):
        raise UserError(
            f"evaluate.tasks: {', '.join(settings.tasks)} need the package lm-eval, which is not installed; "
            "pip install lm-eval, or empty evaluate.tasks"
        )
    if settings.task_folder and not Path(settings.task_folder).is_dir():
        raise UserError(f"evaluate.task_folder: {settings.task_folder}: no such folder; name one of lm-eval's tasks")
    validated = subprocess.run(
        [sys.executable, "-m", "lm_eval", "validate", *_named(settings)], capture_output=True, text=True, check=False
    )
    if validated.returncode:
        said = (validated.stdout.strip() or validated.stderr.strip() or "nothing").splitlines()[-1]
        raise UserError(
            f"evaluate.tasks: lm-eval refuses them ({said[:200]}); `python -m lm_eval ls tasks` lists what it knows"
        )


def run_tasks(model: Path, tokenizer: Path, settings: Evaluate) -> dict[str, Any]:
    """{command, scores {task/metric: value}, errors {task/metric: standard error}} of the tasks; empty without any.

    The command is printed, and whoever runs it gets the same numbers. Raises UserError when it fails.
    """
    if not settings.tasks:
        return {}
    command = command_of(model, tokenizer, settings)
    say(f"evaluate: {shlex.join(['python', *command[1:]])}")
    with TemporaryDirectory() as folder:
        written = Path(folder, "tasks.json")
        status = subprocess.run([*command, "--output_path", str(written)], check=False).returncode
        found = sorted(written.parent.glob("tasks_*.json"))
        if status or not found:
            raise UserError(
                f"evaluate.tasks: lm-eval ended with status {status}, and says why above; put that right, or name none"
            )
        results = json.loads(found[-1].read_text(encoding="utf-8"))["results"]
    return {"command": shlex.join(["python", *command[1:]]), **scores_of(results)}


def command_of(model: Path, tokenizer: Path, settings: Evaluate) -> list[str]:
    """What runs the tasks on the model in a folder, as published numbers are made: without a chat template."""
    limit = ["--limit", str(settings.task_items)] if settings.task_items else []
    arguments = ["--model", "hf", "--model_args", f"pretrained={model},tokenizer={tokenizer}"]
    batch = ["--batch_size", str(AT_ONCE)]
    return [sys.executable, "-m", "lm_eval", *arguments, *_named(settings), *limit, *batch]


def scores_of(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """lm-eval's {task: {"acc,none": value, "acc_stderr,none": value}} as {scores {task/acc: value}, errors}.

    A filter other than none is named after the metric. Dots become underscores, as they part keys.
    """
    found: dict[str, dict[str, float]] = {"scores": {}, "errors": {}}
    for task, values in results.items():
        for key, value in values.items():
            metric, _, filter_ = key.partition(",")
            if isinstance(value, bool) or not isinstance(value, int | float) or not filter_:
                continue
            suffix = "" if filter_ == "none" else f"/{filter_}"
            kind = "errors" if metric.endswith("_stderr") else "scores"
            found[kind][f"{task}/{metric.removesuffix('_stderr')}{suffix}".replace(".", "_")] = float(value)
    return found


def _named(settings: Evaluate) -> list[str]:
    folder = ["--include_path", settings.task_folder] if settings.task_folder else []
    return ["--tasks", ",".join(settings.tasks), *folder]
