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
