"""`python -m tests.golden.record` runs every stage and records what each leaves, once versions are in order."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.contract.stages import STAGES
from tests.golden.output import output_of
from tests.golden.recorded import FILE, read_recorded, write_recorded
from tests.golden.run import golden_run
from tests.golden.verdict import unversioned


def record() -> str | None:
    """What is wrong, when a stage changed its output without a new version; else the file is written."""
    with TemporaryDirectory() as root:
        run = golden_run(Path(root))
        found = {name: output_of(run.artifact(name)) for name in STAGES}
    if wrong := unversioned(read_recorded(), found):
        return "\n".join(wrong)
    write_recorded(found)
    print(f"{FILE}: {len(found)} stages recorded")
    return None


if __name__ == "__main__":
    sys.exit(record())
