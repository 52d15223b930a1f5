"""Tasks of lm-eval: its own command, its own numbers."""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from configs.errors import UserError
from configs.evaluate import Evaluate
from configs.load import load_profile
from eval.check import check
from eval.harness import command_of, run_tasks, scores_of

from .conftest import PAIRS

INSTALLED = find_spec("lm_eval") is not None


def test_scores_are_named_by_task_and_metric_and_filter() -> None:
    results = {
        "arc.easy": {"alias": "arc", "acc,none": 0.25, "acc_stderr,none": 0.1, "sample_len": 48},
        "gsm": {"exact_match,strict": 0.5, "exact_match_stderr,strict": "N/A"},
    }
    assert scores_of(results) == {
        "scores": {"arc_easy/acc": 0.25, "gsm/exact_match/strict": 0.5},
        "errors": {"arc_easy/acc": 0.1},
    }


def test_without_tasks_nothing_is_run(tmp_path: Path) -> None:
    assert run_tasks(tmp_path, tmp_path, Evaluate()) == {}


@pytest.mark.skipif(INSTALLED, reason="lm-eval is installed")
def test_tasks_are_refused_before_anything_starts_where_lm_eval_is_not_installed() -> None:
    with pytest.raises(UserError, match=r"evaluate\.tasks: piqa need the package lm-eval, .*pip install lm-eval"):
        check(load_profile("scratch", ["evaluate.tasks=[piqa]"]))


def test_a_probe_that_there_is_not_is_refused_before_anything_starts() -> None:
    check(load_profile("scratch"))
    with pytest.raises(UserError, match=r"evaluate\.probes: there is no probe 'fact'"):
        check(load_profile("scratch", ["evaluate.probes=[fact]"]))


@pytest.mark.skipif(not INSTALLED, reason="lm-eval is not installed")
def test_the_numbers_are_those_that_the_printed_command_gives(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trained.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    rows = tmp_path / "rows.jsonl"
    answers = [answer for _, answer in PAIRS]
    rows.write_text(
        "".join(json.dumps({"q": q, "choices": answers, "label": i}) + "\n" for i, (q, _) in enumerate(PAIRS))
    )
    (tmp_path / "tasks").mkdir()
    task = {
        "task": "six_answers",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_target": "label",
        "doc_to_choice": "choices",
    }
    (tmp_path / "tasks" / "six_answers.yaml").write_text(json.dumps(task))
    settings = Evaluate(tasks=("six_answers",), task_folder=str(tmp_path / "tasks"))
    check(load_profile("scratch", [f"evaluate.task_folder={tmp_path / 'tasks'}", "evaluate.tasks=[six_answers]"]))
    with pytest.raises(UserError, match="Tasks not found: seven_answers"):
        check(load_profile("scratch", ["evaluate.tasks=[seven_answers]"]))
    found = run_tasks(tmp_path / "model", tmp_path / "tokenizer", settings)
    assert found["command"] in capfd.readouterr().out
    command = command_of(tmp_path / "model", tmp_path / "tokenizer", settings)
    subprocess.run([*command, "--output_path", str(tmp_path / "own.json")], check=True)
    (own,) = tmp_path.glob("own_*.json")
    results = json.loads(own.read_text())["results"]["six_answers"]
    assert found["scores"] == {"six_answers/acc": results["acc,none"], "six_answers/acc_norm": results["acc_norm,none"]}
    assert found["errors"]["six_answers/acc"] == results["acc_stderr,none"]
