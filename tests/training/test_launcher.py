"""What becomes of the ranks is what becomes of the launch."""

from pathlib import Path

import pytest

from configs.errors import EndedError
from configs.train import Launch
from training.launcher import launch

DIES = """
import os, signal, time
if os.environ["RANK"] == "1":
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""


def test_a_rank_that_is_killed_says_so_and_is_worth_another_attempt(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text(DIES)
    with pytest.raises(EndedError, match=r"^train: a rank was killed \(signal 9\), .* lower launch\.micro_batch or"):
        launch(tmp_path / "job", Launch(ranks=2), tmp_path, script)


LOSES = """
import os, time
import torch
import torch.distributed as dist
from training.launcher import report_failure

dist.init_process_group("gloo")
if os.environ["RANK"] == "1":
    dist.destroy_process_group()
    time.sleep(60)
try:
    dist.all_reduce(torch.ones(1))
except RuntimeError as error:
    report_failure(0, error)
    os._exit(1)
"""


def test_a_rank_that_lost_another_does_not_pass_for_the_cause(tmp_path: Path) -> None:
    script = tmp_path / "loses.py"
    script.write_text(LOSES)
    with pytest.raises(EndedError, match=r"^train: a rank ended without a word.*; rank 0: .*[Cc]onnection"):
        launch(tmp_path / "job", Launch(ranks=2), tmp_path, script)
