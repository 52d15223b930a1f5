"""Checkpoints that are written while training goes on hold what those hold that it waits for."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from transformers import LlamaForCausalLM

from configs.train import Launch, Train
from pipeline.contract.sealed_json import read_sealed
from tests.training.conftest import ARCHITECTURE, VOCABULARY
from tests.training.jobs import small_job
from tests.training.plain_engine import PlainEngine
from training import background_writer
from training.background_checkpoint import BackgroundCheckpoints
from training.checkpoint import MARKER, State, checkpoint_of, load_newest, save_checkpoint, saved_states
from training.checksums import checksums
from training.job_config import JobConfig
from training.launcher import launch
from training.loss import SummedLoss
from training.model import llama_config
from training.torch_file import records_of, write_records
from training.weights_folder import kept_weights, weights_of

CASES = ("0", "1", "2", "3", "1 in bf16")


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What background_ranks.py leaves."""
    folder = tmp_path_factory.mktemp("background")
    job = small_job(folder, {"batch_tokens": 4 * 64, "warmup_steps": 1}, {"ranks": 2, "micro_batch": 2})
    path = folder / "job.json"
    path.write_text(job.model_dump_json())
    launch(path, job.launch, folder, Path(__file__).with_name("background_ranks.py"))
    return folder


@pytest.mark.parametrize("case", CASES)
def test_every_file_is_the_same_to_the_byte_whatever_the_zero_stage(two_ranks: Path, case: str) -> None:
    both = [two_ranks / "checkpoints" / case / way / "step-00000002" for way in ("blocking", "background")]
    files = [{n: hash_ for n, hash_ in checksums(path).items() if n != MARKER} for path in both]
    markers = [read_sealed(path / MARKER, "") for path in both]
    assert markers[0] == markers[1]
    assert markers[0]["files"] == files[0] == files[1]
    assert len(files[0]) >= 2


@pytest.mark.parametrize("case", CASES)
def test_so_are_the_best_weights(two_ranks: Path, case: str) -> None:
    both = [two_ranks / "checkpoints" / case / way / "best-00000002" for way in ("blocking", "background")]
    files = [checksums(path) for path in both]
    assert "model.safetensors" in files[0]
    assert files[0] == files[1]


@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_from_them_with_identical_losses(two_ranks: Path, case: str) -> None:
    losses = json.loads((two_ranks / "found.json").read_text())[case]
    assert losses["resumed"] == losses["went on"]


class Engine(PlainEngine):
    """Of a small model."""

    def __init__(self) -> None:
        super().__init__(SummedLoss(LlamaForCausalLM(llama_config(ARCHITECTURE, VOCABULARY))))

    @property
    def weight(self) -> torch.Tensor:
        """One of the weights, as it is now."""
        model: Any = self.module.model
        return model.get_input_embeddings().weight.detach().clone()


def settings(folder: Path, keep: int) -> JobConfig:
    """A job of which all but where checkpoints lie, and how many, is of no matter here."""
    return JobConfig(
        train=Train(),
        launch=Launch(ranks=1, keep_checkpoints=keep),
        seed=0,
        architecture=ARCHITECTURE,
        pretrained=None,
        vocabulary=VOCABULARY,
        sequence_length=64,
        world_size=1,
        tokenizer=folder,
        sequences=folder,
        out=folder,
        checkpoints=folder,
    )


def process_of(checkpoints: BackgroundCheckpoints) -> psutil.Process:
    """The process that writes."""
    found = checkpoints._writer._process
    assert found is not None
    return psutil.Process(found.pid)


@pytest.fixture
def engine(one_rank: None) -> Any:  # noqa: ARG001
    torch.manual_seed(0)
    return Engine()


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n')
    return path


def newest(folder: Path) -> tuple[int, torch.Tensor]:
    found: Any = Engine()
    return load_newest(found, folder, {}).step, found.weight


def test_it_holds_the_state_of_its_step_though_training_goes_on(engine: Any, tmp_path: Path, metrics: Path) -> None:
    with BackgroundCheckpoints(engine, settings(tmp_path / "kept", 2), {}) as checkpoints:
        before = engine.weight
        assert checkpoints.save(State(step=1), metrics)
        engine.step()
        metrics.write_text('{"step": 1}\n{"step": 2}\n')
    step, weight = newest(tmp_path / "kept")
    assert step == 1
    assert torch.equal(weight, before)
    assert not torch.equal(weight, engine.weight)
    assert (checkpoint_of(tmp_path / "kept", 1) / "metrics.jsonl").read_text() == '{"step": 1}\n'


def test_one_is_under_way_at_most_and_the_next_is_left_out(
    engine: Any, tmp_path: Path, metrics: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    with BackgroundCheckpoints(engine, settings(folder, 2), {}) as checkpoints:
        checkpoints.prepare()
        process_of(checkpoints).suspend()  # a disk that hangs
        assert checkpoints.save(State(step=1), metrics)
        assert not checkpoints.save(State(step=2), metrics)
        assert not checkpoints.save(State(step=3), metrics)
        said = capsys.readouterr().out
        assert "train: step 2: no checkpoint, as that of step 1 has been written for" in said
        assert "step 3: no checkpoint" in said
        assert newest(folder)[0] == 0
        process_of(checkpoints).resume()
        checkpoints.wait()
        assert newest(folder)[0] == 1
        assert checkpoints.save(State(step=4), metrics)
    assert newest(folder)[0] == 4
    assert [state.step for state in saved_states(folder)] == [4, 1]


def test_the_newest_are_kept(engine: Any, tmp_path: Path, metrics: Path) -> None:
    with BackgroundCheckpoints(engine, settings(tmp_path / "kept", 2), {}) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(State(step=step), metrics)
            checkpoints.wait()
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["step-00000002", "step-00000003"]


def test_the_weights_of_a_step_are_kept_as_they_were(engine: Any, tmp_path: Path) -> None:
    with BackgroundCheckpoints(engine, settings(tmp_path, 1), {}) as checkpoints:
        checkpoints.prepare()
        before = engine.weight
        checkpoints.keep_weights(1)
        engine.step()
    model: Any = LlamaForCausalLM.from_pretrained(weights_of(tmp_path, 1))
    assert torch.equal(model.get_input_embeddings().weight, before)
    assert kept_weights(tmp_path, 1) == checksums(weights_of(tmp_path, 1))


def test_a_checkpoint_is_complete_no_sooner_than_the_weights_that_it_goes_with(
    engine: Any, tmp_path: Path, metrics: Path
) -> None:
    with BackgroundCheckpoints(engine, settings(tmp_path, 1), {}) as checkpoints:
        checkpoints.prepare()
        checkpoints.keep_weights(1)
        checkpoints.save(State(step=1, best_step=1), metrics)
        while not (checkpoint_of(tmp_path, 1) / MARKER).exists():
            time.sleep(0.01)
        assert kept_weights(tmp_path, 1) == checksums(weights_of(tmp_path, 1))


def test_weights_stay_as_long_as_a_checkpoint_goes_with_them(engine: Any, tmp_path: Path, metrics: Path) -> None:
    def kept() -> list[str]:
        return sorted(path.name for path in tmp_path.glob("best-*") if path.is_dir())

    with BackgroundCheckpoints(engine, settings(tmp_path, 1), {}) as checkpoints:
        checkpoints.prepare()
        checkpoints.keep_weights(1)
        checkpoints.keep_weights(2)
        checkpoints.wait()
        assert kept() == ["best-00000002"]
        checkpoints.save(State(step=2, best_step=2), metrics)
        checkpoints.keep_weights(3)
        checkpoints.wait()
        assert kept() == ["best-00000002", "best-00000003"]
        checkpoints.save(State(step=4, best_step=3), metrics)
        checkpoints.wait()
        checkpoints.keep_weights(5)
        checkpoints.wait()
        assert kept() == ["best-00000003", "best-00000005"]


def test_a_crash_in_the_middle_leaves_the_one_before(engine: Any, tmp_path: Path, metrics: Path) -> None:
    folder = tmp_path / "kept"
    save_checkpoint(engine, folder, State(step=1), metrics, {}, keep=1)
    checkpoints = BackgroundCheckpoints(engine, settings(folder, 1), {})
    checkpoints.prepare()
    process_of(checkpoints).suspend()
    checkpoints.save(State(step=2), metrics)
    process_of(checkpoints).kill()
    assert not (checkpoint_of(folder, 2) / MARKER).exists()
    assert newest(folder)[0] == 1
    with pytest.raises(RuntimeError, match="the process that writes checkpoints ended with status -9"):
        checkpoints.wait()


def test_the_writer_ends_with_its_rank() -> None:
    code = (
        "import subprocess, sys, time\n"
        "writer = subprocess.Popen([sys.executable, '-m', 'training.checkpoint_writer'], stdin=subprocess.PIPE)\n"
        "print(writer.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    rank = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert rank.stdout is not None
    writer = psutil.Process(int(rank.stdout.readline()))
    time.sleep(0.2)
    rank.kill()
    rank.wait()
    assert not psutil.wait_procs([writer], timeout=30)[1]


def test_what_stops_the_writer_stops_training(engine: Any, tmp_path: Path, metrics: Path) -> None:
    checkpoints = BackgroundCheckpoints(engine, settings(tmp_path / "kept", 1), {})
    checkpoints.prepare()
    process_of(checkpoints).suspend()
    checkpoints.save(State(step=1), metrics)
    shutil.rmtree(checkpoint_of(tmp_path / "kept", 1))
    process_of(checkpoints).resume()
    with pytest.raises(RuntimeError, match="step-00000001 does not exist"):
        checkpoints.wait()
    checkpoints.__exit__(RuntimeError, None, None)


def test_without_the_memory_training_waits(
    engine: Any, tmp_path: Path, metrics: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(background_writer, "available_bytes", lambda: 1 << 24)
    with BackgroundCheckpoints(engine, settings(tmp_path / "kept", 1), {}) as checkpoints:
        checkpoints.prepare()
        assert "training waits while checkpoints are written" in capsys.readouterr().out
        assert checkpoints.save(State(step=1), metrics)
        assert not checkpoints.under_way
        assert newest(tmp_path / "kept")[0] == 1


def test_a_file_of_records_is_what_torch_saves(tmp_path: Path) -> None:
    flat = torch.arange(12.0)
    value = {
        "views that share a storage": [flat[:4], flat[4:].view(2, 4).T],
        "parameter": torch.nn.Parameter(torch.ones(3)),
        "bf16": torch.ones(2, dtype=torch.bfloat16),
        "nothing": torch.empty(0),
        "module": torch.nn.Linear(2, 2).state_dict(),
        "other": ("text", 3, None),
    }
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    torch.save(value, tmp_path / "one" / "a.pt")
    records = [(record.name, record.content, record.size) for record in records_of(value)]
    write_records(tmp_path / "two" / "a.pt", records)
    assert (tmp_path / "two" / "a.pt").read_bytes() == (tmp_path / "one" / "a.pt").read_bytes()
