"""A checkpoint that the ranks would refuse is refused before they start."""

import json
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from pipeline.contract.artifact import SCRATCH
from pipeline.contract.execute import execute
from tests.training.jobs import small_job
from tests.training.tokenised import begin_run
from training.layout import MARKER, refuse_resume


def checkpoint(folder: Path, layout: dict[str, Any]) -> Path:
    """A complete checkpoint as far as its marker goes."""
    path = folder / "step-00000004"
    path.mkdir(parents=True)
    (path / MARKER).write_text(json.dumps({"state": {"step": 4}, "layout": layout, "files": {}}))
    return path


SAME = {"ranks": 2, "zero_stage": 1, "precision": "fp32"}


@pytest.mark.parametrize("change", [{"ranks": 1}, {"zero_stage": 2}, {"precision": "bf16"}])
def test_another_layout_is_refused_with_the_remedy(tmp_path: Path, change: dict[str, Any]) -> None:
    job = small_job(tmp_path, {"precision": "fp32"}, {"ranks": 2})
    path = checkpoint(job.checkpoints, SAME | change)
    with pytest.raises(UserError, match=rf"{path} was written with ranks .*set them as they were, or delete"):
        refuse_resume(job)


def test_the_same_layout_and_none_at_all_are_accepted(tmp_path: Path) -> None:
    job = small_job(tmp_path, {"precision": "fp32"}, {"ranks": 2})
    refuse_resume(job)
    marker = checkpoint(job.checkpoints, SAME) / MARKER
    refuse_resume(job)
    marker.write_text("{")
    refuse_resume(job)  # the ranks pass over it


def test_the_stage_starts_no_rank_for_a_checkpoint_that_it_cannot_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    run = begin_run(tmp_path / "root", ["launch.zero_stage=2", "train.precision=fp32"], raw)
    checkpoint(run.store.root / "train" / f".{run.fingerprint('train')}{SCRATCH}", SAME)
    monkeypatch.setattr("training.train.launch", lambda *_: pytest.fail("ranks were started"))
    with pytest.raises(UserError, match="ranks 2, zero_stage 1, precision fp32, not ranks 2, zero_stage 2"):
        execute(run, "train")
