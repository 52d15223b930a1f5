"""What a killed process kept in the temporary folder goes with the next start; what a live one keeps stays."""

import subprocess
import sys
from pathlib import Path

from pipeline.contract.temporary_folder import TemporaryFolder

HOLDS_ONE = """
import sys, time
from pathlib import Path
from pipeline.contract.temporary_folder import TemporaryFolder
folder = TemporaryFolder("spill", Path(sys.argv[1]))
(folder.path / "block").write_text("spilled")
print(folder.path, flush=True)
time.sleep(600)
"""


def test_the_folder_of_a_live_process_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS_ONE, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        own = TemporaryFolder("spill", tmp_path)
        assert (held / "block").read_text() == "spilled"
        holder.kill()
    other = TemporaryFolder("index", tmp_path)
    assert held.exists(), "of another kind, which is for others to sweep"
    later = TemporaryFolder("spill", tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([own.path, other.path, later.path])
    for folder in (own, other, later):
        folder.cleanup()
    assert list(tmp_path.iterdir()) == []
