"""Adapters: only they are trained, and what comes out is one plain model."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM, AutoTokenizer

from configs.errors import UserError
from configs.load import load_architecture
from configs.model import Lora
from configs.size import lora_parameters
from eval.checkpoint import load_model
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from tests.training.jobs import Leg, losses_of, small_job
from tests.training.tokenised import begin_run
from training.arrow import arrow_copy
from training.data import PackedSequences
from training.job_config import JobConfig
from training.launcher import launch
from training.loss import SummedLoss
from training.model import build_model
from training.optimizer import adamw
from training.prefetch import rank_batch
from training.train import new_tokens

CPU = torch.device("cpu")
LORA = Lora(rank=4, alpha=8, target_modules=("q_proj", "v_proj", "down_proj"))


def mean_loss(model: Any, job: JobConfig, data: PackedSequences, step: int) -> float:
    """Of a global batch, by one process."""
    whole = job.model_copy(update={"world_size": 1})
    batch = rank_batch(whole, data, step, 0)
    with torch.no_grad():
        return sum(model(**part).item() for part in batch.batches) / batch.learned


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobConfig:
    train = {"batch_tokens": 8 * 64, "learning_rate": 1e-2}
    job = small_job(tmp_path_factory.mktemp("lora"), train, {"ranks": 2, "micro_batch": 4})
    return job.model_copy(update={"lora": LORA})


@pytest.fixture(scope="module")
def base(job: JobConfig) -> Path:
    """A folder of pretrained weights: a small model after thirty steps of plain torch, with its tokenizer."""
    module = SummedLoss(build_model(job.model_copy(update={"lora": None}), CPU))
    data = PackedSequences(job.sequences / "train")
    optimizer = adamw(module, job.train, fused=True)
    for step in range(1, 31):
        batch = rank_batch(job.model_copy(update={"world_size": 1}), data, step, 0)
        for part in batch.batches:
            (module(**part) / batch.learned).backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = job.out / "base"
    module.model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(job.tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(job: JobConfig, base: Path) -> Run:
    overrides = [
        f"model.pretrained={base}",
        "model.lora={rank: 4, alpha: 8, target_modules: [q_proj, v_proj, down_proj]}",
        *("train.steps=6", "train.warmup_steps=1", "train.validation_every=3", "train.learning_rate=0.005"),
        *("launch.profile_steps=2-3", "launch.log_every=2", "train.deterministic=true"),
    ]
    run = begin_run(job.out / "root", overrides, job.out / "raw.jsonl", "lora")
    execute(run, "train")
    return run


@pytest.fixture
def trained(run: Run) -> Artifact:
    return run.artifact("train")


def test_training_starts_at_the_loss_of_the_pretrained_model(
    job: JobConfig, base: Path, trained: Artifact, run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "sequences"
    arrow_copy(run.artifact("tokenise").path / "packed" / "train", copy, 64, lambda: None)
    this = job.model_copy(update={"seed": run.profile.seed, "pretrained": str(base), "lora": None})
    model, data = SummedLoss(build_model(this, CPU)).eval(), PackedSequences(copy)
    steps = [1, 2]
    own = [mean_loss(model, this, data, step) for step in steps]
    assert own[0] < 4  # an untrained model is at ln 512 = 6.2
    lines = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    reported = next(line for line in lines if line["step"] == 2)
    assert reported["loss"] == pytest.approx(sum(own) / 2, rel=0.02)  # one step was taken in between


def test_the_merged_model_is_the_base_with_the_adapter_that_lies_beside_it(trained: Artifact, base: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(base)
    before = {name: weight.clone() for name, weight in plain.state_dict().items()}
    told = json.loads((trained.path / "adapter/adapter_config.json").read_text())["target_modules"]
    assert told == sorted(told)  # not in the order of a set
    joined = PeftModel.from_pretrained(plain, trained.path / "adapter").merge_and_unload().state_dict()
    found = load_model(trained.path / "model").state_dict()
    assert found.keys() == joined.keys() == before.keys()
    for name, weight in found.items():
        torch.testing.assert_close(weight, joined[name], rtol=1e-5, atol=1e-6)
        adapted = any(f".{target}." in name for target in LORA.target_modules)
        assert torch.equal(weight, before[name]) != adapted, name


def test_trainable_parameters_are_counted_apart(trained: Artifact) -> None:
    facts = trained.json("training.json")
    model = AutoModelForCausalLM.from_pretrained(trained.path / "model")
    layer = load_architecture("tiny").model_copy(
        update={"num_hidden_layers": 2, "hidden_size": 96, "intermediate_size": 128}
    )
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["trainable_parameters"] == lora_parameters(layer, 4, LORA.target_modules)


def test_every_line_of_the_metrics_says_how_training_goes(trained: Artifact) -> None:
    lines = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == [2, 4, 6]
    for line in steps:
        assert line["data_share"] >= 0
        assert line["communication_share"] > 0
        assert line["data_share"] + line["communication_share"] < 1
        assert line["tokens_per_second"] == pytest.approx(2 * line["tokens_per_second_per_rank"])
        assert line["mfu"] is None  # no peak is known of a CPU
        assert line["memory_gib"] > 0
    assert steps[-1]["seconds_left"] == 0
    assert [line["step"] for line in lines if "validation_loss" in line] == [3, 6]


def test_tensorboard_shows_the_same_curves(run: Run, trained: Artifact) -> None:
    events = EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    lines = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "validation_loss", "learning_rate", "communication_share"):
        expected = [(line["step"], line[name]) for line in lines if name in line]
        assert [(e.step, e.value) for e in events.Scalars(name)] == [(s, pytest.approx(v)) for s, v in expected]


def test_tensorboard_and_mlflow_show_what_the_model_said(run: Run, trained: Artifact) -> None:
    from mlflow import MlflowClient

    lines = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    samples = {line["step"]: line["validation_samples"] for line in lines if "validation_samples" in line}
    assert list(samples) == [3, 6]
    events = EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    shown = {e.step: e.tensor_proto.string_val[0].decode() for e in events.Tensors("samples/text_summary")}
    client, run_id = MlflowClient(run.profile.tracking.address(run.root)), trained.metrics["mlflow_run_id"]
    assert {metric.step for metric in client.get_metric_history(run_id, "validation_bleu")} == {3, 6}
    for step, exchanges in samples.items():
        logged = Path(client.download_artifacts(run_id, f"samples/step-{step:08d}.md")).read_text()
        for text in (shown[step], logged):
            assert all(f"    {exchange['reference'].splitlines()[0]}" in text for exchange in exchanges)


def test_the_steps_asked_for_are_traced(run: Run) -> None:
    with gzip.open(run.folder / "trace-steps-2-3.json.gz", "rt") as file:
        names = {event.get("name") for event in json.load(file)["traceEvents"]}
    assert names & {"aten::mm", "mkldnn::_linear_pointwise"}


def test_adapters_resume_with_identical_losses_for_every_zero_stage(job: JobConfig, tmp_path: Path) -> None:
    lora = LORA.model_copy(update={"dropout": 0.2})
    train = job.train.model_copy(update={"dropout": 0.1})
    this = job.model_copy(update={"lora": lora, "train": train, "out": tmp_path, "checkpoints": tmp_path / "kept"})
    path = tmp_path / "job.json"
    path.write_text(this.model_dump_json())
    launch(path, this.launch, tmp_path, Path(__file__).with_name("resume_ranks.py"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert sorted(found) == ["0", "1", "2", "3"]
    for stage, case in found.items():
        assert case["second"] == case["resumed"], stage
        assert case["first"][-1] != case["second"][0]
        assert case["first"] == pytest.approx(found["0"]["first"], rel=1e-4), stage
        assert case["trainable"] == found["0"]["trainable"]


def test_in_bf16_fused_layers_learn_what_plain_ones_do(job: JobConfig, base: Path, tmp_path: Path) -> None:
    """There, products add the adapters' gradients to the optimizer's fp32 sums (training/accumulation.py)."""
    update = {
        "train": job.train.model_copy(update={"steps": 8, "warmup_steps": 1}),
        "launch": job.launch.model_copy(update={"micro_batch": 2}),
        "checkpoints": tmp_path / "kept",
        "pretrained": str(base),
    }
    ways: dict[str, Leg] = {layers: (1, "bf16", True, layers) for layers in ("plain", "fused")}
    losses = losses_of(tmp_path / "ranks", job.model_copy(update=update), (1, 8), ways)
    assert losses["fused"] == pytest.approx(losses["plain"], abs=0.02)
    assert losses["plain"][-1] < losses["plain"][0] - 0.03


def test_only_the_matrices_of_adapters_are_given_to_the_optimizer(job: JobConfig) -> None:
    model = build_model(job, CPU)
    (group,) = adamw(model, job.train, fused=False).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    assert group["weight_decay"] == job.train.weight_decay
    assert all(".lora_" in names[id(p)] for p in group["params"])
    assert len(group["params"]) == 2 * 2 * len(LORA.target_modules)


def test_an_unknown_layer_is_refused_with_those_there_are(job: JobConfig) -> None:
    wrong = job.model_copy(update={"lora": Lora(target_modules=("q_proj", "query"))})
    with pytest.raises(UserError, match=r"model\.lora\.target_modules: .*no linear layer 'query'; it has: down_proj, "):
        build_model(wrong, CPU)


def test_a_tokenizer_with_more_tokens_gets_new_rows(job: JobConfig, base: Path) -> None:
    larger = job.model_copy(update={"pretrained": str(base), "lora": None, "vocabulary": 520})
    model: Any = build_model(larger, CPU)
    plain: Any = AutoModelForCausalLM.from_pretrained(base)
    assert model.config.vocab_size == len(model.lm_head.weight) == 520
    assert model.lm_head.weight is model.model.embed_tokens.weight
    torch.testing.assert_close(model.lm_head.weight[:512], plain.lm_head.weight)


def test_a_pretrained_model_with_another_tokenizer_is_refused(job: JobConfig, base: Path) -> None:
    vocabulary = AutoTokenizer.from_pretrained(job.tokenizer).get_vocab()
    assert new_tokens(str(base), vocabulary) == ()
    assert new_tokens(str(base), vocabulary | {"new": 513, "newer": 512}) == (512, 513)
    token = next(iter(vocabulary))
    with pytest.raises(UserError, match=r"1 tokens have other numbers there, .*set tokenise\.tokenizer="):
        new_tokens(str(base), vocabulary | {token: len(vocabulary)})


@pytest.mark.parametrize("name", ["no-such-organisation/no-such-model", "/no/such/folder"])
def test_weights_that_cannot_be_had_are_an_error_with_the_remedy(
    job: JobConfig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    missing = job.model_copy(update={"pretrained": name, "lora": None})
    with pytest.raises(UserError, match=rf"^model\.pretrained: '{name}' cannot be loaded .*; give a folder with"):
        build_model(missing, CPU)
