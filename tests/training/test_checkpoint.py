"""What a killed training left counts only as far as it is what was written."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from configs.errors import UserError
from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.sealed_json import write_sealed
from tests.flips import flips
from tests.training.jobs import small_job
from tests.training.plain_engine import PlainEngine
from training.checkpoint import MARKER, State, checkpoint_of, load_newest, save_checkpoint
from training.checksums import checksums
from training.engine import build_engine
from training.metrics import MetricsLog
from training.weights_folder import forget_weights, kept_weights, weights_of
from training.worker import resumed as resumed_engine

LAYOUT = {"ranks": 1}
CPU = torch.device("cpu")


class Engine(PlainEngine):
    """Of a model whose weights are all the same number."""

    def __init__(self, number: float = 0.0) -> None:
        super().__init__(torch.nn.Linear(3, 2))
        for parameter in self.module.parameters():
            parameter.data.fill_(number)


@pytest.fixture
def folder(tmp_path: Path, one_rank: None) -> Path:  # noqa: ARG001
    """Checkpoints after steps 4, 8 and 12, of which the first and the last go with the best weights so far."""
    folder = tmp_path / "scratch"
    log = MetricsLog(tmp_path / METRICS, None)
    for step, best in ((4, 4), (8, 4), (12, 12)):
        keep(folder, best)
        log.write(step=step, loss=1 / step)
        save(folder, State(step=step, best_step=best), tmp_path / METRICS)
    log.close()
    return folder


def keep(folder: Path, step: int) -> None:
    path = weights_of(folder, step)
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.safetensors").write_text(f"weights of step {step}")
    write_sealed(path.with_suffix(".json"), {"files": checksums(path)})


def save(folder: Path, state: State, metrics: Path) -> None:
    engine: Any = Engine(state.step)
    save_checkpoint(engine, folder, state, metrics, LAYOUT, keep=3)


def resumed(folder: Path) -> tuple[int, float]:
    """The step, and the weights."""
    engine: Any = Engine()
    step = load_newest(engine, folder, LAYOUT).step
    (weight,) = {number for parameter in engine.module.parameters() for number in parameter.flatten().tolist()}
    return step, weight


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_training_goes_on_from_the_newest_checkpoint(folder: Path) -> None:
    assert resumed(folder) == (12, 12)


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a shard": ("step-00000012/mp_rank_00_model_states.pt", flip, "step-00000012 is damaged"),
    "a shard that is gone": ("step-00000012/mp_rank_00_model_states.pt", Path.unlink, "step-00000012 is damaged"),
    "the measurements": (f"step-00000012/{METRICS}", flip, "step-00000012 is damaged"),
    "the marker": (f"step-00000012/{MARKER}", flip, f"{MARKER} is damaged"),
    "a marker cut short": (f"step-00000012/{MARKER}", lambda path: path.write_text("{"), f"{MARKER} is damaged"),
    "the best weights": ("best-00000012/model.safetensors", flip, "best-00000012, the best weights so far, is damaged"),
    "best weights that are gone": (
        "best-00000012",
        shutil.rmtree,
        "best-00000012, the best weights so far, is damaged",
    ),
    "their list": ("best-00000012.json", flip, "best-00000012, the best weights so far, is damaged"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_from_an_older_one_when_that_is_damaged(folder: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, damage, said = DAMAGE[what]
    damage(folder / name)
    assert resumed(folder) == (8, 8)
    assert f"{said}; looks for an older checkpoint than step-00000012" in capsys.readouterr().out


def test_whichever_bit_of_a_checkpoint_is_flipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [*(folder / "step-00000012").rglob("*"), *(folder / "best-00000012").rglob("*")]
    files = [*(p for p in parts if p.is_file()), folder / "best-00000012.json"]
    assert len(files) == 5
    for file in flips(files, 60, seed=6):
        assert resumed(folder) == (8, 8), file
        assert "looks for an older checkpoint than step-00000012" in capsys.readouterr().out
    assert resumed(folder) == (12, 12)


def test_from_the_beginning_when_all_are(
    tmp_path: Path,
    one_rank: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = small_job(tmp_path, {"batch_tokens": 2 * 64}, {"ranks": 1})
    monkeypatch.setenv("RANK", "0")
    engine, _ = build_engine(job, CPU)
    begun = {name: p.detach().clone() for name, p in engine.module.named_parameters()}
    for p in engine.module.parameters():
        p.data.zero_()
    (tmp_path / METRICS).touch()
    save_checkpoint(engine, job.checkpoints, State(step=4), tmp_path / METRICS, LAYOUT, keep=1)
    flip(job.checkpoints / "step-00000004" / "mp_rank_00_model_states.pt")
    engine, state = resumed_engine(engine, job, CPU, LAYOUT)
    assert state.step == 0
    assert all(torch.equal(p, begun[name]) for name, p in engine.module.named_parameters())


def test_a_checkpoint_that_was_not_completed_is_none(folder: Path) -> None:
    (folder / "step-00000012" / MARKER).unlink()
    assert resumed(folder) == (8, 8)


def test_the_newest_are_kept_and_what_was_not_completed_goes(folder: Path, tmp_path: Path) -> None:
    (folder / "step-00000008" / MARKER).unlink()
    save(folder, State(step=16, best_step=12), tmp_path / METRICS)
    assert sorted(p.name for p in folder.glob("step-*")) == ["step-00000004", "step-00000012", "step-00000016"]
    save(folder, State(step=20, best_step=12), tmp_path / METRICS)
    assert sorted(p.name for p in folder.glob("step-*")) == ["step-00000012", "step-00000016", "step-00000020"]


def test_weights_that_nobody_needs_go_with_their_list(folder: Path) -> None:
    forget_weights(folder, {12})
    assert sorted(p.name for p in folder.glob("best-*")) == ["best-00000012", "best-00000012.json"]
    assert kept_weights(folder, 4) is None


def test_measurements_go_on_from_the_copy_in_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text('{"step": 4, "loss": 7}\n{"st')
    log = MetricsLog(tmp_path / METRICS, checkpoint_of(folder, 8) / METRICS)
    log.write(step=9, loss=1 / 9)
    log.close()
    lines = [{"step": 4, "loss": 1 / 4}, {"step": 8, "loss": 1 / 8}, {"step": 9, "loss": 1 / 9}]
    assert read_metrics(tmp_path / METRICS) == lines


def test_a_checkpoint_for_which_there_is_no_room_is_not_begun(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 900, 100))
    with pytest.raises(UserError, match=r"a checkpoint takes 128 B, 100 B are free, 28 B are missing; free as much"):
        save(folder, State(step=16), tmp_path / METRICS)
    assert resumed(folder) == (12, 12)
