"""The stage train, with two ranks."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from configs.errors import UserError
from pipeline.contract.artifact import PARTIAL, SCRATCH, Artifact
from pipeline.contract.execute import execute
from pipeline.contract.sealed_json import write_sealed
from tests.kills import killed_and_run_again
from tests.training.tokenised import begin_run
from training.markers import MARKER
from training.train import FINISHED

OVERRIDES = ["train.steps=40", "train.validation_every=8", "train.checkpoint_every=4", "launch.keep_checkpoints=3"]
PATIENCE_SECONDS = 300


def start(root: Path, raw: Path) -> subprocess.Popen[str]:
    """The stage in a process of its own, as the orchestrator runs it."""
    command = [sys.executable, "-m", "tests.training.tokenised", str(root), str(raw), *OVERRIDES]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(what: Callable[[], object], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.05)


def losses(artifact: Artifact) -> list[dict]:
    lines = [json.loads(line) for line in (artifact.path / "metrics.jsonl").read_text().splitlines()]
    kept = {"step", "loss", "validation_loss", "gradient_norm", "learning_rate"}
    kept |= {"validation_bleu", "validation_rouge_l", "validation_samples", "train_validation_gap", "overfitting"}
    return [{name: value for name, value in line.items() if name in kept} for line in lines]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "raw.jsonl"
    path.write_text("{}\n")
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, raw: Path) -> Artifact:
    (artifact,) = execute(begin_run(tmp_path_factory.mktemp("undisturbed"), OVERRIDES, raw), "train")
    return artifact


def test_the_model_loads_plainly_and_is_the_best_one(undisturbed: Artifact) -> None:
    facts = undisturbed.json("training.json")
    model: Any = AutoModelForCausalLM.from_pretrained(undisturbed.path / "model")
    tokenizer: Any = AutoTokenizer.from_pretrained(undisturbed.path / "model")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert tokenizer.chat_template
    assert tokenizer.convert_tokens_to_ids("<|eot_id|>") in model.generation_config.eos_token_id
    validation = dict(facts["validation_loss"])
    assert validation[facts["best_step"]] == min(validation.values())
    assert facts["train_loss"][-1][1] < 0.5 * math.log(len(tokenizer))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Shall we see the sea?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.no_grad():
        reply = model.generate(**prompt, max_new_tokens=4, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(reply).startswith("Yes.")


def test_replies_are_measured_at_each_validation(undisturbed: Artifact) -> None:
    facts = undisturbed.json("training.json")
    validated = [step for step, _ in facts["validation_loss"]]
    bleu, rouge_l = dict(facts["validation_bleu"]), dict(facts["validation_rouge_l"])
    assert list(bleu) == list(rouge_l) == validated == [8, 16, 24, 32, 40]
    assert bleu[40] > bleu[8]
    assert rouge_l[40] > rouge_l[8]
    step, samples = facts["validation_samples"][-1]
    assert step == 40
    assert len(samples) == 3
    assert re.fullmatch(r"user Shall we see the .*\? assistant", samples[0]["prompt"])
    assert all(sample["reply"].startswith("Yes.") for sample in samples)
    assert all(sample["reference"].startswith("Yes.") for sample in samples)
    cost = facts["validation_replies"]
    assert cost["count"] == 8
    assert 0 < cost["seconds"] < facts["seconds"]
    assert 0 < cost["share"] < 1


def test_nothing_of_the_checkpoints_is_left(undisturbed: Artifact) -> None:
    files = {entry["path"].split("/")[0] for entry in undisturbed.manifest["files"]}
    assert files == {"model", "metrics.jsonl", "training.json"}
    assert undisturbed.damage() == []


def test_a_killed_run_leaves_no_rank_and_resumes_with_identical_losses(
    undisturbed: Artifact, raw: Path, tmp_path: Path
) -> None:
    process = start(tmp_path, raw)
    wait_for(lambda: len(list(tmp_path.glob(f"artifacts/train/.*.scratch/*/{MARKER}"))) >= 2, process)
    ranks = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(ranks, timeout=30)
    assert not alive

    newest = sorted(tmp_path.glob(f"artifacts/train/.*.scratch/*/{MARKER}"))[-1].parent
    victim = max((p for p in newest.iterdir() if p.name != MARKER), key=lambda p: p.stat().st_size)
    with victim.open("r+b") as file:  # one flipped byte, as a disk might
        file.seek(victim.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))

    process = start(tmp_path, raw)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    assert f"{newest} is damaged; looks for an older checkpoint" in output
    assert "train: resumes after step" in output
    (path,) = tmp_path.glob("artifacts/train/[!.]*")
    resumed = Artifact(path)
    assert losses(resumed) == losses(undisturbed)
    assert resumed.json("training.json")["best_step"] == undisturbed.json("training.json")["best_step"]
    weights = [AutoModelForCausalLM.from_pretrained(a.path / "model").state_dict() for a in (resumed, undisturbed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_from_the_end_of_training_to_the_clean_up_it_may_be_killed_before_any_call(
    undisturbed: Artifact, raw: Path, tmp_path: Path
) -> None:
    """The model is finished and noted, as just before the commit; beside it lies what the commit makes superfluous."""
    run = begin_run(tmp_path / "root", OVERRIDES, raw)
    partial = run.store.root / "train" / f".{run.fingerprint('train')}{PARTIAL}"
    scratch = partial.with_suffix(SCRATCH)
    for kind in ("step-00000036", "best-00000040", "sequences"):
        (scratch / kind).mkdir(parents=True)
        (scratch / kind / "file").touch()
    shutil.copytree(undisturbed.path, partial, ignore=shutil.ignore_patterns("manifest.*"))
    files = {entry["path"]: entry["sha256"] for entry in undisturbed.manifest["files"]}
    write_sealed(scratch / FINISHED, {"mlflow_run": None, "files": files})
    found = killed_and_run_again(run, train=14)["train"]
    assert found["trials"] == 14
    assert found["differing"] == []


def test_the_failure_of_a_rank_is_the_failure_of_the_stage(raw: Path, tmp_path: Path) -> None:
    empty = tmp_path / "no-model-here"
    empty.mkdir()
    (empty / "readme.txt").write_text("no weights")
    run = begin_run(tmp_path / "root", [*OVERRIDES, f"model.pretrained={empty}"], raw)
    with pytest.raises(UserError, match=r"^model\.pretrained: .*no-model-here' cannot be loaded"):
        execute(run, "train")
